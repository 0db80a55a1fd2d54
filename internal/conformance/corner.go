package conformance

import (
	"context"
	"errors"
	"testing"

	"github.com/braid-go/braid"
)

// The corner cases of docs/design.md that are about scopes and tasks, and limits (S11).
var cornerCases = []testCase{
	{"C Run under a parent that is done does not enter its body", func(t *testing.T, ctx context.Context) {
		for _, done := range doneContexts(ctx) {
			err := braid.Run(done, func(context.Context, *braid.Group) error { t.Error("the body ran"); return nil })
			want(t, "err", err, errStop)
		}
	}},
	{"C Wait on a finished task with a done ctx gives the ctx's cause; Err and Result do not look at it", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			h := braid.Go(g, func(context.Context) (int, error) { return 7, nil })
			v, err := h.Result()
			if h.State() == braid.Running && err != braid.ErrNotFinished {
				t.Errorf("Result of a running task = %v, %v", v, err)
			}
			_, err = h.Wait(ctx)
			ok(t, err)
			for _, done := range doneContexts(ctx) {
				_, err := h.Wait(done)
				want(t, "Wait", err, errStop)
			}
			v, err = h.Result()
			if v != 7 || err != nil {
				t.Errorf("Result = %v, %v", v, err)
			}
		})
	}},
	{"C a group whose tasks all succeeded is a success, even if the parent was cancelled meanwhile", func(t *testing.T, ctx context.Context) {
		parent, cancel := context.WithCancelCause(ctx)
		err := braid.Run(parent, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error { _ = forever(ctx); return nil })
			cancel(errStop)
			return nil
		})
		ok(t, err)
	}},
	{"C a group that was cancelled by its parent returns the parent's cause", func(t *testing.T, ctx context.Context) {
		parent, cancel := context.WithCancelCause(ctx)
		err := braid.Run(parent, func(ctx context.Context, g *braid.Group) error {
			g.Go(forever)
			cancel(errStop)
			return nil
		})
		want(t, "err", err, errStop)
	}},
	{"C real errors come first and the parent's cause last", func(t *testing.T, ctx context.Context) {
		parent, cancel := context.WithCancelCause(ctx)
		err := braid.Run(parent, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error { _ = forever(ctx); return errors.New("bad") }, braid.Name("x"))
			cancel(errStop)
			return nil
		}, braid.Name("scope"))
		wantFailures(t, err, "task scope/x: bad", "stop")
	}},
	{"C a cause that comes back through a nested Run is not listed twice", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			inner := func(leaf func(context.Context) error) func(context.Context) error {
				return func(ctx context.Context) error {
					return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
						g.Go(leaf, braid.Name("leaf"))
						return nil
					})
				}
			}
			a := g.Go(inner(forever), braid.Name("a"))
			b := g.Go(inner(func(ctx context.Context) error { _ = forever(ctx); return errors.New("worse") }), braid.Name("b"))
			until(t, ctx, "both wait", func() bool { return a.Waiting() == "run.Join" && b.Waiting() == "run.Join" })
			return errors.New("bad")
		}, braid.Name("scope"))
		wantFailures(t, err, "task scope: bad", "task scope/b/leaf: worse")
	}},
	{"C a spawned task runs, with its ctx done if the cancel came first", func(t *testing.T, ctx context.Context) {
		var ran bool
		var seen error
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			h := g.Go(func(ctx context.Context) error { ran, seen = true, ctx.Err(); return nil })
			h.Cancel(errStop)
			g.Cancel(errStop)
		})
		want(t, "ran", ran, true)
		if seen != nil && !errors.Is(seen, context.Canceled) {
			t.Errorf("ctx.Err() = %v", seen)
		}
	}},
	{"C a spawn into a group that is cancelled is not started", func(t *testing.T, ctx context.Context) {
		var told []string
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			g.Cancel(errStop)
			h := g.Go(func(context.Context) error { t.Error("it ran"); return nil }, braid.Name("x"))
			want(t, "state", h.State(), braid.NotStarted)
			want(t, "Wait", h.Wait(context.WithoutCancel(ctx)), braid.ErrNotStarted)
			err, ended := h.Err()
			want(t, "Err", err, braid.ErrNotStarted)
			want(t, "ended", ended, true)
			<-h.Done()
			if _, ok := g.TryGo(func(context.Context) error { return nil }); ok {
				t.Error("TryGo started a task in a cancelled group")
			}
		}, braid.Name("scope"), braid.OnNotStarted(func(h *braid.Handle) { told = append(told, h.Path()) }))
		wantList(t, "told", told, "scope/x")
	}},
	{"C a spawn into a group whose Run has returned panics and says what to do", func(t *testing.T, ctx context.Context) {
		var late *braid.Group
		scope(t, ctx, func(_ context.Context, g *braid.Group) { late = g }, braid.Name("scope"))
		panics(t, "Go", func() { late.Go(named) }, "scope", "Run has returned", "lives longer")
		panics(t, "typed Go", func() { braid.Go(late, func(context.Context) (int, error) { return 0, nil }) }, "Run has returned")
		panics(t, "GoWait", func() { _, _ = late.GoWait(ctx, named) }, "Run has returned")
		panics(t, "nil", func() { late.Go(nil) }, "function")
	}},
	{"C a spawn that races with the end is joined or refused, never neither", func(t *testing.T, ctx context.Context) {
		for range 50 {
			var spawned, ran int
			var late *braid.Future[error]
			err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				late = elsewhere(func() (err error) {
					defer func() {
						if recover() != nil {
							err = errStop
						}
					}()
					g.Go(func(ctx context.Context) error { pass(ctx); ran++; return nil })
					return nil
				})
				return nil
			})
			ok(t, err)
			was := ran // by now it is over, if it was joined
			if join(t, ctx, late) == nil {
				spawned = 1
			}
			want(t, "ran when Run returned", was, spawned)
		}
	}},
	{"S11 no more tasks run than the limit, in the order of spawning", func(t *testing.T, ctx context.Context) {
		var running, most int
		var order []int
		var mu braid.Mutex
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			for i := range 20 {
				g.Go(func(ctx context.Context) error {
					ok(t, mu.Lock(ctx))
					running++
					most = max(most, running)
					order = append(order, i)
					mu.Unlock()
					pass(ctx)
					ok(t, mu.Lock(ctx))
					running--
					mu.Unlock()
					return nil
				})
			}
			s := g.Statistics()
			want(t, "limit", s.Limit, 3)
			if s.Running > 3 || s.Running+s.Queued > 20 {
				t.Errorf("statistics = %+v", s)
			}
		}, braid.Limit(3))
		want(t, "ran", len(order), 20)
		if most > 3 {
			t.Errorf("%d tasks ran at a time", most)
		}
	}},
	{"S11 what waits for a slot when the group is cancelled never runs, and is counted", func(t *testing.T, ctx context.Context) {
		var told []string
		var queued *braid.Handle
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			var gate braid.Event
			g.Go(func(ctx context.Context) error { ok(t, gate.Wait(ctx)); return errors.New("bad") }, braid.Name("x"))
			queued = g.Go(func(context.Context) error { t.Error("it ran"); return nil }, braid.Name("y"))
			want(t, "state", queued.State(), braid.Queued)
			want(t, "age", queued.Age(), 0)
			gate.Set()
			want(t, "Wait", queued.Wait(context.WithoutCancel(ctx)), braid.ErrNotStarted)
			return nil
		}, braid.Name("scope"), braid.Limit(1), braid.OnNotStarted(func(h *braid.Handle) { told = append(told, h.Path()) }))
		wantFailures(t, err, "task scope/x: bad")
		ge, _ := errors.AsType[*braid.GroupError](err)
		want(t, "NotStarted", ge.NotStarted, 1)
		want(t, "text", err.Error(), "task scope/x: bad (1 task was not started)")
		wantList(t, "told", told, "scope/y")
	}},
	{"S11 cancelling a task that waits for a slot takes it out, and the others run", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var gate braid.Event
			g.Go(gate.Wait)
			b := g.Go(func(context.Context) error { t.Error("it ran"); return nil })
			c := g.Go(named)
			b.Cancel(errStop)
			want(t, "state", b.State(), braid.NotStarted)
			want(t, "queued", g.Statistics().Queued, 1)
			gate.Set()
			ok(t, c.Wait(ctx))
		}, braid.Limit(1))
	}},
	{"S11 TryGo starts a task only if there is a slot", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var gate braid.Event
			h, started := g.TryGo(gate.Wait)
			want(t, "the first", started, true)
			_, again := g.TryGo(named)
			want(t, "the second", again, false)
			gate.Set()
			ok(t, h.Wait(ctx))
			until(t, ctx, "the slot is free", func() bool { return g.Statistics().Running == 0 })
			_, again = g.TryGo(named)
			want(t, "the third", again, true)
		}, braid.Limit(1))
	}},
	{"S11 GoWait waits for a slot under its ctx, and leaves nothing behind when that ends", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			scope(t, ctx, func(ctx context.Context, limited *braid.Group) {
				var gate braid.Event
				limited.Go(gate.Wait)
				c := begin(g, func(ctx context.Context) error {
					_, err := limited.GoWait(ctx, func(context.Context) error { t.Error("it ran"); return nil })
					return err
				})
				until(t, ctx, "it waits", waitsIn(c.h, "group.GoWait"))
				c.h.Cancel(errStop)
				c.fails(t, ctx, "GoWait", errStop)
				s := limited.Statistics()
				want(t, "queued", s.Queued, 0)
				want(t, "not started", s.NotStarted, 0)

				var h *braid.Handle
				c = begin(g, func(ctx context.Context) (err error) { h, err = limited.GoWait(ctx, named); return err })
				until(t, ctx, "it waits", waitsIn(c.h, "group.GoWait"))
				gate.Set()
				c.succeeds(t, ctx, "GoWait")
				ok(t, h.Wait(ctx))
				for _, done := range doneContexts(ctx) {
					_, err := limited.GoWait(done, named)
					want(t, "GoWait with a done ctx", err, errStop)
				}
			}, braid.Limit(1))
		})
	}},
	{"S11 GoWait into a group that is cancelled meanwhile says that the task was not started", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			scope(t, ctx, func(ctx context.Context, limited *braid.Group) {
				limited.Go(forever)
				c := begin(g, func(ctx context.Context) error { _, err := limited.GoWait(ctx, named); return err })
				until(t, ctx, "it waits", waitsIn(c.h, "group.GoWait"))
				limited.Cancel(errStop)
				c.fails(t, context.WithoutCancel(ctx), "GoWait", braid.ErrNotStarted)
			}, braid.Limit(1))
		})
	}},
	{"C waiting on a task of one's own limited group lends the slot", func(t *testing.T, ctx context.Context) {
		var most, running int
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var grow func(depth int) func(context.Context) error
			grow = func(depth int) func(context.Context) error {
				return func(ctx context.Context) error {
					running++
					most = max(most, running)
					if depth > 0 {
						h := g.Go(grow(depth - 1))
						running--
						ok(t, h.Wait(ctx))
						running++
						running--
						w, err := g.GoWait(ctx, named)
						ok(t, err)
						running++
						running--
						ok(t, w.Wait(ctx))
						return nil
					}
					running--
					return nil
				}
			}
			ok(t, g.Go(grow(5)).Wait(ctx))
		}, braid.Limit(1))
		want(t, "most at a time", most, 1)
	}},
	{"C on return the waiter gets the next free slot first", func(t *testing.T, ctx context.Context) {
		var order []string
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var gate braid.Event
			a := g.Go(func(ctx context.Context) error {
				child := g.Go(func(ctx context.Context) error { return gate.Wait(ctx) }, braid.Name("child"))
				g.Go(func(context.Context) error { order = append(order, "queued"); return nil })
				err := child.Wait(ctx)
				order = append(order, "waiter")
				return err
			})
			until(t, ctx, "a waits for its child", waitsIn(a, "task.Wait"))
			gate.Set()
		}, braid.Limit(1))
		wantList(t, "order", order, "waiter", "queued")
	}},
	{"C waiting for oneself is an error, not a deadlock", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			h := g.Go(func(ctx context.Context) error {
				want(t, "Wait", braid.Current(ctx).Wait(ctx), braid.ErrSelfDeadlock)
				return nil
			})
			ok(t, h.Wait(ctx))
		})
	}},
	{"C KeepGoing lets every task come to its end and reports all failures", func(t *testing.T, ctx context.Context) {
		n := 0
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			a := g.Go(func(context.Context) error { return errors.New("one") }, braid.Name("a"))
			_ = a.Wait(ctx)
			b := g.Go(func(context.Context) error { return errors.New("two") }, braid.Name("b"))
			_ = b.Wait(ctx)
			g.Go(func(ctx context.Context) error { pass(ctx); n++; return ctx.Err() })
			return nil
		}, braid.Name("scope"), braid.KeepGoing())
		wantFailures(t, err, "task scope/a: one", "task scope/b: two")
		want(t, "tasks that went on", n, 1)
	}},
	{"C the cause of a cancel reaches tasks, nested scopes and standard contexts below", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			causes := make([]error, 3)
			h := g.Go(func(ctx context.Context) error {
				below, cancel := context.WithCancel(context.WithValue(ctx, valueKey{}, 1))
				defer cancel()
				_ = braid.Run(below, func(inner context.Context, _ *braid.Group) error {
					_ = forever(inner)
					causes[0], causes[1], causes[2] = context.Cause(ctx), context.Cause(below), context.Cause(inner)
					return nil
				})
				return nil
			})
			until(t, ctx, "the task waits", waitsIn(h, "event.Wait"))
			g.Cancel(errStop)
			_ = h.Wait(context.WithoutCancel(ctx))
			wantList(t, "causes", causes, errStop, errStop, errStop)
		})
	}},
	{"C a ctx that outlives its scope is done", func(t *testing.T, ctx context.Context) {
		var kept []context.Context
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			kept = append(kept, ctx)
			g.Go(func(ctx context.Context) error { kept = append(kept, ctx); return nil })
			ok(t, braid.Timeout(ctx, inVain, func(ctx context.Context) error { kept = append(kept, ctx); return nil }))
		})
		for i, ctx := range kept {
			if ctx.Err() == nil {
				t.Errorf("context %d is not done", i)
			}
			<-ctx.Done()
		}
	}},
}
