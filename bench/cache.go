package main

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jellydator/ttlcache/v3"
	"github.com/maypok86/otter/v2"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/x/cache"
)

// A cache around a function, beside the caches that it is made of or could be made of, bare. All hold 1,000 keys for an hour;
// "roomy" ones have room for ten times as many, "full" ones for no more.
//
// A hit is a call for a key that is there, by one task. In a crowd, 1,000 tasks at a time ask for one key that is not,
// and each load lets others run once.

//go:embed python/async_cache.py
var asyncCacheFile []byte

const (
	cachedKeys = 1000
	perCall    = "a call"
)

func caches() []benchmark {
	return []benchmark{
		{"cache/hit/roomy", hitDuel("roomy", 10*cachedKeys)},
		{"cache/hit/full", hitDuel("full", cachedKeys)},
		{"cache/crowd", duel{
			title: "cache, 1,000 misses of one key",
			unit:  perCall,
			batch: cachedKeys,
			sides: []side{
				{name: "otter, Get", run: crowdOtter},
				{name: "cache", maxRatio: 2, run: crowdCache},
			},
		}.run},
		{"cache/python", cachePython},
	}
}

// hitDuel measures hits in caches of a size, which are filled once.
func hitDuel(name string, size int) func(context.Context, config) ([]row, error) {
	return func(ctx context.Context, c config) (rows []row, err error) {
		err = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			byOtter := newOtter(size)
			defer byOtter.StopAllGoroutines()
			var err error
			rows, err = duel{
				title: "cache, a hit, " + name,
				unit:  perCall,
				sides: []side{
					hits(ctx, "otter, Get", otterGet(byOtter)),
					bounded(hits(ctx, "cache", cache.New(g, square, cacheConfig(size)).Get)),
					hits(ctx, "cache, Memo", memoGet(g, size)),
					hits(ctx, "otter, GetIfPresent", otterGetIfPresent(byOtter)),
					hits(ctx, "ttlcache, Get", ttlcacheGet(size)),
				},
			}.run(ctx, c)
			return err
		})
		return rows, err
	}
}

// bounded is a side with the bounds of the project.
func bounded(s side) side {
	s.maxRatio, s.maxAllocs = 1.3, none
	return s
}

// hits is a side that calls get for keys that it has been called for before.
func hits(ctx context.Context, name string, get func(context.Context, int) (int, error)) side {
	var failed error
	for i := range cachedKeys {
		if _, err := get(ctx, i); err != nil {
			failed = err
		}
	}
	return side{name: name, run: func(ctx context.Context, n int) error {
		for i := range n {
			if v, err := get(ctx, i%cachedKeys); err != nil || v != (i%cachedKeys)*(i%cachedKeys) {
				return fmt.Errorf("key %d has value %d and error %w", i%cachedKeys, v, err)
			}
		}
		return failed
	}}
}

func square(_ context.Context, i int) (int, error) { return i * i, nil }

func newOtter(size int) *otter.Cache[int, int] {
	return otter.Must(&otter.Options[int, int]{MaximumSize: size, ExpiryCalculator: otter.ExpiryWriting[int, int](time.Hour)})
}

func otterGet(c *otter.Cache[int, int]) func(context.Context, int) (int, error) {
	load := otter.LoaderFunc[int, int](square)
	return func(ctx context.Context, key int) (int, error) { return c.Get(ctx, key, load) }
}

func otterGetIfPresent(c *otter.Cache[int, int]) func(context.Context, int) (int, error) {
	return func(_ context.Context, key int) (int, error) {
		v, ok := c.GetIfPresent(key)
		if !ok {
			v = key * key
			c.Set(key, v)
		}
		return v, nil
	}
}

func ttlcacheGet(size int) func(context.Context, int) (int, error) {
	c := ttlcache.New(
		ttlcache.WithTTL[int, int](time.Hour),
		ttlcache.WithCapacity[int, int](uint64(size)),
		ttlcache.WithDisableTouchOnHit[int, int](),
		ttlcache.WithLoader(ttlcache.LoaderFunc[int, int](func(c *ttlcache.Cache[int, int], key int) *ttlcache.Item[int, int] {
			return c.Set(key, key*key, ttlcache.DefaultTTL)
		})),
	)
	return func(_ context.Context, key int) (int, error) { return c.Get(key).Value(), nil }
}

func cacheConfig(size int) cache.Config[int, int] {
	return cache.Config[int, int]{Size: size, TTL: time.Hour}
}

// memoGet makes the key of a struct.
func memoGet(g *braid.Group, size int) func(context.Context, int) (int, error) {
	type query struct {
		words []string
		page  int
	}
	m := cache.NewMemo(g, func(q query) int { return q.page * len(q.words) },
		func(ctx context.Context, q query) (int, error) { return square(ctx, q.page) }, cacheConfig(size))
	tea := []string{"tea"}
	return func(ctx context.Context, key int) (int, error) { return m.Get(ctx, query{words: tea, page: key}) }
}

// yielding counts calls and lets others run.
func yielding(calls *atomic.Int64) func(context.Context, int) (int, error) {
	return func(ctx context.Context, i int) (int, error) {
		calls.Add(1)
		return i * i, braid.Yield(ctx)
	}
}

// once makes sure that each key was loaded once.
func once(err error, calls int64, n int) error {
	if err == nil && calls != int64(n/cachedKeys) {
		return fmt.Errorf("%d keys were loaded %d times", n/cachedKeys, calls)
	}
	return err
}

func crowdOtter(ctx context.Context, n int) error {
	c := newOtter(10 * cachedKeys)
	defer c.StopAllGoroutines()
	var calls atomic.Int64
	load := otter.LoaderFunc[int, int](yielding(&calls))
	var failed atomic.Pointer[error]
	for key := range n / cachedKeys {
		var all sync.WaitGroup
		for range cachedKeys {
			all.Go(func() {
				if _, err := c.Get(ctx, key, load); err != nil {
					failed.Store(&err)
				}
			})
		}
		all.Wait()
	}
	if err := failed.Load(); err != nil {
		return *err
	}
	return once(nil, calls.Load(), n)
}

func crowdCache(ctx context.Context, n int) error {
	var calls atomic.Int64
	err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		c := cache.New(g, yielding(&calls), cacheConfig(10*cachedKeys))
		for key := range n / cachedKeys {
			err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				for range cachedKeys {
					g.Go(func(ctx context.Context) error {
						_, err := c.Get(ctx, key)
						return err
					})
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return once(err, calls.Load(), n)
}

// cachePython measures a cache beside one that is written for asyncio.
func cachePython(ctx context.Context, c config) ([]row, error) {
	py, clean, err := findPython(ctx)
	if err != nil {
		return nil, err
	}
	defer clean()
	if !py.has(asyncio) {
		return nil, nil
	}
	var rows []row
	err = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		for _, w := range []struct {
			work, title string
			own         side
			n, theirs   int
		}{
			{"hit", "a hit", hits(ctx, "cache", cache.New(g, square, cacheConfig(10*cachedKeys)).Get), 1_000_000, 200_000},
			{"crowd", "1,000 misses of one key", side{name: "cache", maxRatio: 1, run: crowdCache}, 100_000, 50_000},
		} {
			var xs, ys []sample
			for range c.children {
				x, err := measure(ctx, w.own, w.n)
				if err != nil {
					return err
				}
				y, err := py.measure(ctx, "async_cache.py", asyncCacheFile, w.work, strconv.Itoa(w.theirs))
				if err != nil {
					return err
				}
				xs, ys = append(xs, x), append(ys, y)
			}
			d := duel{title: "cache beside asyncio, " + w.title, unit: perCall}
			rows = append(rows, d.row(w.own, xs, side{name: "asyncio"}, ys))
		}
		return nil
	})
	return rows, err
}
