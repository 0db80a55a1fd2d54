package braid

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
)

// errLoopOver is the cause that tasks see when the loop over their results has ended.
var errLoopOver = errors.New("braid: the loop over the results has ended")

// result is what a task hands to the loop that waits for it.
type result[T any] struct {
	value T
	err   error
}

// AsCompleted runs all fns at the same time and yields their results in the order in which they end.
// A failure is yielded as a [*TaskError], which names the function, and cancels nobody: the loop decides.
//
// The functions start when the loop does. When the loop ends, by break, return or panic,
// those that still run are cancelled, and joined before the loop statement is left.
// If one of them or the loop's body panics, the loop statement panics with a [*PanicError].
// One that fails after the loop has been left, in its cleanup as a rule, fails the scope that ctx belongs to; see [Report].
//
// # Cancellation
//
// If ctx ends, the functions are cancelled and joined, and the cause is yielded last.
func AsCompleted[T any](ctx context.Context, fns ...func(context.Context) (T, error)) iter.Seq2[T, error] {
	return stream(ctx, "completed", func(g *Group, late func(error)) func(context.Context) (result[T], error) {
		out := NewQueue[result[T]](Unbounded)
		left := newCountdown(len(fns), func() { out.Shutdown(Drain) })
		for i, fn := range fns {
			var r result[T]
			spawnNth(g, i, entryOf(fn), fn,
				func(v T) { r.value = v },
				func(err error) {
					r.err = err
					late(err)
					_ = out.TryPut(r)
					left.done()
				}, nil)
		}
		return out.Get
	})
}

// stream runs a scope for the time of a loop. start starts tasks and returns the function that gives the next result,
// or ErrShutdown when there are no more. The tasks tell late how they ended: a failure that comes when the loop has been left
// is one of the scope that owns the loop.
func stream[T any](ctx context.Context, name string, start func(g *Group, late func(error)) func(context.Context) (result[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var left atomic.Bool
		late := func(err error) {
			if _, failed := err.(*TaskError); failed && left.Load() {
				Report(ctx, err)
			}
		}
		err := Run(ctx, func(ctx context.Context, g *Group) error {
			next := start(g, late)
			for {
				r, err := next(ctx)
				if err == ErrShutdown {
					return nil
				}
				if err != nil {
					return err
				}
				if !yield(r.value, r.err) {
					left.Store(true)
					g.Cancel(errLoopOver)
					return nil
				}
			}
		}, Name(name))
		if err != nil && !left.Load() {
			var zero T
			yield(zero, err)
		}
	}
}

// Collect gathers the values of a stream until its end or its first error.
// It returns what came before the error along with it.
func Collect[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var list []T
	for v, err := range seq {
		if err != nil {
			return list, err
		}
		list = append(list, v)
	}
	return list, nil
}
