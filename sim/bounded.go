package sim

// bounded is the canonical schedule but for one, two or three switches at random decisions
// (delay bounding, Emmi, Qadeer, Rakamarić, POPL 2011, at random).
//
// Most bugs need one or two switches in the right place, and the other strategies make many: they meet the bug of a single
// switch less often than this one does.
type bounded struct {
	dice

	at   [3]int
	step int
}

func (b *bounded) begin(seed uint64, prof *profile) {
	b.dice.begin(seed, prof)
	b.step = 0
	n := 1 + b.intn(len(b.at))
	for i := range b.at {
		b.at[i] = 0
		if i < n {
			b.at[i] = 1 + b.intn(max(1, prof.decisions))
		}
	}
}

func (b *bounded) task(c *candidates) int {
	b.step++
	for _, at := range b.at {
		if at == b.step {
			return b.intn(c.len())
		}
	}
	return 0
}
