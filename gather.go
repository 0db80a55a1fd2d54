package braid

import (
	"context"
	"fmt"
)

// Gather runs all fns at the same time and returns their results in the order of fns.
//
// If one fails, the others are cancelled, Gather waits for them, and returns a [*GroupError] and no results.
// So it is with one whose task is cancelled and returns because of it: there would be a gap among the results.
// Use [Settle] to have every outcome, and [Map] to bound how many run at a time.
//
// # Cancellation
//
// If ctx ends, the fns are cancelled and joined; Gather returns the cause unless all of them succeeded all the same.
func Gather[T any](ctx context.Context, fns ...func(context.Context) (T, error)) ([]T, error) {
	results := make([]T, len(fns))
	err := Run(ctx, func(_ context.Context, g *Group) error {
		for i, fn := range fns {
			spawnNth(g, i, entryOf(fn), fn, func(v T) { results[i] = v }, nil, g.lost)
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
				func(err error) { out[i].Err = err }, nil)
		}
		return nil
	}, Name("settle"))
	return out, err
}

// spawnNth starts the function with index i of a combinator; entry is the user's function, for the task's name.
// value gets its result if it succeeds. ended, if not nil, hears how it ended, and takes failures away from the group;
// panics stay the group's. alone, if not nil, hears of one that was cancelled although the group was not:
// that is no failure of the group, and yet there is no value.
func spawnNth[T any](g *Group, i int, entry uintptr, fn func(context.Context) (T, error),
	value func(T), ended func(error), alone func(*Handle, error),
) {
	if fn == nil {
		panic(fmt.Sprintf("braid: function %d given to %s is nil", i, g.Path()))
	}
	h := &Handle{group: g, entry: entry}
	h.node.index = int32(i) + 1
	h.fn = func(ctx context.Context) error {
		v, err := fn(ctx)
		if err == nil {
			value(v)
		} else if alone != nil && h.cancelledAlone(err) {
			alone(h, err)
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

// cancelledAlone reports whether err says no more than that h was cancelled, and its group was not.
func (h *Handle) cancelledAlone(err error) bool {
	rec := h.node.cancelled()
	return rec != nil && rec.explains(err) && h.group.node.cancelled() == nil
}

// lost fails the group because of a member that was cancelled alone, and that it cannot do without.
func (g *Group) lost(h *Handle, err error) {
	g.fail(g.failure(h.Path(), &h.node, err))
}
