package sim

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Defaults of what bounds a schedule and a search.
const (
	// DefaultSchedules is how many schedules [Test] tries, a tenth of it with -short.
	DefaultSchedules = 1000
	// DefaultExhaustive is where [Exhaustive] cuts the search.
	DefaultExhaustive = 100_000
	// DefaultMaxSteps is after how many steps a schedule is taken for one that never ends.
	DefaultMaxSteps = 100_000
	// DefaultAdvances is how often, in a schedule, time may pass although somebody could run.
	DefaultAdvances = 16
)

// guardLimit is how long a task may compute, or something outside the simulation may take, on the real clock.
const guardLimit = 10 * time.Second

// Option changes how [Test] searches. The options are [Strategy], [Semantics] and the functions of this package that return one.
type Option interface {
	fmt.Stringer
	apply(*config)
}

type config struct {
	limits

	name      string
	seed      uint64
	strategy  Strategy
	semantics Semantics
	schedules int // 0: the default
	workers   int
	cancels   bool
	sweep     bool
	left      bool // tasks may be left
	races     bool
	reduce    bool
	whole     bool // a search that is cut fails
	free      bool // a task that yields may go on at once
	replay    string
	dir       string // of the regressions of all tests; "" for none
	short     bool
}

type option struct {
	name string
	set  func(*config)
}

func (o option) String() string  { return o.name }
func (o option) apply(c *config) { o.set(c) }

// Semantics says where tasks may switch.
type Semantics int

const (
	// Parallel lets tasks switch at the beginning of each operation of braid, as goroutines could. It is the default.
	Parallel Semantics = iota
	// Loop lets tasks switch only where they wait, as on the event loop; what is chosen is the order of those that are ready.
	Loop
)

func (s Semantics) String() string {
	if s == Loop {
		return "loop"
	}
	return "parallel"
}

func (s Semantics) apply(c *config) { c.semantics = s }
func (s Strategy) apply(c *config)  { c.strategy = s }

// Schedules sets how many schedules are tried; with [Exhaustive], after how many the search is cut.
// BRAID_SIM_SCHEDULES in the environment counts more.
func Schedules(n int) Option {
	return option{fmt.Sprintf("Schedules(%d)", n), func(c *config) { c.schedules = n }}
}

// Seed sets the seed of the random strategies. Without it the seed is made of the test's name, so that it is the same each time.
// BRAID_SIM_SEED in the environment counts more; it is a number, or "random".
func Seed(n uint64) Option {
	return option{fmt.Sprintf("Seed(%d)", n), func(c *config) { c.seed = n }}
}

// Workers sets how many schedules run at the same time, each on an engine of its own. The default is GOMAXPROCS.
// A program that shares state between its runs needs 1.
func Workers(n int) Option {
	return option{fmt.Sprintf("Workers(%d)", n), func(c *config) { c.workers = max(1, n) }}
}

// MaxSteps sets after how many steps a schedule is taken for one that never ends. The default is [DefaultMaxSteps].
func MaxSteps(n int) Option {
	return option{fmt.Sprintf("MaxSteps(%d)", n), func(c *config) { c.maxSteps = n }}
}

// Advances sets how often, in a schedule, time may pass although somebody could run. The default is [DefaultAdvances].
// With 0 the machine is infinitely fast, as in testing/synctest, and no timeout fires while there is work to do.
func Advances(n int) Option {
	return option{fmt.Sprintf("Advances(%d)", n), func(c *config) { c.maxAdvances = n }}
}

// Cancels lets random schedules cancel a task, or the whole program, at one of its waits, with the cause [ErrInjected].
func Cancels() Option { return option{"Cancels", func(c *config) { c.cancels = true }} }

// Sweep first tries all cancellations, one a schedule: at each wait of the canonical schedule the task, and then the whole program,
// is cancelled before the wait, while it waits, and when it has been woken. The same is done for each named [Fault], each crash of
// a [Crashable] scope and each chance for a timeout. The cause of a cancellation is [ErrInjected].
func Sweep() Option { return option{"Sweep", func(c *config) { c.sweep = true }} }

// Races lets the race detector find data races on the schedules, in builds with -race; in others it does nothing.
//
// Tasks then run on goroutines that the detector can tell apart, and what it sees of their order is the program's own:
// that A ran before B because the simulator chose so does not hide a race between them. It takes about twice the time, and [Workers] is 1.
// A schedule with a race fails the test. It is cut down and repeated in another process, in which the test's binary runs this test alone,
// for the detector reports a race only once in a process; if that does not work, the report says why.
// Invariants are not looked at, since they would race with the tasks. A [Var] is not reported.
func Races() Option { return option{"Races", func(c *config) { c.races = true }} }

// AllowLeft lets tasks be left when the program has returned, as [braid.Abandon] does. They are ended then.
func AllowLeft() Option { return option{"AllowLeft", func(c *config) { c.left = true }} }

// Replay runs one schedule only: that of a replay string from a report. BRAID_SIM_REPLAY in the environment counts more.
func Replay(tape string) Option {
	return option{"Replay(" + tape + ")", func(c *config) { c.replay = tape }}
}

// Regressions sets the directory where the schedules that failed are kept, one directory a test; the default is testdata/sim.
// Those that are there are run first. With "" none are kept.
func Regressions(dir string) Option {
	return option{"Regressions(" + dir + ")", func(c *config) { c.dir = dir }}
}

// Reduce is [Exhaustive] that leaves out what is the same: of all schedules that come from each other by swapping steps
// which have nothing to do with each other, it runs one (sleep sets, Godefroid 1996). Independent tasks have a single schedule then.
// When it says "complete", each task has been seen to do, and to end as, whatever it can in any schedule, and each deadlock has been found.
//
// It takes for granted that tasks share nothing but braid's primitives, scopes and [Var], and what they announce with [Touch]:
// plain memory, atomics, a sync.Mutex, a map, and what such a function as Statistics, State or Age looks at, have no points,
// and two steps that use them are taken to have nothing to do with each other. A step is what a task does from one operation of braid
// to its next. What only one task uses, or what is only looked at when the scope around the tasks has ended, need not be announced.
// A primitive counts as plain memory until it has been used with a ctx of the simulator once, for what is done to it without one, such as
// TryLock, Set or Resolve, has no point before; and so does a context of package context that one task cancels and another one uses.
// Each task uses the ctx that it was given, or one made from it, and starts tasks in a scope only while nothing around that scope may be
// cancelled without cancelling the task, too. What the end of a [braid.Grace] finds is only seen with the scope's own tasks. Tasks that run nested scopes had better have names of their own:
// among several with the same path it cannot tell whose scope is cancelled, and leaves out less.
//
// Operations that are not braid's, such as [Fault], [Network] or another package's own, go with nothing.
// With an Invariant or an Eventually nothing is left out, for they look at everything after each step.
//
// Where tasks differ from those of other searches: one that yields may go on at once, as a goroutine may;
// a loop that waits for another task by yielding alone never ends. There is no bound on switches, so the first failure
// may have many; it is shrunk. [Schedules] counts those that are given up half-way, too.
//
// It cannot be combined with [Loop], or with [Races].
func Reduce() Option {
	return option{"Reduce", func(c *config) { c.strategy, c.reduce, c.free = Exhaustive, true, true }}
}

// Complete makes the test fail if an exhaustive search is cut before it has tried all schedules.
// Values of [T.IntN] are tried out up to 256; beyond, and for [T.Rand], 0 stands for all, and the summary says so.
func Complete() Option { return option{"Complete", func(c *config) { c.whole = true }} }

// newConfig applies the options, and then the environment.
func newConfig(test string, short bool, env func(string) string, opts []Option) (*config, error) {
	c := &config{
		limits:  limits{maxSteps: DefaultMaxSteps, maxAdvances: DefaultAdvances},
		name:    test,
		seed:    hashOf(test),
		workers: runtime.GOMAXPROCS(0),
		dir:     filepath.Join("testdata", "sim"),
		short:   short,
	}
	for _, o := range opts {
		o.apply(c)
	}
	if c.strategy < 0 || int(c.strategy) >= len(strategyNames) {
		return nil, fmt.Errorf("sim: there is no %v", c.strategy)
	}
	if c.reduce && (c.semantics == Loop || c.races) {
		return nil, errors.New("sim: Reduce cannot be combined with Loop or Races: take Exhaustive without it")
	}
	if c.races && raceBackend {
		c.workers = 1 // the detector counts the races of the process: with two schedules at a time, nobody could say whose they are
	}
	if s := env("BRAID_SIM_SEED"); s == "random" {
		c.seed = uint64(time.Now().UnixNano())
	} else if s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("sim: BRAID_SIM_SEED=%s: want a number without a sign, or random", s)
		}
		c.seed = n
	}
	if s := env("BRAID_SIM_SCHEDULES"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("sim: BRAID_SIM_SCHEDULES=%s: want a positive number", s)
		}
		c.schedules, c.short = n, false
	}
	if s := env("BRAID_SIM_STRATEGY"); s != "" {
		var err error
		if c.strategy, err = parseStrategy(s); err != nil {
			return nil, fmt.Errorf("sim: BRAID_SIM_STRATEGY: %w", err)
		}
	}
	if s := env("BRAID_SIM_REPLAY"); s != "" {
		c.replay = s
	}
	c.count()
	return c, nil
}

// count settles how many schedules there are.
func (c *config) count() {
	if c.schedules == 0 {
		c.schedules = DefaultSchedules
		if c.strategy == Exhaustive {
			c.schedules = DefaultExhaustive
		}
	}
	if c.short && c.strategy != Exhaustive {
		c.schedules = max(1, c.schedules/10)
	}
}

// regressions is the directory of the test's regressions.
func (c *config) regressions() string {
	if c.dir == "" {
		return ""
	}
	return filepath.Join(c.dir, strings.ReplaceAll(filepath.FromSlash(c.name), string(os.PathListSeparator), "_"))
}

func hashOf(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}
