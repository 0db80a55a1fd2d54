package sim

import (
	"context"
	"testing"
	"time"
)

// Source makes the choices of a schedule.
type Source = source

// RunBare runs main as one schedule without a root scope, among goroutines that the simulator does not know.
func RunBare(t *testing.T, src Source, loop bool, main func(ctx context.Context)) {
	e := newEngine()
	defer e.close()
	e.loop, e.checked, e.foreign, e.lenient = loop, true, true, true
	e.maxAdvances = 0 // many cases have a time limit that must not run out
	e.maxSteps, e.grace, e.patience = 50_000_000, 5*time.Millisecond, time.Hour
	e.run(src, func() { main(e.ctx) })
	if e.failure != nil {
		t.Errorf("the schedule failed: %v", e.failure)
	}
}

// Canonical is the source of the canonical schedule.
func Canonical() Source { return canonical{} }

// Walk is a random source of strategy s.
func Walk(s Strategy, seed uint64) Source {
	w := newWalker(s)
	w.begin(seed, &profile{decisions: 200})
	return w
}
