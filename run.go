package braid

import (
	"context"
	"slices"

	"github.com/braid-go/braid/internal/record"
	"github.com/braid-go/braid/internal/sched"
)

// Run runs body as a scope and returns when body and all tasks of its group have ended.
//
// The body is a member of the scope: if a task fails, the body's ctx ends; if the body fails, the tasks' do.
// Tasks are started with [Group.Go] or [Go], by the body or by each other. Scopes nest: a task may call Run.
// An outermost Run, whose ctx has no task, is itself a task, named by [Name] or after the body.
//
// The result is
//   - nil if body and all tasks succeeded, even if ctx ended meanwhile, and after [Group.Cancel];
//   - a [*GroupError] if something failed, even a single task; it holds all failures, the first one first;
//   - context.Cause(ctx) if nothing failed but ctx ended and something did not run to its end because of it.
//
// A member has failed if it returned an error, unless its own ctx was done and the error is that ctx's Err or cause:
// a context error that comes from elsewhere is a failure like any other.
//
// If a member panics, Run panics with a [*PanicError] when all have ended; see [OnPanic].
// If the body calls runtime.Goexit, as t.FailNow does, Run cancels and joins the tasks before the goroutine ends.
//
// # Cancellation
//
// If ctx is done already, Run returns its cause and does not call body.
// If ctx ends later, the ctx of body and tasks ends with the same cause, and Run still waits for all of them:
// a task that ignores its ctx holds Run for as long as it likes, unless [Grace] is given.
func Run(ctx context.Context, body func(ctx context.Context, g *Group) error, opts ...RunOption) (err error) {
	if body == nil {
		panic("braid: Run needs a body; the one given is nil")
	}
	if err := enter(ctx, "braid.Run", nil); err != nil {
		return err
	}
	g := &Group{live: 1, body: true, ending: Succeeded}
	for _, o := range opts {
		o.applyRun(g)
	}
	g.open(ctx, entryOf(body))

	defer g.end()
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			defer func() {
				g.join()
				err = g.close(ctx)
			}()
			g.caught(g.Path(), v, true, g.failPanic)
			return
		}
		g.fail(&TaskError{Task: g.Path(), Err: ErrGoexit})
		g.join()
		g.conclude(Failed, &TaskError{Task: g.Path(), Err: ErrGoexit})
	}()
	g.bodyReturned(body(&g.node, g))
	returned = true // not before: methods of the body's error have been called, which are the user's too
	g.join()
	return g.close(ctx)
}

// open puts the scope into the tree.
func (g *Group) open(ctx context.Context, entry uintptr) {
	owner := Current(ctx)
	if owner == nil {
		owner = &Handle{entry: entry, name: g.name}
		g.name = "" // it names the task
		owner.node.kind = kindTask
		owner.node.attach(ctx, owner)
		owner.state.Store(uint32(Running))
		owner.start.Store(sinceEpoch(owner.node.link.sched))
		g.root, g.enrolled = true, enroll(owner)
		ctx = &owner.node
	}
	g.node.kind = kindGroup
	g.node.attach(ctx, owner)
	if g.hook != nil {
		g.node.own(func(l *link) { l.hook = g.hook }) // before anybody can hear of g's cancellation through it
	}
	if g.limit > 0 {
		g.node.onCancel(g.dropQueued)
	}
	if g.grace > 0 {
		g.node.onCancel(g.startGrace)
	}
}

func (g *Group) bodyReturned(err error) {
	if err == nil {
		return
	}
	if rec := g.node.cancelled(); rec != nil && rec.explains(err) {
		g.missed()
		return
	}
	g.fail(g.failure(g.Path(), &g.node, err))
}

// join waits for all tasks, or for the end of the grace.
func (g *Group) join() {
	sched.Point(g.node.link.sched, "run.Join", g)
	g.node.mu.Lock()
	g.body = false
	g.live--
	for g.live > 0 && g.stuck == nil { // again if a task was started between the last one's end and our waking
		w := newWaiter(&g.node)
		g.joiner = w
		g.node.mu.Unlock()
		w.waitGranted(&sched.Wait{Op: "run.Join", Object: &sched.Object{Kind: "group", Name: g.name, Of: g}})
		w.release()
		g.node.mu.Lock()
	}
	g.closed = true
	timer, missing := g.timer, g.notStartedBy
	g.node.mu.Unlock()
	if timer != nil {
		timer.Stop()
	}
	for _, h := range missing {
		g.tellNotStarted(h)
	}
}

func (g *Group) tellNotStarted(h *Handle) {
	defer func() {
		if v := recover(); v != nil {
			g.caught(g.Path(), v, true, g.failPanic)
		}
	}()
	g.onNotStarted(h)
}

// close gives the result of Run, which may be a panic.
func (g *Group) close(ctx context.Context) error {
	g.node.mu.Lock()
	errs, panics, notStarted, incomplete := g.errs, g.panics, g.notStarted, g.incomplete
	byParent := g.cancelledByParent()
	g.told = true
	g.node.mu.Unlock()
	if g.root {
		ctx = &g.node.task.node // it may also have been cancelled by its handle
	}
	cause := causeOf(ctx)

	if len(panics) > 0 {
		g.conclude(Panicked, panics[0])
		others := make([]error, 0, len(panics)-1+len(errs))
		for _, pe := range panics[1:] {
			others = append(others, pe)
		}
		panic(panics[0].raise(append(others, errs...)...))
	}
	if len(errs) > 0 {
		e := &GroupError{Group: g.Path(), NotStarted: notStarted, errs: errs}
		if byParent && cause != nil {
			e.errs, e.parent = slices.Concat(errs, []error{cause}), g.node.rec.Load()
		}
		g.conclude(Failed, &TaskError{Task: e.Group, Err: e})
		return e
	}
	if incomplete && cause != nil {
		g.conclude(Cancelled, cause)
		return cause
	}
	return nil
}

// conclude notes how the task ends that Run has made, if it has.
func (g *Group) conclude(s State, err error) {
	if g.root {
		g.ending, g.node.task.err = s, err
	}
}

// end takes the scope out of the tree, and ends the task that Run has made.
func (g *Group) end() {
	if record.On {
		g.leaveBehind()
	}
	g.node.detach()
	if g.root {
		g.enrolled.leave()
		owner := g.node.task
		owner.node.detach()
		owner.settle(g.ending)
	}
}
