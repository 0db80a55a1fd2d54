package sim

import (
	"context"
	"fmt"
	"strings"
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
	name := "x"
	if tb != nil {
		name = tb.Name()
	}
	c, err := newConfig(name, false, func(string) string { return "" }, append([]Option{Regressions(""), Workers(1)}, opts...))
	if err != nil {
		panic(err)
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

// Coverage is what an exhaustive search has come to.
type Coverage struct {
	Outcomes  map[string]int // what the tasks have done and where they waited, each for itself, and how it ended
	Schedules int
	GivenUp   int
	Complete  bool
	How       string
}

// Cover runs an exhaustive search without preemption bounds, reduced or not, and collects what comes out, whatever fails.
// A reduced one may be made blind to a kind of use, which makes it wrong.
func Cover(tb testing.TB, prog func(*T), limit int, reduce bool, blind string, opts ...Option) Coverage {
	s := newSearch(tb, prog, append([]Option{Reduce(), Schedules(limit)}, opts...)...)
	r := s.runner()
	defer r.close()
	c := Coverage{Outcomes: map[string]int{}}
	local := map[uint64]uint64{}
	r.eng.seen = func(t *task, what string) {
		if !r.eng.ending {
			local[t.key] = mix(local[t.key], hashOf(what))
		}
	}
	count := func(f *failure) {
		sum := uint64(0)
		for k, v := range local {
			sum += mix(k, v)
		}
		key := fmt.Sprintf("%x", sum)
		if f != nil {
			key = f.signature()
		}
		c.Outcomes[key]++
		c.Schedules++
	}
	r.eng.grace = reducedGrace
	if !reduce {
		d := &depthFirst{bound: -1}
		for {
			clear(local)
			count(r.once(d))
			if !d.next(r.eng.tape) {
				c.Complete = true
				return c
			}
			if c.Schedules >= limit {
				return c
			}
		}
	}
	red := newReducer(r.eng)
	if blind != "" {
		red.blind(blind)
	}
	r.eng.red = red
	for {
		clear(local)
		f := red.once(r)
		if red.given {
			c.GivenUp++
		} else {
			count(f)
		}
		if red.astray != "" {
			c.How = red.astray
			return c
		}
		if !red.next() {
			c.Complete = true
			return c
		}
		if c.Schedules+c.GivenUp >= limit {
			return c
		}
	}
}

// Saw counts what the running task has seen as something that it has done.
func Saw(s *T, what string) {
	if t := s.eng.cur.Load(); t != nil && s.eng.seen != nil {
		s.eng.seen(t, what)
	}
}

// Blind lists what a reduced search can be made blind to.
var Blind = []string{"everything", "semaphore", "limiter", "mutex", "rwmutex", "event", "barrier", "queue", "future", "cond", "once", "run", "group", "task", "cancellation", "slots", "clock", "reading"}

// blind makes r take no notice of one kind of use.
func (r *reducer) blind(kind string) {
	drop := map[string]uint64{"slots": theSlots, "clock": theClock}[kind]
	switch kind {
	case "everything":
		r.meets = func(*footprint, *footprint) bool { return false }
	case "cancellation":
		r.noCancel = true
	case "slots", "clock", "reading":
		r.meets = func(a, b *footprint) bool {
			without := func(f *footprint) *footprint {
				c := footprint{all: f.all}
				for _, t := range f.list {
					if t.what != drop && (kind != "reading" || t.how != Reading) {
						c.list = append(c.list, t)
					}
				}
				return &c
			}
			return without(a).meets(without(b))
		}
	default:
		r.usage = func(op string) usage {
			if op != "group.Go" && strings.HasPrefix(op, kind+".") {
				return usesNone
			}
			return usageOf(op)
		}
	}
}

// ReducedInterleavings counts the schedules of a reduced search of n tasks with k steps each, which take turns to use one of the objects.
func ReducedInterleavings(tb testing.TB, n, k, objects int) (schedules, given int, complete bool) {
	s := newSearch(tb, func(t *T) {
		list := make([]*int, objects)
		for i := range list {
			list[i] = new(int)
		}
		for i := range n {
			t.eng.Spawn(&job{name: string(rune('a' + i)), ctx: t.Context(), run: func() {
				for range k {
					t.eng.Point(sched.Op{Name: "var.Store", Object: list[i%objects]})
				}
			}}, false)
		}
	}, Reduce())
	r := s.runner()
	defer r.close()
	if f := s.explore(r); f != nil {
		tb.Fatal(f.failure)
	}
	return s.stats.schedules - 1, s.given, s.complete // without the canonical one, which comes first
}
