package braid

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid/internal/sched"
)

// node is the context of a task, a group, a timeout or a shield: one place where cancellation can start.
//
// Nodes form the tree along which cancellation runs downwards.
// A node is linked into its parent by intrusive links, so entering a scope registers with nobody else,
// and a node makes a done channel only when somebody asks for one:
// braid's own calls are woken through their parking place instead.
//
// Locking: mu of a parent may be held while mu of a child is taken, never the other way round.
// No user code runs while any mu is held.
type node struct {
	link *link   // the foreign context that this node lives under; never nil, written once
	task *Handle // the task that runs in this scope; nil for a scope opened by code that has no task
	rec  atomic.Pointer[cancellation]

	// parked is the call that waits under this very context, in the common case that there is one.
	// A waiter stores it and then looks at rec; cancel stores rec and then looks at parked. One of them sees the other.
	parked atomic.Pointer[sched.Parker]

	mu    lock
	watch *watch // guarded by mu; who wants to hear of the cancellation, beside parked and the children; nil for most
	first *node  // guarded by mu; ring of children, in the order in which they came

	up         *node // the parent whose ring this node is in; links guarded by up.mu
	prev, next *node
	kind       nodeKind
	detached   bool // in the tree to be seen, but not cancelled with its parent

	// Three fields of tasks, here because there is room: a task is one allocation, and its size is what a spawn costs most.
	slot   bool  // guarded by the mu of the group's node: the task holds a slot of its group
	inline bool  // the task runs on the goroutine of its caller; see Portal.Do
	index  int32 // 1 + its place among the functions of a combinator; 0 for others
}

// watch is what a node needs when code outside braid looks at its context.
type watch struct {
	done  chan struct{}
	calls *call  // ring of functions to call at cancellation
	seen  *sight // by the inspector; nil until it has
}

func (n *node) watched() *watch {
	if n.watch == nil {
		n.watch = &watch{}
	}
	return n.watch
}

type nodeKind uint8

const (
	kindTask nodeKind = iota
	kindGroup
	kindTimeout
	kindShield
	kindBookmark // of a walker; see walk.go
)

// link is where a tree of nodes hangs on a context that is not braid's:
// it gives values, and its end ends node and so everything below.
type link struct {
	ctx   context.Context   // values; and cancellation, unless this link was made by a Shield
	node  *node             // the node that hangs on ctx; nil if ctx cannot end
	up    *link             // the link above, if ctx itself comes from a braid context
	sched sched.Scheduler   // nil: goroutines
	live  bool              // the node can be ended by ctx, or by the context of a link above
	ear   *ear              // listens to ctx for node; nil if node is
	limit time.Time         // the deadline in force; zero if there is none
	until time.Time         // the limit of the shield around; zero if there is none
	hook  func(*PanicError) // hears of panics in the groups below; nil for the default
}

// nodeKey finds the innermost node of a context.
type nodeKey = sched.NodeKey

// causeKey is the key that context.Cause asks for, learned by being asked.
// A type of context outside the standard library cannot give context.Cause a cause by any other means,
// and a user who asks context.Cause(ctx) inside a task expects the reason.
// If a later Go stops asking, the probe learns nothing and Cause falls back to Err; a test watches over it.
var causeKey = func() any {
	p := &causeProbe{Context: context.Background()}
	_ = context.Cause(p)
	return p.key
}()

type causeProbe struct {
	context.Context
	key any
}

func (p *causeProbe) Err() error { return context.Canceled }

func (p *causeProbe) Value(key any) any {
	p.key = key
	return nil
}

// attach makes n a scope below ctx. task is the task that runs in n.
// n is unlinked by detach, which every caller of attach must reach.
func (n *node) attach(ctx context.Context, task *Handle) {
	n.task = task
	up, exact := resolve(ctx)
	if exact {
		n.link = up.link
		up.adopt(n)
		return
	}
	n.hang(ctx, up)
}

// hang puts n below a context that is not ours. up is the nearest node above it, if any;
// n joins its children to be seen in the tree, and is cancelled through ctx alone.
func (n *node) hang(ctx context.Context, up *node) {
	l := &link{ctx: ctx, node: n}
	if up != nil {
		l.up, l.sched = up.link, up.link.sched
		l.until, l.hook = up.link.until, up.link.hook
		n.detached = true
	} else {
		l.sched = sched.From(ctx)
		l.hook = panicHookOf(l.sched)
	}
	l.limit, _ = ctx.Deadline()
	n.link = l
	if up != nil && follows(ctx, up) {
		l.node, l.live, n.detached = nil, up.link.live, false // ctx only adds values
		up.adopt(n)
		return
	}
	if ctx.Done() != nil {
		l.live, l.ear = true, &ear{}
	}
	if up != nil {
		up.adopt(n) // last: a walker may see it from now on
	}
}

// own changes the link of n, which has no children yet, for n and all below it. Only a walker may look on.
func (n *node) own(change func(*link)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.link.node == n {
		change(n.link)
		return
	}
	l := *n.link
	l.node, l.ear, l.up = nil, nil, n.link
	change(&l)
	n.link = &l
}

// adopt puts c into the ring of children, and cancels it if n is cancelled already.
func (n *node) adopt(c *node) {
	n.mu.Lock()
	n.push(c)
	rec := n.rec.Load()
	n.mu.Unlock()
	if rec != nil && !c.detached {
		c.cancel(rec)
	}
}

// push puts c at the end of the ring. n.mu is held.
func (n *node) push(c *node) {
	c.up = n
	if n.first == nil {
		c.prev, c.next = c, c
		n.first = c
		return
	}
	last := n.first.prev
	c.prev, c.next = last, n.first
	last.next, n.first.prev = c, c
}

// drop takes c out of the ring. n.mu is held. It does nothing if c is not there.
func (n *node) drop(c *node) {
	if c.next == nil {
		return
	}
	if c.next == c {
		n.first = nil
	} else {
		c.prev.next, c.next.prev = c.next, c.prev
		if n.first == c {
			n.first = c.next
		}
	}
	c.prev, c.next = nil, nil
}

// detach ends the scope: it leaves the tree, and whoever still holds the context sees it done.
func (n *node) detach() {
	n.link.hangUp(n)
	if up := n.up; up != nil {
		up.mu.Lock()
		up.drop(n)
		up.mu.Unlock()
	}
	n.end(ended)
}

// end ends the scope because of something that happened inside, unless it has been ended from outside:
// the end of a foreign context above counts even if it has not been heard of until now. No mu is held by the caller.
func (n *node) end(rec *cancellation) {
	if n.cancelled() == nil {
		n.cancel(rec)
	}
}

// cancel ends the scope and everything below it, unless it has ended. No mu is held by the caller.
func (n *node) cancel(rec *cancellation) {
	var o aftermath
	n.mark(rec, &o)
	for _, p := range o.wake {
		sched.Unpark(p)
	}
	for o.calls != nil {
		o.calls = o.calls.fire()
	}
}

// aftermath is what a cancellation leaves to do when its locks are released.
// Calls are woken then too: the first thing that each of them would do is to want a lock that the canceller holds.
type aftermath struct {
	wake  []*sched.Parker
	calls *call
}

// mark does the work of cancel under the locks of the subtree.
func (n *node) mark(rec *cancellation, o *aftermath) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.rec.Load() != nil {
		return
	}
	n.rec.Store(rec)
	if w := n.watch; w != nil {
		if w.done != nil {
			close(w.done)
		}
		o.calls = o.calls.splice(w.calls)
		w.calls = nil
	}
	if p := n.parked.Load(); p != nil {
		o.wake = append(o.wake, p)
	}
	if c := n.first; c != nil {
		for {
			if !c.detached {
				c.mark(rec, o)
			}
			if c = c.next; c == n.first {
				break
			}
		}
	}
}

// cancelled returns why the scope is cancelled, or nil.
func (n *node) cancelled() *cancellation {
	if rec := n.rec.Load(); rec != nil {
		return rec
	}
	if n.link.live {
		n.link.poll()
		return n.rec.Load()
	}
	return nil
}

// Deadline implements context.Context.
func (n *node) Deadline() (time.Time, bool) {
	when := n.link.limit
	return when, !when.IsZero()
}

// Done implements context.Context.
func (n *node) Done() <-chan struct{} {
	n.link.listen()
	n.mu.Lock()
	defer n.mu.Unlock()
	w := n.watched()
	if w.done == nil {
		w.done = make(chan struct{})
		if n.rec.Load() != nil {
			close(w.done)
		}
	}
	return w.done
}

// Err implements context.Context.
func (n *node) Err() error {
	sched.Point(n.link.sched, "ctx.Err", nil)
	if rec := n.cancelled(); rec != nil {
		return rec.err
	}
	return nil
}

// Value implements context.Context.
func (n *node) Value(key any) any {
	switch key {
	case nodeKey{}:
		return n
	case causeKey:
		if rec := n.cancelled(); rec != nil {
			return rec.stdlib().Value(key)
		}
		return nil
	}
	if sched.IsKey(key) {
		return n.link.sched // not that of the values, which come from elsewhere if the task came through a portal
	}
	return n.link.ctx.Value(key)
}

// String tells a node from others where a context is printed.
func (n *node) String() string {
	if n.task == nil {
		return "braid.Context"
	}
	return "braid.Context(" + n.task.Path() + ")"
}

// AfterFunc calls f when the scope ends, on the goroutine that ends it, with no lock held.
// It is the method that the context package looks for, so that standard contexts made from ours
// are registered directly instead of each starting a goroutine. f must not block.
func (n *node) AfterFunc(f func()) func() bool {
	c := &call{f: f}
	if !n.addCall(c) {
		go f()
		return func() bool { return false }
	}
	return func() bool { return n.removeCall(c) }
}

// onCancel calls f when the scope ends, at once if it has.
func (n *node) onCancel(f func()) {
	if !n.addCall(&call{f: f}) {
		f()
	}
}

// call is a function to call at cancellation.
type call struct {
	f          func()
	prev, next *call
}

// fire calls the first function of a ring that nobody else can reach any more, and returns the rest.
func (c *call) fire() *call {
	next := c.next
	c.prev.next, next.prev = next, c.prev
	c.prev, c.next = nil, nil
	c.f()
	if next == c {
		return nil
	}
	return next
}

// splice appends the ring d to the ring c; both may be nil.
func (c *call) splice(d *call) *call {
	if c == nil {
		return d
	}
	if d != nil {
		last, dlast := c.prev, d.prev
		last.next, d.prev = d, last
		dlast.next, c.prev = c, dlast
	}
	return c
}

// addCall registers c, unless the scope has ended already.
func (n *node) addCall(c *call) bool {
	n.link.listen()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.rec.Load() != nil {
		return false
	}
	c.prev, c.next = c, c
	w := n.watched()
	w.calls = w.calls.splice(c)
	return true
}

// removeCall takes c back and reports whether it will not be called.
func (n *node) removeCall(c *call) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.rec.Load() != nil || c.next == nil {
		return false
	}
	w := n.watch
	if c.next == c {
		w.calls = nil
	} else {
		c.prev.next, c.next.prev = c.next, c.prev
		if w.calls == c {
			w.calls = c.next
		}
	}
	c.prev, c.next = nil, nil
	return true
}

// resolve finds the innermost node of ctx; nil if there is none.
// exact says that ctx ends when the node does, and not otherwise:
// it is the node, or wraps it only to add values and still gives the node's own values.
func resolve(ctx context.Context) (n *node, exact bool) {
	if n, ok := ctx.(*node); ok {
		return n, true
	}
	n, _ = ctx.Value(nodeKey{}).(*node)
	return n, false
}

// follows reports whether ctx, which is not n itself, ends exactly when n does.
// It makes n's done channel.
func follows(ctx context.Context, n *node) bool {
	return ctx.Done() == n.Done()
}

// schedOf returns the scheduler that code with this ctx runs on; nil for goroutines.
func schedOf(ctx context.Context) sched.Scheduler {
	if n, _ := resolve(ctx); n != nil {
		return n.link.sched
	}
	return sched.From(ctx)
}

// enter is the first step of every operation that may block.
// It is a place where a scheduler may switch tasks, and it gives the cause if ctx is done.
func enter(ctx context.Context, op string, object any) error {
	if n, ok := ctx.(*node); ok {
		if n.link.sched != nil {
			n.link.sched.Point(sched.Op{Name: op, Object: object})
		}
		if rec := n.cancelled(); rec != nil {
			return rec.cause
		}
		return nil
	}
	return enterForeign(ctx, op, object)
}

func enterForeign(ctx context.Context, op string, object any) error {
	sched.Point(schedOf(ctx), op, object)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// causeOf returns why ctx is done, or nil.
func causeOf(ctx context.Context) error {
	if n, ok := ctx.(*node); ok {
		if rec := n.cancelled(); rec != nil {
			return rec.cause
		}
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// ownCancellation reports whether err says no more than that ctx has ended.
func ownCancellation(ctx context.Context, err error) bool {
	if n, ok := ctx.(*node); ok {
		rec := n.cancelled()
		return rec != nil && rec.explains(err)
	}
	return ctx.Err() != nil && fromForeign(ctx).explains(err)
}
