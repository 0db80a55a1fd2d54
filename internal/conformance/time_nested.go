package conformance

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/braid-go/braid"
)

var nestedTimeoutCases = []testCase{
	{"Timeout: of nested ones the inner fires, and the outer passes its error on", func(t *testing.T, ctx context.Context) {
		var inside error
		err := braid.Timeout(ctx, aWhile, func(ctx context.Context) error {
			inside = braid.Timeout(ctx, aMoment, never)
			ok(t, ctx.Err())
			return inside
		})
		want(t, "the error", err, inside)
		want(t, "After", timeoutOf(t, err, "timeout").After, aMoment)
	}},
	{"Timeout: of nested ones the outer fires, and the inner does not report", func(t *testing.T, ctx context.Context) {
		var inside error
		err := braid.Timeout(ctx, aMoment, func(ctx context.Context) error {
			inside = braid.Timeout(ctx, aWhile, never)
			return inside
		})
		want(t, "the error", err, inside)
		want(t, "After", timeoutOf(t, err, "timeout").After, aMoment)
	}},
	{"Timeout: a real error beside the outer one's end is not the inner one's", func(t *testing.T, ctx context.Context) {
		boom := errors.New("boom")
		var err error
		for called := false; !called; { // on a busy machine the outer may run out before the inner is called
			err = braid.Timeout(ctx, aMoment, func(ctx context.Context) error {
				err := braid.Timeout(ctx, aWhile, func(ctx context.Context) error { called = true; _ = never(ctx); return boom })
				want(t, "the inner error is the failure as it is", err == boom, called)
				return err
			})
		}
		timeoutOf(t, err, "timeout")
		want(t, "the failure is found", errors.Is(err, boom), true)
	}},
	{"Deadline: of nested ones that are equal the inner reports, and the outer too", func(t *testing.T, ctx context.Context) {
		for d := aMoment; d < long; d *= 2 {
			at := braid.Time(ctx).Add(d)
			var inside error
			err := braid.Deadline(ctx, at, func(ctx context.Context) error {
				inside = braid.Deadline(ctx, at, never)
				return inside
			})
			if inside == nil {
				continue // on a busy machine the outer may have passed before its function is called
			}
			inner := timeoutOf(t, inside, "deadline")
			outer := timeoutOf(t, err, "deadline")
			if inner == outer {
				continue // or before the inner one is called, which finds its ctx done then
			}
			want(t, "the inner one's error is found in the outer one's", errors.Is(err, inside), true)
			return
		}
		t.Error("the outer one always reports for the inner")
	}},
	{"Deadline: one for several steps ends each of them", func(t *testing.T, ctx context.Context) {
		at := braid.Time(ctx).Add(aMoment)
		timeoutOf(t, braid.Deadline(ctx, at, never), "deadline")
		timeoutOf(t, braid.Deadline(ctx, at, func(context.Context) error { t.Error("called"); return nil }), "deadline")
	}},
	{"Timeout: one after another in the same task do not touch each other", func(t *testing.T, ctx context.Context) {
		for range 3 {
			timeoutOf(t, braid.Timeout(ctx, aMoment, never), "timeout")
			ok(t, braid.Timeout(ctx, aWhile, braid.Yield))
		}
	}},
}

var taskTimeoutCases = []testCase{
	{"TaskTimeout: a task that runs over fails with a TimeoutError when it has ended", func(t *testing.T, ctx context.Context) {
		var h hanger
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(h.run, braid.TaskTimeout(aMoment), braid.Name("slow"))
			return nil
		}, braid.Name("main"))
		h.joined(t, "the task")
		want(t, "After", timeoutOf(t, err, "timeout").After, aMoment)
		var te *braid.TaskError
		if !errors.As(err, &te) || te.Task != "main/slow" {
			t.Errorf("err = %v", err)
		}
	}},
	{"TaskTimeout: a task with a result fails by it, or gives its result if that is there", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			late := braid.Go(g, func(ctx context.Context) (int, error) { _ = never(ctx); return 7, nil }, braid.TaskTimeout(aMoment))
			v, err := late.Wait(ctx)
			ok(t, err)
			want(t, "the value", v, 7)
			slow := braid.Go(g, func(ctx context.Context) (int, error) { return 8, never(ctx) }, braid.TaskTimeout(aMoment))
			_, err = slow.Wait(context.WithoutCancel(ctx))
			timeoutOf(t, err, "timeout")
			return nil
		})
		timeoutOf(t, err, "timeout")
	}},
	{"TaskTimeout: counts from the task's start, not from the time it was queued", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			const limit = 2 * aMoment
			var gate braid.Event
			first := g.Go(func(ctx context.Context) error {
				if err := gate.Wait(ctx); err != nil {
					return err
				}
				return braid.Sleep(ctx, 2*limit)
			})
			called := false
			second := braid.Go(g, func(ctx context.Context) (time.Duration, error) {
				called = true
				at, _ := ctx.Deadline()
				return at.Sub(braid.Time(ctx).Add(-braid.Current(ctx).Age())), nil
			}, braid.TaskTimeout(limit))
			want(t, "the second task", second.State(), braid.Queued)
			gate.Set()
			ok(t, first.Wait(ctx))
			d, err := second.Wait(ctx)
			ok(t, err)
			want(t, "the second task was called", called, true)
			if d < limit {
				t.Errorf("its deadline is %v after its start", d)
			}
		}, braid.Limit(1))
	}},
	{"TaskTimeout: a task that was cancelled has not timed out", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var h hanger
			task := g.Go(h.run, braid.TaskTimeout(aWhile))
			h.started(t, ctx)
			task.Cancel(errStop)
			noTimeout(t, task.Wait(ctx), errStop)
			want(t, "its state", task.State(), braid.Cancelled)
		})
	}},
	{"TaskTimeout: of zero or less does not call the function", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			g.Go(func(context.Context) error { t.Error("called"); return nil }, braid.TaskTimeout(0))
			return nil
		})
		timeoutOf(t, err, "timeout")
	}},
}
