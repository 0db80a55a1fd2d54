package bus_test

import (
	"testing"

	"github.com/braid-go/braid/sim"
)

// In the simulator, under some schedules of each. The machine is infinitely fast: a case that sets a time limit
// would otherwise have to allow for handlers that get no turn before it.
func TestConformanceSim(t *testing.T) {
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			sim.Test(t, func(s *sim.T) { c.run(t, s.Context()) }, sim.Schedules(5), sim.Random, sim.Advances(0), sim.Workers(1))
		})
	}
}
