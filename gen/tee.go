package gen

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"

	"github.com/braid-go/braid"
)

// Tee gives each of the consumers all elements of src, and returns when all consumers have.
// Each consumer runs in a task of its own and loops over a stream of its own.
//
// src is read once, by a task, as fast as the slowest consumer and up to buffer elements further.
// A consumer that returns, or leaves its loop, holds up nobody any more; when all have, src is broken off.
// An error of src is the last element of each consumer's stream, and it is up to them to return it.
//
// If a consumer fails, the others are cancelled, and Tee returns a [*braid.GroupError] with all failures.
// A consumer's stream is of use inside that consumer only, and for one loop.
//
// A function that returns several streams to be looped over anywhere was rejected: nobody would own the task that reads src,
// and loops one after another would deadlock or fill the memory.
//
// Tee panics if buffer is negative.
//
// # Cancellation
//
// If ctx ends, the consumers' streams end with the cause, and Tee returns it when all consumers have returned.
func Tee[T any](ctx context.Context, src iter.Seq2[T, error], buffer int,
	consumers ...func(ctx context.Context, src iter.Seq2[T, error]) error,
) error {
	mustHave("Tee", "a source", src != nil)
	for _, consume := range consumers {
		mustHave("Tee", "consumers", consume != nil)
	}
	if buffer < 0 {
		panic(fmt.Sprintf("gen: Tee with a buffer of %d: use 0 to hand elements over directly", buffer))
	}
	if len(consumers) == 0 {
		return context.Cause(ctx)
	}
	return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
		copies := make([]*braid.Queue[item[T]], len(consumers))
		for i := range copies {
			copies[i] = braid.NewQueue[item[T]](buffer)
		}
		reading := g.Go(func(ctx context.Context) error { return spread(ctx, src, copies) }, braid.Name("read"))
		var consuming atomic.Int64
		consuming.Store(int64(len(consumers)))
		for i, consume := range consumers {
			name := fmt.Sprintf("%s#%d", nameOf(entryOf(consume)), i)
			g.Go(func(ctx context.Context) error {
				over := func() { copies[i].Shutdown(braid.Now) }
				defer func() {
					over()
					if consuming.Add(-1) == 0 {
						reading.Cancel(errLoopOver)
					}
				}()
				return consume(ctx, func(yield func(T, error) bool) {
					defer over()
					_, err := drain(ctx, copies[i], func(v T) bool { return yield(v, nil) })
					if err != nil {
						var zero T
						yield(zero, err)
					}
				})
			}, braid.Name(name))
		}
		return nil
	}, braid.Name("tee"))
}

// spread reads src into all copies that are still looped over.
func spread[T any](ctx context.Context, src iter.Seq2[T, error], copies []*braid.Queue[item[T]]) (last error) {
	read(ctx, src, func(v T, err error) bool {
		if err != nil && ctx.Err() != nil {
			last = err
			return false
		}
		wanted := false
		for _, q := range copies {
			switch failure := q.Put(ctx, item[T]{v, err}); {
			case failure == nil:
				wanted = true
			case errors.Is(failure, braid.ErrShutdown): // this one has left
			default:
				last = failure
				return false
			}
		}
		return wanted && err == nil
	})
	if last == nil {
		for _, q := range copies {
			q.Shutdown(braid.Drain)
		}
	}
	return last
}
