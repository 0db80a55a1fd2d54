package braid

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid/internal/record"
)

// Abandon runs fn as a task of its own and waits for it as long as ctx lasts.
// It is the one call of this package that may leave a function running when its ctx ends, for functions that cannot be
// stopped and must not be waited for. Everything else that looks like it, [Timeout] above all, waits.
//
// fn's ctx has the values of ctx. It ends, with the cause of ctx, when Abandon gives up.
// The task belongs to no group: nobody waits for it, and no shutdown reports it.
// If fn succeeds after it was abandoned, dispose is called with the result, unless dispose is nil;
// a late failure is dropped. A panic goes to the [PanicHook], and becomes a panic of Abandon, with a [*PanicError],
// unless Abandon has given up.
//
// # Cancellation
//
// If ctx is done already, Abandon returns its cause and does not call fn. If ctx ends first, Abandon returns its cause at once.
// If fn returned in the same moment, Abandon returns its result.
func Abandon[T any](ctx context.Context, fn func(context.Context) (T, error), dispose func(T)) (T, error) {
	var zero T
	if fn == nil {
		panic("braid: Abandon needs a function; the one given is nil")
	}
	if err := enter(ctx, "braid.Abandon", nil); err != nil {
		return zero, err
	}
	g := &Group{name: "abandoned", live: 1, nobodys: true} // never closed: nobody joins it
	g.node.kind = kindGroup
	g.node.shelter(ctx, time.Time{})
	if g.node.task == nil {
		g.node.task = &Handle{entry: entryOf(fn)}
	}

	var state atomic.Int32 // callRunning until fn has returned or the caller has left
	var promise Promise[T]
	var value T
	h := &Handle{group: g, entry: entryOf(fn)}
	h.fn = func(ctx context.Context) error {
		v, err := fn(ctx)
		if !state.CompareAndSwap(callRunning, callEnded) && err == nil && dispose != nil {
			dispose(v)
		}
		value = v
		return err
	}
	h.ask().apart = true
	var enrolled *root
	h.extra.report = func(err error) bool {
		if !state.CompareAndSwap(callRunning, callEnded) && state.Load() == callAbandoned {
			h.unseen(record.Abandoned, err)
		}
		promise.future.settle(value, err)
		enrolled.leave()
		return true
	}
	h.node.task, h.node.kind, h.node.link = h, kindTask, g.node.link // all that a walker looks at, before one can
	enrolled = enroll(h)
	g.start(h, mayQueue)

	v, err := promise.Future().Wait(ctx)
	if cause := causeOf(ctx); cause != nil && err != nil {
		if state.CompareAndSwap(callRunning, callAbandoned) {
			h.node.cancel(newCancellation(cause, byContext))
			return zero, cause
		}
		v, err = promise.Future().Wait(context.WithoutCancel(ctx)) // it is about to come
	}
	switch err := err.(type) {
	case *PanicError:
		panic(err.raise())
	case *TaskError:
		return v, err.Err
	default:
		return v, err
	}
}
