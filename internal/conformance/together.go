package conformance

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/braid-go/braid"
)

// intFunc is what the combinators are given here.
type intFunc = func(context.Context) (int, error)

// quietly runs body in a scope in which something panics. Its panics are caught inside.
func quietly(t *testing.T, ctx context.Context, body func(ctx context.Context)) {
	t.Helper()
	scope(t, ctx, func(ctx context.Context, _ *braid.Group) { body(ctx) }, hushed)
}

// hanger is a function that does not end before its ctx does, and takes a while to clean up then.
type hanger struct {
	begun braid.Event
	cause error // what ended it
	ended atomic.Bool
}

func (h *hanger) run(ctx context.Context) error {
	h.begun.Set()
	h.cause = never(ctx)
	pass(ctx)
	h.ended.Store(true)
	return h.cause
}

func (h *hanger) runInt(ctx context.Context) (int, error) { return 0, h.run(ctx) }

// thenInt returns a function that ends as fn does, once h runs.
func (h *hanger) thenInt(fn intFunc) intFunc {
	return func(ctx context.Context) (int, error) {
		if err := h.begun.Wait(ctx); err != nil {
			return 0, err
		}
		return fn(ctx)
	}
}

// joined checks that h has run and ended, and why.
func (h *hanger) joined(t *testing.T, what string) {
	t.Helper()
	if !h.begun.IsSet() {
		t.Errorf("%s has not run", what)
		return
	}
	want(t, what+" has ended", h.ended.Load(), true)
}

// started waits until h runs.
func (h *hanger) started(t *testing.T, ctx context.Context) {
	t.Helper()
	until(t, ctx, "the function that hangs runs", h.begun.IsSet)
}

// wantTask checks that err is the failure of the function number index of the combinator called name.
func wantTask(t *testing.T, err error, name, index string, cause error) {
	t.Helper()
	var te *braid.TaskError
	switch {
	case !errors.As(err, &te):
		t.Errorf("err = %v (%T), want a *TaskError", err, err)
	case !strings.Contains("/"+te.Task, "/"+name+"/") || !strings.HasSuffix(te.Task, "#"+index):
		t.Errorf("the failed task is %q, want number %s of %s", te.Task, index, name)
	case !errors.Is(te, cause):
		t.Errorf("err = %v, want %v", err, cause)
	}
}

// cancelsItself is a function whose task is cancelled, and nothing else.
func cancelsItself(ctx context.Context) (int, error) {
	braid.Current(ctx).Cancel(errStop)
	return 0, context.Cause(ctx)
}

var gatherCases = []testCase{
	{"Gather: a function that is cancelled alone leaves no gap among the results: Gather fails with its cause", func(t *testing.T, ctx context.Context) {
		got, err := braid.Gather(ctx, returns(1), cancelsItself, neverDone[int]())
		wantList(t, "the results", got)
		holds(t, err, errStop)
	}},
	{"Gather: the results are in the order of the functions, whichever ends first", func(t *testing.T, ctx context.Context) {
		var second, third braid.Event
		got, err := braid.Gather(ctx,
			func(ctx context.Context) (string, error) { return "a", second.Wait(ctx) },
			func(ctx context.Context) (string, error) { defer second.Set(); return "b", third.Wait(ctx) },
			func(context.Context) (string, error) { defer third.Set(); return "c", nil })
		ok(t, err)
		wantList(t, "results", got, "a", "b", "c")
	}},
	{"Gather: the functions run at the same time", func(t *testing.T, ctx context.Context) {
		b := braid.NewBarrier(3)
		meet := func(ctx context.Context) (int, error) { _, err := b.Wait(ctx); return 1, err }
		got, err := braid.Gather(ctx, meet, meet, meet)
		ok(t, err)
		wantList(t, "results", got, 1, 1, 1)
	}},
	{"Gather: a failure cancels the others, joins them, and says which function it was", func(t *testing.T, ctx context.Context) {
		var a, b hanger
		boom := errors.New("boom")
		got, err := braid.Gather(ctx, a.runInt, a.thenInt(b.thenInt(failing[int](boom))), b.runInt)
		a.joined(t, "the one before")
		b.joined(t, "the one behind")
		want(t, "there are results", got != nil, false)
		var ge *braid.GroupError
		if !errors.As(err, &ge) || len(ge.Unwrap()) != 1 {
			t.Errorf("err = %v, want one failure", err)
		}
		wantTask(t, err, "gather", "1", boom)
	}},
	{"Gather: what fails while it is cancelled is reported too, behind the first failure", func(t *testing.T, ctx context.Context) {
		var h hanger
		first, second := errors.New("first"), errors.New("second")
		_, err := braid.Gather(ctx, h.thenInt(failing[int](first)), func(ctx context.Context) (int, error) {
			_ = h.run(ctx)
			return 0, second
		})
		var ge *braid.GroupError
		if !errors.As(err, &ge) || len(ge.Unwrap()) != 2 {
			t.Errorf("err = %v, want two failures", err)
			return
		}
		wantTask(t, ge.Unwrap()[0], "gather", "0", first)
		wantTask(t, ge.Unwrap()[1], "gather", "1", second)
	}},
	{"Gather: of no functions is an empty list", func(t *testing.T, ctx context.Context) {
		got, err := braid.Gather[int](ctx)
		ok(t, err)
		want(t, "length", len(got), 0)
		want(t, "it is nil", got == nil, false)
	}},
	{"Gather: the end of the caller's ctx cancels and joins all, and its cause is the error", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var a, b hanger
			c := begin(g, func(ctx context.Context) error {
				got, err := braid.Gather(ctx, a.runInt, returns(1), b.runInt)
				want(t, "there are results", got != nil, false)
				return err
			})
			a.started(t, ctx)
			b.started(t, ctx)
			c.h.Cancel(errStop)
			want(t, "the error", c.result(t, ctx), errStop)
			a.joined(t, "one")
			b.joined(t, "the other")
			want(t, "the cause inside", a.cause, errStop)
		})
	}},
	{"Gather: with a done ctx nothing is called", func(t *testing.T, ctx context.Context) {
		for _, done := range endedContexts(ctx) {
			_, err := braid.Gather(done, func(context.Context) (int, error) { t.Error("called"); return 0, nil })
			want(t, "the error", err, errStop)
		}
	}},
	{"Gather: if all succeed the results count, although the caller was cancelled meanwhile", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var h hanger
			var got []int
			c := begin(g, func(ctx context.Context) (err error) {
				got, err = braid.Gather(ctx, returns(1), func(ctx context.Context) (int, error) { _ = h.run(ctx); return 2, nil })
				return err
			})
			h.started(t, ctx)
			c.h.Cancel(errStop)
			c.succeeds(t, ctx, "Gather")
			wantList(t, "results", got, 1, 2)
		})
	}},
	{"Gather: a real failure and the caller's cancel are both in the error, the failure first", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var h hanger
			boom := errors.New("boom")
			c := begin(g, func(ctx context.Context) error {
				_, err := braid.Gather(ctx, func(ctx context.Context) (int, error) { _ = h.run(ctx); return 0, boom })
				return err
			})
			h.started(t, ctx)
			c.h.Cancel(errStop)
			err := c.result(t, ctx)
			var ge *braid.GroupError
			if !errors.As(err, &ge) || len(ge.Unwrap()) != 2 || !errors.Is(ge.Unwrap()[0], boom) || ge.Unwrap()[1] != errStop {
				t.Errorf("err = %v, want the failure and then the cause", err)
			}
		})
	}},
	{"Gather: a nil function panics, says which it is, and joins those before it", func(t *testing.T, ctx context.Context) {
		quietly(t, ctx, func(ctx context.Context) {
			var h hanger
			panics(t, "Gather", func() { _, _ = braid.Gather(ctx, h.runInt, nil) }, "function 1", "gather", "nil")
			h.joined(t, "the one before")
		})
	}},
	{"Gather: a panic cancels and joins the others and comes out of Gather", func(t *testing.T, ctx context.Context) {
		quietly(t, ctx, func(ctx context.Context) {
			var h hanger
			pe := caughtPanic(t, func() {
				_, _ = braid.Gather(ctx, h.runInt, h.thenInt(func(context.Context) (int, error) { panic("ouch") }))
			})
			h.joined(t, "the other")
			want(t, "the value", pe.Value, any("ouch"))
			want(t, "its task is named", strings.HasSuffix(pe.Task, "#1"), true)
		})
	}},
	{"Gather: works in a plain goroutine with a plain ctx", func(t *testing.T, ctx context.Context) {
		ok(t, join(t, ctx, elsewhere(func() error {
			got, err := braid.Gather(context.Background(), returns(1), func(ctx context.Context) (int, error) { return 2, braid.Yield(ctx) })
			wantList(t, "results", got, 1, 2)
			return err
		})))
	}},
}

var settleCases = []testCase{
	{"Settle: there is an outcome for each function, and a failure cancels nobody", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var gate braid.Event
			var failing braid.Promise[*braid.Handle]
			boom := errors.New("boom")
			c := begin(g, func(ctx context.Context) error {
				out, err := braid.Settle(ctx,
					func(ctx context.Context) (int, error) { return 1, gate.Wait(ctx) },
					func(ctx context.Context) (int, error) { failing.Resolve(braid.Current(ctx)); return 2, boom },
					returns(3))
				if len(out) != 3 {
					t.Errorf("%d outcomes, want 3", len(out))
					return err
				}
				want(t, "outcome 0", out[0], braid.Outcome[int]{Value: 1})
				wantTask(t, out[1].Err, "settle", "1", boom)
				want(t, "the value of the failure", out[1].Value, 0)
				want(t, "outcome 2", out[2], braid.Outcome[int]{Value: 3})
				return err
			})
			failed, err := failing.Future().Wait(ctx)
			ok(t, err)
			if err := failed.Wait(ctx); !errors.Is(err, boom) {
				t.Errorf("waiting for the failure: %v", err)
			}
			pass(ctx)
			gate.Set()
			c.succeeds(t, ctx, "Settle")
		})
	}},
	{"Settle: the caller's own cancel is the error, beside the outcomes", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var h hanger
			var first braid.Promise[*braid.Handle]
			var out []braid.Outcome[int]
			c := begin(g, func(ctx context.Context) (err error) {
				out, err = braid.Settle(ctx, func(ctx context.Context) (int, error) { first.Resolve(braid.Current(ctx)); return 7, nil }, h.runInt)
				return err
			})
			task, err := first.Future().Wait(ctx)
			ok(t, err)
			ok(t, task.Wait(ctx))
			h.started(t, ctx)
			c.h.Cancel(errStop)
			want(t, "the error", c.result(t, ctx), errStop)
			h.joined(t, "the cancelled one")
			if len(out) != 2 {
				t.Errorf("%d outcomes, want 2", len(out))
				return
			}
			want(t, "the outcome of the first", out[0], braid.Outcome[int]{Value: 7})
			want(t, "the outcome of the second", errors.Is(out[1].Err, errStop), true)
		})
	}},
	{"Settle: if all came to an end of their own there is no error, although the caller was cancelled meanwhile", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var a, b hanger
			boom := errors.New("boom")
			c := begin(g, func(ctx context.Context) error {
				out, err := braid.Settle(ctx,
					func(ctx context.Context) (int, error) { _ = a.run(ctx); return 1, nil },
					func(ctx context.Context) (int, error) { _ = b.run(ctx); return 0, boom })
				want(t, "the first", out[0], braid.Outcome[int]{Value: 1})
				wantTask(t, out[1].Err, "settle", "1", boom)
				return err
			})
			a.started(t, ctx)
			b.started(t, ctx)
			c.h.Cancel(errStop)
			c.succeeds(t, ctx, "Settle")
		})
	}},
	{"Settle: a panic is no outcome: it cancels the others, joins them and comes out of Settle", func(t *testing.T, ctx context.Context) {
		quietly(t, ctx, func(ctx context.Context) {
			var h hanger
			pe := caughtPanic(t, func() {
				_, _ = braid.Settle(ctx, h.thenInt(func(context.Context) (int, error) { panic("ouch") }), h.runInt)
			})
			h.joined(t, "the other")
			want(t, "the value", pe.Value, any("ouch"))
		})
	}},
	{"Settle: Goexit is a failed outcome, and cancels nobody", func(t *testing.T, ctx context.Context) {
		out, err := braid.Settle(ctx,
			func(context.Context) (int, error) { goexit(); return 1, nil },
			func(ctx context.Context) (int, error) { pass(ctx); return 2, ctx.Err() })
		ok(t, err)
		wantTask(t, out[0].Err, "settle", "0", braid.ErrGoexit)
		want(t, "the other", out[1], braid.Outcome[int]{Value: 2})
	}},
	{"Settle: of no functions is an empty list; with a done ctx nothing is called", func(t *testing.T, ctx context.Context) {
		out, err := braid.Settle[int](ctx)
		ok(t, err)
		want(t, "length", len(out), 0)
		for _, done := range endedContexts(ctx) {
			_, err := braid.Settle(done, func(context.Context) (int, error) { t.Error("called"); return 0, nil })
			want(t, "the error", err, errStop)
		}
	}},
	{"Settle: a nil function panics and says which it is", func(t *testing.T, ctx context.Context) {
		quietly(t, ctx, func(ctx context.Context) {
			panics(t, "Settle", func() { _, _ = braid.Settle[int](ctx, nil) }, "function 0", "settle", "nil")
		})
	}},
}
