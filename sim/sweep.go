package sim

import (
	"fmt"
	"slices"
)

// sweeper plays the canonical schedule, except for one choice.
type sweeper struct {
	what  kind
	at    int // which choice of that kind
	value int
	seen  int
	clock bool // the choice is the clock, at a choice of a task that has it
}

func (s *sweeper) task(c *candidates) int {
	if !s.clock || !c.clock {
		return 0
	}
	if s.seen++; s.seen-1 == s.at {
		return c.len() - 1
	}
	return 0
}

func (s *sweeper) other(k kind, n int) int {
	if s.clock || k != s.what {
		return 0
	}
	if s.seen++; s.seen-1 == s.at && s.value < n {
		return s.value
	}
	return 0
}

// sweepAll injects each thing that could happen, one a schedule.
func (s *search) sweepAll(r *runner) *found {
	was := r.eng.cancels
	defer func() { r.eng.cancels = was }()
	r.eng.cancels = true
	f := r.once(canonical{})
	s.stats.add(r.eng)
	if f != nil {
		return r.take(f, s.stats.schedules-1, "the sweep")
	}
	tape := slices.Clone(r.eng.tape)
	for _, k := range []kind{kindFault, kindNet, kindCrash, kindCancel} {
		if f := s.sweepKind(r, tape, k); f != nil {
			return f
		}
	}
	clocks := 0
	for _, c := range tape {
		if !c.clock {
			continue
		}
		f := r.once(&sweeper{clock: true, at: clocks})
		s.stats.add(r.eng)
		if clocks++; f != nil {
			return r.take(f, s.stats.schedules-1, "the sweep, an early timer")
		}
	}
	return nil
}

// sweepKind tries all answers to the choices of one kind.
func (s *search) sweepKind(r *runner, tape []choice, k kind) *found {
	at := 0
	for _, c := range tape {
		if c.kind != k || s.guard.tripped.Load() {
			continue
		}
		for v := 1; v < int(c.n); v++ {
			f := r.once(&sweeper{what: k, at: at, value: v})
			s.stats.add(r.eng)
			if f != nil {
				return r.take(f, s.stats.schedules-1, fmt.Sprintf("the sweep, %s %d of this schedule", kindNames[k], at+1))
			}
		}
		at++
	}
	return nil
}
