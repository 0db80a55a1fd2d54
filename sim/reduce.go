package sim

import (
	"fmt"
	"time"
)

// Sleep sets (Godefroid, Partial-Order Methods for the Verification of Concurrent Systems, 1996).
//
// The search counts through the tapes depth first, as [depthFirst] does. When all schedules have been tried in which t makes the next
// step, and another task does, t sleeps: it need not make that step again until one has been made whose footprint meets that of t's,
// for until then the two could be swapped, and the schedules in which t goes first have been tried.
// A schedule in which all that could go on sleep is given up. So of all schedules that come from each other by swapping such steps
// one is run to its end.
//
// The footprint of t's step is known, for it has been run in the same state. Data that a step draws from the tape is part of the step:
// its footprint is that of all its ways together.

// sleeper is a task or timer that sleeps, and the footprint of the step that it would make.
type sleeper struct {
	who  uint64
	step footprint
}

// node is a decision on the way of the current schedule.
type node struct {
	value int
	n     int
	who   []uint64 // the candidates; 0 for the clock, and for timers that wait. Empty if the choice is no task's or timer's
	done  []sleeper
	step  footprint // of the candidate chosen, in all schedules so far
	stuck bool      // the clock is a candidate, and all timers that it leads to sleep
}

// reducer makes the choices of an exhaustive search with [Reduce].
type reducer struct {
	eng    *engine
	names  names
	nodes  []*node
	at     int       // the next node
	open   *node     // whose choice began the step that runs; nil before the first
	step   footprint // of the step that runs
	asleep []sleeper
	spare  []sleeper
	who    []uint64 // of the decision that is made
	given  bool     // the schedule has been given up

	usage    func(op string) usage // these are for tests
	meets    func(a, b *footprint) bool
	noCancel bool

	astray string // how a schedule was not the one that was to be repeated
}

func newReducer(e *engine) *reducer {
	return &reducer{eng: e, usage: usageOf, meets: (*footprint).meets}
}

// reset makes r ready for the next schedule.
func (r *reducer) reset() {
	r.names.reset()
	r.at, r.open, r.given, r.astray = 0, nil, false, ""
	r.asleep = r.asleep[:0]
	r.step.reset()
	r.step.all = true // until the first decision
}

// next prepares the next schedule and reports whether there is one.
func (r *reducer) next() bool {
	if r.open != nil {
		r.open.step.all = true // the step in which the schedule ended was not looked at
	}
	for n := len(r.nodes); n > 0; n-- {
		d := r.nodes[n-1]
		r.nodes = r.nodes[:n]
		if r.advance(d) {
			return true
		}
	}
	r.nodes = r.nodes[:0]
	return false
}

// advance takes the next candidate of d that does not sleep.
func (r *reducer) advance(d *node) bool {
	if len(d.who) == 0 {
		d.value++
		return d.value < d.n
	}
	if who := d.who[d.value]; who != 0 {
		d.done = append(d.done, sleeper{who, d.step})
	}
	d.step = footprint{}
	d.value++
	return d.awake()
}

// awake goes on to the next candidate that does not sleep, if there is one.
func (d *node) awake() bool {
	for ; d.value < d.n; d.value++ {
		if who := d.who[d.value]; who == 0 && !d.stuck || who != 0 && !sleeps(d.done, who) {
			return true
		}
	}
	return false
}

func sleeps(list []sleeper, who uint64) bool {
	for i := range list {
		if list[i].who == who {
			return true
		}
	}
	return false
}

// close ends the step that has run: those whose step meets it wake.
func (r *reducer) close() {
	e := r.eng
	if len(e.checks) > 0 || e.outside.Load() > 0 || e.foreign {
		r.step.all = true
	}
	r.cancellations()
	if r.open == nil {
		return
	}
	r.open.step.merge(&r.step)
	keep := r.spare[:0]
	for _, s := range r.asleep {
		if !r.meets(&s.step, &r.step) {
			keep = append(keep, s)
		}
	}
	r.asleep, r.spare = keep, r.asleep
}

// decide chooses one of the candidates; who names them, 0 for one that begins no step. It returns -1 to give the schedule up.
func (r *reducer) decide(who []uint64, clock bool) int {
	if r.open != nil || r.at == 0 {
		r.close()
	}
	var d *node
	if r.at < len(r.nodes) {
		d = r.nodes[r.at]
		if d.n != len(who) {
			r.astray = fmt.Sprintf("decision %d has %d candidates, and had %d", r.at+1, len(who), d.n)
			return -1
		}
		for i := range who {
			if d.who[i] != who[i] {
				r.astray = fmt.Sprintf("candidate %d of decision %d is another one", i+1, r.at+1)
				return -1
			}
		}
	} else {
		d = &node{n: len(who), who: append([]uint64(nil), who...)}
		d.done = append(d.done, r.asleep...)
		d.stuck = clock && r.timersSleep()
		if !d.awake() {
			r.given, r.open = true, nil
			return -1
		}
		r.nodes = append(r.nodes, d)
	}
	r.at++
	r.asleep = append(r.asleep[:0], d.done...)
	r.open = nil
	if d.who[d.value] != 0 {
		r.open = d
		r.step.reset()
	}
	return d.value
}

// choose chooses one of n, as a part of the step that runs.
func (r *reducer) choose(n int) int {
	if r.astray != "" {
		return 0
	}
	if r.at == len(r.nodes) {
		r.nodes = append(r.nodes, &node{n: n})
	}
	d := r.nodes[r.at]
	r.at++
	if d.n != n || len(d.who) > 0 {
		r.astray = fmt.Sprintf("decision %d has %d answers, and had %d", r.at, n, d.n)
		return 0
	}
	return d.value
}

// decideReduced is decide for a search with Reduce.
func (e *engine) decideReduced(c *candidates) int {
	r := e.red
	r.who = r.who[:0]
	for i := range c.len() {
		who := uint64(0) // the clock
		if t := c.at(i); t != nil {
			who = t.key
		}
		r.who = append(r.who, who)
	}
	i := r.decide(r.who, c.clock)
	if i < 0 {
		e.over()
		return 0
	}
	if t := c.at(i); t != nil {
		r.begin(t)
	}
	return i
}

// tie chooses which of the timers that are due fires; with n above their number the last answer is none.
func (e *engine) tie(due []*timer, n int) int {
	if e.red == nil || e.ending {
		return e.choose(kindTie, n)
	}
	r := e.red
	r.who = r.who[:0]
	for _, t := range due {
		r.who = append(r.who, t.name)
	}
	for range n - len(due) {
		r.who = append(r.who, 0)
	}
	i := r.decide(r.who, false)
	if i < 0 {
		e.over()
		return len(due)
	}
	if n > 1 {
		e.tape = append(e.tape, choice{value: uint32(i), n: uint32(n), kind: kindTie})
	}
	if i < len(due) {
		r.step.add(theClock, Adding) // it goes to where all these timers take it
		if t := due[i]; t.owner != nil {
			r.step.add(t.owner.key, Writing)
		} else {
			r.step.all = true
		}
	}
	return i
}

// made is called when a timer has been made.
func (r *reducer) made(t *timer) {
	r.step.add(theClock, Reading)
	t.owner = r.eng.cur.Load()
	if t.owner == nil {
		t.name = mix(0x71, t.seq)
		return
	}
	t.owner.named++
	t.name = mix(t.owner.key, uint64(t.owner.named))
}

// stopped is called when a timer has been taken back.
func (r *reducer) stopped(t *timer) {
	if t.owner == nil {
		r.step.all = true
		return
	}
	r.step.add(t.owner.key, Writing)
}

// timersSleep reports whether all timers that the clock comes to next sleep.
func (r *reducer) timersSleep() bool {
	e := r.eng
	when := max(e.now.Load(), e.timers.heap[0].when)
	for _, t := range e.timers.heap {
		if t.when <= when && !sleeps(r.asleep, t.name) {
			return false
		}
	}
	return true
}

// reducedGrace is how long an Offload may take before the tasks go on without it: each schedule must do the same.
const reducedGrace = 100 * time.Millisecond

// once runs the next schedule, again if it was not the one that was to be run: what happens outside may have been slow.
func (r *reducer) once(run *runner) (f *failure) {
	for range 3 {
		r.reset()
		f = run.once(canonical{})
		if r.astray == "" {
			break
		}
	}
	return f
}

// exhaustReduced tries one of all schedules that can be told from each other.
func (s *search) exhaustReduced(r *runner) *found {
	red := newReducer(r.eng)
	r.eng.red = red
	defer func() { r.eng.red = nil }()
	defer func(grace time.Duration) { r.eng.grace = grace }(r.eng.grace)
	r.eng.grace = reducedGrace
	for full, given := 0, 0; ; {
		f := red.once(r)
		if red.given {
			given++
		} else {
			full++
			s.stats.add(r.eng)
		}
		if f != nil {
			return r.take(f, s.stats.schedules-1, "exhaustive search")
		}
		if red.astray != "" {
			s.how = fmt.Sprintf("cut at %d: the program is not the same each time: %s", full+given, red.astray)
			return nil
		}
		if s.guard.tripped.Load() {
			return nil
		}
		more := red.next()
		if !more {
			s.complete = true
			s.given = given
			s.how = fmt.Sprintf("complete: %d schedules stand for all, %d were given up", full, given) + r.eng.seedsText()
			return nil
		}
		if full+given >= s.schedules {
			s.how = fmt.Sprintf("cut at %d: %d that stand for others, and %d that were given up", full+given, full, given)
			return nil
		}
	}
}
