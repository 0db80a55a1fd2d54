package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/braid-go/braid/resilience"
)

// guards are all policies, each as a function that calls fn under it.
func guards() map[string]func(ctx context.Context, fn func(context.Context) (int, error)) (int, error) {
	do := func(part resilience.Part) func(ctx context.Context, fn func(context.Context) (int, error)) (int, error) {
		return func(ctx context.Context, fn func(context.Context) (int, error)) (int, error) {
			return resilience.Do(ctx, part, fn)
		}
	}
	all := five()
	all.AttemptTimeout = second
	return map[string]func(ctx context.Context, fn func(context.Context) (int, error)) (int, error){
		"Breaker":   do(newBreaker(resilience.BreakerConfig{})),
		"Retry":     do(&resilience.Retry{}),
		"Timeout":   do(second),
		"Bulkhead":  do(resilience.NewBulkhead(resilience.BulkheadConfig{Slots: 1})),
		"RateLimit": do(resilience.NewRateLimit(resilience.RateLimitConfig{Rate: 1000, Burst: 1000})),
		"Chaos":     do(&resilience.Chaos{}),
		"Hedge":     (&resilience.Hedge[int]{Delay: time.Hour}).Do,
		"Fallback":  resilience.FallbackTo(7).Do,
		"Policy":    resilience.Compose(all).Do,
	}
}

// entryCases are what all policies have in common.
func entryCases() []testCase {
	var list []testCase
	for name := range guards() {
		guard := func(ctx context.Context, fn func(context.Context) (int, error)) (int, error) {
			return guards()[name](ctx, fn)
		}
		list = append(list, testCase{name: name + ": under a ctx that is done it gives the cause and calls nothing", run: func(t *testing.T, ctx context.Context) {
			gone := errors.New("gone")
			inner, cancel := context.WithCancelCause(ctx)
			cancel(gone)
			_, err := guard(inner, func(context.Context) (int, error) { t.Error("called"); return 0, nil })
			equal(t, "error", err, gone)
		}}, testCase{name: name + ": a nil function panics with a text", run: func(t *testing.T, ctx context.Context) {
			wantPanic(t, "needs a function", func() { _, _ = guard(ctx, nil) })
		}}, testCase{name: name + ": an error comes back with what the function returned", run: func(t *testing.T, ctx context.Context) {
			if name == "Fallback" || name == "Policy" || name == "Hedge" {
				return
			}
			v, err := guard(ctx, func(context.Context) (int, error) { return 5, errDown })
			equal(t, "error", err, errDown)
			equal(t, "result", v, 5)
		}})
	}
	return list
}

func TestInvalidNumbersPanic(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	do := func(part resilience.Part) func() {
		return func() { _, _ = resilience.Do(t.Context(), part, succeed) }
	}
	breaker := func(c resilience.BreakerConfig) func() { return func() { resilience.NewBreaker(c) } }
	bulkhead := func(c resilience.BulkheadConfig) func() { return func() { resilience.NewBulkhead(c) } }
	rate := func(c resilience.RateLimitConfig) func() { return func() { resilience.NewRateLimit(c) } }
	hedge := func(h *resilience.Hedge[int]) func() { return func() { _, _ = h.Do(t.Context(), succeed) } }
	compose := func(p resilience.Parts[int]) func() { return func() { resilience.Compose(p) } }
	for want, calls := range map[string][]func(){
		"BreakerConfig.Window":      {breaker(resilience.BreakerConfig{Window: -1})},
		"BreakerConfig.Buckets":     {breaker(resilience.BreakerConfig{Buckets: -1}), breaker(resilience.BreakerConfig{Buckets: math.MaxInt})},
		"BreakerConfig.MinCalls":    {breaker(resilience.BreakerConfig{MinCalls: -1})},
		"BreakerConfig.FailureRate": {breaker(resilience.BreakerConfig{FailureRate: 1.1}), breaker(resilience.BreakerConfig{FailureRate: nan})},
		"BreakerConfig.SlowCall":    {breaker(resilience.BreakerConfig{SlowCall: -1})},
		"BreakerConfig.SlowRate":    {breaker(resilience.BreakerConfig{SlowRate: -1}), breaker(resilience.BreakerConfig{SlowRate: 2}), breaker(resilience.BreakerConfig{SlowRate: nan})},
		"BreakerConfig.Consecutive": {breaker(resilience.BreakerConfig{Consecutive: -1})},
		"would never open":          {breaker(resilience.BreakerConfig{FailureRate: -1})},
		"BreakerConfig.OpenFor":     {breaker(resilience.BreakerConfig{OpenFor: -1})},
		"BreakerConfig.OpenMax":     {breaker(resilience.BreakerConfig{OpenMax: 1}), breaker(resilience.BreakerConfig{OpenMax: -1})},
		"BreakerConfig.OpenJitter":  {breaker(resilience.BreakerConfig{OpenJitter: 2}), breaker(resilience.BreakerConfig{OpenJitter: nan})},
		"BreakerConfig.Probes":      {breaker(resilience.BreakerConfig{Probes: -1})},
		"BreakerConfig.Successes":   {breaker(resilience.BreakerConfig{Successes: -1})},
		"BreakerConfig.Lease":       {breaker(resilience.BreakerConfig{Lease: -1})},
		"NewBreaker":                {do(&resilience.Breaker{}), func() { _, _ = new(resilience.Breaker).Allow(t.Context()) }},

		"BulkheadConfig.Slots":   {bulkhead(resilience.BulkheadConfig{}), bulkhead(resilience.BulkheadConfig{Slots: -1})},
		"BulkheadConfig.Queue":   {bulkhead(resilience.BulkheadConfig{Slots: 1, Queue: -1})},
		"BulkheadConfig.MaxWait": {bulkhead(resilience.BulkheadConfig{Slots: 1, MaxWait: -1})},
		"NewBulkhead":            {do(&resilience.Bulkhead{}), func() { _ = new(resilience.Bulkhead).Acquire(t.Context()) }},

		"RateLimitConfig.Rate": {
			rate(resilience.RateLimitConfig{}), rate(resilience.RateLimitConfig{Rate: -1}), rate(resilience.RateLimitConfig{Rate: nan}),
			rate(resilience.RateLimitConfig{Rate: inf}), rate(resilience.RateLimitConfig{Rate: 1e-300}), rate(resilience.RateLimitConfig{Rate: 1e10}),
			rate(resilience.RateLimitConfig{Rate: 0.001, Queue: 1 << 30}),
		},
		"RateLimitConfig.Burst": {rate(resilience.RateLimitConfig{Rate: 1, Burst: -1}), rate(resilience.RateLimitConfig{Rate: 1e9, Burst: math.MaxInt})},
		"RateLimitConfig.Queue": {rate(resilience.RateLimitConfig{Rate: 1, Queue: -1})},
		"NewRateLimit":          {do(&resilience.RateLimit{}), func() { _ = new(resilience.RateLimit).Wait(t.Context()) }},

		"Retry.Attempts": {do(&resilience.Retry{Attempts: -1}), compose(resilience.Parts[int]{Retry: &resilience.Retry{Attempts: -1}})},
		"Retry.Base":     {do(&resilience.Retry{Base: -1})},
		"Retry.Max":      {do(&resilience.Retry{Max: -1})},
		"Budget.Ratio":   {do(&resilience.Retry{Budget: &resilience.Budget{Ratio: nan}}), hedge(&resilience.Hedge[int]{Delay: 1, Budget: &resilience.Budget{Ratio: -1}})},
		"Budget.Burst":   {do(&resilience.Retry{Budget: &resilience.Budget{Burst: -1}})},

		"Hedge.Delay": {hedge(&resilience.Hedge[int]{}), compose(resilience.Parts[int]{Hedge: &resilience.Hedge[int]{Delay: -1}})},
		"Hedge.Max":   {hedge(&resilience.Hedge[int]{Delay: 1, Max: -1})},

		"Chaos.Errors": {do(&resilience.Chaos{Errors: 1.5}), do(&resilience.Chaos{Errors: nan})},
		"Chaos.Delays": {do(&resilience.Chaos{Delays: -1})},
		"Chaos.Panics": {do(&resilience.Chaos{Panics: 2})},
		"Chaos.Delay ": {do(&resilience.Chaos{Delay: -1})},

		"Parts.Timeout":        {compose(resilience.Parts[int]{Timeout: -1})},
		"Parts.AttemptTimeout": {compose(resilience.Parts[int]{AttemptTimeout: -1})},
		"Parts.Expect":         {compose(resilience.Parts[int]{Expect: -1}), compose(resilience.Parts[int]{Expect: 2, Timeout: 1})},

		"needs a policy": {
			do(nil), do((*resilience.Breaker)(nil)), do((*resilience.Retry)(nil)), do((*resilience.Bulkhead)(nil)),
			do((*resilience.RateLimit)(nil)), do((*resilience.Chaos)(nil)), hedge(nil),
		},
		"needs a function": {func() { _, _ = resilience.Fallback[int](nil).Do(t.Context(), succeed) }},
		"NewKeyed": {
			func() { resilience.NewKeyed(0, breakerFor) },
			func() { resilience.NewKeyed[string, *resilience.Breaker](1, nil) },
		},
	} {
		for i, call := range calls {
			t.Run(fmt.Sprintf("%s/%d", want, i), func(t *testing.T) { wantPanic(t, want, call) })
		}
	}
}

// The text of an error names what it is about.
func TestErrorTexts(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"resilience: breaker db is open; retry after 5s (last failure: down)": &resilience.OpenError{Breaker: "db", State: resilience.Open, After: 5 * time.Second, Last: errDown},
		"resilience: breaker is isolated":                                     &resilience.OpenError{State: resilience.Isolated},
		"resilience: bulkhead db is full, and so is its queue":                &resilience.FullError{Bulkhead: "db"},
		"resilience: bulkhead had no free slot for 1s":                        &resilience.FullError{Waited: time.Second},
		"resilience: over the rate limit api; retry after 1s":                 &resilience.LimitError{Limit: "api", After: time.Second},
		"resilience: over the rate limit; retry after 1s":                     &resilience.LimitError{After: time.Second},
		"resilience: not enough time for a retry: it needs 2s and 1s are left": &resilience.NoTimeError{
			For: "retry", Need: 2 * time.Second, Left: time.Second,
		},
		"down (after 1 attempt: resilience: the retry budget is spent)": &resilience.RetryError{Attempts: 1, Why: resilience.ErrBudgetSpent, Err: errDown},
		"down (after 3 attempts: resilience: all attempts failed)":      &resilience.RetryError{Attempts: 3, Why: resilience.ErrAttemptsSpent, Err: errDown},
	} {
		equal(t, "text", err.Error(), want)
	}
	equal(t, "text", resilience.BreakerState(9).String(), "unknown")
}
