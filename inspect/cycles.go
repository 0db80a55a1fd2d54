package inspect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// waitGraph is what a reduction has left: who waits for whom.
//
// Its nodes are tasks and the places where they wait, by number: first the tasks, then for each scope its end, then for each its slots,
// then for each resource the four things that one can wait for there. Each task leads to one node, a place to all tasks that could serve it.
type waitGraph struct {
	v     *reduction
	to    []int32           // of tasks that are left
	from  map[int32][]int32 // places, and whom they wait for
	first int32             // place
}

func (v *reduction) graph() *waitGraph {
	g := &waitGraph{v: v, to: fill(len(v.s.Tasks)), from: make(map[int32][]int32), first: int32(len(v.s.Tasks))}
	for i := range v.s.Tasks {
		if v.able[i] {
			continue
		}
		to := v.at[i]
		if v.place[i] != atTask {
			to = g.node(v.place[i], to)
			g.from[to] = nil
		}
		g.to[i] = to
	}
	for ri := range v.res { // those behind the head of a line who need only that it goes away
		state := &v.res[ri]
		for n := state.served + 1; n < len(state.queue); n++ {
			if w := state.queue[n]; !v.able[w.task] && v.fits(int32(ri), w) {
				g.to[w.task] = state.queue[state.served].task
			}
		}
	}
	for i := range v.s.Tasks {
		if v.able[i] {
			continue
		}
		if sc := v.memberOf[i]; sc >= 0 {
			g.serves(g.node(atJoin, sc), i)
			if v.s.Tasks[i].Slot {
				g.serves(g.node(atSlot, sc), i)
			}
		}
		for _, h := range v.holds[i] {
			switch h.user {
			case atGet:
				g.serves(g.node(atGet, h.res), i)
			case atPut:
				g.serves(g.node(atPut, h.res), i)
				g.serves(g.node(atWorkDone, h.res), i)
			default:
				g.serves(g.node(atPermits, h.res), i)
			}
		}
	}
	return g
}

// serves says that those at a place wait for a task, if there is anybody.
func (g *waitGraph) serves(node int32, task int) {
	if list, ok := g.from[node]; ok {
		if n := len(list); n == 0 || list[n-1] != int32(task) { // it may hold twice
			g.from[node] = append(list, int32(task))
		}
	}
}

func (g *waitGraph) node(p place, at int32) int32 {
	scopes := int32(len(g.v.s.Scopes))
	switch p {
	case atJoin:
		return g.first + at
	case atSlot:
		return g.first + scopes + at
	default:
		return g.first + 2*scopes + 4*at + int32(p-atPermits)
	}
}

// placeOf is the reverse of node.
func (g *waitGraph) placeOf(node int32) (place, int32) {
	n, scopes := node-g.first, int32(len(g.v.s.Scopes))
	switch {
	case n < scopes:
		return atJoin, n
	case n < 2*scopes:
		return atSlot, n - scopes
	default:
		n -= 2 * scopes
		return atPermits + place(n%4), n / 4
	}
}

// follow returns where a node leads to.
func (g *waitGraph) follow(node int32, one *[1]int32) []int32 {
	if node >= g.first {
		return g.from[node]
	}
	one[0] = g.to[node]
	return one[:]
}

// knots returns the sets of nodes that lead to each other, each as its tasks in the order of the snapshot.
// It is Tarjan's algorithm, without recursion.
func (g *waitGraph) knots() [][]int32 {
	type visit struct {
		node  int32
		child int // of follow(node), the next to be looked at
	}
	var (
		knots     [][]int32
		count     int32
		nodes     = len(g.v.s.Tasks) + 2*len(g.v.s.Scopes) + 4*len(g.v.s.Resources)
		number    = make([]int32, nodes) // in the order of discovery, from 1
		low       = make([]int32, nodes)
		open      []int32 // nodes whose knot is not known
		isOpen    = make([]bool, nodes)
		way       []visit
		oneChild  [1]int32
		beginning = func(n int32) {
			count++
			number[n], low[n] = count, count
			open, isOpen[n] = append(open, n), true
			way = append(way, visit{node: n})
		}
	)
	for i := range g.to {
		if g.to[i] < 0 || number[int32(i)] != 0 {
			continue
		}
		beginning(int32(i))
		for len(way) > 0 {
			at := &way[len(way)-1]
			if next := g.follow(at.node, &oneChild); at.child < len(next) {
				n := next[at.child]
				at.child++
				switch {
				case number[n] == 0:
					beginning(n)
				case isOpen[n]:
					low[at.node] = min(low[at.node], number[n])
				}
				continue
			}
			n := at.node
			way = way[:len(way)-1]
			if len(way) > 0 {
				above := way[len(way)-1].node
				low[above] = min(low[above], low[n])
			}
			if low[n] != number[n] {
				continue
			}
			start := len(open) - 1
			for isOpen[open[start]] = false; open[start] != n; isOpen[open[start]] = false {
				start--
			}
			knot := slices.Clone(open[start:])
			open = open[:start]
			if len(knot) > 1 || n < g.first && g.to[n] == n {
				tasks := slices.DeleteFunc(knot, func(m int32) bool { return m >= g.first })
				slices.Sort(tasks)
				knots = append(knots, tasks)
			}
		}
	}
	return knots
}

// deadlocks describes what is left. If certain is not nil, it leaves out what that has left as well.
func (v *reduction) deadlocks(confidence string, certain *reduction) []Deadlock {
	if v.left == 0 {
		return nil
	}
	v.open = v.s.open()
	g := v.graph()
	knots := g.knots()
	owner := make(map[int32]int, v.left) // node: 1 + the deadlock because of which it waits
	var list []Deadlock
	var pending []int32
	add := func(d Deadlock, nodes ...int32) {
		list = append(list, d)
		for _, n := range nodes {
			owner[n] = len(list)
		}
		pending = append(pending, nodes...)
	}
	for _, knot := range knots {
		d := Deadlock{Kind: DeadlockCycle, Confidence: confidence, core: knot}
		add(d, knot...)
	}
	for _, n := range slices.Sorted(maps.Keys(g.from)) { // places that nobody who is left could serve
		if len(g.from[n]) == 0 {
			p, at := g.placeOf(n)
			add(Deadlock{Kind: DeadlockOrphan, Confidence: confidence, gone: p == atPermits && v.res[at].lost}, n)
		}
	}

	// Who waits for them, from near to far.
	waiters := make(map[int32][]int32)
	for i, to := range g.to {
		if to >= 0 {
			waiters[to] = append(waiters[to], int32(i))
		}
	}
	for n, tasks := range g.from {
		for _, i := range tasks {
			waiters[i] = append(waiters[i], n)
		}
	}
	all := make([][]int32, len(list))
	for len(pending) > 0 {
		n := pending[0]
		pending = pending[1:]
		if n < g.first {
			all[owner[n]-1] = append(all[owner[n]-1], n)
		}
		for _, w := range waiters[n] {
			if owner[w] == 0 {
				owner[w] = owner[n]
				pending = append(pending, w)
			}
		}
	}

	found := list[:0]
	for i, d := range list {
		if certain != nil && certain.hasLeft(d.core, all[i]) {
			continue
		}
		d.Size, d.Timed = len(all[i]), certain != nil
		for _, t := range all[i][:min(len(all[i]), maxDeadlockTasks)] {
			d.Tasks = append(d.Tasks, v.s.Tasks[t].ID)
		}
		g.describe(&d, all[i])
		found = append(found, d)
	}
	slices.SortFunc(found, func(a, b Deadlock) int { return cmp.Compare(a.Tasks[0], b.Tasks[0]) })
	return found
}

// hasLeft reports whether v has left all of the core, or, if there is none, one of all.
func (v *reduction) hasLeft(core, all []int32) bool {
	if core == nil {
		return slices.ContainsFunc(all, func(i int32) bool { return !v.able[i] })
	}
	return !slices.ContainsFunc(core, func(i int32) bool { return v.able[i] })
}

// describe finds a cycle to show, and puts it into words.
func (g *waitGraph) describe(d *Deadlock, all []int32) {
	v := g.v
	var cycle []int32
	if d.Kind == DeadlockOrphan {
		cycle = all[:1]
		d.core = cycle
	} else {
		cycle = g.cycle(d.core)
	}
	joins, pool := 0, false
	words := make([]string, 0, len(cycle))
	for _, i := range cycle {
		t := &v.s.Tasks[i]
		link := Link{Task: t.ID, Path: v.s.Path(t.ID), Op: opSlot, Via: v.s.via(t), Text: v.s.waitPhrase(t)}
		if t.Wait != nil {
			link.Op = t.Wait.Op
		}
		switch v.place[i] {
		case atJoin:
			joins++
		case atSlot:
			pool = true
		case nowhere, atTask, atPermits, atPut, atGet, atWorkDone:
		}
		d.Cycle = append(d.Cycle, link)
		words = append(words, link.Path+" "+link.Text)
	}
	switch last := v.place[cycle[len(cycle)-1]]; {
	case d.Kind == DeadlockOrphan:
		words[0] += g.lost(cycle[0])
	case len(cycle) == 1 || joins == len(cycle)-1 && last != atSlot && slices.ContainsFunc(cycle, func(i int32) bool { return v.place[i] == atTask }):
		d.Kind = DeadlockSelf
	case pool:
		d.Kind = DeadlockPool
	}
	if d.grounds = g.grounds(d.core); (v.left < len(v.s.Tasks) || v.open) && g.others(d) {
		d.Confidence = Likely
	}
	d.Text = strings.Join(words, "; ")
	if d.Kind != DeadlockOrphan && len(cycle) > 1 {
		d.Text += "; which closes the circle"
	}
	if more := d.Size - len(cycle); more > 0 {
		d.Text += ". " + plural64(int64(more), "more task waits", "more tasks wait") + " because of it"
	}
}

// open reports whether there is a Portal through which new tasks may come.
func (s *Snapshot) open() bool {
	return slices.ContainsFunc(s.Scopes, func(sc Scope) bool { return sc.Portal && !sc.Closed && sc.Cancel == nil })
}

// grounds returns the tasks on which it rests that those of the core cannot go on: all that they wait for, near or far.
func (g *waitGraph) grounds(core []int32) []int32 {
	var one [1]int32
	seen := make(map[int32]bool, len(core))
	pending := slices.Clone(core)
	for _, n := range pending {
		seen[n] = true
	}
	var tasks []int32
	for len(pending) > 0 {
		n := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if n < g.first {
			tasks = append(tasks, n)
		}
		for _, m := range g.follow(n, &one) {
			if !seen[m] {
				seen[m] = true
				pending = append(pending, m)
			}
		}
	}
	slices.Sort(tasks)
	return tasks
}

// others reports whether a task that can go on, or a new one, might help those of d, for all that is known: by using a queue that it has not used so far,
// or by giving back permits of a semaphore that it did not take. If that is to be expected rather than not, d is weak.
func (g *waitGraph) others(d *Deadlock) (might bool) {
	v := g.v
	get, held := false, false
	for _, i := range d.grounds {
		if v.place[i] < atPermits {
			continue
		}
		ri := v.at[i]
		switch state := &v.res[ri]; v.place[i] {
		case atGet:
			might, get, d.weak = true, true, d.weak || state.putters.gone
		case atPut:
			might, held, d.weak = true, true, d.weak || state.getters.gone
		case atWorkDone:
			might = true
		default:
			held = true
			if v.s.Resources[ri].Kind == kindSemaphore {
				// Who takes a permit for each task that it starts, which gives it back, is seen to hold them all, and waits for the next one.
				self := slices.ContainsFunc(v.holds[i], func(h heldAt) bool { return h.res == ri })
				might, d.weak = true, d.weak || self
			}
		}
	}
	// Those who wait for items, and for the end of each other, do so in every program that has nothing to do.
	d.weak = d.weak || get && !held
	return might
}

// lost says why nobody serves the place where a task waits.
func (g *waitGraph) lost(i int32) string {
	v := g.v
	if v.place[i] == atPermits {
		r := &v.s.Resources[v.at[i]]
		for _, h := range r.Holders {
			if h.Ended {
				return ", which " + holderName(v.s, h) + " had taken when it ended, and had not given back"
			}
		}
		return fmt.Sprintf(", which has only %d", r.Capacity)
	}
	return ", which nobody will bring"
}

// cycle returns a shortest cycle of tasks through the first task of a knot that has one.
func (g *waitGraph) cycle(knot []int32) []int32 {
	inside := make(map[int32]bool, len(knot))
	for _, i := range knot {
		inside[i] = true
	}
	start := knot[0]
	came := map[int32]int32{start: start} // task: the one before
	pending := []int32{start}
	step := func(from, to int32) bool {
		if to == start {
			came[start] = from
			return true
		}
		if _, seen := came[to]; !seen && inside[to] {
			came[to] = from
			pending = append(pending, to)
		}
		return false
	}
	seenPlace := make(map[int32]bool)
search:
	for len(pending) > 0 {
		i := pending[0]
		pending = pending[1:]
		to := g.to[i]
		if to < g.first {
			if step(i, to) {
				break
			}
			continue
		}
		if seenPlace[to] {
			continue
		}
		seenPlace[to] = true
		for _, n := range g.from[to] {
			if step(i, n) {
				break search
			}
		}
	}
	cycle := []int32{start}
	for i := came[start]; i != start; i = came[i] {
		cycle = append(cycle, i)
	}
	slices.Reverse(cycle[1:])
	return cycle
}
