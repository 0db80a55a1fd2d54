package cache_test

import (
	"context"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/x/cache"
)

func bench(b *testing.B, size int, run func(context.Context, *cache.Cache[int, int])) {
	b.Helper()
	_ = braid.Run(b.Context(), func(ctx context.Context, g *braid.Group) error {
		c := cache.New(g, func(_ context.Context, n int) (int, error) { return n, nil },
			cache.Config[int, int]{Size: size, TTL: time.Hour})
		b.ReportAllocs()
		run(ctx, c)
		return nil
	})
}

// A hit, in a cache that is full and in one that has room.
func BenchmarkHit(b *testing.B) {
	for name, size := range map[string]int{"full": 1000, "roomy": 10_000} {
		b.Run(name, func(b *testing.B) {
			bench(b, size, func(ctx context.Context, c *cache.Cache[int, int]) {
				for key := range 1000 {
					_, _ = c.Get(ctx, key)
				}
				for i := 0; b.Loop(); i++ {
					_, _ = c.Get(ctx, i%1000)
				}
			})
		})
	}
}

// A hit on all processors at once.
func BenchmarkHitParallel(b *testing.B) {
	bench(b, 10_000, func(ctx context.Context, c *cache.Cache[int, int]) {
		for key := range 1000 {
			_, _ = c.Get(ctx, key)
		}
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				_, _ = c.Get(ctx, i%1000)
			}
		})
	})
}

// A miss, with the task that loads.
func BenchmarkMiss(b *testing.B) {
	bench(b, 1000, func(ctx context.Context, c *cache.Cache[int, int]) {
		for i := 0; b.Loop(); i++ {
			_, _ = c.Get(ctx, i)
		}
	})
}

func BenchmarkSet(b *testing.B) {
	bench(b, 1000, func(ctx context.Context, c *cache.Cache[int, int]) {
		for i := 0; b.Loop(); i++ {
			_ = c.Set(ctx, i%2000, i)
		}
	})
}
