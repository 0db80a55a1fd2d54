package conformance

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid"
)

func namedTask(context.Context) error { return errBoom }

func namedBody(ctx context.Context, _ *braid.Group) error {
	if name := braid.Current(ctx).Name(); name != "conformance.namedBody" {
		return errors.New(name)
	}
	return nil
}

func genericTask[T any](context.Context) (v T, _ error) { return v, nil }

type service struct{}

func (*service) serve(context.Context) error { return nil }

// Names, paths and texts.
var scopeNameCases = []testCase{
	{"S12 a name is given at creation; what has none is named after its function", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(_ context.Context, g *braid.Group) {
			want(t, "given", g.Go(new(service).serve, braid.Name("x/y")).Name(), "x/y")
			want(t, "a method", g.Go(new(service).serve).Name(), "conformance.(*service).serve")
			want(t, "a typed task", braid.Go(g, genericTask[map[string]time.Time]).Name(), "conformance.genericTask")
			h := g.Go(func(context.Context) error { return nil })
			if !strings.HasPrefix(h.Name(), "conformance.") {
				t.Errorf("a function literal: %s", h.Name())
			}
			h = g.Go(new(service).serve, braid.TaskTimeout(long))
			want(t, "with a timeout", h.Name(), "conformance.(*service).serve")
		})
		ok(t, braid.Run(ctx, namedBody))
	}},
	{"S12 the path holds all names from the outermost task down; groups count if they have a name", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(_ context.Context, g *braid.Group) {
			want(t, "the outermost group", g.Path(), "main")
			h := g.Go(func(ctx context.Context) error {
				return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
					want(t, "a group without a name", g.Path(), "main/a")
					want(t, "the body's task", braid.Current(ctx).Path(), "main/a")
					return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
						want(t, "a group with a name", g.Path(), "main/a/pool")
						want(t, "its name", g.Name(), "pool")
						g.Go(func(ctx context.Context) error {
							want(t, "a task in it", braid.Current(ctx).Path(), "main/a/pool/b")
							return nil
						}, braid.Name("b"))
						return nil
					}, braid.Name("pool"))
				})
			}, braid.Name("a"))
			want(t, "a task", h.Path(), "main/a")
		}, braid.Name("main"))
	}},
	{"S12 a group has the name that was given to it, also the outermost", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(_ context.Context, g *braid.Group) { want(t, "Name", g.Name(), "main") }, braid.Name("main"))
		scope(t, ctx, func(_ context.Context, g *braid.Group) { want(t, "Name", g.Name(), "") })
	}},
	{"S12 the outermost Run is itself a task, which belongs to no group", func(t *testing.T, ctx context.Context) {
		var root *braid.Handle
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			root = braid.Current(ctx)
			want(t, "Name", root.Name(), "main")
			want(t, "Group", root.Group(), nil)
			want(t, "State", root.State(), braid.Running)
			if h := g.Go(never); h.Group() != g {
				t.Error("a task does not know its group")
			}
			g.Cancel(nil)
		}, braid.Name("main"))
		want(t, "State afterwards", root.State(), braid.Succeeded)
	}},
	{"S12 the task of an outermost Run ends as that does, and says so to whoever holds its handle", func(t *testing.T, ctx context.Context) {
		for _, c := range []struct {
			name  string
			body  func(ctx context.Context, g *braid.Group, stop context.CancelCauseFunc) error
			state braid.State
			err   error
		}{
			{"success", func(context.Context, *braid.Group, context.CancelCauseFunc) error { return nil }, braid.Succeeded, nil},
			{"failure", func(_ context.Context, g *braid.Group, _ context.CancelCauseFunc) error {
				g.Go(func(context.Context) error { return errBoom })
				return nil
			}, braid.Failed, errBoom},
			{"cancel", func(ctx context.Context, _ *braid.Group, stop context.CancelCauseFunc) error {
				stop(errStop)
				return never(ctx)
			}, braid.Cancelled, errStop},
			{"cancel by its handle", func(ctx context.Context, g *braid.Group, _ context.CancelCauseFunc) error {
				g.Go(never)
				braid.Current(ctx).Cancel(errStop)
				return never(ctx)
			}, braid.Cancelled, errStop},
			{"panic", func(context.Context, *braid.Group, context.CancelCauseFunc) error { return explode(errBoom) }, braid.Panicked, errBoom},
		} {
			var root *braid.Handle
			parent, stop := context.WithCancelCause(ctx)
			var result error
			_ = caught(func() {
				result = braid.Run(parent, func(ctx context.Context, g *braid.Group) error {
					root = braid.Current(ctx)
					return c.body(ctx, g, stop)
				}, hushed)
			})
			stop(nil)
			want(t, c.name, root.State(), c.state)
			isErr(t, c.name, root.Wait(ctx), c.err)
			if c.state != braid.Panicked {
				isErr(t, c.name+": Run", result, c.err)
			}
		}
	}},
	{"S12 Current is the task that runs, in all scopes that it opens", func(t *testing.T, ctx context.Context) {
		if h := braid.Current(ctx); h != nil {
			t.Errorf("outside, Current = %v", h)
		}
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			me := braid.Current(ctx)
			same := func(where string, ctx context.Context) {
				if got := braid.Current(ctx); got != me {
					t.Errorf("%s: Current = %v, want %v", where, got.Path(), me.Path())
				}
			}
			ok(t, braid.Timeout(ctx, long, func(ctx context.Context) error {
				same("in a timeout", ctx)
				return braid.Shield(ctx, long, func(ctx context.Context) error {
					same("in a shield", ctx)
					return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
						same("in the body of a nested Run", ctx)
						h := g.Go(func(ctx context.Context) error {
							if braid.Current(ctx) == me {
								t.Error("a child takes itself for its parent")
							}
							return nil
						})
						return h.Wait(ctx)
					})
				})
			}))
			value, cancel := context.WithCancel(context.WithValue(ctx, valueKey{}, 1))
			defer cancel()
			same("below a standard ctx", value)
			same("without cancel", context.WithoutCancel(ctx))
			var h *braid.Handle
			var inside *braid.Handle
			h = g.Go(func(ctx context.Context) error {
				inside = braid.Current(ctx)
				return nil
			})
			ok(t, h.Wait(ctx))
			want(t, "in a task", inside, h)
			_, err := braid.Offload(ctx, braid.NewLimiter("l", 1), func(ctx context.Context) (int, error) {
				if braid.Current(ctx) != nil {
					t.Error("in Offload there is a task")
				}
				return 0, nil
			})
			ok(t, err)
		})
	}},
	{"S12 names are carried in errors, panics and waits", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			g.Go(namedTask)
			return nil
		}, braid.Name("main"))
		want(t, "text of one failure", err.Error(), "task main/conformance.namedTask: boom")
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var gate braid.Event
			target := g.Go(gate.Wait, braid.Name("target"))
			waiter := g.Go(func(ctx context.Context) error { return target.Wait(ctx) })
			until(t, ctx, "it waits", func() bool { return waiter.Waiting() != "" })
			want(t, "Waiting", waiter.Waiting(), "task.Wait main/target")
			gate.Set()
			ok(t, waiter.Wait(ctx))
			want(t, "Waiting of an ended task", waiter.Waiting(), "")
		}, braid.Name("main"))
	}},
	{"S12 Age counts from the start of the task", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var gate braid.Event
			running, queued := g.Go(gate.Wait), g.Go(gate.Wait)
			until(t, ctx, "the first runs", parkedIn(running, "event.Wait"))
			ok(t, braid.Sleep(ctx, aMoment))
			if age := running.Age(); age < aMoment {
				t.Errorf("Age = %v after %v", age, aMoment)
			}
			want(t, "Age of a queued task", queued.Age(), 0)
			gate.Set()
		}, braid.Limit(1))
	}},
	{"S02 the texts of errors name what failed and count it", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			a := g.Go(func(context.Context) error { return errBoom }, braid.Name("a"))
			_ = a.Wait(ctx)
			b := g.Go(func(context.Context) error { return errOther }, braid.Name("b"))
			_ = b.Wait(ctx)
			hold := g.Go(never)
			defer hold.Cancel(nil)
			g.Go(never).Cancel(nil)
			return nil
		}, braid.Name("main"), braid.KeepGoing(), braid.Limit(1))
		want(t, "two failures, one not started", err.Error(),
			"2 failures: task main/a: boom; task main/b: other (1 task was not started)")

		err = braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
			return braid.Timeout(ctx, aMoment, never)
		}, braid.Name("main"))
		want(t, "a timeout", err.Error(), "task main: braid: timeout of "+aMoment.String()+" ran out in task main")

		stuck := &braid.StuckError{Group: "main", Grace: time.Second, Tasks: []braid.StuckTask{
			{Path: "main/a", Age: 3 * time.Second, Waiting: "queue.Get jobs"}, {Path: "main/b"},
		}}
		says(t, "a StuckError", stuck, "2 tasks of main", "1s",
			"main/a (3s old, waits in queue.Get jobs)", "main/b (0s old, busy or blocked outside braid)")
		for _, e := range []error{
			braid.ErrTimeout, braid.ErrGoexit, braid.ErrNotStarted, braid.ErrNotFinished, braid.ErrNotReady,
			braid.ErrSelfDeadlock, braid.ErrShutdown, braid.ErrBarrierBroken, braid.ErrClosed,
		} {
			says(t, "a sentinel", e)
		}
	}},
}
