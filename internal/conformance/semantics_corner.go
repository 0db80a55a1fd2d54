package conformance

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
)

// Corner cases of what other files show in more detail.
var semanticsCornerCases = []testCase{
	{"C a timeout of zero or less does not call its function", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			called := func(context.Context) error {
				t.Error("it was called")
				return nil
			}
			isErr(t, "Timeout(0)", braid.Timeout(ctx, 0, called), braid.ErrTimeout)
			isErr(t, "Timeout(-1)", braid.Timeout(ctx, -1, called), braid.ErrTimeout)
			isErr(t, "Deadline(now)", braid.Deadline(ctx, braid.Time(ctx), called), braid.ErrTimeout)
			isErr(t, "Deadline(zero)", braid.Deadline(ctx, time.Time{}, called), context.DeadlineExceeded)
			err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(called, braid.TaskTimeout(0))
				return nil
			})
			holds(t, err, braid.ErrTimeout)
		})
	}},
	{"C a timeout beside a real error: both are in the error", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, _ *braid.Group) {
			fails := func(ctx context.Context) error {
				_ = never(ctx)
				return errBoom
			}
			for op, err := range map[string]error{
				"timeout":  braid.Timeout(ctx, aMoment, fails),
				"deadline": braid.Deadline(ctx, braid.Time(ctx).Add(aMoment), fails),
				"shield":   braid.Shield(ctx, aMoment, fails),
			} {
				isErr(t, op, err, errBoom)
				isErr(t, op, err, braid.ErrTimeout)
				says(t, op, err, "boom", op)
			}
		})
	}},
	{"C of equal deadlines nested, the inner one reports; the outer one too if it has passed when control reaches it", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, _ *braid.Group) {
			for range 10 {
				at := braid.Time(ctx).Add(aMoment)
				var inner, outerCause error
				entered := false // on a slow machine the time may be over before
				err := braid.Deadline(ctx, at, func(ctx context.Context) error {
					inner = braid.Deadline(ctx, at, func(ctx context.Context) error {
						entered = true
						return never(ctx)
					})
					outerCause = context.Cause(ctx)
					return inner
				})
				if !entered {
					continue
				}
				isErr(t, "the inner one", inner, braid.ErrTimeout)
				if inner == outerCause {
					t.Error("the inner one did not report: it passed on the error of the outer one")
				}
				isErr(t, "the outer one", err, inner)
				if outerCause != nil {
					isErr(t, "the outer one, which had passed", err, outerCause)
				}
			}
		})
	}},
	{"C a shield needs a positive deadline, else it panics and says why", func(t *testing.T, ctx context.Context) {
		for _, d := range []time.Duration{0, -time.Second} {
			panics(t, "Shield", func() { _ = braid.Shield(ctx, d, never) }, "positive", d.String(), "shutdown")
		}
	}},
	{"C of nested shields the smaller deadline rules, whichever it is", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, _ *braid.Group) {
			for _, c := range []struct{ outer, inner time.Duration }{{aMoment, long}, {long, aMoment}} {
				for _, between := range []func(ctx context.Context) context.Context{
					func(ctx context.Context) context.Context { return ctx },
					func(ctx context.Context) context.Context { return context.WithValue(ctx, valueKey{}, 1) },
					context.WithoutCancel,
				} {
					latest := braid.Time(ctx).Add(long / 2)
					err := braid.Shield(ctx, c.outer, func(ctx context.Context) error {
						return braid.Shield(between(ctx), c.inner, func(ctx context.Context) error {
							if d, has := ctx.Deadline(); !has || d.After(latest) {
								t.Errorf("%v in %v: deadline %v, %v", c.inner, c.outer, d, has)
							}
							return never(ctx)
						})
					})
					isErr(t, "Shield", err, braid.ErrTimeout)
				}
			}
		})
	}},
	{"C g.Cancel inside a shield ends the shielded work's group as usual", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(_ context.Context, g *braid.Group) {
			g.Go(func(ctx context.Context) error {
				braid.Current(ctx).Cancel(errStop)
				return braid.Shield(ctx, long, func(ctx context.Context) error {
					var seen error
					err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
						g.Go(func(ctx context.Context) error {
							seen = never(ctx)
							return seen
						})
						g.Cancel(errOther)
						return never(ctx)
					})
					ok(t, err)
					want(t, "seen", seen, errOther)
					return ctx.Err()
				})
			})
		})
	}},
	{"C cancelling the group around a shield does not end the shielded work", func(t *testing.T, ctx context.Context) {
		ok(t, braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				return braid.Shield(ctx, long, func(inner context.Context) error {
					g.Cancel(errStop)
					want(t, "outside", braid.Yield(ctx), errStop)
					return braid.Yield(inner)
				})
			})
			return nil
		}))
	}},
	{"C Shutdown(Drain): parked and later Puts get ErrShutdown, what is inside is still got, Join waits for it", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](1)
			ok(t, q.Put(ctx, 1))
			parked := begin(g, func(ctx context.Context) error { return q.Put(ctx, 2) })
			joining := begin(g, q.Join)
			until(t, ctx, "both wait", func() bool { return parkedIn(parked.h, "queue.Put")() && parkedIn(joining.h, "queue.Join")() })
			wantList(t, "taken out", q.Shutdown(braid.Drain))
			parked.fails(t, ctx, "the parked Put", braid.ErrShutdown)
			want(t, "a later Put", q.Put(ctx, 3), braid.ErrShutdown)
			want(t, "a later TryPut", q.TryPut(3), false)
			v, err := q.Get(ctx)
			ok(t, err)
			want(t, "item", v, 1)
			_, err = q.Get(ctx)
			want(t, "Get of nothing", err, braid.ErrShutdown)
			want(t, "Join", joining.ended(), false)
			q.TaskDone()
			joining.succeeds(t, ctx, "Join")
		})
	}},
	{"C Shutdown(Now) takes out what is inside and returns it; Join then waits only for items in hand", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](3)
			for i := range 3 {
				ok(t, q.Put(ctx, i))
			}
			inHand, err := q.Get(ctx)
			ok(t, err)
			want(t, "in hand", inHand, 0)
			joining := begin(g, q.Join)
			until(t, ctx, "it waits", parkedIn(joining.h, "queue.Join"))
			wantList(t, "taken out", q.Shutdown(braid.Now), 1, 2)
			_, err = q.Get(ctx)
			want(t, "Get", err, braid.ErrShutdown)
			want(t, "Join", joining.ended(), false)
			q.TaskDone()
			joining.succeeds(t, ctx, "Join")
		})
	}},
	{"C a portal's call reports to its caller alone: a failure does not touch the scope", func(t *testing.T, ctx context.Context) {
		portal(t, ctx, nil, func(ctx context.Context, g *braid.Group, p *braid.Portal) {
			for name, enter := range entrances {
				isErr(t, name, enter(ctx, p, func(context.Context) error { return errBoom }), errBoom)
				want(t, name+": failures", g.Statistics().Failures, 0)
				want(t, name+": cancelled", g.Statistics().Cancelled, false)
			}
			want(t, "Do gives the very error", p.Do(ctx, func(context.Context) error { return errBoom }), errBoom)
			_, err := braid.Submit(p, failing[int](errBoom), braid.Name("bad")).Wait(ctx)
			var te *braid.TaskError
			if !errors.As(err, &te) || te.Task != "case/pool/bad" {
				t.Errorf("Submit = %v", err)
			}
		})
	}},
	{"C a portal's call reports to its caller alone: a panic included", func(t *testing.T, ctx context.Context) {
		portal(t, ctx, []braid.RunOption{hushed}, func(ctx context.Context, g *braid.Group, p *braid.Portal) {
			for name, enter := range entrances {
				err := enter(ctx, p, func(context.Context) error { return explode(errBoom) })
				var pe *braid.PanicError
				if !errors.As(err, &pe) || !errors.Is(err, errBoom) || pe.Task != "case/pool/call" || len(pe.Stack) == 0 {
					t.Errorf("%s: %v", name, err)
				}
				want(t, name+": failures", g.Statistics().Failures, 0)
			}
		})
	}},
	{"C a portal's call that was cancelled with the group does not make Run return the parent's cause", func(t *testing.T, ctx context.Context) {
		for name, enter := range entrances {
			scope(t, ctx, func(ctx context.Context, outer *braid.Group) {
				parent, cancel := context.WithCancelCause(ctx)
				err := braid.Run(parent, func(inner context.Context, g *braid.Group) error {
					var begun braid.Event
					p := braid.NewPortal(g)
					c := begin(outer, func(ctx context.Context) error {
						return enter(ctx, p, func(ctx context.Context) error {
							begun.Set()
							return never(ctx)
						})
					})
					ok(t, begun.Wait(inner))
					cancel(errStop)
					c.fails(t, ctx, name, errStop)
					return nil
				})
				if err != nil {
					t.Errorf("%s: Run = %v", name, err)
				}
			})
		}
	}},
	{"the hook hears of a panic in Submit, whose caller may be far away, and leaves that of Do to its caller", func(t *testing.T, ctx context.Context) {
		var heard atomic.Int64
		hook := braid.PanicHook(func(*braid.PanicError) { heard.Add(1) })
		portal(t, ctx, []braid.RunOption{hook}, func(ctx context.Context, _ *braid.Group, p *braid.Portal) {
			_ = p.Do(ctx, func(context.Context) error { return explode("boom") })
			want(t, "heard after Do", heard.Load(), 0)
			_, _ = braid.Submit(p, func(context.Context) (int, error) { return 0, explode("boom") }).Wait(ctx)
			want(t, "heard after Submit", heard.Load(), 1)
		})
	}},
	{"Do: the deadline that fn sees is the nearer one of caller and group", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, _ *braid.Group) {
			near, far := braid.Time(ctx).Add(long/2), braid.Time(ctx).Add(long)
			free := context.WithoutCancel(ctx)
			nearCtx, cancelNear := context.WithDeadline(free, near)
			defer cancelNear()
			farCtx, cancelFar := context.WithDeadline(free, far)
			defer cancelFar()
			for name, c := range map[string]struct{ group, caller context.Context }{
				"group": {nearCtx, farCtx}, "caller": {farCtx, nearCtx}, "group alone": {nearCtx, free}, "caller alone": {free, nearCtx},
			} {
				ok(t, braid.Run(c.group, func(_ context.Context, g *braid.Group) error {
					return braid.NewPortal(g).Do(c.caller, func(ctx context.Context) error {
						if d, has := ctx.Deadline(); !has || !d.Equal(near) {
							t.Errorf("with the nearer one at the %s: %v, %v", name, d, has)
						}
						return nil
					})
				}))
			}
		})
	}},
	{"C a stream whose cleanup fails after the consumer broke off fails the scope that owns it", func(t *testing.T, ctx context.Context) {
		var begun braid.Event
		one := func(ctx context.Context, _ int) (int, error) { return 1, begun.Wait(ctx) }
		cleanup := func(ctx context.Context, _ int) (int, error) {
			begun.Set()
			_ = never(ctx)
			return 0, errBoom
		}
		for name, loop := range map[string]func(ctx context.Context) iter.Seq2[int, error]{
			"AsCompleted": func(ctx context.Context) iter.Seq2[int, error] {
				return braid.AsCompleted(ctx,
					func(ctx context.Context) (int, error) { return one(ctx, 0) },
					func(ctx context.Context) (int, error) { return cleanup(ctx, 1) })
			},
			"Map": func(ctx context.Context) iter.Seq2[int, error] {
				return braid.Map(ctx, numbers(2), 2, pick(one, cleanup))
			},
			"MapUnordered": func(ctx context.Context) iter.Seq2[int, error] {
				return braid.MapUnordered(ctx, numbers(2), 2, pick(one, cleanup))
			},
		} {
			begun.Clear()
			err := braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
				for _, err := range loop(ctx) {
					ok(t, err)
					break
				}
				if !errors.Is(context.Cause(ctx), errBoom) {
					t.Errorf("%s: the scope's cause is %v", name, context.Cause(ctx))
				}
				return nil
			})
			if !errors.Is(err, errBoom) {
				t.Errorf("%s: Run = %v", name, err)
			}
		}
	}},
	{"C a source whose cleanup panics after the consumer broke off fails the scope that owns the loop", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
			source := func(yield func(int) bool) {
				defer func() { panic("cleanup") }()
				for i := 0; yield(i); i++ {
				}
			}
			for range braid.Map(ctx, source, 1, eachOf(returnsNil)) {
				break
			}
			return nil
		}, hushed, braid.OnPanic(braid.AsError))
		var pe *braid.PanicError
		if !errors.As(err, &pe) || pe.Value != "cleanup" {
			t.Errorf("err = %v", err)
		}
	}},
}

// entrances are the two ways through a portal, brought to one shape.
var entrances = map[string]func(ctx context.Context, p *braid.Portal, fn func(context.Context) error) error{
	"Do": func(ctx context.Context, p *braid.Portal, fn func(context.Context) error) error {
		return p.Do(ctx, fn, braid.Name("call"))
	},
	"Submit": func(ctx context.Context, p *braid.Portal, fn func(context.Context) error) error {
		_, err := braid.Submit(p, valueOf(fn), braid.Name("call")).Wait(ctx)
		return err
	},
}

// portal runs body in a scope with a portal into it; the scope must succeed.
func portal(t *testing.T, ctx context.Context, opts []braid.RunOption, body func(ctx context.Context, g *braid.Group, p *braid.Portal)) {
	t.Helper()
	scope(t, ctx, func(ctx context.Context, _ *braid.Group) {
		ok(t, braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			body(ctx, g, braid.NewPortal(g))
			return nil
		}, append(opts, braid.Name("pool"))...))
	}, braid.Name("case"))
}

// pick calls the function with the number of the element.
func pick(fns ...func(context.Context, int) (int, error)) func(context.Context, int) (int, error) {
	return func(ctx context.Context, i int) (int, error) { return fns[i](ctx, i) }
}
