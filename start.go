package braid

import (
	"context"
	"sync/atomic"

	"github.com/braid-go/braid/internal/record"
)

// Start starts fn as a task of g and returns the value with which fn says that it is ready, by calling ready:
// a server that listens gives its address, for example. Then the task runs on as any other task of g.
//
// Until it is ready the task belongs to the caller of Start: if it fails, Start returns the failure and the group does not see it;
// if it ends without a failure, Start returns [ErrNotReady]. A panic is the group's in any case.
// ready may be called from any goroutine; calls after the first do nothing.
//
// # Cancellation
//
// If ctx ends before the task is ready, the task is cancelled, and Start returns the cause when the task has ended.
func Start[T any](ctx context.Context, g *Group, fn func(ctx context.Context, ready func(T)) error, opts ...TaskOption) (T, error) {
	const (
		starting int32 = iota
		ready
		failed
	)
	var zero T
	if fn == nil {
		panic("braid: Start needs a function; the one given to group " + g.Path() + " is nil")
	}
	if err := enter(ctx, "braid.Start", g); err != nil {
		return zero, err
	}
	var state atomic.Int32
	promise := &Promise[T]{}
	h := &Handle{group: g, entry: entryOf(fn)}
	h.fn = func(ctx context.Context) error {
		return fn(ctx, func(v T) {
			if state.CompareAndSwap(starting, ready) {
				promise.Resolve(v)
			}
		})
	}
	h.ask().apart = true
	h.extra.report = func(err error) bool {
		if state.CompareAndSwap(starting, failed) {
			if err == nil {
				err = ErrNotReady
			}
			promise.Reject(err)
		} else if state.Load() == failed { // and Start returns the cause
			h.unseen(record.Abandoned, err)
		}
		_, panicked := err.(*PanicError)
		return state.Load() == failed && !panicked
	}
	for _, o := range opts {
		o.applyTask(h)
	}
	lender := g.lend(Current(ctx))
	defer g.restore(ctx, lender)
	g.start(h, mayQueue)

	v, err := promise.Future().Wait(ctx)
	if cause := causeOf(ctx); cause != nil && err != nil {
		if state.CompareAndSwap(starting, failed) {
			h.Cancel(cause)
			_ = h.await(context.WithoutCancel(ctx))
			return zero, cause
		}
		return promise.Future().Wait(context.WithoutCancel(ctx)) // it is there, or about to come
	}
	return v, err
}
