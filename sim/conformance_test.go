package sim_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/internal/conformance"
	"github.com/braid-go/braid/sim"
)

// conform runs the conformance suite. The bubble is for the cases that wait for goroutines outside:
// in it the simulator knows exactly when those wait, too.
func conform(t *testing.T, loop bool, src func() sim.Source) {
	conformance.Test(t, func(t *testing.T, body func(context.Context)) {
		braidtest.CheckLeaks(t)
		synctest.Test(t, func(t *testing.T) { sim.RunBare(t, src(), loop, body) })
	})
}

func TestConformance(t *testing.T) {
	for _, loop := range []bool{false, true} {
		name := map[bool]string{false: "parallel", true: "loop"}[loop]
		t.Run(name+"/canonical", func(t *testing.T) { conform(t, loop, sim.Canonical) })
		for _, s := range []sim.Strategy{sim.Random, sim.PCT3, sim.POS} {
			for seed := range uint64(2) {
				if seed > 0 && s != sim.Random || testing.Short() && (seed > 0 || loop || s != sim.Random) {
					break
				}
				t.Run(fmt.Sprintf("%s/%v/seed=%d", name, s, seed+1), func(t *testing.T) {
					conform(t, loop, func() sim.Source { return sim.Walk(s, seed+1) })
				})
			}
		}
	}
}
