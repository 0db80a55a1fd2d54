package cache

import (
	"context"
	"math"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/internal/sched"
)

// never is a time that does not come.
const never = math.MaxInt64

// clock tells the time of the scheduler that a ctx runs on, in nanoseconds since 1970.
// On goroutines that is the monotonic clock, counted from when the cache was made: it takes half the time of reading both clocks,
// and setting the wall clock does not make entries older or younger.
type clock struct {
	base  time.Time
	start int64
}

func newClock() clock {
	now := time.Now()
	return clock{base: now, start: now.UnixNano()}
}

func (c clock) now(ctx context.Context) int64 {
	if sched.From(ctx) == nil {
		return c.start + int64(time.Since(c.base))
	}
	return braid.Time(ctx).UnixNano()
}

// after returns now + d, or never.
func after(now int64, d time.Duration) int64 {
	if d >= Forever || int64(d) > never-now {
		return never
	}
	return now + int64(d)
}
