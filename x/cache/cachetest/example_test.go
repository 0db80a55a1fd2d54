package cachetest_test

import (
	"context"
	"fmt"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/x/cache"
	"github.com/braid-go/braid/x/cache/cachetest"
)

// In a test, two caches over one tier are two processes.
func ExampleTier() {
	_ = braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		tier := cachetest.NewTier()
		square := func(_ context.Context, n int) (int, error) {
			fmt.Println("loading", n)
			return n * n, nil
		}
		config := cache.Config[int, int]{Name: "squares", Size: 100, TTL: time.Minute, Tier: tier}
		one, other := cache.New(g, square, config), cache.New(g, square, config)
		v, err := one.Get(ctx, 7)
		fmt.Println(v, err)
		for one.Statistics().Loading > 0 { // the value is on its way to the tier
			_ = braid.Yield(ctx)
		}
		v, err = other.Get(ctx, 7)
		fmt.Println(v, err)
		return nil
	})
	// Output:
	// loading 7
	// 49 <nil>
	// 49 <nil>
}
