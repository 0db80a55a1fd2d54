package main

import (
	"context"
	_ "embed"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/fallback"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"
	"github.com/sony/gobreaker/v2"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
)

// A breaker that is closed, and a policy of five, around a function that does nothing and succeeds: what each call of a healthy
// dependency pays. All breakers have a rolling window of 10 s in 10 buckets and open at a failure rate of one half of at least 20 calls.
// Each library runs under the ctx that it is given as a rule: braid's in a task; failsafe-go's executor gets it for each call;
// gobreaker takes none.

func resiliences() []benchmark {
	return []benchmark{
		{"resilience/breaker/gobreaker", duel{
			title: "breaker, closed, a success",
			unit:  perCall,
			sides: []side{
				{name: "gobreaker", run: callGobreaker},
				{name: "resilience", maxRatio: 0.5, maxNS: 70, maxAllocs: none, run: callBreaker(resilience.BreakerConfig{})},
				{name: "resilience, slow calls too", run: callBreaker(resilience.BreakerConfig{SlowCall: time.Second})},
			},
		}.run},
		{"resilience/breaker/failsafe", duel{
			title: "breaker, closed, a success",
			unit:  perCall,
			sides: []side{
				{name: "failsafe-go", run: func(ctx context.Context, n int) error { return callFailsafe(ctx, n, failsafeBreaker()) }},
				{name: "resilience", maxRatio: 0.15, maxNS: 70, maxAllocs: none, run: callBreaker(resilience.BreakerConfig{})},
			},
		}.run},
		{"resilience/breaker/python", breakerPython},
		{"resilience/five", duel{
			title: "fallback, timeout, retry, bulkhead, breaker; a success",
			unit:  perCall,
			sides: []side{
				{name: "failsafe-go", run: func(ctx context.Context, n int) error {
					return callFailsafe(ctx, n,
						fallback.NewWithResult(0),
						timeout.New[int](time.Second),
						retrypolicy.NewWithDefaults[int](),
						bulkhead.NewBuilder[int](100).WithMaxWaitTime(time.Second).Build(),
						failsafeBreaker())
				}},
				{name: "resilience", maxNS: 300, maxAllocs: 2, run: callFive},
			},
		}.run},
	}
}

func noError(context.Context) (int, error) { return 1, nil }

func callGobreaker(_ context.Context, n int) error {
	b := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{
		Interval: 10 * time.Second, BucketPeriod: time.Second, Timeout: 5 * time.Second,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.Requests >= 20 && c.TotalFailures*2 >= c.Requests },
	})
	for range n {
		if _, err := b.Execute(func() (int, error) { return noError(context.Background()) }); err != nil {
			return err
		}
	}
	return nil
}

func failsafeBreaker() circuitbreaker.CircuitBreaker[int] {
	return circuitbreaker.NewBuilder[int]().WithFailureRateThreshold(0.5, 20, 10*time.Second).WithDelay(5 * time.Second).Build()
}

func callFailsafe(ctx context.Context, n int, policies ...failsafe.Policy[int]) error {
	policy := failsafe.With(policies...)
	for range n {
		call := func(exec failsafe.Execution[int]) (int, error) { return noError(exec.Context()) }
		if _, err := policy.WithContext(ctx).GetWithExecution(call); err != nil {
			return err
		}
	}
	return nil
}

func callBreaker(config resilience.BreakerConfig) func(context.Context, int) error {
	return func(ctx context.Context, n int) error {
		b := resilience.NewBreaker(config)
		return braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
			for range n {
				if _, err := resilience.Do(ctx, b, noError); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func callFive(ctx context.Context, n int) error {
	policy := resilience.Compose(resilience.Parts[int]{
		Fallback: resilience.FallbackTo(0),
		Timeout:  resilience.Timeout(time.Second),
		Retry:    &resilience.Retry{Idempotent: true},
		Bulkhead: resilience.NewBulkhead(resilience.BulkheadConfig{Slots: 100, Queue: 100, MaxWait: time.Second}),
		Breaker:  resilience.NewBreaker(resilience.BreakerConfig{}),
	})
	return braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
		for range n {
			if _, err := policy.Do(ctx, noError); err != nil {
				return err
			}
		}
		return nil
	})
}

//go:embed python/breaker.py
var breakerFile []byte

// breakerPython measures a breaker beside one that is written for asyncio.
func breakerPython(ctx context.Context, c config) ([]row, error) {
	py, clean, err := findPython(ctx)
	if err != nil {
		return nil, err
	}
	defer clean()
	if !py.has(asyncio) {
		return nil, nil
	}
	own := side{name: "resilience", maxRatio: 0.1, run: callBreaker(resilience.BreakerConfig{})}
	var xs, ys []sample
	for range c.children {
		x, err := measure(ctx, own, 1_000_000)
		if err != nil {
			return nil, err
		}
		y, err := py.measure(ctx, "breaker.py", breakerFile, "50000")
		if err != nil {
			return nil, err
		}
		xs, ys = append(xs, x), append(ys, y)
	}
	d := duel{title: "breaker beside asyncio, closed, a success", unit: perCall}
	return []row{d.row(own, xs, side{name: "asyncio, Python " + py.version}, ys)}, nil
}
