package gen

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/braid-go/braid"
)

// Batch collects the elements of src into slices: a slice is passed on when it has size elements,
// or when wait has passed since its first one was there, whichever comes first. No slice is empty, and the order is kept.
// With a wait of 0 only the size counts. Each slice is new, and the loop may keep it.
//
// At the end of src what has been collected is passed on. So it is before an error of src, which ends the stream.
//
// With a wait, src is read by a task of its own, at most one element ahead of the batch that is being collected:
// while the loop works on a batch, the next one is not collected. Without, src is read in the goroutine of the loop.
// The clock is that of [braid.Time]; an element that was read waits at most wait while the loop waits for a batch.
//
// Batch panics if size < 1 or wait is negative.
//
// # Cancellation
//
// If ctx ends, the loop is given the cause; what has been collected is lost.
func Batch[T any](ctx context.Context, src iter.Seq2[T, error], size int, wait time.Duration) iter.Seq2[[]T, error] {
	mustHave("Batch", "a source", src != nil)
	mustBePositive("Batch", "size", size)
	if wait < 0 {
		panic(fmt.Sprintf("gen: Batch with a wait of %v: it must not be negative; 0 means to wait for the size alone", wait))
	}
	return func(yield func([]T, error) bool) {
		loop(ctx, "batch", yield, func(ctx context.Context, g *braid.Group, emit func([]T) bool) error {
			if wait == 0 {
				return bySize(ctx, src, size, emit)
			}
			return byTime(ctx, readAhead(g, src, 0), size, wait, emit)
		})
	}
}

func bySize[T any](ctx context.Context, src iter.Seq2[T, error], size int, emit func([]T) bool) (last error) {
	var batch []T
	left := false
	read(ctx, src, func(v T, err error) bool {
		if last = err; err != nil {
			return false
		}
		if last = context.Cause(ctx); last != nil {
			return false
		}
		if batch = append(batch, v); len(batch) < size {
			return true
		}
		full := batch
		batch = nil
		left = !emit(full)
		return !left
	})
	if len(batch) > 0 && !left && ctx.Err() == nil && !emit(batch) {
		return nil
	}
	return last
}

// byTime collects from items until they end.
func byTime[T any](ctx context.Context, items *braid.Queue[item[T]], size int, wait time.Duration, emit func([]T) bool) error {
	for {
		first, err := items.Get(ctx)
		if err != nil {
			return end(err)
		}
		if first.err != nil {
			return first.err
		}
		batch := []T{first.value}
		due := braid.Time(ctx).Add(wait)
		var last error
		open := true
		for len(batch) < size && open {
			next, ok := items.TryGet()
			if !ok {
				err := braid.Deadline(ctx, due, func(ctx context.Context) (err error) {
					next, err = items.Get(ctx)
					return err
				})
				if errors.Is(err, braid.ErrTimeout) && ctx.Err() == nil {
					break
				}
				if err != nil {
					if last = end(err); last != nil {
						return last
					}
					open = false
					break
				}
			}
			if next.err != nil {
				last, open = next.err, false
				break
			}
			batch = append(batch, next.value)
		}
		if !emit(batch) || !open {
			return last
		}
	}
}
