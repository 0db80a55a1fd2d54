package inspect_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/inspect"
)

// A snapshot of 100,000 tasks that wait, and what answers the first question about it.
func BenchmarkTake(b *testing.B) {
	const tasks = 100_000
	_ = braid.Run(b.Context(), func(ctx context.Context, g *braid.Group) error {
		var left atomic.Int64
		left.Store(tasks)
		all, never := make(chan struct{}), &braid.Event{}
		for range tasks {
			g.Go(func(ctx context.Context) error {
				if left.Add(-1) == 0 {
					close(all)
				}
				return never.Wait(ctx)
			})
		}
		<-all
		b.Run("snapshot", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if s := inspect.Take(); len(s.Tasks) < tasks {
					b.Fatalf("%d tasks", len(s.Tasks))
				}
			}
		})
		b.Run("page", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if p, err := inspect.Take().Query(inspect.Query{}); err != nil || p.Total < tasks {
					b.Fatal(err)
				}
			}
		})
		g.Cancel(nil)
		return nil
	})
}
