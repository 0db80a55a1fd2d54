package resilience

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid"
)

// Timeout is a policy that ends the function's ctx after a time; see [Do].
//
// It is braid.Timeout at a lower price. The function runs in the calling goroutine, and the call returns when it has returned, not before:
// a function that ignores its ctx holds the call for as long as it likes. If it succeeds late, its result counts.
// If it fails after the time has run out, the error is a [*braid.TimeoutError], which matches [braid.ErrTimeout];
// a real failure in that moment is in the error too.
// With a time of zero or less, as the only policy of a call, the function is not called.
type Timeout time.Duration

func (Timeout) check() string { return "" }

// limit is the ctx of a timeout that costs one allocation until somebody waits for its end.
//
// A call through several policies wants a time limit as a rule, and as a rule returns without having waited for its ctx:
// a timer and its bookkeeping, most of the cost of a context.WithTimeout, are made when Done is first asked for.
// Until then Err compares with the clock.
//
// It is used on goroutines alone, where the clock is that of package time. Schedulers have timers of their own: see timed.
type limit struct {
	context.Context // above

	at     time.Time
	after  time.Duration
	opened atomic.Pointer[opened]
}

// opened is a context of package context that takes over.
type opened struct {
	ctx    context.Context
	cancel context.CancelFunc
	cause  *braid.TimeoutError // the same cause that ctx ends with at the limit
}

var errCallOver = errors.New("resilience: the call of this context has ended")

// over is what takes over when the call has returned. Nobody has asked it for a channel, so it shares none.
var over = func() *opened {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errCallOver)
	return &opened{ctx: ctx, cancel: func() {}}
}()

func (l *limit) open() *opened {
	if o := l.opened.Load(); o != nil {
		return o
	}
	o := &opened{cause: &braid.TimeoutError{Op: "timeout", After: l.after}}
	o.ctx, o.cancel = context.WithDeadlineCause(l.Context, l.at, o.cause)
	if !l.opened.CompareAndSwap(nil, o) {
		o.cancel()
		return l.opened.Load()
	}
	return o
}

// end is called when the call has returned.
func (l *limit) end() {
	if o := l.opened.Swap(over); o != nil {
		o.cancel()
	}
}

// Deadline implements context.Context, as do Done, Err and Value. The one above ends no earlier, or there would be no limit.
func (l *limit) Deadline() (time.Time, bool) { return l.at, true }

func (l *limit) Done() <-chan struct{} { return l.open().ctx.Done() }

func (l *limit) Err() error {
	if o := l.opened.Load(); o != nil {
		return o.ctx.Err()
	}
	if err := l.Context.Err(); err != nil {
		return err
	}
	if l.due() {
		return l.open().ctx.Err() // for good from now on, and with a cause
	}
	return nil
}

func (l *limit) Value(key any) any {
	if o := l.opened.Load(); o != nil && o != over {
		return o.ctx.Value(key) // among others, for what package context looks for in its own
	}
	return l.Context.Value(key)
}

func (l *limit) due() bool { return !braid.Time(l.Context).Before(l.at) }

// judge gives the error of the call when its function returned err. It comes before end.
func (l *limit) judge(err error) error {
	if err == nil {
		return nil
	}
	o := l.opened.Load()
	switch {
	case o == nil && (l.Context.Err() != nil || !l.due()):
		return err
	case o == nil:
		o = l.open()
	case o.ctx.Err() == nil && !l.due():
		return err
	case o.ctx.Err() != nil && context.Cause(o.ctx) != error(o.cause): //nolint:errorlint // ended from above
		return err
	}
	if explains(err, context.DeadlineExceeded, o.cause) {
		return o.cause
	}
	return &lateError{timeout: o.cause, err: err}
}

// lateError is a real failure of a function whose time had run out.
type lateError struct{ timeout, err error }

func (e *lateError) Error() string   { return e.err.Error() + " (after " + e.timeout.Error() + ")" }
func (e *lateError) Unwrap() []error { return []error{e.timeout, e.err} }

// limited returns the ctx of a call that may take d from now; nil if the deadline of ctx comes first anyway, or if a scheduler
// has to keep the time. now may be zero; it returns the time if it knows it.
func limited(ctx context.Context, now time.Time, d time.Duration) (l *limit, read time.Time, byScheduler bool) {
	if !onGoroutines(ctx) {
		return nil, now, true
	}
	if now.IsZero() {
		now = braid.Time(ctx)
	}
	at := now.Add(d)
	if outer, ok := ctx.Deadline(); ok && outer.Before(at) {
		return nil, now, false
	}
	return &limit{Context: ctx, at: at, after: d}, now, false
}

// timed calls fn with a ctx that ends d after now, by the timers of the scheduler that ctx runs on.
func timed[T any](ctx context.Context, d time.Duration, fn func(context.Context) (T, error)) (v T, err error) {
	err = braid.Timeout(ctx, d, func(ctx context.Context) error {
		var err error
		v, err = fn(ctx)
		return err
	})
	return v, err
}
