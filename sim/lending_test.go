package sim_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/sim"
)

// Limited groups whose tasks wait for each other, and what else has states of its own.

// slots checks how many tasks are between their waits at a time. A task that was cancelled may be over the limit.
type slots struct {
	s         *sim.T
	in, limit int
}

func (l *slots) work(ctx context.Context) error {
	if l.in++; l.in > l.limit && !l.s.Injected() {
		l.s.Errorf("%d tasks run, and %d may", l.in, l.limit)
	}
	err := braid.Yield(ctx)
	l.in--
	return err
}

func limited(limit int, task func(ctx context.Context, g *braid.Group, l *slots, i int) error) func(s *sim.T, n int) {
	return func(s *sim.T, n int) {
		l := &slots{s: s, limit: limit}
		var stats func() braid.GroupStatistics
		err := braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
			stats = g.Statistics
			for i := range n {
				g.Go(func(ctx context.Context) error { return task(ctx, g, l, i) }, braid.Name(fmt.Sprintf("t%d", i)))
			}
			return nil
		}, braid.Limit(limit))
		explain(s, err, braid.ErrNotStarted)
		if stats != nil {
			if st := stats(); st.Running != 0 || st.Queued != 0 {
				s.Errorf("afterwards: %+v", st)
			}
		}
	}
}

func lendingSubjects() []subject {
	return []subject{
		{"each waits for a child of its own", limited(1, func(ctx context.Context, g *braid.Group, l *slots, _ int) error {
			h := g.Go(l.work)
			if err := h.Wait(ctx); err != nil {
				return err
			}
			return l.work(ctx)
		})},
		{"each asks for a slot for a child", limited(1, func(ctx context.Context, g *braid.Group, l *slots, _ int) error {
			h, err := g.GoWait(ctx, l.work)
			if err != nil {
				return err
			}
			if err := h.Wait(ctx); err != nil {
				return err
			}
			return l.work(ctx)
		})},
		{"each waits from inside a nested scope", limited(1, func(ctx context.Context, g *braid.Group, l *slots, _ int) error {
			err := braid.Run(ctx, func(_ context.Context, inner *braid.Group) error {
				inner.Go(func(ctx context.Context) error { return g.Go(l.work).Wait(ctx) })
				inner.Go(func(ctx context.Context) error { return g.Go(l.work).Wait(ctx) })
				return nil
			})
			if err != nil {
				return err
			}
			return l.work(ctx)
		})},
		{"each waits with a time limit", limited(1, func(ctx context.Context, g *braid.Group, l *slots, _ int) error {
			h := g.Go(l.work)
			err := braid.Timeout(ctx, time.Second, h.Wait)
			if err != nil && !errors.Is(err, braid.ErrTimeout) {
				return err
			}
			return nil
		})},
		{"each starts a server", limited(2, func(ctx context.Context, g *braid.Group, l *slots, i int) error {
			v, err := braid.Start(ctx, g, func(ctx context.Context, ready func(int)) error {
				ready(i)
				return l.work(ctx)
			})
			if err == nil && v != i {
				l.s.Errorf("got %d", v)
			}
			if err != nil {
				return err
			}
			return l.work(ctx)
		})},
		{"a portal into a limited group", func(s *sim.T, n int) {
			err := braid.Run(s.Context(), func(ctx context.Context, g *braid.Group) error {
				p := braid.NewPortal(g)
				l := &slots{s: s, limit: 1}
				for range n - 1 {
					g.Go(func(ctx context.Context) error { return p.Do(ctx, l.work) })
				}
				return p.Do(ctx, l.work)
			}, braid.Limit(1))
			explain(s, err, braid.ErrNotStarted)
		}},
	}
}

func stateSubjects() []subject {
	return []subject{
		{"Using", func(s *sim.T, n int) {
			open := 0
			crew(s, n, func(ctx context.Context, _ int) error {
				return braid.Using(ctx, func(ctx context.Context) (int, error) {
					if err := braid.Yield(ctx); err != nil {
						return 0, err
					}
					open++
					return 1, nil
				}, func(context.Context, int) error {
					open--
					return nil
				}, func(ctx context.Context, _ int) error { return braid.Yield(ctx) })
			})
			if open != 0 {
				s.Errorf("%d are open", open)
			}
		}},
		{"Every", func(s *sim.T, n int) {
			crew(s, n, func(ctx context.Context, _ int) error {
				ticks := 0
				enough := errors.New("enough")
				err := braid.Every(ctx, time.Second, func(ctx context.Context) error {
					if ticks++; ticks == 2 {
						return enough
					}
					return braid.Yield(ctx)
				})
				if errors.Is(err, enough) {
					return nil
				}
				return err
			})
		}},
		{"nested timeouts", func(s *sim.T, n int) {
			crew(s, n, func(ctx context.Context, i int) error {
				err := braid.Timeout(ctx, time.Second, func(ctx context.Context) error {
					return braid.Timeout(ctx, time.Duration(1+i%2)*time.Second, new(braid.Event).Wait)
				})
				if err == nil {
					s.Errorf("the event came")
				}
				if errors.Is(err, braid.ErrTimeout) {
					return nil
				}
				return err
			})
		}},
		{"a task that is cancelled by a sibling", func(s *sim.T, n int) {
			stop := errors.New("stop")
			err := braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
				h := g.Go(func(ctx context.Context) error { return new(braid.Event).Wait(ctx) })
				for range n - 1 {
					g.Go(func(ctx context.Context) error {
						h.Cancel(stop)
						err := h.Wait(ctx)
						if err != nil && !errors.Is(err, stop) {
							return err
						}
						if err == nil {
							s.Errorf("the cancelled task succeeded")
						}
						return nil
					})
				}
				return nil
			})
			explain(s, err)
		}},
		{"a group that is cancelled while it starts tasks", func(s *sim.T, n int) {
			stop := errors.New("stop")
			ran, ended := 0, 0
			err := braid.Run(s.Context(), func(ctx context.Context, g *braid.Group) error {
				for range n {
					g.Go(func(ctx context.Context) error {
						ran++
						defer func() { ended++ }()
						g.Cancel(stop)
						return new(braid.Event).Wait(ctx)
					})
				}
				return nil
			})
			explain(s, err, stop)
			if ran != ended {
				s.Errorf("%d ran, %d ended", ran, ended)
			}
		}},
		{"a failure in a nested scope", func(s *sim.T, n int) {
			boom := errors.New("boom")
			err := braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
				for i := range n {
					g.Go(func(ctx context.Context) error {
						return braid.Run(ctx, func(_ context.Context, inner *braid.Group) error {
							inner.Go(func(ctx context.Context) error {
								if err := braid.Yield(ctx); err != nil || i > 0 {
									return err
								}
								return boom
							})
							return nil
						})
					})
				}
				return nil
			})
			if !s.Injected() && !errors.Is(err, boom) {
				s.Errorf("err = %v", err)
			}
			if err != nil && !errors.Is(err, boom) {
				explain(s, err)
			}
		}},
	}
}

func TestLending(t *testing.T) { explored(t, lendingSubjects()) }
func TestStates(t *testing.T)  { explored(t, stateSubjects()) }
