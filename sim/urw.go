package sim

// urw is the uniform random walk (selectively uniform random walk without selection, ASPLOS 2025).
//
// A task is picked with a probability in proportion to the events that it and what it will spawn have still to come,
// as counted in the canonical schedule. If the counts are right, all interleavings are equally likely;
// with equal odds for each task instead, those that begin with the shorter tasks would be far more likely than others.
type urw struct{ dice }

func (u *urw) task(c *candidates) int {
	if u.passes(c) {
		return c.len() - 1
	}
	n := c.tasks()
	total := 0
	for i := range n {
		total += u.weight(c.at(i))
	}
	r := u.intn(total)
	for i := range n {
		if r -= u.weight(c.at(i)); r < 0 {
			return i
		}
	}
	return 0
}

// weight is how many events are expected of t and of children that it has not spawned yet, and at least one: it could run.
func (u *urw) weight(t *task) int {
	if t.prio == 0 {
		u.meet(t)
	}
	return max(1, t.left-t.events)
}

// meet sets what is expected of a task that is seen for the first time. What it will do is not its parent's any more.
func (u *urw) meet(t *task) {
	t.prio, t.left = 1, u.prof.events[t.key]
	if p := t.parent; p != nil {
		if p.prio == 0 {
			u.meet(p)
		}
		p.left -= t.left
	}
}
