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

// One load a key, and those who wait for it.

var flightCases = []testCase{
	{"flight/a thousand misses load once", flightOnce, false},
	{"flight/a slow load delays no other key", flightSlow, false},
	{"flight/a waiter leaves, the load goes on", flightLeave, false},
	{"flight/the first waiter leaves, the load goes on", flightFirstLeaves, false},
	{"flight/the last waiter leaves, the load is cancelled", flightUnwanted, false},
	{"flight/nobody joins a cancelled load", flightCancelledDeaf, false},
	{"flight/a deadline of one is not that of another", flightDeadline, true},
	{"flight/done before", flightDone, false},
	{"flight/panic", flightPanic, false},
	{"flight/goexit", flightGoexit, false},
	{"flight/values come from the scope", flightValues, false},
	{"flight/NaN", flightNaN, false},
	{"flight/a key that cannot be compared", flightUncomparable, false},
	{"flight/an error with a value", flightErrorWithValue, false},
	{"flight/functions of the config that panic", flightConfigPanics, false},
	{"flight/a context error of another ctx", flightForeignCancel, false},
}

func flightOnce(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		s := source{hold: new(braid.Event)}
		c := cache.New(g, s.load, config())
		var all []*answer
		for range 1000 {
			a := &answer{}
			a.task = g.Go(func(ctx context.Context) error {
				a.value, a.err = c.Get(ctx, 7)
				return nil
			})
			all = append(all, a)
		}
		until(t, ctx, func() bool { return c.Statistics().Misses == 1000 })
		s.hold.Set()
		for _, a := range all {
			a.wants(t, ctx, 1, nil)
		}
		equal(t, "calls", s.calls.Load(), 1)
		equal(t, "joined", c.Statistics().Joined, 999)
		get(t, ctx, c, 7, 1)
	})
}

func flightSlow(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		hold := new(braid.Event)
		c := cache.New(g, func(ctx context.Context, key int) (int, error) {
			if key < 0 {
				return key, hold.Wait(ctx)
			}
			return key, nil
		}, with(func(c *cache.Config[int, int]) { c.Size = 100_000 }))
		const keys = 4096 // in four and more of whatever the map is made of
		for key := range keys {
			get(t, ctx, c, key, key)
		}
		var slow []*answer
		for key := range 100 {
			slow = append(slow, asking(t, ctx, g, c, -1-key))
		}
		for key := range keys { // would hang for ever if it had to wait
			get(t, ctx, c, key, key)
		}
		for key := range keys {
			must(t, c.Set(ctx, key, key+1))
			must(t, c.Invalidate(ctx, key))
			get(t, ctx, c, key, key)
		}
		equal(t, "tasks", c.Statistics().Loading, 100)
		hold.Set()
		for key, a := range slow {
			a.wants(t, ctx, -1-key, nil)
		}
	})
}

func flightLeave(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		s := source{hold: new(braid.Event)}
		c := cache.New(g, s.load, config())
		a := asking(t, ctx, g, c, 7)
		b := asking(t, ctx, g, c, 7)
		b.task.Cancel(errDown)
		b.wants(t, ctx, 0, errDown)
		d := asking(t, ctx, g, c, 7) // joins the same one
		s.hold.Set()
		a.wants(t, ctx, 1, nil)
		d.wants(t, ctx, 1, nil)
		equal(t, "calls", s.calls.Load(), 1)
	})
}

func flightFirstLeaves(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		s := source{hold: new(braid.Event)}
		c := cache.New(g, s.load, config())
		a := asking(t, ctx, g, c, 7)
		b := asking(t, ctx, g, c, 7)
		a.task.Cancel(errDown)
		a.wants(t, ctx, 0, errDown)
		s.hold.Set()
		b.wants(t, ctx, 1, nil)
		get(t, ctx, c, 7, 1)
		equal(t, "unwanted", c.Statistics().Unwanted, 0)
	})
}

func flightUnwanted(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		s := source{hold: new(braid.Event)}
		c := cache.New(g, s.load, config())
		a := asking(t, ctx, g, c, 7)
		b := asking(t, ctx, g, c, 7)
		until(t, ctx, s.begun.IsSet)
		a.task.Cancel(errDown)
		b.task.Cancel(errDown)
		a.wants(t, ctx, 0, errDown)
		b.wants(t, ctx, 0, errDown)
		until(t, ctx, func() bool { return c.Statistics().Loading == 0 })
		if cause := *s.cause.Load(); !strings.Contains(cause.Error(), "nobody waits") || errors.Is(cause, errDown) {
			t.Errorf("the load was cancelled with %v", cause)
		}
		equal(t, "unwanted", c.Statistics().Unwanted, 1)
		s.hold.Set()
		get(t, ctx, c, 7, 2) // neither the cancel nor anything else was kept
	})
}

func flightCancelledDeaf(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		s := source{hold: new(braid.Event), deaf: true}
		c := cache.New(g, s.load, config())
		a := asking(t, ctx, g, c, 7)
		until(t, ctx, s.begun.IsSet)
		a.task.Cancel(errDown)
		a.wants(t, ctx, 0, errDown)
		equal(t, "running", s.running.Load(), 1) // it does not listen
		b := asking(t, ctx, g, c, 7)
		until(t, ctx, func() bool { return s.running.Load() == 2 })
		s.hold.Set()
		b.wants(t, ctx, 2, nil)
		until(t, ctx, func() bool { return c.Statistics().Loading == 0 })
		get(t, ctx, c, 7, 2) // whichever of them was last
	})
}

func flightDeadline(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		c := cache.New(g, func(ctx context.Context, _ int) (int, error) { return 1, braid.Sleep(ctx, 2*time.Second) }, config())
		var b *answer
		err := braid.Timeout(ctx, time.Second, func(ctx context.Context) error {
			b = asking(t, ctx, g, c, 7) // in g, so without the time limit
			_, err := c.Get(ctx, 7)
			return err
		})
		wantErr(t, err, braid.ErrTimeout)
		b.wants(t, ctx, 1, nil)
	})
}

func flightDone(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var s source
		c := cache.New(g, s.load, config())
		get(t, ctx, c, 7, 1)
		done, cancel := context.WithCancelCause(ctx)
		cancel(errDown)
		getErr(t, done, c, 7, errDown)
		getErr(t, done, c, 8, errDown)
		wantErr(t, c.Set(done, 7, 100), errDown)
		wantErr(t, c.Invalidate(done, 7), errDown)
		get(t, ctx, c, 7, 1)
		equal(t, "calls", s.calls.Load(), 1)
	})
}

func flightPanic(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		s := source{hold: new(braid.Event)}
		c := cache.New(g, func(ctx context.Context, key int) (int, error) {
			if n, _ := s.load(ctx, key); n == 1 {
				explode()
			}
			return 2, nil
		}, config())
		all := []*answer{asking(t, ctx, g, c, 7), asking(t, ctx, g, c, 7), asking(t, ctx, g, c, 7)}
		s.hold.Set()
		for _, a := range all {
			must(t, a.task.Wait(ctx))
			pe, ok := errors.AsType[*braid.PanicError](a.err)
			if !ok || pe.Value != "boom" || !strings.Contains(string(pe.Stack), "explode") || !strings.Contains(pe.Task, "load numbers") {
				t.Errorf("error is %v", a.err)
			}
		}
		equal(t, "crashes", c.Statistics().Crashes, 1)
		get(t, ctx, c, 7, 2)
	})
}

func explode() { panic("boom") }

func flightGoexit(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		s := source{hold: new(braid.Event)}
		c := cache.New(g, func(ctx context.Context, key int) (int, error) {
			if n, _ := s.load(ctx, key); n == 1 {
				return goexit()
			}
			return 2, nil
		}, config())
		all := []*answer{asking(t, ctx, g, c, 7), asking(t, ctx, g, c, 7)}
		s.hold.Set()
		for _, a := range all {
			a.wants(t, ctx, 0, braid.ErrGoexit)
		}
		get(t, ctx, c, 7, 2)
	})
}

func flightValues(t *testing.T, ctx context.Context) {
	type key string
	scope(t, context.WithValue(ctx, key("scope"), 1), func(ctx context.Context, g *braid.Group) {
		c := cache.New(g, func(ctx context.Context, _ int) (int, error) {
			if ctx.Value(key("scope")) != 1 || ctx.Value(key("caller")) != nil {
				t.Error("the load has the values of its caller")
			}
			return 1, nil
		}, config())
		get(t, context.WithValue(ctx, key("caller"), 1), c, 7, 1)
	})
}

func flightNaN(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		calls := 0
		c := cache.New(g, func(context.Context, float64) (int, error) { calls++; return calls, nil },
			cache.Config[float64, int]{Size: 10, TTL: time.Minute})
		for range 100 {
			_, err := c.Get(ctx, math.NaN())
			must(t, err)
			must(t, c.Set(ctx, math.NaN(), 1))
			must(t, c.Invalidate(ctx, math.NaN()))
		}
		equal(t, "calls", calls, 100)
		st := c.Statistics()
		equal(t, "entries", st.Len, 0)
		equal(t, "tasks", st.Loading, 0)
	})
}

func flightUncomparable(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		c := cache.New(g, func(context.Context, any) (int, error) { return 1, nil }, cache.Config[any, int]{Size: 10, TTL: time.Minute})
		for _, call := range []func(){
			func() { _, _ = c.Get(ctx, []int{1}) },
			func() { _ = c.Set(ctx, []int{1}, 1) },
			func() { _ = c.Invalidate(ctx, []int{1}) },
		} {
			wantPanicIn(t, call)
			_, err := c.Get(ctx, 1) // no lock is left locked
			must(t, err)
			must(t, c.Invalidate(ctx, 1))
		}
	})
}

func flightErrorWithValue(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		c := cache.New(g, func(context.Context, int) (int, error) { return 5, errDown }, config())
		v, err := c.Get(ctx, 7)
		equal(t, "value", v, 5) // as it would be without the cache
		equal(t, "error", err, errDown)
	})
}

func flightForeignCancel(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var s source
		c := cache.New(g, func(ctx context.Context, key int) (int, error) {
			_, _ = s.load(ctx, key)
			return 0, context.Canceled // of a client library that has given up by itself
		}, config())
		getErr(t, ctx, c, 7, context.Canceled)
		getErr(t, ctx, c, 7, context.Canceled)
		equal(t, "calls", s.calls.Load(), 1) // a failure like others
	})
}

func flightConfigPanics(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var s source
		c := cache.New(g, s.load, with(func(c *cache.Config[int, int]) { c.TaskName = func(int) string { panic("name") } }))
		get(t, ctx, c, 7, 1)

		bad := true
		c = cache.New(g, s.load, with(func(c *cache.Config[int, int]) {
			c.Weight = func(int, int) int {
				if bad {
					panic("weight")
				}
				return 1
			}
		}))
		_, err := c.Get(ctx, 7)
		if _, ok := errors.AsType[*braid.PanicError](err); !ok {
			t.Errorf("error is %v", err)
		}
		wantPanic(t, "weight", func() { _ = c.Set(ctx, 7, 100) })
		bad = false
		get(t, ctx, c, 7, 3)
		must(t, c.Close(ctx))
	})
}
