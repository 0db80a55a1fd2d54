package gen

import (
	"cmp"
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
// With a wait, src is read by a task of its own, up to size elements and one more ahead of the loop.
// What came while the loop was at work is passed on at once if its time is over. The clock is that of [braid.Time].
// Without a wait, src is read in the goroutine of the loop, and nothing is read ahead.
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
			arrivals := braid.NewQueue[arrival[T]](size)
			g.Go(func(ctx context.Context) error { return arrive(ctx, src, arrivals) }, braid.Name("read"))
			return byTime(ctx, arrivals, size, wait, emit)
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
	switch {
	case len(batch) == 0 || left:
		return last
	case ctx.Err() != nil: // the batch is lost, and the loop must hear of it even if src has come to its end
		return cmp.Or(last, context.Cause(ctx))
	case !emit(batch):
		return nil
	}
	return last
}

// arrival is an element and when it came.
type arrival[T any] struct {
	item[T]

	at time.Time
}

// arrive is readInto with times.
func arrive[T any](ctx context.Context, src iter.Seq2[T, error], q *braid.Queue[arrival[T]]) (last error) {
	read(ctx, src, func(v T, err error) bool {
		if err != nil && ctx.Err() != nil {
			last = err
			return false
		}
		last = q.Put(ctx, arrival[T]{item[T]{v, err}, braid.Time(ctx)})
		return last == nil && err == nil
	})
	if last == nil {
		q.Shutdown(braid.Drain)
	}
	return last
}

// byTime collects arrivals until they end.
func byTime[T any](ctx context.Context, q *braid.Queue[arrival[T]], size int, wait time.Duration, emit func([]T) bool) error {
	for {
		first, err := q.Get(ctx)
		if err != nil {
			return end(err)
		}
		if first.err != nil {
			return first.err
		}
		batch := []T{first.value}
		due := first.at.Add(wait)
		for over := false; len(batch) < size && !over; {
			next, err := getBefore(ctx, q, due)
			switch {
			case err == nil && next.err == nil:
				batch = append(batch, next.value)
				continue
			case err == nil:
				err = next.err // of src; what has been collected comes before it
			case errors.Is(err, braid.ErrShutdown):
				err = nil
			case ctx.Err() != nil:
				return err
			default: // the time is over
				over = true
				continue
			}
			emitted := emit(batch)
			if !emitted {
				err = nil
			}
			return err
		}
		if !emit(batch) {
			return nil
		}
	}
}

// getBefore gets the next arrival, until due. One that is there already is got even if it is later.
func getBefore[T any](ctx context.Context, q *braid.Queue[arrival[T]], due time.Time) (next arrival[T], err error) {
	if next, ok := q.TryGet(); ok {
		return next, nil
	}
	err = braid.Deadline(ctx, due, func(ctx context.Context) (err error) {
		next, err = q.Get(ctx)
		return err
	})
	return next, err
}
