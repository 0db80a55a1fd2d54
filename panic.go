package braid

import (
	"context"
	"log/slog"
	"runtime/debug"

	"github.com/braid-go/braid/internal/sched"
)

// caught makes a PanicError of a recovered value, tells the hook, and hands it to record.
// It is called in the deferred function, where the stack still shows where the panic began.
//
// A value that a Run further in has panicked with is passed on as it is: its task and stack are the ones that count,
// and the hook has heard of it.
func (g *Group) caught(path string, v any, tell bool, record func(*PanicError)) {
	pe, ok := lowered(v)
	if !ok {
		pe = &PanicError{Task: path, Value: v, Stack: debug.Stack()}
	}
	defer record(pe) // whatever the hook does: in a test it may well call t.FailNow, which is runtime.Goexit
	if !ok && tell {
		tellPanic(g.node.link.hook, pe)
	}
	if g.policy == Crash {
		crash(pe)
	}
}

// tellPanic calls the hook for a panic. A hook that panics itself cannot make the panic that it heard of vanish.
func tellPanic(hook func(*PanicError), pe *PanicError) {
	defer func() { _ = recover() }()
	if hook == nil {
		slog.Error("braid: a task panicked", "task", pe.Task, "panic", pe.Value, "stack", string(pe.Stack))
		return
	}
	hook(pe)
}

// panicHookOf returns the hook of a scheduler that wants to hear of panics; nil for the default.
func panicHookOf(s sched.Scheduler) func(*PanicError) {
	c, ok := s.(sched.Closed)
	if !ok {
		return nil
	}
	return func(pe *PanicError) {
		if !c.Panicked(pe.Task, pe.Value, pe.Stack) {
			tellPanic(nil, pe)
		}
	}
}

// crash ends the process with pe. The panic is raised on a goroutine where nobody can recover it.
func crash(pe *PanicError) {
	go panic(pe.raise())
	select {}
}

// raise returns pe as Run panics with it.
func (e *PanicError) raise(others ...error) *PanicError {
	c := *e
	c.raised = true
	c.Others = append(append([]error(nil), e.Others...), others...)
	return &c
}

// asPanic makes a PanicError of a value recovered in a call that is no task of its own.
func asPanic(ctx context.Context, v any) *PanicError {
	if pe, ok := lowered(v); ok {
		return pe
	}
	pe := &PanicError{Value: v, Stack: debug.Stack()}
	if t := Current(ctx); t != nil {
		pe.Task = t.Path()
	}
	return pe
}

// lowered returns the PanicError that a Run further in panicked with, as it was before that.
func lowered(v any) (*PanicError, bool) {
	pe, ok := v.(*PanicError)
	if ok && pe.raised {
		c := *pe
		c.raised = false
		pe = &c
	}
	return pe, ok
}
