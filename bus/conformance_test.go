package bus_test

import (
	"context"
	"slices"
	"testing"

	"github.com/braid-go/braid/bus"
	"github.com/braid-go/braid/bus/bustest"
	"github.com/braid-go/braid/internal/everywhere"
)

// What a bus promises, as cases that run on every scheduler; see internal/conformance. Those of package bustest, which are the contract
// of all engines, run for each kind of bus there is here.

type testCase struct {
	name string
	run  func(t *testing.T, ctx context.Context)

	// waits says that time must pass in the case. It does so in virtual time only.
	waits bool
}

// kinds are the configurations that the contract is tested with.
var kinds = map[string]func(*testing.T) bus.Config{
	"direct": func(*testing.T) bus.Config { return bus.Config{} },
	"strict": func(*testing.T) bus.Config { return bus.Config{Strict: true} },
	"memory": func(*testing.T) bus.Config { return bus.Config{Engine: bus.NewMemory()} },
}

func cases() []testCase {
	list := slices.Concat(policyCases, waitCases, closeCases, wireCases)
	for kind, config := range kinds {
		for _, c := range bustest.Cases() {
			list = append(list, testCase{name: kind + ": " + c.Name, run: func(t *testing.T, ctx context.Context) { c.Run(ctx, t, config(t)) }})
		}
	}
	return list
}

// Each case on every scheduler.
func TestConformance(t *testing.T) {
	var list []everywhere.Case
	for _, c := range cases() {
		list = append(list, everywhere.Case{Name: c.name, Waits: c.waits, Run: c.run})
	}
	everywhere.Test(t, list)
}

// As the module of an engine runs the contract.
func TestContract(t *testing.T) {
	for kind, config := range kinds {
		t.Run(kind, func(t *testing.T) { bustest.Test(t, config) })
	}
}
