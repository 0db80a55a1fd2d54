package resilience_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
)

var fallbackCases = []testCase{
	{name: "Fallback: takes the place of an error", run: func(t *testing.T, ctx context.Context) {
		v, err := resilience.FallbackTo(7).Do(ctx, fail)
		must(t, err)
		equal(t, "result", v, 7)
		v, err = resilience.FallbackTo(7).Do(ctx, succeed)
		must(t, err)
		equal(t, "result", v, 1)
	}},
	{name: "Fallback: may fail itself", run: func(t *testing.T, ctx context.Context) {
		stale := errors.New("nothing in the cache")
		_, err := resilience.Fallback[int](func(_ context.Context, err error) (int, error) { return 0, errors.Join(stale, err) }).Do(ctx, fail)
		wantErr(t, err, stale)
		wantErr(t, err, errDown)
	}},
	{name: "Fallback: does not cover up the caller's cancel", run: func(t *testing.T, ctx context.Context) {
		gone := errors.New("gone")
		inner, cancel := context.WithCancelCause(ctx)
		_, err := resilience.FallbackTo(7).Do(inner, cancelled(cancel, gone))
		equal(t, "error", err, gone)
	}},
	{name: "Fallback: does not cover up a panic", run: func(t *testing.T, ctx context.Context) {
		equal(t, "panic", panicked(func() { _, _ = resilience.FallbackTo(7).Do(ctx, explode) }), any("boom"))
	}},
}

var chaosCases = []testCase{
	{name: "Chaos: the zero value injects nothing", run: func(t *testing.T, ctx context.Context) {
		for range 100 {
			v, err := resilience.Do(ctx, &resilience.Chaos{}, succeed)
			must(t, err)
			equal(t, "result", v, 1)
		}
	}},
	{name: "Chaos: injects errors in place of the function", run: func(t *testing.T, ctx context.Context) {
		untouched := func(context.Context) (int, error) { t.Error("called"); return 0, nil }
		_, err := resilience.Do(ctx, &resilience.Chaos{Errors: 1}, untouched)
		wantErr(t, err, resilience.ErrChaos)
		_, err = resilience.Do(ctx, &resilience.Chaos{Errors: 1, Err: errDown}, untouched)
		equal(t, "error", err, errDown)
		wantPanic(t, "injected by chaos", func() { _, _ = resilience.Do(ctx, &resilience.Chaos{Panics: 1}, untouched) })
	}},
	{name: "Chaos: injects delays that end with the ctx", waits: true, run: func(t *testing.T, ctx context.Context) {
		c := &resilience.Chaos{Delays: 1, Delay: time.Minute}
		equal(t, "time", took(ctx, func() { _, err := resilience.Do(ctx, c, succeed); must(t, err) }), time.Minute)
		p := resilience.Compose(resilience.Parts[int]{AttemptTimeout: second, Chaos: c})
		equal(t, "time", took(ctx, func() { _, err := p.Do(ctx, succeed); wantErr(t, err, braid.ErrTimeout) }), time.Second)
	}},
	{name: "Chaos: with the probability that is asked for, and where it is", run: func(t *testing.T, ctx context.Context) {
		draws := 0
		on := true
		c := &resilience.Chaos{
			Errors: 0.3, If: func(context.Context) bool { return on },
			Rand: func() float64 { draws++; return float64(draws%10) / 10 },
		}
		failed := func() (n int) {
			for range 100 {
				if _, err := resilience.Do(ctx, c, succeed); err != nil {
					n++
				}
			}
			return n
		}
		equal(t, "failed", failed(), 30)
		on = false
		equal(t, "failed", failed(), 0)
	}},
}
