package braid

import (
	"context"
	"slices"
	"time"

	"github.com/braid-go/braid/internal/record"
	"github.com/braid-go/braid/internal/sched"
)

// How tasks get a goroutine.
//
// A task that has been admitted is ready; it stands in a FIFO until a worker takes it.
// A worker is a goroutine that takes one ready task after another and ends when there is none.
// The rule that makes this as good as a goroutine a task:
// whenever a task is ready there is a worker that has been started and not yet taken a task ("starting").
// Spawning starts one if there is none, and a worker that takes a task while others are ready starts the next one
// before it enters user code. So a ready task is always backed by a goroutine in Go's own run queue,
// however long the running tasks take, and a burst of short tasks costs few goroutines instead of one each:
// creating and ending a goroutine costs more than all of braid's own bookkeeping.
//
// Keeping idle workers for later was rejected: they would have to be woken through a channel, which costs
// as much as a new goroutine, and a group would own goroutines that nobody asked for.

// dispatch makes ready tasks run and releases node.mu, which is held.
func (g *Group) dispatch() { g.dispatchFrom(nil) }

// dispatchFrom is dispatch by the task that has just spawned direct, if that is not nil.
func (g *Group) dispatchFrom(direct *Handle) {
	if s := g.node.link.sched; s != nil {
		list := g.ready
		g.ready = taskList{}
		g.node.mu.Unlock()
		for h := list.pop(); h != nil; h = list.pop() {
			s.Spawn((*job)(h), h == direct)
		}
		return
	}
	start := g.ready.head != nil && !g.starting
	if start {
		g.starting = true
	}
	g.node.mu.Unlock()
	if start {
		go g.worker()
	}
}

func (g *Group) worker() {
	g.node.mu.Lock()
	g.starting = false
	for h := g.ready.pop(); h != nil; h = g.ready.pop() {
		g.dispatch()
		if !g.run(h) {
			g.node.mu.Lock()
		}
		if raceEnabled {
			break
		}
	}
	g.dispatch()
}

// job is a task as a scheduler sees it that has places of its own for tasks.
type job Handle

func (j *job) Name() string             { return (*Handle)(j).Name() }
func (j *job) Path() string             { return (*Handle)(j).Path() }
func (j *job) Context() context.Context { return &j.node }
func (j *job) Started(at time.Time)     { j.start.Store(int64(at.Sub(epoch))) }

func (j *job) Run() {
	h := (*Handle)(j)
	g := h.group
	if g.run(h) {
		g.dispatch()
	}
}

// run runs h to its end and takes it out of the group. It returns true with node.mu held, or false if h did not return.
func (g *Group) run(h *Handle) (locked bool) {
	returned := false
	defer func() {
		if returned {
			return
		}
		s := Failed
		defer func() {
			// The goroutine may end after this: a panic that is recovered on the way out of runtime.Goexit does not stop that.
			// So others must take over what it would have done.
			g.retire(h, s)
			g.dispatch()
		}()
		if v := recover(); v != nil {
			s = Panicked
			h.panicked(v)
		} else {
			h.failed(ErrGoexit)
		}
	}()
	if h.start.Load() == 0 {
		h.start.Store(sinceEpoch(g.node.link.sched))
	}
	s := h.returned(h.call())
	returned = true // not before: methods of the error have been called, which are the user's too
	g.retire(h, s)
	return true
}

// call runs the function of h.
func (h *Handle) call() error {
	if record.On && record.Around.Load() != nil {
		return h.callAround()
	}
	return h.fn(&h.node)
}

// callAround is call with what the inspector wants done around it, which may change the goroutine and must put it right again.
//
//go:noinline
func (h *Handle) callAround() error {
	if around := record.Around.Load(); around != nil {
		end := (*around)(&h.node, h.name, h.node.index, h.entry)
		defer end()
	}
	return h.fn(&h.node)
}

// tell tells the inspector that h has ended, if it wants to know.
func (h *Handle) tell(s State) {
	ends := record.Ended.Load()
	if ends == nil {
		return
	}
	if started := h.start.Load(); ends.Count(started, uint32(s)) {
		ends.Note(record.End{
			ID: h.node.known(), Name: h.name, Index: h.node.index, Entry: h.entry, Group: h.group.name,
			Started: started, State: uint32(s), Err: h.err,
		})
	}
}

// retire publishes the end of h and takes it out of the group, both under node.mu, which stays locked:
// who waits for h finds its slot free, and who waits for the group finds h ended.
func (g *Group) retire(h *Handle, s State) {
	if record.On {
		h.tell(s)
	}
	h.fn = nil             // what it refers to may go, however long the handle stays
	_ = h.node.cancelled() // perhaps from outside, and not heard of until now
	g.node.mu.Lock()
	h.end(s)
	g.leave(h)
}

// returned, failed and panicked record how the function of a task ended, and return the state in which that leaves it.

func (h *Handle) returned(err error) State {
	if err == nil {
		h.reported(nil)
		return Succeeded
	}
	if rec := h.node.cancelled(); rec != nil && rec.explains(err) {
		h.err = err
		if h.extra != nil {
			h.extra.obeyed = true
		}
		taken := h.reported(err)
		if callers := h.node.inline || taken && h.extra.apart; !callers {
			h.group.missed()
		}
		return Cancelled
	}
	return h.failed(err)
}

func (h *Handle) failed(err error) State {
	h.err = h.group.failure(h.Path(), &h.node, err)
	if !h.reported(h.err) && h.group.fail(h.err) {
		h.unseen(record.Left, h.err)
	}
	return Failed
}

// unseen tells the inspector of a failure of h that nobody will see. A panic has been told to the hook, and an end by cancellation is no failure.
func (h *Handle) unseen(how record.Lossy, err error) {
	if te, failed := h.ownFailure(err); failed && record.On {
		record.Lost(record.Loss{How: how, Task: te.Task, Entry: h.entry, Err: err})
	}
}

func (h *Handle) panicked(v any) State {
	tell := !h.node.inline && (h.extra == nil || !h.extra.quiet)
	h.group.caught(h.Path(), v, tell, func(pe *PanicError) {
		h.err = pe
		if !h.reported(pe) {
			h.group.failPanic(pe)
		}
	})
	return Panicked
}

// reported tells whoever asked how h ended, and says whether they have taken the failure.
// The caller of an inline task has it anyway.
func (h *Handle) reported(err error) bool {
	return h.node.inline || h.extra != nil && h.extra.report != nil && h.extra.report(err)
}

// ownFailure returns err, with which h has ended, if it says that h has failed.
// A task that was cancelled because another one failed may end with that one's TaskError.
func (h *Handle) ownFailure(err error) (te *TaskError, ok bool) {
	if h.extra != nil && h.extra.obeyed {
		return nil, false
	}
	te, ok = err.(*TaskError)
	return te, ok
}

// missed notes that a member did not do its work because the group was cancelled.
func (g *Group) missed() {
	g.node.mu.Lock()
	if g.node.rec.Load() != nil {
		g.incomplete = true
	}
	g.node.mu.Unlock()
}

// failure wraps what a member whose scope is n returned.
func (g *Group) failure(path string, n *node, err error) error {
	if ge, ok := err.(*GroupError); ok {
		if ge = ge.without(n.rec.Load()); len(ge.errs) > 0 {
			err = ge
		}
	}
	return &TaskError{Task: path, Err: err}
}

// fail records a failure and cancels the group because of it. It reports whether that was too late: Run has returned without it.
func (g *Group) fail(err error) (late bool) {
	g.node.cancelled() // perhaps from outside, and not heard of until now
	passedOn := failuresIn(err)
	var rec *cancellation
	g.node.mu.Lock()
	late = g.told
	if !slices.ContainsFunc(passedOn, g.listed) {
		g.errs = append(g.errs, err)
	}
	if !g.keepGoing {
		rec = g.claim(newCancellation(err, byFailure)) // under the same lock: the first failure is the cause
	}
	g.node.mu.Unlock()
	if rec != nil {
		g.node.cancel(rec)
	}
	return late
}

// failuresIn returns the failures of other tasks that err singly wraps.
func failuresIn(err error) (list []*TaskError) {
	for {
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return list
		}
		err = u.Unwrap()
		if te, ok := err.(*TaskError); ok {
			list = append(list, te)
		}
	}
}

// listed says whether te stands in errs already. Then a second member has passed it on,
// as when the body returns what it got from Wait. node.mu is held.
func (g *Group) listed(te *TaskError) bool {
	return slices.ContainsFunc(g.errs, func(e error) bool { return e == te })
}

// failPanic records a panic and cancels the group because of it.
func (g *Group) failPanic(pe *PanicError) {
	g.node.cancelled()
	g.node.mu.Lock()
	if g.policy == AsError {
		g.errs = append(g.errs, pe)
	} else {
		g.panics = append(g.panics, pe)
	}
	rec := g.claim(newCancellation(pe, byFailure))
	g.node.mu.Unlock()
	g.node.cancel(rec)
}

var (
	_ sched.Task = (*Handle)(nil)
	_ sched.Job  = (*job)(nil)
)
