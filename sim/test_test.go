package sim_test

import (
	"testing"

	"github.com/braid-go/braid/sim"
)

func TestZoo(t *testing.T) {
	for name, prog := range zoo {
		t.Run(name, func(t *testing.T) {
			err := sim.Find(t, prog, nil, sim.Schedules(200))
			if err == nil {
				t.Fatal("not found")
			}
			t.Log(err)
		})
	}
}
