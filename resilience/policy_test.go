package resilience_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
)

var policyCases = []testCase{
	{name: "Policy: without parts it only calls the function", run: func(t *testing.T, ctx context.Context) {
		v, err := resilience.Compose(resilience.Parts[int]{}).Do(ctx, succeed)
		must(t, err)
		equal(t, "result", v, 1)
		_, err = new(resilience.Policy[int]).Do(ctx, fail)
		equal(t, "error", err, errDown)
	}},
	{name: "Policy: all parts in their order", waits: true, run: func(t *testing.T, ctx context.Context) {
		// Each part leaves a trace, in the order in which it acts.
		var mu sync.Mutex
		var trace []string
		note := func(s string) {
			mu.Lock()
			defer mu.Unlock()
			trace = append(trace, s)
		}
		breaker := newBreaker(resilience.BreakerConfig{Consecutive: 2, OnChange: func(c resilience.Change) { note("breaker " + c.To.String()) }})
		rate := resilience.NewRateLimit(resilience.RateLimitConfig{Rate: 1, Queue: 1})
		slots := resilience.NewBulkhead(resilience.BulkheadConfig{Slots: 1})
		p := resilience.Compose(resilience.Parts[int]{
			Fallback: func(ctx context.Context, err error) (int, error) {
				note("fallback")
				equal(t, "slots in use", slots.Statistics().InUse, 0)
				_, limited := ctx.Deadline()
				equal(t, "the fallback has a deadline", limited, false)
				wantErr(t, err, resilience.ErrOpen)
				return 7, nil
			},
			Timeout:        resilience.Timeout(time.Minute),
			Retry:          &resilience.Retry{Idempotent: true, Attempts: 9, Rand: none, OnRetry: func(int, error, time.Duration) { note("retry") }},
			RateLimit:      rate,
			Bulkhead:       slots,
			Breaker:        breaker,
			Hedge:          &resilience.Hedge[int]{Delay: 2 * time.Second},
			AttemptTimeout: resilience.Timeout(5 * time.Second),
			Chaos:          &resilience.Chaos{If: func(context.Context) bool { note("chaos"); return true }},
		})
		v, err := p.Do(ctx, func(ctx context.Context) (int, error) {
			note("call")
			equal(t, "slots in use", slots.Statistics().InUse, 1)
			return never(ctx)
		})
		must(t, err)
		equal(t, "result", v, 7)
		want := []string{
			"chaos", "call", "chaos", "call", // an attempt and its hedge, both of which run into their time limit
			"retry",
			"chaos", "call", "chaos", "call", "breaker open",
			"retry",
			"fallback", // the breaker's rejection is not retried
		}
		if !slices.Equal(trace, want) {
			t.Errorf("trace:\n%q\nwant:\n%q", trace, want)
		}
	}},
	{name: "Policy: an open breaker rejects before anybody queues", waits: true, run: func(t *testing.T, ctx context.Context) {
		breaker := newBreaker(resilience.BreakerConfig{})
		breaker.Isolate()
		rate := resilience.NewRateLimit(resilience.RateLimitConfig{Rate: 0.001, Queue: 10})
		p := resilience.Compose(resilience.Parts[int]{RateLimit: rate, Breaker: breaker})
		equal(t, "time", took(ctx, func() {
			for range 5 {
				_, err := p.Do(ctx, succeed)
				wantErr(t, err, resilience.ErrOpen)
			}
		}), 0)
		must(t, rate.Wait(ctx)) // and no turn was used up
	}},
	{name: "Policy: a breaker that opens while a call queues rejects it", run: func(t *testing.T, ctx context.Context) {
		breaker := newBreaker(resilience.BreakerConfig{})
		slots := resilience.NewBulkhead(resilience.BulkheadConfig{Slots: 1, Queue: 1})
		p := resilience.Compose(resilience.Parts[int]{Bulkhead: slots, Breaker: breaker})
		holding(t, ctx, slots, func(ctx context.Context, g *braid.Group) {
			g.Go(func(ctx context.Context) error {
				_, err := p.Do(ctx, func(context.Context) (int, error) { t.Error("called"); return 0, nil })
				wantErr(t, err, resilience.ErrOpen)
				return nil
			})
			queued(t, ctx, slots, 1)
			breaker.Isolate()
		})
	}},
	{name: "Policy: the attempt's own timeout counts as a failure and is retried", waits: true, run: func(t *testing.T, ctx context.Context) {
		breaker := newBreaker(resilience.BreakerConfig{Consecutive: 5})
		p := resilience.Compose(resilience.Parts[int]{
			Retry: quick(resilience.Retry{Idempotent: true, Attempts: 3}), Breaker: breaker, AttemptTimeout: second,
		})
		_, err := p.Do(ctx, never)
		wantErr(t, err, braid.ErrTimeout)
		wantErr(t, err, resilience.ErrAttemptsSpent)
		equal(t, "failures", breaker.Statistics().Failures, 3)
	}},
	{name: "Policy: the attempt's time begins when the waits are over", waits: true, run: func(t *testing.T, ctx context.Context) {
		attempt := within(900*time.Millisecond, nil)
		p := resilience.Compose(resilience.Parts[int]{
			Timeout: resilience.Timeout(time.Minute), AttemptTimeout: second,
			RateLimit: resilience.NewRateLimit(resilience.RateLimitConfig{Rate: 0.1, Queue: 1}),
		})
		for range 2 {
			_, err := p.Do(ctx, attempt)
			must(t, err)
		}
		slots := resilience.NewBulkhead(resilience.BulkheadConfig{Slots: 1, Queue: 1})
		p = resilience.Compose(resilience.Parts[int]{Timeout: resilience.Timeout(time.Minute), AttemptTimeout: second, Bulkhead: slots})
		holding(t, ctx, slots, func(ctx context.Context, g *braid.Group) {
			g.Go(func(ctx context.Context) error { _, err := p.Do(ctx, attempt); return err })
			queued(t, ctx, slots, 1)
			sleep(t, ctx, 10*time.Second)
		})
		n := 0
		p = resilience.Compose(resilience.Parts[int]{
			Timeout: resilience.Timeout(time.Minute), AttemptTimeout: second,
			Retry: &resilience.Retry{Idempotent: true, Base: 10 * time.Second, Rand: most},
		})
		_, err := p.Do(ctx, func(ctx context.Context) (int, error) {
			if n++; n == 1 {
				return 0, errDown
			}
			return attempt(ctx)
		})
		must(t, err)
	}},
	{name: "Policy: a panic and a Goexit leave nothing behind", run: func(t *testing.T, ctx context.Context) {
		breaker := newBreaker(resilience.BreakerConfig{})
		slots := resilience.NewBulkhead(resilience.BulkheadConfig{Slots: 1})
		p := resilience.Compose(resilience.Parts[int]{
			Fallback: resilience.FallbackTo(7), Timeout: second, Retry: &resilience.Retry{Idempotent: true},
			Bulkhead: slots, Breaker: breaker, AttemptTimeout: second / 2,
		})
		equal(t, "panic", panicked(func() { _, _ = p.Do(ctx, explode) }), any("boom"))
		wantErr(t, inTask(ctx, func(ctx context.Context) { _, _ = p.Do(ctx, goexit) }), braid.ErrGoexit)
		equal(t, "slots in use", slots.Statistics().InUse, 0)
		equal(t, "failures", breaker.Statistics().Failures, 2)
	}},
	{name: "Policy: a shared budget is paid once a call", run: func(t *testing.T, ctx context.Context) {
		budget := &resilience.Budget{Ratio: 0.5, Burst: 1}
		p := resilience.Compose(resilience.Parts[int]{
			Retry: quick(resilience.Retry{Idempotent: true, Attempts: 2, Budget: budget}),
			Hedge: &resilience.Hedge[int]{Delay: time.Hour, Budget: budget},
		})
		made := 0
		for range 3 {
			_, _ = p.Do(ctx, func(context.Context) (int, error) { made++; return 0, errDown })
		}
		equal(t, "attempts", made, 3+2)
	}},
}

// noTime returns the NoTimeError in err, which is about what.
func noTime(t *testing.T, err error, what string) *resilience.NoTimeError {
	t.Helper()
	if retry, ok := errors.AsType[*resilience.RetryError](err); ok {
		err = retry.Why
	}
	late, ok := errors.AsType[*resilience.NoTimeError](err)
	if !ok || late.For != what {
		t.Fatalf("error is %v, want no time for a %s", err, what)
	}
	return late
}

var policyTimeCases = []testCase{
	{name: "Budget of time: no attempt is started that cannot finish", waits: true, run: func(t *testing.T, ctx context.Context) {
		p := resilience.Compose(resilience.Parts[int]{Expect: 300 * time.Millisecond})
		_ = braid.Timeout(ctx, 200*time.Millisecond, func(ctx context.Context) error {
			_, err := p.Do(ctx, func(context.Context) (int, error) { t.Error("called"); return 0, nil })
			late := noTime(t, err, "call")
			equal(t, "need", late.Need, 300*time.Millisecond)
			equal(t, "left", late.Left, 200*time.Millisecond)
			return nil
		})
	}},
	{name: "Budget of time: no retry, neither", waits: true, run: func(t *testing.T, ctx context.Context) {
		made := 0
		p := resilience.Compose(resilience.Parts[int]{
			Timeout: second, Expect: 300 * time.Millisecond,
			Retry: &resilience.Retry{Idempotent: true, Attempts: 10, Base: 200 * time.Millisecond, Rand: most},
		})
		d := took(ctx, func() {
			_, err := p.Do(ctx, func(ctx context.Context) (int, error) {
				made++
				return within(300*time.Millisecond, errDown)(ctx)
			})
			late := noTime(t, err, "retry")
			equal(t, "need", late.Need, 700*time.Millisecond)
			equal(t, "left", late.Left, 200*time.Millisecond)
			wantErr(t, err, errDown)
		})
		equal(t, "attempts", made, 2) // 0-300, 500-800
		equal(t, "time", d, 800*time.Millisecond)
	}},
	{name: "Budget of time: no wait for the rate limit", waits: true, run: func(t *testing.T, ctx context.Context) {
		rate := resilience.NewRateLimit(resilience.RateLimitConfig{Rate: 1.25, Queue: 5})
		p := resilience.Compose(resilience.Parts[int]{Timeout: second, Expect: 300 * time.Millisecond, RateLimit: rate})
		_, err := p.Do(ctx, succeed)
		must(t, err)
		equal(t, "time", took(ctx, func() {
			_, err = p.Do(ctx, succeed)
			equal(t, "need", noTime(t, err, "rate limit").Need, 1100*time.Millisecond)
		}), 0)
		sleep(t, ctx, 100*time.Millisecond)
		_, err = p.Do(ctx, succeed)
		must(t, err)
	}},
	{name: "Budget of time: the bulkhead's queue is left while there is time for something else", waits: true, run: func(t *testing.T, ctx context.Context) {
		for _, patience := range []time.Duration{0, time.Hour} {
			slots := resilience.NewBulkhead(resilience.BulkheadConfig{Slots: 1, Queue: 5, MaxWait: patience})
			p := resilience.Compose(resilience.Parts[int]{Timeout: second, Expect: 300 * time.Millisecond, Bulkhead: slots})
			holding(t, ctx, slots, func(ctx context.Context, _ *braid.Group) {
				equal(t, "time", took(ctx, func() {
					_, err := p.Do(ctx, succeed)
					equal(t, "left", noTime(t, err, "bulkhead").Left, 300*time.Millisecond)
				}), 700*time.Millisecond)
			})
		}
	}},
	{name: "Budget of time: the bulkhead's queue is not entered", waits: true, run: func(t *testing.T, ctx context.Context) {
		slots := resilience.NewBulkhead(resilience.BulkheadConfig{Slots: 1, Queue: 5})
		p := resilience.Compose(resilience.Parts[int]{Expect: time.Second, Bulkhead: slots})
		holding(t, ctx, slots, func(ctx context.Context, _ *braid.Group) {
			_ = braid.Timeout(ctx, time.Second, func(ctx context.Context) error {
				_, err := p.Do(ctx, succeed)
				noTime(t, err, "bulkhead")
				return nil
			})
		})
	}},
	{name: "Budget of time: no hedge", waits: true, run: func(t *testing.T, ctx context.Context) {
		fn, made := script(within(900*time.Millisecond, nil))
		p := resilience.Compose(resilience.Parts[int]{
			Timeout: second, Expect: 300 * time.Millisecond, Hedge: &resilience.Hedge[int]{Delay: 400 * time.Millisecond, Max: 9},
		})
		_, err := p.Do(ctx, fn)
		must(t, err)
		equal(t, "calls", made.Load(), 2) // the third would have begun at 800 ms
	}},
	{name: "Budget of time: the waits of all policies come out of one", waits: true, run: func(t *testing.T, ctx context.Context) {
		rate := resilience.NewRateLimit(resilience.RateLimitConfig{Rate: 2.5, Queue: 5})
		p := resilience.Compose(resilience.Parts[int]{
			Timeout: second, RateLimit: rate,
			Retry: &resilience.Retry{Idempotent: true, Attempts: 10, Base: 300 * time.Millisecond, Max: 300 * time.Millisecond, Rand: most},
		})
		var err error
		d := took(ctx, func() { _, err = p.Do(ctx, fail) })
		// An attempt at 0; a retry after 300 ms, whose turn comes at 400; the next wait would end at 700, and the turn come at 800:
		// attempt; 1100 is too late.
		wantErr(t, err, resilience.ErrNoTime)
		equal(t, "time", d, 800*time.Millisecond)
	}},
	{name: "Budget of time: the Timeout covers all, and is the error", waits: true, run: func(t *testing.T, ctx context.Context) {
		p := resilience.Compose(resilience.Parts[int]{Timeout: second, Retry: quick(resilience.Retry{Idempotent: true}), AttemptTimeout: resilience.Timeout(time.Minute)})
		equal(t, "time", took(ctx, func() {
			_, err := p.Do(ctx, never)
			wantErr(t, err, braid.ErrTimeout)
		}), time.Second)
	}},
}
