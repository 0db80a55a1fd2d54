package resilience_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
)

const second = resilience.Timeout(time.Second)

type key struct{}

var timeoutCases = []testCase{
	{name: "Timeout: ends the ctx of the function, in whatever way it waits", waits: true, run: func(t *testing.T, ctx context.Context) {
		for name, wait := range map[string]func(ctx context.Context) error{
			"Event": func(ctx context.Context) error { return new(braid.Event).Wait(ctx) },
			"Sleep": func(ctx context.Context) error { return braid.Sleep(ctx, time.Hour) },
			"WithCancel": func(ctx context.Context) error {
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				return new(braid.Event).Wait(ctx)
			},
			"WithValue": func(ctx context.Context) error { return new(braid.Event).Wait(context.WithValue(ctx, key{}, 1)) },
			"longer":    func(ctx context.Context) error { return braid.Timeout(ctx, time.Hour, new(braid.Event).Wait) },
			"Run": func(ctx context.Context) error {
				return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error { g.Go(new(braid.Event).Wait); return nil })
			},
			"bare Err":   func(ctx context.Context) error { _, err := never(ctx); _ = err; return ctx.Err() },
			"bare cause": func(ctx context.Context) error { _, _ = never(ctx); return context.Cause(ctx) },
		} {
			var err error
			d := took(ctx, func() {
				_, err = resilience.Do(ctx, second, func(ctx context.Context) (int, error) { return 0, wait(ctx) })
			})
			if d != time.Second {
				t.Errorf("%s: took %v", name, d)
			}
			var timeout *braid.TimeoutError
			if !errors.As(err, &timeout) || timeout.After != time.Second || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: error is %v", name, err)
			}
		}
	}},
	{name: "Timeout: is seen by those who only look", waits: true, run: func(t *testing.T, ctx context.Context) {
		_, err := resilience.Do(ctx, second, func(ctx context.Context) (int, error) {
			equal(t, "error", ctx.Err(), nil)
			sleep(t, context.WithoutCancel(ctx), time.Minute)
			equal(t, "error", ctx.Err(), context.DeadlineExceeded)
			return 0, context.Cause(ctx)
		})
		wantErr(t, err, braid.ErrTimeout)
	}},
	{name: "Timeout: does not return before the function, whose late success counts", waits: true, run: func(t *testing.T, ctx context.Context) {
		var v int
		var err error
		equal(t, "time", took(ctx, func() { v, err = resilience.Do(ctx, second, lasting(time.Minute)) }), time.Minute)
		must(t, err)
		equal(t, "result", v, 1)
	}},
	{name: "Timeout: a late failure is in the error, beside the timeout", waits: true, run: func(t *testing.T, ctx context.Context) {
		for _, waiting := range []func(context.Context) (int, error){never, lasting(time.Minute)} {
			_, err := resilience.Do(ctx, second, func(ctx context.Context) (int, error) {
				_, _ = waiting(ctx)
				return 0, errDown
			})
			wantErr(t, err, errDown)
			wantErr(t, err, braid.ErrTimeout)
		}
	}},
	{name: "Timeout: a failure in time is what it is", run: func(t *testing.T, ctx context.Context) {
		for _, failure := range []error{errDown, context.DeadlineExceeded} {
			_, err := resilience.Do(ctx, second, func(ctx context.Context) (int, error) { _ = ctx.Done(); return 0, failure })
			equal(t, "error", err, failure)
			_, err = resilience.Do(ctx, second, func(ctx context.Context) (int, error) { return 0, failure })
			equal(t, "error", err, failure)
		}
	}},
	{name: "Timeout: nested, the one that has passed reports", waits: true, run: func(t *testing.T, ctx context.Context) {
		nest := func(outer, inner time.Duration) *braid.TimeoutError {
			_, err := resilience.Do(ctx, resilience.Timeout(outer), func(ctx context.Context) (int, error) {
				return resilience.Do(ctx, resilience.Timeout(inner), never)
			})
			var timeout *braid.TimeoutError
			if !errors.As(err, &timeout) {
				t.Fatalf("error is %v", err)
			}
			return timeout
		}
		equal(t, "limit", nest(time.Second, time.Minute).After, time.Second)
		equal(t, "limit", nest(time.Minute, time.Second).After, time.Second)
	}},
	{name: "Timeout: the end of the caller's ctx ends the function's, with its cause", run: func(t *testing.T, ctx context.Context) {
		gone := errors.New("gone")
		inner, cancel := context.WithCancelCause(ctx)
		_, err := resilience.Do(inner, second, cancelled(cancel, gone))
		equal(t, "error", err, gone)
	}},
	{name: "Timeout: values and deadline are seen", waits: true, run: func(t *testing.T, ctx context.Context) {
		want := braid.Time(ctx).Add(time.Second)
		_, _ = resilience.Do(context.WithValue(ctx, key{}, 7), second, func(ctx context.Context) (int, error) {
			for range 2 {
				at, ok := ctx.Deadline()
				if !ok || !at.Equal(want) {
					t.Errorf("deadline is %v, want %v", at, want)
				}
				equal(t, "value", ctx.Value(key{}), any(7))
				equal(t, "error", ctx.Err(), nil)
				_ = ctx.Done() // the second time with a real context behind it
			}
			return 0, nil
		})
	}},
	{name: "Timeout: a ctx that is kept for longer than the call is done", run: func(t *testing.T, ctx context.Context) {
		for _, ask := range []bool{false, true} {
			var kept context.Context
			_, _ = resilience.Do(ctx, second, func(ctx context.Context) (int, error) {
				if kept = ctx; ask {
					_ = ctx.Done()
				}
				return 0, nil
			})
			<-kept.Done()
			wantErr(t, kept.Err(), context.Canceled)
			equal(t, "cause", context.Cause(kept) != nil, true)
		}
	}},
	{name: "Timeout: of zero or less does not call the function", run: func(t *testing.T, ctx context.Context) {
		for _, d := range []resilience.Timeout{0, -1} {
			_, err := resilience.Do(ctx, d, func(context.Context) (int, error) { t.Error("called"); return 0, nil })
			wantErr(t, err, braid.ErrTimeout)
		}
	}},
	{name: "Timeout: panic and Goexit pass through", run: func(t *testing.T, ctx context.Context) {
		equal(t, "panic", panicked(func() { _, _ = resilience.Do(ctx, second, explode) }), any("boom"))
		wantErr(t, inTask(ctx, func(ctx context.Context) { _, _ = resilience.Do(ctx, second, goexit) }), braid.ErrGoexit)
	}},
	{name: "Timeout: its error is the task's own cancellation only for those inside", waits: true, run: func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				_, err := resilience.Do(ctx, second, never)
				return err
			})
			return nil
		})
		wantErr(t, err, braid.ErrTimeout) // a failure of the task
	}},
}
