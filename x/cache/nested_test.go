package cache_test

import (
	"context"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/x/cache"
)

// Loads that ask their own cache.

var nestedCases = []testCase{
	{"nested/another key", nestedOther, false},
	{"nested/the same key", nestedSame, false},
	{"nested/the same key, by a child", nestedChild, false},
	{"nested/in a ring", nestedRing, false},
	{"nested/in a ring that closes later", nestedRingLater, false},
	{"nested/many ways to the same key", nestedDiamonds, false},
}

func nestedOther(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var c *cache.Cache[int, int]
		c = cache.New(g, func(ctx context.Context, n int) (int, error) {
			if n == 0 {
				return 0, nil
			}
			v, err := c.Get(ctx, n-1)
			return v + n, err
		}, config())
		get(t, ctx, c, 100, 5050)
		equal(t, "loads", c.Statistics().Loads, 101)
	})
}

func nestedSame(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		calls := 0
		var c *cache.Cache[int, int]
		c = cache.New(g, func(ctx context.Context, n int) (int, error) {
			if calls++; calls > 1 {
				return calls, nil
			}
			return c.Get(ctx, n)
		}, config())
		getErr(t, ctx, c, 7, braid.ErrSelfDeadlock)
		get(t, ctx, c, 7, 2) // it says nothing about the key, so it is not kept
	})
}

func nestedChild(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var c *cache.Cache[int, int]
		c = cache.New(g, func(ctx context.Context, n int) (int, error) {
			all, err := braid.Gather(ctx, func(ctx context.Context) (int, error) { return c.Get(ctx, n) })
			if err != nil {
				return 0, err
			}
			return all[0], nil
		}, config())
		getErr(t, ctx, c, 7, braid.ErrSelfDeadlock)
	})
}

func nestedRing(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var c *cache.Cache[int, int]
		c = cache.New(g, func(ctx context.Context, n int) (int, error) { return c.Get(ctx, (n+1)%5) }, config())
		getErr(t, ctx, c, 0, braid.ErrSelfDeadlock)
		getErr(t, ctx, c, 3, braid.ErrSelfDeadlock)
	})
}

// Two loads begin for callers of their own, and then ask for each other.
func nestedRingLater(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		both := braid.NewBarrier(2)
		var c *cache.Cache[int, int]
		c = cache.New(g, func(ctx context.Context, n int) (int, error) {
			if _, err := both.Wait(ctx); err != nil {
				return 0, err
			}
			return c.Get(ctx, 1-n)
		}, config())
		a, b := asking(t, ctx, g, c, 0), asking(t, ctx, g, c, 1)
		a.wants(t, ctx, 0, braid.ErrSelfDeadlock)
		b.wants(t, ctx, 0, braid.ErrSelfDeadlock)
	})
}

// Each of many keys waits for the next two at the same time: the search for a ring must not go all ways.
func nestedDiamonds(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		const last = 60
		end := new(braid.Event)
		var c *cache.Cache[int, int]
		c = cache.New(g, func(ctx context.Context, n int) (int, error) {
			if n >= last {
				return 1, end.Wait(ctx)
			}
			all, err := braid.Gather(ctx,
				func(ctx context.Context) (int, error) { return c.Get(ctx, n+1) },
				func(ctx context.Context) (int, error) { return c.Get(ctx, n+2) })
			if err != nil {
				return 0, err
			}
			return (all[0] + all[1]) % 1000, nil
		}, config())
		a := asking(t, ctx, g, c, 0)
		until(t, ctx, func() bool { return c.Statistics().Misses == 2*last+1 })
		end.Set()
		must(t, a.task.Wait(ctx))
		must(t, a.err)
	})
}
