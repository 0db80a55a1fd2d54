package gen

import (
	"context"
	"errors"
	"fmt"

	"github.com/braid-go/braid"
)

// errLoopOver is the cause that tasks of a stream see when the loop over it has ended.
var errLoopOver = errors.New("gen: the loop over the stream has ended")

// loop runs body in a scope for the time of a loop over a stream: what body starts in g has ended when loop returns.
//
// body hands elements out with emit, until that returns false, and returns the error that ends the stream, or nil.
// The tasks of g keep to one rule: an error that ends the stream is handed to body and arrives in its place;
// what a task returns itself is its own cancellation, or a failure that came when nothing could be handed on any more.
func loop[T any](ctx context.Context, name string, yield func(T, error) bool,
	body func(ctx context.Context, g *braid.Group, emit func(T) bool) error,
) {
	left := false
	emit := func(v T) bool {
		left = left || !yield(v, nil)
		return !left
	}
	var last error
	err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		if reader := readerOf(yield); reader != nil {
			defer onEnd(reader, func() { g.Cancel(context.Cause(reader)) })()
		}
		last = body(ctx, g, emit)
		g.Cancel(errLoopOver)
		return nil
	}, braid.Name(name))

	if left {
		if failure, ok := errors.AsType[*braid.GroupError](err); ok {
			report(ctx, failure)
		}
		return
	}
	if err = both(last, err); err != nil {
		var zero T
		yield(zero, err)
	}
}

// both joins the error that ended a stream and the one of its scope, which may be the same.
func both(last, scope error) error {
	switch {
	case scope == nil:
		return last
	case last == nil || errors.Is(scope, last):
		return scope
	default:
		return errors.Join(last, scope)
	}
}

// failed wraps what a user's function returned under a task's ctx, with the name of the task.
func failed(ctx context.Context, err error) error {
	return &braid.TaskError{Task: braid.Current(ctx).Path(), Err: err}
}

// failedAt is failed for the element with index i.
func failedAt(ctx context.Context, i int64, err error) error {
	return &braid.TaskError{Task: fmt.Sprintf("%s#%d", braid.Current(ctx).Path(), i), Err: err}
}

// mustHave panics if an argument of an operator is nil.
func mustHave(op, what string, given bool) {
	if !given {
		panic("gen: " + op + " needs " + what + "; the one given is nil")
	}
}

// mustBePositive panics if a number is too small.
func mustBePositive(op, what string, n int) {
	if n < 1 {
		panic(fmt.Sprintf("gen: %s with %s = %d: it must be 1 at least", op, what, n))
	}
}
