package gen

import (
	"context"
	"iter"
)

// All returns a loop over the values that the coroutine has still to yield. It resumes with Next.
//
// If the body fails, the loop is given its error last, with the zero Out. It is not given the return value; Result has it.
// When the loop is left, by break, return or panic, the coroutine is closed; what goes wrong in its cleanup then stands in Result.
func (c *Coroutine[In, Out, Ret]) All() iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		defer func() { _ = c.Close() }()
		for v, ok := c.Next(); ok; v, ok = c.Next() {
			if !yield(v, nil) {
				return
			}
		}
		if _, err := c.Result(); !onlyClosed(err) {
			var zero Out
			yield(zero, err)
		}
	}
}

// Seq makes a loop of a generator's body: each "for range" over it runs the body anew.
//
// The body runs in the goroutine of the loop, and Yield runs the loop's body, so there is no coroutine, nothing to close,
// and a step costs a function call. If the body fails, the loop is given its error last.
// When the loop is left by break or return, Yield returns [ErrClosed], and the body must return;
// if it yields again it panics. A panic in the loop's body goes through the generator's body and runs its defers.
//
// Any other error that the body returns after the loop was left is a failure of its cleanup, which the loop cannot be given.
// It goes to the panic hook in force, by default to log/slog.
func Seq[T any](body func(y *Yielder[struct{}, T]) error) iter.Seq2[T, error] {
	if body == nil {
		panic("gen: Seq needs a body; the one given is nil")
	}
	return func(yield func(T, error) bool) {
		y := &Yielder[struct{}, T]{
			yield:  func(v T) bool { return yield(v, nil) },
			phase:  started,
			pushed: true,
		}
		err := body(y)
		left := y.phase == closing
		y.phase = ended
		switch {
		case left && !onlyClosed(err):
			report(context.Background(), err)
		case !left && err != nil:
			var zero T
			yield(zero, err)
		}
	}
}

// Pull returns a generator that yields the elements of seq, one for each Next.
// Unlike iter.Pull, it keeps the stack of a panic in seq and says when it is misused, and it is found if nobody closes it.
//
// Closing it makes the pending yield in seq return false, as break does in a loop. A thrown error does the same, and is its Result.
func Pull[T any](seq iter.Seq[T]) *Generator[T] {
	if seq == nil {
		panic("gen: Pull needs a sequence; the one given is nil")
	}
	return New(func(y *Yielder[struct{}, T]) (struct{}, error) { return struct{}{}, YieldAll(y, seq) })
}

// Pull2 is [Pull] for a stream. The stream's error ends the generator, and is its Result.
func Pull2[T any](seq iter.Seq2[T, error]) *Generator[T] {
	if seq == nil {
		panic("gen: Pull2 needs a stream; the one given is nil")
	}
	return New(func(y *Yielder[struct{}, T]) (_ struct{}, err error) {
		for v, failure := range seq {
			if failure != nil {
				return struct{}{}, failure
			}
			if _, err = y.Yield(v); err != nil {
				break
			}
		}
		return struct{}{}, err
	})
}
