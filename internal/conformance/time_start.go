package conformance

import (
	"context"
	"errors"
	"testing"

	"github.com/braid-go/braid"
)

// server is a task that says that it is ready with v, and then ends as end does.
func server(v int, end func(context.Context) error) func(context.Context, func(int)) error {
	return func(ctx context.Context, ready func(int)) error {
		ready(v)
		return end(ctx)
	}
}

var startCases = []testCase{
	{"Start: returns the value of ready while the task goes on, and the group waits for it", func(t *testing.T, ctx context.Context) {
		var hold braid.Event
		ended := false
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			v, err := braid.Start(ctx, g, server(5, func(ctx context.Context) error {
				defer func() { ended = true }()
				err := hold.Wait(ctx)
				pass(ctx)
				return err
			}))
			ok(t, err)
			want(t, "the value", v, 5)
			until(t, ctx, "the task waits", func() bool { return hold.Statistics().Waiting == 1 })
			hold.Set()
		})
		want(t, "the task has ended", ended, true)
	}},
	{"Start: returns no earlier than the task is ready", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var begun, hold braid.Event
			c := begin(g, func(ctx context.Context) error {
				_, err := braid.Start(ctx, g, func(ctx context.Context, ready func(int)) error {
					begun.Set()
					if err := hold.Wait(ctx); err != nil {
						return err
					}
					ready(1)
					return nil
				})
				return err
			})
			ok(t, begun.Wait(ctx))
			pass(ctx)
			want(t, "it has returned", c.ended(), false)
			hold.Set()
			c.succeeds(t, ctx, "Start")
		})
	}},
	{"Start: a failure before ready is the caller's alone, and named", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			boom := errors.New("boom")
			v, err := braid.Start(ctx, g, func(context.Context, func(int)) error { return boom }, braid.Name("server"))
			var te *braid.TaskError
			if !errors.As(err, &te) || te.Task != "main/server" || te.Err != boom {
				t.Errorf("err = %v", err)
			}
			want(t, "the value", v, 0)
			ok(t, ctx.Err())
			want(t, "failures of the group", g.Statistics().Failures, 0)
			_, err = braid.Start(ctx, g, server(1, func(context.Context) error { return nil }))
			ok(t, err)
		}, braid.Name("main"))
	}},
	{"Start: a task that ends without ready is ErrNotReady", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			_, err := braid.Start(ctx, g, func(context.Context, func(int)) error { return nil })
			want(t, "the error", errors.Is(err, braid.ErrNotReady), true)
			_, err = braid.Start(ctx, g, func(context.Context, func(int)) error { goexit(); return nil })
			want(t, "Goexit", errors.Is(err, braid.ErrGoexit), true)
		})
	}},
	{"Start: a panic before ready is the group's, and Start returns", func(t *testing.T, ctx context.Context) {
		pe := caughtPanic(t, func() {
			_ = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				_, err := braid.Start(ctx, g, func(context.Context, func(int)) error { panic("ouch") })
				want(t, "Start has failed", err != nil, true)
				return nil
			}, hushed)
		})
		want(t, "the value", pe.Value, any("ouch"))
	}},
	{"Start: a panic after ready is the group's, and Start has succeeded", func(t *testing.T, ctx context.Context) {
		pe := caughtPanic(t, func() {
			_ = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				var hold braid.Event
				v, err := braid.Start(ctx, g, server(5, func(ctx context.Context) error { _ = hold.Wait(ctx); panic("ouch") }))
				ok(t, err)
				want(t, "the value", v, 5)
				hold.Set()
				return never(ctx)
			}, hushed)
		})
		want(t, "the value", pe.Value, any("ouch"))
	}},
	{"Start: a failure after ready fails the group", func(t *testing.T, ctx context.Context) {
		boom := errors.New("boom")
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			var hold braid.Event
			_, err := braid.Start(ctx, g, server(5, func(ctx context.Context) error { _ = hold.Wait(ctx); return boom }), braid.Name("server"))
			ok(t, err)
			hold.Set()
			return never(ctx)
		}, braid.Name("main"))
		var te *braid.TaskError
		if !errors.As(err, &te) || te.Task != "main/server" || !errors.Is(err, boom) {
			t.Errorf("err = %v", err)
		}
	}},
	{"Start: a task that fails right after ready gives its value to the caller and its failure to the group", func(t *testing.T, ctx context.Context) {
		boom := errors.New("boom")
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			// The failure may end the body's ctx before Start sees the value.
			v, err := braid.Start(context.WithoutCancel(ctx), g, server(5, func(context.Context) error { return boom }))
			ok(t, err)
			want(t, "the value", v, 5)
			return nil
		})
		want(t, "the failure is the group's", errors.Is(err, boom), true)
	}},
	{"Start: ready counts once, from whichever task or goroutine", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			v, err := braid.Start(ctx, g, func(_ context.Context, ready func(int)) error {
				ready(1)
				ready(2)
				return nil
			})
			ok(t, err)
			want(t, "the value", v, 1)
			v, err = braid.Start(ctx, g, func(ctx context.Context, ready func(int)) error {
				return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
					g.Go(func(context.Context) error { ready(3); return nil })
					return nil
				})
			})
			ok(t, err)
			want(t, "the value from another task", v, 3)
			v, err = braid.Start(ctx, g, func(ctx context.Context, ready func(int)) error {
				return join(t, ctx, elsewhere(func() error { ready(4); return nil }))
			})
			ok(t, err)
			want(t, "the value from a plain goroutine", v, 4)
		})
	}},
	{"Start: options are those of a task", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			_, err := braid.Start(ctx, g, func(ctx context.Context, _ func(int)) error { return never(ctx) },
				braid.TaskTimeout(aMoment), braid.Name("slow"))
			want(t, "After", timeoutOf(t, err, "timeout").After, aMoment)
			says(t, "the error", err, "main/slow")
		}, braid.Name("main"))
	}},
	{"Start: a nil function panics", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			panics(t, "Start", func() { _, _ = braid.Start[int](ctx, g, nil) }, "Start", "nil")
		})
	}},
}

var startEndCases = []testCase{
	{"Start: a done ctx comes first, and nothing is started", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			for _, done := range endedContexts(ctx) {
				_, err := braid.Start(done, g, func(context.Context, func(int)) error { t.Error("called"); return nil })
				want(t, "the error", err, errStop)
			}
		})
	}},
	{"Start: if ctx ends while it starts, the task is cancelled and joined, and the group does not see it", func(t *testing.T, ctx context.Context) {
		for _, end := range []func(error) error{
			func(err error) error { return err },
			func(error) error { return errors.New("late") },
			func(error) error { return nil },
		} {
			scope(t, ctx, func(ctx context.Context, g *braid.Group) {
				var h hanger
				below, cancel := context.WithCancelCause(ctx)
				defer cancel(nil)
				c := begin(g, func(context.Context) error {
					v, err := braid.Start(below, g, func(ctx context.Context, ready func(int)) error {
						err := h.run(ctx)
						ready(5) // too late
						return end(err)
					})
					h.joined(t, "the task")
					want(t, "the value", v, 0)
					return err
				})
				h.started(t, ctx)
				cancel(errStop)
				want(t, "the error", c.result(t, ctx), errStop)
				want(t, "the cause inside", h.cause, errStop)
				ok(t, ctx.Err())
				want(t, "failures of the group", g.Statistics().Failures, 0)
			})
		}
	}},
	{"Start: a timeout while it starts cancels and joins the task", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var h hanger
			err := braid.Timeout(ctx, aMoment, func(ctx context.Context) error {
				_, err := braid.Start(ctx, g, func(ctx context.Context, _ func(int)) error { return h.run(ctx) })
				return err
			})
			timeoutOf(t, err, "timeout")
			if h.begun.IsSet() {
				h.joined(t, "the task")
			}
			ok(t, ctx.Err())
		})
	}},
	{"Start: a task that is ready counts as any other: if the parent ends it, Run returns the cause", func(t *testing.T, ctx context.Context) {
		parent, cancel := context.WithCancelCause(ctx)
		err := braid.Run(parent, func(ctx context.Context, g *braid.Group) error {
			_, err := braid.Start(ctx, g, server(1, never))
			cancel(errStop)
			return err
		})
		want(t, "Run", err, errStop)
	}},
	{"Start: the end of the caller's ctx after ready does not touch the task", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var hold braid.Event
			below, cancel := context.WithCancelCause(ctx)
			var inside context.Context
			_, err := braid.Start(below, g, func(ctx context.Context, ready func(int)) error {
				inside = ctx
				ready(1)
				return hold.Wait(ctx)
			})
			ok(t, err)
			cancel(errStop)
			pass(ctx)
			ok(t, inside.Err())
			hold.Set()
		})
	}},
	{"Start: into a cancelled group is ErrNotStarted", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			g.Cancel(errStop)
			_, err := braid.Start(context.WithoutCancel(ctx), g, func(context.Context, func(int)) error { t.Error("called"); return nil })
			want(t, "the error", errors.Is(err, braid.ErrNotStarted), true)
		})
	}},
	{"Start: a cancel of the group while it starts ends the task and Start", func(t *testing.T, ctx context.Context) {
		var h hanger
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			c := begin(g, func(ctx context.Context) error {
				_, err := braid.Start(context.WithoutCancel(ctx), g, func(ctx context.Context, _ func(int)) error { return h.run(ctx) })
				return err
			})
			h.started(t, ctx)
			g.Cancel(errStop)
			c.fails(t, ctx, "Start", errStop)
		})
		h.joined(t, "the task")
	}},
	{"Start: a task of a limited group lends its slot while it waits", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			c := begin(g, func(ctx context.Context) error {
				v, err := braid.Start(ctx, g, func(_ context.Context, ready func(int)) error { ready(6); return nil })
				want(t, "the value", v, 6)
				if n := g.Statistics().Running; n > 1 {
					t.Errorf("%d tasks run", n)
				}
				return err
			})
			c.succeeds(t, ctx, "Start")
		}, braid.Limit(1))
	}},
	{"Start: if ctx ends while the task waits for a slot, it never runs and is not counted", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var hold braid.Event
			g.Go(hold.Wait)
			err := braid.Timeout(ctx, aMoment, func(ctx context.Context) error {
				_, err := braid.Start(ctx, g, func(context.Context, func(int)) error { t.Error("called"); return nil })
				return err
			})
			timeoutOf(t, err, "timeout")
			want(t, "not started", g.Statistics().NotStarted, 0)
			want(t, "queued", g.Statistics().Queued, 0)
			hold.Set()
		}, braid.Limit(1))
	}},
}
