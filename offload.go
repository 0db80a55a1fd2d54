package braid

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/braid-go/braid/internal/record"
	"github.com/braid-go/braid/internal/sched"
)

// OffloadOption changes how [Offload] treats the end of its ctx. [AbandonOnCancel] is the only one.
type OffloadOption interface {
	fmt.Stringer
	applyOffload(*offloadConfig)
}

type offloadConfig struct{ abandon bool }

type abandonOnCancel struct{}

// AbandonOnCancel makes [Offload] return as soon as its ctx ends, and leave the function running:
// for calls that cannot be interrupted and whose result nobody needs then.
// The function keeps its token of the limiter until it returns. A panic in it goes to the [PanicHook] then.
func AbandonOnCancel() OffloadOption { return abandonOnCancel{} }

func (abandonOnCancel) String() string                { return "AbandonOnCancel" }
func (abandonOnCancel) applyOffload(c *offloadConfig) { c.abandon = true }

// Offload calls fn, which may block without looking at its ctx: a C library, a file system, a long computation.
// At most as many calls run as the limiter has tokens.
//
// On the event loop fn runs on a goroutine of its own, and only the calling task waits.
// On every scheduler, fn's ctx has the values of ctx and ends with it, but no task: inside fn, [Current] is nil,
// and braid's calls behave as in a plain goroutine.
//
// A panic in fn becomes a panic of Offload, with a [*PanicError]; runtime.Goexit in it becomes one of the calling task.
// An Offload inside fn on the same limiter is an error: the outer call holds a token that the inner one could wait for.
// Offload panics if lim or fn is nil.
//
// # Cancellation
//
// While Offload waits for a token, the end of ctx makes it return the cause, and fn is never called.
// Once fn runs, Offload waits for it whatever happens to ctx, and returns what fn returns,
// unless [AbandonOnCancel] is given.
func Offload[T any](ctx context.Context, lim *Limiter, fn func(context.Context) (T, error), opts ...OffloadOption) (T, error) {
	var zero T
	if lim == nil || fn == nil {
		panic("braid: Offload needs a limiter and a function: make one limiter for each kind of blocking work, with NewLimiter")
	}
	var c offloadConfig
	for _, o := range opts {
		o.applyOffload(&c)
	}
	if err := causeOf(ctx); err != nil {
		return zero, err
	}
	if ctx.Value(offloadKey{lim}) != nil {
		return zero, fmt.Errorf("braid: Offload inside Offload on the same limiter %q: the outer call holds a token that the inner one may wait for; call the function directly, or use another limiter", lim.Name())
	}
	token := &offloadToken{task: Current(ctx)}
	if err := lim.AcquireFor(ctx, token); err != nil {
		return zero, err
	}
	call := &offloaded[T]{fn: fn}
	call.ctx = offloadCtx{Context: sched.With(ctx, nil), lim: lim}
	if !c.abandon && schedOf(ctx) == nil {
		defer lim.ReleaseFor(token)
		call.run()
		return call.outcome()
	}

	done := &Event{}
	sched.Go(schedOf(ctx), func() {
		defer done.raise() // deferred, as Goexit must not keep the caller waiting
		defer lim.ReleaseFor(token)
		defer func() {
			if !call.state.CompareAndSwap(callRunning, callEnded) {
				call.tell(ctx, entryOf(fn))
			}
		}()
		call.run()
	})
	if c.abandon {
		err := done.Wait(ctx)
		if err != nil && call.state.CompareAndSwap(callRunning, callAbandoned) {
			return zero, err
		}
	}
	done.waitAnyway(ctx)
	return call.outcome()
}

// offloaded is one call of a blocking function.
type offloaded[T any] struct {
	fn       func(context.Context) (T, error)
	ctx      context.Context
	state    atomic.Int32
	value    T
	err      error
	returned bool
	panic    *PanicError
}

const (
	callRunning int32 = iota
	callEnded
	callAbandoned
)

func (c *offloaded[T]) run() {
	defer func() {
		if c.returned {
			return
		}
		if v := recover(); v != nil {
			c.panic = asPanic(c.ctx.(offloadCtx).Context, v)
		}
	}()
	c.value, c.err = c.fn(c.ctx)
	c.returned = true
}

// tell says how the call ended to those whom that concerns when its caller, whose ctx has ended, has left.
func (c *offloaded[T]) tell(ctx context.Context, entry uintptr) {
	switch cause := context.Cause(ctx); {
	case c.panic != nil:
		tellPanic(hookOf(ctx), c.panic)
	case c.err != nil && record.On && !errors.Is(c.err, cause) && !errors.Is(c.err, ctx.Err()):
		record.Lost(record.Loss{How: record.Abandoned, Task: pathOf(ctx, entry), Entry: entry, Err: c.err})
	}
}

// pathOf names a function that was called with ctx.
func pathOf(ctx context.Context, entry uintptr) string {
	if h := Current(ctx); h != nil {
		return h.Path() + "/" + nameOf(entry)
	}
	return nameOf(entry)
}

// outcome passes on how the call ended, in the calling task.
func (c *offloaded[T]) outcome() (T, error) {
	switch {
	case c.returned:
		return c.value, c.err
	case c.panic != nil:
		panic(c.panic.raise())
	default:
		runtime.Goexit()
		panic("unreachable")
	}
}

// offloadToken is the borrower of one call.
type offloadToken struct{ task *Handle }

func (t *offloadToken) String() string {
	if t.task == nil {
		return "an Offload"
	}
	return "an Offload of task " + t.task.Path()
}

type offloadKey struct{ lim *Limiter }

// offloadCtx hides the task, which must not be taken for the one that runs fn, and marks the limiter.
type offloadCtx struct {
	context.Context
	lim *Limiter
}

func (c offloadCtx) Value(key any) any {
	switch key {
	case nodeKey{}:
		return nil
	case offloadKey{c.lim}:
		return true
	}
	return c.Context.Value(key)
}

// hookOf returns the panic hook in force; nil for the default.
func hookOf(ctx context.Context) func(*PanicError) {
	if n, _ := resolve(ctx); n != nil {
		return n.link.hook
	}
	return nil
}
