package sim

import "strings"

// pos is partial order sampling (Yuan, Yang, Gu, CAV 2018).
//
// Each pending operation has a random priority, and the highest runs. Then the operations that race with it,
// those on the same object unless both only read, draw again: so each order of racing operations is about as likely as any other.
type pos struct{ dice }

func (p *pos) task(c *candidates) int {
	if p.passes(c) {
		return c.len() - 1
	}
	n := c.tasks()
	best := 0
	for i := range n {
		t := c.at(i)
		if t.prio == 0 {
			t.prio = p.pcg.Uint64() | 1
		}
		if t.prio > c.at(best).prio {
			best = i
		}
	}
	run := c.at(best)
	for i := range n {
		if t := c.at(i); t != run && races(t, run) {
			t.prio = 0
		}
	}
	run.prio = 0
	return best
}

// races reports whether the order of the pending operations of a and b may matter.
func races(a, b *task) bool {
	return a.op.Object != nil && a.op.Object == b.op.Object && (!reads(a.op.Name) || !reads(b.op.Name))
}

// reads reports whether an operation changes nothing.
func reads(op string) bool {
	_, name, _ := strings.Cut(op, ".")
	return name == "Load" || name == "Len" || name == "Err"
}
