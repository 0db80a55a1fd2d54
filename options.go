package braid

import (
	"fmt"
	"time"
)

// RunOption changes how [Run] treats its group. The options are [Name], [Limit], [Grace], [OnStuck],
// [OnPanic], [PanicHook], [OnNotStarted] and [KeepGoing]; there are no others.
type RunOption interface {
	fmt.Stringer
	applyRun(g *Group)
}

// TaskOption changes how one task is started. The options are [Name] and [TaskTimeout]; there are no others.
type TaskOption interface {
	fmt.Stringer
	applyTask(h *Handle)
}

// NameOption is the type of [Name].
type NameOption string

// Name names a group or a task. Names appear in paths, errors, panics and tools.
// They need not be unique and never change. A task without a name is called after its function.
func Name(name string) NameOption { return NameOption(name) }

// String implements fmt.Stringer, as do the other options.
func (o NameOption) String() string      { return fmt.Sprintf("Name(%q)", string(o)) }
func (o NameOption) applyRun(g *Group)   { g.name = string(o) }
func (o NameOption) applyTask(h *Handle) { h.name = string(o) }

type taskTimeout time.Duration

// TaskTimeout bounds the run time of one task. It counts from the task's start, not from the time it was queued.
// A task that runs over fails with a [*TimeoutError]; as with [Timeout], it ends when its function returns.
func TaskTimeout(d time.Duration) TaskOption { return taskTimeout(d) }

func (o taskTimeout) String() string { return fmt.Sprintf("TaskTimeout(%v)", time.Duration(o)) }
func (o taskTimeout) applyTask(h *Handle) {
	h.fn = timeLimited(h.fn, time.Duration(o))
}

type limitOption int

// Limit sets how many tasks of the group run at a time.
//
// Admission is in the order of spawning. [Group.Go] never blocks: a task above the limit waits for a slot as [Queued],
// and if the group is cancelled meanwhile it is never started; see [ErrNotStarted].
// To be held back instead of queueing without bound, use [Group.GoWait] or [Map].
//
// A task that waits for another task of its own group, or for a slot in it, lends its slot meanwhile, also from inside
// nested scopes, so a group cannot deadlock on its own limit. A receive from [Handle.Done] is no such wait.
// The body needs no slot.
//
// Limit panics if n < 1.
func Limit(n int) RunOption {
	if n < 1 {
		panic(fmt.Sprintf("braid: Limit(%d): a group needs room for at least one task; leave the option out for no limit", n))
	}
	return limitOption(n)
}

func (o limitOption) String() string    { return fmt.Sprintf("Limit(%d)", int(o)) }
func (o limitOption) applyRun(g *Group) { g.limit = int(o) }

type graceOption time.Duration

// Grace bounds how long Run waits for its tasks once the group is cancelled.
//
// When the time is over, the tasks that have not ended are listed in a [*StuckError] in the group's error,
// and Run returns although they still run: nothing can stop a goroutine from outside.
// Without Grace, Run waits for as long as it takes.
// If it is the body that does not return, Run cannot either; [OnStuck] is told in both cases.
//
// Grace panics if d is not positive.
func Grace(d time.Duration) RunOption {
	if d <= 0 {
		panic(fmt.Sprintf("braid: Grace(%v): the grace must be positive; leave the option out to wait for ever", d))
	}
	return graceOption(d)
}

func (o graceOption) String() string    { return fmt.Sprintf("Grace(%v)", time.Duration(o)) }
func (o graceOption) applyRun(g *Group) { g.grace = time.Duration(o) }

type stuckOption func(*StuckError)

// OnStuck calls f when the [Grace] is over and tasks have not ended. It is called once, by none of the tasks, and must not wait:
// a program that must end can print the list and exit there. A panic in f is one of the group.
func OnStuck(f func(*StuckError)) RunOption { return stuckOption(f) }

func (o stuckOption) String() string    { return "OnStuck" }
func (o stuckOption) applyRun(g *Group) { g.onStuck = o }

// PanicPolicy says what a group does about a panic in its body or in one of its tasks.
// In every case the panic's value, stack and task are kept, the [PanicHook] runs at once, and the siblings are cancelled.
type PanicPolicy int

const (
	// Repanic makes Run panic with a [*PanicError] when all tasks have ended. It is the default.
	Repanic PanicPolicy = iota
	// AsError makes the [*PanicError] a member of the [*GroupError].
	AsError
	// Crash ends the process at once, without waiting for anybody.
	Crash
)

func (p PanicPolicy) String() string {
	if p < Repanic || p > Crash {
		return "unknown"
	}
	return [...]string{"Repanic", "AsError", "Crash"}[p]
}

type panicOption PanicPolicy

// OnPanic sets the group's [PanicPolicy]. Groups do not inherit it.
func OnPanic(p PanicPolicy) RunOption {
	if p < Repanic || p > Crash {
		panic(fmt.Sprintf("braid: OnPanic(%d): use Repanic, AsError or Crash", int(p)))
	}
	return panicOption(p)
}

func (o panicOption) String() string    { return fmt.Sprintf("OnPanic(%v)", PanicPolicy(o)) }
func (o panicOption) applyRun(g *Group) { g.policy = PanicPolicy(o) }

type hookOption func(*PanicError)

// PanicHook sets the function that hears of each panic at once, on the panicking goroutine, before siblings have ended:
// a sibling that ignores its ctx can delay Run's own panic for ever.
// Groups inherit the hook from the group around them. The outermost default logs the panic with log/slog.
func PanicHook(f func(*PanicError)) RunOption { return hookOption(f) }

func (o hookOption) String() string    { return "PanicHook" }
func (o hookOption) applyRun(g *Group) { g.hook = o }

type notStartedOption func(*Handle)

// OnNotStarted calls f for each task that never ran because it or the group was cancelled first,
// for example to give back what the task would have released. Run calls it before it returns. A panic in f is one of the group.
func OnNotStarted(f func(*Handle)) RunOption { return notStartedOption(f) }

func (o notStartedOption) String() string    { return "OnNotStarted" }
func (o notStartedOption) applyRun(g *Group) { g.onNotStarted = o }

type keepGoing struct{}

// KeepGoing makes failures not cancel the group: every task runs to its own end, and all failures are reported then.
// Panics, [Group.Cancel] and the parent still cancel it.
func KeepGoing() RunOption { return keepGoing{} }

func (keepGoing) String() string    { return "KeepGoing" }
func (keepGoing) applyRun(g *Group) { g.keepGoing = true }
