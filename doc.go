// Package braid is structured concurrency for Go: what Python programmers have in asyncio, said the Go way.
//
// A scope owns tasks. [Run] opens one, calls its body, and returns when the body and all tasks have ended:
//
//	err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
//		g.Go(serve, braid.Name("serve"))
//		return watch(ctx)
//	})
//
// A task is a plain function, func(context.Context) error, or with a result func(context.Context) (T, error).
// It has a name, an owner, and a ctx that ends when it should stop.
// Nothing else is needed to be a good task: return soon after ctx has ended, and return what went wrong.
//
// Most programs need Run, [Group.Go] and [Go], one of [Gather], [Map] and [Queue], and [Timeout].
// Everything works under any context, also in a goroutine that is not a task; it then has no name and no owner.
//
// # Lifetime
//
// Run returns, or panics, only when its body and every task of its [Group] have ended. No task outlives its scope.
// The body is a member of the scope: a task that fails ends the body's ctx, a body that fails ends the tasks'.
// Tasks may start tasks in their own group, and scopes nest: a task may call Run.
//
// A group cannot be made, copied or kept: it comes with Run and is of no use afterwards.
// Starting a task in a group whose Run has returned panics.
// A group holds its running tasks and forgets each as it ends, so a scope that lasts for ever does not grow.
// A result belongs to the handle, a [Task], and lives as long as somebody holds that.
//
// A task that has been admitted runs, even if its group is cancelled in the same moment; its ctx is done then.
// A task that is spawned into a cancelled group, or that still waits for a slot of a limited group
// when the group is cancelled, never runs. It is [NotStarted], and says so to whoever asks.
//
// There are two exceptions, and both have to be asked for by name.
// With [Grace], Run gives up waiting for tasks that ignore their cancellation, and returns an error that lists them.
// [Abandon], and [Offload] with [AbandonOnCancel], may leave a function running that cannot be stopped.
//
// # Cancellation
//
// Cancellation is the end of a ctx. It is a state and not an event: it cannot be missed, caught or undone,
// and every call that may block looks at it, the next one as well as this one.
//
// Every call that takes a ctx and may block looks at ctx before all else, even if it could succeed at once.
// So Wait on a task that has ended, under a ctx that is done, returns the ctx's cause.
// What must not depend on that has another name: Result, Err, TryAcquire, TryPut, Release, TaskDone.
//
// Cancelled means that it did not happen. A cancelled Get has taken no item, a cancelled Acquire holds no permit,
// a cancelled Put has put nothing. What was granted in the same moment goes to the next in line.
// What cannot be undone is reported as success instead: a Put that was accepted, a barrier that has tripped.
// Each call says under Cancellation what it leaves behind.
//
// Calls return the cause of their ctx, as context.Cause gives it, and not the bare context.Canceled.
//
// The ctx of a wait ends the wait and nothing else: [Handle.Wait] does not cancel the task, [Handle.Cancel] does.
// [Group.Cancel] ends a scope early and is no failure. Neither Cancel waits.
// [Timeout] returns when its function has returned, not before. [Shield] suspends cancellation for cleanup,
// in the same task and under a time limit that must be given.
//
// A goroutine cannot be stopped from outside. A task that does not look at its ctx runs for as long as it likes.
//
// # Errors
//
// A scope in which something failed returns a [*GroupError], also if it was a single task.
// It holds every failure, the first one first, each with its task's path in a [*TaskError].
// errors.Is and errors.As find what the tasks returned, through any number of scopes.
//
// Whether a task was cancelled or has failed is judged by its own ctx: if that is done, and the error is, or wraps,
// the ctx's Err or cause, the task did what it was told. It is not listed.
// Any other error is a failure, also a context error that comes from elsewhere, and also one joined with the cause.
//
// If nothing failed but the parent's ctx ended, and somebody left work undone because of it, Run returns the parent's cause.
// If all members succeeded, Run returns nil.
//
// Mistakes in the program panic with a text that says what to do: a release without an acquire, a negative capacity,
// a spawn into a scope that is over. A wait that could never end, because the caller waits for itself, is an error.
//
// # Panics
//
// A panic in a task does not end the process from a goroutine where nobody could recover it. Its value, its stack and
// the task's path are kept, the [PanicHook] hears of it at once, the siblings are cancelled, and when all have ended
// Run panics with a [*PanicError]. [OnPanic] chooses otherwise: [AsError] makes it a failure like others, [Crash] ends the
// process at once.
//
// A sibling that ignores its ctx delays Run's panic, but not the hook.
// runtime.Goexit in a task, which t.FailNow calls, is a failure, [ErrGoexit]. It never leaves Run waiting.
//
// # Names
//
// [Name] names a task or a group where it is started. Names need not be unique, and never change.
// A task without a name is called after its function. The names from the outermost scope inwards make up the path,
// "shop/orders/import", which stands in errors, panics and reports.
//
// [Current] gives the task that a ctx belongs to: a log line needs nothing else. There are no goroutine ids,
// and no global list of tasks: the tree of scopes is the list.
// Primitives have names too, and [Handle.Waiting] says what a task waits on. All have Statistics, a snapshot for people.
//
// # Schedulers
//
// Tasks run on goroutines, in parallel. Data that tasks share needs the same care as with the go statement.
//
// Everything in this package waits, wakes, starts and reads the clock through one small internal seam.
// Behind it stand two more schedulers: the event loop of package loop, where tasks run one at a time as in asyncio,
// and the simulator of package sim, with virtual time and a schedule that can be searched and replayed.
// What this page promises holds on all three.
//
// In a bubble of testing/synctest everything here runs on the bubble's clock, and waits count as durably blocked.
// There is no goroutine, timer or channel at package level.
//
// # Cost
//
// A task is one allocation that is context, handle and place in the tree together; with a typed result there is one more.
// Short tasks of one group share goroutines, one after another, so a task must undo what it does to its goroutine,
// such as runtime.LockOSThread or pprof labels. A task that blocks delays no other.
// A ctx makes its done channel when somebody asks for it. An uncontended call of a Semaphore, Mutex, Event or Queue allocates nothing.
// Names cost nothing until they are read. How this compares is measured by the command in bench/.
//
// # Naming conventions
//
// A call that may wait takes a ctx, first, or a stream that was given one. A call without either never waits.
//
//   - Wait waits and gives what was waited for. Result and Err give it without waiting.
//   - TryX does X if that is possible at once and reports whether it did. It does not overtake those who wait.
//   - Cancel tells somebody to stop and does not wait.
//   - Shutdown and Close end something for good. A second call does no harm.
//   - NewX returns a pointer to an X that needs something to start from. Where there is no NewX, the zero value is ready for use.
//   - Statistics returns a snapshot, an XStatistics.
//   - Options are values of the types [RunOption], [TaskOption] and [OffloadOption]; they print as they are written.
//
// # Coming from asyncio
//
// docs/guide.md has the map from asyncio, anyio and errgroup to this package, with a runnable example for each row.
package braid
