package braid

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

var (
	// ErrTimeout is matched by the error of a [Timeout], [Deadline], [Shield] or [TaskTimeout] that ran out.
	ErrTimeout = errors.New("braid: timeout")

	// ErrGoexit is the failure of a task that called runtime.Goexit, which is also what t.FailNow does.
	ErrGoexit = errors.New("braid: the task called runtime.Goexit (or t.FailNow) and never returned")

	// ErrNotStarted is the result of a task that never ran:
	// it still waited for a slot when its group was cancelled, or it was spawned into a cancelled group.
	ErrNotStarted = errors.New("braid: the task was never started, because it or its group was cancelled first")

	// ErrNotFinished is given by the Result methods while there is no result yet.
	ErrNotFinished = errors.New("braid: not finished; use Wait to wait for it")

	// ErrNotReady is returned by [Start] when the task ended without calling ready.
	ErrNotReady = errors.New("braid: the task ended without saying that it is ready; call ready(value) in it")

	// ErrSelfDeadlock is returned instead of a wait that could never end, because the caller waits for itself.
	ErrSelfDeadlock = errors.New("braid: the task would wait for itself for ever")

	// ErrShutdown is returned by the operations of a [Queue] after its Shutdown.
	ErrShutdown = errors.New("braid: the queue has been shut down")

	// ErrBarrierBroken is returned to all who wait at a [Barrier] that was aborted or reset, or that one of them left.
	ErrBarrierBroken = errors.New("braid: the barrier is broken")

	// ErrClosed is returned when a [Portal] is used after the Run of its group has ended.
	ErrClosed = errors.New("braid: the portal's group has ended")
)

// TaskError is the failure of one task. Groups report every failure as a TaskError.
type TaskError struct {
	Task string // the task's path, such as "main/workers/fetch"
	Err  error
}

// Error names the task, unless all that it passes on are failures of its own or of tasks below it, which name it in their paths.
func (e *TaskError) Error() string {
	if ge, ok := e.Err.(*GroupError); ok && ge.below(e.Task) {
		return ge.Error()
	}
	return "task " + e.Task + ": " + e.Err.Error()
}

// Unwrap returns what the task returned.
func (e *TaskError) Unwrap() error { return e.Err }

// GroupError is what a scope returns when something failed in it; even a single failure comes as a GroupError.
//
// The failures stand in the order in which they came, the one that cancelled the group first.
// Tasks that ended because they were cancelled are not listed: they did what they were told.
type GroupError struct {
	Group      string // the group's path
	NotStarted int    // tasks that never ran, because they or the group were cancelled first
	errs       []error
	parent     *cancellation // set if the last of errs is the parent's cause
}

// Unwrap returns the failures: [*TaskError], [*StuckError] or [*PanicError],
// and at the end the cause of the parent's cancellation if that came first.
func (e *GroupError) Unwrap() []error { return e.errs }

// below reports whether all failures in e are of the task at path or of tasks below it.
func (e *GroupError) below(path string) bool {
	for _, err := range e.errs {
		var of string
		switch err := err.(type) {
		case *TaskError:
			of = err.Task
		case *PanicError:
			of = err.Task
		default:
			return false
		}
		if of != path && !strings.HasPrefix(of, path+"/") {
			return false
		}
	}
	return true
}

func (e *GroupError) Error() string {
	var b strings.Builder
	failures := len(e.errs)
	if e.parent != nil {
		failures--
	}
	if failures > 1 {
		fmt.Fprintf(&b, "%d failures: ", failures)
	}
	for i, err := range e.errs {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(err.Error())
	}
	switch e.NotStarted {
	case 0:
	case 1:
		b.WriteString(" (1 task was not started)")
	default:
		fmt.Fprintf(&b, " (%d tasks were not started)", e.NotStarted)
	}
	return b.String()
}

// without returns e as it stands in the error of a scope that was cancelled by rec:
// the cause, which that scope reports itself, is left out. It returns nil if nothing is left.
func (e *GroupError) without(rec *cancellation) *GroupError {
	if e.parent == nil || rec == nil || !sameError(e.parent.cause, rec.cause) {
		return e
	}
	c := *e
	c.errs, c.parent = e.errs[:len(e.errs)-1:len(e.errs)-1], nil
	return &c
}

// TimeoutError says which time limit ran out.
// It matches [ErrTimeout] and context.DeadlineExceeded, and Timeout() is true as for the errors of package net.
type TimeoutError struct {
	Op    string        // "timeout", "deadline" or "shield"
	After time.Duration // the limit
	task  *Handle       // nil outside a task
}

func (e *TimeoutError) Error() string {
	s := fmt.Sprintf("braid: %s of %v ran out", e.Op, e.After)
	if e.task != nil {
		s += " in task " + e.task.Path()
	}
	return s
}

// Is makes errors.Is match ErrTimeout and context.DeadlineExceeded.
func (e *TimeoutError) Is(target error) bool {
	return target == ErrTimeout || target == context.DeadlineExceeded
}

// Timeout reports true.
func (e *TimeoutError) Timeout() bool { return true }

// StuckError lists the tasks that had not ended when the [Grace] of a cancelled group was over.
type StuckError struct {
	Group string
	Grace time.Duration
	Tasks []StuckTask
}

// StuckTask is a task that did not end in time.
type StuckTask struct {
	Path    string
	Age     time.Duration // since it started
	Waiting string        // what it waits on, such as "queue.Get jobs"; empty if it is not inside a call of braid
}

func (s StuckTask) String() string {
	on := "busy or blocked outside braid"
	if s.Waiting != "" {
		on = "waits in " + s.Waiting
	}
	return fmt.Sprintf("%s (%v old, %s)", s.Path, s.Age.Round(time.Millisecond), on)
}

func (e *StuckError) Error() string {
	var b strings.Builder
	what := "tasks"
	if len(e.Tasks) == 1 {
		what = "task"
	}
	fmt.Fprintf(&b, "braid: %d %s of %s had not ended %v after the cancel: ", len(e.Tasks), what, e.Group, e.Grace)
	for i, t := range e.Tasks {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(t.String())
	}
	return b.String()
}

// PanicError is a panic that was caught in a task.
// Run panics with it again unless the group's policy says otherwise; see [OnPanic].
type PanicError struct {
	Task   string  // path of the task; empty outside a task
	Value  any     // what panic was called with
	Stack  []byte  // the stack of the panicking goroutine, as printed by debug.Stack
	Others []error // what else failed in the groups that the panic went through, later panics included

	raised bool
}

// Error names the task and the value. In a PanicError that Run panics with, the original stack follows,
// because the stack that Go prints for such a panic is the one of Run.
func (e *PanicError) Error() string {
	var b strings.Builder
	if e.Task != "" {
		fmt.Fprintf(&b, "task %s panicked: %v", e.Task, e.Value)
	} else {
		fmt.Fprintf(&b, "panic: %v", e.Value)
	}
	if e.raised {
		for _, o := range e.Others {
			b.WriteString("\nalso failed: " + o.Error())
		}
		b.WriteString("\n\n")
		b.Write(e.Stack)
	}
	return b.String()
}

// Unwrap returns the value if it is an error, and all that failed besides.
func (e *PanicError) Unwrap() []error {
	if err, ok := e.Value.(error); ok {
		return append([]error{err}, e.Others...)
	}
	return e.Others
}

// sameError is a == b that does not panic on errors that cannot be compared.
func sameError(a, b error) bool {
	if a == nil || b == nil {
		return a == b
	}
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}
