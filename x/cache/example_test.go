package cache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/x/cache"
	"github.com/braid-go/braid/x/cache/cachetest"
)

// run is a program whose scope is called shop. Its panics are not logged.
func run(body func(context.Context, *braid.Group) error) {
	err := braid.Run(context.Background(), body, braid.Name("shop"), braid.PanicHook(func(*braid.PanicError) {}))
	if err != nil {
		fmt.Println(err)
	}
}

// square takes its time.
func square(ctx context.Context, n int) (int, error) {
	fmt.Println("loading", n)
	return n * n, braid.Sleep(ctx, time.Millisecond)
}

// An async cache: a function that is called once for each argument, however many ask, and again when the result is too old.
func Example() {
	run(func(ctx context.Context, g *braid.Group) error {
		squares := cache.New(g, square, cache.Config[int, int]{Name: "squares", Size: 1000, TTL: time.Minute})
		seven := func(ctx context.Context) (int, error) { return squares.Get(ctx, 7) }
		fmt.Println(braid.Gather(ctx, seven, seven, seven)) // load once
		fmt.Println(squares.Get(ctx, 7))                    // not at all
		return nil
	})
	// Output:
	// loading 7
	// [49 49 49] <nil>
	// 49 <nil>
}

// A loading function may ask its own cache for other keys: each number is computed once.
func ExampleNew() {
	run(func(ctx context.Context, g *braid.Group) error {
		var fib *cache.Cache[int, int]
		fib = cache.New(g, func(ctx context.Context, n int) (int, error) {
			if n < 2 {
				return n, nil
			}
			a, err := fib.Get(ctx, n-1)
			if err != nil {
				return 0, err
			}
			b, err := fib.Get(ctx, n-2)
			return a + b, err
		}, cache.Config[int, int]{Name: "fib", Size: 100, TTL: cache.Forever})
		fmt.Println(fib.Get(ctx, 50))
		fmt.Println(fib.Statistics().Loads, "loads")
		return nil
	})
	// Output:
	// 12586269025 <nil>
	// 51 loads
}

// One that asks for the key that it loads would wait for itself.
func ExampleNew_deadlock() {
	run(func(ctx context.Context, g *braid.Group) error {
		var c *cache.Cache[string, int]
		c = cache.New(g, func(ctx context.Context, key string) (int, error) { return c.Get(ctx, key) },
			cache.Config[string, int]{Size: 100, TTL: time.Minute})
		_, err := c.Get(ctx, "a")
		fmt.Println(errors.Is(err, braid.ErrSelfDeadlock))
		return nil
	})
	// Output:
	// true
}

// The argument may be anything that a key can be made of.
func ExampleNewMemo() {
	type query struct {
		Words []string
		Page  int
	}
	run(func(ctx context.Context, g *braid.Group) error {
		key := func(q query) string { return fmt.Sprint(q.Page, q.Words) }
		search := cache.NewMemo(g, key, func(_ context.Context, q query) (string, error) {
			fmt.Println("searching")
			return strings.Join(q.Words, "+"), nil
		}, cache.Config[string, string]{Name: "search", Size: 1000, TTL: time.Minute})
		for range 2 {
			fmt.Println(search.Get(ctx, query{Words: []string{"green", "tea"}}))
		}
		return nil
	})
	// Output:
	// searching
	// green+tea <nil>
	// green+tea <nil>
}

// What is forgotten is known by its key.
func ExampleMemo_Key() {
	run(func(ctx context.Context, g *braid.Group) error {
		m := cache.NewMemo(g, strings.ToLower, func(_ context.Context, word string) (int, error) {
			fmt.Println("measuring", word)
			return len(word), nil
		}, cache.Config[string, int]{Size: 100, TTL: time.Minute})
		_, _ = m.Get(ctx, "Tea")
		_, _ = m.Get(ctx, "TEA")
		fmt.Println(m.Key("TEA"), m.Invalidate(ctx, m.Key("TEA")))
		_, _ = m.Get(ctx, "TEA")
		return nil
	})
	// Output:
	// measuring Tea
	// tea <nil>
	// measuring TEA
}

// Who waits goes when its ctx ends. The load goes on for the others.
func ExampleCache_Get_cancelled() {
	run(func(ctx context.Context, g *braid.Group) error {
		var gate braid.Event
		c := cache.New(g, func(ctx context.Context, n int) (int, error) { return n * n, gate.Wait(ctx) },
			cache.Config[int, int]{Size: 100, TTL: time.Minute})
		patient := braid.Go(g, func(ctx context.Context) (int, error) { return c.Get(ctx, 7) })
		err := braid.Timeout(ctx, time.Millisecond, func(ctx context.Context) error {
			_, err := c.Get(ctx, 7)
			return err
		})
		fmt.Println(err)
		gate.Set()
		fmt.Println(patient.Wait(ctx))
		return nil
	})
	// Output:
	// braid: timeout of 1ms ran out in task shop
	// 49 <nil>
}

// When the last one has gone, the load is cancelled.
func ExampleCache_Get_unwanted() {
	run(func(ctx context.Context, g *braid.Group) error {
		c := cache.New(g, func(ctx context.Context, _ int) (int, error) {
			err := new(braid.Event).Wait(ctx)
			fmt.Println("the load:", err)
			return 0, err
		}, cache.Config[int, int]{Size: 100, TTL: time.Minute})
		_ = braid.Timeout(ctx, time.Millisecond, func(ctx context.Context) error {
			_, err := c.Get(ctx, 7)
			return err
		})
		return c.Close(ctx)
	})
	// Output:
	// the load: cache: nobody waits for this load any more
}

// A load is a task. A panic in it is an error for all who wait, with the path of the task and the stack, and is not kept.
func ExampleCache_Get_panic() {
	run(func(ctx context.Context, g *braid.Group) error {
		first := true
		c := cache.New(g, func(context.Context, int) (int, error) {
			if first {
				first = false
				panic("boom")
			}
			return 1, nil
		}, cache.Config[int, int]{Name: "numbers", Size: 100, TTL: time.Minute})
		_, err := c.Get(ctx, 7)
		if pe, ok := errors.AsType[*braid.PanicError](err); ok {
			fmt.Println(pe.Task, "panicked with", pe.Value)
		}
		fmt.Println(c.Get(ctx, 7))
		return nil
	})
	// Output:
	// shop/load numbers panicked with boom
	// 1 <nil>
}

// A write while a load is under way: what the load finds is older, so it is not kept.
func ExampleCache_Set() {
	run(func(ctx context.Context, g *braid.Group) error {
		var begun, gate braid.Event
		c := cache.New(g, func(ctx context.Context, _ string) (string, error) {
			begun.Set()
			return "loaded", gate.Wait(ctx)
		}, cache.Config[string, string]{Size: 100, TTL: time.Minute})
		early := braid.Go(g, func(ctx context.Context) (string, error) { return c.Get(ctx, "a") })
		if err := begun.Wait(ctx); err != nil {
			return err
		}
		fmt.Println(c.Set(ctx, "a", "written"))
		gate.Set()
		fmt.Println(early.Wait(ctx)) // asked before
		fmt.Println(c.Get(ctx, "a"))
		return nil
	})
	// Output:
	// <nil>
	// loaded <nil>
	// written <nil>
}

// Who asks after Invalidate has returned gets what was loaded afterwards.
func ExampleCache_Invalidate() {
	run(func(ctx context.Context, g *braid.Group) error {
		price := 10
		prices := cache.New(g, func(context.Context, string) (int, error) { return price, nil },
			cache.Config[string, int]{Size: 100, TTL: time.Hour})
		fmt.Println(prices.Get(ctx, "tea"))
		price = 12
		fmt.Println(prices.Get(ctx, "tea"))
		fmt.Println(prices.Invalidate(ctx, "tea"))
		fmt.Println(prices.Get(ctx, "tea"))
		return nil
	})
	// Output:
	// 10 <nil>
	// 10 <nil>
	// <nil>
	// 12 <nil>
}

// Everything at once, after a change that touches many keys.
func ExampleCache_Clear() {
	run(func(ctx context.Context, g *braid.Group) error {
		c := cache.New(g, square, cache.Config[int, int]{Size: 100, TTL: time.Hour})
		_, _ = c.Get(ctx, 7)
		c.Clear()
		_, _ = c.Get(ctx, 7)
		return nil
	})
	// Output:
	// loading 7
	// loading 7
}

// Close cancels the loads and waits for them. A cache that is not closed ends with its scope.
func ExampleCache_Close() {
	run(func(ctx context.Context, g *braid.Group) error {
		c := cache.New(g, square, cache.Config[int, int]{Name: "squares", Size: 100, TTL: time.Hour})
		_, _ = c.Get(ctx, 7)
		fmt.Println(c.Close(ctx))
		_, err := c.Get(ctx, 7)
		fmt.Println(err, errors.Is(err, cache.ErrClosed))
		return nil
	})
	// Output:
	// loading 7
	// <nil>
	// squares: cache: it is closed, or its scope has ended true
}

// How well a cache does.
func ExampleStatistics() {
	run(func(ctx context.Context, g *braid.Group) error {
		c := cache.New(g, square, cache.Config[int, int]{Name: "squares", Size: 100, TTL: time.Hour})
		for range 10 {
			_, _ = c.Get(ctx, 7)
		}
		s := c.Statistics()
		fmt.Printf("%s: %d hits, %d misses, %d loads, %d of %d entries\n", c.Name(), s.Hits, s.Misses, s.Loads, s.Len, s.Max)
		return nil
	})
	// Output:
	// loading 7
	// squares: 9 hits, 1 misses, 1 loads, 1 of 100 entries
}

// That there is nothing is an answer too, and kept.
func ExampleErrNotFound() {
	run(func(ctx context.Context, g *braid.Group) error {
		users := cache.New(g, func(_ context.Context, id int) (string, error) {
			fmt.Println("looking for", id)
			return "", fmt.Errorf("user %d: %w", id, cache.ErrNotFound)
		}, cache.Config[int, string]{Size: 100, TTL: time.Hour, NegativeTTL: time.Minute})
		for range 2 {
			_, err := users.Get(ctx, 7)
			fmt.Println(err, errors.Is(err, cache.ErrNotFound))
		}
		return nil
	})
	// Output:
	// looking for 7
	// user 7: cache: not found true
	// user 7: cache: not found true
}

// A dependency that is down is asked once in a while, and not by each Get.
func ExampleConfig_errorTTL() {
	run(func(ctx context.Context, g *braid.Group) error {
		c := cache.New(g, func(context.Context, int) (int, error) {
			fmt.Println("trying")
			return 0, errors.New("connection refused")
		}, cache.Config[int, int]{Size: 100, TTL: time.Hour, ErrorTTL: time.Minute})
		for range 3 {
			_, err := c.Get(ctx, 7)
			fmt.Println(err)
		}
		return nil
	})
	// Output:
	// trying
	// connection refused
	// connection refused
	// connection refused
}

// Rather an old answer than none.
func ExampleConfig_stale() {
	run(func(ctx context.Context, g *braid.Group) error {
		down := false
		c := cache.New(g, func(context.Context, int) (int, error) {
			if down {
				return 0, errors.New("connection refused")
			}
			return 1, nil
		}, cache.Config[int, int]{
			Size: 100, TTL: time.Millisecond, Stale: time.Hour,
			OnLoad: func(l cache.Load[int]) { fmt.Printf("key %d: %v, stale value used: %v\n", l.Key, l.Err, l.Stale) },
		})
		_, _ = c.Get(ctx, 7)
		down = true
		_ = braid.Sleep(ctx, 2*time.Millisecond)
		fmt.Println(c.Get(ctx, 7))
		return nil
	})
	// Output:
	// key 7: <nil>, stale value used: false
	// key 7: connection refused, stale value used: true
	// 1 <nil>
}

// A value that is in use is reloaded before it is too old, and nobody waits for that. The scope does.
func ExampleConfig_refreshAhead() {
	run(func(ctx context.Context, g *braid.Group) error {
		version := 0
		c := cache.New(g, func(context.Context, int) (int, error) {
			version++
			fmt.Println("loading version", version)
			return version, nil
		}, cache.Config[int, int]{Size: 100, TTL: time.Hour, Jitter: -1, RefreshAhead: time.Hour - time.Millisecond})
		_, _ = c.Get(ctx, 7)
		_ = braid.Sleep(ctx, 2*time.Millisecond) // it is in the last part of its life, which here is almost all of it
		v, err := c.Get(ctx, 7)
		for c.Statistics().Loads < 2 {
			_ = braid.Yield(ctx)
		}
		fmt.Println("got", v, err)
		return nil
	})
	// Output:
	// loading version 1
	// loading version 2
	// got 1 <nil>
}

// A token knows when it expires.
func ExampleConfig_ttlOf() {
	type token struct {
		text  string
		valid time.Duration
	}
	run(func(ctx context.Context, g *braid.Group) error {
		c := cache.New(g, func(_ context.Context, scope string) (token, error) {
			fmt.Println("logging in for", scope)
			return token{"secret", time.Millisecond}, nil
		}, cache.Config[string, token]{
			Size: 100, TTL: time.Hour, TTLOf: func(_ string, t token) time.Duration { return t.valid },
		})
		_, _ = c.Get(ctx, "mail")
		_ = braid.Sleep(ctx, 2*time.Millisecond)
		_, _ = c.Get(ctx, "mail")
		return nil
	})
	// Output:
	// logging in for mail
	// logging in for mail
}

// A cache without a bound is a leak, so it is not made.
func ExampleConfig_size() {
	run(func(_ context.Context, g *braid.Group) error {
		defer func() { fmt.Println(recover()) }()
		cache.New(g, square, cache.Config[int, int]{Name: "squares", TTL: time.Minute})
		return nil
	})
	// Output:
	// cache: New squares: Config.Size is 0: it must be positive, for a cache without a bound is a leak; say how many entries there may be
}

// words writes a list of words as one line.
type words struct{}

func (words) Encode(v []string) ([]byte, error)    { return []byte(strings.Join(v, " ")), nil }
func (words) Decode(data []byte) ([]string, error) { return strings.Fields(string(data)), nil }

// A second cache behind the one in memory, which other processes share; here it is in memory, too.
func ExampleTier() {
	run(func(ctx context.Context, g *braid.Group) error {
		tier := cachetest.NewTier()
		config := cache.Config[string, []string]{Name: "words", Size: 100, TTL: time.Minute, Tier: tier, Codec: words{}}
		load := func(_ context.Context, text string) ([]string, error) {
			fmt.Println("splitting", text)
			return strings.Split(text, "-"), nil
		}
		process, other := cache.New(g, load, config), cache.New(g, load, config)
		fmt.Println(process.Set(ctx, "green-tea", []string{"green", "tea"}))
		fmt.Println(other.Get(ctx, "green-tea"))
		fmt.Println(other.Invalidate(ctx, "green-tea"), tier.Len())
		return nil
	})
	// Output:
	// <nil>
	// [green tea] <nil>
	// <nil> 0
}

// Values are written as JSON unless there is another codec.
func ExampleJSON() {
	data, err := cache.JSON[map[string]int]().Encode(map[string]int{"tea": 10})
	fmt.Println(string(data), err)
	// Output:
	// {"tea":10} <nil>
}
