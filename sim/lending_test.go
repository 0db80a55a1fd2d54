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
	s     *sim.T
	in    *tally
	limit int
}

func newSlots(s *sim.T, limit int) *slots { return &slots{s: s, in: newTally(s), limit: limit} }

func (l *slots) work(ctx context.Context) error {
	l.in.add(1)
	if n := l.in.get(); n > l.limit && !l.s.Injected() {
		l.s.Errorf("%d tasks run, and %d may", n, l.limit)
	}
	err := braid.Yield(ctx)
	l.in.add(-1)
	return err
}

type limitedTask func(ctx context.Context, g *braid.Group, l *slots, i int) error

func limited(limit int, task limitedTask) func(s *sim.T, n int) {
	return func(s *sim.T, n int) {
		l := newSlots(s, limit)
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
		{name: "each waits for a child of its own", prog: limited(1, func(ctx context.Context, g *braid.Group, l *slots, _ int) error {
			h := g.Go(l.work)
			if err := h.Wait(ctx); err != nil {
				return err
			}
			return l.work(ctx)
		})},
		{name: "each asks for a slot for a child", prog: limited(1, askForSlot), all: limited(1, first(1, askForSlot))},
		{name: "each waits from inside a nested scope", prog: limited(1, waitInside), all: limited(1, first(1, waitInside))},
		{name: "each waits with a time limit", prog: limited(1, waitBriefly), all: limited(1, first(2, waitBriefly))},
		{name: "each starts a server", prog: limited(2, startServer), all: limited(2, first(1, startServer))},
		{name: "a portal into a limited group", prog: portals(true), all: portals(false)},
	}
}

// first makes the first k tasks do as task does; the others work.
func first(k int, task limitedTask) limitedTask {
	return func(ctx context.Context, g *braid.Group, l *slots, i int) error {
		if i >= k {
			return l.work(ctx)
		}
		return task(ctx, g, l, i)
	}
}

func askForSlot(ctx context.Context, g *braid.Group, l *slots, _ int) error {
	h, err := g.GoWait(ctx, l.work)
	if err != nil {
		return err
	}
	if err := h.Wait(ctx); err != nil {
		return err
	}
	return l.work(ctx)
}

func waitInside(ctx context.Context, g *braid.Group, l *slots, _ int) error {
	err := braid.Run(ctx, func(_ context.Context, inner *braid.Group) error {
		inner.Go(func(ctx context.Context) error { return g.Go(l.work).Wait(ctx) })
		inner.Go(func(ctx context.Context) error { return g.Go(l.work).Wait(ctx) })
		return nil
	})
	if err != nil {
		return err
	}
	return l.work(ctx)
}

func waitBriefly(ctx context.Context, g *braid.Group, l *slots, _ int) error {
	h := g.Go(l.work)
	err := braid.Timeout(ctx, time.Second, h.Wait)
	if err != nil && !errors.Is(err, braid.ErrTimeout) {
		return err
	}
	return nil
}

func startServer(ctx context.Context, g *braid.Group, l *slots, i int) error {
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
}

// portals lets the body of a limited group, and one of its tasks or all, go through a portal into that group.
func portals(all bool) func(s *sim.T, n int) {
	return func(s *sim.T, n int) {
		err := braid.Run(s.Context(), func(ctx context.Context, g *braid.Group) error {
			p := braid.NewPortal(g)
			l := newSlots(s, 1)
			for i := range n - 1 {
				g.Go(func(ctx context.Context) error {
					if i > 0 && !all {
						return l.work(ctx)
					}
					return p.Do(ctx, l.work)
				})
			}
			return p.Do(ctx, l.work)
		}, braid.Limit(1))
		explain(s, err, braid.ErrNotStarted)
	}
}

func stateSubjects() []subject {
	return []subject{
		{name: "Using", prog: func(s *sim.T, n int) {
			open := newTally(s)
			crew(s, n, func(ctx context.Context, _ int) error {
				return braid.Using(ctx, func(ctx context.Context) (int, error) {
					if err := braid.Yield(ctx); err != nil {
						return 0, err
					}
					open.add(1)
					return 1, nil
				}, func(context.Context, int) error {
					open.add(-1)
					return nil
				}, func(ctx context.Context, _ int) error { return braid.Yield(ctx) })
			})
			if n := open.get(); n != 0 {
				s.Errorf("%d are open", n)
			}
		}},
		{name: "Every", prog: everies(2), all: everies(1)},
		{name: "nested timeouts", prog: nestedTimeouts(3), all: func(s *sim.T, n int) { nestedTimeouts(4-n)(s, n) }},
		{name: "a task that is cancelled by a sibling", prog: func(s *sim.T, n int) {
			stop := errors.New("stop")
			event := never(s)
			err := braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
				h := g.Go(event.Wait)
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
		{name: "a group that is cancelled while it starts tasks", prog: func(s *sim.T, n int) {
			stop := errors.New("stop")
			ran, ended := newTally(s), newTally(s)
			event := never(s)
			err := braid.Run(s.Context(), func(ctx context.Context, g *braid.Group) error {
				for range n {
					g.Go(func(ctx context.Context) error {
						ran.add(1)
						defer ended.add(1)
						g.Cancel(stop)
						return event.Wait(ctx)
					})
				}
				return nil
			})
			explain(s, err, stop)
			if ran.get() != ended.get() {
				s.Errorf("%d ran, %d ended", ran.get(), ended.get())
			}
		}},
		{name: "a failure in a nested scope", prog: func(s *sim.T, n int) {
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
					}, braid.Name(fmt.Sprintf("t%d", i)))
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

// everies lets the first task tick twice, and the others as often as said.
func everies(others int) func(s *sim.T, n int) {
	return func(s *sim.T, n int) {
		crew(s, n, func(ctx context.Context, i int) error {
			ticks, want := 0, others
			if i == 0 {
				want = 2
			}
			enough := errors.New("enough")
			err := braid.Every(ctx, time.Second, func(ctx context.Context) error {
				if ticks++; ticks == want {
					return enough
				}
				return braid.Yield(ctx)
			})
			if errors.Is(err, enough) {
				return nil
			}
			return err
		})
	}
}

// nestedTimeouts lets so many tasks have a limit inside another; the others have one.
func nestedTimeouts(nested int) func(s *sim.T, n int) {
	return func(s *sim.T, n int) {
		event := never(s)
		crew(s, n, func(ctx context.Context, i int) error {
			err := braid.Timeout(ctx, time.Second, func(ctx context.Context) error {
				if i >= nested {
					return event.Wait(ctx)
				}
				return braid.Timeout(ctx, time.Duration(1+i%2)*time.Second, event.Wait)
			})
			if err == nil {
				s.Errorf("the event came")
			}
			if errors.Is(err, braid.ErrTimeout) {
				return nil
			}
			return err
		})
	}
}

func TestLending(t *testing.T) { explored(t, lendingSubjects()) }
func TestStates(t *testing.T)  { explored(t, stateSubjects()) }
