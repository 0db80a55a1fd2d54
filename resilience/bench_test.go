package resilience_test

import (
	"context"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
)

func one(context.Context) (int, error) { return 1, nil }

// five is the policy of five that bench/ measures beside its peers.
func five() resilience.Parts[int] {
	return resilience.Parts[int]{
		Fallback: resilience.FallbackTo(0),
		Timeout:  resilience.Timeout(time.Second),
		Retry:    &resilience.Retry{Idempotent: true},
		Bulkhead: resilience.NewBulkhead(resilience.BulkheadConfig{Slots: 100, Queue: 100}),
		Breaker:  resilience.NewBreaker(resilience.BreakerConfig{}),
	}
}

// inPlaces runs a benchmark under a plain context and inside a task.
func inPlaces(b *testing.B, run func(b *testing.B, ctx context.Context)) {
	b.Run("in=plain", func(b *testing.B) { run(b, b.Context()) })
	b.Run("in=task", func(b *testing.B) {
		_ = braid.Run(b.Context(), func(ctx context.Context, _ *braid.Group) error {
			run(b, ctx)
			return nil
		})
	})
}

func BenchmarkBreaker(b *testing.B) {
	for name, config := range map[string]resilience.BreakerConfig{
		"slow=off": {},
		"slow=on":  {SlowCall: time.Second},
	} {
		b.Run(name, func(b *testing.B) {
			inPlaces(b, func(b *testing.B, ctx context.Context) {
				b.ReportAllocs()
				breaker := resilience.NewBreaker(config)
				for b.Loop() {
					_, _ = resilience.Do(ctx, breaker, one)
				}
			})
		})
	}
}

func BenchmarkBreakerParallel(b *testing.B) {
	b.ReportAllocs()
	breaker := resilience.NewBreaker(resilience.BreakerConfig{})
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, _ = resilience.Do(b.Context(), breaker, one)
		}
	})
}

func BenchmarkBreakerOpen(b *testing.B) {
	b.ReportAllocs()
	breaker := resilience.NewBreaker(resilience.BreakerConfig{})
	breaker.Isolate()
	for b.Loop() {
		_, _ = resilience.Do(b.Context(), breaker, one)
	}
}

func BenchmarkPolicyOfFive(b *testing.B) {
	inPlaces(b, func(b *testing.B, ctx context.Context) {
		b.ReportAllocs()
		policy := resilience.Compose(five())
		for b.Loop() {
			_, _ = policy.Do(ctx, one)
		}
	})
}

func BenchmarkPolicyOfSeven(b *testing.B) {
	parts := five()
	parts.RateLimit = resilience.NewRateLimit(resilience.RateLimitConfig{Rate: 1e9, Burst: 1 << 20, Queue: 1 << 20})
	parts.AttemptTimeout = resilience.Timeout(100 * time.Millisecond)
	inPlaces(b, func(b *testing.B, ctx context.Context) {
		b.ReportAllocs()
		policy := resilience.Compose(parts)
		for b.Loop() {
			_, _ = policy.Do(ctx, one)
		}
	})
}

func BenchmarkPart(b *testing.B) {
	for _, part := range []struct {
		name string
		part resilience.Part
	}{
		{"retry", &resilience.Retry{}},
		{"timeout", resilience.Timeout(time.Second)},
		{"bulkhead", resilience.NewBulkhead(resilience.BulkheadConfig{Slots: 1})},
		{"ratelimit", resilience.NewRateLimit(resilience.RateLimitConfig{Rate: 1e9, Burst: 1 << 20})},
		{"chaos", &resilience.Chaos{Errors: 1e-9}},
	} {
		b.Run(part.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = resilience.Do(b.Context(), part.part, one)
			}
		})
	}
}

func BenchmarkHedge(b *testing.B) {
	b.ReportAllocs()
	h := &resilience.Hedge[int]{Delay: time.Second}
	for b.Loop() {
		_, _ = h.Do(b.Context(), one)
	}
}

func BenchmarkKeyed(b *testing.B) {
	b.ReportAllocs()
	k := resilience.NewKeyed(100, func(int) *resilience.Breaker { return resilience.NewBreaker(resilience.BreakerConfig{}) })
	for b.Loop() {
		_ = k.Get(1)
	}
}
