package sim_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/sim"
)

// braid's own primitives and combinators under the simulator. Each subject is a program for n tasks that says what must be true,
// whatever the schedule, and whatever is cancelled.

type subject struct {
	name string
	prog func(s *sim.T, n int)
}

// explored runs a subject: all schedules of two tasks and of three, up to a bound; all cancellations, one at a time;
// and random schedules of three tasks with a cancellation at random.
func explored(t *testing.T, subjects []subject) {
	limit := 10_000
	if testing.Short() {
		limit = 500
	}
	for _, sub := range subjects {
		t.Run(sub.name, func(t *testing.T) {
			of := func(n int) func(*sim.T) { return func(s *sim.T) { sub.prog(s, n) } }
			for n := 2; n <= 3; n++ {
				t.Run(fmt.Sprintf("all schedules of %d tasks", n), func(t *testing.T) {
					sim.Test(t, of(n), sim.Exhaustive, sim.Schedules(limit))
				})
			}
			t.Run("sweep", func(t *testing.T) { sim.Test(t, of(3), sim.Sweep(), sim.Schedules(300)) })
			t.Run("cancels", func(t *testing.T) { sim.Test(t, of(3), sim.Cancels(), sim.Schedules(600)) })
			t.Run("loop", func(t *testing.T) { sim.Test(t, of(3), sim.Loop, sim.Sweep(), sim.Cancels(), sim.Schedules(300)) })
		})
	}
}

// crew runs n tasks in a scope. What they return may only be an error if the simulator has cancelled something,
// and then only the cancellation, or what is allowed to follow from it.
func crew(s *sim.T, n int, fn func(ctx context.Context, i int) error, allowed ...error) {
	err := braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
		for i := range n {
			g.Go(func(ctx context.Context) error { return fn(ctx, i) }, braid.Name(fmt.Sprintf("t%d", i)))
		}
		return nil
	})
	explain(s, err, allowed...)
}

// explain checks that err follows from a cancellation.
func explain(s *sim.T, err error, allowed ...error) {
	if err == nil {
		return
	}
	if s.Injected() {
		for _, a := range append(allowed, sim.ErrInjected) {
			if errors.Is(err, a) {
				return
			}
		}
	}
	s.Errorf("the scope failed: %v", err)
}

// atMost checks how many are inside at a time.
type atMost struct{ in, max int }

func (a *atMost) enter(s *sim.T, n int) {
	if a.in += n; a.in > a.max {
		s.Errorf("%d inside, and %d may be", a.in, a.max)
	}
}

func (a *atMost) leave(n int) { a.in -= n }

func lockSubjects() []subject {
	return []subject{
		{"Semaphore", func(s *sim.T, n int) {
			sem := braid.NewSemaphore(2)
			inside := atMost{max: 2}
			s.Balanced(sem)
			crew(s, n, func(ctx context.Context, i int) error {
				weight := int64(1 + i%2)
				if err := sem.Acquire(ctx, weight); err != nil {
					return err
				}
				inside.enter(s, int(weight))
				err := braid.Yield(ctx)
				inside.leave(int(weight))
				sem.Release(weight)
				return err
			})
		}},
		{"Limiter", func(s *sim.T, n int) {
			lim := braid.NewLimiter("tokens", 1)
			inside := atMost{max: 1}
			s.Balanced(lim)
			crew(s, n, func(ctx context.Context, _ int) error {
				if err := lim.Acquire(ctx); err != nil {
					return err
				}
				defer lim.Release(ctx)
				inside.enter(s, 1)
				defer inside.leave(1)
				return braid.Yield(ctx)
			})
		}},
		{"Mutex", func(s *sim.T, n int) {
			var m braid.Mutex
			count := sim.NewVar("count", 0)
			done := 0
			s.Balanced(&m)
			crew(s, n, func(ctx context.Context, _ int) error {
				if err := m.Lock(ctx); err != nil {
					return err
				}
				defer m.Unlock()
				count.Store(ctx, count.Load(ctx)+1)
				done++
				return nil
			})
			if count.Peek() != done {
				s.Errorf("counted %d, want %d", count.Peek(), done)
			}
		}},
		{"RWMutex", func(s *sim.T, n int) {
			var m braid.RWMutex
			readers, writers := 0, 0
			s.Balanced(&m)
			s.Invariant("a writer is alone", func() error {
				if writers > 1 || writers == 1 && readers > 0 {
					return fmt.Errorf("%d writers and %d readers", writers, readers)
				}
				return nil
			})
			crew(s, n, func(ctx context.Context, i int) error {
				if i%2 == 0 {
					if err := m.RLock(ctx); err != nil {
						return err
					}
					readers++
					err := braid.Yield(ctx)
					readers--
					m.RUnlock()
					return err
				}
				if err := m.Lock(ctx); err != nil {
					return err
				}
				writers++
				err := braid.Yield(ctx)
				writers--
				m.Unlock()
				return err
			})
		}},
	}
}

func signalSubjects() []subject {
	return []subject{
		{"Event", func(s *sim.T, n int) {
			var e braid.Event
			set := false
			crew(s, n, func(ctx context.Context, i int) error {
				if i == 0 {
					set = true
					e.Set()
					return nil
				}
				// The setter may have been cancelled before it came to Set, never after.
				err := e.Wait(ctx)
				if err == nil && !set {
					s.Errorf("Wait returned before Set")
				}
				return err
			})
			if st := e.Statistics(); st.Waiting != 0 {
				s.Errorf("%d still wait", st.Waiting)
			}
		}},
		{"Cond", func(s *sim.T, n int) {
			var m braid.Mutex
			c := braid.NewCond(&m)
			items := 0
			s.Balanced(&m)
			crew(s, n, func(ctx context.Context, i int) error {
				if i == 0 {
					for range n - 1 {
						if err := m.Lock(context.WithoutCancel(ctx)); err != nil {
							return err
						}
						items++
						c.Notify(1)
						m.Unlock()
					}
					return nil
				}
				if err := m.Lock(ctx); err != nil {
					return err
				}
				defer m.Unlock()
				if err := c.WaitFor(ctx, func() bool { return items > 0 }); err != nil {
					return err
				}
				items--
				return nil
			})
			if items < 0 || items > 0 && !s.Injected() {
				s.Errorf("%d items are left", items)
			}
			if st := c.Statistics(); st.Waiting != 0 {
				s.Errorf("%d still wait", st.Waiting)
			}
		}},
		{"Barrier", func(s *sim.T, n int) {
			b := braid.NewBarrier(n)
			arrived, indices := 0, 0
			crew(s, n, func(ctx context.Context, _ int) error {
				arrived++
				i, err := b.Wait(ctx)
				if err != nil {
					b.Abort() // one that does not arrive at all breaks it for the others
					return err
				}
				if arrived != n {
					s.Errorf("through with %d of %d", arrived, n)
				}
				indices += 1 << i
				return nil
			}, braid.ErrBarrierBroken)
			if !s.Injected() && indices != 1<<n-1 {
				s.Errorf("indices %b", indices)
			}
		}},
		{"Promise", func(s *sim.T, n int) {
			var p braid.Promise[int]
			crew(s, n, func(ctx context.Context, i int) error {
				if i == 0 {
					if !p.Resolve(7) {
						s.Errorf("Resolve did not")
					}
					return nil
				}
				v, err := p.Future().Wait(ctx)
				if err == nil && v != 7 {
					s.Errorf("got %d", v)
				}
				return err
			})
		}},
		{"OnceValue", func(s *sim.T, n int) {
			calls, ends := 0, 0
			o := braid.NewOnceValue(func(ctx context.Context) (int, error) {
				calls++
				if err := braid.Yield(ctx); err != nil {
					return 0, err
				}
				ends++
				return 7, nil
			})
			crew(s, n, func(ctx context.Context, _ int) error {
				v, err := o.Get(ctx)
				if err == nil && v != 7 {
					s.Errorf("got %d", v)
				}
				return err
			})
			if ends > 1 || calls > 2 || calls > 1 && !s.Injected() {
				s.Errorf("called %d times, to the end %d times", calls, ends)
			}
			if st := o.Statistics(); st.Running || st.Waiting != 0 {
				s.Errorf("afterwards: %+v", st)
			}
		}},
	}
}

func TestLocks(t *testing.T)   { explored(t, lockSubjects()) }
func TestSignals(t *testing.T) { explored(t, signalSubjects()) }
