// Package inspect answers questions about the tasks of a program that runs, from outside of it, also while all of them are stuck:
// which there are, who started them, what each waits on and who holds that, what is wrong, and why it does not end.
//
//	in, err := inspect.Serve(ctx, inspect.Options{Name: "shop"})
//	if err != nil {
//		return err
//	}
//	defer in.Close()
//
// Then the command braid finds the program and asks it: braid ps, tree, top, why, findings, dump. With [Options].TCP, a browser shows the same.
// Both use an HTTP API, and so does [Client] for Go. docs/inspector.md describes the API, the rules for findings, and a walk through a program
// in which things go wrong.
//
// The program need not be changed: every task of package braid is seen, on goroutines and on the event loop.
// The names that are given to tasks, and with SetName to primitives, are what makes the answers readable.
//
// # The parts
//
// A [Snapshot] is a copy of what there is: tasks, scopes, and the primitives that somebody waits on or holds, with ids and no pointers into the program.
// [Take] takes one. Everything else is worked out from snapshots, so it does not matter whether a live process, a file
// ([WriteSnapshot], [ReadSnapshot], [Dial] with a path) or a test has made them: [Snapshot.Why], [Snapshot.Tree], [Snapshot.Graph],
// [Snapshot.Deadlocks], [Diff], and a [Monitor], which compares one with the next and says what is wrong.
// An [Inspector] does all of that in the program, about twice a second, and serves it. Package inspecttest does it in tests.
//
// # Lifetime
//
// An Inspector lives until the ctx that was given to [Serve] is done or Close is called, and Close waits until nothing of it is left:
// no goroutine, no connection, no file. Start it first and close it last, so that it can say why something else does not stop.
// It runs on goroutines of its own, which are no tasks: it answers while all tasks are stuck, and while an event loop is.
//
// Where package inspect is linked in, package braid keeps a little more than otherwise; see Cost. Nothing else happens before Serve or Take is called.
//
// # Cancellation
//
// Looking cancels nothing. [Client.Cancel], and the POST behind it, ask a task to end as [braid.Handle.Cancel] does, with a cause that is [ErrClient],
// and are refused unless [Options].Write allows them. A call of a Client ends with its ctx. The program does not notice when a client comes, goes, or dies.
//
// # Errors
//
// What the API refuses is a [*Problem], as RFC 9457 has it: the status, and in words what happened and what to do. A file that is damaged gives
// a [*SnapshotError] that says where, and what could be read. An Inspector that cannot be what it was asked to be – the runtime directory is somebody else's,
// the port is taken, a rule makes no sense – is an error of Serve; later it fails at nothing that would concern the program.
//
// Names, and the texts of errors, are the program's. An Error method is called on a goroutine that it may block or panic on, and is waited for 20 ms.
//
// # Cost
//
// Linked in: a stamp for each wait, an entry in a list for each outermost Run, and a note for each cancellation of when and where it came from.
// With an Inspector that nobody asks: a clock that ticks once a second, and a look about twice a second; looks take at most a hundredth of the time.
// Who holds permits of a semaphore or a read lock, and who uses a queue, is noted of those with a name only, or of all with [Options].Holders.
// With somebody attached: the clock ticks a hundred times a second, the ends of tasks are counted, and looks may take a tenth of the time.
// A look takes one lock at a time, for a bounded number of instructions, and does not stop the program.
// Stacks are the goroutine profile, for which the runtime stops the world for a moment; they are taken only when asked for, and at most once a second.
// Memory is bounded however long the program runs: nothing is kept of tasks that have ended but at most 1,024 of them, and those only for who asks.
// go run ./bench -run '^inspect' measures all of this.
//
// # Security
//
// The socket is in a directory with mode 0700 that must belong to this user, so who can connect is this user, or root. TCP is off unless asked for;
// then it is a loopback address unless there are [Options].Hosts, each request for data needs a token, and requests from pages of other sites are refused.
// It has no encryption. Clients are bounded in number, time and size. What can be seen is names, causes, functions and stacks, never values of variables;
// [Options].Redact changes names and causes before anybody sees them. [Inspector.Handler] asks for no token: the server that it is mounted on says who may come in.
//
// # What it does not see
//
// Goroutines that are no tasks, and what a task does outside of braid: on a channel, a lock of package sync, in a system call or on the network it is
// "active", as it is when it computes. [Client.Stacks] shows where, if the program has labels ([Options].LabelIDs). Deadlocks through such waits are not found.
// A semaphore without a name says that permits are in use, and not whose. What began before anybody kept notes of it stays unknown.
// Tasks that begin and end between two looks are counted, and not shown. One process is seen; what it waits for in another one is not.
// A snapshot is taken while the program runs, part by part: what is there all the time is in it once, what comes or goes meanwhile may be in it or not.
// What is said to be a deadlock has been seen twice.
package inspect
