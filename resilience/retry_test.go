package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
)

// failing returns a function that fails n times with err and then succeeds with the number of its calls.
func failing(n int, err error) func(context.Context) (int, error) {
	made := 0
	return func(context.Context) (int, error) {
		if made++; made <= n {
			return 0, err
		}
		return made, nil
	}
}

// attempts returns how often r calls a function that fails with err.
func attempts(ctx context.Context, r *resilience.Retry, err error) int {
	n := 0
	_, _ = resilience.Do(ctx, r, func(context.Context) (int, error) { n++; return 0, err })
	return n
}

func quick(r resilience.Retry) *resilience.Retry {
	r.Rand = none
	return &r
}

var retryCases = []testCase{
	{name: "Retry: tries again until it succeeds", run: func(t *testing.T, ctx context.Context) {
		v, err := resilience.Do(ctx, quick(resilience.Retry{Idempotent: true}), failing(2, errDown))
		must(t, err)
		equal(t, "attempts", v, 3)
	}},
	{name: "Retry: gives up after as many attempts as it may make, and says so", run: func(t *testing.T, ctx context.Context) {
		_, err := resilience.Do(ctx, quick(resilience.Retry{Idempotent: true, Attempts: 5}), fail)
		wantErr(t, err, errDown)
		wantErr(t, err, resilience.ErrAttemptsSpent)
		var spent *resilience.RetryError
		if !errors.As(err, &spent) || spent.Attempts != 5 {
			t.Fatalf("error is %v", err)
		}
		_, err = resilience.Do(ctx, quick(resilience.Retry{Idempotent: true, Attempts: 1}), fail)
		equal(t, "error", err, errDown)
	}},
	{name: "Retry: without Idempotent, only what has had no effect", run: func(t *testing.T, ctx context.Context) {
		r := quick(resilience.Retry{})
		equal(t, "attempts", attempts(ctx, r, errDown), 1)
		equal(t, "attempts", attempts(ctx, r, resilience.Unsent(errDown)), 3)
		equal(t, "attempts", attempts(ctx, r, fmt.Errorf("dial: %w", resilience.Unsent(errDown))), 3)
		equal(t, "attempts", attempts(ctx, r, errors.Join(resilience.Unsent(errDown), errDown)), 1)
		equal(t, "attempts", attempts(ctx, r, errors.Join(resilience.Unsent(errDown), resilience.Unsent(errDown))), 3)
		_, err := resilience.Do(ctx, r, fail)
		equal(t, "error", err, errDown) // as it came
	}},
	{name: "Retry: not what is permanent, rejected or unwanted", run: func(t *testing.T, ctx context.Context) {
		r := quick(resilience.Retry{Idempotent: true})
		equal(t, "attempts", attempts(ctx, r, resilience.Permanent(errDown)), 1)
		equal(t, "attempts", attempts(ctx, r, errors.Join(errDown, resilience.Permanent(errDown))), 1)
		for _, rejection := range []error{&resilience.OpenError{}, &resilience.FullError{}, &resilience.LimitError{}, &resilience.NoTimeError{}} {
			equal(t, "attempts", attempts(ctx, r, rejection), 1)
		}
		r.If = func(err error) bool { return !errors.Is(err, errDown) }
		equal(t, "attempts", attempts(ctx, r, errDown), 1)
		equal(t, "attempts", attempts(ctx, r, errors.New("another")), 3)
		last := func(n int) error {
			if n == 1 {
				return errors.New("another")
			}
			return errDown
		}
		n := 0
		_, err := resilience.Do(ctx, r, func(context.Context) (int, error) { n++; return 0, last(n) })
		wantErr(t, err, resilience.ErrNotRetried)
		wantErr(t, err, errDown)
	}},
	{name: "Retry: waits with full jitter under a bound that doubles", waits: true, run: func(t *testing.T, ctx context.Context) {
		const ms = time.Millisecond
		draws := []float64{1, 0, 0.5, 1, 1}
		var waits []time.Duration
		r := &resilience.Retry{
			Idempotent: true, Attempts: 6, Base: 100 * ms, Max: 700 * ms,
			Rand:    func() float64 { d := draws[0]; draws = draws[1:]; return d },
			OnRetry: func(n int, err error, wait time.Duration) { waits = append(waits, wait); wantErr(t, err, errDown) },
		}
		all := took(ctx, func() { attempts(ctx, r, errDown) })
		equal(t, "waits", fmt.Sprint(waits), fmt.Sprint([]time.Duration{100 * ms, 0, 200 * ms, 700 * ms, 700 * ms}))
		equal(t, "all waits", all, 1700*ms)
	}},
	{name: "Retry: a bound that would overflow does not", run: func(t *testing.T, ctx context.Context) {
		var longest time.Duration
		r := &resilience.Retry{
			Idempotent: true, Attempts: 200, Base: time.Nanosecond, Max: math.MaxInt64, Rand: none,
			OnRetry: func(_ int, _ error, wait time.Duration) { longest = max(longest, wait) },
		}
		equal(t, "attempts", attempts(ctx, r, errDown), 200)
		equal(t, "longest wait", longest, 0)
	}},
	{name: "Retry: waits as long as the dependency asks, under a cap", waits: true, run: func(t *testing.T, ctx context.Context) {
		r := &resilience.Retry{Idempotent: true, Attempts: 2, MaxRetryAfter: 10 * time.Second, Base: time.Second, Rand: most}
		for ask, want := range map[time.Duration]time.Duration{3 * time.Second: 4 * time.Second, time.Hour: 11 * time.Second, -time.Hour: time.Second} {
			err := fmt.Errorf("429: %w", resilience.After(errDown, ask))
			equal(t, "wait", took(ctx, func() { attempts(ctx, r, err) }), want)
		}
		for _, err := range []error{errors.Join(errDown, resilience.After(errDown, 3*time.Second)), resilience.After(resilience.After(errDown, 3*time.Second), time.Second)} {
			equal(t, "wait", took(ctx, func() { attempts(ctx, r, err) }), 4*time.Second) // the longest one counts
		}
		r.MaxRetryAfter = -1
		equal(t, "wait", took(ctx, func() { attempts(ctx, r, resilience.After(errDown, time.Hour)) }), time.Second)
	}},
	{name: "Retry: not if the wait would outlast the deadline", waits: true, run: func(t *testing.T, ctx context.Context) {
		r := &resilience.Retry{Idempotent: true, Base: 10 * time.Second, Rand: most}
		n := 0
		var err error
		equal(t, "time", took(ctx, func() {
			_ = braid.Timeout(ctx, 8*time.Second, func(ctx context.Context) error {
				_, err = resilience.Do(ctx, r, func(context.Context) (int, error) { n++; return 0, errDown })
				return nil
			})
		}), 0)
		equal(t, "attempts", n, 1)
		wantErr(t, err, errDown)
		wantErr(t, err, resilience.ErrNoTime)
		equal(t, "rejected", errors.Is(err, resilience.ErrRejected), false) // something has reached the dependency
		late := noTime(t, err, "retry")
		equal(t, "need", late.Need, 10*time.Second)
		equal(t, "left", late.Left, 8*time.Second)
	}},
	{name: "Retry: a cancelled wait gives the cause and leaves no timer", waits: true, run: func(t *testing.T, ctx context.Context) {
		gone := errors.New("gone")
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			h := g.Go(func(ctx context.Context) error {
				_, err := resilience.Do(ctx, &resilience.Retry{Idempotent: true, Base: time.Hour, Max: time.Hour, Rand: most}, fail)
				equal(t, "error", err, gone)
				return err
			})
			sleep(t, ctx, time.Second)
			h.Cancel(gone)
			return nil
		})
		must(t, err)
	}},
	{name: "Retry: not once the caller has cancelled", run: func(t *testing.T, ctx context.Context) {
		inner, cancel := context.WithCancelCause(ctx)
		n := 0
		_, err := resilience.Do(inner, quick(resilience.Retry{Idempotent: true}), func(context.Context) (int, error) {
			n++
			cancel(errors.New("gone"))
			return 0, errDown
		})
		equal(t, "attempts", n, 1)
		equal(t, "error", err, errDown)
	}},
	{name: "Retry: a panic passes through", run: func(t *testing.T, ctx context.Context) {
		equal(t, "panic", panicked(func() { _, _ = resilience.Do(ctx, quick(resilience.Retry{Idempotent: true}), explode) }), any("boom"))
	}},
	{name: "Retry: marks change neither text nor identity", run: func(t *testing.T, _ context.Context) {
		for _, mark := range []func(error) error{
			resilience.Permanent, resilience.Unsent,
			func(err error) error { return resilience.After(err, time.Second) },
		} {
			equal(t, "text", mark(errDown).Error(), "down")
			wantErr(t, mark(errDown), errDown)
			equal(t, "mark of nil", mark(nil), nil)
		}
	}},
}

var budgetCases = []testCase{
	{name: "Budget: bounds the retries of all that share it", run: func(t *testing.T, ctx context.Context) {
		budget := &resilience.Budget{Ratio: 0.1, Burst: 5}
		made := 0
		for range 1000 {
			r := quick(resilience.Retry{Idempotent: true, Budget: budget})
			made += attempts(ctx, r, errDown)
		}
		if retries := made - 1000; retries < 100 || retries > 106 {
			t.Errorf("%d retries of 1000 calls with a ratio of 0.1 and a burst of 5", retries)
		}
		_, err := resilience.Do(ctx, quick(resilience.Retry{Idempotent: true, Budget: &resilience.Budget{Burst: 1}}), fail)
		wantErr(t, err, resilience.ErrBudgetSpent)
		wantErr(t, err, errDown)
	}},
	{name: "Budget: keeps nested retries from multiplying", run: func(t *testing.T, ctx context.Context) {
		budget := &resilience.Budget{Ratio: 0.001, Burst: 4}
		made := 0
		layer := func(fn func(context.Context) (int, error)) func(context.Context) (int, error) {
			return func(ctx context.Context) (int, error) {
				return resilience.Do(ctx, quick(resilience.Retry{Idempotent: true, Attempts: 4, Budget: budget}), fn)
			}
		}
		_, err := layer(layer(layer(func(context.Context) (int, error) { made++; return 0, errDown })))(ctx)
		wantErr(t, err, errDown)
		equal(t, "attempts", made, 1+4) // and not 4*4*4
	}},
	{name: "Budget: a full one stays full", run: func(t *testing.T, ctx context.Context) {
		var budget resilience.Budget
		equal(t, "left", budget.Left(), resilience.DefaultBudgetBurst)
		for range 100 {
			_, err := resilience.Do(ctx, quick(resilience.Retry{Budget: &budget}), succeed)
			must(t, err)
		}
		equal(t, "left", budget.Left(), resilience.DefaultBudgetBurst)
	}},
}

// Others than this package can see the mark: it is a method.
func TestPermanent_isAMethod(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"permanent": {resilience.Permanent(errDown), true},
		"unsent":    {resilience.Unsent(errDown), false},
		"after":     {resilience.After(errDown, time.Second), false},
	} {
		mark, ok := c.err.(interface{ Permanent() bool })
		if !ok || mark.Permanent() != c.want {
			t.Errorf("%s: the error is no mark, or says the wrong thing", name)
		}
	}
}
