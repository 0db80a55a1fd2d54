package braid

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/braid-go/braid/internal/sched"
)

// Time returns the time on the clock of the scheduler that ctx runs on.
func Time(ctx context.Context) time.Time { return now(schedOf(ctx)) }

// Yield lets other tasks run. On the event loop everything that is ready runs before Yield returns;
// on goroutines it gives up the processor once.
//
// # Cancellation
//
// If ctx is done, before or afterwards, Yield returns its cause.
func Yield(ctx context.Context) error {
	if err := enter(ctx, "braid.Yield", nil); err != nil {
		return err
	}
	if n, ok := ctx.(*node); ok && n.link.sched != nil { // the common case, where little is enough
		n.link.sched.Yield()
		if rec := n.cancelled(); rec != nil {
			return rec.cause
		}
		return nil
	}
	if s := schedOf(ctx); s != nil {
		s.Yield()
	} else {
		runtime.Gosched()
	}
	return causeOf(ctx)
}

// Sleep waits for d. With d of zero or less it is [Yield].
//
// # Cancellation
//
// If ctx ends first, Sleep returns its cause at once. It leaves no timer behind.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return Yield(ctx)
	}
	if err := enter(ctx, "braid.Sleep", nil); err != nil {
		return err
	}
	w := newWaiter(ctx)
	timer := sched.After(w.parker.Sched(), d, w.grant)
	err := w.wait(ctx, sleeping)
	if !timer.Stop() {
		w.waitGranted(sleeping) // the timer is about to grant w, which must not serve another wait before
	}
	w.release()
	return err
}

var sleeping = &sched.Wait{Op: "braid.Sleep"}

// Every calls fn at each multiple of period from now on, the first time after one period,
// until fn returns an error, which it returns, or ctx ends. Calls do not overlap:
// what fn takes is not added to the period, and ticks that pass while fn runs are left out.
//
// Every panics unless period is positive.
//
// # Cancellation
//
// When ctx ends, Every returns its cause, after fn has returned if it was running.
func Every(ctx context.Context, period time.Duration, fn func(context.Context) error) error {
	if period <= 0 {
		panic(fmt.Sprintf("braid: Every(%v): the period must be positive", period))
	}
	if fn == nil {
		panic("braid: Every needs a function; the one given is nil")
	}
	next := Time(ctx).Add(period)
	for {
		if err := Sleep(ctx, next.Sub(Time(ctx))); err != nil {
			return err
		}
		if err := fn(ctx); err != nil {
			return err
		}
		if late := Time(ctx).Sub(next); late >= period {
			next = next.Add(late.Truncate(period))
		}
		next = next.Add(period)
	}
}
