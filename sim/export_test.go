package sim

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/braid-go/braid/internal/sched"
)

// Source makes the choices of a schedule.
type Source = source

// RunBare runs main as one schedule without a root scope, among goroutines that the simulator does not know.
func RunBare(t *testing.T, src Source, loop bool, main func(ctx context.Context)) {
	e := newEngine()
	defer e.close()
	e.loop, e.checked, e.foreign, e.lenient, e.allowLeft = loop, true, true, true, true
	e.maxAdvances = 0 // many cases have a time limit that must not run out
	e.maxSteps, e.grace, e.patience = 50_000_000, 50*time.Millisecond, time.Hour
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

// job is a bare task: it has no scope.
type job struct {
	name string
	ctx  context.Context
	run  func()
}

func (j *job) Name() string             { return j.name }
func (j *job) Path() string             { return j.name }
func (j *job) Context() context.Context { return j.ctx }
func (j *job) Started(time.Time)        {}
func (j *job) Run()                     { j.run() }

// Bare makes a program of tasks that consist of points alone: task i has steps[i] of them, its start included,
// and calls at with its number before each.
func Bare(steps []int, at func(task int)) func(*T) {
	return func(s *T) {
		for i, n := range steps {
			s.eng.Spawn(&job{name: string(rune('a' + i)), ctx: s.Context(), run: func() {
				at(i)
				for range n - 1 {
					s.eng.Point(sched.Op{Name: "test.Step"})
					at(i)
				}
			}}, false)
		}
	}
}

// Interleavings counts the schedules of an exhaustive search, and the different orders of steps among them.
func Interleavings(tb testing.TB, steps []int) (schedules, orders int, complete bool) {
	var order []byte
	seen := make(map[string]bool)
	bare := Bare(steps, func(i int) { order = append(order, byte(i)) })
	s := newSearch(tb, func(t *T) { order = order[:0]; bare(t); t.Cleanup(func() { seen[string(order)] = true }) }, Exhaustive, Schedules(10_000_000))
	r := s.runner()
	defer r.close()
	if f := s.explore(r); f != nil {
		tb.Fatal(f.failure)
	}
	var n int
	_, err := fmt.Sscanf(s.how, "complete: all %d schedules", &n)
	return n, len(seen), err == nil
}

// Sample runs n schedules of one strategy and counts which of them make hit return true, and the orders of steps.
func Sample(tb testing.TB, st Strategy, seed uint64, n int, steps []int) map[string]int {
	var order []byte
	seen := make(map[string]int)
	bare := Bare(steps, func(i int) { order = append(order, byte('a'+i)) })
	s := newSearch(tb, func(t *T) { order = order[:0]; bare(t) }, Advances(0))
	r := s.runner()
	defer r.close()
	r.once(canonical{})
	prof := r.eng.profile()
	w := newWalker(st)
	for i := range n {
		w.begin(mix(seed, uint64(i)), prof)
		r.once(w)
		seen[string(order)]++
	}
	return seen
}

// Encode makes a replay string.
func Encode(tape ...uint32) string { return recording{tape: tape}.String() }

// FindBytes runs the schedule of a fuzzer's input.
func FindBytes(tb testing.TB, prog func(*T), tape []byte, opts ...Option) error {
	s := newSearch(tb, prog, opts...)
	return s.guarded(func() error { return s.fuzzed(tape) })
}

// FindEndless searches with a guard that is less patient.
func FindEndless(tb testing.TB, prog func(*T)) error {
	s := newSearch(tb, prog)
	s.guard.limit = 300 * time.Millisecond
	return s.guarded(s.run)
}

// RaceBackend says whether this is a build with -race.
const RaceBackend = raceBackend
