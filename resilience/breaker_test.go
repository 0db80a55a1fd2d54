package resilience_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
)

func newBreaker(c resilience.BreakerConfig) *resilience.Breaker {
	if c.OpenJitter == 0 {
		c.OpenJitter = -1
	}
	return resilience.NewBreaker(c)
}

var breakerCases = []testCase{
	{name: "Breaker: opens at the failure rate, not before MinCalls", run: func(t *testing.T, ctx context.Context) {
		b := newBreaker(resilience.BreakerConfig{MinCalls: 10, FailureRate: 0.5})
		calls(ctx, b, 9, fail)
		equal(t, "state", b.State(), resilience.Closed)
		calls(ctx, b, 1, fail)
		equal(t, "state", b.State(), resilience.Open)
		ran := false
		_, err := resilience.Do(ctx, b, func(context.Context) (int, error) { ran = true; return 1, nil })
		wantErr(t, err, resilience.ErrOpen)
		wantErr(t, err, resilience.ErrRejected)
		equal(t, "ran", ran, false)
		equal(t, "rejected", b.Statistics().Rejected, 1)
	}},
	{name: "Breaker: stays closed below the rate", run: func(t *testing.T, ctx context.Context) {
		b := newBreaker(resilience.BreakerConfig{MinCalls: 10, FailureRate: 0.5})
		for range 50 {
			calls(ctx, b, 11, succeed)
			calls(ctx, b, 9, fail)
		}
		equal(t, "state", b.State(), resilience.Closed)
		equal(t, "failures", b.Statistics().Failures, 450)
	}},
	{name: "Breaker: opens at exactly the rate", run: func(t *testing.T, ctx context.Context) {
		for percent := 1; percent <= 100; percent++ {
			b := newBreaker(resilience.BreakerConfig{MinCalls: 100, FailureRate: float64(percent) / 100})
			calls(ctx, b, 101-percent, succeed)
			calls(ctx, b, percent-1, fail)
			equal(t, "state", b.State(), resilience.Closed)
			b.Reset()
			calls(ctx, b, 100-percent, succeed)
			calls(ctx, b, percent, fail)
			equal(t, "state", b.State(), resilience.Open)
		}
	}},
	{name: "Breaker: a success never opens it", run: func(t *testing.T, ctx context.Context) {
		b := newBreaker(resilience.BreakerConfig{MinCalls: 5, FailureRate: 0.5})
		calls(ctx, b, 4, fail)
		calls(ctx, b, 1, succeed)
		equal(t, "state", b.State(), resilience.Closed)
	}},
	{name: "Breaker: opens after consecutive failures, without regard to the window", waits: true, run: func(t *testing.T, ctx context.Context) {
		b := newBreaker(resilience.BreakerConfig{FailureRate: -1, Consecutive: 3, Window: time.Second})
		calls(ctx, b, 2, fail)
		calls(ctx, b, 1, succeed)
		calls(ctx, b, 2, fail)
		equal(t, "state", b.State(), resilience.Closed)
		sleep(t, ctx, time.Hour)
		calls(ctx, b, 1, fail)
		equal(t, "state", b.State(), resilience.Open)
	}},
	{name: "Breaker: opens when calls are slow, whatever their result", waits: true, run: func(t *testing.T, ctx context.Context) {
		b := newBreaker(resilience.BreakerConfig{MinCalls: 4, SlowCall: 100 * time.Millisecond, SlowRate: 0.5})
		calls(ctx, b, 2, lasting(99*time.Millisecond))
		calls(ctx, b, 1, lasting(100*time.Millisecond))
		equal(t, "state", b.State(), resilience.Closed)
		calls(ctx, b, 1, lasting(200*time.Millisecond))
		equal(t, "state", b.State(), resilience.Open)
		var open *resilience.OpenError
		if _, err := resilience.Do(ctx, b, succeed); !errors.As(err, &open) || open.Last != nil {
			t.Fatalf("error is %v", err)
		}
	}},
	{name: "Breaker: the window rolls, so that a burst at its edge is not misjudged", waits: true, run: func(t *testing.T, ctx context.Context) {
		// 9 of 100 calls fail within any 10 s, but all of the failures come in the same second.
		b := newBreaker(resilience.BreakerConfig{Window: 10 * time.Second, MinCalls: 10, FailureRate: 0.2})
		for range 5 {
			for second := range 10 {
				if second == 9 {
					calls(ctx, b, 1, succeed)
					calls(ctx, b, 9, fail)
					equal(t, "state", b.State(), resilience.Closed)
				} else {
					calls(ctx, b, 10, succeed)
				}
				sleep(t, ctx, time.Second)
			}
			if b.State() != resilience.Closed {
				break
			}
		}
		equal(t, "state", b.State(), resilience.Closed)
	}},
	{name: "Breaker: what has slid out of the window is forgotten", waits: true, run: func(t *testing.T, ctx context.Context) {
		b := newBreaker(resilience.BreakerConfig{Window: 10 * time.Second, MinCalls: 10, FailureRate: 0.5})
		calls(ctx, b, 9, fail)
		sleep(t, ctx, 11*time.Second)
		calls(ctx, b, 9, fail)
		equal(t, "state", b.State(), resilience.Closed)
		equal(t, "calls", b.Statistics().Calls, 9)
		sleep(t, ctx, 5*time.Second)
		calls(ctx, b, 1, fail)
		equal(t, "state", b.State(), resilience.Open)
	}},
	{name: "Breaker: the window holds what it should, through any pauses", waits: true, run: func(t *testing.T, ctx context.Context) {
		const length, width = 10 * time.Second, time.Second
		b := newBreaker(resilience.BreakerConfig{Window: length, MinCalls: 1 << 30})
		var ended []time.Time // the reference: all there ever was
		dice := rand.New(rand.NewPCG(1, 2))
		for range 500 {
			sleep(t, ctx, time.Duration(dice.ExpFloat64()*dice.Float64()*float64(4*time.Second)))
			fails := dice.IntN(2) == 0
			calls(ctx, b, 1, func(context.Context) (int, error) {
				if fails {
					return 0, errDown
				}
				return 1, nil
			})
			now := braid.Time(ctx)
			ended = append(ended, now)
			since := func(d time.Duration) (n int) {
				for _, at := range ended {
					if now.Sub(at) < d {
						n++
					}
				}
				return n
			}
			if n, least, most := b.Statistics().Calls, since(length-width), since(length); n < least || n > most {
				t.Fatalf("the window holds %d calls; %d came within 9 s, %d within 10 s", n, least, most)
			}
		}
	}},
	{name: "Breaker: the caller's own cancel counts for nothing", run: func(t *testing.T, ctx context.Context) {
		b := newBreaker(resilience.BreakerConfig{MinCalls: 1, Consecutive: 1})
		for range 5 {
			inner, cancel := context.WithCancelCause(ctx)
			cause := errors.New("the user has gone")
			_, err := resilience.Do(inner, b, cancelled(cancel, cause))
			wantErr(t, err, cause)
		}
		equal(t, "state", b.State(), resilience.Closed)
		equal(t, "calls", b.Statistics().Calls, 0)
		equal(t, "neutral", b.Statistics().Neutral, 5)
	}},
	{name: "Breaker: a failure beside the caller's cancel is a failure", run: func(t *testing.T, ctx context.Context) {
		b := newBreaker(resilience.BreakerConfig{Consecutive: 1})
		inner, cancel := context.WithCancel(ctx)
		_, _ = resilience.Do(inner, b, func(ctx context.Context) (int, error) { cancel(); return 0, errors.Join(errDown, context.Canceled) })
		equal(t, "state", b.State(), resilience.Open)
	}},
	{name: "Breaker: a foreign context error is a failure", run: func(t *testing.T, ctx context.Context) {
		b := newBreaker(resilience.BreakerConfig{Consecutive: 1})
		_, _ = resilience.Do(ctx, b, func(context.Context) (int, error) { return 0, context.Canceled })
		equal(t, "state", b.State(), resilience.Open)
	}},
	{name: "Breaker: a deadline that passes is a failure", waits: true, run: func(t *testing.T, ctx context.Context) {
		b := newBreaker(resilience.BreakerConfig{Consecutive: 1})
		err := braid.Timeout(ctx, time.Second, func(ctx context.Context) error {
			_, err := resilience.Do(ctx, b, never)
			return err
		})
		wantErr(t, err, braid.ErrTimeout)
		equal(t, "state", b.State(), resilience.Open)
	}},
	{name: "Breaker: a rejection by another policy counts for nothing", run: func(t *testing.T, ctx context.Context) {
		b := newBreaker(resilience.BreakerConfig{Consecutive: 1})
		_, err := resilience.Do(ctx, b, func(context.Context) (int, error) { return 0, &resilience.FullError{} })
		wantErr(t, err, resilience.ErrFull)
		equal(t, "state", b.State(), resilience.Closed)
		// But attempts that reached it before one was rejected do count.
		inner := newBreaker(resilience.BreakerConfig{Consecutive: 2})
		_, err = resilience.Do(ctx, b, func(ctx context.Context) (int, error) {
			return resilience.Do(ctx, quick(resilience.Retry{Idempotent: true}), func(ctx context.Context) (int, error) {
				return resilience.Do(ctx, inner, fail)
			})
		})
		wantErr(t, err, resilience.ErrOpen)
		wantErr(t, err, resilience.ErrNotRetried)
		equal(t, "state", b.State(), resilience.Open)
	}},
	{name: "Breaker: IsFailure says what is a failure", run: func(t *testing.T, ctx context.Context) {
		notFound := errors.New("not found")
		b := newBreaker(resilience.BreakerConfig{Consecutive: 2, IsFailure: func(err error) bool { return !errors.Is(err, notFound) }})
		notFounds := func(context.Context) (int, error) { return 0, notFound }
		calls(ctx, b, 1, fail)
		calls(ctx, b, 5, notFounds)
		calls(ctx, b, 1, fail)
		equal(t, "state", b.State(), resilience.Closed)
		calls(ctx, b, 1, fail)
		equal(t, "state", b.State(), resilience.Open)
	}},
	{name: "Breaker: IsFailure that panics leaves no permit behind", run: func(t *testing.T, ctx context.Context) {
		b := newBreaker(resilience.BreakerConfig{Consecutive: 2, IsFailure: func(error) bool { panic("no") }})
		wantPanic(t, "no", func() { calls(ctx, b, 1, fail) })
		p, err := b.Allow(ctx)
		must(t, err)
		wantPanic(t, "no", func() { p.Done(ctx, errDown) })
		equal(t, "state", b.State(), resilience.Open)
	}},
	{name: "Breaker: a panic and a Goexit are failures and pass through", run: func(t *testing.T, ctx context.Context) {
		b := newBreaker(resilience.BreakerConfig{Consecutive: 2})
		equal(t, "panic", panicked(func() { calls(ctx, b, 1, explode) }), any("boom"))
		equal(t, "failures", b.Statistics().Failures, 1)
		wantErr(t, inTask(ctx, func(ctx context.Context) { calls(ctx, b, 1, goexit) }), braid.ErrGoexit)
		equal(t, "state", b.State(), resilience.Open)
	}},
	{name: "Breaker: Isolate rejects until Reset", waits: true, run: func(t *testing.T, ctx context.Context) {
		b := newBreaker(resilience.BreakerConfig{Name: "db"})
		b.Isolate()
		b.Isolate()
		sleep(t, ctx, time.Hour)
		_, err := resilience.Do(ctx, b, succeed)
		var open *resilience.OpenError
		if !errors.As(err, &open) || open.State != resilience.Isolated || open.RetryAfter() != 0 || open.Breaker != "db" {
			t.Fatalf("error is %v", err)
		}
		b.Reset()
		_, err = resilience.Do(ctx, b, succeed)
		must(t, err)
	}},
	{name: "Breaker: Allow and Done do what Do does", run: func(t *testing.T, ctx context.Context) {
		b := newBreaker(resilience.BreakerConfig{Consecutive: 1})
		p, err := b.Allow(ctx)
		must(t, err)
		p.Cancel(ctx)
		p, err = b.Allow(ctx)
		must(t, err)
		p.Done(ctx, nil)
		equal(t, "calls", b.Statistics().Calls, 1)
		p, err = b.Allow(ctx)
		must(t, err)
		p.Done(ctx, errDown)
		_, err = b.Allow(ctx)
		wantErr(t, err, resilience.ErrOpen)
		wantPanic(t, "not given by a Breaker", func() { resilience.Permit{}.Cancel(ctx) })
	}},
}
