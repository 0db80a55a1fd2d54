package resilience_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid/internal/sched"
	"github.com/braid-go/braid/internal/schedtest"
	"github.com/braid-go/braid/resilience"
)

// openFor returns how long b is still open.
func openFor(t *testing.T, ctx context.Context, b *resilience.Breaker) time.Duration {
	t.Helper()
	_, err := resilience.Do(ctx, b, succeed)
	var open *resilience.OpenError
	if !errors.As(err, &open) {
		t.Fatalf("error is %v", err)
	}
	return open.RetryAfter()
}

var breakerClockCases = []testCase{
	{name: "Open: the error says when to come back", waits: true, run: func(t *testing.T, ctx context.Context) {
		b := newBreaker(resilience.BreakerConfig{Consecutive: 1, OpenFor: 5 * time.Second})
		calls(ctx, b, 1, fail)
		equal(t, "open for", openFor(t, ctx, b), 5*time.Second)
		sleep(t, ctx, 3*time.Second)
		equal(t, "open for", openFor(t, ctx, b), 2*time.Second)
		sleep(t, ctx, 2*time.Second-1)
		equal(t, "open for", openFor(t, ctx, b), 1)
		sleep(t, ctx, 1)
		calls(ctx, b, 1, succeed)
		equal(t, "state", b.State(), resilience.Closed)
	}},
	{name: "Open: the time grows up to a bound, until the breaker was closed", waits: true, run: func(t *testing.T, ctx context.Context) {
		b := newBreaker(resilience.BreakerConfig{Consecutive: 1, OpenFor: time.Second, OpenMax: 5 * time.Second})
		for _, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second} {
			calls(ctx, b, 1, fail)
			equal(t, "open for", openFor(t, ctx, b), want)
			sleep(t, ctx, want)
		}
		calls(ctx, b, 1, succeed)
		calls(ctx, b, 1, fail)
		equal(t, "open for", openFor(t, ctx, b), time.Second)
	}},
	{name: "Open: the time is drawn, so that instances do not come back together", run: func(t *testing.T, ctx context.Context) {
		for draw, want := range map[float64]time.Duration{0: 10 * time.Second, 0.5: 8 * time.Second, 1: 6 * time.Second, -3: 10 * time.Second} {
			b := newBreaker(resilience.BreakerConfig{
				Consecutive: 1, OpenFor: 10 * time.Second, OpenJitter: 0.4, Rand: func() float64 { return draw },
				OnChange: func(c resilience.Change) {
					if c.OpenFor != want {
						t.Errorf("open for %v, want %v", c.OpenFor, want)
					}
				},
			})
			calls(ctx, b, 1, fail)
		}
	}},
	{name: "Open: times that would overflow do not", run: func(t *testing.T, ctx context.Context) {
		const long = time.Duration(1<<63 - 1)
		b := newBreaker(resilience.BreakerConfig{Consecutive: 1, OpenFor: long, OpenMax: long})
		calls(ctx, b, 1, fail)
		if d := openFor(t, ctx, b); d < long/2 {
			t.Errorf("open for %v", d)
		}
	}},
}

// jumpy is a scheduler whose clock can be set.
type jumpy struct {
	*schedtest.Scheduler
	off time.Duration
}

func (j *jumpy) Now() time.Time { return j.Scheduler.Now().Add(j.off) }

// withJumps runs f on a scheduler whose clock jumps.
func withJumps(t *testing.T, f func(ctx context.Context, jump func(time.Duration))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := schedtest.New(0)
		s.Run(t.Context(), func(ctx context.Context) {
			j := &jumpy{Scheduler: s}
			f(sched.With(ctx, j), func(d time.Duration) { j.off += d })
		})
	})
}

func TestBreakerClockJumps(t *testing.T) {
	const day = 24 * time.Hour
	config := resilience.BreakerConfig{Consecutive: 10, MinCalls: 4, OpenFor: 5 * time.Second, Window: 10 * time.Second, Lease: 10 * time.Second}
	for name, far := range map[string]time.Duration{"back": -day, "forward": day} {
		t.Run("closed, "+name, func(t *testing.T) {
			withJumps(t, func(ctx context.Context, jump func(time.Duration)) {
				b := newBreaker(config)
				calls(ctx, b, 3, fail)
				jump(far)
				calls(ctx, b, 3, fail) // what came before the jump is forgotten
				equal(t, "calls", b.Statistics().Calls, 3)
				calls(ctx, b, 1, fail)
				equal(t, "state", b.State(), resilience.Open)
			})
		})
	}
	t.Run("closed, a little back", func(t *testing.T) {
		withJumps(t, func(ctx context.Context, jump func(time.Duration)) {
			b := newBreaker(config)
			calls(ctx, b, 3, fail)
			jump(-time.Second)
			calls(ctx, b, 1, fail)
			equal(t, "state", b.State(), resilience.Open)
		})
	})
	t.Run("open, back", func(t *testing.T) {
		withJumps(t, func(ctx context.Context, jump func(time.Duration)) {
			b := newBreaker(config)
			calls(ctx, b, 4, fail)
			jump(-day)
			equal(t, "open for", openFor(t, ctx, b), 5*time.Second) // and not a day
			jump(5 * time.Second)
			calls(ctx, b, 1, succeed)
			equal(t, "state", b.State(), resilience.Closed)
		})
	})
	t.Run("half-open, back", func(t *testing.T) {
		withJumps(t, func(ctx context.Context, jump func(time.Duration)) {
			b := newBreaker(config)
			calls(ctx, b, 4, fail)
			jump(5 * time.Second)
			_, err := b.Allow(ctx) // never given back
			must(t, err)
			jump(-day)
			equal(t, "open for", openFor(t, ctx, b), 10*time.Second)
			jump(10 * time.Second)
			equal(t, "open for", openFor(t, ctx, b), 10*time.Second) // opened again, for twice the time
			jump(10 * time.Second)
			calls(ctx, b, 1, succeed)
			equal(t, "state", b.State(), resilience.Closed)
		})
	})
}

func TestRateLimitClockJumps(t *testing.T) {
	withJumps(t, func(ctx context.Context, jump func(time.Duration)) {
		l := resilience.NewRateLimit(resilience.RateLimitConfig{Rate: 1, Burst: 2})
		must(t, l.Wait(ctx))
		must(t, l.Wait(ctx))
		jump(-24 * time.Hour)
		var limit *resilience.LimitError
		if err := l.Wait(ctx); !errors.As(err, &limit) || limit.After > time.Second {
			t.Fatalf("error is %v", err)
		}
		jump(time.Second)
		must(t, l.Wait(ctx))
		jump(24 * time.Hour)
		must(t, l.Wait(ctx))
		must(t, l.Wait(ctx))
		wantErr(t, l.Wait(ctx), resilience.ErrLimited)
	})
}
