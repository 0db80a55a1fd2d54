package resilience_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
)

var rateLimitCases = []testCase{
	{name: "RateLimit: a burst, then the rate", waits: true, run: func(t *testing.T, ctx context.Context) {
		l := resilience.NewRateLimit(resilience.RateLimitConfig{Rate: 10, Burst: 3, Queue: 1})
		for i, want := range []time.Duration{0, 0, 0, 100 * time.Millisecond, 100 * time.Millisecond, 100 * time.Millisecond} {
			if d := took(ctx, func() { must(t, l.Wait(ctx)) }); d != want {
				t.Errorf("call %d waited for %v", i, d)
			}
		}
		sleep(t, ctx, time.Hour)
		for range 3 {
			equal(t, "wait", took(ctx, func() { must(t, l.Wait(ctx)) }), 0)
		}
		equal(t, "wait", took(ctx, func() { must(t, l.Wait(ctx)) }), 100*time.Millisecond)
	}},
	{name: "RateLimit: rejects at once what has no room in the queue, and says when to come back", waits: true, run: func(t *testing.T, ctx context.Context) {
		l := resilience.NewRateLimit(resilience.RateLimitConfig{Name: "api", Rate: 1})
		must(t, l.Wait(ctx))
		sleep(t, ctx, 300*time.Millisecond)
		_, err := resilience.Do(ctx, l, succeed)
		var limit *resilience.LimitError
		if !errors.As(err, &limit) || limit.RetryAfter() != 700*time.Millisecond || limit.Limit != "api" {
			t.Fatalf("error is %v", err)
		}
		wantErr(t, err, resilience.ErrLimited)
		wantErr(t, err, resilience.ErrRejected)
		equal(t, "rejected", l.Statistics().Rejected, 1)
		sleep(t, ctx, 700*time.Millisecond)
		_, err = resilience.Do(ctx, l, succeed)
		must(t, err)
	}},
	{name: "RateLimit: those who wait get their turns at the rate, and no more wait than the queue holds", waits: true, run: func(t *testing.T, ctx context.Context) {
		l := resilience.NewRateLimit(resilience.RateLimitConfig{Rate: 1, Queue: 3})
		start := braid.Time(ctx)
		passed := make(map[time.Duration]int)
		rejected := 0
		var mu braid.Mutex
		must(t, braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			for range 6 {
				g.Go(func(ctx context.Context) error {
					err := l.Wait(ctx)
					must(t, mu.Lock(ctx))
					defer mu.Unlock()
					if err != nil {
						wantErr(t, err, resilience.ErrLimited)
						rejected++
						return nil
					}
					passed[braid.Time(ctx).Sub(start)]++
					return nil
				})
			}
			return nil
		}))
		equal(t, "rejected", rejected, 2)
		for i := range 4 {
			equal(t, "passed", passed[time.Duration(i)*time.Second], 1)
		}
	}},
	{name: "RateLimit: who comes in the very moment of a turn does not overtake those who wait", waits: true, run: func(t *testing.T, ctx context.Context) {
		for range 20 {
			l := resilience.NewRateLimit(resilience.RateLimitConfig{Rate: 1, Queue: 5})
			must(t, l.Wait(ctx))
			must(t, braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error {
					equal(t, "wait", took(ctx, func() { must(t, l.Wait(ctx)) }), time.Second)
					return nil
				})
				for l.Statistics().Waiting < 1 {
					must(t, braid.Yield(ctx))
				}
				sleep(t, ctx, time.Second)
				if d := took(ctx, func() { must(t, l.Wait(ctx)) }); d != time.Second {
					t.Errorf("the latecomer waited for %v", d)
				}
				return nil
			}))
		}
	}},
	{name: "RateLimit: not if the turn comes after the deadline", waits: true, run: func(t *testing.T, ctx context.Context) {
		l := resilience.NewRateLimit(resilience.RateLimitConfig{Rate: 1, Queue: 5})
		must(t, l.Wait(ctx))
		equal(t, "time", took(ctx, func() {
			_ = braid.Timeout(ctx, 900*time.Millisecond, func(ctx context.Context) error {
				err := l.Wait(ctx)
				wantErr(t, err, resilience.ErrNoTime)
				return err
			})
		}), 0)
		equal(t, "wait", took(ctx, func() { must(t, l.Wait(ctx)) }), time.Second) // no turn was lost
	}},
	{name: "RateLimit: a cancelled wait has taken no turn", waits: true, run: func(t *testing.T, ctx context.Context) {
		l := resilience.NewRateLimit(resilience.RateLimitConfig{Rate: 1, Queue: 5})
		must(t, l.Wait(ctx))
		gone := errors.New("gone")
		must(t, braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			h := g.Go(func(ctx context.Context) error {
				err := l.Wait(ctx)
				equal(t, "error", err, gone)
				return err
			})
			for l.Statistics().Waiting < 1 {
				must(t, braid.Yield(ctx))
			}
			h.Cancel(gone)
			return nil
		}))
		equal(t, "wait", took(ctx, func() { must(t, l.Wait(ctx)) }), time.Second)
	}},
	{name: "RateLimit: when a wait is cancelled those behind it move up, and never two at once", waits: true, run: func(t *testing.T, ctx context.Context) {
		l := resilience.NewRateLimit(resilience.RateLimitConfig{Rate: 1, Queue: 5})
		must(t, l.Wait(ctx))
		start := braid.Time(ctx)
		var turns []time.Duration
		var mu sync.Mutex
		turn := func(ctx context.Context) error {
			if err := l.Wait(ctx); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			turns = append(turns, braid.Time(ctx).Sub(start))
			return nil
		}
		until := func(ctx context.Context, waiting int) {
			for l.Statistics().Waiting != waiting {
				must(t, braid.Yield(ctx))
			}
		}
		must(t, braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			first := g.Go(turn)
			until(ctx, 1)
			second := g.Go(turn)
			until(ctx, 2)
			g.Go(turn)
			until(ctx, 3)
			sleep(t, ctx, 500*time.Millisecond)
			first.Cancel(nil)
			second.Cancel(nil)
			until(ctx, 1)
			g.Go(turn)
			return nil
		}))
		if !slices.Equal(turns, []time.Duration{time.Second, 2 * time.Second}) {
			t.Errorf("turns at %v", turns)
		}
	}},
}
