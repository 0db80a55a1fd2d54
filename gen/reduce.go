package gen

import (
	"context"
	"iter"
)

// Reduce folds the elements of src into one value, beginning with acc: fn is given what it returned last, and the next element.
// An error of src or of fn ends it; Reduce returns the error and the value reached before it.
//
// # Cancellation
//
// Reduce waits for src, which has a ctx of its own: when that ends, src gives its cause.
func Reduce[T, Acc any](src iter.Seq2[T, error], acc Acc, fn func(acc Acc, v T) (Acc, error)) (Acc, error) {
	mustHave("Reduce", "a source", src != nil)
	mustHave("Reduce", "a function", fn != nil)
	for v, err := range src {
		if err != nil {
			return acc, err
		}
		next, err := fn(acc, v)
		if err != nil {
			return acc, err
		}
		acc = next
	}
	return acc, nil
}

// ForEach calls fn for each element of src, up to n at a time, and returns when all calls have.
// The first error, of src or of fn, ends it: no further call is made, the ctx of those that run ends, they are joined,
// and ForEach returns the error. A failure of fn comes as a [*braid.TaskError].
//
// ForEach panics if n < 1.
//
// # Cancellation
//
// If ctx ends, the calls are cancelled and joined, and ForEach returns the cause.
func ForEach[T any](ctx context.Context, src iter.Seq2[T, error], n int, fn func(context.Context, T) error) error {
	mustHave("ForEach", "a function", fn != nil)
	type none struct{}
	calls := mapped(ctx, "ForEach", src, n, entryOf(fn), false, func(ctx context.Context, v T) (none, error) { return none{}, fn(ctx, v) })
	for _, err := range calls {
		if err != nil {
			return err
		}
	}
	return nil
}
