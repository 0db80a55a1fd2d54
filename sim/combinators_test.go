package sim_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/sim"
)

// yielding returns n functions that take two turns and give their numbers. live counts those that run.
func yielding(n int, live *tally) []func(context.Context) (int, error) {
	fns := make([]func(context.Context) (int, error), n)
	for i := range fns {
		fns[i] = func(ctx context.Context) (int, error) {
			live.add(1)
			defer live.add(-1)
			return i, braid.Yield(ctx)
		}
	}
	return fns
}

// combinator makes a subject of a call that runs functions; nobody may be left when it has returned.
func combinator(name string, call func(s *sim.T, ctx context.Context, fns []func(context.Context) (int, error)) error) subject {
	return subject{name: name, prog: func(s *sim.T, n int) {
		live := newTally(s)
		err := braid.Run(s.Context(), func(ctx context.Context, _ *braid.Group) error {
			err := call(s, ctx, yielding(n, live))
			if n := live.get(); n != 0 {
				s.Errorf("%d functions are left", n)
			}
			return err
		})
		explain(s, err)
	}}
}

func combinatorSubjects() []subject {
	return []subject{
		combinator("Gather", func(s *sim.T, ctx context.Context, fns []func(context.Context) (int, error)) error {
			got, err := braid.Gather(ctx, fns...)
			for i, v := range got {
				if err == nil && v != i {
					s.Errorf("got %v", got)
				}
			}
			return err
		}),
		combinator("Settle", func(s *sim.T, ctx context.Context, fns []func(context.Context) (int, error)) error {
			got, err := braid.Settle(ctx, fns...)
			if err == nil && len(got) != len(fns) {
				s.Errorf("got %v", got)
			}
			for _, o := range got {
				if o.Err != nil {
					explain(s, o.Err, braid.ErrNotStarted)
				}
			}
			return err
		}),
		combinator("First", func(s *sim.T, ctx context.Context, fns []func(context.Context) (int, error)) error {
			v, err := braid.First(ctx, fns...)
			if err == nil && (v < 0 || v >= len(fns)) {
				s.Errorf("got %d", v)
			}
			return err
		}),
		combinator("First of one", func(s *sim.T, ctx context.Context, fns []func(context.Context) (int, error)) error {
			for _, fn := range fns {
				ended := false
				_, err := braid.First(ctx, func(ctx context.Context) (int, error) {
					v, err := fn(ctx)
					ended = err == nil
					return v, err
				})
				if err != nil {
					return err
				}
				if !ended {
					s.Errorf("success without a winner")
				}
			}
			return nil
		}),
		combinator("FirstSuccess with Dispose", func(s *sim.T, ctx context.Context, fns []func(context.Context) (int, error)) error {
			open := newTally(s)
			for i, fn := range fns {
				fns[i] = func(ctx context.Context) (int, error) {
					v, err := fn(ctx)
					if err == nil {
						open.add(1 << v)
					}
					return v, err
				}
			}
			v, err := braid.Race[int]{Dispose: func(v int) { open.add(-1 << v) }}.FirstSuccess(ctx, fns...)
			if err == nil {
				open.add(-1 << v)
			}
			if n := open.get(); n != 0 {
				s.Errorf("results %b were neither returned nor disposed of", n)
			}
			return err
		}),
		combinator("AsCompleted", func(s *sim.T, ctx context.Context, fns []func(context.Context) (int, error)) error {
			var got []int
			for v, err := range braid.AsCompleted(ctx, fns...) {
				if err != nil {
					return err
				}
				got = append(got, v)
			}
			slices.Sort(got)
			if len(got) != len(fns) {
				s.Errorf("got %v", got)
			}
			return nil
		}),
		forItems(combinator("Map", func(s *sim.T, ctx context.Context, fns []func(context.Context) (int, error)) error {
			next := 0
			for v, err := range braid.Map(ctx, slices.Values(fns), 2, func(ctx context.Context, fn func(context.Context) (int, error)) (int, error) { return fn(ctx) }) {
				if err != nil {
					return err
				}
				if v != next {
					s.Errorf("got %d, want %d", v, next)
				}
				next++
			}
			return nil
		})),
		forItems(combinator("Map that is left early", func(_ *sim.T, ctx context.Context, fns []func(context.Context) (int, error)) error {
			for _, err := range braid.MapUnordered(ctx, slices.Values(fns), 2, func(ctx context.Context, fn func(context.Context) (int, error)) (int, error) { return fn(ctx) }) {
				return err
			}
			return nil
		})),
	}
}

// forItems is for a combinator with a task of its own besides those of its functions: it counts.
func forItems(sub subject) subject {
	sub.all = func(s *sim.T, n int) { sub.prog(s, n-1) }
	return sub
}

func scopeSubjects() []subject {
	return []subject{
		{name: "Timeout", prog: func(s *sim.T, n int) {
			event := never(s)
			crew(s, n, func(ctx context.Context, i int) error {
				start := braid.Time(ctx)
				err := braid.Timeout(ctx, time.Duration(i+1)*time.Second, func(ctx context.Context) error {
					if i == 0 {
						return event.Wait(ctx)
					}
					return braid.Yield(ctx)
				})
				if i == 0 && err == nil {
					s.Errorf("the event came")
				}
				if errors.Is(err, braid.ErrTimeout) {
					if braid.Time(ctx).Sub(start) < time.Duration(i+1)*time.Second {
						s.Errorf("a timeout before its time")
					}
					return nil
				}
				return err
			})
		}},
		{name: "Shield", prog: func(s *sim.T, n int) {
			cleaned, entered := newTally(s), newTally(s)
			crew(s, n, func(ctx context.Context, _ int) error {
				entered.add(1)
				defer func() {
					err := braid.Shield(ctx, time.Hour, func(ctx context.Context) error {
						if err := braid.Yield(ctx); err != nil {
							return err
						}
						cleaned.add(1)
						return nil
					})
					if err != nil && !errors.Is(err, braid.ErrTimeout) {
						s.Errorf("the shield: %v", err)
					}
					if err != nil {
						cleaned.add(1) // an hour has passed
					}
				}()
				return braid.Yield(ctx)
			})
			if cleaned.get() != entered.get() {
				s.Errorf("%d entered, %d cleaned up", entered.get(), cleaned.get())
			}
		}},
		{name: "Start", prog: func(s *sim.T, n int) {
			err := braid.Run(s.Context(), func(ctx context.Context, g *braid.Group) error {
				for i := range n - 1 {
					v, err := braid.Start(ctx, g, func(ctx context.Context, ready func(int)) error {
						if err := braid.Yield(ctx); err != nil {
							return err
						}
						ready(i)
						return braid.Yield(ctx)
					})
					if err != nil {
						return err
					}
					if v != i {
						s.Errorf("got %d", v)
					}
				}
				return nil
			})
			explain(s, err, braid.ErrNotReady)
		}},
		{name: "Offload", prog: func(s *sim.T, n int) {
			lim := braid.NewLimiter("threads", 1)
			s.Balanced(lim)
			known(s, lim)
			crew(s, n, func(ctx context.Context, i int) error {
				v, err := braid.Offload(ctx, lim, func(context.Context) (int, error) { return i, nil })
				if err == nil && v != i {
					s.Errorf("got %d", v)
				}
				return err
			})
		}},
		{name: "Portal", prog: func(s *sim.T, n int) {
			err := braid.Run(s.Context(), func(ctx context.Context, g *braid.Group) error {
				p := braid.NewPortal(g)
				futures := make([]*braid.Future[int], n-1)
				for i := range futures {
					futures[i] = braid.Submit(p, func(ctx context.Context) (int, error) { return i, braid.Yield(ctx) })
				}
				if err := p.Do(ctx, func(ctx context.Context) error { return braid.Yield(ctx) }); err != nil {
					return err
				}
				for i, f := range futures {
					v, err := f.Wait(ctx)
					if err != nil {
						return err
					}
					if v != i {
						s.Errorf("got %d", v)
					}
				}
				return nil
			})
			explain(s, err, braid.ErrNotStarted)
		}},
		{name: "GoWait with a limit", prog: func(s *sim.T, n int) {
			inside := newAtMost(s, 1)
			ran, started := newTally(s), 0
			err := braid.Run(s.Context(), func(ctx context.Context, g *braid.Group) error {
				for range n {
					_, err := g.GoWait(ctx, func(ctx context.Context) error {
						ran.add(1)
						inside.enter(1)
						defer inside.leave(1)
						return braid.Yield(ctx)
					})
					if err != nil {
						return err
					}
					started++
				}
				return nil
			}, braid.Limit(1))
			explain(s, err, braid.ErrNotStarted)
			if ran.get() != started {
				s.Errorf("%d started, %d ran", started, ran.get())
			}
		}},
		{name: "a task that waits for a sibling of its limited group", prog: func(s *sim.T, n int) {
			inside := newAtMost(s, 1)
			err := braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
				for range n - 1 {
					g.Go(func(ctx context.Context) error {
						child := g.Go(func(ctx context.Context) error {
							inside.enter(1)
							defer inside.leave(1)
							return braid.Yield(ctx)
						})
						return child.Wait(ctx)
					})
				}
				return nil
			}, braid.Limit(1))
			explain(s, err, braid.ErrNotStarted)
		}},
		{name: "Abandon", prog: func(s *sim.T, n int) {
			open := newTally(s)
			crew(s, n, func(ctx context.Context, _ int) error {
				_, err := braid.Abandon(ctx, func(ctx context.Context) (int, error) {
					err := braid.Yield(context.WithoutCancel(ctx))
					open.add(1)
					return 1, err
				}, func(int) { open.add(-1) })
				if err == nil {
					open.add(-1)
				}
				return err
			})
			s.Cleanup(func() {
				if open.n != 0 {
					s.Errorf("%d results were neither returned nor disposed of", open.n)
				}
			})
		}},
		{name: "a failure and a panic", prog: func(s *sim.T, n int) {
			boom := errors.New("boom")
			defer func() {
				pe, ok := recover().(*braid.PanicError)
				if (!ok || pe.Value != "bang") && !s.Injected() {
					s.Errorf("recovered %v", pe)
				}
			}()
			err := braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
				for i := range n {
					g.Go(func(ctx context.Context) error {
						err := braid.Yield(ctx)
						switch {
						case i == 0:
							panic("bang")
						case err == nil:
							return boom
						}
						return err
					})
				}
				return nil
			})
			if !s.Injected() {
				s.Errorf("Run returned %v", fmt.Sprint(err))
			}
		}},
	}
}

func TestCombinators(t *testing.T) { explored(t, combinatorSubjects()) }
func TestScopes(t *testing.T)      { explored(t, scopeSubjects()) }
