package conformance

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/braid-go/braid"
)

// aWhile is a limit for cleanup that is never reached.
const aWhile = time.Minute

// trail notes what happened, in order.
type trail []string

func (tr *trail) add(s string) { *tr = append(*tr, s) }

// step returns a cleanup function that leaves a note and returns err.
func (tr *trail) step(s string, err error) func(context.Context) error {
	return func(context.Context) error {
		tr.add(s)
		return err
	}
}

var resourceCases = []testCase{
	{"ExitStack: runs what was pushed, the last first, and joins the errors in that order", func(t *testing.T, ctx context.Context) {
		var tr trail
		one, two, three := errors.New("one"), errors.New("two"), errors.New("three")
		err := braid.WithExitStack(ctx, aWhile, func(_ context.Context, s *braid.ExitStack) error {
			s.Push(tr.step("a", one))
			s.Push(tr.step("b", nil))
			s.Push(tr.step("c", two))
			want(t, "Len", s.Len(), 3)
			tr.add("body")
			return three
		})
		wantList(t, "what ran", tr, "body", "c", "b", "a")
		if err == nil || err.Error() != "three\ntwo\none" || !errors.Is(err, one) || !errors.Is(err, two) || !errors.Is(err, three) {
			t.Errorf("err = %v", err)
		}
		ok(t, braid.WithExitStack(ctx, aWhile, func(_ context.Context, s *braid.ExitStack) error {
			s.Push(tr.step("d", nil))
			return nil
		}))
		err = braid.WithExitStack(ctx, aWhile, func(_ context.Context, s *braid.ExitStack) error { s.Push(tr.step("e", one)); return nil })
		if !errors.Is(err, one) || err.Error() != "one" {
			t.Errorf("a single error: %v", err)
		}
	}},
	{"ExitStack: cleanup runs although the ctx is done, with its values and a deadline of its own", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			c := begin(g, func(ctx context.Context) error {
				ctx = context.WithValue(ctx, valueKey{}, "here")
				return braid.WithExitStack(ctx, aWhile, func(ctx context.Context, s *braid.ExitStack) error {
					task := braid.Current(ctx)
					s.Push(func(ctx context.Context) error {
						ok(t, ctx.Err())
						ok(t, braid.Sleep(ctx, aMoment))
						want(t, "the value", ctx.Value(valueKey{}), any("here"))
						want(t, "the task", braid.Current(ctx), task)
						_, has := ctx.Deadline()
						want(t, "there is a deadline", has, true)
						return nil
					})
					task.Cancel(errStop)
					return braid.Sleep(ctx, aWhile)
				})
			})
			c.fails(t, ctx, "the body", errStop)
		})
	}},
	{"ExitStack: when the limit is over the rest is still called, with a ctx that is done", func(t *testing.T, ctx context.Context) {
		s := braid.NewExitStack(aMoment)
		var errs []error
		note := func(ctx context.Context) error { errs = append(errs, ctx.Err()); return nil }
		s.Push(note)
		s.Push(note)
		s.Push(func(ctx context.Context) error { _ = braid.Sleep(ctx, aWhile); return nil })
		ok(t, s.Close(ctx))
		wantList(t, "what the rest saw", errs, context.DeadlineExceeded, context.DeadlineExceeded)
	}},
	{"ExitStack: a panic in one keeps no other from running, and comes out at the end with what else failed", func(t *testing.T, ctx context.Context) {
		var tr trail
		s := braid.NewExitStack(aWhile)
		s.Push(tr.step("a", errStop))
		s.Push(func(context.Context) error { tr.add("b"); panic("second") })
		s.Push(func(context.Context) error { tr.add("c"); panic("first") })
		pe := caughtPanic(t, func() { _ = s.Close(ctx) })
		want(t, "the panic", pe.Value, any("first"))
		if len(pe.Stack) == 0 || !errors.Is(pe, errStop) {
			t.Errorf("the panic has lost something: %v", pe)
		}
		wantList(t, "what ran", tr, "c", "b", "a")
		ok(t, s.Close(ctx))
		wantList(t, "what ran after a second Close", tr, "c", "b", "a")
	}},
	{"ExitStack: a Goexit in one keeps no other from running", func(t *testing.T, ctx context.Context) {
		var tr trail
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				return braid.WithExitStack(ctx, aWhile, func(_ context.Context, s *braid.ExitStack) error {
					s.Push(tr.step("a", nil))
					s.Push(func(context.Context) error { tr.add("b"); goexit(); return nil })
					s.Push(tr.step("c", nil))
					return nil
				})
			})
			return nil
		})
		if !errors.Is(err, braid.ErrGoexit) {
			t.Errorf("the scope: %v", err)
		}
		wantList(t, "what ran", tr, "c", "b", "a")
	}},
	{"ExitStack: a body that panics, or calls Goexit, is cleaned up after, and goes on doing so", func(t *testing.T, ctx context.Context) {
		var tr trail
		func() {
			defer func() { want(t, "the panic", recover(), any("boom")) }()
			_ = braid.WithExitStack(ctx, aWhile, func(_ context.Context, s *braid.ExitStack) error {
				s.Push(tr.step("after the panic", nil))
				panic("boom")
			})
		}()
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				return braid.WithExitStack(ctx, aWhile, func(_ context.Context, s *braid.ExitStack) error {
					s.Push(tr.step("after Goexit", nil))
					goexit()
					return nil
				})
			})
			return nil
		})
		if !errors.Is(err, braid.ErrGoexit) {
			t.Errorf("the scope: %v", err)
		}
		wantList(t, "what ran", tr, "after the panic", "after Goexit")
	}},
	{"ExitStack: what is pushed during Close runs too, and Push after Close panics", func(t *testing.T, ctx context.Context) {
		var tr trail
		s := braid.NewExitStack(aWhile)
		s.Push(tr.step("a", nil))
		s.Push(func(context.Context) error {
			s.Push(tr.step("late", nil))
			tr.add("b")
			return nil
		})
		ok(t, s.Close(ctx))
		wantList(t, "what ran", tr, "b", "late", "a")
		panics(t, "Push after Close", func() { s.Push(tr.step("never", nil)) }, "Push after Close", "never run")
	}},
	{"ExitStack: PopAll moves everything to a new stack, for a function that keeps what it got", func(t *testing.T, ctx context.Context) {
		var tr trail
		var kept *braid.ExitStack
		ok(t, braid.WithExitStack(ctx, aWhile, func(_ context.Context, s *braid.ExitStack) error {
			s.Push(tr.step("a", nil))
			s.Push(tr.step("b", nil))
			kept = s.PopAll()
			want(t, "Len of the old stack", s.Len(), 0)
			s.Push(tr.step("c", nil))
			return nil
		}))
		wantList(t, "what ran", tr, "c")
		want(t, "Len of the new stack", kept.Len(), 2)
		ok(t, kept.Close(ctx))
		wantList(t, "what ran", tr, "c", "b", "a")
	}},
	{"ExitStack: misuse panics with a text that says what to do", func(t *testing.T, ctx context.Context) {
		panics(t, "NewExitStack(0)", func() { braid.NewExitStack(0) }, "positive time limit")
		panics(t, "WithExitStack(-1)", func() {
			_ = braid.WithExitStack(ctx, -1, func(context.Context, *braid.ExitStack) error { return nil })
		}, "positive time limit")
		panics(t, "WithExitStack(nil)", func() { _ = braid.WithExitStack(ctx, aWhile, nil) }, "nil")
		var tr trail
		s := braid.NewExitStack(aWhile)
		s.Push(tr.step("a", nil))
		panics(t, "Push(nil)", func() { s.Push(nil) }, "nil")
		s.Push(tr.step("b", nil))
		ok(t, s.Close(ctx))
		wantList(t, "what ran", tr, "b", "a")
	}},
	{"ExitStack: may be closed by any code, without a task too", func(t *testing.T, ctx context.Context) {
		var tr trail
		done, cancel := context.WithCancel(context.Background())
		cancel()
		s := braid.NewExitStack(aWhile)
		s.Push(func(ctx context.Context) error { tr.add("a"); return ctx.Err() })
		ok(t, join(t, ctx, elsewhere(func() error { return s.Close(done) })))
		wantList(t, "what ran", tr, "a")
	}},
	{"Using: acquires, uses and releases, and joins the errors", func(t *testing.T, ctx context.Context) {
		var tr trail
		using := func(acquired, used, released error) error {
			return braid.Using(ctx,
				func(context.Context) (string, error) { tr.add("acquire"); return "it", acquired },
				func(_ context.Context, v string) error { tr.add("release " + v); return released },
				func(_ context.Context, v string) error { tr.add("use " + v); return used })
		}
		one, two := errors.New("one"), errors.New("two")
		ok(t, using(nil, nil, nil))
		wantList(t, "what ran", tr, "acquire", "use it", "release it")
		tr = nil
		want(t, "a failed acquire", using(one, nil, nil), one)
		wantList(t, "what ran", tr, "acquire")
		want(t, "a failed use", using(nil, one, nil), one)
		if err := using(nil, nil, two); !errors.Is(err, two) {
			t.Errorf("a failed release: %v", err)
		}
		if err := using(nil, one, two); err == nil || err.Error() != "one\ntwo" {
			t.Errorf("both failed: %v", err)
		}
	}},
	{"Using: releases although use is cancelled, panics or calls Goexit, and release sees a live ctx", func(t *testing.T, ctx context.Context) {
		var tr trail
		using := func(ctx context.Context, use func(context.Context, int) error) error {
			return braid.Using(ctx,
				func(context.Context) (int, error) { return 1, nil },
				func(ctx context.Context, _ int) error { tr.add("release"); return ctx.Err() },
				use)
		}
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			begin(g, func(ctx context.Context) error {
				return using(ctx, func(ctx context.Context, _ int) error {
					braid.Current(ctx).Cancel(errStop)
					return braid.Sleep(ctx, aWhile)
				})
			}).fails(t, ctx, "use", errStop)
			pe := caughtPanic(t, func() {
				_ = braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
					return using(ctx, func(context.Context, int) error { panic("boom") })
				}, braid.PanicHook(func(*braid.PanicError) {}))
			})
			want(t, "the panic", pe.Value, any("boom"))
			g.Go(func(ctx context.Context) error {
				return using(ctx, func(context.Context, int) error { goexit(); return nil })
			})
			return nil
		})
		if !errors.Is(err, braid.ErrGoexit) {
			t.Errorf("the scope: %v", err)
		}
		wantList(t, "what ran", tr, slices.Repeat([]string{"release"}, 3)...)
	}},
	{"Using: a function that is missing panics before anything is acquired", func(t *testing.T, ctx context.Context) {
		acquired := 0
		acquire := func(context.Context) (int, error) { acquired++; return 1, nil }
		do := func(context.Context, int) error { return nil }
		panics(t, "no acquire", func() { _ = braid.Using(ctx, nil, do, do) }, "nil")
		panics(t, "no release", func() { _ = braid.Using(ctx, acquire, nil, do) }, "nil")
		panics(t, "no use", func() { _ = braid.Using(ctx, acquire, do, nil) }, "nil")
		want(t, "acquired", acquired, 0)
	}},
}
