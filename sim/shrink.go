package sim

import (
	"slices"
	"time"
)

// How a failing tape is cut down.
//
// A candidate is kept if it fails with the same signature and costs less. Any tape plays on any program, so cutting needs
// to know nothing about what the answers mean. First the end is cut off, then chunks are set to zero or taken out, halves
// first, as delta debugging does (Zeller, Hildebrandt 2002), then answers are lowered. When nothing helps any more, or before,
// if few switches are left, the schedules with fewer switches are counted through: the first that fails is a shortest.

const (
	shrinkRuns   = 2000
	shrinkTime   = 5 * time.Second
	shrinkCount  = 1500 // schedules to count through at the end
	shrinkBounds = 3    // with so many switches at most
)

// cost orders tapes: by what is out of the ordinary, then by how many answers are, then by length.
type cost struct{ switches, nonzero, length int }

func (c cost) less(o cost) bool {
	if c.switches != o.switches {
		return c.switches < o.switches
	}
	if c.nonzero != o.nonzero {
		return c.nonzero < o.nonzero
	}
	return c.length < o.length
}

// cost is that of the schedule that has just run.
func (e *engine) cost() cost {
	var c cost
	for i, x := range e.tape {
		if x.value == 0 {
			continue
		}
		c.nonzero++
		c.length = i + 1
		if x.costly(x.value) {
			c.switches++
		}
	}
	return c
}

type shrinker struct {
	r        *runner
	best     *found
	runs     int
	deadline time.Time
	stop     func() bool
}

// shrink cuts f down and returns how many schedules that took.
func (r *runner) shrink(f *found, stop func() bool) (*found, int) {
	s := &shrinker{r: r, best: f, deadline: time.Now().Add(shrinkTime), stop: stop}
	s.try(f.rec.tape) // as it plays, without answers that have no effect
	s.shorten()
	for before := (cost{switches: 1 << 30}); s.best.cost.less(before) && !s.over(shrinkRuns); {
		before = s.best.cost
		s.zero()
		s.remove()
		s.lower()
	}
	s.count()
	return s.best, s.runs
}

func (s *shrinker) over(runs int) bool {
	return s.runs >= runs || time.Now().After(s.deadline) || s.stop()
}

// try plays a tape, and keeps it if it fails for the same reason and costs less.
func (s *shrinker) try(tape []uint32) bool {
	s.runs++
	f := s.r.replay(tape)
	return s.keep(f)
}

func (s *shrinker) keep(f *failure) bool {
	if f == nil || f.signature() != s.best.failure.signature() {
		return false
	}
	if c := s.r.eng.cost(); c.less(s.best.cost) {
		s.best = s.r.take(f, s.best.index, s.best.how)
		return true
	}
	return false
}

// shorten cuts the end off, as much as possible.
func (s *shrinker) shorten() {
	for n := len(s.best.rec.tape) / 2; n > 0 && !s.over(shrinkRuns); {
		if len(s.best.rec.tape) < n || !s.try(s.best.rec.tape[:len(s.best.rec.tape)-n]) {
			n /= 2
		}
	}
}

// chunks calls f with parts of the tape, large ones first.
func (s *shrinker) chunks(f func(tape []uint32, from, to int) []uint32) {
	for size := (len(s.best.rec.tape) + 1) / 2; size > 0; size /= 2 {
		for from := 0; from < len(s.best.rec.tape); {
			if s.over(shrinkRuns) {
				return
			}
			tape := slices.Clone(s.best.rec.tape)
			to := min(from+size, len(tape))
			if tape = f(tape, from, to); tape == nil || !s.try(tape) {
				from += size
			}
		}
	}
}

func (s *shrinker) zero() {
	s.chunks(func(tape []uint32, from, to int) []uint32 {
		if !slices.ContainsFunc(tape[from:to], func(v uint32) bool { return v > 0 }) {
			return nil
		}
		clear(tape[from:to])
		return tape
	})
}

func (s *shrinker) remove() {
	s.chunks(func(tape []uint32, from, to int) []uint32 { return slices.Delete(tape, from, to) })
}

func (s *shrinker) lower() {
	for i := range len(s.best.rec.tape) {
		for _, v := range []uint32{1, 2} {
			if s.over(shrinkRuns) {
				return
			}
			if i < len(s.best.rec.tape) && s.best.rec.tape[i] > v {
				tape := slices.Clone(s.best.rec.tape)
				tape[i] = v
				s.try(tape)
			}
		}
	}
}

// count looks for a schedule with fewer switches by counting through all that have.
func (s *shrinker) count() {
	limit := s.runs + shrinkCount
	for bound := 0; bound < s.best.cost.switches && bound <= shrinkBounds; bound++ {
		d := &depthFirst{bound: bound}
		for {
			if s.over(limit) {
				return
			}
			s.runs++
			if s.keep(s.r.once(d)) {
				return
			}
			if !d.next(s.r.eng.tape) {
				break
			}
		}
	}
}
