package sim

// pct is probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte, ASPLOS 2010).
//
// Each task has a random priority, and the highest runs. At depth-1 points, spread evenly over the decisions of the canonical
// schedule, the task that would run falls below all others. A task that yields falls, too: it waits for somebody else,
// and would keep the processor for ever.
// Only decisions between several tasks count as steps, as in section 4.1 of the paper.
type pct struct {
	dice

	depth   int
	changes [2]int // the steps at which the highest priority changes
	step    int
	low     uint64 // the lowest priority given so far, below all random ones
}

// The priorities of new tasks have the highest bit set, those of fallen ones have not.
const highBit = 1 << 63

func (p *pct) begin(seed uint64, prof *profile) {
	p.dice.begin(seed, prof)
	p.step, p.low = 0, highBit-1
	k := max(1, prof.decisions)
	for i := range p.depth - 1 {
		p.changes[i] = 1 + p.intn(k)
	}
}

func (p *pct) task(c *candidates) int {
	if p.passes(c) {
		return c.len() - 1
	}
	n := c.tasks()
	if n == 1 {
		return 0
	}
	p.step++
	best := p.highest(c, n)
	for i := range p.depth - 1 {
		if p.changes[i] == p.step {
			p.fall(c.at(best))
			best = p.highest(c, n)
		}
	}
	return best
}

func (p *pct) fall(t *task) {
	t.prio = p.low
	p.low--
}

func (p *pct) highest(c *candidates, n int) int {
	best := 0
	for i := range n {
		t := c.at(i)
		switch {
		case t.prio == 0:
			t.prio = p.pcg.Uint64() | highBit
		case t.yielded && t.prio >= highBit:
			p.fall(t)
		}
		if t.prio > c.at(best).prio {
			best = i
		}
	}
	return best
}
