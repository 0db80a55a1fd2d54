//go:build race

package sim_test

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/sim"
)

// counting lets two tasks add to a plain variable, under a lock or not.
func counting(locked bool) func(*sim.T) {
	return func(s *sim.T) {
		var m braid.Mutex
		n := 0
		add := func(ctx context.Context) error {
			if err := braid.Yield(ctx); err != nil {
				return err
			}
			if locked {
				if err := m.Lock(ctx); err != nil {
					return err
				}
				defer m.Unlock()
			}
			n++
			return nil
		}
		together(s, add, add)
		if n != 2 {
			s.Errorf("n = %d", n)
		}
	}
}

// The race is between two tasks that the simulator runs strictly one after the other, in every schedule.
// The detector fails the test in which it finds a race, so this happens in another process.
func TestRacesAreFound(t *testing.T) {
	if os.Getenv("BRAID_SIM_RACY") != "" {
		sim.Test(t, counting(false), sim.Races(), sim.Regressions(""))
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRacesAreFound$")
	cmd.Env = append(os.Environ(), "BRAID_SIM_RACY=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Error("the race was not found")
	}
	says(t, string(out), "WARNING: DATA RACE", "race_test.go:", "data race: the race detector has found", "shrunk from ", "REPRODUCED: run twice more in another process", "BRAID_SIM_REPLAY=")
}

// rarely has a race that needs a task to come between the check of another one and what follows from it.
func rarely(s *sim.T) {
	free, n := sim.NewVar("free", 1), 0
	take := func(ctx context.Context) error {
		for range 3 {
			if err := braid.Yield(ctx); err != nil {
				return err
			}
		}
		if free.Load(ctx) == 1 {
			free.Store(ctx, 0)
			n++
		}
		return nil
	}
	together(s, take, take, nothing, take)
}

// A race is cut down to the switches that it needs, in a process where the detector reports it as often as it is seen,
// and the replay string shows it in one where it does not.
func TestRacesAreShrunk(t *testing.T) {
	if os.Getenv("BRAID_SIM_RACY") != "" {
		sim.Test(t, rarely, sim.Races(), sim.Regressions(""), sim.Random)
		return
	}
	again := func(env ...string) string {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRacesAreShrunk$")
		cmd.Env = append(append(os.Environ(), "BRAID_SIM_RACY=1"), env...)
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Error("the race was not found")
		}
		return string(out)
	}
	report := again()
	says(t, report, "WARNING: DATA RACE", "to 1 switch in ", "REPRODUCED: run twice more in another process")
	says(t, again("BRAID_SIM_REPLAY="+replayString(t, report)), "WARNING: DATA RACE", "data race: the race detector has found")
}

// What the simulator does not control is named there, too.
func TestRacesBackendNamesWhatBlocks(t *testing.T) {
	gate := make(chan struct{})
	defer close(gate)
	fails(t, func(s *sim.T) {
		together(s, func(context.Context) error { <-gate; return nil }, new(braid.Event).Wait)
	}, []sim.Option{sim.Races()}, "task sim_test.together.func1/a blocks in chan receive, at sim/race_test.go:", "not under control")
}

// What cannot be run in another process says so, and is reported as it was found.
func TestRacesAreReportedWhole(t *testing.T) {
	if os.Getenv("BRAID_SIM_RACY") != "" {
		t.Error(sim.Explore("whole", counting(false), sim.Races()).Err)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRacesAreReportedWhole$")
	cmd.Env = append(os.Environ(), "BRAID_SIM_RACY=1")
	out, _ := cmd.CombinedOutput()
	says(t, string(out), "not shrunk: only a test", "not repeated: the race detector reports a race only once in a process", "BRAID_SIM_REPLAY=")
}

// On coroutines the same race is invisible.
func TestRacesAreNotFoundOnCoroutines(t *testing.T) {
	passes(t, counting(false), sim.Schedules(20))
}

// No false alarm: what is ordered by braid is ordered for the detector.
func TestNoRaceWhereThereIsAnOrder(t *testing.T) {
	braidtest.CheckLeaks(t)
	for name, prog := range map[string]func(*sim.T){
		"a mutex": counting(true),
		"a spawn and a wait": func(s *sim.T) {
			_ = braid.Run(s.Context(), func(ctx context.Context, g *braid.Group) error {
				n := 1
				h := g.Go(func(ctx context.Context) error { n++; return braid.Yield(ctx) })
				if err := h.Wait(ctx); err != nil {
					return err
				}
				n++
				return nil
			})
		},
		"a queue": func(s *sim.T) {
			q := braid.NewQueue[*int](1)
			together(s, func(ctx context.Context) error {
				for i := range 3 {
					v := new(int)
					*v = i
					if err := q.Put(ctx, v); err != nil {
						return err
					}
				}
				q.Shutdown(braid.Drain)
				return nil
			}, func(ctx context.Context) error {
				for v, err := range q.All(ctx) {
					if err != nil {
						return err
					}
					*v++
				}
				return nil
			})
		},
		"an event": func(s *sim.T) {
			var e braid.Event
			n := 0
			together(s, func(context.Context) error { n = 1; e.Set(); return nil }, func(ctx context.Context) error {
				if err := e.Wait(ctx); err != nil {
					return err
				}
				n++
				return nil
			})
		},
		"a timeout and a sleep": func(s *sim.T) {
			n := 0
			together(s, func(ctx context.Context) error {
				n++
				_ = braid.Timeout(ctx, time.Second, new(braid.Event).Wait)
				n++
				return braid.Sleep(ctx, time.Second)
			})
		},
		"a faulty program": func(s *sim.T) {
			together(s, func(ctx context.Context) error {
				if sim.Fault(ctx, "x") && s.IntN(2) == 1 {
					s.Log("both")
				}
				return nil
			}, nothing)
		},
		"gather": func(s *sim.T) {
			fn := func(ctx context.Context) (int, error) { return 1, braid.Yield(ctx) }
			_, err := braid.Gather(s.Context(), fn, fn, fn)
			if err != nil {
				s.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			passes(t, prog, sim.Races(), sim.Schedules(100))
			passes(t, prog, sim.Races(), sim.Loop, sim.Schedules(30))
		})
	}
}

// Failures are found and shrunk there, too, and nothing is left behind.
func TestRacesBackendFindsBugs(t *testing.T) {
	braidtest.CheckLeaks(t)
	fails(t, abba, []sim.Option{sim.Races()}, "deadlock", "cycle: ", "REPRODUCED")
	fails(t, func(s *sim.T) {
		together(s, func(context.Context) error { panic("boom") }, new(braid.Event).Wait)
	}, []sim.Option{sim.Races()}, "panic in task", "boom")
	fails(t, func(s *sim.T) {
		together(s, func(ctx context.Context) error {
			for {
				_ = braid.Yield(context.WithoutCancel(ctx))
			}
		})
	}, []sim.Option{sim.Races(), sim.MaxSteps(200)}, "livelock")
}
