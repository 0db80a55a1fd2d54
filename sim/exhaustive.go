package sim

import "fmt"

// depthFirst counts through the tapes of a program: after each schedule the last choice that has another answer takes its next one.
//
// A bound on switches away from a task that could go on, and on faults, is raised from 0 to 2 and then dropped,
// as CHESS and its followers do: most bugs need one or two, and the first schedule to fail is among the shortest.
type depthFirst struct {
	playback

	bound int // -1: none
	cut   bool
}

// manyValues is how many values are tried out. Where there are more, they are seeds, and 0 stands for all.
const manyValues = 256

// isSeed reports whether one of n answers stands for all.
func isSeed(k kind, n int) bool { return k == kindValue && n > manyValues }

// costly reports whether answering v counts against the bound.
func (c choice) costly(v uint32) bool {
	switch c.kind {
	case kindFault, kindCancel, kindCrash, kindNet:
		return v > 0
	default:
		return c.switches(v)
	}
}

// next makes the tape of the next schedule from that of the last, and reports whether there is one.
func (d *depthFirst) next(tape []choice) bool {
	spent := make([]int, len(tape)+1)
	for i, c := range tape {
		spent[i+1] = spent[i]
		if c.costly(c.value) {
			spent[i+1]++
		}
	}
	for i := len(tape) - 1; i >= 0; i-- {
		c := tape[i]
		if isSeed(c.kind, int(c.n)) {
			continue
		}
		for v := c.value + 1; v < c.n; v++ {
			if d.bound >= 0 && c.costly(v) && spent[i] >= d.bound {
				d.cut = true
				continue
			}
			prefix := make([]uint32, i+1)
			for j := range i {
				prefix[j] = tape[j].value
			}
			prefix[i] = v
			d.reset(prefix)
			return true
		}
	}
	return false
}

// seedsText says for what the search is not complete all the same.
func (e *engine) seedsText() string {
	if e.seeds {
		return ", for one seed of Rand or value of a large IntN"
	}
	return ""
}

// exhaust tries all schedules.
func (s *search) exhaust(r *runner) *found {
	if s.reduce {
		return s.exhaustReduced(r)
	}
	total, done := 0, 0
	for _, bound := range []int{0, 1, 2, -1} {
		d := &depthFirst{bound: bound}
		seen := 0
		for {
			f := r.once(d)
			seen++
			s.stats.add(r.eng)
			if f != nil {
				return r.take(f, s.stats.schedules-1, "exhaustive search")
			}
			if total++; total >= s.schedules {
				s.how = fmt.Sprintf("cut at %d", total)
				if bound != 0 {
					s.how += ", complete up to " + switchesText(done)
				}
				return nil
			}
			if s.guard.tripped.Load() || !d.next(r.eng.tape) {
				break
			}
		}
		done = bound
		if !d.cut {
			s.complete = true
			s.how = fmt.Sprintf("complete: all %d schedules", seen) + r.eng.seedsText()
			return nil
		}
	}
	return nil
}
