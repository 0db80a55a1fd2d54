package gen

import (
	"context"
	"iter"
	"slices"

	"github.com/braid-go/braid"
)

// FlatMap calls fn for each element of src and passes on the elements of the streams that it returns,
// those of the first stream first. Up to n streams are read at the same time, each in a task of its own.
//
// A stream whose turn has not come is read up to n elements ahead. src is read in a task too, at most one element ahead
// of the streams. An error, of src or of one of the streams, ends the stream in its place: what comes before it is passed on,
// the rest is broken off. When the loop ends, src and all streams have returned.
//
// FlatMap panics if n < 1.
//
// # Cancellation
//
// If ctx ends, all that runs is cancelled and joined, and the loop is given the cause last.
func FlatMap[In, Out any](ctx context.Context, src iter.Seq2[In, error], n int,
	fn func(context.Context, In) iter.Seq2[Out, error],
) iter.Seq2[Out, error] {
	mustHave("FlatMap", "a source", src != nil)
	mustHave("FlatMap", "a function", fn != nil)
	mustBePositive("FlatMap", "n", n)
	name := braid.Name(nameOf(entryOf(fn)))
	return func(yield func(Out, error) bool) {
		loop(ctx, "flatmap", yield, func(ctx context.Context, g *braid.Group, emit func(Out) bool) error {
			open := braid.NewSemaphore(int64(n))
			places := braid.NewQueue[*braid.Queue[item[Out]]](braid.Unbounded)
			g.Go(func(ctx context.Context) (last error) {
				read(ctx, src, func(v In, err error) bool {
					if err != nil && ctx.Err() != nil {
						last = err
						return false
					}
					if last = open.Acquire(ctx, 1); last != nil {
						return false
					}
					q := braid.NewQueue[item[Out]](n)
					last = places.Put(ctx, q)
					if last != nil {
						return false
					}
					if err != nil {
						q.TryPut(item[Out]{err: err})
						return false
					}
					g.Go(func(ctx context.Context) error {
						err := readInto(ctx, fn(ctx, v), q)
						if err == nil {
							q.Shutdown(braid.Drain)
						}
						return err
					}, name)
					return true
				})
				if last == nil {
					places.Shutdown(braid.Drain)
				}
				return last
			}, braid.Name("read"))
			for {
				q, err := places.Get(ctx)
				if err != nil {
					return end(err)
				}
				if more, err := drain(ctx, q, emit); !more {
					return err
				}
				open.Release(1)
			}
		})
	}
}

// FlatMapUnordered is [FlatMap] with the elements in the order in which they come.
// An error of one of the streams ends it when it comes, one of src when the streams before it have ended. At most n elements wait for the loop, beside one in the hand of each stream.
func FlatMapUnordered[In, Out any](ctx context.Context, src iter.Seq2[In, error], n int,
	fn func(context.Context, In) iter.Seq2[Out, error],
) iter.Seq2[Out, error] {
	mustHave("FlatMapUnordered", "a source", src != nil)
	mustHave("FlatMapUnordered", "a function", fn != nil)
	mustBePositive("FlatMapUnordered", "n", n)
	return together(ctx, "flatmap", nameOf(entryOf(fn)), src, n, fn)
}

// Merge passes on the elements of all srcs in the order in which they come; those of one source keep their order.
//
// Each source is read in a task of its own, all at the same time, and at most one element ahead,
// beside as many that wait for the loop as there are sources: a source that is slow holds up nobody,
// and a loop that is slow holds up all. The first error ends the stream when it comes; the other sources are broken off.
// Merge of nothing is empty. When the loop ends, all sources have returned.
//
// # Cancellation
//
// If ctx ends, the sources are broken off and joined, and the loop is given the cause last.
func Merge[T any](ctx context.Context, srcs ...iter.Seq2[T, error]) iter.Seq2[T, error] {
	for _, src := range srcs {
		mustHave("Merge", "sources", src != nil)
	}
	all := Values(slices.Values(slices.Clone(srcs)))
	return together(ctx, "merge", "source", all, max(len(srcs), 1), func(_ context.Context, src iter.Seq2[T, error]) iter.Seq2[T, error] { return src })
}

func together[In, Out any](ctx context.Context, scope, name string, src iter.Seq2[In, error], n int,
	fn func(context.Context, In) iter.Seq2[Out, error],
) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		loop(ctx, scope, yield, func(ctx context.Context, g *braid.Group, emit func(Out) bool) error {
			open := braid.NewSemaphore(int64(n))
			out := braid.NewQueue[item[Out]](n)
			source := out.Producer()
			var failure error // of src; it comes when the streams that are open have ended
			g.Go(func(ctx context.Context) (last error) {
				read(ctx, src, func(v In, err error) bool {
					if err != nil {
						if failure = err; ctx.Err() != nil {
							last = err // there is nobody to hand it to any more
						}
						return false
					}
					if last = open.Acquire(ctx, 1); last != nil {
						return false
					}
					stream := out.Producer()
					g.Go(func(ctx context.Context) error {
						defer open.Release(1)
						err := readInto(ctx, fn(ctx, v), out)
						if err == nil {
							stream.Close()
						}
						return err
					}, braid.Name(name))
					return true
				})
				if last == nil {
					source.Close()
				}
				return last
			}, braid.Name("read"))
			more, err := drain(ctx, out, emit)
			if more {
				return failure
			}
			return err
		})
	}
}

// drain hands out what is in q until that has been shut down; then more is true. Otherwise the stream is over, with err.
func drain[T any](ctx context.Context, q *braid.Queue[item[T]], emit func(T) bool) (more bool, err error) {
	for {
		it, err := q.Get(ctx)
		if err != nil {
			err = end(err)
			return err == nil, err
		}
		if it.err != nil || !emit(it.value) {
			return false, it.err
		}
	}
}
