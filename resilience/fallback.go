package resilience

import "context"

// Fallback gives a result in place of an error. err is what the function, or a policy around it, has failed with.
// A Fallback that fails itself should wrap err, or it is lost.
//
// A Fallback is not called for a panic, and not if the caller's ctx has ended: nobody waits for a substitute then,
// and the cancellation must not look like a success. It has the caller's ctx, not the time limit of the policy below it.
type Fallback[T any] func(ctx context.Context, err error) (T, error)

// FallbackTo returns a Fallback that gives v for every error.
func FallbackTo[T any](v T) Fallback[T] {
	return func(context.Context, error) (T, error) { return v, nil }
}

// Do calls fn, and the fallback if fn fails. It panics if either is nil.
//
// # Cancellation
//
// If ctx is done already, Do returns its cause and calls neither. If ctx ends while fn runs, Do returns what fn returns.
func (f Fallback[T]) Do(ctx context.Context, fn func(context.Context) (T, error)) (T, error) {
	needFunc(f == nil)
	return (&Policy[T]{parts: Parts[T]{Fallback: f}}).Do(ctx, fn)
}
