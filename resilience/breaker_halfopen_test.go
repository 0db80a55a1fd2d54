package resilience_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
)

// opened returns a breaker that was opened for a second, which is over.
func opened(t *testing.T, ctx context.Context, c resilience.BreakerConfig) *resilience.Breaker {
	t.Helper()
	c.Consecutive, c.OpenFor = 1, time.Second
	b := newBreaker(c)
	calls(ctx, b, 1, fail)
	equal(t, "state", b.State(), resilience.Open)
	sleep(t, ctx, time.Second)
	return b
}

// probing calls f while n probes of b are under way, which end with what f returns.
func probing(t *testing.T, ctx context.Context, b *resilience.Breaker, n int, f func(ctx context.Context) error) {
	t.Helper()
	var end braid.Event
	var result error
	must(t, braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		for range n {
			started := new(braid.Event)
			g.Go(func(ctx context.Context) error {
				_, _ = resilience.Do(ctx, b, func(ctx context.Context) (int, error) {
					started.Set()
					must(t, end.Wait(ctx))
					return 0, result
				})
				return nil
			})
			must(t, started.Wait(ctx))
		}
		result = f(ctx)
		end.Set()
		return nil
	}))
}

var breakerHalfOpenCases = []testCase{
	{name: "Half-open: a probe that succeeds closes the breaker", waits: true, run: func(t *testing.T, ctx context.Context) {
		b := opened(t, ctx, resilience.BreakerConfig{})
		calls(ctx, b, 1, succeed)
		equal(t, "state", b.State(), resilience.Closed)
		equal(t, "calls", b.Statistics().Calls, 0) // begins anew
	}},
	{name: "Half-open: one probe at a time, and the others are told when to come back", waits: true, run: func(t *testing.T, ctx context.Context) {
		b := opened(t, ctx, resilience.BreakerConfig{Lease: 7 * time.Second})
		probing(t, ctx, b, 1, func(ctx context.Context) error {
			sleep(t, ctx, 3*time.Second)
			_, err := resilience.Do(ctx, b, succeed)
			var open *resilience.OpenError
			if !errors.As(err, &open) || open.State != resilience.HalfOpen || open.RetryAfter() != 4*time.Second {
				t.Fatalf("error is %v", err)
			}
			return nil
		})
		equal(t, "state", b.State(), resilience.Closed)
	}},
	{name: "Half-open: as many successes as are asked for", waits: true, run: func(t *testing.T, ctx context.Context) {
		b := opened(t, ctx, resilience.BreakerConfig{Probes: 2, Successes: 5})
		probing(t, ctx, b, 2, func(ctx context.Context) error {
			equal(t, "probes", b.Statistics().Probes, 2)
			_, err := resilience.Do(ctx, b, succeed)
			wantErr(t, err, resilience.ErrOpen)
			return nil
		})
		calls(ctx, b, 2, succeed)
		equal(t, "state", b.State(), resilience.HalfOpen)
		calls(ctx, b, 1, succeed)
		equal(t, "state", b.State(), resilience.Closed)
	}},
	{name: "Half-open: one failed probe opens it again, and the others are not heard", waits: true, run: func(t *testing.T, ctx context.Context) {
		b := opened(t, ctx, resilience.BreakerConfig{Probes: 2})
		probing(t, ctx, b, 1, func(ctx context.Context) error {
			calls(ctx, b, 1, fail)
			equal(t, "state", b.State(), resilience.Open)
			return nil
		})
		equal(t, "state", b.State(), resilience.Open)
		equal(t, "stale", b.Statistics().Stale, 1)
	}},
	{name: "Half-open: a probe that its caller cancels frees its permit and decides nothing", waits: true, run: func(t *testing.T, ctx context.Context) {
		b := opened(t, ctx, resilience.BreakerConfig{})
		for range 3 {
			inner, cancel := context.WithCancelCause(ctx)
			_, err := resilience.Do(inner, b, cancelled(cancel, errors.New("gone")))
			equal(t, "rejected", errors.Is(err, resilience.ErrOpen), false)
			equal(t, "state", b.State(), resilience.HalfOpen)
			equal(t, "probes", b.Statistics().Probes, 0)
		}
		calls(ctx, b, 1, succeed)
		equal(t, "state", b.State(), resilience.Closed)
	}},
	{name: "Half-open: a probe that panics or exits opens it again", waits: true, run: func(t *testing.T, ctx context.Context) {
		b := opened(t, ctx, resilience.BreakerConfig{})
		equal(t, "panic", panicked(func() { calls(ctx, b, 1, explode) }), any("boom"))
		equal(t, "state", b.State(), resilience.Open)
		sleep(t, ctx, 2*time.Second)
		wantErr(t, inTask(ctx, func(ctx context.Context) { calls(ctx, b, 1, goexit) }), braid.ErrGoexit)
		equal(t, "state", b.State(), resilience.Open)
		sleep(t, ctx, 4*time.Second)
		calls(ctx, b, 1, succeed)
		equal(t, "state", b.State(), resilience.Closed)
	}},
	{name: "Half-open: a probe that hangs loses its lease", waits: true, run: func(t *testing.T, ctx context.Context) {
		b := opened(t, ctx, resilience.BreakerConfig{Lease: 10 * time.Second})
		probing(t, ctx, b, 1, func(ctx context.Context) error {
			sleep(t, ctx, 10*time.Second)
			_, err := resilience.Do(ctx, b, succeed)
			wantErr(t, err, resilience.ErrOpen)
			equal(t, "state", b.State(), resilience.Open)
			sleep(t, ctx, 2*time.Second)
			calls(ctx, b, 1, succeed)
			equal(t, "state", b.State(), resilience.Closed)
			return errDown // the hung probe comes back at last
		})
		equal(t, "state", b.State(), resilience.Closed)
		equal(t, "failures", b.Statistics().Failures, 0)
		equal(t, "stale", b.Statistics().Stale, 1)
	}},
	{name: "Half-open: permits that are never given back run out", waits: true, run: func(t *testing.T, ctx context.Context) {
		b := opened(t, ctx, resilience.BreakerConfig{Probes: 2, Lease: 10 * time.Second})
		for range 2 {
			_, err := b.Allow(ctx)
			must(t, err)
		}
		_, err := b.Allow(ctx)
		wantErr(t, err, resilience.ErrOpen)
		sleep(t, ctx, 10*time.Second)
		_, err = b.Allow(ctx)
		wantErr(t, err, resilience.ErrOpen)
		sleep(t, ctx, 2*time.Second)
		calls(ctx, b, 2, succeed)
		equal(t, "state", b.State(), resilience.Closed)
	}},
	{name: "Half-open: a permit given back twice counts once", waits: true, run: func(t *testing.T, ctx context.Context) {
		b := opened(t, ctx, resilience.BreakerConfig{Probes: 1, Successes: 2})
		p, err := b.Allow(ctx)
		must(t, err)
		p.Done(ctx, nil)
		p.Done(ctx, nil)
		equal(t, "state", b.State(), resilience.HalfOpen)
	}},
	{name: "Half-open: a probe that was slow, or came after its lease, opens it again", waits: true, run: func(t *testing.T, ctx context.Context) {
		b := opened(t, ctx, resilience.BreakerConfig{SlowCall: 2 * time.Second, Lease: 10 * time.Second})
		calls(ctx, b, 1, lasting(3*time.Second))
		equal(t, "state", b.State(), resilience.Open)
		b = opened(t, ctx, resilience.BreakerConfig{Lease: 2 * time.Second})
		calls(ctx, b, 1, lasting(3*time.Second))
		equal(t, "state", b.State(), resilience.Open)
	}},
	{name: "Half-open: late results of the closed state neither close nor open it", waits: true, run: func(t *testing.T, ctx context.Context) {
		for _, late := range []error{nil, errDown} {
			b := newBreaker(resilience.BreakerConfig{Consecutive: 1, OpenFor: time.Second, Successes: 2})
			probing(t, ctx, b, 1, func(ctx context.Context) error { // of the closed state
				calls(ctx, b, 1, fail)
				sleep(t, ctx, time.Second)
				calls(ctx, b, 1, succeed)
				equal(t, "state", b.State(), resilience.HalfOpen)
				return late
			})
			equal(t, "state", b.State(), resilience.HalfOpen)
			equal(t, "stale", b.Statistics().Stale, 1)
		}
	}},
	{name: "Half-open: late results of an earlier half-open state do not count in the next", waits: true, run: func(t *testing.T, ctx context.Context) {
		b := opened(t, ctx, resilience.BreakerConfig{Probes: 2})
		probing(t, ctx, b, 1, func(ctx context.Context) error {
			calls(ctx, b, 1, fail)
			sleep(t, ctx, 2*time.Second)
			p, err := b.Allow(ctx)
			must(t, err)
			equal(t, "state", b.State(), resilience.HalfOpen)
			p.Cancel(ctx)
			return nil
		})
		equal(t, "state", b.State(), resilience.HalfOpen)
		calls(ctx, b, 1, succeed)
		equal(t, "state", b.State(), resilience.HalfOpen)
	}},
}
