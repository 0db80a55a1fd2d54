package sim_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/sim"
)

// braid's own primitives and combinators under the simulator. Each subject is a program for n tasks that says what must be true,
// whatever the schedule, and whatever is cancelled.

type subject struct {
	name string
	prog func(s *sim.T, n int)
	all  func(s *sim.T, n int) // for the search through all schedules, if that of prog takes too long
}

// exhaustive is the program for the search through all schedules.
func (sub subject) exhaustive(n int) func(*sim.T) {
	prog := sub.prog
	if sub.all != nil {
		prog = sub.all
	}
	return func(s *sim.T) { prog(s, n) }
}

// explored runs a subject: all cancellations, one at a time; random schedules of three tasks with a cancellation at random;
// and the schedules of two and of three tasks that have the fewest switches. [TestAllSchedules] runs all of them.
func explored(t *testing.T, subjects []subject) {
	limit := 3000
	if testing.Short() {
		limit = 500
	}
	for _, sub := range subjects {
		t.Run(sub.name, func(t *testing.T) {
			of := func(n int) func(*sim.T) { return func(s *sim.T) { sub.prog(s, n) } }
			for n := 2; n <= 3; n++ {
				t.Run(fmt.Sprintf("few switches of %d tasks", n), func(t *testing.T) {
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

// tally is a number that tasks share. What they do with it is announced, for the search that leaves out what is the same.
type tally struct {
	s *sim.T
	n int
}

func newTally(s *sim.T) *tally {
	t := &tally{s: s}
	sim.Touch(s.Context(), t, sim.Writing)
	return t
}

func (t *tally) add(n int) {
	sim.Touch(t.s.Context(), t, sim.Adding)
	t.n += n
}

func (t *tally) get() int {
	sim.Touch(t.s.Context(), t, sim.Reading)
	return t.n
}

// atMost checks how many are inside at a time.
type atMost struct {
	tally

	max int
}

func newAtMost(s *sim.T, limit int) *atMost {
	a := &atMost{tally: tally{s: s}, max: limit}
	sim.Touch(s.Context(), &a.tally, sim.Writing)
	return a
}

func (a *atMost) enter(n int) {
	a.add(n)
	if in := a.get(); in > a.max {
		a.s.Errorf("%d inside, and %d may be", in, a.max)
	}
}

func (a *atMost) leave(n int) { a.add(-n) }

// known uses objects once, so that what is done to them without a ctx has a point from the beginning.
// Each has a method that takes a ctx and returns at once if that is done.
func known(s *sim.T, objects ...any) {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	for _, o := range objects {
		for _, name := range []string{"Wait", "Acquire", "Lock", "Join"} {
			m := reflect.ValueOf(o).MethodByName(name)
			if !m.IsValid() {
				continue
			}
			args := []reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(int64(1))}
			m.Call(args[:m.Type().NumIn()])
			break
		}
	}
}

// never returns an event that is never set.
func never(s *sim.T) *braid.Event {
	e := &braid.Event{}
	known(s, e)
	return e
}

func lockSubjects() []subject {
	return []subject{
		{name: "Semaphore", prog: func(s *sim.T, n int) {
			sem := braid.NewSemaphore(2)
			inside := newAtMost(s, 2)
			s.Balanced(sem)
			known(s, sem)
			crew(s, n, func(ctx context.Context, i int) error {
				weight := int64(1 + i%2)
				if err := sem.Acquire(ctx, weight); err != nil {
					return err
				}
				inside.enter(int(weight))
				err := braid.Yield(ctx)
				inside.leave(int(weight))
				sem.Release(weight)
				return err
			})
		}},
		{name: "Limiter", prog: func(s *sim.T, n int) {
			lim := braid.NewLimiter("tokens", 1)
			inside := newAtMost(s, 1)
			s.Balanced(lim)
			known(s, lim)
			crew(s, n, func(ctx context.Context, _ int) error {
				if err := lim.Acquire(ctx); err != nil {
					return err
				}
				defer lim.Release(ctx)
				inside.enter(1)
				defer inside.leave(1)
				return braid.Yield(ctx)
			})
		}},
		{name: "Mutex", prog: func(s *sim.T, n int) {
			var m braid.Mutex
			count := sim.NewVar("count", 0)
			done := newTally(s)
			s.Balanced(&m)
			known(s, &m)
			crew(s, n, func(ctx context.Context, _ int) error {
				if err := m.Lock(ctx); err != nil {
					return err
				}
				defer m.Unlock()
				count.Store(ctx, count.Load(ctx)+1)
				done.add(1)
				return nil
			})
			if count.Peek() != done.get() {
				s.Errorf("counted %d, want %d", count.Peek(), done.get())
			}
		}},
		{name: "RWMutex", prog: func(s *sim.T, n int) {
			var m braid.RWMutex
			inside := newAtMost(s, 100) // a writer counts for all of it
			s.Balanced(&m)
			known(s, &m)
			crew(s, n, func(ctx context.Context, i int) error {
				if i%2 == 0 {
					if err := m.RLock(ctx); err != nil {
						return err
					}
					inside.enter(1)
					err := braid.Yield(ctx)
					inside.leave(1)
					m.RUnlock()
					return err
				}
				if err := m.Lock(ctx); err != nil {
					return err
				}
				inside.enter(100)
				err := braid.Yield(ctx)
				inside.leave(100)
				m.Unlock()
				return err
			})
		}},
	}
}

func signalSubjects() []subject {
	return []subject{
		{name: "Event", prog: func(s *sim.T, n int) {
			var e braid.Event
			set := newTally(s)
			known(s, &e)
			crew(s, n, func(ctx context.Context, i int) error {
				if i == 0 {
					set.add(1)
					e.Set()
					return nil
				}
				// The setter may have been cancelled before it came to Set, never after.
				err := e.Wait(ctx)
				if err == nil && set.get() == 0 {
					s.Errorf("Wait returned before Set")
				}
				return err
			})
			if st := e.Statistics(); st.Waiting != 0 {
				s.Errorf("%d still wait", st.Waiting)
			}
		}},
		{name: "Cond", prog: func(s *sim.T, n int) {
			var m braid.Mutex
			c := braid.NewCond(&m)
			items := 0 // under m
			s.Balanced(&m)
			known(s, &m, c)
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
		{name: "Barrier", prog: func(s *sim.T, n int) {
			b := braid.NewBarrier(n)
			arrived, indices := newTally(s), newTally(s)
			known(s, b)
			crew(s, n, func(ctx context.Context, _ int) error {
				arrived.add(1)
				i, err := b.Wait(ctx)
				if err != nil {
					b.Abort() // one that does not arrive at all breaks it for the others
					return err
				}
				if arrived.get() != n {
					s.Errorf("through with %d of %d", arrived.get(), n)
				}
				indices.add(1 << i)
				return nil
			}, braid.ErrBarrierBroken)
			if !s.Injected() && indices.get() != 1<<n-1 {
				s.Errorf("indices %b", indices.get())
			}
		}},
		{name: "Promise", prog: func(s *sim.T, n int) {
			var p braid.Promise[int]
			known(s, p.Future())
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
		{name: "OnceValue", prog: func(s *sim.T, n int) {
			calls, ends := newTally(s), newTally(s)
			o := braid.NewOnceValue(func(ctx context.Context) (int, error) {
				calls.add(1)
				if err := braid.Yield(ctx); err != nil {
					return 0, err
				}
				ends.add(1)
				return 7, nil
			})
			crew(s, n, func(ctx context.Context, _ int) error {
				v, err := o.Get(ctx)
				if err == nil && v != 7 {
					s.Errorf("got %d", v)
				}
				return err
			})
			if ends.get() > 1 || calls.get() > 2 || calls.get() > 1 && !s.Injected() {
				s.Errorf("called %d times, to the end %d times", calls.get(), ends.get())
			}
			if st := o.Statistics(); st.Running || st.Waiting != 0 {
				s.Errorf("afterwards: %+v", st)
			}
		}},
	}
}

func TestLocks(t *testing.T)   { explored(t, lockSubjects()) }
func TestSignals(t *testing.T) { explored(t, signalSubjects()) }
