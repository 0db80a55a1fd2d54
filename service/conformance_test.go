package service_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/internal/conformance"
	"github.com/braid-go/braid/internal/schedtest"
	"github.com/braid-go/braid/loop"
)

// What a service promises, as cases that run on every scheduler, in virtual time; see internal/conformance.

type testCase struct {
	name string
	run  func(t *testing.T, ctx context.Context)
}

func cases() []testCase {
	return slices.Concat(startCases, stopCases, stuckCases, abortCases, restartCases, checkCases, periodicCases, serveCases, treeCases)
}

func runAll(t *testing.T, run conformance.Harness) {
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			braidtest.CheckLeaks(t)
			run(t, func(ctx context.Context) { c.run(t, ctx) })
		})
	}
}

// On goroutines.
func TestConformanceSynctest(t *testing.T) {
	runAll(t, func(t *testing.T, body func(context.Context)) {
		synctest.Test(t, func(t *testing.T) { body(t.Context()) })
	})
}

// On one thread, first in, first out.
func TestConformanceFIFO(t *testing.T) {
	runAll(t, func(t *testing.T, body func(context.Context)) {
		synctest.Test(t, func(t *testing.T) { schedtest.New(0).Run(t.Context(), body) })
	})
}

// On one thread that switches at random wherever it may.
func TestConformanceSwitching(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprintf("seed=%d", seed+1), func(t *testing.T) {
			runAll(t, func(t *testing.T, body func(context.Context)) {
				synctest.Test(t, func(t *testing.T) { schedtest.New(seed+1).Run(t.Context(), body) })
			})
		})
	}
}

// On the event loop, also with children that start at once.
func TestConformanceLoop(t *testing.T) {
	for name, opts := range map[string][]loop.Option{"plain": nil, "eager": {loop.Eager()}} {
		t.Run(name, func(t *testing.T) {
			runAll(t, func(t *testing.T, body func(context.Context)) {
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
