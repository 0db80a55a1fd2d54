package sim_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/sim"
)

func TestDeadlockShowsWhoHoldsWhat(t *testing.T) {
	braidtest.CheckLeaks(t)
	fails(t, abba, nil, "deadlock", "cycle: ", "waits on mutex.Lock a", "waits on mutex.Lock b", "REPRODUCED", "1 switch")
}

func TestPartialDeadlock(t *testing.T) {
	braidtest.CheckLeaks(t)
	fails(t, func(s *sim.T) {
		q := braid.NewQueue[int](1)
		together(s, nothing, func(ctx context.Context) error { _, err := q.Get(context.WithoutCancel(ctx)); return err })
	}, nil, "deadlock", "queue.Get", "held by nobody")
}

func TestTasksLeft(t *testing.T) {
	braidtest.CheckLeaks(t)
	left := func(s *sim.T) {
		ctx, cancel := context.WithCancel(s.Context())
		_ = braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
			g.Go(func(context.Context) error { cancel(); return nil })
			_, err := braid.Abandon(ctx, func(ctx context.Context) (int, error) {
				return 0, new(braid.Event).Wait(context.WithoutCancel(ctx))
			}, nil)
			return err
		})
	}
	fails(t, left, nil, "tasks left behind", "event.Wait")
	passes(t, left, sim.AllowLeft())
}

func TestLivelock(t *testing.T) {
	braidtest.CheckLeaks(t)
	fails(t, func(s *sim.T) {
		together(s, func(ctx context.Context) error {
			for {
				_ = braid.Yield(context.WithoutCancel(ctx)) // does not look whether it is cancelled
			}
		})
	}, []sim.Option{sim.MaxSteps(1000)}, "livelock", "1001 steps", "braid.Yield")
	fails(t, func(s *sim.T) {
		together(s, func(ctx context.Context) error {
			return braid.Every(ctx, time.Second, nothing)
		})
	}, []sim.Option{sim.MaxSteps(1000)}, "livelock", "braid.Sleep")
}

func TestInvariant(t *testing.T) {
	braidtest.CheckLeaks(t)
	prog := func(s *sim.T) {
		v := sim.NewVar("v", 0)
		s.Invariant("v is never two", func() error {
			if v.Peek() == 2 {
				return errors.New("it is")
			}
			return nil
		})
		add := func(ctx context.Context) error { v.Store(ctx, v.Load(ctx)+1); return nil }
		sub := func(ctx context.Context) error { v.Store(ctx, v.Load(ctx)-1); return nil }
		together(s, func(ctx context.Context) error { return errors.Join(add(ctx), sub(ctx)) }, add)
	}
	fails(t, prog, nil, "invariant broken: v is never two: it is", "var.Store v")
}

func TestEventually(t *testing.T) {
	prog := func(n int) func(s *sim.T) {
		return func(s *sim.T) {
			v := sim.NewVar("v", 0)
			s.Eventually("v comes to n", func() bool { return v.Peek() == n })
			together(s, func(ctx context.Context) error {
				for i := range 4 {
					v.Store(ctx, i)
				}
				return nil
			})
		}
	}
	passes(t, prog(2))
	fails(t, prog(4), nil, "never came true: v comes to n")
}

func TestBalanced(t *testing.T) {
	fails(t, func(s *sim.T) {
		sem := braid.NewSemaphore(1)
		sem.SetName("slots")
		s.Balanced(sem)
		together(s, func(ctx context.Context) error { return sem.Acquire(ctx, 1) })
	}, nil, "something is missing", "semaphore slots: 1 permits in use")
	fails(t, func(s *sim.T) { s.Balanced(7) }, nil, "does not know objects of type int")
}

func TestPanic(t *testing.T) {
	braidtest.CheckLeaks(t)
	fails(t, func(s *sim.T) {
		together(s, func(context.Context) error { panic("boom") })
	}, nil, "panic in task", "boom", "oracle_test.go")
	fails(t, func(*sim.T) { panic("bang") }, nil, "panic: bang", "oracle_test.go")
}

func TestGoexitOutOfTheProgram(t *testing.T) {
	braidtest.CheckLeaks(t)
	fails(t, func(*sim.T) { runtime.Goexit() }, nil, "runtime.Goexit", "FailNow of the sim.T")
}

func TestEveryTimerTie(t *testing.T) {
	orders := make(map[string]bool)
	passes(t, func(s *sim.T) {
		order := ""
		s.Cleanup(func() { orders[order] = true })
		var fns []func(context.Context) error
		for i := range 3 {
			fns = append(fns, func(ctx context.Context) error {
				err := braid.Sleep(ctx, time.Second)
				order += fmt.Sprint(i)
				return err
			})
		}
		together(s, fns...)
	}, sim.Exhaustive, sim.Workers(1), sim.Advances(0))
	if len(orders) != 6 {
		t.Errorf("%d orders of 6: %v", len(orders), orders)
	}
}

func TestVirtualTime(t *testing.T) {
	passes(t, func(s *sim.T) {
		if want := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC); !s.Now().Equal(want) {
			s.Errorf("the clock starts at %v", s.Now())
		}
		start := s.Now()
		together(s, func(ctx context.Context) error {
			if err := braid.Sleep(ctx, 1000*time.Hour); err != nil {
				return err
			}
			if d := braid.Time(ctx).Sub(start); d != 1000*time.Hour {
				s.Errorf("slept %v", d)
			}
			return nil
		})
	})
}

// A machine that is never slow hides what happens when a time limit runs out while there is work.
func TestAdvances(t *testing.T) {
	passes(t, timeoutRace, sim.Advances(0))
}

// Spinning is bad manners, but no livelock while others have something to do: no strategy starves them.
func TestSpinnerIsNoLivelock(t *testing.T) {
	braidtest.CheckLeaks(t)
	for _, st := range []sim.Strategy{sim.Portfolio, sim.PCT1, sim.POS, sim.Bounded} {
		passes(t, func(s *sim.T) {
			v := sim.NewVar("v", 0)
			together(s, func(ctx context.Context) error {
				for v.Load(ctx) == 0 {
					continue
				}
				return nil
			}, func(ctx context.Context) error { v.Store(ctx, 1); return nil })
		}, st, sim.Schedules(50))
	}
}
