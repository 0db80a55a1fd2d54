package work_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/internal/schedtest"
	"github.com/braid-go/braid/loop"
	"github.com/braid-go/braid/sim"
	"github.com/braid-go/braid/work"
	"github.com/braid-go/braid/work/worktest"
)

// The contract of all engines, for the one in memory, on every scheduler. Time is virtual everywhere.

func newMemory(codec *work.Codec[worktest.Payload]) func(testing.TB, context.Context, worktest.Settings) work.Engine[worktest.Payload] {
	return func(_ testing.TB, _ context.Context, s worktest.Settings) work.Engine[worktest.Payload] {
		return work.NewMemory(work.MemoryConfig[worktest.Payload]{
			Name: "suite", Capacity: s.Capacity, PerKey: s.PerKey, Window: s.Window, Codec: codec,
		})
	}
}

func suite(run func(t *testing.T, body func(testing.TB, context.Context))) worktest.Suite {
	return worktest.Suite{New: newMemory(nil), Tick: time.Second, Run: func(t *testing.T, body func(testing.TB, context.Context)) {
		braidtest.CheckLeaks(t)
		run(t, body)
	}}
}

// bubble runs body in virtual time.
func bubble(t *testing.T, body func(testing.TB, context.Context)) {
	synctest.Test(t, func(t *testing.T) { body(t, t.Context()) })
}

func TestMemoryGoroutines(t *testing.T) { worktest.Test(t, suite(bubble)) }

func TestMemoryStrict(t *testing.T) {
	s := suite(bubble)
	s.New = newMemory(work.JSON[worktest.Payload]())
	worktest.Test(t, s)
}

func TestMemoryLoop(t *testing.T) {
	for name, opts := range map[string][]loop.Option{"plain": nil, "eager": {loop.Eager()}} {
		t.Run(name, func(t *testing.T) {
			worktest.Test(t, suite(func(t *testing.T, body func(testing.TB, context.Context)) {
				synctest.Test(t, func(t *testing.T) {
					_ = loop.Run(t.Context(), func(ctx context.Context, _ *braid.Group) error {
						body(t, ctx)
						return nil
					}, opts...)
				})
			}))
		})
	}
}

// On one thread: first in, first out, and then switching at random wherever it may.
func TestMemorySwitching(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			worktest.Test(t, suite(func(t *testing.T, body func(testing.TB, context.Context)) {
				synctest.Test(t, func(t *testing.T) {
					schedtest.New(seed).Run(t.Context(), func(ctx context.Context) { body(t, ctx) })
				})
			}))
		})
	}
}

// In the simulator, under many schedules. The machine is as fast as in a bubble: cases count in ticks.
func TestMemorySim(t *testing.T) {
	worktest.Test(t, suite(func(t *testing.T, body func(testing.TB, context.Context)) {
		sim.Test(t, func(s *sim.T) { body(s, s.Context()) }, sim.Schedules(50), sim.Advances(0), sim.Regressions(""))
	}))
}
