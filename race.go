package braid

import (
	"context"
	"errors"
	"sync/atomic"
)

// errNoFunctions is what a race without runners gives.
var errNoFunctions = errors.New("braid: a race needs at least one function")

// errRaceOver is the cause that the losers of a race see.
var errRaceOver = errors.New("braid: the race is over")

// Race says how races are run. Its zero value is what [First] and [FirstSuccess] use.
type Race[T any] struct {
	// Dispose, if not nil, is given the result of each function that succeeded too late to win,
	// so that a connection or file that nobody will use can be closed.
	// It is called by the task that lost, before the race returns.
	Dispose func(T)
}

// First runs all fns at the same time and returns what the first one to end returns, success or failure.
// The losers are cancelled and joined before First returns.
//
// # Cancellation
//
// If ctx ends before anybody has won, the fns are cancelled and joined, and First returns the cause,
// unless one of them succeeded all the same: then its result counts.
func First[T any](ctx context.Context, fns ...func(context.Context) (T, error)) (T, error) {
	return Race[T]{}.First(ctx, fns...)
}

// FirstSuccess runs all fns at the same time and returns the result of the first one to succeed.
// The losers are cancelled and joined before FirstSuccess returns.
// If none succeeds, the error is a [*GroupError] with all failures; if there are none either, because all were cancelled alone,
// it is what one of them returned.
//
// # Cancellation
//
// If ctx ends before anybody has won, the fns are cancelled and joined, and FirstSuccess returns the cause,
// behind the failures if there were any, unless one of them succeeded all the same: then its result counts.
func FirstSuccess[T any](ctx context.Context, fns ...func(context.Context) (T, error)) (T, error) {
	return Race[T]{}.FirstSuccess(ctx, fns...)
}

// First is the function [First] with the settings of r.
//
// # Cancellation
//
// As with the function. Whatever succeeded and is not returned is given to Dispose.
func (r Race[T]) First(ctx context.Context, fns ...func(context.Context) (T, error)) (T, error) {
	return r.run(ctx, fns, true)
}

// FirstSuccess is the function [FirstSuccess] with the settings of r.
//
// # Cancellation
//
// As with the function. Whatever succeeded and is not returned is given to Dispose.
func (r Race[T]) FirstSuccess(ctx context.Context, fns ...func(context.Context) (T, error)) (T, error) {
	return r.run(ctx, fns, false)
}

func (r Race[T]) run(ctx context.Context, fns []func(context.Context) (T, error), failureWins bool) (winner T, err error) {
	var zero T
	if err := causeOf(ctx); err != nil {
		return zero, err
	}
	if len(fns) == 0 {
		return zero, errNoFunctions
	}
	var decided atomic.Bool
	var won bool
	var lost error
	var missing atomic.Pointer[TaskError] // of one that was cancelled alone
	returned := false
	defer func() {
		// A loser that panics takes the winner's result with it.
		if !returned && won && r.Dispose != nil {
			r.Dispose(winner)
		}
	}()
	err = Run(ctx, func(_ context.Context, g *Group) error {
		succeed := func(v T) {
			switch {
			case decided.CompareAndSwap(false, true):
				winner, won = v, true
				g.Cancel(errRaceOver)
			case r.Dispose != nil:
				r.Dispose(v)
			}
		}
		var ended func(error)
		if failureWins {
			ended = func(err error) {
				if _, failed := err.(*TaskError); failed && decided.CompareAndSwap(false, true) {
					lost = err
					g.Cancel(errRaceOver)
				}
			}
		}
		for i, fn := range fns {
			spawnNth(g, i, entryOf(fn), fn, succeed, ended, func(h *Handle, err error) {
				missing.CompareAndSwap(nil, &TaskError{Task: h.Path(), Err: err})
			})
		}
		return nil
	}, Name("race"), KeepGoing())
	returned = true
	switch {
	case won:
		return winner, nil
	case lost != nil:
		return zero, lost
	case err != nil:
		return zero, err
	case missing.Load() != nil: // nobody has failed, and nobody has won
		return zero, missing.Load()
	default: // ctx ended before anybody had started
		return zero, causeOf(ctx)
	}
}
