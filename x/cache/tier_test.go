package cache_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/x/cache"
	"github.com/braid-go/braid/x/cache/cachetest"
)

// The second tier.

var tierCases = []testCase{
	{"tier/what one loads another finds", tierShared, true},
	{"tier/an age is kept", tierAge, true},
	{"tier/stale values", tierStale, true},
	{"tier/nothing found", tierNegative, true},
	{"tier/errors are not shared", tierErrors, false},
	{"tier/set and invalidate", tierWrites, false},
	{"tier/a tier that is down", tierDown, false},
	{"tier/a tier that hangs", tierHangs, true},
	{"tier/refresh", tierRefresh, true},
	{"tier/a load does not wait for what is shared", tierBehind, false},
	{"tier/invalidate while a value is on its way", tierInvalidateBehind, false},
	{"tier/invalidate while the tier is read", tierInvalidateRead, false},
	{"tier/a newer value overtakes", tierOvertake, false},
	{"tier/cancelled while it waits", tierCancelled, false},
	{"tier/something else is in there", tierGarbage, false},
	{"tier/a codec that fails", tierCodec, false},
	{"tier/panics", tierPanics, false},
	{"tier/forever", tierForever, true},
	{"tier/clocks that differ", tierClocks, true},
	{"tier/scope is over", tierScopeOver, false},
}

func newMemory() cache.Tier { return cachetest.NewTier() }

// tier is a tier that can fail and be held up.
type tier struct {
	*cachetest.Tier

	down       atomic.Bool
	holdGet    *braid.Event // after it has looked
	holdSet    *braid.Event
	gets, sets atomic.Int32
	setting    braid.Event
	got        braid.Event
	panics     atomic.Bool
}

func newTier() *tier { return &tier{Tier: cachetest.NewTier()} }

func (f *tier) Get(ctx context.Context, key string) ([]byte, bool, error) {
	f.gets.Add(1)
	if f.panics.Load() {
		panic("tier")
	}
	if f.down.Load() {
		return nil, false, errDown
	}
	data, ok, err := f.Tier.Get(ctx, key)
	f.got.Set()
	if f.holdGet != nil {
		if err := f.holdGet.Wait(ctx); err != nil {
			return nil, false, err
		}
	}
	return data, ok, err
}

func (f *tier) Set(ctx context.Context, key string, data []byte, ttl time.Duration) error {
	f.sets.Add(1)
	if f.panics.Load() {
		panic("tier")
	}
	if f.down.Load() {
		return errDown
	}
	f.setting.Set()
	if f.holdSet != nil {
		if err := f.holdSet.Wait(ctx); err != nil {
			return err
		}
	}
	return f.Tier.Set(ctx, key, data, ttl)
}

func (f *tier) Delete(ctx context.Context, key string) error {
	if f.down.Load() {
		return errDown
	}
	return f.Tier.Delete(ctx, key)
}

func over(f cache.Tier, more ...func(*cache.Config[int, int])) cache.Config[int, int] {
	return with(func(c *cache.Config[int, int]) {
		c.Tier, c.TierTimeout = f, time.Hour
		for _, m := range more {
			m(c)
		}
	})
}

// quiet waits until no task of c runs.
func quiet(t *testing.T, ctx context.Context, c *cache.Cache[int, int]) {
	t.Helper()
	until(t, ctx, func() bool { return c.Statistics().Loading == 0 })
}

func tierShared(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		f := newTier()
		var s source
		a := cache.New(g, s.load, over(f))
		get(t, ctx, a, 7, 1)
		quiet(t, ctx, a)
		var heard cache.Load[int]
		b := cache.New(g, s.load, over(f, func(c *cache.Config[int, int]) {
			c.OnLoad = func(l cache.Load[int]) { heard = l }
		}))
		get(t, ctx, b, 7, 1)
		get(t, ctx, b, 7, 1)
		equal(t, "calls", s.calls.Load(), 1)
		equal(t, "gets", f.gets.Load(), 2)
		if !heard.FromTier || heard.Key != 7 {
			t.Errorf("heard of %+v", heard)
		}
		st := b.Statistics()
		if st.TierHits != 1 || st.Loads != 0 || a.Statistics().TierMisses != 1 {
			t.Errorf("%+v", st)
		}
		other := cache.New(g, s.load, over(f, func(c *cache.Config[int, int]) { c.Name = "other" }))
		get(t, ctx, other, 7, 2) // names keep caches apart
		quiet(t, ctx, other)
		sleep(t, ctx, time.Minute)
		get(t, ctx, b, 7, 3)
	})
}

func tierAge(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		f := newTier()
		var s source
		a := cache.New(g, s.load, over(f))
		get(t, ctx, a, 7, 1)
		quiet(t, ctx, a)
		sleep(t, ctx, 59*time.Second)
		b := cache.New(g, s.load, over(f))
		get(t, ctx, b, 7, 1)
		sleep(t, ctx, time.Second)
		get(t, ctx, b, 7, 2) // and not after another minute
	})
}

func tierStale(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		f := newTier()
		var s source
		a := cache.New(g, s.load, over(f, stale))
		get(t, ctx, a, 7, 1)
		quiet(t, ctx, a)
		sleep(t, ctx, 2*time.Minute)
		s.down.Store(true)
		b := cache.New(g, s.load, over(f, stale))
		get(t, ctx, b, 7, 1) // loaded, which failed, and taken from the tier
		equal(t, "calls", s.calls.Load(), 2)
		equal(t, "stale", b.Statistics().Stale, 1)
		getErr(t, ctx, cache.New(g, s.load, over(f)), 7, errDown) // one that does not want stale values
		sleep(t, ctx, time.Hour)
		getErr(t, ctx, b, 7, errDown)
	})
}

func tierNegative(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		f := newTier()
		var s source
		s.gone.Store(true)
		a := cache.New(g, s.load, over(f))
		getErr(t, ctx, a, 7, cache.ErrNotFound)
		quiet(t, ctx, a)
		b := cache.New(g, s.load, over(f))
		getErr(t, ctx, b, 7, cache.ErrNotFound)
		equal(t, "calls", s.calls.Load(), 1)
		off := cache.New(g, s.load, over(f, func(c *cache.Config[int, int]) { c.NegativeTTL = -1 }))
		getErr(t, ctx, off, 7, cache.ErrNotFound)
		equal(t, "calls", s.calls.Load(), 2)
		quiet(t, ctx, off) // which has deleted it there
		s.gone.Store(false)
		e := cache.New(g, s.load, over(f))
		get(t, ctx, e, 7, 3)

		wrapped := cache.New(g, func(context.Context, int) (int, error) {
			return 0, errors.Join(errors.New("no user 8"), cache.ErrNotFound)
		}, over(f))
		getErr(t, ctx, wrapped, 8, cache.ErrNotFound)
		quiet(t, ctx, wrapped)
		_, err := cache.New(g, s.load, over(f)).Get(ctx, 8)
		wantErr(t, err, cache.ErrNotFound)
		if !strings.Contains(err.Error(), "no user 8") {
			t.Errorf("error is %v", err)
		}
	})
}

func tierErrors(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		f := newTier()
		var s source
		s.down.Store(true)
		a := cache.New(g, s.load, over(f))
		getErr(t, ctx, a, 7, errDown)
		quiet(t, ctx, a)
		equal(t, "values in the tier", f.Len(), 0)
	})
}

func tierWrites(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		f := newTier()
		var s source
		a := cache.New(g, s.load, over(f))
		must(t, a.Set(ctx, 7, 100))
		get(t, ctx, a, 7, 100)
		get(t, ctx, cache.New(g, s.load, over(f)), 7, 100)
		must(t, a.Invalidate(ctx, 7))
		equal(t, "values in the tier", f.Len(), 0)
		get(t, ctx, a, 7, 1)
		quiet(t, ctx, a)
		a.Clear() // only here
		get(t, ctx, a, 7, 1)
		none := cache.New(g, s.load, over(f, func(c *cache.Config[int, int]) {
			c.TTLOf = func(int, int) time.Duration { return 0 }
		}))
		must(t, none.Set(ctx, 7, 100)) // a value that is not kept is not kept there either
		equal(t, "values in the tier", f.Len(), 0)
	})
}

func tierDown(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		f := newTier()
		f.down.Store(true)
		var s source
		var heard []error
		c := cache.New(g, s.load, over(f, func(c *cache.Config[int, int]) {
			c.OnTierError = func(key int, err error) {
				if key == 7 {
					heard = append(heard, err)
				}
				panic("goes no further")
			}
		}))
		get(t, ctx, c, 7, 1)
		quiet(t, ctx, c)
		equal(t, "errors heard of", len(heard), 2)
		wantErr(t, heard[0], errDown)
		wantErr(t, c.Set(ctx, 8, 100), errDown)
		get(t, ctx, c, 8, 100) // this process has it
		wantErr(t, c.Invalidate(ctx, 8), errDown)
		get(t, ctx, c, 8, 2) // and has forgotten it, because the tier cannot be asked
	})
}

func tierHangs(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		f := newTier()
		f.holdGet, f.holdSet = new(braid.Event), new(braid.Event)
		var s source
		c := cache.New(g, s.load, over(f, func(c *cache.Config[int, int]) { c.TierTimeout = time.Second }))
		start := braid.Time(ctx)
		get(t, ctx, c, 7, 1)
		equal(t, "time", braid.Time(ctx).Sub(start), time.Second)
		wantErr(t, c.Set(ctx, 8, 100), braid.ErrTimeout)
		get(t, ctx, c, 8, 100)
		quiet(t, ctx, c)
		equal(t, "errors", c.Statistics().TierErrors, 3)
	})
}

func tierRefresh(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		f := newTier()
		var s source
		a, b := cache.New(g, s.load, over(f, ahead)), cache.New(g, s.load, over(f, ahead))
		get(t, ctx, a, 7, 1)
		quiet(t, ctx, a)
		get(t, ctx, b, 7, 1)
		sleep(t, ctx, 55*time.Second)
		get(t, ctx, a, 7, 1)
		quiet(t, ctx, a)
		get(t, ctx, a, 7, 2)
		get(t, ctx, b, 7, 1) // finds that another has done it
		quiet(t, ctx, b)
		get(t, ctx, b, 7, 2)
		equal(t, "calls", s.calls.Load(), 2)
	})
}

func tierBehind(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		f := newTier()
		f.holdSet = new(braid.Event)
		var s source
		c := cache.New(g, s.load, over(f))
		get(t, ctx, c, 7, 1) // although the tier hangs
		get(t, ctx, c, 7, 1)
		until(t, ctx, f.setting.IsSet)
		equal(t, "tasks", c.Statistics().Loading, 1)
		must(t, c.Close(ctx)) // which joins it
		equal(t, "tasks", c.Statistics().Loading, 0)
	})
}

func tierInvalidateBehind(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		f := newTier()
		f.holdSet = new(braid.Event)
		var s source
		c := cache.New(g, s.load, over(f))
		get(t, ctx, c, 7, 1)
		until(t, ctx, f.setting.IsSet)
		inv := g.Go(func(ctx context.Context) error { return c.Invalidate(ctx, 7) })
		until(t, ctx, func() bool { return strings.Contains(inv.Waiting(), "mutex") }) // it must not overtake
		f.holdSet.Set()
		must(t, inv.Wait(ctx))
		quiet(t, ctx, c)
		equal(t, "values in the tier", f.Len(), 0)
		get(t, ctx, c, 7, 2)
	})
}

func tierInvalidateRead(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		f := newTier()
		var s source
		c := cache.New(g, s.load, over(f))
		must(t, c.Set(ctx, 7, 100))
		c.Clear()
		f.holdGet = new(braid.Event)
		a := asking(t, ctx, g, c, 7)
		until(t, ctx, f.got.IsSet) // it has read the old value
		must(t, c.Invalidate(ctx, 7))
		f.holdGet.Set()
		a.wants(t, ctx, 100, nil) // it asked before
		get(t, ctx, c, 7, 1)
	})
}

func tierOvertake(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		f := newTier()
		f.holdSet = new(braid.Event)
		var s source
		c := cache.New(g, s.load, over(f))
		set := g.Go(func(ctx context.Context) error { return c.Set(ctx, 7, 100) })
		until(t, ctx, f.setting.IsSet)
		get(t, ctx, c, 7, 1) // loads while Set speaks to the tier, so it is older
		f.holdSet.Set()
		must(t, set.Wait(ctx))
		quiet(t, ctx, c)
		get(t, ctx, c, 7, 100)
		get(t, ctx, cache.New(g, s.load, over(f)), 7, 100)
	})
}

func tierCancelled(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		f := newTier()
		f.holdSet = new(braid.Event)
		var s source
		c := cache.New(g, s.load, over(f))
		get(t, ctx, c, 7, 1)
		until(t, ctx, f.setting.IsSet)
		for _, write := range []func(context.Context) error{
			func(ctx context.Context) error { return c.Set(ctx, 7, 100) },
			func(ctx context.Context) error { return c.Invalidate(ctx, 7) },
		} {
			var err error
			h := g.Go(func(ctx context.Context) error { err = write(ctx); return nil })
			until(t, ctx, func() bool { return strings.Contains(h.Waiting(), "mutex") })
			h.Cancel(errDown)
			must(t, h.Wait(ctx))
			wantErr(t, err, errDown)
			if !strings.Contains(err.Error(), "numbers: the tier was not told") {
				t.Errorf("error is %v", err)
			}
		}
		f.holdSet.Set()
		quiet(t, ctx, c)
		get(t, ctx, c, 7, 1) // from the tier, which was not told
	})
}

func tierGarbage(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		f := newTier()
		var s source
		c := cache.New(g, s.load, over(f, func(c *cache.Config[int, int]) { c.TTL = cache.Forever }))
		for i, data := range []string{
			"", "x", strings.Repeat("x", 18), "\x01\x00" + strings.Repeat("\xff", 16) + "1", "\x02\x00" + strings.Repeat("\x7f", 16) + "1",
			"\x01\x00" + strings.Repeat("\x7f", 16) + "no json", "\x01\x02" + strings.Repeat("\x7f", 16),
		} {
			must(t, f.Tier.Set(ctx, "numbers:7", []byte(data), time.Hour))
			get(t, ctx, c, 7, i+1)
			quiet(t, ctx, c)
			c.Clear()
		}
		get(t, ctx, c, 7, 7)
	})
}

type badCodec struct{}

func (badCodec) Encode(int) ([]byte, error) { return nil, errDown }
func (badCodec) Decode([]byte) (int, error) { return 0, errDown }

func tierCodec(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		f := newTier()
		var s source
		c := cache.New(g, s.load, over(f, func(c *cache.Config[int, int]) { c.Codec = badCodec{} }))
		get(t, ctx, c, 7, 1)
		wantErr(t, c.Set(ctx, 7, 100), errDown)
		get(t, ctx, c, 7, 100)
		must(t, cache.New(g, s.load, over(f)).Set(ctx, 8, 5))
		get(t, ctx, c, 8, 2)
	})
}

func tierPanics(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		f := newTier()
		f.panics.Store(true)
		var s source
		c := cache.New(g, s.load, over(f))
		_, err := c.Get(ctx, 7)
		if _, ok := errors.AsType[*braid.PanicError](err); !ok {
			t.Errorf("error is %v", err)
		}
		wantPanic(t, "tier", func() { _ = c.Set(ctx, 7, 100) })
		f.panics.Store(false)
		get(t, ctx, c, 7, 1) // nothing is left locked
		must(t, c.Set(ctx, 7, 100))
		c.Clear()
		get(t, ctx, c, 7, 100)
	})
}

func tierForever(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		f := newTier()
		var s source
		forever := func(c *cache.Config[int, int]) { c.TTL = cache.Forever }
		a := cache.New(g, s.load, over(f, forever))
		get(t, ctx, a, 7, 1)
		quiet(t, ctx, a)
		sleep(t, ctx, 50*365*24*time.Hour)
		get(t, ctx, cache.New(g, s.load, over(f, forever)), 7, 1)
		b := cache.New(g, s.load, over(f)) // has a TTL
		get(t, ctx, b, 7, 1)
		must(t, f.Delete(ctx, "numbers:7"))
		sleep(t, ctx, time.Minute)
		get(t, ctx, b, 7, 2)
	})
}

// Whatever the clock of the process says that wrote it, a value lives no longer than the TTL here.
func tierClocks(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		f := newTier()
		var s source
		a := cache.New(g, s.load, over(f, func(c *cache.Config[int, int]) { c.TTL = 24 * time.Hour }))
		get(t, ctx, a, 7, 1)
		quiet(t, ctx, a)
		b := cache.New(g, s.load, over(f))
		get(t, ctx, b, 7, 1)
		must(t, f.Delete(ctx, "numbers:7"))
		sleep(t, ctx, time.Minute)
		get(t, ctx, b, 7, 2)
	})
}

func tierScopeOver(t *testing.T, ctx context.Context) {
	f := newTier()
	var c *cache.Cache[int, int]
	s := source{}
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		f.holdSet = new(braid.Event)
		c = cache.New(g, s.load, over(f))
		get(t, ctx, c, 7, 1)
		until(t, ctx, f.setting.IsSet)
		g.Cancel(nil) // the value on its way is cancelled, and joined
	})
	equal(t, "tasks", c.Statistics().Loading, 0)
	equal(t, "values in the tier", f.Len(), 0)
	equal(t, "errors", c.Statistics().TierErrors, 1)
	getErr(t, ctx, c, 8, cache.ErrClosed)
}
