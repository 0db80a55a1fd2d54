package cache_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/x/cache"
)

// What an entry goes through in time.

var lifeCases = []testCase{
	{"life/fresh, then loaded again", lifeFresh, true},
	{"life/jitter", lifeJitter, true},
	{"life/forever", lifeForever, true},
	{"life/a TTL of its own", lifeTTLOf, true},
	{"life/errors are kept for a time of their own", lifeErrors, true},
	{"life/errors are not kept", lifeErrorsOff, false},
	{"life/nothing found is kept for a time of its own", lifeNegative, true},
	{"life/nothing found is not kept", lifeNegativeOff, false},
	{"life/stale if error", lifeStale, true},
	{"life/stale if error, without a pause", lifeStaleNoPause, true},
	{"life/stale, but nothing is found", lifeStaleNotFound, true},
	{"life/a panic is not covered up by what is stale", lifeStalePanic, true},
	{"life/refresh ahead", lifeRefresh, true},
	{"life/a refresh that fails", lifeRefreshFails, true},
	{"life/a refresh that panics", lifeRefreshPanics, true},
	{"life/a refresh that finds nothing", lifeRefreshNotFound, true},
	{"life/a refresh that takes longer than there is time", lifeRefreshLate, true},
	{"life/a refresh is joined with the scope", lifeRefreshJoined, true},
	{"life/what has expired is removed", lifeRemoved, true},
	{"life/what has no room is removed", lifeEvicted, false},
	{"life/weights", lifeWeights, false},
	{"life/time limit of a load", lifeTimeout, true},
	{"life/hooks", lifeHooks, false},
	{"life/statistics", lifeStatistics, true},
}

func lifeFresh(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		c := cache.New(g, new(source).load, config())
		get(t, ctx, c, 7, 1)
		sleep(t, ctx, time.Minute-1)
		get(t, ctx, c, 7, 1)
		sleep(t, ctx, 1)
		get(t, ctx, c, 7, 2)
		sleep(t, ctx, time.Minute-1)
		get(t, ctx, c, 7, 2)
	})
}

func lifeJitter(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		draw := 0.5
		c := cache.New(g, new(source).load, with(func(c *cache.Config[int, int]) {
			c.Jitter, c.Rand = 0.2, func() float64 { return draw }
		}))
		get(t, ctx, c, 7, 1) // for 54 s
		sleep(t, ctx, 54*time.Second-1)
		get(t, ctx, c, 7, 1)
		sleep(t, ctx, 1)
		draw = 0
		get(t, ctx, c, 7, 2) // for 60 s
		sleep(t, ctx, time.Minute-1)
		get(t, ctx, c, 7, 2)
	})
	scope(t, ctx, func(ctx context.Context, g *braid.Group) { // by default, what is loaded together is not gone together
		c := cache.New(g, new(source).load, cache.Config[int, int]{Size: 1000, TTL: time.Minute})
		for key := range 100 {
			_, err := c.Get(ctx, key)
			must(t, err)
		}
		sleep(t, ctx, 57*time.Second)
		fresh := 0
		for key := range 100 {
			if v, err := c.Get(ctx, key); err == nil && v <= 100 {
				fresh++
			}
		}
		if fresh < 10 || fresh > 90 {
			t.Errorf("%d of 100 are fresh in the middle of the jitter", fresh)
		}
	})
}

func lifeForever(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		c := cache.New(g, new(source).load, with(func(c *cache.Config[int, int]) {
			c.TTL, c.Jitter, c.Stale, c.RefreshAhead = cache.Forever, 0, time.Hour, time.Hour
		}))
		get(t, ctx, c, 7, 1)
		sleep(t, ctx, 100*365*24*time.Hour)
		get(t, ctx, c, 8, 2)
		get(t, ctx, c, 7, 1)
	})
}

func lifeTTLOf(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		ttl := time.Second
		var s source
		c := cache.New(g, s.load, with(func(c *cache.Config[int, int]) {
			c.TTLOf = func(int, int) time.Duration { return ttl }
			c.RefreshAhead = 15 * time.Second
		}))
		get(t, ctx, c, 7, 1)
		sleep(t, ctx, 750*time.Millisecond-1)
		get(t, ctx, c, 7, 1)
		equal(t, "calls", s.calls.Load(), 1) // not yet in the last quarter
		sleep(t, ctx, 250*time.Millisecond+1)
		get(t, ctx, c, 7, 2)
		ttl = time.Hour // no longer than TTL
		sleep(t, ctx, time.Second)
		get(t, ctx, c, 7, 3)
		sleep(t, ctx, time.Minute)
		ttl = 0 // not at all
		get(t, ctx, c, 7, 4)
		get(t, ctx, c, 7, 5)
		must(t, c.Set(ctx, 7, 100))
		get(t, ctx, c, 7, 6)
	})
}

func lifeErrors(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var s source
		s.down.Store(true)
		c := cache.New(g, s.load, with(func(c *cache.Config[int, int]) { c.ErrorTTL = 5 * time.Second }))
		getErr(t, ctx, c, 7, errDown)
		s.down.Store(false)
		sleep(t, ctx, 5*time.Second-1)
		getErr(t, ctx, c, 7, errDown)
		get(t, ctx, c, 8, 2) // of another key nothing is known
		sleep(t, ctx, 1)
		get(t, ctx, c, 7, 3)
	})
}

func lifeErrorsOff(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var s source
		s.down.Store(true)
		c := cache.New(g, s.load, with(func(c *cache.Config[int, int]) { c.ErrorTTL = -1 }))
		getErr(t, ctx, c, 7, errDown)
		s.down.Store(false)
		get(t, ctx, c, 7, 2)
	})
}

func lifeNegative(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var s source
		s.gone.Store(true)
		c := cache.New(g, s.load, config())
		getErr(t, ctx, c, 7, cache.ErrNotFound)
		s.gone.Store(false)
		sleep(t, ctx, cache.DefaultNegativeTTL-1)
		getErr(t, ctx, c, 7, cache.ErrNotFound)
		sleep(t, ctx, 1)
		get(t, ctx, c, 7, 2)
	})
}

func lifeNegativeOff(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var s source
		s.gone.Store(true)
		c := cache.New(g, s.load, with(func(c *cache.Config[int, int]) { c.NegativeTTL = -1 }))
		getErr(t, ctx, c, 7, cache.ErrNotFound)
		s.gone.Store(false)
		get(t, ctx, c, 7, 2)
	})
}

func stale(c *cache.Config[int, int]) { c.Stale, c.ErrorTTL = time.Hour, 10*time.Second }

func lifeStale(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var s source
		c := cache.New(g, s.load, with(stale))
		get(t, ctx, c, 7, 1)
		s.down.Store(true)
		sleep(t, ctx, time.Minute)
		get(t, ctx, c, 7, 1)
		equal(t, "calls", s.calls.Load(), 2)
		sleep(t, ctx, 10*time.Second-1)
		get(t, ctx, c, 7, 1)
		equal(t, "calls while the dependency is left alone", s.calls.Load(), 2)
		sleep(t, ctx, 1)
		get(t, ctx, c, 7, 1)
		equal(t, "calls", s.calls.Load(), 3)
		sleep(t, ctx, 10*time.Second)
		s.down.Store(false)
		get(t, ctx, c, 7, 4) // it is back

		s.down.Store(true)
		sleep(t, ctx, time.Hour+time.Minute-1)
		get(t, ctx, c, 7, 4)
		sleep(t, ctx, 1)
		getErr(t, ctx, c, 7, errDown)
	})
}

func lifeStaleNoPause(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var s source
		c := cache.New(g, s.load, with(func(c *cache.Config[int, int]) { c.Stale, c.ErrorTTL = time.Hour, -1 }))
		get(t, ctx, c, 7, 1)
		s.down.Store(true)
		sleep(t, ctx, time.Minute)
		get(t, ctx, c, 7, 1)
		get(t, ctx, c, 7, 1)
		equal(t, "calls", s.calls.Load(), 3)
	})
}

func lifeStaleNotFound(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		for _, negative := range []time.Duration{0, -1} {
			var s source
			c := cache.New(g, s.load, with(func(c *cache.Config[int, int]) { stale(c); c.NegativeTTL = negative }))
			get(t, ctx, c, 7, 1)
			s.gone.Store(true)
			sleep(t, ctx, time.Minute)
			getErr(t, ctx, c, 7, cache.ErrNotFound) // which is an answer
			s.gone.Store(false)
			s.down.Store(true)
			sleep(t, ctx, cache.DefaultNegativeTTL)
			getErr(t, ctx, c, 7, errDown) // the old value is forgotten
		}
	})
}

func lifeStalePanic(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		first := true
		c := cache.New(g, func(context.Context, int) (int, error) {
			if first {
				first = false
				return 1, nil
			}
			panic("boom")
		}, with(stale))
		get(t, ctx, c, 7, 1)
		sleep(t, ctx, time.Minute)
		_, err := c.Get(ctx, 7)
		if _, ok := errors.AsType[*braid.PanicError](err); !ok {
			t.Errorf("error is %v", err)
		}
	})
}

func ahead(c *cache.Config[int, int]) { c.RefreshAhead, c.ErrorTTL = 10*time.Second, 2*time.Second }

func lifeRefresh(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var s source
		c := cache.New(g, s.load, with(ahead))
		get(t, ctx, c, 7, 1)
		sleep(t, ctx, 50*time.Second-1)
		get(t, ctx, c, 7, 1)
		equal(t, "calls", s.calls.Load(), 1)
		sleep(t, ctx, 1)
		s.hold = new(braid.Event)
		for range 10 {
			get(t, ctx, c, 7, 1) // nobody waits
		}
		until(t, ctx, func() bool { return s.calls.Load() == 2 })
		get(t, ctx, c, 7, 1)
		s.hold.Set()
		until(t, ctx, func() bool { return c.Statistics().Loading == 0 })
		equal(t, "calls", s.calls.Load(), 2)
		get(t, ctx, c, 7, 2)
		sleep(t, ctx, time.Minute-1) // it has its full TTL
		get(t, ctx, c, 7, 2)
	})
}

func lifeRefreshFails(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var s source
		c := cache.New(g, s.load, with(ahead))
		get(t, ctx, c, 7, 1)
		s.down.Store(true)
		sleep(t, ctx, 50*time.Second)
		get(t, ctx, c, 7, 1)
		until(t, ctx, func() bool { return c.Statistics().Failures == 1 })
		sleep(t, ctx, 2*time.Second-1)
		get(t, ctx, c, 7, 1)
		sleep(t, ctx, 1)
		equal(t, "calls while the dependency is left alone", s.calls.Load(), 2)
		s.down.Store(false)
		get(t, ctx, c, 7, 1)
		until(t, ctx, func() bool { return c.Statistics().Loads == 3 })
		get(t, ctx, c, 7, 3)
	})
}

func lifeRefreshPanics(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var s source
		bad := false
		c := cache.New(g, func(ctx context.Context, key int) (int, error) {
			if bad {
				panic("boom")
			}
			return s.load(ctx, key)
		}, with(ahead))
		get(t, ctx, c, 7, 1)
		bad = true
		sleep(t, ctx, 50*time.Second)
		get(t, ctx, c, 7, 1)
		until(t, ctx, func() bool { return c.Statistics().Crashes == 1 })
		bad = false
		get(t, ctx, c, 7, 1)
		sleep(t, ctx, 2*time.Second)
		get(t, ctx, c, 7, 1)
		until(t, ctx, func() bool { return c.Statistics().Loads == 2 })
		get(t, ctx, c, 7, 2)
	})
}

func lifeRefreshNotFound(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var s source
		c := cache.New(g, s.load, with(ahead))
		get(t, ctx, c, 7, 1)
		s.gone.Store(true)
		sleep(t, ctx, 50*time.Second)
		get(t, ctx, c, 7, 1)
		until(t, ctx, func() bool { return c.Statistics().NotFound == 1 })
		getErr(t, ctx, c, 7, cache.ErrNotFound)
	})
}

func lifeRefreshLate(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		s := source{hold: new(braid.Event)}
		c := cache.New(g, s.load, with(ahead))
		must(t, c.Set(ctx, 7, 100))
		sleep(t, ctx, 50*time.Second)
		get(t, ctx, c, 7, 100)
		sleep(t, ctx, 10*time.Second) // it is over: who comes now waits for the refresh
		a := asking(t, ctx, g, c, 7)
		b := asking(t, ctx, g, c, 7)
		b.task.Cancel(errDown)
		b.wants(t, ctx, 0, errDown)
		s.hold.Set()
		a.wants(t, ctx, 1, nil)
		equal(t, "calls", s.calls.Load(), 1)
	})
}

func lifeRefreshJoined(t *testing.T, ctx context.Context) {
	var s source
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		c := cache.New(g, func(ctx context.Context, key int) (int, error) {
			if s.calls.Load() == 1 {
				sleep(t, ctx, time.Second)
			}
			return s.load(ctx, key)
		}, with(ahead))
		get(t, ctx, c, 7, 1)
		sleep(t, ctx, 50*time.Second)
		get(t, ctx, c, 7, 1)
	})
	equal(t, "calls when the scope has ended", s.calls.Load(), 2)
}

func lifeRemoved(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		c := cache.New(g, new(source).load, config())
		for key := range 500 {
			_, err := c.Get(ctx, key)
			must(t, err)
		}
		sleep(t, ctx, 3*time.Minute) // coarser than a nanosecond
		for key := 1000; c.Statistics().Expired < 500; key++ {
			if key > 3000 {
				t.Fatalf("%+v", c.Statistics())
			}
			_, err := c.Get(ctx, key)
			must(t, err)
		}
	})
}

func lifeEvicted(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		c := cache.New(g, new(source).load, with(func(c *cache.Config[int, int]) { c.Size = 10 }))
		for key := 0; c.Statistics().Evicted < 900; key++ { // the upkeep may be a little behind
			_, err := c.Get(ctx, key)
			must(t, err)
			if key > 100_000 {
				t.Fatalf("%+v", c.Statistics())
			}
		}
	})
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var s source
		c := cache.New(g, s.load, with(func(c *cache.Config[int, int]) { c.Size = 1 })) // works, too
		get(t, ctx, c, 7, 1)
		get(t, ctx, c, 8, 2)
	})
}

func lifeWeights(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		weight := 1
		var s source
		c := cache.New(g, s.load, with(func(c *cache.Config[int, int]) {
			c.Size, c.Weight = 100, func(int, int) int { return weight }
		}))
		get(t, ctx, c, 7, 1)
		get(t, ctx, c, 7, 1)
		for _, w := range []int{101, math.MaxInt} { // more than there is room for
			weight = w
			must(t, c.Set(ctx, 8, 0))
			until(t, ctx, func() bool { v, err := c.Get(ctx, 8); return err == nil && v > 0 })
		}
		for _, w := range []int{0, math.MinInt} { // no entry weighs nothing, or there would be no bound
			weight = w
			before := c.Statistics().Evicted
			for key := range 1000 {
				must(t, c.Set(ctx, key, 0))
			}
			until(t, ctx, func() bool {
				must(t, c.Set(ctx, 7, 0))
				return c.Statistics().Evicted > before+800
			})
		}
	})
}

func lifeTimeout(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		s := source{hold: new(braid.Event)}
		c := cache.New(g, s.load, with(func(c *cache.Config[int, int]) { c.LoadTimeout = time.Second }))
		start := braid.Time(ctx)
		getErr(t, ctx, c, 7, braid.ErrTimeout)
		equal(t, "time", braid.Time(ctx).Sub(start), time.Second)
		getErr(t, ctx, c, 7, braid.ErrTimeout)
		equal(t, "calls", s.calls.Load(), 1) // it is kept like other errors

		unlimited := cache.New(g, func(ctx context.Context, _ int) (int, error) {
			if _, ok := ctx.Deadline(); ok {
				t.Error("there is a deadline")
			}
			return 1, nil
		}, with(func(c *cache.Config[int, int]) { c.LoadTimeout = -1 }))
		get(t, ctx, unlimited, 7, 1)
	})
}

func lifeHooks(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var s source
		var got []cache.Load[int]
		c := cache.New(g, s.load, with(func(c *cache.Config[int, int]) {
			c.OnLoad = func(l cache.Load[int]) {
				l.Took = 0
				got = append(got, l)
				panic("goes no further")
			}
			c.ErrorTTL = -1
		}))
		get(t, ctx, c, 7, 1)
		s.down.Store(true)
		getErr(t, ctx, c, 8, errDown)
		if len(got) != 2 || got[0] != (cache.Load[int]{Key: 7}) || got[1] != (cache.Load[int]{Key: 8, Err: errDown}) {
			t.Errorf("heard of %+v", got)
		}
	})
}

func lifeStatistics(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var s source
		c := cache.New(g, s.load, with(stale))
		equal(t, "name", c.Name(), "numbers")
		for range 5 {
			get(t, ctx, c, 7, 1)
		}
		s.gone.Store(true)
		getErr(t, ctx, c, 8, cache.ErrNotFound)
		s.gone.Store(false)
		s.down.Store(true)
		getErr(t, ctx, c, 9, errDown)
		sleep(t, ctx, time.Minute)
		get(t, ctx, c, 7, 1)
		get(t, ctx, c, 7, 1)
		st := c.Statistics()
		equal(t, "statistics", st, cache.Statistics{
			Len: st.Len, Max: 1000, Expired: st.Expired, // when they are removed is otter's business
			Hits: 5, StaleHits: 1, Misses: 4, Loads: 4, NotFound: 1, Failures: 2, Stale: 1,
		})
	})
}

func TestConfig(t *testing.T) {
	t.Parallel()
	_ = braid.Run(t.Context(), func(_ context.Context, g *braid.Group) error {
		load := new(source).load
		for part, change := range map[string]func(*cache.Config[int, int]){
			"Size is 0":            func(c *cache.Config[int, int]) { c.Size = 0 },
			"Size is -1":           func(c *cache.Config[int, int]) { c.Size = -1 },
			"TTL is 0s":            func(c *cache.Config[int, int]) { c.TTL = 0 },
			"TTL is -1s":           func(c *cache.Config[int, int]) { c.TTL = -time.Second },
			"Jitter is 1.5":        func(c *cache.Config[int, int]) { c.Jitter = 1.5 },
			"Jitter is NaN":        func(c *cache.Config[int, int]) { c.Jitter = math.NaN() },
			"Stale is -1ns":        func(c *cache.Config[int, int]) { c.Stale = -1 },
			"RefreshAhead is -1ns": func(c *cache.Config[int, int]) { c.RefreshAhead = -1 },
			"RefreshAhead is 1m0s": func(c *cache.Config[int, int]) { c.RefreshAhead = time.Minute },
			"RefreshAhead is 55s":  func(c *cache.Config[int, int]) { c.RefreshAhead, c.Jitter = 55*time.Second, 0 },
			"but no Tier":          func(c *cache.Config[int, int]) { c.Codec = cache.JSON[int]() },
			"New numbers: Config":  func(c *cache.Config[int, int]) { c.Size = 0 },
		} {
			wantPanic(t, part, func() { cache.New(g, load, with(change)) })
		}
		wantPanic(t, "needs the group", func() { cache.New(nil, load, config()) })
		wantPanic(t, "the one given is nil", func() { cache.New(g, nil, config()) })
		wantPanic(t, "the one given is nil", func() { cache.NewMemo(g, nil, load, config()) })
		wantPanic(t, "the one given is nil", func() { cache.NewMemo[int](g, func(i int) int { return i }, nil, config()) })
		wantPanic(t, "TierKey is needed for keys of type float64", func() {
			cache.New(g, func(context.Context, float64) (int, error) { return 0, nil },
				cache.Config[float64, int]{Size: 1, TTL: 1, Tier: newMemory()})
		})
		wantPanic(t, "TierKey is needed for keys of type time.Duration", func() { // 1000 ns and 1 µs are told apart, but not by every String
			cache.New(g, func(context.Context, time.Duration) (int, error) { return 0, nil },
				cache.Config[time.Duration, int]{Size: 1, TTL: 1, Tier: newMemory()})
		})
		cache.New(g, load, cache.Config[int, int]{Size: math.MaxInt, TTL: 1, Weight: func(int, int) int { return 1 }})
		return nil
	})
}

// What a name must not have, nobody checks; but errors and tasks have it.
func TestNames(t *testing.T) {
	t.Parallel()
	var s source
	s.hold = new(braid.Event)
	_ = braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
		c := cache.New(g, s.load, with(func(c *cache.Config[int, int]) { c.TaskName = func(int) string { return "seven" } }))
		a := asking(t, ctx, g, c, 7)
		until(t, ctx, s.begun.IsSet)
		names := ""
		for _, task := range g.Unfinished() {
			names += task.Path + "\n"
		}
		if !strings.Contains(names, "shop/load numbers seven\n") {
			t.Errorf("tasks:\n%s", names)
		}
		until(t, ctx, func() bool { return strings.Contains(a.task.Waiting(), "future") })
		s.hold.Set()
		a.wants(t, ctx, 1, nil)
		plain := cache.New(g, func(ctx context.Context, _ int) (int, error) {
			equal(t, "name", braid.Current(ctx).Path(), "shop/load cache")
			return 1, nil
		}, cache.Config[int, int]{Size: 1, TTL: 1})
		get(t, ctx, plain, 7, 1)
		return nil
	}, braid.Name("shop"))
}
