package cache_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/sim"
	"github.com/braid-go/braid/x/cache"
)

// A slow model of one key, and the search for an order in which it explains what tasks have seen.
//
// The key is empty or has a value. Set and Invalidate say which. Get returns the value; if the key is empty, it fills it with
// what a load has found that has not filled it before.

type kind int

const (
	getting kind = iota
	setting
	invalidating
)

// op is what one task did, from one moment to another.
type op struct {
	kind       kind
	value      int // what Get returned or Set put in: loads are positive, what is set is negative
	begin, end int
	maybe      bool // whether it may not have happened
}

func (o op) String() string {
	return fmt.Sprintf("%d-%d %s %d", o.begin, o.end, [...]string{"get", "set", "invalidate"}[o.kind], o.value)
}

// history is what all of them did, and when loads began.
type history struct {
	mu    sync.Mutex
	now   int
	ops   []op
	loads []int // when load number i+1 began
	tier  bool  // so writes have two effects, at different times: there and here
}

func (h *history) tick() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now++
	return h.now
}

// load begins a load and returns its number.
func (h *history) load() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now++
	h.loads = append(h.loads, h.now)
	return len(h.loads)
}

func (h *history) add(o op) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now++
	o.end = h.now
	h.ops = append(h.ops, o)
}

// explain says what is wrong with the history, or nothing.
func (h *history) explain() string {
	for _, g := range h.ops {
		for _, w := range h.ops {
			if g.kind == getting && g.value > 0 && w.kind != getting && !w.maybe && w.end < g.begin && h.loads[g.value-1] < w.begin {
				return fmt.Sprintf("%v has what was loaded at %d, before %v", g, h.loads[g.value-1], w)
			}
		}
	}
	type place struct {
		done, filled uint64
		state        int
	}
	seen := make(map[place]bool)
	all := uint64(1)<<len(h.ops) - 1
	var search func(p place) bool
	search = func(p place) bool {
		if p.done == all {
			return true
		}
		if seen[p] {
			return false
		}
		seen[p] = true
		for i, o := range h.ops {
			if p.done>>i&1 == 1 || h.mustWait(p.done, o) {
				continue
			}
			next := p
			next.done |= 1 << i
			if o.maybe && search(next) {
				return true
			}
			switch {
			case o.kind == setting:
				next.state = o.value
			case o.kind == invalidating:
				next.state = 0
			case p.state == o.value:
			case p.state == 0 && o.value > 0 && p.filled>>o.value&1 == 0:
				next.state = o.value
				next.filled |= 1 << o.value
			default:
				continue
			}
			if search(next) {
				return true
			}
		}
		return false
	}
	if !search(place{}) {
		var b strings.Builder
		for _, o := range h.ops {
			fmt.Fprintln(&b, o)
		}
		return "no order explains\n" + b.String()
	}
	return ""
}

// mustWait reports whether an op that is not done has ended before o began.
func (h *history) mustWait(done uint64, o op) bool {
	for i, other := range h.ops {
		if done>>i&1 == 0 && other.end < o.begin {
			return true
		}
	}
	return false
}

// The model finds what it is there to find.
func TestModel(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		h    *history
		fine bool
	}{
		"a load that was begun before a set": {&history{loads: []int{1}, ops: []op{{kind: setting, value: -1, begin: 2, end: 3}, {kind: getting, value: 1, begin: 4, end: 5}}}, false},
		"a set that is lost":                 {&history{loads: []int{4}, ops: []op{{kind: setting, value: -1, begin: 2, end: 3}, {kind: getting, value: 1, begin: 4, end: 5}}}, false},
		"a load that comes back": {&history{loads: []int{1, 4}, ops: []op{
			{kind: getting, value: 1, begin: 1, end: 2}, {kind: invalidating, value: 0, begin: 3, end: 5}, {kind: getting, value: 2, begin: 4, end: 6}, {kind: getting, value: 1, begin: 7, end: 8},
		}}, false},
		"loaded, set, got":         {&history{loads: []int{1}, ops: []op{{kind: getting, value: 1, begin: 1, end: 4}, {kind: setting, value: -1, begin: 2, end: 3}, {kind: getting, value: -1, begin: 5, end: 6}}}, true},
		"set that nobody has done": {&history{ops: []op{{kind: getting, value: -1, begin: 1, end: 2}}}, false},
	} {
		if wrong := c.h.explain(); (wrong == "") != c.fine {
			t.Errorf("%s: %q", name, wrong)
		}
	}
}

// player is a task that does n random things with the key.
func (h *history) player(c *cache.Cache[int, int], n int, intN func(int) int) func(context.Context) error {
	return func(ctx context.Context) error {
		for i := 0; i < n && ctx.Err() == nil; i++ {
			o := op{begin: h.tick()}
			var err error
			switch intN(5) {
			case 0:
				o.kind, o.value = setting, -o.begin
				err = c.Set(ctx, 7, o.value)
			case 1:
				o.kind = invalidating
				err = c.Invalidate(ctx, 7)
			default:
				o.value, err = c.Get(ctx, 7)
			}
			o.maybe = err != nil
			if err == nil || o.kind != getting {
				h.add(o)
			}
			if o.kind != getting && h.tier {
				o.maybe = true
				h.add(o)
			}
		}
		return nil
	}
}

// In any schedule, wherever tasks are cancelled, what is seen of a key can be explained; and nothing is left when the scope has ended.
func TestSimLinearizable(t *testing.T) {
	for name, tiered := range map[string]bool{"memory": false, "tier": true} {
		t.Run(name, func(t *testing.T) {
			sim.Test(t, func(s *sim.T) {
				h := history{tier: tiered}
				config := config()
				config.TTL, config.LoadTimeout, config.TierTimeout = cache.Forever, -1, -1 // the model knows no time
				if tiered {
					config.Tier = &slowTier{tier: newTier()}
				}
				var c *cache.Cache[int, int]
				err := braid.Run(s.Context(), func(ctx context.Context, g *braid.Group) error {
					c = cache.New(g, func(ctx context.Context, _ int) (int, error) {
						n := h.load()
						for range s.IntN(3) {
							if err := braid.Yield(ctx); err != nil {
								return 0, err
							}
						}
						return n, nil
					}, config)
					var players []*braid.Handle
					for range 3 {
						players = append(players, g.Go(h.player(c, 3, s.IntN)))
					}
					if s.IntN(2) == 0 {
						_ = braid.Yield(ctx)
						players[0].Cancel(errDown)
					}
					return nil
				})
				if err != nil {
					s.Errorf("%v", err)
				}
				if wrong := h.explain(); wrong != "" {
					s.Errorf("%s", wrong)
				}
				if n := c.Statistics().Loading; n != 0 {
					s.Errorf("%d tasks are left", n)
				}
			})
		})
	}
}

// slowTier lets others run before and after each of its operations.
type slowTier struct{ *tier }

func (f *slowTier) Get(ctx context.Context, key string) ([]byte, bool, error) {
	_ = braid.Yield(ctx)
	data, ok, err := f.tier.Get(ctx, key)
	_ = braid.Yield(ctx)
	return data, ok, err
}

func (f *slowTier) Set(ctx context.Context, key string, data []byte, ttl time.Duration) error {
	_ = braid.Yield(ctx)
	err := f.tier.Set(ctx, key, data, ttl)
	_ = braid.Yield(ctx)
	return err
}

func (f *slowTier) Delete(ctx context.Context, key string) error {
	_ = braid.Yield(ctx)
	err := f.tier.Delete(ctx, key)
	_ = braid.Yield(ctx)
	return err
}

// In any schedule, a load ends when nobody waits for it, and nobody who waits is left without an answer, although callers and loads are
// cancelled, fail and panic, entries expire and are refreshed, and the cache is closed.
func TestSimStorm(t *testing.T) {
	sim.Test(t, func(s *sim.T) {
		config := config()
		config.TTL, config.RefreshAhead, config.Stale, config.ErrorTTL = 3*time.Second, time.Second, 2*time.Second, time.Second
		config.Rand = s.Rand().Float64
		running := 0
		_ = braid.Run(s.Context(), func(ctx context.Context, g *braid.Group) error {
			var c *cache.Cache[int, int]
			c = cache.New(g, func(ctx context.Context, key int) (int, error) {
				running++
				defer func() { running-- }()
				if err := braid.Sleep(ctx, time.Duration(s.IntN(3))*time.Second); err != nil {
					return 0, err
				}
				switch s.IntN(6) {
				case 0:
					return 0, errDown
				case 1:
					return 0, cache.ErrNotFound
				case 2:
					panic("boom")
				case 3:
					return c.Get(ctx, s.IntN(2))
				}
				return key, nil
			}, config)
			var callers []*braid.Handle
			for range 3 {
				callers = append(callers, g.Go(func(ctx context.Context) error {
					for range 3 {
						_, _ = c.Get(ctx, s.IntN(2))
						_ = braid.Sleep(ctx, time.Duration(s.IntN(2))*time.Second)
					}
					return nil
				}))
			}
			_ = braid.Sleep(ctx, time.Second)
			callers[s.IntN(3)].Cancel(errDown)
			if s.IntN(2) == 0 {
				if err := c.Close(ctx); err != nil {
					s.Errorf("close: %v", err)
				}
				if running > 0 {
					s.Errorf("%d loads run on", running)
				}
			}
			return nil
		}, braid.PanicHook(func(*braid.PanicError) {}))
		if running > 0 {
			s.Errorf("%d loads run on", running)
		}
	})
}

// The same on all processors at once.
func TestStressLinearizable(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	rounds := 2000
	if testing.Short() {
		rounds = 300
	}
	for range rounds {
		var h history
		must(t, braid.Run(t.Context(), func(_ context.Context, g *braid.Group) error {
			c := cache.New(g, func(ctx context.Context, _ int) (int, error) {
				n := h.load()
				return n, braid.Yield(ctx)
			}, config())
			for range 4 {
				p := g.Go(h.player(c, 4, rand.IntN))
				if rand.IntN(8) == 0 {
					p.Cancel(errDown)
				}
			}
			return nil
		}))
		if wrong := h.explain(); wrong != "" {
			t.Fatal(wrong)
		}
	}
}

// Many tasks, few keys, little room and little time: under the race detector this looks at the locking.
func TestStress(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	steps := 3000
	if testing.Short() {
		steps = 500
	}
	f := newTier()
	var s source
	must(t, braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
		var c *cache.Cache[int, int]
		c = cache.New(g, func(ctx context.Context, key int) (int, error) {
			switch rand.IntN(20) {
			case 0:
				explode()
			case 1:
				return goexit()
			case 2:
				return 0, errDown
			case 3:
				return 0, cache.ErrNotFound
			case 4:
				return c.Get(ctx, rand.IntN(50))
			}
			return s.load(ctx, key)
		}, over(f, func(c *cache.Config[int, int]) {
			c.Size, c.TTL, c.RefreshAhead, c.Stale, c.ErrorTTL = 20, 2*time.Millisecond, time.Millisecond, time.Millisecond, time.Microsecond
			c.Jitter, c.Rand = 0.2, nil
		}))
		var callers []*braid.Handle
		for range 8 {
			callers = append(callers, g.Go(func(ctx context.Context) error {
				for range steps {
					key := rand.IntN(50)
					switch rand.IntN(30) {
					case 0:
						must(t, c.Set(ctx, key, 1))
					case 1:
						must(t, c.Invalidate(ctx, key))
					case 2:
						c.Clear()
					case 3:
						_ = braid.Timeout(ctx, time.Duration(rand.IntN(20))*time.Microsecond, func(ctx context.Context) error {
							_, err := c.Get(ctx, key)
							return err
						})
					default:
						_, err := c.Get(ctx, key)
						if errors.Is(err, cache.ErrClosed) || errors.Is(err, context.Canceled) {
							t.Errorf("error is %v", err)
						}
					}
				}
				return nil
			}))
		}
		for _, caller := range callers {
			must(t, caller.Wait(ctx))
		}
		must(t, c.Close(ctx))
		if st := c.Statistics(); st.Loading != 0 || st.Len != 0 || st.Hits == 0 || st.Crashes == 0 || st.Refreshes == 0 || st.Evicted == 0 {
			t.Errorf("%+v", st)
		}
		return nil
	}, braid.PanicHook(func(*braid.PanicError) {})))
}

// Whoever asks, and whenever: as long as nothing is written, one load is enough.
func TestSimOnce(t *testing.T) {
	sim.Test(t, func(s *sim.T) {
		loads := 0
		_ = braid.Run(s.Context(), func(ctx context.Context, g *braid.Group) error {
			config := config()
			config.TTL, config.LoadTimeout = cache.Forever, -1
			c := cache.New(g, func(ctx context.Context, _ int) (int, error) {
				loads++
				return 1, nil
			}, config)
			for range 3 {
				g.Go(func(ctx context.Context) error {
					_, err := c.Get(ctx, 7)
					return err
				})
			}
			return nil
		})
		if loads != 1 {
			s.Errorf("%d loads", loads)
		}
	})
}

func TestStressOnce(t *testing.T) {
	t.Parallel()
	for range 2000 {
		var s source
		must(t, braid.Run(t.Context(), func(_ context.Context, g *braid.Group) error {
			c := cache.New(g, s.load, config())
			for range 4 {
				g.Go(func(ctx context.Context) error {
					_, err := c.Get(ctx, 7)
					return err
				})
			}
			return nil
		}))
		equal(t, "calls", s.calls.Load(), 1)
	}
}
