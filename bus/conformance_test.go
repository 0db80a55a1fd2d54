package bus_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/bus"
	"github.com/braid-go/braid/bus/bustest"
	"github.com/braid-go/braid/internal/conformance"
	"github.com/braid-go/braid/internal/schedtest"
	"github.com/braid-go/braid/loop"
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

func runAll(t *testing.T, virtual bool, run conformance.Harness) {
	for _, c := range cases() {
		if c.waits && !virtual {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			braidtest.CheckLeaks(t)
			run(t, func(ctx context.Context) { c.run(t, ctx) })
		})
	}
}

// As the module of an engine runs the contract.
func TestContract(t *testing.T) {
	for kind, config := range kinds {
		t.Run(kind, func(t *testing.T) { bustest.Test(t, config) })
	}
}

// On goroutines, in real time: the cases in which nobody has to wait for time to pass.
func TestConformanceGoroutines(t *testing.T) {
	runAll(t, false, func(t *testing.T, body func(context.Context)) { body(t.Context()) })
}

// On goroutines, in virtual time.
func TestConformanceSynctest(t *testing.T) {
	runAll(t, true, func(t *testing.T, body func(context.Context)) {
		synctest.Test(t, func(t *testing.T) { body(t.Context()) })
	})
}

// On one thread, first in, first out.
func TestConformanceFIFO(t *testing.T) {
	runAll(t, true, func(t *testing.T, body func(context.Context)) {
		synctest.Test(t, func(t *testing.T) { schedtest.New(0).Run(t.Context(), body) })
	})
}

// On one thread that switches at random wherever it may.
func TestConformanceSwitching(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprintf("seed=%d", seed+1), func(t *testing.T) {
			runAll(t, true, func(t *testing.T, body func(context.Context)) {
				synctest.Test(t, func(t *testing.T) { schedtest.New(seed+1).Run(t.Context(), body) })
			})
		})
	}
}

// On the event loop, in virtual time, also with children that start at once.
func TestConformanceLoop(t *testing.T) {
	for name, opts := range map[string][]loop.Option{"plain": nil, "eager": {loop.Eager()}} {
		t.Run(name, func(t *testing.T) {
			runAll(t, true, func(t *testing.T, body func(context.Context)) {
				synctest.Test(t, func(t *testing.T) {
					_ = loop.Run(t.Context(), func(ctx context.Context, _ *braid.Group) error {
						body(ctx)
						return nil
					}, opts...)
				})
			})
		})
	}
}

func TestCasesHaveNames(t *testing.T) {
	t.Parallel()
	var names []string
	for _, c := range cases() {
		names = append(names, c.name)
	}
	slices.Sort(names)
	if n := len(names) - len(slices.Compact(names)); n > 0 {
		t.Errorf("%d names are not unique", n)
	}
}
