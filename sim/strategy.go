package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Strategy is a way to choose schedules. All but Exhaustive are random, and repeatable: the seed decides.
type Strategy int

const (
	// Portfolio takes turns: the canonical schedule first, then Random, PCT with depths 1, 2 and 3, POS, URW and Bounded.
	Portfolio Strategy = iota
	// Random picks any task at each point. It is fair, and blind to bugs that need one task to be slow for long.
	Random
	// PCT1 gives tasks random priorities that change at d-1 random points (Burckhardt et al., ASPLOS 2010).
	// A bug that needs d ordered events among n tasks and k points is found with a probability of at least 1/(n·k^(d-1)) a schedule.
	// PCT1 has d = 1.
	PCT1
	// PCT2 is PCT1 with d = 2.
	PCT2
	// PCT3 is PCT1 with d = 3.
	PCT3
	// POS gives each pending operation a random priority, drawn again when an operation on the same object
	// has overtaken it (Yuan et al., partial order sampling, CAV 2018).
	POS
	// URW weighs each task by the events it has still to come, so that all interleavings are equally likely
	// (the uniform random walk of selectively uniform random walk, ASPLOS 2025).
	URW
	// Bounded is the canonical schedule but for up to three switches at random points.
	Bounded
	// Exhaustive tries all schedules: those without a preemption first, then those with one, and so on.
	Exhaustive
)

var strategyNames = [...]string{"portfolio", "random", "pct1", "pct2", "pct3", "pos", "urw", "bounded", "exhaustive"}

func (s Strategy) String() string {
	if s >= 0 && int(s) < len(strategyNames) {
		return strategyNames[s]
	}
	return fmt.Sprintf("Strategy(%d)", int(s))
}

// parseStrategy reads the name of a strategy.
func parseStrategy(name string) (Strategy, error) {
	for i, n := range strategyNames {
		if strings.EqualFold(n, name) {
			return Strategy(i), nil
		}
	}
	return 0, fmt.Errorf("there is no strategy %q; there are %s", name, strings.Join(strategyNames[:], ", "))
}

// profile is what the canonical schedule has taught about the program. Strategies use it and nothing learned later,
// so that schedule number i of a seed is the same on any number of workers.
type profile struct {
	decisions int            // choices of a task
	offers    [kinds]int     // choices of other kinds
	events    map[uint64]int // of a task and all that it spawned, by the task's key
}

func (e *engine) profile() *profile {
	p := &profile{events: make(map[uint64]int, e.used)}
	for _, c := range e.tape {
		if c.kind == kindNext || c.kind == kindPreempt {
			p.decisions++
		} else {
			p.offers[c.kind]++
		}
	}
	for i := e.used - 1; i >= 0; i-- {
		t := e.arena[i]
		p.events[t.key] += t.events
		if t.parent != nil {
			p.events[t.parent.key] += p.events[t.key]
		}
	}
	return p
}

// walker is a random source. begin makes it ready for the next schedule.
type walker interface {
	source
	begin(seed uint64, p *profile)
}

// newWalker returns the source for a random strategy.
func newWalker(s Strategy) walker {
	switch s {
	case PCT1:
		return &pct{depth: 1}
	case PCT2:
		return &pct{depth: 2}
	case PCT3:
		return &pct{depth: 3}
	case POS:
		return &pos{}
	case URW:
		return &urw{}
	case Bounded:
		return &bounded{}
	default:
		return &random{}
	}
}

// portfolio is the order in which Portfolio takes turns.
var portfolio = []Strategy{Random, PCT1, PCT2, PCT3, POS, URW, Bounded}

// dice is what random sources share: how they choose what is not a task.
type dice struct {
	pcg  rand.PCG
	prof *profile
	tick uint64 // one in so many chances for time to pass is taken; 0 for none
}

func (d *dice) begin(seed uint64, p *profile) {
	d.pcg.Seed(seed, 0x9e3779b97f4a7c15)
	d.prof = p
	d.tick = [...]uint64{0, 8, 24, 64}[d.pcg.Uint64()%4]
}

// intn returns a number below n. The bias of the remainder is far below what any test could see.
func (d *dice) intn(n int) int { return int(d.pcg.Uint64() >> 1 % uint64(n)) }

// passes reports whether the clock goes on although somebody could run.
func (d *dice) passes(c *candidates) bool {
	return c.clock && d.tick > 0 && d.pcg.Uint64()%d.tick == 0
}

func (d *dice) other(k kind, n int) int {
	switch k {
	case kindFault, kindNet:
		if d.pcg.Uint64()%8 != 0 {
			return 0
		}
	case kindCancel, kindCrash:
		if d.pcg.Uint64()%uint64(2+d.prof.offers[k]) != 0 { // about one a schedule
			return 0
		}
	default: // all answers are as good
	}
	return d.intn(n)
}

// random is the random walk.
type random struct{ dice }

func (r *random) task(c *candidates) int {
	if r.passes(c) {
		return c.len() - 1
	}
	return r.intn(c.tasks())
}
