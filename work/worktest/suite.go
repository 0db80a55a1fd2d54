package worktest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/braid-go/braid/work"
)

// Payload is what the jobs of the suite carry.
type Payload struct{ Name string }

// Settings say what kind of engine a case needs.
type Settings struct {
	Capacity int           // always positive
	PerKey   int           // 0: no limit
	Window   time.Duration // of unique ids
}

// Feature is something that not every engine can do.
type Feature string

// The features.
const (
	Delays     Feature = "delays"     // Job.RunAt and Outcome.After
	Keys       Feature = "keys"       // Settings.PerKey
	Priorities Feature = "priorities" // Job.Priority
	Uniques    Feature = "uniques"    // Job.Unique
	Bounds     Feature = "bounds"     // Enqueue waits for room
	Uncounted  Feature = "uncounted"  // a job that is released keeps its number of attempts
	Drains     Feature = "drains"     // Drain goes on delivering what is due
	Returns    Feature = "returns"    // Close returns what is not done
)

// Suite is an engine under test.
type Suite struct {
	// New makes an engine with nothing in it.
	New func(t testing.TB, ctx context.Context, s Settings) work.Engine[Payload]

	// Run runs one case: it calls body once, or once for each schedule that it tries, in a place from which braid.Run may be called with ctx,
	// and returns when body has.
	Run func(t *testing.T, body func(t testing.TB, ctx context.Context))

	// Tick is the shortest time that the suite can tell from none: a second is fine if time is virtual.
	// Leases last ten ticks.
	Tick time.Duration

	// Without lists what the engine cannot do. Cases about that are left out.
	Without []Feature
}

// testCase is one promise.
type testCase struct {
	name  string
	needs []Feature
	run   func(e env)
}

// env is what a case works with.
type env struct {
	testing.TB

	ctx   context.Context
	suite *Suite
}

// Test runs all cases.
func Test(t *testing.T, s Suite) {
	t.Helper()
	if s.New == nil || s.Run == nil || s.Tick <= 0 {
		t.Fatal("worktest: a Suite needs New, Run and a positive Tick")
	}
	for _, c := range slices.Concat(deliveryCases, settleCases, leaseCases, deadCases, orderCases, boundCases, endCases, handlerCases, shutdownCases) {
		if slices.ContainsFunc(c.needs, func(f Feature) bool { return slices.Contains(s.Without, f) }) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			s.Run(t, func(t testing.TB, ctx context.Context) { c.run(env{TB: t, ctx: ctx, suite: &s}) })
		})
	}
}
