package conformance

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
)

// Our contexts, seen with the functions of package context.
var scopeContextCases = []testCase{
	{"a task's ctx: context.Cause gives the cause of its end", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(_ context.Context, g *braid.Group) {
			g.Go(func(ctx context.Context) error {
				want(t, "Cause while it lives", context.Cause(ctx), nil)
				braid.Current(ctx).Cancel(errStop)
				want(t, "Err", ctx.Err(), context.Canceled)
				want(t, "Cause", context.Cause(ctx), errStop)
				return nil
			})
		})
	}},
	{"a task's ctx: standard contexts below it end with it, with its cause and its Err", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(_ context.Context, g *braid.Group) {
			h := g.Go(func(ctx context.Context) error {
				contexts, end := standardBelow(ctx)
				defer end()
				for kind, below := range contexts {
					isErr(t, kind, never(below), errStop)
					want(t, kind+" Err", below.Err(), context.Canceled)
					want(t, kind+" Cause", context.Cause(below), errStop)
					select {
					case <-below.Done():
					default:
						t.Errorf("%s: Done is open", kind)
					}
				}
				free := context.WithoutCancel(ctx)
				want(t, "WithoutCancel Err", free.Err(), nil)
				want(t, "WithoutCancel Cause", context.Cause(free), nil)
				return nil
			})
			g.Go(func(context.Context) error {
				h.Cancel(errStop)
				return nil
			})
		})
	}},
	{"a timeout's ctx: standard contexts below it end with DeadlineExceeded and the TimeoutError", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, _ *braid.Group) {
			err := braid.Timeout(ctx, aMoment, func(ctx context.Context) error {
				below, cancel := context.WithCancel(ctx)
				defer cancel()
				isErr(t, "a wait below", never(below), braid.ErrTimeout)
				want(t, "Err", below.Err(), context.DeadlineExceeded)
				isErr(t, "Cause", context.Cause(below), braid.ErrTimeout)
				return below.Err()
			})
			isErr(t, "Timeout", err, braid.ErrTimeout)
		})
	}},
	{"a task's ctx: a standard ctx below it ends by itself without touching the task", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(_ context.Context, g *braid.Group) {
			g.Go(func(ctx context.Context) error {
				for range 100 {
					below, cancel := context.WithCancelCause(ctx)
					cancel(errStop)
					want(t, "a wait below", never(below), errStop)
					limited, end := context.WithTimeout(ctx, 0)
					want(t, "a wait below a limit", never(limited), context.DeadlineExceeded)
					end()
				}
				return ctx.Err()
			})
		})
	}},
	{"a cancel that runs through standard contexts keeps nobody from using the group meanwhile", func(t *testing.T, ctx context.Context) {
		for range 20 {
			ok(t, braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				var waiting braid.Event
				for range 5 {
					g.Go(func(ctx context.Context) error {
						below, cancel := context.WithCancel(ctx)
						defer cancel()
						return waiting.Wait(below)
					})
					g.Go(func(ctx context.Context) error {
						for !g.Statistics().Cancelled {
							_ = braid.Yield(context.WithoutCancel(ctx))
						}
						want(t, "state", g.Go(never).State(), braid.NotStarted)
						return nil
					})
				}
				until(t, ctx, "all wait", func() bool { return waiting.Statistics().Waiting == 5 })
				g.Cancel(errStop)
				return nil
			}))
		}
	}},
	{"a cancel that runs through limited groups keeps nobody from using the groups above meanwhile", func(t *testing.T, ctx context.Context) {
		for range 20 {
			ok(t, braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				var begun atomic.Int64
				for range 5 {
					g.Go(func(ctx context.Context) error {
						return braid.Run(ctx, func(ctx context.Context, inner *braid.Group) error {
							p := braid.NewPortal(inner)
							inner.Go(never)
							for range 5 {
								_ = braid.Submit(p, returns(1))
							}
							begun.Add(1)
							return never(ctx)
						}, braid.Limit(1))
					})
					g.Go(func(ctx context.Context) error {
						for !g.Statistics().Cancelled {
							_ = braid.Yield(context.WithoutCancel(ctx))
						}
						want(t, "state", g.Go(never).State(), braid.NotStarted)
						return nil
					})
				}
				until(t, ctx, "all have begun", func() bool { return begun.Load() == 5 })
				g.Cancel(errStop)
				return nil
			}))
		}
	}},
	{"context.AfterFunc on a task's ctx runs when the task is cancelled, and not if it was stopped", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var ran, stopped atomic.Bool
			h := g.Go(func(ctx context.Context) error {
				context.AfterFunc(ctx, func() { ran.Store(true) })
				stop := context.AfterFunc(ctx, func() { stopped.Store(true) })
				want(t, "stop", stop(), true)
				want(t, "stop again", stop(), false)
				return never(ctx)
			})
			until(t, ctx, "the task waits", parkedIn(h, "event.Wait"))
			want(t, "ran early", ran.Load(), false)
			h.Cancel(errStop)
			until(t, ctx, "the function has run", ran.Load)
			want(t, "ran although it was stopped", stopped.Load(), false)
		})
	}},
	{"context.AfterFunc on the ctx of a task runs when the task has ended", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var ran atomic.Bool
			g.Go(func(ctx context.Context) error {
				context.AfterFunc(ctx, func() { ran.Store(true) })
				return nil
			})
			until(t, ctx, "the function has run", ran.Load)
		})
	}},
	{"values come through every scope, and the deadline is the next one", func(t *testing.T, ctx context.Context) {
		ctx = context.WithValue(ctx, valueKey{}, "outer")
		soon, later := braid.Time(ctx).Add(long), braid.Time(ctx).Add(2*long)
		limited, cancel := context.WithDeadline(ctx, later)
		defer cancel()
		scope(t, limited, func(ctx context.Context, g *braid.Group) {
			check := func(where string, ctx context.Context, value any, deadline time.Time) {
				want(t, "value "+where, ctx.Value(valueKey{}), value)
				if d, has := ctx.Deadline(); !has || !d.Equal(deadline) {
					t.Errorf("deadline %s = %v, %v; want %v", where, d, has, deadline)
				}
			}
			check("in the body", ctx, "outer", later)
			ok(t, g.Go(func(ctx context.Context) error {
				check("in a task", ctx, "outer", later)
				return braid.Deadline(context.WithValue(ctx, valueKey{}, "inner"), soon, func(ctx context.Context) error {
					check("in a nearer deadline", ctx, "inner", soon)
					return braid.Deadline(ctx, later, func(ctx context.Context) error {
						check("in a later deadline", ctx, "inner", soon)
						return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
							check("in a scope", ctx, "inner", soon)
							below, cancel := context.WithDeadline(ctx, later)
							defer cancel()
							check("in a standard ctx", below, "inner", soon)
							return nil
						})
					})
				})
			}).Wait(ctx))
		})
	}},
	{"without any deadline, there is none", func(t *testing.T, ctx context.Context) {
		if _, has := ctx.Deadline(); has {
			ctx = context.WithoutCancel(ctx) // the test's own limit
		}
		scope(t, ctx, func(ctx context.Context, _ *braid.Group) {
			_, has := ctx.Deadline()
			want(t, "has a deadline", has, false)
		})
	}},
}

// standardBelow returns live standard contexts of all kinds below ctx, and a function that frees them.
func standardBelow(ctx context.Context) (contexts map[string]context.Context, end func()) {
	a, cancelA := context.WithCancel(ctx)
	b, cancelB := context.WithCancelCause(ctx)
	c, cancelC := context.WithTimeout(ctx, long)
	d, cancelD := context.WithCancel(context.WithValue(c, valueKey{}, 1))
	return map[string]context.Context{
			"WithCancel": a, "WithCancelCause": b, "WithTimeout": c, "three deep": d, "WithValue": context.WithValue(ctx, valueKey{}, 1),
		}, func() {
			cancelD()
			cancelC()
			cancelB(nil)
			cancelA()
		}
}

// Contexts that are not ours above our scopes.
var scopeForeignCases = []testCase{
	{"the cancel of a standard parent is seen by the very next call", func(t *testing.T, ctx context.Context) {
		for name, look := range map[string]func(ctx context.Context) error{
			"Err":   func(ctx context.Context) error { return ctx.Err() },
			"Cause": context.Cause,
			"Yield": braid.Yield,
			"a set Event": func(ctx context.Context) error {
				var e braid.Event
				e.Set()
				return e.Wait(ctx)
			},
			"a free Semaphore": func(ctx context.Context) error { return braid.NewSemaphore(1).Acquire(ctx, 1) },
			"Timeout": func(ctx context.Context) error {
				return braid.Timeout(ctx, long, func(context.Context) error { return nil })
			},
			"Run": func(ctx context.Context) error {
				return braid.Run(ctx, bodyOf(func(context.Context) error { return nil }))
			},
			"below WithValue": func(ctx context.Context) error { return braid.Yield(context.WithValue(ctx, valueKey{}, 1)) },
		} {
			parent, cancel := context.WithCancelCause(ctx)
			_ = braid.Run(parent, func(_ context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error {
					return braid.Timeout(ctx, long, func(ctx context.Context) error {
						return braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
							ok(t, look(ctx))
							cancel(errStop)
							if err := look(ctx); err == nil {
								t.Errorf("%s did not see the cancel", name)
							}
							return nil
						})
					})
				})
				return nil
			})
		}
	}},
	{"the cancel of a standard ctx between two of our scopes reaches the inner one alone", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, _ *braid.Group) {
			between, cancel := context.WithCancelCause(ctx)
			err := braid.Run(between, func(inner context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error {
					err := never(ctx)
					want(t, "Cause in the task", context.Cause(ctx), errStop)
					return err
				})
				cancel(errStop)
				want(t, "Err", inner.Err(), context.Canceled)
				return never(inner)
			})
			want(t, "Run", err, errStop)
			ok(t, ctx.Err())
		})
	}},
	{"our cancel passes through standard contexts to our scopes below, many deep", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var waiting braid.Event
			h := g.Go(func(ctx context.Context) error {
				var deeper func(ctx context.Context, depth int) error
				deeper = func(ctx context.Context, depth int) error {
					below, cancel := context.WithCancel(context.WithValue(ctx, valueKey{}, depth))
					defer cancel()
					return braid.Run(below, func(ctx context.Context, _ *braid.Group) error {
						if depth == 0 {
							waiting.Set()
							return never(ctx)
						}
						return deeper(ctx, depth-1)
					})
				}
				return deeper(ctx, 10)
			})
			ok(t, waiting.Wait(ctx))
			h.Cancel(errStop)
			want(t, "Wait", h.Wait(ctx), errStop)
			want(t, "state", h.State(), braid.Cancelled)
		})
	}},
	{"a standard deadline above ends a scope, with Err, Cause and Deadline as given", func(t *testing.T, ctx context.Context) {
		at := braid.Time(ctx).Add(aMoment)
		limited, cancel := context.WithDeadlineCause(ctx, at, errStop)
		defer cancel()
		err := braid.Run(limited, func(ctx context.Context, _ *braid.Group) error {
			if d, has := ctx.Deadline(); !has || !d.Equal(at) {
				t.Errorf("Deadline = %v, %v", d, has)
			}
			err := never(ctx)
			want(t, "Err", ctx.Err(), context.DeadlineExceeded)
			want(t, "Cause", context.Cause(ctx), errStop)
			return err
		})
		want(t, "Run", err, errStop)
	}},
	{"a Run under WithoutCancel keeps values and task, and does not end with the parent", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			h := g.Go(func(ctx context.Context) error {
				ctx = context.WithValue(ctx, valueKey{}, "v")
				braid.Current(ctx).Cancel(errStop)
				return braid.Run(context.WithoutCancel(ctx), func(inner context.Context, g *braid.Group) error {
					want(t, "value", inner.Value(valueKey{}), any("v"))
					want(t, "task", braid.Current(inner), braid.Current(ctx))
					h := g.Go(func(ctx context.Context) error {
						want(t, "path", braid.Current(ctx).Path(), "case/outer/inner")
						return ctx.Err()
					}, braid.Name("inner"))
					return h.Wait(inner)
				})
			}, braid.Name("outer"))
			ok(t, h.Wait(ctx))
		}, braid.Name("case"))
	}},
	{"any ctx will do: a plain goroutine with context.Background has no task, and everything works", func(t *testing.T, ctx context.Context) {
		done := make(chan error, 1)
		go func() {
			ctx := context.Background()
			done <- braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				var e braid.Event
				g.Go(e.Wait)
				e.Set()
				return braid.Sleep(ctx, 1)
			})
		}()
		scope(t, ctx, func(ctx context.Context, _ *braid.Group) {
			for {
				select {
				case err := <-done:
					ok(t, err)
					return
				default:
					ok(t, braid.Sleep(ctx, aMoment/10))
				}
			}
		})
	}},
}
