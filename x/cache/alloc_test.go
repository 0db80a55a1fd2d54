package cache_test

import (
	"context"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/x/cache"
)

// A hit allocates nothing, whatever the cache is set up to do beside.
func TestAllocations(t *testing.T) {
	_ = braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
		config := cache.Config[int, int]{
			Size: 1000, TTL: time.Hour, Stale: time.Hour, RefreshAhead: time.Minute, Tier: newMemory(),
			Weight: func(int, int) int { return 1 },
		}
		load := func(_ context.Context, n int) (int, error) { return n, nil }
		c := cache.New(g, load, config)
		m := cache.NewMemo(g, func(q [3]int) int { return q[0] }, func(_ context.Context, q [3]int) (int, error) { return q[1], nil }, config)
		for key := range 1000 {
			_, _ = c.Get(ctx, key)
			_, _ = m.Get(ctx, [3]int{key})
		}
		key := 0
		for name, hit := range map[string]func(){
			"Cache": func() { _, _ = c.Get(ctx, key%500) },
			"Memo":  func() { _, _ = m.Get(ctx, [3]int{key % 500, 1, 2}) },
		} {
			if n := testing.AllocsPerRun(10_000, func() { key++; hit() }); n > 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
		}
		return nil
	})
}
