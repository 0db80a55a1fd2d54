package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/sim"
)

// simBug is a program with a bug, of four tasks.
type simBug struct {
	name string
	prog func(s *sim.T)
}

// Where the bugs must be found, and how well.
const (
	simSeeds   = 100
	simWithin  = 200 // schedules
	simMisses  = 1   // seeds of the hundred
	simSurplus = 3   // switches more than the shortest
)

// simBugs looks for each bug with many seeds. The figure is how many schedules it takes.
func simBugs(context.Context, config) ([]row, error) {
	var rows []row
	for _, b := range []simBug{
		{"check-then-act", simCheckThenAct}, {"AB-BA deadlock", simABBA},
		{"lost wakeup", simLostWakeup}, {"timeout race", simTimeoutRace},
	} {
		shortest := sim.Explore(b.name, b.prog, sim.Exhaustive, sim.Workers(1))
		if shortest.Err == nil {
			return nil, fmt.Errorf("%s: exhaustive search finds nothing", b.name)
		}
		missed, worst, notReplayed := 0, 0, 0
		var schedules []float64
		for seed := range uint64(simSeeds) {
			r := sim.Explore(b.name, b.prog, sim.Seed(seed), sim.Schedules(simWithin), sim.Workers(1))
			if r.Err == nil {
				missed++
				continue
			}
			schedules = append(schedules, float64(r.Schedules))
			worst = max(worst, r.Switches)
			if sim.Explore(b.name, b.prog, sim.Replay(r.Replay)).Err == nil {
				notReplayed++
			}
		}
		r := row{
			Benchmark: "sim: schedules to the first failure", Unit: "schedules", Subject: b.name,
			Note: fmt.Sprintf("missed by %d of %d seeds; %d switches when shrunk, the shortest has %d; replayed all but %d",
				missed, simSeeds, worst, shortest.Switches, notReplayed),
		}
		r.compare(schedules, nil)
		r.check(missed <= simMisses, fmt.Sprintf("%d of %d seeds", simSeeds-simMisses, simSeeds))
		r.check(worst <= shortest.Switches+simSurplus, fmt.Sprintf("%d switches more", simSurplus))
		r.check(notReplayed == 0, "all replayed")
		rows = append(rows, r)
	}
	return rows, nil
}

// simTogether runs fns as tasks of one scope.
func simTogether(s *sim.T, fns ...func(ctx context.Context) error) {
	err := braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
		for _, fn := range fns {
			g.Go(fn)
		}
		return nil
	})
	if err != nil {
		s.Error(err)
	}
}

// simCheckThenAct looks at a balance and takes from it later.
func simCheckThenAct(s *sim.T) {
	balance := sim.NewVar("balance", 100)
	taken := 0
	withdraw := func(ctx context.Context) error {
		if b := balance.Load(ctx); b >= 60 {
			taken++
			balance.Store(ctx, b-60)
		}
		return nil
	}
	simTogether(s, withdraw, withdraw, withdraw, withdraw)
	if taken > 1 {
		s.Errorf("taken %d times", taken)
	}
}

// simABBA takes two mutexes in different orders.
func simABBA(s *sim.T) {
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
	simTogether(s, both(&a, &b), both(&a, &b), both(&a, &b), both(&b, &a))
}

// simLostWakeup waits for a pulse that has come before.
func simLostWakeup(s *sim.T) {
	items := sim.NewVar("items", 0)
	var pulse braid.Event
	idle := func(ctx context.Context) error { return braid.Yield(ctx) }
	simTogether(s, func(ctx context.Context) error {
		for items.Load(ctx) == 0 {
			if err := pulse.Wait(ctx); err != nil {
				return err
			}
		}
		return nil
	}, func(ctx context.Context) error {
		items.Store(ctx, 1)
		pulse.Set()
		pulse.Clear()
		return nil
	}, idle, idle)
}

// simTimeoutRace tells its caller of a timeout although the work has been done.
func simTimeoutRace(s *sim.T) {
	steps := func(ctx context.Context) error {
		for range 3 {
			if err := braid.Yield(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	simTogether(s, func(ctx context.Context) error {
		done := false
		err := braid.Timeout(ctx, time.Second, func(ctx context.Context) error {
			if err := steps(ctx); err != nil {
				return err
			}
			done = true
			return braid.Yield(ctx)
		})
		if errors.Is(err, braid.ErrTimeout) && done {
			s.Errorf("done, and told of a timeout")
		}
		return nil
	}, steps, steps, steps)
}
