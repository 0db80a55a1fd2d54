package cache_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/x/cache"
)

// The cache's scope, and its end.

var scopeCases = []testCase{
	{"scope/it ends by itself", scopeEnds, false},
	{"scope/it is cancelled", scopeCancelled, false},
	{"scope/it is over", scopeOver, false},
	{"scope/a failing load is no failure of it", scopeFailure, false},
	{"scope/limited", scopeLimited, false},
	{"scope/limited, and nobody waits any more", scopeLimitedUnwanted, false},
	{"scope/limited, and cancelled", scopeLimitedCancelled, false},
	{"scope/close", scopeClose, false},
	{"scope/close is given up", scopeCloseGivenUp, false},
	{"scope/close by a load", scopeCloseByLoad, false},
	{"scope/close drops what is refreshed", scopeCloseRefresh, true},
	{"scope/clear", scopeClear, false},
}

func scopeEnds(t *testing.T, ctx context.Context) {
	var c *cache.Cache[int, int]
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		c = cache.New(g, new(source).load, config())
		get(t, ctx, c, 7, 1)
	}) // does not wait for a cache that was not closed
	get(t, ctx, c, 7, 1)
}

func scopeCancelled(t *testing.T, ctx context.Context) {
	s := source{hold: new(braid.Event)}
	var outside *answer
	var c *cache.Cache[int, int]
	scope(t, ctx, func(ctx context.Context, around *braid.Group) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			c = cache.New(g, s.load, config())
			outside = asking(t, ctx, around, c, 7)
			until(t, ctx, s.begun.IsSet)
			g.Cancel(errDown)
		})
		equal(t, "running", s.running.Load(), 0)
		outside.wants(t, ctx, 0, cache.ErrClosed)
		wantErr(t, outside.err, errDown) // the reason
		getErr(t, ctx, c, 7, cache.ErrClosed)
	})
}

func scopeOver(t *testing.T, ctx context.Context) {
	var c *cache.Cache[int, int]
	scope(t, ctx, func(_ context.Context, g *braid.Group) { c = cache.New(g, new(source).load, config()) })
	getErr(t, ctx, c, 7, cache.ErrClosed)
	getErr(t, ctx, c, 7, cache.ErrClosed)
	equal(t, "tasks", c.Statistics().Loading, 0)
	must(t, c.Set(ctx, 7, 100)) // needs nobody
	get(t, ctx, c, 7, 100)
	must(t, c.Close(ctx))
	wantErr(t, c.Set(ctx, 7, 100), cache.ErrClosed)
	getErr(t, ctx, c, 7, cache.ErrClosed)
}

func scopeFailure(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var s source
		s.down.Store(true)
		c := cache.New(g, s.load, config())
		getErr(t, ctx, c, 7, errDown)
		must(t, ctx.Err())
		equal(t, "failures", g.Statistics().Failures, 0)
	})
}

func scopeLimited(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var c *cache.Cache[int, int]
		c = cache.New(g, func(ctx context.Context, n int) (int, error) {
			if n < 2 {
				return n, nil
			}
			a, err := c.Get(ctx, n-1)
			if err != nil {
				return 0, err
			}
			b, err := c.Get(ctx, n-2)
			return a + b, err
		}, config())
		for range 3 { // tasks of the group that wait lend their slot
			g.Go(func(ctx context.Context) error {
				v, err := c.Get(ctx, 30)
				equal(t, "fib(30)", v, 832040)
				return err
			})
		}
	}, braid.Limit(1))
}

func scopeLimitedUnwanted(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, around *braid.Group) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			hold := new(braid.Event)
			g.Go(func(ctx context.Context) error { return hold.Wait(ctx) })
			var s source
			c := cache.New(g, s.load, config())
			a := asking(t, ctx, around, c, 7) // queues
			a.task.Cancel(errDown)
			a.wants(t, ctx, 0, errDown)
			until(t, ctx, func() bool { return c.Statistics().Loading == 0 })
			hold.Set()
			get(t, ctx, c, 7, 1)
			equal(t, "calls", s.calls.Load(), 1)
		}, braid.Limit(1))
	})
}

func scopeLimitedCancelled(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, around *braid.Group) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			g.Go(func(ctx context.Context) error { return new(braid.Event).Wait(ctx) })
			c := cache.New(g, new(source).load, config())
			a := asking(t, ctx, around, c, 7) // queues
			g.Cancel(nil)
			a.wants(t, context.WithoutCancel(ctx), 0, cache.ErrClosed)
			equal(t, "tasks", c.Statistics().Loading, 0)
		}, braid.Limit(1))
	})
}

func scopeClose(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		s := source{hold: new(braid.Event)}
		c := cache.New(g, s.load, config())
		must(t, c.Set(ctx, 8, 100))
		a := asking(t, ctx, g, c, 7)
		until(t, ctx, s.begun.IsSet)
		must(t, c.Close(ctx))
		equal(t, "running", s.running.Load(), 0)
		equal(t, "tasks", c.Statistics().Loading, 0)
		a.wants(t, ctx, 0, cache.ErrClosed)
		getErr(t, ctx, c, 7, cache.ErrClosed)
		getErr(t, ctx, c, 8, cache.ErrClosed)
		wantErr(t, c.Set(ctx, 7, 1), cache.ErrClosed)
		wantErr(t, c.Invalidate(ctx, 7), cache.ErrClosed)
		c.Clear()
		must(t, c.Close(ctx))
	})
}

func scopeCloseGivenUp(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		s := source{hold: new(braid.Event), deaf: true}
		c := cache.New(g, s.load, config())
		a := asking(t, ctx, g, c, 7)
		until(t, ctx, s.begun.IsSet)
		closing, cancel := context.WithCancelCause(ctx)
		cancel(errDown)
		wantErr(t, c.Close(closing), errDown)
		equal(t, "running", s.running.Load(), 1)
		getErr(t, ctx, c, 8, cache.ErrClosed)
		s.hold.Set()
		must(t, c.Close(ctx))
		equal(t, "running", s.running.Load(), 0)
		must(t, a.task.Wait(ctx))
		if a.err == nil { // it has the value, for it did not look at its ctx
			equal(t, "value", a.value, 1)
		}
		getErr(t, ctx, c, 7, cache.ErrClosed)
	})
}

func scopeCloseByLoad(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var c *cache.Cache[int, int]
		var closed error
		c = cache.New(g, func(ctx context.Context, _ int) (int, error) {
			closed = c.Close(ctx)
			return 0, closed
		}, config())
		_, err := c.Get(ctx, 7)
		if err == nil {
			t.Error("no error")
		}
		if !errors.Is(closed, braid.ErrSelfDeadlock) {
			t.Errorf("Close returned %v", closed)
		}
		must(t, c.Close(ctx))
	})
}

func scopeCloseRefresh(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		s := source{hold: new(braid.Event)}
		c := cache.New(g, s.load, with(ahead))
		must(t, c.Set(ctx, 7, 100))
		sleep(t, ctx, 55*time.Second)
		get(t, ctx, c, 7, 100)
		until(t, ctx, s.begun.IsSet)
		must(t, c.Close(ctx))
		equal(t, "running", s.running.Load(), 0)
	})
}

func scopeClear(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		s := source{hold: new(braid.Event)}
		c := cache.New(g, s.load, config())
		for key := range 10 {
			must(t, c.Set(ctx, key, 100))
		}
		a := asking(t, ctx, g, c, 70)
		until(t, ctx, s.begun.IsSet)
		c.Clear()
		s.hold.Set()
		a.wants(t, ctx, 1, nil)
		get(t, ctx, c, 70, 2)
		get(t, ctx, c, 7, 3)
	})
}
