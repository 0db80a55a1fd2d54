package conformance

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/braid-go/braid"
)

// shield calls fn in a shield of aWhile.
func shield(ctx context.Context, fn func(context.Context) error) error {
	return braid.Shield(ctx, aWhile, fn)
}

var shieldCases = []testCase{
	{"Shield: runs although ctx is done, and what blocks works in it", func(t *testing.T, ctx context.Context) {
		for _, done := range endedContexts(ctx) {
			called := false
			ok(t, shield(done, func(ctx context.Context) error {
				called = true
				ok(t, ctx.Err())
				ok(t, context.Cause(ctx))
				return errors.Join(braid.Yield(ctx), braid.Sleep(ctx, time.Microsecond))
			}))
			want(t, "it was called", called, true)
			want(t, "the next call with ctx", braid.Yield(done), errStop)
		}
	}},
	{"Shield: the function runs in the calling task and has the values of its ctx", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, _ *braid.Group) {
			me := braid.Current(ctx)
			ok(t, shield(context.WithValue(ctx, valueKey{}, "here"), func(ctx context.Context) error {
				want(t, "the value", ctx.Value(valueKey{}), any("here"))
				want(t, "the task", braid.Current(ctx), me)
				return nil
			}))
		})
	}},
	{"Shield: a cancel that comes while it runs does not reach it; afterwards ctx is done", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var inside, release braid.Event
			c := begin(g, func(ctx context.Context) error {
				ok(t, shield(ctx, func(ctx context.Context) error {
					inside.Set()
					err := release.Wait(ctx)
					ok(t, ctx.Err())
					return err
				}))
				want(t, "Err afterwards", ctx.Err(), context.Canceled)
				want(t, "Cause afterwards", context.Cause(ctx), errStop)
				return braid.Yield(ctx)
			})
			ok(t, inside.Wait(ctx))
			c.h.Cancel(errStop)
			pass(ctx)
			want(t, "the task has ended", c.ended(), false)
			release.Set()
			want(t, "the next call", c.result(t, ctx), errStop)
		})
	}},
	{"Shield: the task's group waits for it", func(t *testing.T, ctx context.Context) {
		cleaned := false
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var begun braid.Event
			g.Go(func(ctx context.Context) (err error) {
				defer func() {
					ok(t, shield(ctx, func(ctx context.Context) error {
						pass(ctx)
						cleaned = true
						return braid.Yield(ctx)
					}))
				}()
				begun.Set()
				return never(ctx)
			})
			ok(t, begun.Wait(ctx))
			g.Cancel(errStop)
		})
		want(t, "it has cleaned up", cleaned, true)
	}},
	{"Shield: what the function returns is returned as it is", func(t *testing.T, ctx context.Context) {
		boom := errors.New("boom")
		for _, in := range append(endedContexts(ctx), ctx) {
			for _, err := range []error{boom, context.Canceled, errStop} {
				noTimeout(t, shield(in, func(context.Context) error { return err }), err)
			}
			want(t, "a foreign deadline", shield(in, func(context.Context) error { return context.DeadlineExceeded }), context.DeadlineExceeded)
		}
	}},
	{"Shield: a failure in the cleanup of a cancelled task is real", func(t *testing.T, ctx context.Context) {
		boom := errors.New("rollback failed")
		for _, cleanup := range []func(context.Context) error{
			func(context.Context) error { return boom },
			func(ctx context.Context) error { return errors.Join(boom, braid.Timeout(ctx, aMoment, never)) },
		} {
			err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error { return errors.Join(never(ctx), shield(ctx, cleanup)) })
				g.Cancel(errStop)
				return nil
			})
			want(t, "the failure is reported", errors.Is(err, boom), true)
		}
	}},
	{"Shield: a limit that ran out in a cancelled task is a real failure", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				_ = never(ctx)
				return braid.Shield(ctx, aMoment, never)
			})
			g.Cancel(errStop)
			return nil
		})
		timeoutOf(t, err, "shield")
	}},
	{"Shield: Group.Cancel of a group inside works as usual", func(t *testing.T, ctx context.Context) {
		for _, in := range append(endedContexts(ctx), ctx) {
			var h hanger
			ok(t, shield(in, func(ctx context.Context) error {
				return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
					g.Go(h.run)
					if err := h.begun.Wait(ctx); err != nil {
						return err
					}
					g.Cancel(errStop)
					return ctx.Err()
				})
			}))
			h.joined(t, "the task inside")
			want(t, "the cause inside", h.cause, errStop)
		}
	}},
	{"Shield: a failing task inside cancels its siblings inside and nobody else", func(t *testing.T, ctx context.Context) {
		var h hanger
		boom := errors.New("boom")
		err := shield(ctx, func(ctx context.Context) error {
			_, err := braid.Gather(ctx, h.runInt, h.thenInt(failing[int](boom)))
			ok(t, ctx.Err())
			return err
		})
		h.joined(t, "the sibling")
		want(t, "the failure is found", errors.Is(err, boom), true)
		ok(t, ctx.Err())
	}},
	{"Shield: the ctx inside ends with the call, also by a panic", func(t *testing.T, ctx context.Context) {
		var kept context.Context
		ok(t, shield(ctx, func(ctx context.Context) error { kept = ctx; return nil }))
		want(t, "it is done when the call has returned", kept.Err() != nil, true)
		func() {
			defer func() { want(t, "the panic", recover(), any("ouch")) }()
			_ = shield(ctx, func(ctx context.Context) error { kept = ctx; panic("ouch") })
		}()
		want(t, "it is done when the call has panicked", kept.Err() != nil, true)
	}},
	{"Shield: works in a plain goroutine with a plain ctx", func(t *testing.T, ctx context.Context) {
		ok(t, join(t, ctx, elsewhere(func() error {
			done, cancel := context.WithCancel(context.Background())
			cancel()
			return shield(done, braid.Yield)
		})))
	}},
}

var shieldLimitCases = []testCase{
	{"Shield: has a limit of its own, which ends its ctx like that of a Timeout", func(t *testing.T, ctx context.Context) {
		for _, in := range append(endedContexts(ctx), ctx) {
			err := braid.Shield(in, aMoment, func(ctx context.Context) error {
				err := never(ctx)
				want(t, "Err inside", ctx.Err(), context.DeadlineExceeded)
				want(t, "Cause inside", context.Cause(ctx), err)
				return err
			})
			want(t, "After", timeoutOf(t, err, "shield").After, aMoment)
		}
	}},
	{"Shield: its deadline is the visible one, whatever the deadline outside", func(t *testing.T, ctx context.Context) {
		ok(t, braid.Timeout(ctx, aWhile, func(ctx context.Context) error {
			outer, _ := ctx.Deadline()
			return braid.Shield(ctx, 2*aWhile, func(ctx context.Context) error {
				inner, has := ctx.Deadline()
				want(t, "there is a deadline", has, true)
				want(t, "it is later than the one outside", inner.After(outer), true)
				return nil
			})
		}))
	}},
	{"Shield: outlasts a Timeout around it, and a success inside counts", func(t *testing.T, ctx context.Context) {
		cleaned := false
		err := braid.Timeout(ctx, aMoment, func(ctx context.Context) error {
			err := never(ctx)
			ok(t, shield(ctx, func(ctx context.Context) error {
				cleaned = true
				return braid.Sleep(ctx, aMoment)
			}))
			return err
		})
		want(t, "it has cleaned up", cleaned, true)
		want(t, "After", timeoutOf(t, err, "timeout").After, aMoment)
		ok(t, braid.Timeout(ctx, aMoment, func(ctx context.Context) error {
			return shield(ctx, func(ctx context.Context) error { return braid.Sleep(ctx, 2*aMoment) })
		}))
	}},
	{"Shield: inside another one the smaller limit rules", func(t *testing.T, ctx context.Context) {
		inSmaller(t, ctx, func(ctx context.Context, inner func(context.Context) error) error { return inner(ctx) })
		err := shield(ctx, func(ctx context.Context) error {
			err := braid.Shield(ctx, aMoment, never)
			ok(t, ctx.Err())
			return err
		})
		want(t, "After of the inner one", timeoutOf(t, err, "shield").After, aMoment)
	}},
	{"Shield: the smaller limit around rules through a Run", func(t *testing.T, ctx context.Context) {
		inSmaller(t, ctx, func(ctx context.Context, inner func(context.Context) error) error {
			return braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error { return inner(ctx) })
		})
	}},
	{"Shield: the smaller limit around rules through a task", func(t *testing.T, ctx context.Context) {
		inSmaller(t, ctx, func(ctx context.Context, inner func(context.Context) error) error {
			return braid.Run(ctx, func(_ context.Context, g *braid.Group) error { g.Go(inner); return nil })
		})
	}},
	{"Shield: the smaller limit around rules through a cancelled group", func(t *testing.T, ctx context.Context) {
		inSmaller(t, ctx, func(ctx context.Context, inner func(context.Context) error) error {
			return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				g.Go(inner)
				g.Cancel(errStop)
				return nil
			})
		})
	}},
	{"Shield: the smaller limit around rules through a standard ctx and a Timeout", func(t *testing.T, ctx context.Context) {
		inSmaller(t, ctx, func(ctx context.Context, inner func(context.Context) error) error {
			below, cancel := context.WithCancel(context.WithValue(ctx, valueKey{}, 1))
			defer cancel()
			return braid.Timeout(below, aWhile, inner)
		})
	}},
	{"Shield: an inner one that is cut short says which limit ran out, not the one that was asked for", func(t *testing.T, ctx context.Context) {
		err := braid.Shield(ctx, aMoment, func(ctx context.Context) error { return shield(ctx, never) })
		if te := timeoutOf(t, err, "shield"); te.After > aMoment {
			t.Errorf("%v, but the limit was %v", te, aMoment)
		}
		_ = braid.Shield(ctx, aMoment, func(ctx context.Context) error {
			err := shield(ctx, never)
			if te := timeoutOf(t, err, "shield"); te.After > aMoment {
				t.Errorf("inside: %v, but the limit was %v", te, aMoment)
			}
			return nil
		})
	}},
	{"Shield: calls its function even if the limit around has run out, with a ctx that ends at once", func(t *testing.T, ctx context.Context) {
		err := braid.Shield(ctx, aMoment, func(ctx context.Context) error {
			_ = never(ctx)
			called := false
			err := shield(ctx, func(ctx context.Context) error { called = true; return never(ctx) })
			want(t, "it was called", called, true)
			timeoutOf(t, err, "shield")
			return err
		})
		timeoutOf(t, err, "shield")
	}},
	{"Shield: a Timeout inside is one like any other", func(t *testing.T, ctx context.Context) {
		for _, in := range append(endedContexts(ctx), ctx) {
			ok(t, shield(in, func(ctx context.Context) error {
				ok(t, braid.Timeout(ctx, aWhile, braid.Yield))
				err := braid.Timeout(ctx, aMoment, never)
				want(t, "After", timeoutOf(t, err, "timeout").After, aMoment)
				return ctx.Err()
			}))
			err := braid.Shield(in, aMoment, func(ctx context.Context) error { return braid.Timeout(ctx, aWhile, never) })
			timeoutOf(t, err, "shield")
		}
	}},
	{"Shield: a real error beside its end is kept, and both are found; a result counts", func(t *testing.T, ctx context.Context) {
		boom := errors.New("boom")
		err := braid.Shield(ctx, aMoment, func(ctx context.Context) error { _ = never(ctx); return boom })
		timeoutOf(t, err, "shield")
		want(t, "the failure is found", errors.Is(err, boom), true)
		ok(t, braid.Shield(ctx, aMoment, func(ctx context.Context) error { _ = never(ctx); return nil }))
	}},
	{"Shield: a limit that is not positive panics and says why", func(t *testing.T, ctx context.Context) {
		for _, d := range []time.Duration{0, -time.Second} {
			panics(t, "Shield", func() {
				_ = braid.Shield(ctx, d, func(context.Context) error { t.Error("called"); return nil })
			}, d.String(), "positive", "shutdown")
		}
	}},
}

// inSmaller checks that a shield ends with a smaller one around it; between calls inner somewhere in the outer one.
func inSmaller(t *testing.T, ctx context.Context, between func(ctx context.Context, inner func(context.Context) error) error) {
	t.Helper()
	_ = braid.Shield(ctx, aMoment, func(ctx context.Context) error {
		outer, _ := ctx.Deadline()
		return between(ctx, func(ctx context.Context) error {
			return shield(ctx, func(ctx context.Context) error {
				inner, has := ctx.Deadline()
				want(t, "there is a deadline inside", has, true)
				if inner.Sub(outer) > aWhile/2 {
					t.Errorf("the deadline inside is %v after the one outside", inner.Sub(outer))
				}
				err := never(ctx) // hangs if the smaller limit does not rule
				timeoutOf(t, err, "shield")
				return err
			})
		})
	})
}
