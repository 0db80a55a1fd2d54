package braid

import (
	"context"
	"time"

	"github.com/braid-go/braid/internal/record"
	"github.com/braid-go/braid/internal/sched"
)

// Group owns the tasks of one scope. [Run] makes it and hands it to its body;
// it cannot be made or copied otherwise, and it is of no use after Run has returned.
//
// All methods may be called from any goroutine.
type Group struct {
	node node // the scope's context; its children are the tasks
	name string

	limit        int           // 0: none
	grace        time.Duration // 0: none
	policy       PanicPolicy
	keepGoing    bool
	hook         func(*PanicError)
	onStuck      func(*StuckError)
	onNotStarted func(*Handle)
	ending       State // of the task that Run made; set and read by Run alone

	// Guarded by node.mu, as is all that follows.

	live     int         // members that have not ended, the body included
	running  int         // tasks that hold a slot
	closed   bool        // Run has returned
	body     bool        // the body has not returned
	root     bool        // Run made the task that runs the body; written once
	enrolled *root       // that task's place among all roots; written once
	nobodys  bool        // made by Abandon, and joined by no Run; written once
	joiner   *waiter     // Run, once it waits for live to become 0
	remains  *root       // its place among all roots, if Run has given up on what is left of it
	stuck    *StuckError // set when the grace is over
	timer    sched.Timer // of the grace

	// ready is the FIFO of tasks that have been admitted and that no goroutine has taken yet.
	// starting says that a worker has been started and has not taken a task yet. See worker.
	ready    taskList
	starting bool

	queued    node                 // ring of tasks that wait for a slot; a node for its ring alone
	nqueued   int                  // its length
	lendings  map[*Handle]*lending // of the tasks that have lent their slot; see lending.go
	returning []*lending           // those of them that are to have it back next, ahead of queued

	portal       bool          // code that has no task may start some here
	told         bool          // Run has its result: what fails now is in none
	own          *cancellation // set if the group cancelled itself
	errs         []error
	panics       []*PanicError
	incomplete   bool // a member was cancelled, or never started
	notStarted   int
	notStartedBy []*Handle // for onNotStarted
}

// taskList is a FIFO of tasks, linked by next.
type taskList struct{ head, tail *Handle }

func (l *taskList) push(h *Handle) {
	if l.head == nil {
		l.head = h
	} else {
		l.tail.next = h
	}
	l.tail = h
}

func (l *taskList) pop() *Handle {
	h := l.head
	if h != nil {
		l.head, h.next = h.next, nil
	}
	return h
}

// Name returns the name given with [Name], or "". The name of an outermost [Run] is that of its task.
func (g *Group) Name() string {
	if g.root {
		return g.node.task.name
	}
	return g.name
}

// Path returns the path of the task that called Run, and the group's name if it has one.
func (g *Group) Path() string {
	p := g.node.task.Path()
	if g.name != "" {
		p += "/" + g.name
	}
	return p
}

// GroupStatistics is a snapshot of a group.
type GroupStatistics struct {
	Limit      int // 0: none
	Running    int // tasks that have been admitted and have not ended
	Queued     int // tasks that wait for a slot
	NotStarted int // tasks that never ran
	Failures   int // failures so far, panics included
	Cancelled  bool
}

// Statistics returns a snapshot of the group.
func (g *Group) Statistics() GroupStatistics {
	_ = g.node.cancelled() // hears of the parent's end, if it has not yet
	g.node.mu.Lock()
	defer g.node.mu.Unlock()
	s := GroupStatistics{
		Limit:      g.limit,
		Running:    g.live - g.nqueued,
		Queued:     g.nqueued,
		NotStarted: g.notStarted,
		Failures:   len(g.errs) + len(g.panics),
		Cancelled:  g.node.rec.Load() != nil,
	}
	if g.body {
		s.Running-- // the body is a member, but no task of the group
	}
	return s
}

// Go starts fn as a task of g. It never blocks, and returns the task's handle, which may be ignored.
//
// If fn fails, the group is cancelled and Run returns the failure. If g is limited and full, the task waits for a slot.
// If g is cancelled already, the task is not started: its handle says [NotStarted].
// A task that has been admitted always runs, with a ctx that may be done, so that its defers release what it was given.
//
// Tasks may share goroutines, one after another: what fn changes of its goroutine,
// such as runtime.LockOSThread or pprof labels, it must change back.
//
// Go panics if g's Run has returned.
func (g *Group) Go(fn func(context.Context) error, opts ...TaskOption) *Handle {
	h := g.newTask(fn, opts)
	g.start(h, mayQueue)
	return h
}

func (g *Group) newTask(fn func(context.Context) error, opts []TaskOption) *Handle {
	h := &Handle{}
	g.prepare(h, fn, opts)
	return h
}

func (g *Group) prepare(h *Handle, fn func(context.Context) error, opts []TaskOption) {
	if fn == nil {
		panic("braid: a task needs a function; the one given to group " + g.Path() + " is nil")
	}
	h.group, h.fn, h.entry = g, fn, entryOf(fn)
	for _, o := range opts {
		o.applyTask(h)
	}
}

// Go starts fn as a task of g and returns a handle that gives its result. Everything said at [Group.Go] holds.
func Go[T any](g *Group, fn func(context.Context) (T, error), opts ...TaskOption) *Task[T] {
	if fn == nil {
		panic("braid: a task needs a function; the one given to group " + g.Path() + " is nil")
	}
	t := &Task[T]{}
	t.group, t.entry = g, entryOf(fn)
	t.fn = func(ctx context.Context) (err error) {
		t.value, err = fn(ctx)
		return err
	}
	for _, o := range opts {
		o.applyTask(&t.Handle)
	}
	g.start(&t.Handle, mayQueue)
	return t
}

// TryGo starts fn as [Group.Go] does if that is possible at once.
// Otherwise, because the limit is reached or the group is cancelled, it does nothing and returns false.
func (g *Group) TryGo(fn func(context.Context) error, opts ...TaskOption) (*Handle, bool) {
	h := g.newTask(fn, opts)
	if g.start(h, onlyNow) != spawned {
		return nil, false
	}
	return h, true
}

// GoWait waits for a free slot and then starts fn as [Group.Go] does.
// It holds the caller back where Go would queue. A task of g that calls it lends its own slot meanwhile.
//
// # Cancellation
//
// If ctx ends first, GoWait returns its cause and fn never runs, nor is it counted as not started.
// If g is cancelled first, it returns [ErrNotStarted].
func (g *Group) GoWait(ctx context.Context, fn func(context.Context) error, opts ...TaskOption) (*Handle, error) {
	h := g.newTask(fn, opts)
	if err := enter(ctx, "group.GoWait", g); err != nil {
		return nil, err
	}
	switch err := g.admit(ctx, h); err {
	case nil:
		return h, nil
	case ErrClosed:
		panic("braid: GoWait on group " + g.Path() + " after its Run has returned; start the task before, or in a group that lives longer")
	default:
		return nil, err
	}
}

// admit spawns h and waits until it has a slot.
func (g *Group) admit(ctx context.Context, h *Handle) error {
	w := newWaiter(ctx)
	lender := g.lend(Current(ctx))
	defer g.restore(ctx, lender)
	defer w.release()
	h.ask().admission = w
	switch g.spawn(h, mayQueue) {
	case runIsOver:
		return ErrClosed
	case notStarted:
		return ErrNotStarted
	case spawned:
	}
	if h.State() == Queued {
		err := w.wait(ctx, &sched.Wait{Op: "group.GoWait", Object: &sched.Object{Kind: "group", Name: g.Path(), Of: g}})
		if err != nil && g.withdraw(h, false) {
			return err
		}
	}
	if h.State() == NotStarted {
		return ErrNotStarted
	}
	return nil
}

// Cancel ends the scope early: the ctx of the body and of all tasks ends with cause.
// Tasks that return because of it have not failed, so Run returns nil unless something else failed,
// or its own ctx is done too: then Run returns that cause.
// A nil cause means context.Canceled. Cancelling again does nothing.
//
// Cancel does not wait; Run does.
func (g *Group) Cancel(cause error) {
	sched.Point(g.node.link.sched, "group.Cancel", g)
	g.cancel(newCancellation(cause, byCall))
}

// cancel ends the scope from inside.
func (g *Group) cancel(rec *cancellation) {
	if g.node.cancelled() != nil {
		return // perhaps from outside, and not heard of until now
	}
	g.node.mu.Lock()
	rec = g.claim(rec)
	g.node.mu.Unlock()
	g.node.cancel(rec)
}

// claim makes rec the group's own cancellation, unless it has one, and returns the one that it has.
// Whoever claims first is the cause, whoever comes to cancelling first. node.mu is held.
func (g *Group) claim(rec *cancellation) *cancellation {
	if g.own == nil && g.node.rec.Load() == nil {
		g.own = rec
	}
	if g.own != nil {
		return g.own
	}
	return rec
}

// cancelledByParent reports whether the scope ended from outside first. node.mu is held.
func (g *Group) cancelledByParent() bool {
	rec := g.node.rec.Load()
	return rec != nil && rec != g.own
}

type spawnMode int

const (
	mayQueue spawnMode = iota
	onlyNow
)

type spawnResult int

const (
	spawned    spawnResult = iota // a member now
	notStarted                    // ended as NotStarted; or, with onlyNow, nothing happened
	runIsOver
)

// start spawns h, or panics if it is too late.
func (g *Group) start(h *Handle, mode spawnMode) spawnResult {
	r := g.spawnFrom(h, mode, h)
	if r == runIsOver {
		panic("braid: a task was started in group " + g.Path() + " after its Run has returned; start it before, or in a group that lives longer")
	}
	return r
}

// spawn makes h a member of g and starts it if there is a slot.
func (g *Group) spawn(h *Handle, mode spawnMode) spawnResult { return g.spawnFrom(h, mode, nil) }

// spawnFrom is spawn by a task that h may keep waiting, on schedulers with an eager mode, if direct is h.
func (g *Group) spawnFrom(h *Handle, mode spawnMode, direct *Handle) spawnResult {
	if h.node.task == nil {
		h.node.task, h.node.kind = h, kindTask
	}
	if h.node.link == nil {
		h.node.link = g.node.link
	}
	if s := g.node.link.sched; s != nil {
		s.Point(sched.Op{Name: "group.Go", Object: g})
	}
	cancelled := g.node.cancelled() != nil // looks at foreign contexts, so before mu

	g.node.mu.Lock()
	if g.closed && g.live == 0 {
		g.node.mu.Unlock()
		return runIsOver
	}
	full := g.limit > 0 && (g.running >= g.limit || g.nqueued > 0 || len(g.returning) > 0)
	cancelled = cancelled || g.node.rec.Load() != nil
	if mode == onlyNow && (cancelled || full) {
		g.node.mu.Unlock()
		return notStarted
	}
	if cancelled {
		h.err = ErrNotStarted
		if h.counts() {
			g.incomplete = true
			g.countNotStarted(h)
		}
		g.node.mu.Unlock()
		h.neverRan()
		if record.On {
			record.Refused(h.entry, h.Path)
		}
		return notStarted
	}
	g.live++
	if full {
		g.queued.push(&h.node)
		g.nqueued++
		g.node.mu.Unlock()
		return spawned
	}
	g.admitLocked(h)
	g.dispatchFrom(direct)
	return spawned
}

// countNotStarted records a task that will never run. node.mu is held.
func (g *Group) countNotStarted(h *Handle) {
	g.notStarted++
	if g.onNotStarted != nil {
		g.notStartedBy = append(g.notStartedBy, h)
	}
}

// withdraw takes a queued task out for good, and reports whether h was one.
// A task that is not counted leaves no trace in the group's result.
func (g *Group) withdraw(h *Handle, count bool) bool {
	if g.limit == 0 {
		return false
	}
	g.node.mu.Lock()
	if h.State() != Queued || h.node.next == nil {
		g.node.mu.Unlock()
		return false
	}
	g.unqueue(h)
	h.err = ErrNotStarted
	if count && h.counts() {
		g.countNotStarted(h)
	}
	g.live--
	g.wakeJoiner()
	g.node.mu.Unlock()
	h.neverRan()
	return true
}

// firstQueued returns the task that has waited longest for a slot, or nil. node.mu is held.
func (g *Group) firstQueued() *Handle {
	first := g.queued.first
	for n := first; n != nil; {
		if n.kind != kindBookmark {
			return n.task
		}
		if n = n.next; n == first {
			break
		}
	}
	return nil
}

func (g *Group) unqueue(h *Handle) {
	g.queued.drop(&h.node)
	g.nqueued--
}

// dropQueued runs when the group has been cancelled: what waits for a slot will never have one.
func (g *Group) dropQueued() {
	var dropped taskList
	g.node.mu.Lock()
	for h := g.firstQueued(); h != nil; h = g.firstQueued() {
		g.unqueue(h)
		h.err = ErrNotStarted
		h.state.Store(uint32(NotStarted)) // here already, for admit
		if h.counts() {
			g.incomplete = true
			g.countNotStarted(h)
		}
		g.live--
		h.admitted()
		dropped.push(h)
	}
	g.wakeJoiner()
	g.node.mu.Unlock()
	for h := dropped.pop(); h != nil; h = dropped.pop() {
		h.neverRan()
	}
}

// admitLocked gives h a slot. node.mu is held; dispatch follows.
func (g *Group) admitLocked(h *Handle) {
	g.running++
	h.node.slot = true
	h.state.Store(uint32(Running))
	g.node.push(&h.node)
	h.admitted()
	if !h.node.inline {
		g.ready.push(h)
	}
}

// leave takes a task that has ended out of the group. node.mu is held; dispatch follows.
func (g *Group) leave(h *Handle) {
	g.node.drop(&h.node)
	if h.node.slot {
		h.node.slot = false
		g.running--
	}
	g.forget(h)
	g.live--
	if g.limit > 0 {
		g.refill()
	}
	g.wakeJoiner()
}

func (g *Group) wakeJoiner() {
	if g.joiner != nil && (g.live == 0 || g.stuck != nil) {
		g.joiner.grant()
		g.joiner = nil
	}
}
