package resilience_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
	"github.com/braid-go/braid/sim"
)

// Whatever the schedule, a half-open breaker has no more probes under way than it may, and comes back to life
// when the dependency does, although callers are cancelled and calls hang.
func TestSimBreaker(t *testing.T) {
	sim.Test(t, func(s *sim.T) {
		b := resilience.NewBreaker(resilience.BreakerConfig{
			Consecutive: 2, OpenFor: time.Second, Lease: 3 * time.Second, Rand: s.Rand().Float64,
		})
		down := true
		var probes atomic.Int32
		dependency := func(ctx context.Context) (int, error) {
			if b.State() == resilience.HalfOpen {
				if n := probes.Add(1); n > 1 {
					s.Errorf("%d probes at a time", n)
				}
				defer probes.Add(-1)
			}
			switch {
			case down && s.IntN(2) == 0:
				return never(ctx)
			case down:
				return 0, errDown
			}
			return 1, braid.Yield(ctx)
		}
		_ = braid.Run(s.Context(), func(ctx context.Context, g *braid.Group) error {
			for range 3 {
				g.Go(func(ctx context.Context) error {
					for range 2 {
						_, _ = resilience.Do(ctx, resilience.Timeout(2*time.Second), func(ctx context.Context) (int, error) {
							return resilience.Do(ctx, b, dependency)
						})
					}
					return nil
				})
			}
			return nil
		})
		down = false
		for range 10 {
			if _, err := resilience.Do(s.Context(), b, dependency); err == nil {
				return
			}
			_ = braid.Sleep(s.Context(), time.Second)
		}
		s.Errorf("the breaker is %v for ever: %+v", b.State(), b.Statistics())
	})
}

// Whatever the schedule, and wherever callers are cancelled, a policy leaves no slot taken, loses no result and joins its losers.
func TestSimPolicy(t *testing.T) {
	sim.Test(t, func(s *sim.T) {
		slots := resilience.NewBulkhead(resilience.BulkheadConfig{Slots: 1, Queue: 2})
		var running, won, disposed, made atomic.Int32
		p := resilience.Compose(resilience.Parts[int]{
			Timeout:   resilience.Timeout(10 * time.Second),
			Retry:     &resilience.Retry{Idempotent: true, Attempts: 2, Rand: s.Rand().Float64},
			RateLimit: resilience.NewRateLimit(resilience.RateLimitConfig{Rate: 1, Queue: 3}),
			Bulkhead:  slots,
			Hedge:     &resilience.Hedge[int]{Delay: time.Second, Dispose: func(int) { disposed.Add(1) }},
		})
		_ = braid.Run(s.Context(), func(ctx context.Context, g *braid.Group) error {
			var calls []*braid.Handle
			for range 3 {
				calls = append(calls, g.Go(func(ctx context.Context) error {
					_, err := p.Do(ctx, func(ctx context.Context) (int, error) {
						running.Add(1)
						defer running.Add(-1)
						if err := braid.Sleep(ctx, time.Duration(s.IntN(3))*time.Second); err != nil {
							return 0, err
						}
						made.Add(1)
						return 1, nil
					})
					if err == nil {
						won.Add(1)
					}
					return nil
				}))
			}
			_ = braid.Sleep(ctx, time.Second)
			calls[s.IntN(3)].Cancel(errors.New("gone"))
			return nil
		})
		if st := slots.Statistics(); running.Load() != 0 || st.InUse != 0 || st.Waiting != 0 {
			s.Errorf("%d functions run, %+v", running.Load(), st)
		}
		if made.Load() != won.Load()+disposed.Load() {
			s.Errorf("%d results, of which %d were returned and %d disposed of", made.Load(), won.Load(), disposed.Load())
		}
	})
}
