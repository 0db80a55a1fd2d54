package conformance

import (
	"context"
	"errors"
	"testing"

	"github.com/braid-go/braid"
)

// submit submits fn and returns the future of its error alone.
func submit(p *braid.Portal, fn func(ctx context.Context) error, opts ...braid.TaskOption) *braid.Future[int] {
	return braid.Submit(p, func(ctx context.Context) (int, error) { return 1, fn(ctx) }, opts...)
}

var portalCases = []testCase{
	{"Portal: Submit from a plain goroutine runs a task of the group and gives its result", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			p := braid.NewPortal(g)
			ok(t, join(t, ctx, elsewhere(func() error {
				f := braid.Submit(p, func(ctx context.Context) (string, error) {
					want(t, "the task", braid.Current(ctx).Name(), "job")
					return "done", braid.Yield(ctx)
				}, braid.Name("job"))
				v, err := f.Wait(context.Background())
				want(t, "the value", v, "done")
				<-f.Done()
				want(t, "the future", f.Statistics(), braid.FutureStatistics{Settled: true})
				return err
			})))
		})
	}},
	{"Portal: what fails reports to its future alone", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			p := braid.NewPortal(g)
			boom := errors.New("boom")
			f := submit(p, func(context.Context) error { return boom })
			_, err := f.Wait(ctx)
			if !errors.Is(err, boom) {
				t.Errorf("the future: %v", err)
			}
			_, err = f.Result()
			if !errors.Is(err, boom) {
				t.Errorf("Result: %v", err)
			}
			_, err = submit(p, func(context.Context) error { goexit(); return nil }).Wait(ctx)
			if !errors.Is(err, braid.ErrGoexit) {
				t.Errorf("the future of a Goexit: %v", err)
			}
			_, err = submit(p, func(ctx context.Context) error { return braid.Sleep(ctx, aWhile) }, braid.TaskTimeout(aMoment)).Wait(ctx)
			if !errors.Is(err, braid.ErrTimeout) {
				t.Errorf("the future of a timeout: %v", err)
			}
			want(t, "failures of the group", g.Statistics().Failures, 0)
			ok(t, ctx.Err())
		})
	}},
	{"Portal: a panic becomes an error of its future; the hook hears of it, the group goes on", func(t *testing.T, ctx context.Context) {
		var told *braid.PanicError
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			_, err := submit(braid.NewPortal(g), func(context.Context) error { panic("boom") }, braid.Name("job")).Wait(ctx)
			var pe *braid.PanicError
			if !errors.As(err, &pe) || pe.Value != "boom" || pe != told {
				t.Errorf("the future: %v, the hook: %v", err, told)
			}
			ok(t, ctx.Err())
		}, braid.PanicHook(func(pe *braid.PanicError) { told = pe }))
	}},
	{"Portal: a future that is cancelled cancels its task, and nothing else", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			p := braid.NewPortal(g)
			var never braid.Event
			f, other := submit(p, never.Wait), submit(p, never.Wait)
			until(t, ctx, "both run", func() bool { return never.Statistics().Waiting == 2 })
			f.Cancel(errStop)
			_, err := f.Wait(ctx)
			want(t, "the cancelled one", err, errStop)
			_, err = other.Result()
			want(t, "the other", err, braid.ErrNotFinished)
			f.Cancel(errStop)
			never.Set()
			v, err := other.Wait(ctx)
			ok(t, err)
			want(t, "its value", v, 1)
		})
	}},
	{"Portal: the end of a wait for a future leaves the task alone", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var gate braid.Event
			f := submit(braid.NewPortal(g), gate.Wait)
			c := begin(g, func(ctx context.Context) error { _, err := f.Wait(ctx); return err })
			until(t, ctx, "one waits", func() bool { return f.Statistics().Waiting == 1 })
			c.h.Cancel(errStop)
			c.fails(t, ctx, "the wait", errStop)
			gate.Set()
			_, err := f.Wait(ctx)
			ok(t, err)
		})
	}},
	{"Portal: a task that waits for its own future gets an error, not a hang", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var own braid.Promise[*braid.Future[int]]
			f := submit(braid.NewPortal(g), func(ctx context.Context) error {
				me, err := own.Future().Wait(ctx)
				ok(t, err)
				_, err = me.Wait(ctx)
				return err
			})
			own.Resolve(f)
			if _, err := f.Wait(ctx); !errors.Is(err, braid.ErrSelfDeadlock) {
				t.Errorf("the future: %v", err)
			}
		})
	}},
	{"Portal: in a cancelled group nothing starts, and after its Run everything is refused", func(t *testing.T, ctx context.Context) {
		var p *braid.Portal
		fn := func(context.Context) error { t.Error("the function was called"); return nil }
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			p = braid.NewPortal(g)
			g.Cancel(errStop)
			_, err := submit(p, fn).Wait(context.WithoutCancel(ctx))
			want(t, "Submit", err, braid.ErrNotStarted)
			want(t, "Do", p.Do(context.WithoutCancel(ctx), fn), braid.ErrNotStarted)
			want(t, "counted as not started", g.Statistics().NotStarted, 0)
		})
		_, err := submit(p, fn).Wait(ctx)
		want(t, "Submit after Run", err, braid.ErrClosed)
		want(t, "Do after Run", p.Do(ctx, fn), braid.ErrClosed)
	}},
	{"Portal: calls wait for a slot of a limited group; those that never get one say so and count for nothing", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			p := braid.NewPortal(g)
			var gate braid.Event
			runs := submit(p, gate.Wait)
			until(t, ctx, "one runs", func() bool { return gate.Statistics().Waiting == 1 })
			fn := func(context.Context) error { return nil }
			next, gone := submit(p, fn), submit(p, func(context.Context) error { t.Error("called"); return nil })
			want(t, "queued", g.Statistics().Queued, 2)
			gone.Cancel(errStop)
			_, err := gone.Wait(ctx)
			want(t, "the one that was cancelled in the queue", err, braid.ErrNotStarted)
			want(t, "counted as not started", g.Statistics().NotStarted, 0)
			gate.Set()
			_, err = runs.Wait(ctx)
			ok(t, err)
			_, err = next.Wait(ctx)
			ok(t, err)
		}, braid.Limit(1), braid.OnNotStarted(func(h *braid.Handle) { t.Errorf("the group was told of %s", h.Path()) }))
	}},
	{"Portal: a task of a limited group that waits for a future of its own group lends its slot", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			p := braid.NewPortal(g)
			c := begin(g, func(ctx context.Context) error {
				f := submit(p, func(context.Context) error { return nil })
				ok(t, bounded(t, ctx, func(ctx context.Context) error { _, err := f.Wait(ctx); return err }))
				return nil
			})
			c.succeeds(t, ctx, "the task")
		}, braid.Limit(1))
	}},
	{"Portal: a task of a limited group may Do something in its own group", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			p := braid.NewPortal(g)
			ran := false
			c := begin(g, func(ctx context.Context) error {
				ok(t, bounded(t, ctx, func(ctx context.Context) error {
					return p.Do(ctx, func(context.Context) error { ran = true; return nil })
				}))
				return nil
			})
			c.succeeds(t, ctx, "the task")
			want(t, "it ran", ran, true)
		}, braid.Limit(1))
	}},
	{"Portal: Do returns what the function returns, from a task and from a plain goroutine", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			p := braid.NewPortal(g)
			boom := errors.New("boom")
			call := func(ctx context.Context) error {
				want(t, "a failure", p.Do(ctx, func(context.Context) error { return boom }), boom)
				var pe *braid.PanicError
				if err := p.Do(ctx, func(context.Context) error { panic("boom") }); !errors.As(err, &pe) || pe.Value != "boom" {
					t.Errorf("a panic: %v", err)
				}
				return p.Do(context.WithValue(ctx, valueKey{}, "here"), func(ctx context.Context) error {
					want(t, "the value", ctx.Value(valueKey{}), any("here"))
					want(t, "the task", braid.Current(ctx).Name(), "job")
					want(t, "its group", braid.Current(ctx).Group(), g)
					return braid.Yield(ctx)
				}, braid.Name("job"))
			}
			begin(g, call).succeeds(t, ctx, "in a task")
			ok(t, join(t, ctx, elsewhere(func() error { return call(context.Background()) })))
			want(t, "failures of the group", g.Statistics().Failures, 0)
		}, braid.PanicHook(func(*braid.PanicError) {}))
	}},
	{"Portal: a function in Do ends with its caller's ctx and with the group", func(t *testing.T, ctx context.Context) {
		var never braid.Event
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			p := braid.NewPortal(g)
			std, cancel := context.WithCancelCause(context.Background())
			byCtx := elsewhere(func() error { return p.Do(std, never.Wait) })
			byGroup := elsewhere(func() error { return p.Do(context.Background(), never.Wait) })
			until(t, ctx, "both run", func() bool { return never.Statistics().Waiting == 2 })
			cancel(errStop)
			if err := join(t, ctx, byCtx); !errors.Is(err, errStop) {
				t.Errorf("after the caller's ctx: %v", err)
			}
			want(t, "still running", never.Statistics().Waiting, 1)
			g.Cancel(errStop)
			if err := join(t, ctx, byGroup); !errors.Is(err, errStop) {
				t.Errorf("after the group: %v", err)
			}
		})
	}},
	{"Portal: Run waits for what was submitted", func(t *testing.T, ctx context.Context) {
		var gate braid.Event
		var f *braid.Future[int]
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			f = submit(braid.NewPortal(g), func(ctx context.Context) error { _ = braid.Yield(ctx); return gate.Wait(ctx) })
			begin(g, func(context.Context) error { gate.Set(); return nil })
		})
		_, err := f.Result()
		ok(t, err)
	}},
	{"Portal: Do that is cancelled while it waits for a slot leaves nothing behind, in a plain goroutine too", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			p := braid.NewPortal(g)
			var gate braid.Event
			holds := submit(p, gate.Wait)
			until(t, ctx, "one runs", func() bool { return gate.Statistics().Waiting == 1 })
			before := g.Statistics()
			never := func(context.Context) error { t.Error("the function was called"); return nil }
			scope(t, ctx, func(ctx context.Context, outer *braid.Group) { // tasks that need no slot of g
				c := begin(outer, func(ctx context.Context) error { return p.Do(ctx, never) })
				until(t, ctx, "a task waits for a slot", func() bool { return g.Statistics().Queued == 1 })
				std, cancel := context.WithCancelCause(context.Background())
				plain := elsewhere(func() error { return p.Do(std, never) })
				until(t, ctx, "a goroutine waits too", func() bool { return g.Statistics().Queued == 2 })
				c.h.Cancel(errStop)
				c.fails(t, ctx, "the task", errStop)
				cancel(errStop)
				if err := join(t, ctx, plain); !errors.Is(err, errStop) {
					t.Errorf("the goroutine: %v", err)
				}
			})
			want(t, "the group afterwards", g.Statistics(), before)
			gate.Set()
			_, err := holds.Wait(ctx)
			ok(t, err)
			ok(t, p.Do(ctx, func(context.Context) error { return nil }))
		}, braid.Limit(1))
	}},
	{"Portal: Do that gets its slot and is cancelled in the same moment does not call the function", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			p := braid.NewPortal(g)
			var gate braid.Event
			holds := submit(p, gate.Wait)
			until(t, ctx, "one runs", func() bool { return gate.Statistics().Waiting == 1 })
			caller, release := context.WithCancelCause(ctx)
			scope(t, ctx, func(ctx context.Context, outer *braid.Group) { // tasks that need no slot of g
				c := begin(outer, func(context.Context) error {
					return p.Do(caller, func(ctx context.Context) error {
						if ctx.Err() != nil {
							t.Error("the function was called with a done ctx")
						}
						return nil
					})
				})
				until(t, ctx, "it waits for a slot", func() bool { return g.Statistics().Queued == 1 })
				gate.Set()
				_, err := holds.Wait(ctx)
				ok(t, err)
				release(errStop)
				c.stopped(t, ctx, "Do")
			})
		}, braid.Limit(1))
	}},
	{"Portal: misuse panics with a text that says what to do", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			p := braid.NewPortal(g)
			panics(t, "NewPortal(nil)", func() { braid.NewPortal(nil) }, "NewPortal(nil)", "group")
			panics(t, "Submit(nil)", func() { braid.Submit[int](p, nil) }, "Submit needs a function", "nil")
			panics(t, "Do(nil)", func() { _ = p.Do(ctx, nil) }, "needs a function", "nil")
		})
	}},
}
