package sim_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/sim"
)

// allSubjects are braid's own primitives and combinators.
func allSubjects() []subject {
	return slices.Concat(lockSubjects(), signalSubjects(), queueSubjects(), combinatorSubjects(), scopeSubjects(), lendingSubjects(), stateSubjects())
}

// long says that there is time for searches of minutes.
var long = os.Getenv("BRAID_SIM_LONG") != ""

// compared is a program whose full search ends.
type compared struct {
	name string
	prog func(*sim.T)
	full sim.Coverage
}

// comparables returns the subjects, and the planted bugs, that can be searched with and without reduction.
// What the tasks do, each for itself, and how schedules fail is what comes out of them.
var comparables = sync.OnceValue(func() []compared {
	limit := 15_000
	if testing.Short() {
		limit = 1500
		if sim.RaceBackend {
			limit = 800
		}
	}
	if long {
		limit = 300_000
	}
	var list []compared
	add := func(name string, prog func(*sim.T), limit int) bool {
		full := sim.Cover(nil, prog, limit, false, "")
		if full.Complete {
			list = append(list, compared{name, prog, full})
		}
		return full.Complete
	}
	for _, sub := range allSubjects() {
		for n := 2; n <= 3; n++ {
			if !add(fmt.Sprintf("%s, %d tasks", sub.name, n), sub.exhaustive(n), limit) {
				break
			}
		}
	}
	for name, prog := range planted {
		add(name, prog, max(limit, 2000))
	}
	return list
})

// planted are small programs with a bug each.
var planted = map[string]func(*sim.T){
	"lost update": func(s *sim.T) {
		v := sim.NewVar("v", 0)
		inc := func(ctx context.Context) error {
			v.Store(ctx, v.Load(ctx)+1)
			return nil
		}
		together(s, inc, inc)
		if v.Peek() != 2 {
			s.Errorf("%d", v.Peek())
		}
	},
	"AB-BA": func(s *sim.T) {
		var a, b braid.Mutex
		both := func(first, second *braid.Mutex) func(context.Context) error {
			return func(ctx context.Context) error {
				if err := first.Lock(ctx); err != nil {
					return err
				}
				defer first.Unlock()
				if err := second.Lock(ctx); err != nil {
					return err
				}
				second.Unlock()
				return nil
			}
		}
		together(s, both(&a, &b), both(&b, &a))
	},
	"lost wakeup": func(s *sim.T) {
		items := sim.NewVar("items", 0)
		var pulse braid.Event
		together(s, func(ctx context.Context) error {
			if items.Load(ctx) == 0 {
				return pulse.Wait(ctx)
			}
			return nil
		}, func(ctx context.Context) error {
			items.Store(ctx, 1)
			pulse.Set()
			pulse.Clear()
			return nil
		})
	},
	"set before it is waited for": func(s *sim.T) { // Set has no point then
		var e braid.Event
		v := sim.NewVar("v", 0)
		together(s, func(ctx context.Context) error {
			e.Set()
			v.Store(ctx, 1)
			return nil
		}, func(ctx context.Context) error {
			if err := e.Wait(ctx); err != nil {
				return err
			}
			if v.Load(ctx) == 0 {
				s.Errorf("nothing there")
			}
			return nil
		})
	},
	"timeout race": func(s *sim.T) {
		stored := false
		err := braid.Timeout(s.Context(), time.Second, func(ctx context.Context) error {
			if err := braid.Yield(ctx); err != nil {
				return err
			}
			stored = true
			return braid.Yield(ctx)
		})
		if err != nil && stored {
			s.Errorf("stored, and timed out")
		}
	},
	"one still sleeps": func(s *sim.T) {
		asleep := 0
		nap := func(ctx context.Context) error {
			asleep++
			defer func() { asleep-- }()
			return braid.Sleep(ctx, time.Second)
		}
		together(s, nap, func(ctx context.Context) error {
			err := nap(ctx)
			if asleep == 1 {
				s.Errorf("the other still sleeps")
			}
			return err
		})
	},
	"late by the clock": func(s *sim.T) {
		start := s.Now()
		together(s, func(ctx context.Context) error { return braid.Sleep(ctx, time.Second) }, func(ctx context.Context) error {
			if err := braid.Yield(ctx); err != nil {
				return err
			}
			if braid.Time(ctx).After(start) {
				return braid.Yield(ctx)
			}
			return nil
		})
	},
	"a slot that is lent": func(s *sim.T) {
		err := braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
			h := g.Go(func(ctx context.Context) error {
				if _, ok := g.TryGo(nothing); !ok {
					return braid.Yield(ctx)
				}
				return nil
			})
			g.Go(h.Wait)
			return nil
		}, braid.Limit(2))
		explain(s, err)
	},
	"a body that is cancelled": func(s *sim.T) {
		err := braid.Run(s.Context(), func(ctx context.Context, g *braid.Group) error {
			g.Go(func(context.Context) error { g.Cancel(nil); return nil })
			if err := braid.Yield(ctx); err != nil {
				return err
			}
			return braid.Yield(ctx)
		})
		if err != nil {
			s.Errorf("the scope failed: %v", err)
		}
	},
	"a body that starts nothing itself": func(s *sim.T) {
		known := never(s)
		var ready braid.Event
		var inner *braid.Group
		together(s, func(ctx context.Context) error {
			return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				inner = g
				ready.Set()
				if err := ctx.Err(); err != nil {
					return braid.Yield(context.WithoutCancel(ctx))
				}
				return known.Wait(ctx)
			})
		}, func(ctx context.Context) error {
			if err := ready.Wait(ctx); err != nil {
				return err
			}
			inner.Go(nothing)
			inner.Cancel(nil)
			return nil
		})
	},
	"notified too early": func(s *sim.T) {
		var m braid.Mutex
		c := braid.NewCond(&m)
		known(s, &m, c)
		together(s, func(ctx context.Context) error {
			if err := m.Lock(ctx); err != nil {
				return err
			}
			defer m.Unlock()
			return c.Wait(ctx)
		}, func(context.Context) error {
			c.Notify(1)
			return nil
		})
	},
	"read before it is written": func(s *sim.T) {
		v := sim.NewVar("v", 0)
		together(s, func(ctx context.Context) error {
			if v.Load(ctx) == 0 {
				return braid.Yield(ctx)
			}
			return nil
		}, func(ctx context.Context) error {
			v.Store(ctx, 1)
			return nil
		})
	},
	"ready at once": func(s *sim.T) {
		err := braid.Run(s.Context(), func(ctx context.Context, g *braid.Group) error {
			_, err := braid.Start(ctx, g, func(ctx context.Context, ready func(int)) error {
				ready(1)
				return braid.Yield(ctx)
			})
			return err
		})
		explain(s, err)
	},
	"cancelled in the middle": func(s *sim.T) {
		half := false
		err := braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				half = true
				if err := braid.Yield(ctx); err != nil {
					return err
				}
				half = false
				return nil
			})
			g.Go(func(context.Context) error { g.Cancel(nil); return nil })
			return nil
		})
		if err != nil || half {
			s.Errorf("half done")
		}
	},
}

// A search that leaves out what is the same comes to what the full one does.
func TestReducedSearchComesToTheSame(t *testing.T) {
	t.Parallel()
	list := comparables()
	if want := 25; len(list) < want {
		t.Errorf("%d programs can be compared, want at least %d", len(list), want)
	}
	for _, c := range list {
		got := sim.Cover(t, c.prog, 1_000_000, true, "")
		if !got.Complete {
			t.Errorf("%s: cut at %d: %s", c.name, got.Schedules+got.GivenUp, got.How)
		}
		for key := range c.full.Outcomes {
			if got.Outcomes[key] == 0 {
				t.Errorf("%s: the full search comes to %s, and the reduced one does not", c.name, key)
			}
		}
		for key := range got.Outcomes {
			if c.full.Outcomes[key] == 0 {
				t.Errorf("%s: the reduced search comes to %s, and the full one does not", c.name, key)
			}
		}
		if got.Schedules > c.full.Schedules {
			t.Errorf("%s: %d schedules, and the full search has %d", c.name, got.Schedules, c.full.Schedules)
		}
	}
}

// The test above would see a mistake: a search that takes no notice of one kind of use misses something.
func TestBlindSearchMissesSomething(t *testing.T) {
	t.Parallel()
	for _, kind := range sim.Blind {
		missed := 0
		for _, c := range comparables() {
			got := sim.Cover(t, c.prog, 1_000_000, true, kind)
			for key := range c.full.Outcomes {
				if got.Outcomes[key] == 0 {
					missed++
					break
				}
			}
		}
		if missed == 0 {
			t.Errorf("a search that takes no notice of %q misses nothing", kind)
		}
	}
}

func TestReducedSearchFindsBugs(t *testing.T) {
	bugs := []string{"lost update", "AB-BA", "lost wakeup", "set before it is waited for", "timeout race", "one still sleeps", "notified too early", "cancelled in the middle"}
	for _, name := range bugs {
		report := fails(t, planted[name], []sim.Option{sim.Reduce()}, "REPRODUCED")
		again := sim.Find(t, planted[name], map[string]string{"BRAID_SIM_REPLAY": replayString(t, report)})
		if again == nil {
			t.Errorf("%s: the schedule cannot be replayed", name)
		}
	}
	for name, prog := range zoo {
		if err := sim.Find(t, prog, nil, sim.Reduce()); err == nil {
			t.Errorf("%s: nothing was found", name)
		}
	}
}

// Tasks that have nothing to do with each other have one schedule; those that use one object have all their orders.
func TestReducedCounts(t *testing.T) {
	for _, c := range []struct{ n, k int }{{1, 5}, {2, 3}, {2, 20}, {3, 6}, {4, 3}} {
		full, given, complete := sim.ReducedInterleavings(t, c.n, c.k, c.n)
		if full != 1 || !complete {
			t.Errorf("%d tasks of %d steps on objects of their own: %d schedules, and %d given up; complete: %v", c.n, c.k, full, given, complete)
		}
	}
	for _, c := range []struct{ n, k int }{{2, 1}, {2, 3}, {2, 6}, {3, 2}, {3, 3}} {
		full, _, complete := sim.ReducedInterleavings(t, c.n, c.k, 1)
		if want := interleavings(c.n, c.k); full != want || !complete {
			t.Errorf("%d tasks of %d steps on one object: %d schedules, want %d; complete: %v", c.n, c.k, full, want, complete)
		}
	}
	// Two pairs, each with an object: the orders of one pair times those of the other.
	full, _, complete := sim.ReducedInterleavings(t, 4, 2, 2)
	if want := interleavings(2, 2) * interleavings(2, 2); full != want || !complete {
		t.Errorf("two pairs: %d schedules, want %d; complete: %v", full, want, complete)
	}
}

// What Reduce takes for granted: plain memory is seen if it is announced, and not otherwise.
func TestTouch(t *testing.T) {
	prog := func(announce bool) func(*sim.T) {
		return func(s *sim.T) {
			balance := 100
			use := func(how sim.Access) {
				if announce {
					sim.Touch(s.Context(), &balance, how)
				}
			}
			use(sim.Writing)
			withdraw := func(ctx context.Context) error {
				use(sim.Reading)
				if balance < 60 {
					return nil
				}
				sim.Point(ctx, "between")
				use(sim.Writing)
				balance -= 60
				return nil
			}
			together(s, withdraw, withdraw)
			if balance < 0 {
				s.Errorf("the balance is %d", balance)
			}
		}
	}
	fails(t, prog(true), []sim.Option{sim.Reduce()}, "the balance is -20")

	// Who of two comes first to a plain variable: if they do not say that they do, there is less to choose.
	schedules := make(map[bool]int)
	for _, announce := range []bool{true, false} {
		seen, runs := make(map[int]bool), 0
		r := sim.Explore("first", func(s *sim.T) {
			x := 0
			use := func(how sim.Access) {
				if announce {
					sim.Touch(s.Context(), &x, how)
				}
			}
			use(sim.Writing)
			together(s, func(context.Context) error {
				use(sim.Writing)
				x = 1
				return nil
			}, func(context.Context) error {
				use(sim.Reading)
				seen[x] = true
				return nil
			})
			runs++
			if runs == 1 {
				clear(seen) // the canonical schedule comes before the search
			}
		}, sim.Reduce())
		schedules[announce] = r.Schedules
		if announce && len(seen) != 2 || !r.Complete {
			t.Errorf("announced: %v; %d orders; %+v", announce, len(seen), r)
		}
	}
	if schedules[true] <= schedules[false] {
		t.Errorf("schedules if they say so or not: %v", schedules)
	}
	sim.Touch(t.Context(), t, sim.Writing) // outside it does nothing
}

// With an invariant nothing is left out, for it looks at everything.
func TestInvariantsAreLookedAtInEachState(t *testing.T) {
	prog := func(s *sim.T) {
		a, b := sim.NewVar("a", 0), sim.NewVar("b", 0)
		s.Invariant("not both", func() error {
			if a.Peek() == 1 && b.Peek() == 1 {
				return fmt.Errorf("both")
			}
			return nil
		})
		flip := func(v *sim.Var[int]) func(context.Context) error {
			return func(ctx context.Context) error {
				v.Store(ctx, 1)
				v.Store(ctx, 0)
				return nil
			}
		}
		together(s, flip(a), flip(b))
	}
	fails(t, prog, []sim.Option{sim.Reduce()}, "not both")
}

func TestReduceOptions(t *testing.T) {
	ok := func(s *sim.T) { together(s, nothing, nothing) }
	for _, opts := range [][]sim.Option{{sim.Reduce(), sim.Loop}, {sim.Loop, sim.Reduce()}, {sim.Reduce(), sim.Races()}} {
		fails(t, ok, opts, "Reduce cannot be combined")
	}
	passes(t, ok, sim.Reduce(), sim.Complete())
	passes(t, func(s *sim.T) { crew(s, 2, func(ctx context.Context, _ int) error { return braid.Yield(ctx) }) },
		sim.Reduce(), sim.Sweep(), sim.Complete())
	passes(t, ok, sim.Complete()) // random schedules are never complete, nor cut
	big := func(s *sim.T) {
		v := sim.NewVar("v", 0)
		inc := func(ctx context.Context) error {
			for range 5 {
				v.Store(ctx, v.Load(ctx)+1)
			}
			return nil
		}
		together(s, inc, inc, inc)
	}
	fails(t, big, []sim.Option{sim.Reduce(), sim.Complete(), sim.Schedules(50)}, "not all schedules were tried", "cut at 50")
	fails(t, big, []sim.Option{sim.Exhaustive, sim.Complete(), sim.Schedules(50)}, "not all schedules were tried", "cut at 50")
	passes(t, big, sim.Reduce(), sim.Schedules(50))
}

// A program that depends on what is not on the tape cannot be counted through, and is said to be one.
func TestReduceNoticesWhatIsNotDeterministic(t *testing.T) {
	runs := 0
	prog := func(s *sim.T) {
		runs++
		v := sim.NewVar("v", 0)
		store := func(ctx context.Context) error {
			for range runs % 7 {
				v.Store(ctx, 1)
			}
			return nil
		}
		together(s, store, store)
	}
	fails(t, prog, []sim.Option{sim.Reduce(), sim.Complete(), sim.Schedules(500)}, "the program is not the same each time")
}

// A task that yields may go on at once, in replays as well.
func TestYieldLetsNobodyGoFirst(t *testing.T) {
	prog := func(s *sim.T) {
		v := sim.NewVar("v", 0)
		together(s, func(ctx context.Context) error {
			for range 3 {
				if err := braid.Yield(ctx); err != nil {
					return err
				}
			}
			if v.Load(ctx) == 0 {
				s.Errorf("the other has done nothing")
			}
			return nil
		}, func(ctx context.Context) error {
			v.Store(ctx, 1)
			return nil
		})
	}
	report := fails(t, prog, []sim.Option{sim.Reduce()}, "the other has done nothing", "REPRODUCED", "BRAID_SIM_REPLAY=1py:")
	if err := sim.Find(t, prog, map[string]string{"BRAID_SIM_REPLAY": replayString(t, report)}); err == nil {
		t.Error("the schedule cannot be replayed")
	}
}

// Two timers are due at the same time, and what the first wakes may run before the second fires.
func TestSomebodyRunsBetweenTwoTimersThatAreDue(t *testing.T) {
	prog := func(s *sim.T) {
		event := never(s)
		together(s, func(ctx context.Context) error {
			if err := braid.Timeout(ctx, time.Second, event.Wait); err == nil {
				s.Errorf("just in time")
			}
			return nil
		}, func(ctx context.Context) error {
			if err := braid.Sleep(ctx, time.Second); err != nil {
				return err
			}
			event.Set()
			return nil
		})
	}
	for _, opt := range []sim.Option{sim.Exhaustive, sim.Reduce(), sim.Random} {
		fails(t, prog, []sim.Option{opt, sim.Advances(0)}, "just in time", "REPRODUCED")
	}
}
