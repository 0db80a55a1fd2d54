package resilience_test

import (
	"context"
	"math"
	"testing"

	"github.com/braid-go/braid/resilience"
)

func breakerFor(string) *resilience.Breaker {
	return newBreaker(resilience.BreakerConfig{Consecutive: 1})
}

var keyedCases = []testCase{
	{name: "Keyed: one policy a key, and not more than the bound", run: func(t *testing.T, ctx context.Context) {
		k := resilience.NewKeyed(2, breakerFor)
		a := k.Get("a")
		calls(ctx, k.Get("b"), 1, succeed)
		equal(t, "the policy of a", k.Get("a"), a)
		k.Get("c") // the last use of b is longest ago
		equal(t, "the policy of a", k.Get("a"), a)
		equal(t, "statistics", k.Statistics(), resilience.KeyedStatistics{Len: 2, Max: 2, Evicted: 1})
		k.Forget("a")
		k.Forget("a")
		equal(t, "the policy of a is the old one", k.Get("a") == a, false)
		equal(t, "evicted", k.Statistics().Evicted, 1)
	}},
	{name: "Keyed: forgetting a policy that is active is counted", run: func(t *testing.T, ctx context.Context) {
		k := resilience.NewKeyed(1, breakerFor)
		calls(ctx, k.Get("a"), 1, fail)
		k.Get("b")
		equal(t, "active", k.Statistics().EvictedActive, 1)

		slots := resilience.NewKeyed(1, func(string) *resilience.Bulkhead {
			return resilience.NewBulkhead(resilience.BulkheadConfig{Slots: 1})
		})
		b := slots.Get("a")
		must(t, b.Acquire(ctx))
		slots.Get("b")
		b.Release() // calls under way keep their policy
		slots.Get("c")
		equal(t, "statistics", slots.Statistics(), resilience.KeyedStatistics{Len: 1, Max: 1, Evicted: 2, EvictedActive: 1})

		rates := resilience.NewKeyed(1, func(string) *resilience.RateLimit {
			return resilience.NewRateLimit(resilience.RateLimitConfig{Rate: 1})
		})
		rates.Get("a")
		rates.Get("b")
		equal(t, "active", rates.Statistics().EvictedActive, 0)
	}},
	{name: "Keyed: the function that makes policies may use it", run: func(t *testing.T, ctx context.Context) {
		var k *resilience.Keyed[string, *resilience.Breaker]
		k = resilience.NewKeyed(2, func(key string) *resilience.Breaker {
			if key == "a" {
				k.Get("b")
			}
			return breakerFor(key)
		})
		k.Get("a")
		equal(t, "keys", k.Statistics().Len, 2)
	}},
	{name: "Keyed: those who ask at the same time get the same", run: func(t *testing.T, ctx context.Context) {
		var k *resilience.Keyed[string, *resilience.Breaker]
		var quicker *resilience.Breaker
		made := 0
		k = resilience.NewKeyed(2, func(key string) *resilience.Breaker {
			if made++; made == 1 {
				quicker = k.Get(key) // stands for somebody else who asks now
			}
			return breakerFor(key)
		})
		equal(t, "the policy of a", k.Get("a"), quicker)
		equal(t, "keys", k.Statistics().Len, 1)
	}},
	{name: "Keyed: a key that is not equal to itself is not kept", run: func(t *testing.T, ctx context.Context) {
		k := resilience.NewKeyed(2, func(float64) *resilience.Breaker { return breakerFor("") })
		for range 10 {
			k.Get(math.NaN())
		}
		equal(t, "keys", k.Statistics().Len, 0)
	}},
}
