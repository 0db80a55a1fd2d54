// Package loop is an event loop: it runs thousands of tasks and connections on one thread at a time, as asyncio does in Python.
//
// [Run] takes the place of braid.Run at the root of a program, or of a part of it:
//
//	err := loop.Run(ctx, func(ctx context.Context, g *braid.Group) error {
//		ln, err := loop.Listen(ctx, "tcp", ":7000")
//		if err != nil {
//			return err
//		}
//		for {
//			c, err := ln.AcceptContext(ctx)
//			if err != nil {
//				return err
//			}
//			g.Go(func(context.Context) error { return serve(c) })
//		}
//	})
//
// Tasks, scopes and primitives are those of package braid, and mean the same. The promises of braid hold on a loop,
// and the same suite of tests checks them. This page says what the loop promises beyond that, and what it does not.
//
// # One task between two waits
//
// A loop runs one task at a time. A task runs until it waits: in a call of braid that has to wait, in [braid.Yield],
// or in a call of a [Conn], [Listener] or [PacketConn].
// Between two waits no other task and no callback of the same loop runs.
// So what only tasks of one loop share needs no lock between two waits.
//
// A call that may wait does not always wait. A Get from a queue that is not empty returns at once and switches to nobody.
// Code must not rely on that: calls on connections let others run from time to time even when they need not wait.
//
// Nothing interrupts a task. One that computes, or blocks in a channel operation, a sync.Mutex, time.Sleep or a system call,
// holds the loop for all others. Such work belongs into [braid.Offload], which returns onto the loop.
// The watchdog reports what holds the loop, while it does; see [OnSlow].
//
// # Turns
//
// A loop turns. In each turn it looks which sockets are ready, then which timers are due, and puts what they wake
// at the end of the ready queue. Then it runs what is in the queue, first in, first out.
// What becomes ready meanwhile runs in the next turn. This is the order of asyncio.
//
//   - A new task starts in the next turn, after what is ready already. With [Eager] it starts at once.
//   - Timers with the same time keep the order in which they were made. No timer is early.
//   - A task that yields runs again in the next turn.
//
// # Callbacks
//
// [Loop.CallSoon], [Loop.CallLater], [Loop.CallAt] and [Loop.OnSignal] call plain functions on the loop, between tasks.
// A callback must not wait: braid's calls that would have to, panic in it.
// A panic in a callback goes to the handler of [OnException] and ends nothing else.
// runtime.Goexit ends the callback and nothing else.
//
// A loop ends with its tasks, and not with its callbacks. Those that are ready when the last task ends are still called;
// those that become ready afterwards, and those that are due later, are not.
//
// # Threads
//
// A loop is one goroutine that hands its place to the tasks; it is on one thread at any moment, and not always on the same.
// Any number of loops may run side by side. They share nothing. A task on goroutines may call Run; it waits while the loop runs,
// and the loop ends with its ctx.
//
// Other goroutines come in through [Loop.CallSoonThreadsafe], or a [braid.Portal], whose calls run as tasks of the loop.
// [Loop.Stop], [Loop.Time], [Loop.OnSignal], [Callback.Cancel], and Close and the deadlines of sockets may be called from any goroutine.
// Queues, semaphores, events and the other primitives of braid may be shared by tasks of several loops and ordinary goroutines.
//
// # Input and output
//
// [Dial], [Listen] and [ListenPacket] open sockets of TCP, UDP and Unix. They give net.Conn, net.Listener and net.PacketConn,
// whose calls let other tasks run while they wait, so bufio, crypto/tls and http.ReadRequest work on them.
// Deadlines are those of package net; ctx works besides.
// Opening a socket resolves names, and so runs on a goroutine of its own; at most 64 are being opened at a time on each loop.
//
// A call without a ctx obeys the ctx of the task that makes it. It does not know of a [braid.Timeout] inside that task:
// use ReadContext and its like there, or [Conn.WithContext].
// Calls of a side that are done at once let others run after 32 of them, so that no peer can keep a loop for itself.
//
// A socket belongs to its loop. It is closed when the loop ends, and later calls say so.
//
// On Linux the loop has a poller of its own. Elsewhere, and with [PortablePoller], goroutines of package net read ahead and write behind:
// up to 64 KiB of a connection may be reported as written and not have been sent.
// Close sends them first, for up to 30 seconds, and the end of the loop waits for that.
//
// Files are not sockets: reading one blocks. Use [braid.Offload].
//
// # Misuse
//
// With [Debug], or BRAID_DEBUG=1 in the environment, calls check on which goroutine they are made.
// A wait with a ctx of the loop, a call of a socket or a CallSoon on a goroutine that is no task of the loop panics, or is an error,
// that names both goroutines. Without debug mode such a call is found only if no task happens to run.
// If one does, the call is taken for that task's, and what follows is undefined. Run the tests of a program in debug mode.
//
// What starts goroutines of its own for connections, such as http.Server, does not work on sockets of a loop.
//
// A sync.Mutex that is held across a wait stops the loop for good as soon as a second task locks it. Use [braid.Mutex].
// The same goes for code of others that locks around input and output. A crypto/tls connection is such code:
// call Handshake before a second task uses it.
//
// [Run] inside a task of a loop is refused with [ErrNested], as far as its ctx tells. A loop under context.Background inside a task
// is not refused, and holds the outer one.
//
// # Locking a task to its thread
//
// A task must not call runtime.LockOSThread, nor wait inside a callback from C. The Go runtime ends the process with
// "fatal error: coro: OS thread locking must match locking at coroutine creation" when such a task waits or ends.
// Neither can be recovered or prevented. Code that needs its thread runs through [braid.Offload], on a goroutine of its own.
// The caller of Run may be locked: Run uses another goroutine.
//
// # Panics and Goexit
//
// A panic in a task, and runtime.Goexit, which t.FailNow calls, are what package braid says they are.
// In the body of Run they come back to the caller of Run: a panic as a [*braid.PanicError], Goexit as a Goexit.
//
// # What differs from goroutines
//
//   - Tasks do not run in parallel. One loop uses one core.
//   - The race detector sees no races between tasks of one loop: each switch orders what came before it.
//     Code that is to run on goroutines as well is tested there, under the race detector.
//   - With [braid.Grace], the scope gives up waiting and OnStuck is told, but Run still waits until all tasks have ended:
//     it does not leave coroutines behind.
//   - A task that never looks at its ctx and never waits cannot even be reported as stuck by its group; the watchdog sees it.
//
// # Time
//
// The clock of a loop is the monotonic one. In a bubble of testing/synctest it is the bubble's, and an idle loop counts as
// durably blocked, so tests of tasks and timers need no real time. Sockets wait outside of what a bubble understands.
//
// # Cost
//
// A switch from one task to the next is two switches of coroutines, some 120 ns together, and allocates nothing.
// The loop reads no clock for the watchdog, which sleeps when the loop does. bench/ measures all this beside asyncio, uvloop and goroutines.
//
// docs/loop.md says when to use a loop, and when goroutines.
package loop
