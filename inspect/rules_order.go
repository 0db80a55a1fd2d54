package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// D4: locks that are taken in orders which are a deadlock if they meet.
//
// Whoever waits for a lock while it holds another one shows an order. The orders are kept, and some of them make a circle if each could be waiting
// for what the next one holds, all at the same time: other tasks, and none of them holding what another one must not have then, as a gate before both would be.
// That is the lock graph of Goodlock (Havelund 2000), with guards.

const (
	maxOrders     = 4096
	maxOrderCycle = 4      // orders in one circle
	maxOrderTasks = 4      // that are remembered of one order: enough for a circle of different tasks
	maxOrderSteps = 10_000 // of the search, in one look
	maxOrderFound = maxPerCode
	maxNewOrders  = 128 // in one look; others come with the next
)

// lockOrders is what a monitor remembers for D4.
type lockOrders struct {
	orders map[string]*lockOrder // by what is held and what is waited for
	known  map[uint64]int        // the look that has first shown a lock or semaphore
	cycles map[string]*lockCycle // by the locks in them
}

// lockOrder is that tasks have waited for a lock while they held others.
type lockOrder struct {
	held  []grip // sorted; the first ones are locks, the others only keep tasks from doing things at the same time
	locks int    // how many are locks, and certain
	wants grip
	tasks []orderTask // the last ones first
	first time.Time
	last  time.Time
	look  int // of last
}

// grip is what a task has of a resource, or wants.
type grip struct {
	resource uint64
	amount   int64
	capacity int64
	read     bool
}

// excludes reports whether one task cannot have g while another one has h.
func (g grip) excludes(h grip) bool {
	return g.resource == h.resource && (!g.read || !h.read) && g.amount+h.amount > g.capacity
}

type orderTask struct {
	id         uint64
	path, site string
	op         string
}

// lockCycle is a circle of orders: each waits for what the next one holds.
type lockCycle struct {
	orders []*lockOrder
	tasks  []orderTask // one of each order
	locks  []uint64    // sorted
	at     time.Time   // it was closed
}

// last is when one of its orders was seen last.
func (c *lockCycle) last() time.Time {
	return slices.MaxFunc(c.orders, func(a, b *lockOrder) int { return a.last.Compare(b.last) }).last
}

// gripOf returns what of r is taken with that mode.
func gripOf(r *Resource, amount int64, read bool) grip {
	g := grip{resource: r.ID, amount: max(amount, 1), capacity: r.Capacity, read: read}
	if r.Kind == kindMutex || r.Kind == kindRWMutex {
		g.amount, g.capacity = 1, 1
	}
	return g
}

// exclusive says that r is a lock: what can be waited for with it in hand is an order. Permits of which there are several have none.
func exclusive(r *Resource) bool {
	return r.Kind == kindMutex || r.Kind == kindRWMutex || hasPermits(r) && r.Capacity == 1
}

// lockOrders is D4.
func (l *look) lockOrders() {
	if l.m.rules.Order < 0 {
		return
	}
	m := &l.m.orders
	l.forgetOrders()
	changed := l.seeOrders()
	if len(changed) > 0 {
		byLock := make(map[uint64][]*lockOrder)
		for _, o := range m.orders {
			for _, g := range o.held[:o.locks] {
				byLock[g.resource] = append(byLock[g.resource], o)
			}
		}
		steps := maxOrderSteps
		for _, o := range changed {
			l.closeCycles([]*lockOrder{o}, byLock, &steps)
		}
	}
	stuck := make(map[uint64]bool) // what those in a deadlock wait for: D1 says more of that
	for i := range l.s.Tasks {
		if t := &l.s.Tasks[i]; l.stuck[t.ID] && t.Wait != nil {
			stuck[t.Wait.Resource] = true
		}
	}
	for key, c := range m.cycles {
		if l.at.Sub(c.last()) > l.m.rules.Order {
			delete(m.cycles, key)
			continue
		}
		if !slices.ContainsFunc(c.locks, func(id uint64) bool { return stuck[id] }) {
			l.orderFinding(c)
		}
	}
}

// forgetOrders drops the orders of locks that are gone, and the oldest if there are too many.
func (l *look) forgetOrders() {
	m := &l.m.orders
	known := make(map[uint64]int, len(m.known))
	for i := range l.s.Resources {
		if r := &l.s.Resources[i]; hasPermits(r) {
			known[r.ID] = cmp.Or(m.known[r.ID], l.m.order)
		}
	}
	m.known = known
	if m.orders == nil {
		m.orders, m.cycles = make(map[string]*lockOrder), make(map[string]*lockCycle)
	}
	for key, o := range m.orders {
		if known[o.wants.resource] == 0 || slices.ContainsFunc(o.held, func(g grip) bool { return known[g.resource] == 0 }) {
			l.forgetOrder(key, o)
		}
	}
	if len(m.orders) <= maxOrders {
		return
	}
	looks := make([]int, 0, len(m.orders))
	for _, o := range m.orders {
		looks = append(looks, o.look)
	}
	slices.Sort(looks)
	oldest := looks[len(looks)-maxOrders*3/4] // room for a while, so that it is not sorted in each look
	for key, o := range m.orders {
		if o.look < oldest || len(m.orders) > maxOrders {
			l.forgetOrder(key, o)
		}
	}
}

func (l *look) forgetOrder(key string, o *lockOrder) {
	m := &l.m.orders
	delete(m.orders, key)
	for locks, c := range m.cycles {
		if slices.Contains(c.orders, o) {
			delete(m.cycles, locks)
		}
	}
}

// seeOrders notes the orders that the snapshot shows, and returns those in which there is something new.
func (l *look) seeOrders() (changed []*lockOrder) {
	news := 0
	for i := range l.s.Tasks {
		t := &l.s.Tasks[i]
		if len(t.Holds) == 0 || t.State != StateBlocked || t.Wait == nil || t.Wait.Resource == 0 || l.stuck[t.ID] {
			continue
		}
		r := l.s.Resource(t.Wait.Resource)
		if r == nil || !exclusive(r) {
			continue
		}
		held, locks := l.gripsOf(t)
		if locks == 0 {
			continue
		}
		fresh := &lockOrder{held: held, locks: locks, wants: gripOf(r, 1, t.Wait.Op == opRLock)}
		key := fmt.Sprint(fresh.held, fresh.locks, fresh.wants)
		o := l.m.orders.orders[key]
		if o == nil {
			if news == maxNewOrders {
				continue
			}
			news++
			o, fresh.first = fresh, l.at
			l.m.orders.orders[key] = o
			l.supersede(o)
		}
		if l.at.Sub(o.last) > l.m.rules.Order && !o.last.IsZero() {
			changed = append(changed, o) // its circles have been forgotten
		}
		o.last, o.look = l.at, l.m.order
		if at := slices.IndexFunc(o.tasks, func(b orderTask) bool { return b.id == t.ID }); at >= 0 {
			continue
		}
		if len(o.tasks) < maxOrderTasks {
			changed = append(changed, o) // another task: it may be the other one that a circle lacked
		}
		o.tasks = slices.Insert(o.tasks, 0, orderTask{t.ID, l.s.Path(t.ID), l.s.Site(t.Site).String(), t.Wait.Op})
		o.tasks = o.tasks[:min(len(o.tasks), maxOrderTasks)]
	}
	return changed
}

// gripsOf returns what t holds: first the locks that are certain, of which there are that many. What it may hold, and what those hold
// who wait for the end of its group, does not make an order, but keeps others out.
func (l *look) gripsOf(t *Task) (held []grip, locks int) {
	var gates []grip
	add := func(h Hold, own bool) {
		switch r := l.s.Resource(h.Resource); {
		case r == nil || !hasPermits(r) || h.Resource == t.Wait.Resource:
		case own && h.During && !h.Maybe && exclusive(r):
			held = append(held, gripOf(r, h.Amount, h.Mode == modeRead))
		default:
			gates = append(gates, gripOf(r, h.Amount, h.Mode == modeRead))
		}
	}
	for _, h := range t.Holds {
		add(h, true)
	}
	up := l.s.Task(t.Owner)
	for range maxPath {
		if up == nil {
			break
		}
		if up.State == StateFinishing {
			for _, h := range up.Holds {
				add(h, false)
			}
		}
		up = l.s.Task(up.Owner)
	}
	for _, list := range [][]grip{held, gates} {
		slices.SortFunc(list, func(a, b grip) int { return cmp.Compare(a.resource, b.resource) })
	}
	return append(held, gates...), len(held)
}

// supersede drops what was noted of the same order when a lock that is held in it as well was not known yet: a snapshot shows a lock
// only after somebody has waited for it. It may be the gate that makes all of it harmless.
func (l *look) supersede(o *lockOrder) {
	for key, old := range l.m.orders.orders {
		if old == o || old.wants != o.wants || len(old.held) >= len(o.held) {
			continue
		}
		if slices.ContainsFunc(old.held, func(g grip) bool { return !slices.Contains(o.held, g) }) {
			continue
		}
		if slices.ContainsFunc(o.held, func(g grip) bool {
			return !slices.Contains(old.held, g) && l.m.orders.known[g.resource] > old.look
		}) {
			l.forgetOrder(key, old)
		}
	}
}

// closeCycles looks for circles that begin with path.
func (l *look) closeCycles(path []*lockOrder, byLock map[uint64][]*lockOrder, steps *int) {
	m := &l.m.orders
	end := path[len(path)-1]
	for _, next := range byLock[end.wants.resource] {
		if *steps--; *steps < 0 || len(m.cycles) >= maxOrderFound {
			return
		}
		if !next.keeps(end.wants) {
			continue
		}
		if next == path[0] && len(path) > 1 {
			l.closed(path)
			continue
		}
		if len(path) == maxOrderCycle || slices.ContainsFunc(path, next.excludes) {
			continue
		}
		l.closeCycles(append(slices.Clip(path), next), byLock, steps)
	}
}

// keeps reports whether a task that waits for g waits for those of o.
func (o *lockOrder) keeps(g grip) bool {
	return slices.ContainsFunc(o.held[:o.locks], g.excludes)
}

// excludes reports whether two tasks cannot wait like this at the same time, or whether it is the same order.
func (o *lockOrder) excludes(p *lockOrder) bool {
	return o == p || o.wants.resource == p.wants.resource || slices.ContainsFunc(o.held, func(g grip) bool { return slices.ContainsFunc(p.held, g.excludes) })
}

// closed notes a circle, if there are different tasks for it.
func (l *look) closed(path []*lockOrder) {
	m := &l.m.orders
	c := &lockCycle{orders: slices.Clone(path), at: l.at, tasks: differentTasks(path, nil)}
	if c.tasks == nil {
		return
	}
	for _, o := range path {
		c.locks = append(c.locks, o.wants.resource)
	}
	slices.Sort(c.locks)
	if key := fmt.Sprint(c.locks); m.cycles[key] == nil {
		m.cycles[key] = c
	}
}

// differentTasks chooses one task of each order, none of them twice; nil if that cannot be.
func differentTasks(path []*lockOrder, chosen []orderTask) []orderTask {
	if len(chosen) == len(path) {
		return chosen
	}
	for _, t := range path[len(chosen)].tasks {
		if slices.ContainsFunc(chosen, func(c orderTask) bool { return c.id == t.id }) {
			continue
		}
		if all := differentTasks(path, append(slices.Clip(chosen), t)); all != nil {
			return all
		}
	}
	return nil
}

func (l *look) orderFinding(c *lockCycle) {
	first := 0 // where the text begins must not depend on what was seen first
	for i, o := range c.orders {
		if o.wants.resource < c.orders[first].wants.resource {
			first = i
		}
	}
	k := suspicion{key: fmt.Sprint(c.locks)}
	k.Code = "D4"
	for _, id := range c.locks {
		k.Subjects = append(k.Subjects, l.s.resourceSubject(id, nil))
	}
	sides := make([]string, 0, len(c.orders))
	evidence := make([]map[string]any, 0, len(c.orders))
	for i := range c.orders {
		i = (first + i) % len(c.orders)
		o, t := c.orders[i], c.tasks[i]
		before := c.orders[(i+len(c.orders)-1)%len(c.orders)].wants.resource // what o holds in this circle
		held, wants := l.s.resourceSubject(before, nil).Name, l.s.resourceSubject(o.wants.resource, nil).Name
		sides = append(sides, fmt.Sprintf("%s held %s and waited in %s for %s (seen %s)", t.path, held, t.op, wants, o.first.Format(time.TimeOnly)))
		tasks := make([]string, 0, len(o.tasks))
		for _, t := range o.tasks {
			tasks = append(tasks, t.path)
		}
		evidence = append(evidence, map[string]any{
			"task": t.id, "path": t.path, "site": t.site, "op": t.op, "held": held, "wanted": wants, "by": tasks, "first": o.first, "last": o.last,
		})
	}
	k.Text = strings.Join(sides, "; ") + ": if they do this at the same time, it is a deadlock"
	k.Evidence = map[string]any{"orders": evidence}
	l.suspect(k, &c.at)
}
