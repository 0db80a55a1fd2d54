package cache

import (
	"context"
	"math"
	"sync/atomic"
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

	// virtual says that somebody has written to the cache whose scheduler has a clock of its own. Until then a hit need not ask which
	// scheduler it runs on, which would take as long as the search for its key.
	virtual atomic.Bool
}

func (c *clock) open() {
	c.base = time.Now()
	c.start = c.base.UnixNano()
}

// now returns the time.
func (c *clock) now(ctx context.Context) int64 {
	if sched.From(ctx) == nil {
		return c.real()
	}
	c.virtual.Store(true)
	return braid.Time(ctx).UnixNano()
}

// real returns the time on goroutines.
func (c *clock) real() int64 { return c.start + int64(time.Since(c.base)) }

// after returns now + d, or never.
func after(now int64, d time.Duration) int64 {
	if d >= Forever || int64(d) > never-now {
		return never
	}
	return now + int64(d)
}
