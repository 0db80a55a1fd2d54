package sim

import "fmt"

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
	clocks := 0
	tape := append([]choice(nil), r.eng.tape...)
	var seen [kinds]int
	for _, c := range tape {
		if c.clock {
			clocks++
		}
		switch c.kind {
		case kindFault, kindCancel, kindCrash, kindNet:
			for v := 1; v < int(c.n); v++ {
				w := &sweeper{what: c.kind, at: seen[c.kind], value: v}
				if f := r.once(w); f != nil {
					s.stats.add(r.eng)
					return r.take(f, s.stats.schedules-1, fmt.Sprintf("the sweep, %s %d of this schedule", kindNames[c.kind], w.at+1))
				}
				s.stats.add(r.eng)
			}
		default: // nothing goes wrong there
		}
		seen[c.kind]++
	}
	for i := range clocks {
		f := r.once(&sweeper{clock: true, at: i})
		s.stats.add(r.eng)
		if f != nil {
			return r.take(f, s.stats.schedules-1, "the sweep, an early timer")
		}
	}
	return nil
}
