package sim_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/sim"
)

// A task that forgets to give back what it holds when it is cancelled is found by the sweep, and by nothing without it.
func forgetful(s *sim.T) {
	sem := braid.NewSemaphore(2)
	s.Balanced(sem)
	err := braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			if err := sem.Acquire(ctx, 1); err != nil {
				return err
			}
			if err := braid.Sleep(ctx, time.Second); err != nil {
				return err // without a Release
			}
			sem.Release(1)
			return nil
		})
		return nil
	})
	if err != nil && !errors.Is(err, sim.ErrInjected) {
		s.Errorf("err = %v", err)
	}
}

func TestSweepFindsWhatACancelLeaves(t *testing.T) {
	braidtest.CheckLeaks(t)
	passes(t, forgetful)
	fails(t, forgetful, []sim.Option{sim.Sweep()}, "1 permits in use", "the sweep, cancel", "cancelled by the simulator", "REPRODUCED")
	fails(t, forgetful, []sim.Option{sim.Cancels()}, "1 permits in use")
}

func TestFault(t *testing.T) {
	if sim.Simulated(t.Context()) || sim.Fault(t.Context(), "x") {
		t.Error("a fault outside the simulator")
	}
	sim.Point(t.Context(), "x")
	prog := func(s *sim.T) {
		together(s, func(ctx context.Context) error {
			sim.Point(ctx, "begin")
			for range 5 {
				if sim.Fault(ctx, "db.write") {
					return errors.New("the write failed")
				}
			}
			return nil
		})
	}
	fails(t, prog, nil, "the write failed", "fault db.write")
	fails(t, prog, []sim.Option{sim.Sweep(), sim.Schedules(1)}, "the write failed", "the sweep, fault 1")
}

// A journal that writes the head before the body is found by a crash in between.
func TestCrash(t *testing.T) {
	journal := func(order [2]string) func(s *sim.T) {
		return func(s *sim.T) {
			disk := map[string]bool{}
			write := func(ctx context.Context, name string) error {
				if err := braid.Yield(ctx); err != nil {
					return err
				}
				disk[name] = true
				return nil
			}
			err := sim.Crashable(s.Context(), "server", func(ctx context.Context, _ *braid.Group, life int) error {
				if life > 0 && disk["head"] && !disk["body"] {
					s.Errorf("life %d finds a head without a body", life)
				}
				for _, name := range order {
					if err := write(ctx, name); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				s.Errorf("err = %v", err)
			}
			if !disk["head"] || !disk["body"] {
				s.Errorf("the disk holds %v", disk)
			}
		}
	}
	passes(t, journal([2]string{"body", "head"}))
	fails(t, journal([2]string{"head", "body"}), nil, "a head without a body", "the simulator crashes server")
	fails(t, journal([2]string{"head", "body"}), []sim.Option{sim.Sweep(), sim.Schedules(1)}, "the sweep, crash")
	err := sim.Crashable(t.Context(), "outside", func(_ context.Context, _ *braid.Group, life int) error {
		if life != 0 {
			t.Error("called again")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func FuzzTransfer(f *testing.F) {
	sim.Fuzz(f, func(s *sim.T) {
		var m braid.Mutex
		v := sim.NewVar("v", 0)
		add := func(ctx context.Context) error {
			if err := m.Lock(ctx); err != nil {
				return err
			}
			defer m.Unlock()
			v.Store(ctx, v.Load(ctx)+1)
			return nil
		}
		together(s, add, add)
		if v.Peek() != 2 {
			s.Errorf("v = %d", v.Peek())
		}
	})
}

func TestFuzzReportsTheSchedule(t *testing.T) {
	err := sim.FindBytes(t, checkThenAct, []byte{0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1})
	if err == nil {
		err = sim.FindBytes(t, checkThenAct, []byte{1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3})
	}
	if err == nil {
		t.Fatal("nothing was found")
	}
	says(t, err.Error(), "the schedule of the fuzzer", "60 of 100", "BRAID_SIM_REPLAY")

	// The line to paste works whatever the inputs of the target are.
	err = sim.FindBytes(t, checkThenAct, nil, sim.Replay(replayString(t, err.Error())))
	if err == nil {
		t.Fatal("the replay string does not fail")
	}
	says(t, err.Error(), "the schedule of the replay string", "60 of 100")
}

func TestVarOutside(t *testing.T) {
	v := sim.NewVar("v", 1)
	v.Store(t.Context(), v.Load(t.Context())+1)
	if v.Peek() != 2 || v.Name() != "v" {
		t.Errorf("%s = %d", v.Name(), v.Peek())
	}
}
