package resilience

import (
	"context"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/internal/sched"
)

// onGoroutines reports whether ctx runs on goroutines, where the clock is that of package time, and not on a scheduler with a clock of its own.
func onGoroutines(ctx context.Context) bool { return sched.From(ctx) == nil }

// since returns braid.Time(ctx) as an offset from epoch. On goroutines that takes half the time of reading the clock:
// the runtime then reads the monotonic clock alone, and not the wall clock, which nobody wants to know.
func since(ctx context.Context, epoch time.Time) time.Duration {
	if onGoroutines(ctx) {
		return time.Since(epoch)
	}
	return braid.Time(ctx).Sub(epoch)
}
