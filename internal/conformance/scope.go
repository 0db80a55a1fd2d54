package conformance

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/braid-go/braid"
)

// Scopes: how long they last, and what their result is.
var scopeCases = []testCase{
	{"S01 Run returns only when every child has ended", func(t *testing.T, ctx context.Context) {
		var order []string
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			var gate braid.Event
			g.Go(func(ctx context.Context) error {
				defer func() { order = append(order, "child") }()
				return gate.Wait(ctx)
			})
			until(t, ctx, "the child waits", func() bool { return gate.Statistics().Waiting == 1 })
			gate.Set()
			return nil
		})
		order = append(order, "Run")
		ok(t, err)
		wantList(t, "order", order, "child", "Run")
	}},
	{"S01 a child may spawn into its group, and Run waits for the grandchild too", func(t *testing.T, ctx context.Context) {
		ended := 0
		scope(t, ctx, func(_ context.Context, g *braid.Group) {
			g.Go(func(context.Context) error {
				g.Go(func(ctx context.Context) error {
					pass(ctx)
					g.Go(func(ctx context.Context) error {
						pass(ctx)
						ended++
						return nil
					})
					return nil
				})
				return nil
			})
		})
		want(t, "ended", ended, 1)
	}},
	{"S01 a child's failure cancels the body's ctx, with the failure as its cause", func(t *testing.T, ctx context.Context) {
		var cause error
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(context.Context) error { return errBoom })
			err := never(ctx)
			cause = context.Cause(ctx)
			return err
		})
		holds(t, err, errBoom)
		isErr(t, "the cause", cause, errBoom)
	}},
	{"S01 the body's error cancels the children, and Run waits for them", func(t *testing.T, ctx context.Context) {
		var seen error
		ended := false
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				seen = never(ctx)
				pass(ctx)
				ended = true
				return seen
			})
			return errBoom
		})
		holds(t, err, errBoom)
		isErr(t, "what the child saw", seen, errBoom)
		want(t, "ended", ended, true)
	}},
	{"S01 a scope that panics does so only when every child has ended", func(t *testing.T, ctx context.Context) {
		ended := false
		caughtPanic(t, func() {
			_ = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				var started braid.Event
				g.Go(func(ctx context.Context) error {
					started.Set()
					err := never(ctx)
					pass(ctx)
					ended = true
					return err
				})
				ok(t, started.Wait(ctx))
				panic("boom")
			}, hushed)
		})
		want(t, "ended", ended, true)
	}},
	{"S01 a nested scope ends before its task goes on", func(t *testing.T, ctx context.Context) {
		var order []string
		scope(t, ctx, func(_ context.Context, g *braid.Group) {
			g.Go(func(ctx context.Context) error {
				err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
					g.Go(func(ctx context.Context) error {
						pass(ctx)
						order = append(order, "inner")
						return nil
					})
					return nil
				})
				order = append(order, "outer")
				return err
			})
		})
		wantList(t, "order", order, "inner", "outer")
	}},
	{"S01 a body that succeeds leaves its tasks running to their ends", func(t *testing.T, ctx context.Context) {
		var seen error
		scope(t, ctx, func(_ context.Context, g *braid.Group) {
			g.Go(func(ctx context.Context) error {
				pass(ctx)
				seen = ctx.Err()
				return nil
			})
		})
		ok(t, seen)
	}},
	{"S01 the ctx of a scope is done when Run has returned", func(t *testing.T, ctx context.Context) {
		var kept, task context.Context
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			kept = ctx
			g.Go(func(ctx context.Context) error {
				task = ctx
				return nil
			})
		})
		isErr(t, "Err of the body's ctx", kept.Err(), context.Canceled)
		isErr(t, "Err of a task's ctx", task.Err(), context.Canceled)
		<-kept.Done()
		<-task.Done()
	}},
	{"S01 Run without a body panics and says so", func(t *testing.T, ctx context.Context) {
		panics(t, "Run(nil)", func() { _ = braid.Run(ctx, nil) }, "body")
		scope(t, ctx, func(_ context.Context, g *braid.Group) {
			panics(t, "Go(nil)", func() { g.Go(nil) }, "function")
			panics(t, "Go[T](nil)", func() { braid.Go[int](g, nil) }, "function")
		})
	}},

	{"C Run under a parent that is already done does not enter its body and returns the cause", func(t *testing.T, ctx context.Context) {
		for _, done := range endedContexts(ctx) {
			entered := false
			err := braid.Run(done, func(context.Context, *braid.Group) error {
				entered = true
				return nil
			})
			if err != errStop || entered {
				t.Errorf("under %v: err = %v, entered = %v", done, err, entered)
			}
		}
		inEndedTask(t, ctx, func(ctx context.Context) {
			entered := false
			err := braid.Run(ctx, func(context.Context, *braid.Group) error {
				entered = true
				return nil
			})
			if err != errStop || entered {
				t.Errorf("in a done task: err = %v, entered = %v", err, entered)
			}
		})
	}},
	{"C a group whose tasks all succeeded is a success, even if the parent was cancelled meanwhile", func(t *testing.T, ctx context.Context) {
		parent, cancel := context.WithCancelCause(ctx)
		err := braid.Run(parent, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				_ = never(ctx)
				return nil
			})
			cancel(errStop)
			_ = never(ctx)
			return nil
		})
		ok(t, err)
	}},
	{"C a group that was cancelled by its parent, with nothing failed, returns the parent's cause itself", func(t *testing.T, ctx context.Context) {
		for _, who := range []string{"task", "body"} {
			parent, cancel := context.WithCancelCause(ctx)
			err := braid.Run(parent, func(ctx context.Context, g *braid.Group) error {
				if who == "body" {
					cancel(errStop)
					return never(ctx)
				}
				g.Go(never)
				cancel(errStop)
				return nil
			})
			if err != errStop {
				t.Errorf("with a cancelled %s: err = %v", who, err)
			}
		}
	}},
	{"C if a group was cancelled by its parent and something real failed too, the real errors come first and the parent's cause is last", func(t *testing.T, ctx context.Context) {
		parent, cancel := context.WithCancelCause(ctx)
		err := braid.Run(parent, func(_ context.Context, g *braid.Group) error {
			var first braid.Event
			g.Go(never)
			g.Go(func(ctx context.Context) error {
				defer first.Set()
				_ = never(ctx)
				return errBoom
			})
			g.Go(func(ctx context.Context) error {
				_ = never(ctx)
				_ = first.Wait(context.WithoutCancel(ctx))
				pass(ctx)
				return errOther
			})
			cancel(errStop)
			return nil
		})
		list := members(t, err)
		if len(list) != 3 || list[2] != errStop {
			t.Errorf("members = %v", list)
		}
		isErr(t, "err", err, errBoom)
		isErr(t, "err", err, errOther)
	}},
	{"C if a group was cancelled by a failure first, the parent's later cause is not listed", func(t *testing.T, ctx context.Context) {
		parent, cancel := context.WithCancelCause(ctx)
		err := braid.Run(parent, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(context.Context) error { return errBoom })
			g.Go(never)
			err := never(ctx)
			cancel(errStop)
			return err
		})
		holds(t, err, errBoom)
	}},
	{"C a parent that ends between entry and the first spawn leaves nothing half done", func(t *testing.T, ctx context.Context) {
		err := braid.Run(endsOnEntry(ctx), func(_ context.Context, g *braid.Group) error {
			g.Go(func(context.Context) error { return nil })
			return nil
		})
		isErr(t, "Run", err, errStop)
	}},
}

// endsOnEntry returns a ctx that is alive when a call looks at it first, and ends before the call has begun its work:
// when it asks for the deadline.
func endsOnEntry(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	return endingCtx{ctx, func() { cancel(errStop) }}
}

type endingCtx struct {
	context.Context
	end func()
}

func (c endingCtx) Deadline() (deadline time.Time, ok bool) {
	c.end()
	return c.Context.Deadline()
}

// The group's error.
var scopeErrorCases = []testCase{
	{"S02 even one failure comes as a GroupError, wrapped with its task's name", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(context.Context) error { return errBoom }, braid.Name("bad"))
			return never(ctx)
		}, braid.Name("scope"))
		holds(t, err, errBoom)
		var ge *braid.GroupError
		var te *braid.TaskError
		if !errors.As(err, &ge) || !errors.As(err, &te) {
			t.Fatalf("err = %v", err)
		}
		want(t, "Task", te.Task, "scope/bad")
		want(t, "Err", te.Err, errBoom)
		want(t, "Group", ge.Group, "scope")
	}},
	{"S02 the body's failure is a member too, named after the scope", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(context.Context, *braid.Group) error { return errBoom }, braid.Name("scope"))
		holds(t, err, errBoom)
		var te *braid.TaskError
		if !errors.As(err, &te) || te.Task != "scope" {
			t.Errorf("err = %v", err)
		}
	}},
	{"S02 all real errors are kept, the first cause first", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			for range 3 {
				g.Go(func(ctx context.Context) error {
					_ = never(ctx)
					return errOther
				})
			}
			g.Go(func(context.Context) error { return errBoom })
			_ = never(ctx)
			return errOther
		})
		holds(t, err, errBoom, errOther, errOther, errOther, errOther)
	}},
	{"S02 what siblings say only because they were cancelled is left out", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			for range 3 {
				g.Go(never)
				g.Go(func(ctx context.Context) error {
					_ = never(ctx)
					return ctx.Err()
				})
			}
			g.Go(func(context.Context) error { return errBoom })
			return never(ctx)
		})
		holds(t, err, errBoom)
	}},
	{"S02 a failure that the body got from Wait and passes on is not listed twice", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			h := g.Go(func(context.Context) error { return errBoom }, braid.Name("bad"))
			return h.Wait(context.WithoutCancel(ctx))
		})
		holds(t, err, errBoom)
		want(t, "number of booms", count(err, exactly(errBoom)), 1)
	}},
	{"S02 KeepGoing: a failure cancels nobody, and all of them are reported", func(t *testing.T, ctx context.Context) {
		finished := 0
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			bad := g.Go(func(context.Context) error { return errBoom })
			g.Go(func(ctx context.Context) error {
				if err := bad.Wait(ctx); !errors.Is(err, errBoom) {
					t.Errorf("Wait = %v", err)
				}
				pass(ctx)
				finished++
				return ctx.Err()
			})
			g.Go(func(ctx context.Context) error {
				_ = bad.Wait(ctx)
				pass(ctx)
				return errOther
			})
			return nil
		}, braid.KeepGoing())
		holds(t, err, errBoom, errOther)
		want(t, "finished", finished, 1)
	}},
	{"S02 KeepGoing: the parent still cancels, and its cause comes last", func(t *testing.T, ctx context.Context) {
		parent, cancel := context.WithCancelCause(ctx)
		err := braid.Run(parent, func(ctx context.Context, g *braid.Group) error {
			h := g.Go(func(context.Context) error { return errBoom })
			g.Go(never)
			isErr(t, "Wait", h.Wait(ctx), errBoom)
			cancel(errStop)
			return nil
		}, braid.KeepGoing())
		holds(t, err, errBoom, errStop)
	}},
	{"S02 Statistics counts the failures so far", func(t *testing.T, ctx context.Context) {
		_ = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			want(t, "at the start", g.Statistics(), braid.GroupStatistics{})
			var gate braid.Event
			h := g.Go(gate.Wait)
			bad := g.Go(func(context.Context) error { return errBoom })
			_ = bad.Wait(context.WithoutCancel(ctx))
			until(t, ctx, "one has left", func() bool { return g.Statistics().Running == 1 })
			want(t, "with one failed", g.Statistics(), braid.GroupStatistics{Running: 1, Failures: 1})
			gate.Set()
			ok(t, h.Wait(ctx))
			return nil
		}, braid.KeepGoing())
	}},

	{"C a cause that comes back through nested Runs is not listed twice", func(t *testing.T, ctx context.Context) {
		parent, cancel := context.WithCancelCause(ctx)
		var begun braid.Event
		fails := func(ctx context.Context) error {
			_ = never(ctx)
			return errBoom
		}
		err := braid.Run(parent, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
					g.Go(fails)
					return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
						g.Go(never)
						g.Go(fails)
						begun.Set()
						return never(ctx)
					})
				})
			})
			ok(t, begun.Wait(ctx))
			cancel(errStop)
			return nil
		})
		want(t, "number of booms", count(err, exactly(errBoom)), 2)
		want(t, "number of causes", count(err, exactly(errStop)), 1)
		if list := members(t, err); len(list) != 2 || list[1] != errStop {
			t.Errorf("members = %v", list)
		}
	}},
	{"C a cause that comes back through a nested Run is not listed twice when the task itself was cancelled", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			var started braid.Event
			h := g.Go(func(ctx context.Context) error {
				return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
					g.Go(func(ctx context.Context) error {
						_ = never(ctx)
						return errBoom
					})
					started.Set()
					return never(ctx)
				})
			})
			ok(t, started.Wait(ctx))
			h.Cancel(errStop)
			return nil
		})
		holds(t, err, errBoom)
		if n := count(err, exactly(errStop)); n > 1 {
			t.Errorf("the cause stands %d times in %v", n, err)
		}
	}},
	{"C a time limit that comes back through a nested Run is not listed twice", func(t *testing.T, ctx context.Context) {
		var err error
		for d := aMoment; d < long && !errors.Is(err, errBoom); d *= 2 { // again if the limit was over before the task began
			err = braid.Timeout(ctx, d, func(ctx context.Context) error {
				return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
					g.Go(never)
					g.Go(func(ctx context.Context) error {
						_ = never(ctx)
						return errBoom
					})
					return nil
				})
			})
		}
		isErr(t, "err", err, errBoom)
		isErr(t, "err", err, braid.ErrTimeout)
		n := count(err, func(e error) bool {
			_, is := e.(*braid.TimeoutError)
			return is
		})
		want(t, "number of time limits", n, 1)
	}},
}
