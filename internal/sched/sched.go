// Package sched is the seam between braid's primitives and what runs them.
//
// Everything in package braid that waits, wakes, starts or reads the clock does so through this package,
// and nothing else in the project blocks a task.
// Three schedulers stand behind it: goroutines (here), the event loop and the simulator.
// A scheduler is free to run tasks in any order that respects this contract;
// the primitives assume no more than what is written here.
//
// # Contract
//
//   - Spawn makes a job runnable and returns without running it, unless direct is true and the scheduler has an eager mode:
//     direct says that the caller is a task of this scheduler which starts a task of its own and holds no lock,
//     so the job may be run at once, to its first wait. Otherwise the call may come from any goroutine.
//   - Park blocks the calling task until [Unpark] is called on the same [Parker], which may happen before Park.
//     It may also return for no reason: callers loop on their own condition.
//   - Unpark never blocks, never switches tasks, and may be called from any goroutine, with locks held.
//   - Yield lets every task that is runnable now run before it returns.
//   - Point marks the start of an operation. No lock is held there, so a scheduler may switch tasks.
//     It is not a wait: a scheduler that has nothing to do there returns at once.
//     An operation without a ctx announces itself to the scheduler that last used the object,
//     possibly from a goroutine that is none of its tasks.
//   - Now and After share one clock. The function given to After runs once, on any goroutine, unless Stop comes first;
//     it does not block.
//   - Ref returns the address of a variable that holds the Scheduler, the same each time, and may be called on any goroutine.
//     So what must remember its scheduler in one word need not allocate a variable of its own.
//
// A nil Scheduler means goroutines. The primitives test for nil instead of calling through an interface,
// which keeps the common path short.
package sched

import (
	"context"
	"time"
)

// A Scheduler runs tasks. See the package documentation for the contract of each method.
type Scheduler interface {
	Spawn(j Job, direct bool)
	Park(p *Parker, foreign context.Context)
	Unpark(p *Parker)
	Yield()
	Point(op Op)
	Now() time.Time
	After(d time.Duration, f func()) Timer
	Ref() *Scheduler
}

// Task identifies a task to a scheduler.
type Task interface {
	Name() string
	Path() string
}

// Job is a task that is to be run.
type Job interface {
	Task
	// Run runs the task to its end. It does not panic; it may end its goroutine, by runtime.Goexit.
	Run()
	// Started says when the task starts, by a scheduler that knows before Run; else Run reads the clock.
	Started(at time.Time)
	// Context is the context that the task's function is given.
	Context() context.Context
}

// Op describes the operation that a task is about to start.
type Op struct {
	Name   string // such as "semaphore.Acquire"
	Object any    // the primitive it acts on, compared by identity; nil when there is none
}

// Timer is a pending call made by After.
type Timer interface {
	// Stop prevents the call and reports whether it did.
	Stop() bool
}

// Wait says what a parked call waits for.
// A task points at it while it is parked, so that tools can tell why it does not go on.
type Wait struct {
	Op     string  // such as "queue.Get"
	Object *Object // nil for waits on no object, such as a sleep
}

// Object names a primitive without keeping it alive:
// a tool, or a task that waits for ever, may hold an Object, and the primitive can still be collected.
type Object struct {
	Kind string // such as "queue"
	Name string // set by the user; may be empty
	ID   uint64 // unique in the process; 0 for a task
	Of   any    // the Task, if that is what is waited for; else how package braid finds what this names, for inspectors, or nil
}

// KindTask is the Kind of a task.
const KindTask = "task"

// Task returns the task, if that is what is waited for, or nil.
func (o *Object) Task() Task {
	if o.Kind != KindTask {
		return nil
	}
	t, _ := o.Of.(Task)
	return t
}

// Light reports whether w keeps nothing alive, so that a task may go on pointing at it when the wait is over.
func (w *Wait) Light() bool { return w.Object == nil || w.Object.ID != 0 }

// String says what is waited for, such as "queue.Get jobs".
func (w *Wait) String() string {
	switch o := w.Object; {
	case o == nil:
		return w.Op
	case o.Task() != nil:
		return w.Op + " " + o.Task().Path()
	case o.Name != "":
		return w.Op + " " + o.Name
	default:
		return w.Op
	}
}

type schedulerKey struct{}

// NodeKey is the key under which a context of package braid gives the scope that it belongs to.
type NodeKey struct{}

// With returns a context whose tasks run on s.
//
// If s is not nil, the tasks above ctx are hidden: a Run below is a root on s. As a part of the tree above
// it would run where that runs, and wait where that waits. It ends with ctx all the same.
func With(ctx context.Context, s Scheduler) context.Context {
	if s == nil {
		return context.WithValue(ctx, schedulerKey{}, s)
	}
	return withScheduler{ctx, s}
}

type withScheduler struct {
	context.Context

	s Scheduler
}

func (w withScheduler) Value(key any) any {
	switch key {
	case schedulerKey{}:
		return w.s
	case NodeKey{}:
		return nil
	default:
		return w.Context.Value(key)
	}
}

// From returns the scheduler that With put into ctx, or nil for goroutines.
func From(ctx context.Context) Scheduler {
	s, _ := ctx.Value(schedulerKey{}).(Scheduler)
	return s
}

// IsKey reports whether a context that is asked for the value of key is asked for its scheduler.
func IsKey(key any) bool { return key == schedulerKey{} }

// Park parks the caller on p until Unpark(p).
// When foreign is not nil, the end of that context also ends the wait.
func Park(p *Parker, foreign context.Context) {
	if s := p.Sched(); s != nil {
		s.Park(p, foreign)
		return
	}
	parkGoroutine(p, foreign)
}

// Unpark wakes the call that is parked on p, or the next one that parks there.
func Unpark(p *Parker) {
	if s := p.Sched(); s != nil {
		s.Unpark(p)
		return
	}
	unparkGoroutine(p)
}

// Point announces op to s. It costs a comparison on goroutines.
func Point(s Scheduler, name string, object any) {
	if s != nil {
		s.Point(Op{Name: name, Object: object})
	}
}

// After calls f after d on the clock of s.
func After(s Scheduler, d time.Duration, f func()) Timer {
	if s != nil {
		return s.After(d, f)
	}
	return time.AfterFunc(d, f)
}

// Now reads the clock of s.
func Now(s Scheduler) time.Time {
	if s != nil {
		return s.Now()
	}
	return time.Now()
}
