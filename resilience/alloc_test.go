package resilience_test

import (
	"context"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
)

// A call of a healthy dependency allocates nothing under a breaker, and under a policy of five only its time limit.
func TestAllocations(t *testing.T) {
	_ = braid.Run(t.Context(), func(ctx context.Context, _ *braid.Group) error {
		breaker := newBreaker(resilience.BreakerConfig{})
		policy := resilience.Compose(five())
		for name, f := range map[string]struct {
			most float64
			call func()
		}{
			"breaker":        {0, func() { _, _ = resilience.Do(ctx, breaker, one) }},
			"policy of five": {1, func() { _, _ = policy.Do(ctx, one) }},
		} {
			if n := testing.AllocsPerRun(100, f.call); n > f.most {
				t.Errorf("%s: %v allocations", name, n)
			}
		}
		return nil
	})
}
