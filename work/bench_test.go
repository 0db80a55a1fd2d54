package work_test

import (
	"context"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/work"
)

// A job that does nothing, from Enqueue to its end, with one task that enqueues.
func BenchmarkJob(b *testing.B) {
	b.ReportAllocs()
	_ = braid.Run(b.Context(), func(ctx context.Context, g *braid.Group) error {
		q := work.New(work.NewMemory(work.MemoryConfig[int]{Capacity: 1000}), work.Config[int]{Workers: 4})
		g.Go(func(ctx context.Context) error {
			return q.Run(ctx, func(context.Context, *work.Job[int]) error { return nil })
		})
		b.ResetTimer()
		for i := range b.N {
			if _, err := q.Enqueue(ctx, i); err != nil {
				return err
			}
		}
		left, err := q.Drain(ctx, time.Minute)
		if len(left) > 0 {
			b.Errorf("%d jobs are left", len(left))
		}
		return err
	})
}
