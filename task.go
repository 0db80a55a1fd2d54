package braid

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid/internal/sched"
)

// State is how far a task has come.
type State uint32

const (
	// Queued tasks wait for a slot of their limited group. They have not run.
	Queued State = iota
	// Running tasks have been started, whether they compute or wait.
	Running
	// Succeeded tasks returned nil.
	Succeeded
	// Failed tasks returned an error that was not their own cancellation, or called runtime.Goexit.
	Failed
	// Cancelled tasks were cancelled and returned because of it.
	Cancelled
	// Panicked tasks ended with a panic.
	Panicked
	// NotStarted tasks never ran; see [ErrNotStarted].
	NotStarted
)

var stateNames = [...]string{"queued", "running", "succeeded", "failed", "cancelled", "panicked", "not started"}

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// Ended reports whether s is final.
func (s State) Ended() bool { return s > Running }

// Handle is a task as others see it. [Group.Go] and [Current] return one.
//
// Holding a handle keeps no goroutine, and of an ended task only its result and its place in the tree.
// All methods may be called at any time from any goroutine.
type Handle struct {
	node  node // the task's context
	group *Group
	name  string
	fn    func(context.Context) error
	entry uintptr // of the user's function, to name tasks that have no name
	err   error   // written before state says ended

	start atomic.Int64  // when the task started, in nanoseconds since epoch; 0 before
	state atomic.Uint32 // a State
	busy  atomic.Bool   // waiter is in use

	ending *ending // guarded by node.mu: who waits for the end; nil until somebody does
	next   *Handle // guarded by group.node.mu: the next task in the list of ready ones

	extra  *extra                 // what few tasks have; written before the task is shared
	waiter atomic.Pointer[waiter] // the task's own, made when it first waits
}

// extra is what few tasks have.
type extra struct {
	// report hears how the task ended, before anybody else.
	// If it returns true it has taken the failure, which then does not fail the group.
	report func(err error) bool

	apart bool // an end that report takes is the caller's alone and does not touch the group's result
	quiet bool // nor is the panic hook told; see Portal.Do

	obeyed bool // what report is given is why the task was cancelled; of the task's goroutine alone

	admission *waiter // guarded by group.node.mu: who waits for the task to get a slot
}

// ask returns h's extra, for the code that makes h.
func (h *Handle) ask() *extra {
	if h.extra == nil {
		h.extra = &extra{}
	}
	return h.extra
}

// counts reports whether it matters to the group's result that h never ran.
func (h *Handle) counts() bool { return !h.node.inline && (h.extra == nil || !h.extra.apart) }

// admitted tells whoever waits for h to get a slot that it has one, or never will. group.node.mu is held.
func (h *Handle) admitted() {
	if h.extra != nil && h.extra.admission != nil {
		h.group.comeBack(h.extra.admission)
		h.extra.admission.grant()
	}
}

// ending holds those who wait for a task to end.
type ending struct {
	done    chan struct{}
	waiters waitList
	why     sched.Wait
	object  sched.Object
}

// Task is the handle of a task with a result of type T. [Go] returns one.
// The result belongs to the handle alone: the group forgets a task when it ends.
type Task[T any] struct {
	Handle
	value T
}

// epoch is where start times count from.
var epoch = time.Now()

func now(s sched.Scheduler) time.Time {
	if s != nil {
		return s.Now()
	}
	return time.Now()
}

// sinceEpoch reads the clock; on goroutines only its monotonic half, which is the cheaper one.
func sinceEpoch(s sched.Scheduler) int64 {
	if s != nil {
		return int64(s.Now().Sub(epoch))
	}
	return int64(time.Since(epoch))
}

// Current returns the task that runs with ctx, or nil if ctx has none.
// The body of a [Run] belongs to the task that called Run; the outermost Run is a task itself.
func Current(ctx context.Context) *Handle {
	if n, _ := resolve(ctx); n != nil {
		return n.task
	}
	return nil
}

// Name returns the name given with [Name], or else the name of the task's function.
func (h *Handle) Name() string {
	if h.name != "" {
		return h.name
	}
	name := nameOf(h.entry)
	if h.node.index > 0 {
		name += "#" + strconv.Itoa(int(h.node.index-1))
	}
	return name
}

// Path returns the names of the task and of all above it, the outermost first, with slashes between them.
// A group appears in it if it has a name.
func (h *Handle) Path() string {
	if h.group == nil {
		return h.Name()
	}
	return h.group.Path() + "/" + h.Name()
}

// State returns how far the task has come.
func (h *Handle) State() State { return State(h.state.Load()) }

// Age returns the time since the task started, or 0 if it has not.
func (h *Handle) Age() time.Duration {
	start := h.start.Load()
	if start == 0 {
		return 0
	}
	return time.Duration(sinceEpoch(h.node.link.sched) - start)
}

// Waiting says what the task waits on inside braid, such as "queue.Get jobs", or "" if it does not wait there.
// It is a snapshot for people to read.
func (h *Handle) Waiting() string {
	w := h.waiter.Load()
	if w == nil {
		return ""
	}
	why := w.parker.Waiting()
	if why == nil {
		return ""
	}
	return why.String()
}

// Group returns the group that the task belongs to; nil for the task of an outermost [Run] and for one left by [Abandon].
func (h *Handle) Group() *Group {
	if h.group != nil && h.group.nobodys {
		return nil
	}
	return h.group
}

// Cancel cancels the task: its ctx ends with cause, and so do the scopes inside it.
// The rest of its group is not touched, and a task that returns because of it has not failed.
// A task that still waits for a slot is never started.
// A nil cause means context.Canceled. Cancelling a task again, or after it has ended, does nothing.
// Cancelling the task of an outermost [Run] is to that Run as if its ctx had ended with cause.
//
// Cancel does not wait; use [Handle.Wait].
func (h *Handle) Cancel(cause error) {
	sched.Point(h.node.link.sched, "task.Cancel", h)
	if h.group != nil && h.group.withdraw(h, true) {
		return
	}
	h.node.end(newCancellation(cause, byCall))
}

// Done returns a channel that is closed when the task has ended.
// A task that receives from it keeps its slot of a limited group; [Handle.Wait] lends it.
func (h *Handle) Done() <-chan struct{} {
	h.node.mu.Lock()
	defer h.node.mu.Unlock()
	e := h.endingLocked()
	if e.done == nil {
		e.done = make(chan struct{})
		if h.State().Ended() {
			close(e.done)
		}
	}
	return e.done
}

func (h *Handle) endingLocked() *ending {
	if h.ending == nil {
		e := &ending{object: sched.Object{Kind: sched.KindTask, Of: h}}
		e.why = sched.Wait{Op: "task.Wait", Object: &e.object}
		h.ending = e
	}
	return h.ending
}

// Err returns how the task ended, without waiting, and whether it has ended.
// The error is as for [Handle.Wait].
func (h *Handle) Err() (err error, ended bool) {
	if !h.State().Ended() {
		return nil, false
	}
	return h.err, true
}

// Wait waits for the task to end and returns its failure:
// nil if it succeeded, a [*TaskError] around what it returned, a [*PanicError], or [ErrNotStarted].
// A task that was cancelled and returned because of it gives what it returned, which is its cause as a rule.
//
// In the body of a group that fails fast, Wait for a task that fails ends with the body's ctx:
// it returns the failure that cancelled the group, which comes from that task or from one that failed before it.
//
// Waiting for a task of the caller's own limited group lends the caller's slot for the time of the wait.
// Waiting for the calling task itself returns [ErrSelfDeadlock].
//
// # Cancellation
//
// If ctx ends first, Wait returns its cause; this also holds for a task that has ended, if ctx is done already.
// The task goes on: ending a wait is not cancelling a task.
func (h *Handle) Wait(ctx context.Context) error {
	if err := h.await(ctx); err != nil {
		return err
	}
	return h.err
}

// Wait waits for the task to end and returns its result. Everything said at [Handle.Wait] holds.
//
// # Cancellation
//
// As with Handle.Wait: if ctx ends first, or is done already, Wait returns its cause and no result. The task goes on.
func (t *Task[T]) Wait(ctx context.Context) (T, error) {
	if err := t.await(ctx); err != nil {
		var zero T
		return zero, err
	}
	return t.value, t.err
}

// Result returns what [Task.Wait] would, without waiting; the error is [ErrNotFinished] while the task runs.
func (t *Task[T]) Result() (T, error) {
	err, ended := t.Err()
	if !ended {
		var zero T
		return zero, ErrNotFinished
	}
	return t.value, err
}

// await waits for the end of h. Its error is that of the wait, never that of h.
func (h *Handle) await(ctx context.Context) error {
	if err := enter(ctx, "task.Wait", h); err != nil {
		return err
	}
	if h.State().Ended() {
		return nil
	}
	me := Current(ctx)
	if me == h {
		return ErrSelfDeadlock
	}
	lender := h.group.lend(me)
	defer h.group.restore(ctx, lender)
	w := newWaiter(ctx)
	defer w.release()
	h.node.mu.Lock()
	if h.State().Ended() {
		h.node.mu.Unlock()
		return causeOf(ctx)
	}
	e := h.endingLocked()
	e.waiters.push(w)
	h.node.mu.Unlock()

	err := w.wait(ctx, &e.why)
	if err != nil {
		h.node.mu.Lock()
		if !w.parker.Granted.Load() {
			h.ending.waiters.remove(w)
		}
		h.node.mu.Unlock()
	}
	return err
}

// end ends the task's context and publishes that the task has ended, as s. Nothing of the task runs any more.
// It is called and returns with the group's node.mu held, and gives it up in between if somebody must hear of the end.
func (h *Handle) end(s State) {
	n, mu := &h.node, &h.group.node.mu
	n.mu.Lock()
	if n.watch != nil || n.first != nil {
		n.mu.Unlock()
		mu.Unlock()
		n.cancel(ended)
		mu.Lock()
		n.mu.Lock()
	} else if n.rec.Load() == nil { // nearly always; there is nobody to tell but a call that others park under this ctx
		n.rec.Store(ended)
		if p := n.parked.Load(); p != nil {
			sched.Unpark(p)
		}
	}
	h.awaited()
	h.settled(s)
	n.mu.Unlock()
}

// awaited tells the group that those who wait for h have what they wait for. node.mu of both is held.
func (h *Handle) awaited() {
	if len(h.group.lendings) == 0 || h.ending == nil {
		return
	}
	for w := h.ending.waiters.head; w != nil; w = w.next {
		h.group.comeBack(w)
	}
}

// settle publishes that the task has ended, and wakes who waits for it.
func (h *Handle) settle(s State) {
	h.node.mu.Lock()
	defer h.node.mu.Unlock()
	h.settled(s)
}

// settled is settle with node.mu held.
func (h *Handle) settled(s State) {
	h.state.Store(uint32(s))
	if e := h.ending; e != nil {
		if e.done != nil {
			close(e.done)
		}
		e.waiters.grantAll()
	}
}

// neverRan ends a task that was not started.
func (h *Handle) neverRan() {
	h.reported(ErrNotStarted)
	h.node.cancel(ended) // not end, which would ask the contexts above, and may be what one of them has called
	h.settle(NotStarted)
}
