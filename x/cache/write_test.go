package cache_test

import (
	"context"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/x/cache"
)

// Set and Invalidate, also while a load is under way.

var writeCases = []testCase{
	{"write/set", writeSet, true},
	{"write/set over a failure", writeSetFailure, false},
	{"write/set during a load", writeSetDuring, false},
	{"write/invalidate", writeInvalidate, false},
	{"write/invalidate during a load", writeInvalidateDuring, false},
	{"write/invalidate during a refresh", writeInvalidateRefresh, true},
	{"write/invalidate leaves nothing stale", writeInvalidateStale, true},
	{"write/a load sets its own key", writeSetInLoad, false},
}

func writeSet(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		c := cache.New(g, new(source).load, config())
		must(t, c.Set(ctx, 7, 100))
		get(t, ctx, c, 7, 100)
		must(t, c.Set(ctx, 7, 101))
		get(t, ctx, c, 7, 101)
		sleep(t, ctx, time.Minute)
		get(t, ctx, c, 7, 1)
	})
}

func writeSetFailure(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var s source
		s.down.Store(true)
		c := cache.New(g, s.load, config())
		getErr(t, ctx, c, 7, errDown)
		must(t, c.Set(ctx, 7, 100))
		get(t, ctx, c, 7, 100)
	})
}

func writeSetDuring(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		s := source{hold: new(braid.Event)}
		c := cache.New(g, s.load, config())
		a := asking(t, ctx, g, c, 7)
		must(t, c.Set(ctx, 7, 100))
		get(t, ctx, c, 7, 100)
		s.hold.Set()
		a.wants(t, ctx, 1, nil)
		get(t, ctx, c, 7, 100)
		equal(t, "dropped", c.Statistics().Dropped, 1)
	})
}

func writeInvalidate(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		c := cache.New(g, new(source).load, config())
		must(t, c.Invalidate(ctx, 7))
		get(t, ctx, c, 7, 1)
		must(t, c.Invalidate(ctx, 7))
		get(t, ctx, c, 7, 2)
	})
}

func writeInvalidateDuring(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		s := source{hold: new(braid.Event), deaf: true}
		c := cache.New(g, s.load, config())
		a := asking(t, ctx, g, c, 7)
		must(t, c.Invalidate(ctx, 7))
		b := asking(t, ctx, g, c, 7) // must not join what began before
		until(t, ctx, func() bool { return s.calls.Load() == 2 })
		s.hold.Set()
		must(t, a.task.Wait(ctx))
		must(t, b.task.Wait(ctx))
		if a.value == b.value || a.err != nil || b.err != nil {
			t.Errorf("got %+v and %+v", a, b)
		}
		get(t, ctx, c, 7, b.value)
		equal(t, "dropped", c.Statistics().Dropped, 1)

		s.hold.Clear() // and then nobody wants it any more
		must(t, c.Invalidate(ctx, 7))
		a = asking(t, ctx, g, c, 7)
		must(t, c.Invalidate(ctx, 7))
		a.task.Cancel(errDown)
		a.wants(t, ctx, 0, errDown)
		s.hold.Set()
		equal(t, "unwanted", c.Statistics().Unwanted, 1)
	})
}

func writeInvalidateRefresh(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		s := source{hold: new(braid.Event)}
		c := cache.New(g, s.load, with(ahead))
		must(t, c.Set(ctx, 7, 100))
		sleep(t, ctx, 50*time.Second)
		get(t, ctx, c, 7, 100)
		until(t, ctx, s.begun.IsSet)
		must(t, c.Invalidate(ctx, 7))
		until(t, ctx, func() bool { return c.Statistics().Loading == 0 }) // nobody waits for it, so it is cancelled
		s.hold.Set()
		get(t, ctx, c, 7, 2)
	})
}

func writeInvalidateStale(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var s source
		c := cache.New(g, s.load, with(stale))
		get(t, ctx, c, 7, 1)
		sleep(t, ctx, time.Minute)
		must(t, c.Invalidate(ctx, 7))
		s.down.Store(true)
		getErr(t, ctx, c, 7, errDown)
	})
	scope(t, ctx, func(ctx context.Context, g *braid.Group) { // also if the load has begun before
		s := source{hold: new(braid.Event)}
		c := cache.New(g, s.load, with(stale))
		must(t, c.Set(ctx, 7, 100))
		sleep(t, ctx, time.Minute)
		a := asking(t, ctx, g, c, 7)
		until(t, ctx, s.begun.IsSet)
		must(t, c.Invalidate(ctx, 7))
		s.down.Store(true)
		s.hold.Set()
		a.wants(t, ctx, 100, nil) // it asked before
		getErr(t, ctx, c, 7, errDown)
	})
}

func writeSetInLoad(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var c *cache.Cache[int, int]
		c = cache.New(g, func(ctx context.Context, key int) (int, error) {
			must(t, c.Set(ctx, key, 100)) // is newer than what the load returns
			must(t, c.Set(ctx, key+1, 200))
			return 1, nil
		}, config())
		get(t, ctx, c, 7, 1)
		get(t, ctx, c, 7, 100)
		get(t, ctx, c, 8, 200)
	})
}
