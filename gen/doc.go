// Package gen has what Python calls generators: functions that can stop in the middle and go on.
//
// There are two kinds. A [Coroutine] stops to hand a value to its caller, in the same goroutine so to speak:
// nothing runs at the same time, nothing waits, and a step costs less than 100 ns.
// A stream is an iter.Seq2[T, error] whose elements come from tasks, under a ctx, with a bounded buffer:
//
//	for page, err := range gen.Map(ctx, gen.Stream(ctx, 10, urls), 8, fetch) {
//		...
//	}
//
// # Coroutines
//
// [New] makes a coroutine of a body. The body yields values with [Yielder.Yield]; the caller resumes it with
// [Coroutine.Next], sends it values with [Coroutine.Send] and errors with [Coroutine.Throw].
// Both return the next value and true, or false at the end; then [Coroutine.Result] has what the body returned.
// [Coroutine.Close] ends it early. [YieldFrom] delegates to another coroutine.
//
// For a plain loop over what a body yields there is [Seq], which needs no coroutine at all.
// [Pull] and [Pull2] make a generator of an iter.Seq or of a stream, to take elements one by one.
//
// A coroutine is built on iter.Pull, and its body has a goroutine of its own, which shares the thread of whoever resumes it.
// runtime.LockOSThread in a body that then yields, or a cgo callback that yields, is fatal to the process: the runtime does not
// allow it, and it cannot be recovered. A coroutine whose first Next was called on a goroutine that is locked to its thread
// can be resumed and closed only there, and must not be dropped, which closes it elsewhere; one whose first Next was not, only on goroutines that are not.
//
// # Streams
//
// A stream starts nothing before a loop runs over it, and each loop starts anew.
// [Stream] makes one of a producer. [Map], [FlatMap] and [Merge] read their sources in tasks, and so does [Batch] with a wait;
// [Filter], [Take], [Zip], [Throttle] and [Reduce] run in the goroutine of the loop. [Tee] gives one stream to several consumers.
// Every stream says how far it reads ahead: all buffers are bounded, and a loop that is slow holds back everything before it.
//
// Elements keep their order, but for [MapUnordered], [FlatMapUnordered], and between the sources of [Merge].
//
// # Lifetime
//
// The loop is the scope. When a loop over a stream ends, by break, return, panic, or at the end of the stream,
// everything that runs for it is cancelled and has ended before the next statement, through all operators in between.
//
// An operator that reads its source in a task can end the wait of a source at once if that is a stream of this package,
// directly or through other operators. A source of your own, a plain function, is left when it next yields,
// and the loop waits for that; a source that may wait long is better written as a [Stream], whose ctx ends.
//
// # Errors
//
// An error is the last element of a stream. It comes with the zero value, in its place, when all tasks of the stream have ended.
// Every operator stops at the first error of its source: it passes on what came before, then the error, and reads no further.
// What a producer or a function of yours returns comes as a [*braid.TaskError], which names the task;
// errors of a source are passed on as they are.
//
// If a loop has been left, and the cleanup of a producer, a source or a function then fails, the loop cannot be given the error.
// It is a failure of the scope that the ctx of the stream belongs to; without a scope the panic hook hears of it,
// which is by default a log/slog message. See [braid.Report].
// An error that came before the loop was left, and that the loop did not get to, is dropped with the elements behind it.
//
// # Panics
//
// A panic in the body of a coroutine comes out of the call that resumed it, as a [*PanicError] with the stack of the body.
// A panic in a task of a stream, or in the body of the loop, comes out of the loop statement as a [*braid.PanicError],
// when all tasks have ended. runtime.Goexit in a body ends the caller as well, so t.FailNow works there;
// in a task of a stream it is the failure [braid.ErrGoexit].
//
// # Schedulers
//
// Streams use nothing but package braid to start, wait and read the clock. They run wherever it does,
// in virtual time inside a bubble of testing/synctest, too. A coroutine may wait with calls of package braid in its body.
package gen
