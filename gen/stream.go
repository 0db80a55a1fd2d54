package gen

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/braid-go/braid"
)

// Stream makes a stream of a producer: a function that runs as a task and emits elements.
//
// The producer starts when the loop does, and runs at most buffer elements ahead of it; emit waits when the buffer is full.
// With a buffer of 0, emit waits until the loop takes the element. emit may be called by tasks that produce starts,
// at the same time, until produce returns.
//
// If produce fails, the loop is given all that was emitted, and the error last, as a [*braid.TaskError].
// When the loop ends, by break, return or panic, the producer's ctx ends, and the producer is joined before the loop statement is left.
// If produce then returns an error that is not its ctx's, its cleanup has failed: see Errors in the documentation of the package.
// If the producer panics, the loop statement panics with a [*braid.PanicError]; elements in the buffer are lost then.
//
// Each loop over the stream runs produce anew. Stream panics if buffer is negative.
//
// # Cancellation
//
// If ctx ends, so does the producer's, and the loop is given the cause last, when the producer has ended;
// elements in the buffer are lost. After that, emit returns the cause and has emitted nothing.
func Stream[T any](ctx context.Context, buffer int,
	produce func(ctx context.Context, emit func(T) error) error,
) iter.Seq2[T, error] {
	mustHave("Stream", "a producer", produce != nil)
	if buffer < 0 {
		panic(fmt.Sprintf("gen: Stream with a buffer of %d: use 0 to hand elements over directly", buffer))
	}
	name := braid.Name(nameOf(entryOf(produce)))
	return func(yield func(T, error) bool) {
		loop(ctx, "stream", yield, func(ctx context.Context, g *braid.Group, emit func(T) bool) error {
			q := braid.NewQueue[T](buffer)
			var failure error
			g.Go(func(ctx context.Context) error {
				err := produce(ctx, func(v T) error { return q.Put(ctx, v) })
				if err != nil && ctx.Err() != nil {
					return err // and q stays open: what was cut off must not look like the end
				}
				if err != nil {
					failure = failed(ctx, err)
				}
				q.Shutdown(braid.Drain)
				return nil
			}, name)
			for {
				v, err := q.Get(ctx)
				if errors.Is(err, braid.ErrShutdown) {
					return failure
				}
				if err != nil || !emit(v) {
					return err
				}
			}
		})
	}
}
