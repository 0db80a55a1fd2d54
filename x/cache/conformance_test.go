package cache_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/internal/schedtest"
	"github.com/braid-go/braid/loop"
)

// What the cache promises, as cases that run on every scheduler.

type testCase struct {
	name string
	run  func(t *testing.T, ctx context.Context)

	// waits says that time must pass in the case. It does so in virtual time only.
	waits bool
}

func cases() []testCase {
	return slices.Concat(lifeCases, flightCases, scopeCases, writeCases, nestedCases, tierCases, memoCases)
}

func runAll(t *testing.T, virtual bool, run func(t *testing.T, body func(context.Context))) {
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
