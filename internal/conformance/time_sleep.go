package conformance

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/braid-go/braid"
)

var sleepCases = []testCase{
	{"Sleep: takes no less than it is told", func(t *testing.T, ctx context.Context) {
		begin := braid.Time(ctx)
		ok(t, braid.Sleep(ctx, aMoment))
		if d := braid.Time(ctx).Sub(begin); d < aMoment {
			t.Errorf("it took %v", d)
		}
	}},
	{"Sleep: a cancel ends it at once, with the cause", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			c := begin(g, func(ctx context.Context) error { return braid.Sleep(ctx, aWhile) })
			until(t, ctx, "it sleeps", parkedIn(c.h, "braid.Sleep"))
			c.h.Cancel(errStop)
			want(t, "the error", c.result(t, ctx), errStop)
		})
	}},
	{"Sleep: the end of a standard ctx ends it", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			below, cancel := context.WithCancelCause(ctx)
			c := begin(g, func(context.Context) error { return braid.Sleep(below, aWhile) })
			pass(ctx)
			cancel(errStop)
			want(t, "the error", c.result(t, ctx), errStop)
			want(t, "in a plain goroutine", join(t, ctx, elsewhere(func() error {
				plain, cancel := context.WithTimeoutCause(context.Background(), aMoment, errStop)
				defer cancel()
				return braid.Sleep(plain, aWhile)
			})), errStop)
		})
	}},
	{"Sleep: zero or less is a Yield", func(t *testing.T, ctx context.Context) {
		for _, d := range []time.Duration{0, -1, -time.Hour} {
			ok(t, braid.Sleep(ctx, d))
		}
	}},
	{"Sleep and Yield: a done ctx comes first", func(t *testing.T, ctx context.Context) {
		for _, done := range endedContexts(ctx) {
			for _, d := range []time.Duration{-1, 0, aWhile} {
				want(t, "Sleep", braid.Sleep(done, d), errStop)
			}
			want(t, "Yield", braid.Yield(done), errStop)
		}
	}},
	{"Sleep: a cancel that meets its end leaves a task that can wait again", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			for i := range 30 {
				c := begin(g, func(ctx context.Context) error {
					err := braid.Sleep(ctx, 50*time.Microsecond)
					if serr := shield(ctx, func(ctx context.Context) error { return braid.Sleep(ctx, time.Microsecond) }); serr != nil {
						t.Errorf("the next wait: %v", serr)
					}
					return err
				})
				ok(t, braid.Sleep(ctx, time.Duration(i*3)*time.Microsecond))
				c.h.Cancel(errStop)
				if err := c.result(t, ctx); err != nil && !errors.Is(err, errStop) {
					t.Errorf("Sleep: %v", err)
				}
			}
		})
	}},
	{"Sleep: many sleep at the same time", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			for i := range 50 {
				g.Go(func(ctx context.Context) error { return braid.Sleep(ctx, time.Duration(i%5)*aMoment/4) })
			}
		})
	}},
	{"Yield: lets another task run", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var mine, theirs braid.Event
			g.Go(func(ctx context.Context) error {
				for !mine.IsSet() {
					if err := braid.Yield(ctx); err != nil {
						return err
					}
				}
				theirs.Set()
				return nil
			})
			mine.Set()
			until(t, ctx, "the other has run", theirs.IsSet)
		})
	}},
	{"Yield: a cancel that comes meanwhile is its error", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			c := begin(g, func(ctx context.Context) error {
				for {
					if err := braid.Yield(ctx); err != nil {
						return err
					}
				}
			})
			pass(ctx)
			c.h.Cancel(errStop)
			want(t, "the error", c.result(t, ctx), errStop)
		})
	}},
	{"Yield and Sleep: work in a plain goroutine with a plain ctx", func(t *testing.T, ctx context.Context) {
		ok(t, join(t, ctx, elsewhere(func() error {
			plain := context.Background()
			return errors.Join(braid.Yield(plain), braid.Sleep(plain, 0), braid.Sleep(plain, aMoment))
		})))
	}},
}

var everyCases = []testCase{
	{"Every: calls at each multiple of the period, the first time after one", func(t *testing.T, ctx context.Context) {
		begin := braid.Time(ctx)
		n := 0
		err := braid.Every(ctx, aMoment, func(ctx context.Context) error {
			n++
			if d := braid.Time(ctx).Sub(begin); d < time.Duration(n)*aMoment {
				t.Errorf("call %d comes after %v", n, d)
			}
			if n == 4 {
				return errStop
			}
			return nil
		})
		want(t, "the error", err, errStop)
		want(t, "calls", n, 4)
	}},
	{"Every: ticks that pass while the function runs are left out, and calls do not overlap", func(t *testing.T, ctx context.Context) {
		begin := braid.Time(ctx)
		var running bool
		var at []time.Duration
		err := braid.Every(ctx, aMoment, func(ctx context.Context) error {
			if running {
				t.Error("two calls run")
			}
			running = true
			defer func() { running = false }()
			at = append(at, braid.Time(ctx).Sub(begin))
			switch len(at) {
			case 1:
				return braid.Sleep(ctx, 7*aMoment/2) // from the first tick to between the fourth and the fifth
			case 3:
				return errStop
			}
			return nil
		})
		want(t, "the error", err, errStop)
		if len(at) != 3 || at[0] < aMoment || at[1] < 5*aMoment || at[2] < 6*aMoment {
			t.Errorf("calls at %v", at)
		}
	}},
	{"Every: what the function takes is not added to the period", func(t *testing.T, ctx context.Context) {
		// A period that counts from the end of a call would give five calls in the time of the outer limit on a virtual clock.
		// On a real clock there may be any number.
		var calls []time.Duration
		begin := braid.Time(ctx)
		err := braid.Timeout(ctx, 8*aMoment+aMoment/2, func(ctx context.Context) error {
			return braid.Every(ctx, aMoment, func(ctx context.Context) error {
				calls = append(calls, braid.Time(ctx).Sub(begin))
				return braid.Sleep(ctx, aMoment/2)
			})
		})
		timeoutOf(t, err, "timeout")
		for i, d := range calls {
			if d < time.Duration(i+1)*aMoment {
				t.Errorf("call %d comes after %v", i+1, d)
			}
		}
	}},
	{"Every: the end of ctx ends it between two calls", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			c := begin(g, func(ctx context.Context) error {
				return braid.Every(ctx, aWhile, func(context.Context) error { t.Error("called"); return nil })
			})
			until(t, ctx, "it sleeps", parkedIn(c.h, "braid.Sleep"))
			c.h.Cancel(errStop)
			want(t, "the error", c.result(t, ctx), errStop)
		})
	}},
	{"Every: when ctx ends during a call, it returns the cause after the call", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var h hanger
			c := begin(g, func(ctx context.Context) error {
				return braid.Every(ctx, aMoment, func(ctx context.Context) error { _ = h.run(ctx); return nil })
			})
			ok(t, h.begun.Wait(ctx))
			c.h.Cancel(errStop)
			want(t, "the error", c.result(t, ctx), errStop)
			h.joined(t, "the call")
		})
	}},
	{"Every: a done ctx comes first", func(t *testing.T, ctx context.Context) {
		for _, done := range endedContexts(ctx) {
			want(t, "the error", braid.Every(done, aMoment, func(context.Context) error { t.Error("called"); return nil }), errStop)
		}
	}},
	{"Every: a period that is not positive panics", func(t *testing.T, ctx context.Context) {
		for _, d := range []time.Duration{0, -time.Second} {
			panics(t, "Every", func() { _ = braid.Every(ctx, d, func(context.Context) error { return nil }) }, d.String(), "positive")
		}
		panics(t, "Every", func() { _ = braid.Every(ctx, time.Second, nil) }, "Every needs a function", "nil")
	}},
}
