package braid

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ExitStack runs cleanup functions in the reverse order of their registration. [WithExitStack] makes and closes one.
//
// The functions run under a [Shield] with the time that is left of the stack's limit, so they do their work
// although the surrounding ctx is done. A failure or panic of one does not keep the others from running.
type ExitStack struct {
	limit time.Duration

	mu     sync.Mutex
	fns    []func(context.Context) error
	closed bool
}

// WithExitStack calls fn with a new stack and closes the stack when fn returns, panics or calls runtime.Goexit.
// It returns fn's error joined with those of the cleanup functions, the last registered first.
// All of the cleanup together has the time limit, which must be positive.
//
// # Cancellation
//
// If ctx is done already, WithExitStack returns its cause and does not call fn.
// The cleanup runs in any case, shielded from ctx.
func WithExitStack(ctx context.Context, limit time.Duration, fn func(ctx context.Context, s *ExitStack) error) (err error) {
	if fn == nil {
		panic("braid: WithExitStack needs a function; the one given is nil")
	}
	s := NewExitStack(limit)
	if err := enter(ctx, "braid.WithExitStack", nil); err != nil {
		return err
	}
	defer func() {
		err = join(err, s.Close(ctx))
	}()
	return fn(ctx, s)
}

// NewExitStack returns a stack that the caller must close. The limit is as for [WithExitStack]; it panics unless it is positive.
func NewExitStack(limit time.Duration) *ExitStack {
	if limit <= 0 {
		panic(fmt.Sprintf("braid: an exit stack with a limit of %v: cleanup needs a positive time limit", limit))
	}
	return &ExitStack{limit: limit}
}

// Push registers a cleanup function. It panics if the stack has been closed:
// what the function would have released would leak.
func (s *ExitStack) Push(fn func(context.Context) error) {
	if fn == nil {
		panic("braid: ExitStack.Push needs a function; the one given is nil")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		panic("braid: ExitStack.Push after Close: the function would never run; register cleanup while the stack is open")
	}
	s.fns = append(s.fns, fn)
}

// PopAll moves all registered functions to a new stack, which the caller must close:
// for a function that acquires several things and keeps them only if it got all.
func (s *ExitStack) PopAll() *ExitStack {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &ExitStack{limit: s.limit, fns: s.fns}
	s.fns = nil
	return t
}

// Len returns the number of functions that are registered.
func (s *ExitStack) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.fns)
}

// Close runs the functions, the last registered first, each at most once, and returns their errors joined.
// Functions may register further ones while they run.
// If one panics or calls runtime.Goexit, the rest still run; after a panic, Close panics with the first one then.
// Closing again does nothing.
//
// # Cancellation
//
// Close does its work even if ctx is done. When the limit is over, the ctx of the functions ends;
// each of those that are left is still called once, with a ctx that is done.
func (s *ExitStack) Close(ctx context.Context) error {
	var errs []error
	var first *PanicError
	err := Shield(ctx, s.limit, func(ctx context.Context) error {
		s.unwind(func(fn func(context.Context) error) {
			if pe := cleanUp(ctx, fn, &errs); pe != nil && first == nil {
				first = pe
			}
		})
		return nil
	})
	if first != nil {
		panic(first.raise(errs...))
	}
	return join(err, errors.Join(errs...))
}

// unwind calls call with each function. If one of them calls runtime.Goexit, the others run on its way out.
func (s *ExitStack) unwind(call func(func(context.Context) error)) {
	fn := s.pop()
	if fn == nil {
		return
	}
	defer s.unwind(call)
	call(fn)
}

func (s *ExitStack) pop() func(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.fns) - 1
	if last < 0 {
		s.closed = true
		return nil
	}
	fn := s.fns[last]
	s.fns[last] = nil
	s.fns = s.fns[:last]
	return fn
}

// cleanUp calls fn, adds its error to errs, and returns its panic.
func cleanUp(ctx context.Context, fn func(context.Context) error, errs *[]error) (pe *PanicError) {
	defer func() {
		if v := recover(); v != nil {
			pe = asPanic(ctx, v)
		}
	}()
	if err := fn(ctx); err != nil {
		*errs = append(*errs, err)
	}
	return nil
}

// join is errors.Join that leaves a single error as it is.
func join(a, b error) error {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	default:
		return errors.Join(a, b)
	}
}

// cleanupLimit is the time limit of the release function of [Using].
const cleanupLimit = 30 * time.Second

// Using acquires something, uses it, and releases it whatever happens:
// if acquire succeeds, release is called after use has returned, panicked or called runtime.Goexit.
// The error is that of use joined with that of release; or that of acquire, and then neither of the others is called.
//
// release runs under a [Shield] of 30 seconds; for another limit, use an [ExitStack].
//
// # Cancellation
//
// If ctx is done already, Using returns its cause and calls nothing. If ctx ends later, acquire and use see it; release does not.
func Using[T any](ctx context.Context, acquire func(context.Context) (T, error), release func(context.Context, T) error, use func(context.Context, T) error) error {
	if acquire == nil || release == nil || use == nil {
		panic("braid: Using needs three functions: acquire, release and use; one of those given is nil")
	}
	return WithExitStack(ctx, cleanupLimit, func(ctx context.Context, s *ExitStack) error {
		v, err := acquire(ctx)
		if err != nil {
			return err
		}
		s.Push(func(ctx context.Context) error { return release(ctx, v) })
		return use(ctx, v)
	})
}
