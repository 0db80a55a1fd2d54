package resilience_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
)

// script is a function of which each call does something else; the last entry serves all further calls.
func script(calls ...func(context.Context) (int, error)) (fn func(context.Context) (int, error), made *atomic.Int32) {
	made = new(atomic.Int32)
	return func(ctx context.Context) (int, error) {
		n := int(made.Add(1))
		v, err := calls[min(n, len(calls))-1](ctx)
		return v * n, err
	}, made
}

func within(d time.Duration, err error) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		if err := braid.Sleep(ctx, d); err != nil {
			return 0, err
		}
		return 1, err
	}
}

var hedgeCases = []testCase{
	{name: "Hedge: a quick call is made once", waits: true, run: func(t *testing.T, ctx context.Context) {
		h := &resilience.Hedge[int]{Delay: time.Second}
		for _, call := range []func(context.Context) (int, error){succeed, within(999*time.Millisecond, nil)} {
			fn, made := script(call)
			v, err := h.Do(ctx, fn)
			must(t, err)
			equal(t, "winner", v, 1)
			equal(t, "calls", made.Load(), 1)
		}
	}},
	{name: "Hedge: the first to succeed wins, and the loser is joined", waits: true, run: func(t *testing.T, ctx context.Context) {
		h := &resilience.Hedge[int]{Delay: time.Second}
		ended := false
		fn, _ := script(func(ctx context.Context) (int, error) {
			_, err := never(ctx)
			must(t, braid.Sleep(context.WithoutCancel(ctx), time.Minute)) // its cleanup
			ended = true
			return 0, err
		}, within(time.Second, nil))
		var v int
		var err error
		equal(t, "time", took(ctx, func() { v, err = h.Do(ctx, fn) }), 2*time.Second+time.Minute)
		must(t, err)
		equal(t, "winner", v, 2)
		equal(t, "the loser has ended", ended, true)
	}},
	{name: "Hedge: a first attempt that wins late cancels the hedges", waits: true, run: func(t *testing.T, ctx context.Context) {
		h := &resilience.Hedge[int]{Delay: time.Second, Max: 3}
		fn, made := script(within(2500*time.Millisecond, nil), never)
		var v int
		equal(t, "time", took(ctx, func() { v, _ = h.Do(ctx, fn) }), 2500*time.Millisecond)
		equal(t, "winner", v, 1)
		equal(t, "calls", made.Load(), 3)
	}},
	{name: "Hedge: not more than Max", waits: true, run: func(t *testing.T, ctx context.Context) {
		h := &resilience.Hedge[int]{Delay: time.Second, Max: 2}
		fn, made := script(within(time.Hour, nil))
		_, err := h.Do(ctx, fn)
		must(t, err)
		equal(t, "calls", made.Load(), 3)
	}},
	{name: "Hedge: a failure of one waits for the others that run", waits: true, run: func(t *testing.T, ctx context.Context) {
		h := &resilience.Hedge[int]{Delay: time.Second, Max: 1}
		fn, _ := script(within(2*time.Second, errDown), within(5*time.Second, nil))
		v, err := h.Do(ctx, fn)
		must(t, err)
		equal(t, "winner", v, 2)
	}},
	{name: "Hedge: is no retry, so a quick failure starts nothing", waits: true, run: func(t *testing.T, ctx context.Context) {
		h := &resilience.Hedge[int]{Delay: time.Second, Max: 5}
		fn, made := script(fail)
		var err error
		equal(t, "time", took(ctx, func() { _, err = h.Do(ctx, fn) }), 0)
		equal(t, "error", err, errDown)
		equal(t, "calls", made.Load(), 1)
	}},
	{name: "Hedge: if all fail, all errors are there", waits: true, run: func(t *testing.T, ctx context.Context) {
		h := &resilience.Hedge[int]{Delay: time.Second}
		other := errors.New("other")
		fn, _ := script(within(3*time.Second, errDown), within(time.Second, other))
		_, err := h.Do(ctx, fn)
		wantErr(t, err, errDown)
		wantErr(t, err, other)
	}},
	{name: "Hedge: the budget bounds it", waits: true, run: func(t *testing.T, ctx context.Context) {
		h := &resilience.Hedge[int]{Delay: time.Second, Budget: &resilience.Budget{Ratio: 0.1, Burst: 2}}
		fn, made := script(within(2*time.Second, nil))
		for range 50 {
			_, err := h.Do(ctx, fn)
			must(t, err)
		}
		if hedges := made.Load() - 50; hedges < 4 || hedges > 7 {
			t.Errorf("%d hedges of 50 calls with a ratio of 0.1 and a burst of 2", hedges)
		}
	}},
	{name: "Hedge: a result that comes too late is disposed of", waits: true, run: func(t *testing.T, ctx context.Context) {
		var disposed []int
		h := &resilience.Hedge[int]{Delay: time.Second, Dispose: func(v int) { disposed = append(disposed, v) }}
		fn, _ := script(func(context.Context) (int, error) { return 1, braid.Sleep(context.WithoutCancel(ctx), time.Minute) }, within(time.Second, nil))
		v, err := h.Do(ctx, fn)
		must(t, err)
		equal(t, "winner", v, 2)
		if len(disposed) != 1 || disposed[0] != 1 {
			t.Errorf("disposed of %v", disposed)
		}
	}},
	{name: "Hedge: the winner's ctx lives until the winner has returned", waits: true, run: func(t *testing.T, ctx context.Context) {
		h := &resilience.Hedge[int]{Delay: time.Second}
		fn, _ := script(within(5*time.Second, nil), func(ctx context.Context) (int, error) {
			for range 3 { // reads a body
				if err := braid.Sleep(ctx, time.Second); err != nil {
					return 0, err
				}
			}
			return 1, nil
		})
		v, err := h.Do(ctx, fn)
		must(t, err)
		equal(t, "winner", v, 2)
	}},
	{name: "Hedge: a panic in any attempt keeps its stack, and the others are joined", waits: true, run: func(t *testing.T, ctx context.Context) {
		for _, calls := range [][]func(context.Context) (int, error){{within(2*time.Second, nil), explode}, {explode}} {
			ended := false
			h := &resilience.Hedge[int]{Delay: time.Second}
			fn, _ := script(calls...)
			err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error {
					defer func() { ended = true }()
					_, err := h.Do(ctx, fn)
					return err
				})
				return nil
			}, braid.OnPanic(braid.AsError), braid.PanicHook(func(*braid.PanicError) {}))
			var pe *braid.PanicError
			if !errors.As(err, &pe) || pe.Value != "boom" || !strings.Contains(string(pe.Stack), "explode") {
				t.Fatalf("error is %v", err)
			}
			equal(t, "ended", ended, true)
		}
	}},
	{name: "Hedge: a Goexit in a hedge is a failure of that attempt", waits: true, run: func(t *testing.T, ctx context.Context) {
		h := &resilience.Hedge[int]{Delay: time.Second}
		fn, _ := script(within(3*time.Second, nil), goexit)
		v, err := h.Do(ctx, fn)
		must(t, err)
		equal(t, "winner", v, 1)
		fn, _ = script(within(3*time.Second, errDown), goexit)
		_, err = h.Do(ctx, fn)
		wantErr(t, err, braid.ErrGoexit)
		wantErr(t, err, errDown)
	}},
	{name: "Hedge: a Goexit in the first attempt ends the task and leaves nothing", waits: true, run: func(t *testing.T, ctx context.Context) {
		h := &resilience.Hedge[int]{Delay: time.Second}
		wantErr(t, inTask(ctx, func(ctx context.Context) { _, _ = h.Do(ctx, goexit) }), braid.ErrGoexit)
	}},
	{name: "Hedge: the caller's cancel ends all attempts", waits: true, run: func(t *testing.T, ctx context.Context) {
		gone := errors.New("gone")
		h := &resilience.Hedge[int]{Delay: time.Second, Max: 2}
		fn, made := script(never)
		must(t, braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			task := g.Go(func(ctx context.Context) error {
				_, err := h.Do(ctx, fn)
				wantErr(t, err, gone)
				return err
			})
			sleep(t, ctx, 5*time.Second)
			task.Cancel(gone)
			return nil
		}))
		equal(t, "calls", made.Load(), 3)
	}},
}
