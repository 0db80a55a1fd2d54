package sim_test

import (
	"testing"

	"github.com/braid-go/braid/sim"
)

// Each bug of the zoo is found within 200 schedules, whatever the seed; replay reproduces it each time;
// and what the shrinker leaves has hardly more switches than the shortest schedule that fails.
func TestZooIsFound(t *testing.T) {
	seeds := uint64(100)
	if testing.Short() {
		seeds = 10
	}
	for name, prog := range zoo {
		t.Run(name, func(t *testing.T) {
			shortest := sim.Shortest(t, prog)
			missed, schedules, worst := 0, 0, 0
			for seed := range seeds {
				r := sim.Hunt(t, prog, seed, 200)
				if !r.Found {
					missed++
					continue
				}
				schedules += r.Schedules
				worst = max(worst, r.Switches)
				if !r.Replayed {
					t.Errorf("seed %d: the schedule cannot be replayed", seed)
				}
			}
			t.Logf("missed by %d of %d seeds, %.1f schedules on average, %d switches after shrinking, %d in the shortest",
				missed, seeds, float64(schedules)/float64(seeds), worst, shortest)
			if missed*100 > int(seeds) {
				t.Errorf("missed by %d of %d seeds", missed, seeds)
			}
			if worst > shortest+3 {
				t.Errorf("%d switches after shrinking, and the shortest has %d", worst, shortest)
			}
		})
	}
}
