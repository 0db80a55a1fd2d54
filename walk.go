package braid

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid/internal/record"
)

// How the inspector reads the tree.
//
// It takes the lock of one node at a time and lists at most walkStep children before it lets go, so that no task waits for it
// for longer than a few microseconds. A bookmark in the ring of children says where to go on: a node of its own kind,
// which everybody else passes over.
//
// Ids are given when the inspector first sees a node, and kept where the node keeps what is for others to know.
// A program that nobody looks at has none.

const walkStep = 256

var lastID, lastWalk atomic.Uint64

// identify returns the id of the task, giving it one if need be. h may be nil: then it is 0.
func (h *Handle) identify() uint64 {
	if h == nil {
		return 0
	}
	return h.node.identify()
}

func (n *node) identify() uint64 {
	id, _, _ := n.glance()
	return id
}

// known returns the id that the inspector has given n; 0 if there is none.
func (n *node) known() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.watch == nil || n.watch.seen == nil {
		return 0
	}
	return n.watch.seen.id
}

// glance returns what the lock of n guards for a walker.
func (n *node) glance() (id uint64, l *link, limit time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	id = n.sighted().id
	if n.link == nil { // of no task, but of code that has none and called Abandon
		return id, &link{}, time.Time{}
	}
	return id, n.link, n.link.limit
}

// sight is what the inspector notes of a node that it has seen.
type sight struct {
	id     uint64
	queued uint64 // the walk that has shown the task as one that waits for a slot
}

// sighted returns the sight of n, making it if need be. n.mu is held.
func (n *node) sighted() *sight {
	w := n.watched()
	if w.seen == nil {
		w.seen = &sight{id: lastID.Add(1)}
	}
	return w.seen
}

// walk implements record.Source.
func walk(v record.Visitor) {
	w := walker{v: v}
	w.all()
}

func (w *walker) all() {
	w.number = lastWalk.Add(1)
	tasks, groups := roots.all()
	for _, g := range groups {
		w.show(child{&g.node, false}, &level{})
		w.below()
	}
	for _, h := range tasks {
		if g := h.group; g != nil { // left by Abandon
			w.task(h, &level{node: &g.node, id: g.node.identify()}, false)
		} else {
			w.task(h, &level{}, false)
		}
		w.below()
	}
}

type walker struct {
	v      record.Visitor
	number uint64 // of this walk
	stack  []level
	spare  [][]child
	seen   record.Task
	scope  record.Scope
}

// level is a ring of nodes that are being shown: the children of a node, or the tasks of a group that wait for a slot.
type level struct {
	node  *node         // whose they are
	ring  *node         // node, or the queue of its group; the lock of node guards both
	id    uint64        // of the node
	end   record.Cancel // of the node
	begun bool
	mark  *node // the bookmark; nil when the last child has been listed
	last  *node // another one, behind those who were there at the beginning: who spawns faster than we read would keep us for ever
	list  []child
	next  int // in list
}

type child struct {
	node *node
	slot bool
}

// below shows what is below the nodes on the stack. It does not recurse: a tree may be as deep as the program likes.
func (w *walker) below() {
	for len(w.stack) > 0 {
		l := &w.stack[len(w.stack)-1]
		if l.next == len(l.list) && !l.more() {
			w.spare = append(w.spare, l.list[:0])
			w.stack = w.stack[:len(w.stack)-1]
			continue
		}
		c := l.list[l.next]
		l.next++
		w.show(c, l)
	}
}

// enter puts n on the stack. Of a group, first come those who wait for a slot: who gets one meanwhile is found among the children then.
func (w *walker) enter(n *node, id uint64, end *record.Cancel) {
	w.enterRing(n, n, id, end)
	if n.kind == kindGroup {
		w.enterRing(n, &groupOf(n).queued, id, end)
	}
}

func (w *walker) enterRing(n, ring *node, id uint64, end *record.Cancel) {
	l := level{node: n, ring: ring, id: id, end: *end}
	if k := len(w.spare); k > 0 {
		l.list, w.spare = w.spare[k-1], w.spare[:k-1]
	}
	w.stack = append(w.stack, l)
}

// more lists the next children, and reports whether there are any.
func (l *level) more() bool {
	l.list, l.next = l.list[:0], 0
	if l.begun && l.mark == nil {
		return false
	}
	l.node.mu.Lock()
	defer l.node.mu.Unlock()
	n := l.ring
	if !l.begun {
		l.begun = true
		if n.first == nil {
			return false
		}
		l.mark = &node{kind: kindBookmark, detached: true}
		l.take(n.first)
		if l.mark != nil {
			l.last = &node{kind: kindBookmark, detached: true}
			n.push(l.last)
		}
	}
	for len(l.list) == 0 && l.mark != nil { // there may be nothing but bookmarks for a while
		from := l.mark.next
		n.drop(l.mark)
		l.take(from)
	}
	return len(l.list) > 0
}

// take lists children from c on, up to the last one, and leaves the bookmark after them if there are more. node.mu is held.
func (l *level) take(c *node) {
	n := l.ring
	for range walkStep {
		if c == l.last {
			n.drop(c)
			l.mark = nil
			return
		}
		if c.kind != kindBookmark {
			l.list = append(l.list, child{c, c.slot})
		}
		if c = c.next; c == n.first && l.last == nil {
			l.mark = nil
			return
		}
	}
	n.insert(l.mark, c)
}

// insert puts c into the ring before at, which is not the first. n.mu is held.
func (n *node) insert(c, at *node) {
	c.up = n
	c.prev, c.next = at.prev, at
	at.prev.next, at.prev = c, c
}

func (w *walker) show(c child, l *level) {
	n := c.node
	if n.kind == kindTask {
		w.task(n.task, l, c.slot)
		return
	}
	if n.rec.Load() == ended {
		return // it is over
	}
	id, link, limit := n.glance()
	s := &w.scope
	*s = record.Scope{ID: id, Parent: l.id, Owner: n.task.identify(), Deadline: limit, Cancel: n.ending(link, &l.end)}
	if t := n.task; t != nil {
		own := t.waiter.Load()
		s.Parked = own != nil && n.parked.Load() == &own.parker
	}
	switch n.kind {
	case kindGroup:
		s.Kind = "group"
		groupOf(n).describe(s)
	case kindTimeout:
		s.Kind = "timeout"
	case kindShield:
		s.Kind = "shield"
	case kindTask, kindBookmark:
	}
	w.v.Scope(s)
	w.enter(n, id, &s.Cancel)
}

// ending describes the cancellation of n, whose link is l and whose parent has the cancellation above.
//
// The end of a context that is not ours may not have been heard of yet. The inspector does not pass it on, for that calls functions of the user's.
func (n *node) ending(l *link, above *record.Cancel) record.Cancel {
	if rec := n.rec.Load(); rec != nil {
		return rec.describe()
	}
	if above.Cause != nil && !n.detached {
		return *above
	}
	if l.node == n && l.live {
		if cause := l.over(); cause != nil {
			return record.Cancel{Cause: cause, Record: l, Kind: originNames[byContext]}
		}
	}
	return record.Cancel{}
}

// over returns why l's context has ended, or nil.
//
// It asks for the cause and not for Err: that of a standard context receives from its channel, and Go ends a process that does so
// from outside of the synctest bubble in which the context was made.
func (l *link) over() error {
	p := &endProbe{Context: l.ctx}
	switch cause := context.Cause(p); {
	case p.standard && cause == errOpen:
		return nil
	case p.standard:
		return cause
	case l.up != nil && l.sched != nil:
		return nil // Err may be that of a task, which only the task itself may ask for under the simulator
	case l.ctx.Err() != nil:
		return context.Cause(l.ctx)
	default:
		return nil
	}
}

// endProbe is a context that says of itself only that it has ended, so that context.Cause looks for the cause of the standard context inside.
type endProbe struct {
	context.Context
	standard bool // it ends with the standard context inside
}

var errOpen = errors.New("braid: the context has not ended")

func (p *endProbe) Err() error { return errOpen }

func (p *endProbe) Value(key any) any {
	v := p.Context.Value(key)
	inside, ok := v.(context.Context)
	p.standard = ok && inside.Done() == p.Done()
	return v
}

func (g *Group) describe(s *record.Scope) {
	g.node.mu.Lock()
	defer g.node.mu.Unlock()
	s.Name, s.Limit, s.Queued, s.Live, s.Body, s.Grace = g.name, g.limit, g.nqueued, g.live, g.body, g.grace
	s.Closed, s.Portal = g.closed, g.portal
	s.Failures = len(g.errs) + len(g.panics)
	if g.limit > 0 {
		s.Running = g.running
	}
}

// twice reports whether h is shown elsewhere: it was waiting for a slot, and now has one.
func (w *walker) twice(h *Handle, l *level, state State) bool {
	if l.ring == nil || l.node.kind != kindGroup || groupOf(l.node).limit == 0 {
		return false
	}
	h.node.mu.Lock()
	defer h.node.mu.Unlock()
	if l.ring == l.node {
		return h.node.watch != nil && h.node.watch.seen != nil && h.node.watch.seen.queued == w.number
	}
	if state == Queued {
		h.node.sighted().queued = w.number
	}
	return state != Queued
}

// task shows h, a member of the scope of l.
func (w *walker) task(h *Handle, l *level, slot bool) {
	state := h.State()
	if state.Ended() {
		return
	}
	if w.twice(h, l, state) {
		return
	}
	id, link, limit := h.node.glance()
	var owner *Handle
	if l.node != nil {
		owner = l.node.task
	}
	t := &w.seen
	*t = record.Task{
		Handle: h, ID: id, Parent: l.id, Owner: owner.identify(),
		Name: h.name, Index: h.node.index, Entry: h.entry, Scheduler: link.sched,
		State: uint32(state), Started: h.start.Load(), Inline: h.node.inline, Slot: slot,
		Deadline: limit, Cancel: h.node.ending(link, &l.end),
	}
	if own := h.waiter.Load(); own != nil {
		t.Stamp = own.parker.Stamp.Load()
		t.Parked = h.node.parked.Load() == &own.parker
		if why := own.parker.Waiting(); why != nil && own.parker.Stamp.Load() == t.Stamp {
			t.Why = why
			if o := why.Object; o != nil {
				switch of := o.Of.(type) {
				case *Group:
					t.Target = of.node.identify()
				case *Handle:
					t.Target = of.identify()
				}
			}
		}
	}
	w.v.Task(t)
	w.enter(&h.node, id, &t.Cancel)
}

// cancelByID implements record.Source.
func cancelByID(id uint64, cause error) bool {
	f := &finder{id: id}
	w := walker{v: f}
	w.all()
	if f.found == nil || f.found.State().Ended() {
		return false
	}
	f.found.Cancel(cause)
	return true
}

// finder looks for one task.
type finder struct {
	id    uint64
	found *Handle
}

func (*finder) Scope(*record.Scope) {}

func (f *finder) Task(t *record.Task) {
	if t.ID == f.id {
		f.found = t.Handle.(*Handle)
	}
}

func init() { //nolint:gochecknoinits // the only way to hand something to a package below without a user's call
	record.Epoch = epoch
	record.Source.Walk = walk
	record.Source.Peek = peek
	record.Source.Cancel = cancelByID
	record.Source.NameOf = nameOf
	record.Source.IDOf = func(ctx context.Context) uint64 { return Current(ctx).identify() }
}
