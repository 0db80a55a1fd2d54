package gen

import (
	"context"
	"errors"
	"iter"

	"github.com/braid-go/braid"
)

// item is an element of a stream on its way through a queue.
type item[T any] struct {
	value T
	err   error
}

// readInto puts the elements of src into q, an error of src as the last.
// It returns an error only if ctx has ended, so that there is nobody to hand it to. Then q must not be shut down:
// whoever reads q may hear of the shutdown before it hears of the end of ctx, and take what was cut off for the end.
func readInto[T any](ctx context.Context, src iter.Seq2[T, error], q *braid.Queue[item[T]]) (last error) {
	read(ctx, src, func(v T, err error) bool {
		if err != nil && ctx.Err() != nil {
			last = err
			return false
		}
		last = q.Put(ctx, item[T]{v, err})
		return last == nil && err == nil
	})
	return last
}

// end turns the error of a Get into that of the stream: a queue that has been shut down is the end without an error.
func end(err error) error {
	if errors.Is(err, braid.ErrShutdown) {
		return nil
	}
	return err
}
