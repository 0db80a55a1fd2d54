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
	left := u.prof.events[t.key] - t.events
	key := t.key
	for i := 1; i <= t.children; i++ {
		left -= u.prof.events[(key^uint64(i))*0x100000001b3]
	}
	return max(1, left)
}
