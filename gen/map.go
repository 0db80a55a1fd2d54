package gen

import (
	"context"
	"iter"

	"github.com/braid-go/braid"
)

// Map calls fn for each element of src, up to n at a time, and passes on the results in the order of src.
//
// src is read by a task of its own, and no further than needed: at most n calls run, and at most n more results wait
// for an earlier one or for the loop; one element more may have been read. Calls begin in the order of src.
//
// An error of src, or of fn, ends the stream in its place: the results before it are passed on, then the error,
// when all else has been cancelled and joined; fn's comes as a [*braid.TaskError] with the index of the element.
// Elements that were read ahead are dropped. To go on after a failure, let fn return it inside its result.
// If fn panics, the loop statement panics with a [*braid.PanicError].
//
// It differs from [braid.Map] in that it takes a stream, that an error ends it,
// and that n worker tasks serve all elements: what fn changes of its goroutine stays for the next element.
//
// Map panics if n < 1.
//
// # Cancellation
//
// If ctx ends, or the loop is left, the calls are cancelled and joined, and src is broken off and has returned.
// In the first case the loop is given the cause last; results that wait are lost.
func Map[In, Out any](ctx context.Context, src iter.Seq2[In, error], n int,
	fn func(context.Context, In) (Out, error),
) iter.Seq2[Out, error] {
	mustHave("Map", "a function", fn != nil)
	return mapped(ctx, "Map", src, n, entryOf(fn), true, fn)
}

// MapUnordered is [Map] with the results in the order in which they are ready.
// An error of fn ends the stream when it comes, one of src when the calls before it have ended.
func MapUnordered[In, Out any](ctx context.Context, src iter.Seq2[In, error], n int,
	fn func(context.Context, In) (Out, error),
) iter.Seq2[Out, error] {
	mustHave("MapUnordered", "a function", fn != nil)
	return mapped(ctx, "MapUnordered", src, n, entryOf(fn), false, fn)
}

func mapped[In, Out any](ctx context.Context, op string, src iter.Seq2[In, error], n int, entry uintptr, ordered bool,
	fn func(context.Context, In) (Out, error),
) iter.Seq2[Out, error] {
	mustHave(op, "a source", src != nil)
	mustBePositive(op, "n", n)
	name := braid.Name(nameOf(entry))
	return func(yield func(Out, error) bool) {
		loop(ctx, "map", yield, func(ctx context.Context, g *braid.Group, emit func(Out) bool) error {
			p := newPool(g, name, n, ordered, fn)
			g.Go(func(ctx context.Context) error { return p.read(ctx, src) }, braid.Name("read"))
			if ordered {
				return p.inOrder(ctx, emit)
			}
			return p.asReady(ctx, emit)
		})
	}
}
