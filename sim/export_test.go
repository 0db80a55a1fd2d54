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
	e.loop, e.checked, e.foreign, e.lenient, e.allowLeft = loop, true, true, true, true
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

// Find is Test that returns what it finds, in an environment of its own.
func Find(tb testing.TB, prog func(*T), env map[string]string, opts ...Option) error {
	return run(tb, prog, func(key string) string { return env[key] }, append([]Option{Regressions("")}, opts...))
}

// Hunted is the outcome of a search.
type Hunted struct {
	Found, Replayed     bool
	Schedules, Switches int
}

func newSearch(tb testing.TB, prog func(*T), opts ...Option) *search {
	c, err := newConfig(tb.Name(), false, func(string) string { return "" }, append([]Option{Regressions(""), Workers(1)}, opts...))
	if err != nil {
		tb.Fatal(err)
	}
	return &search{config: c, tb: tb, prog: prog, guard: newGuard()}
}

// Hunt searches with a seed, shrinks what it finds, and replays it.
func Hunt(tb testing.TB, prog func(*T), seed uint64, schedules int, opts ...Option) Hunted {
	s := newSearch(tb, prog, append([]Option{Seed(seed), Schedules(schedules)}, opts...)...)
	r := s.runner()
	defer r.close()
	f := s.explore(r)
	if f == nil {
		return Hunted{Schedules: s.stats.schedules}
	}
	f, _ = r.shrink(f, func() bool { return false })
	rec, err := parseRecording(f.rec.String())
	again := r.playRecording(rec)
	return Hunted{
		Found: true, Schedules: s.stats.schedules, Switches: f.cost.switches,
		Replayed: err == nil && again != nil && again.signature() == f.failure.signature(),
	}
}

// Shortest returns how many switches the first failing schedule of an exhaustive search has.
func Shortest(tb testing.TB, prog func(*T)) int {
	s := newSearch(tb, prog, Exhaustive)
	r := s.runner()
	defer r.close()
	f := s.explore(r)
	if f == nil {
		tb.Fatalf("exhaustive search finds nothing: %s", s.summary())
	}
	return f.cost.switches
}
