package resilience_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/resilience"
)

// Many tasks on all processors share all kinds of state, while calls fail, panic, exit and are cancelled. Nothing is lost for good.
// Under the race detector this looks at the locking.
func TestStress(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	rounds := 300
	if testing.Short() {
		rounds = 50
	}
	changes := 0
	breaker := resilience.NewBreaker(resilience.BreakerConfig{
		MinCalls: 3, Consecutive: 3, OpenFor: 1, OpenMax: 10, Probes: 2, Lease: time.Hour,
		OnChange: func(resilience.Change) { changes++ }, // one at a time, without a lock
	})
	slots := resilience.NewBulkhead(resilience.BulkheadConfig{Slots: 2, Queue: 3})
	rate := resilience.NewRateLimit(resilience.RateLimitConfig{Rate: 1e9, Queue: 3})
	keyed := resilience.NewKeyed(2, func(int) *resilience.Breaker { return resilience.NewBreaker(resilience.BreakerConfig{}) })
	policy := resilience.Compose(resilience.Parts[int]{
		Timeout: resilience.Timeout(time.Hour), AttemptTimeout: resilience.Timeout(time.Minute),
		Retry:     &resilience.Retry{Idempotent: true, Base: 1, Budget: &resilience.Budget{Ratio: 0.5}},
		RateLimit: rate, Bulkhead: slots, Breaker: breaker,
		Hedge: &resilience.Hedge[int]{Delay: time.Hour},
	})
	for range rounds {
		_ = braid.Run(t.Context(), func(_ context.Context, g *braid.Group) error {
			for range 8 {
				h := g.Go(func(ctx context.Context) error {
					_, err := resilience.Do(ctx, keyed.Get(rand.IntN(4)), func(ctx context.Context) (int, error) {
						return policy.Do(ctx, anything)
					})
					return err
				})
				if rand.IntN(8) == 0 {
					h.Cancel(errors.New("gone"))
				}
			}
			return nil
		}, braid.KeepGoing(), braid.OnPanic(braid.AsError), braid.PanicHook(func(*braid.PanicError) {}))
	}
	if st := slots.Statistics(); st.InUse != 0 || st.Waiting != 0 {
		t.Errorf("bulkhead: %+v", st)
	}
	if st := rate.Statistics(); st.Waiting != 0 {
		t.Errorf("rate limit: %+v", st)
	}
	if st := breaker.Statistics(); st.Probes != 0 {
		t.Errorf("breaker: %+v", st)
	}
	if changes == 0 {
		t.Error("the breaker was always closed")
	}
	for i := 0; breaker.State() != resilience.Closed || i == 0; i++ {
		if calls(t.Context(), breaker, 1, succeed); i > 1_000_000 {
			t.Fatalf("the breaker never closes: %+v", breaker.Statistics())
		}
	}
}

// anything ends in one of many ways.
func anything(ctx context.Context) (int, error) {
	switch rand.IntN(8) {
	case 0:
		return explode(ctx)
	case 1:
		return goexit(ctx)
	case 2, 3:
		return fail(ctx)
	case 4:
		return 0, braid.Yield(ctx)
	default:
		return succeed(ctx)
	}
}
