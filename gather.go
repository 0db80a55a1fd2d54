package braid

import (
	"context"
	"fmt"
)

// Gather runs all fns at the same time and returns their results in the order of fns.
//
// If one fails, the others are cancelled, Gather waits for them, and returns a [*GroupError] and no results.
// Use [Settle] to have every outcome, and [Map] to bound how many run at a time.
//
// # Cancellation
//
// If ctx ends, the fns are cancelled and joined; Gather returns the cause unless all of them succeeded all the same.
func Gather[T any](ctx context.Context, fns ...func(context.Context) (T, error)) ([]T, error) {
	results := make([]T, len(fns))
	err := Run(ctx, func(_ context.Context, g *Group) error {
		for i, fn := range fns {
			spawnNth(g, i, entryOf(fn), fn, func(v T) { results[i] = v }, nil)
		}
		return nil
	}, Name("gather"))
	if err != nil {
		return nil, err
	}
	return results, nil
}

// Outcome is how one function of a [Settle] ended.
type Outcome[T any] struct {
	Value T
	Err   error // as from [Handle.Wait]
}

// Settle runs all fns at the same time, lets each come to its own end, and returns one outcome for each, in the order of fns.
// A failure cancels nobody. Panics are not outcomes: Settle panics with a [*PanicError] when all have ended.
//
// # Cancellation
//
// If ctx ends, the fns are cancelled and joined, and Settle returns the cause along with the outcomes,
// unless all of them came to an end of their own.
func Settle[T any](ctx context.Context, fns ...func(context.Context) (T, error)) ([]Outcome[T], error) {
	out := make([]Outcome[T], len(fns))
	err := Run(ctx, func(_ context.Context, g *Group) error {
		for i, fn := range fns {
			spawnNth(g, i, entryOf(fn), fn,
				func(v T) { out[i].Value = v },
				func(err error) { out[i].Err = err })
		}
		return nil
	}, Name("settle"))
	return out, err
}

// spawnNth starts the function with index i of a combinator; entry is the user's function, for the task's name.
// value gets its result if it succeeds. ended, if not nil, hears how it ended, and takes failures away from the group;
// panics stay the group's.
func spawnNth[T any](g *Group, i int, entry uintptr, fn func(context.Context) (T, error), value func(T), ended func(error)) {
	if fn == nil {
		panic(fmt.Sprintf("braid: function %d given to %s is nil", i, g.Path()))
	}
	h := &Handle{group: g, entry: entry}
	h.node.index = int32(i) + 1
	h.fn = func(ctx context.Context) error {
		v, err := fn(ctx)
		if err == nil {
			value(v)
		}
		return err
	}
	if ended != nil {
		h.ask().report = func(err error) bool {
			if _, ok := err.(*PanicError); ok {
				return false
			}
			ended(err)
			return true
		}
	}
	g.start(h, mayQueue)
}
