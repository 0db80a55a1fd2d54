package gen

import (
	"errors"
	"iter"
	"runtime"
)

// Coroutine is a function that can stop in the middle, hand out a value, and go on where it stopped.
// [New] makes one from a body.
//
// The body runs only inside a call of Next, Send, Throw or Close, while the caller waits: the two never run at the same time.
// It may be resumed from any goroutine, by one call at a time.
// A call while the body runs, from the body itself or from another goroutine, panics and changes nothing.
//
// A coroutine that has been started and has not ended must be closed; see [Coroutine.Close].
type Coroutine[In, Out, Ret any] struct {
	// run is apart from the handle, and nothing in it points back here:
	// so a handle that nobody holds any more is collected although the body, which is a goroutine, still hangs on run.
	run *run[In, Out, Ret]
}

// Generator is a coroutine that only hands out values: nothing is sent to it, and it returns no value.
type Generator[T any] = Coroutine[struct{}, T, struct{}]

var (
	// ErrClosed is what Yield returns in a body that is being closed, and the Result of a body that ended because of it.
	ErrClosed = errors.New("gen: the coroutine has been closed")

	// ErrNotFinished is the Result of a coroutine that has not ended.
	ErrNotFinished = errors.New("gen: the coroutine has not ended; its result is there when Next returns false")

	// ErrYieldInClose is returned by Close if the body did not end when it was told to, but yielded again.
	ErrYieldInClose = errors.New("gen: the body yielded while it was being closed; it must return soon after Yield has returned ErrClosed, and its defers must not yield")
)

// New returns a coroutine that will run body. Nothing runs before the first [Coroutine.Next].
//
// The body hands out values with [Yielder.Yield]. What it returns is the [Coroutine.Result].
// New panics if body is nil.
func New[In, Out, Ret any](body func(y *Yielder[In, Out]) (Ret, error)) *Coroutine[In, Out, Ret] {
	if body == nil {
		panic("gen: New needs a body; the one given is nil")
	}
	c := &Coroutine[In, Out, Ret]{run: &run[In, Out, Ret]{body: body, entry: entryOf(body)}}
	runtime.Callers(2, c.run.site[:])
	return c
}

// Next runs the body to its next Yield and returns the value yielded there, and true.
// The first Next starts the body; a later one makes the pending Yield return the zero In.
//
// If the body ends, or has ended already, Next returns the zero Out and false: the end is never mistaken for a value.
// [Coroutine.Result] says how it ended.
// If the body panics, Next panics with a [*PanicError]. If it calls runtime.Goexit, as t.FailNow does, so does Next.
func (c *Coroutine[In, Out, Ret]) Next() (Out, bool) {
	var zero In
	return c.resume("Next", zero, nil)
}

// Send is Next with a value: the pending Yield returns v.
//
// Send panics if the body has not been started, for no Yield waits for v then; call Next first.
// If the body has ended, v goes nowhere, and Send returns false.
func (c *Coroutine[In, Out, Ret]) Send(v In) (Out, bool) {
	return c.resume("Send", v, nil)
}

// Throw is Next with an error: the pending Yield returns err. The body may handle it and yield on, or end.
//
// Throw into a body that has not been started ends it without running it; its Result is err then.
// If the body has ended, err goes nowhere: Throw returns false, and Result is as before.
// Throw panics if err is nil.
func (c *Coroutine[In, Out, Ret]) Throw(err error) (Out, bool) {
	if err == nil {
		panic("gen: Throw(nil): an error is needed; use Next or Send to go on without one")
	}
	var zero In
	return c.resume("Throw", zero, err)
}

// Close ends the body: its pending Yield returns [ErrClosed], its defers run, and when Close returns, nothing of it is left.
//
// Close returns nil if the body returned no error, or ErrClosed, as it is or singly wrapped.
// Any other error is what went wrong in the body's cleanup, and Close returns it.
// If the body yields instead of returning, that Yield does not return: the body is unwound there, its defers run,
// and Close returns [ErrYieldInClose]. So a body that ignores errors cannot keep Close from returning;
// one that blocks can.
//
// A body that has not been started is not run. Closing a coroutine that has ended does nothing and returns nil.
// A panic in the body comes out of Close as it does out of Next.
//
// Defer Close after New, unless the coroutine is always run to its end. One that is dropped while it is suspended
// is closed when the garbage collector finds it, and reported; see [OnUnclosed].
func (c *Coroutine[In, Out, Ret]) Close() error {
	err := c.run.close()
	runtime.KeepAlive(c)
	return err
}

// Result returns what the body returned. It never waits, and may be called from any goroutine at any time.
//
// The error is [ErrNotFinished] if the body has not ended, [ErrClosed] if it was closed before it was started,
// a [*PanicError] if it panicked, and [braid.ErrGoexit] if it called runtime.Goexit.
func (c *Coroutine[In, Out, Ret]) Result() (Ret, error) {
	ret, err := c.run.result()
	runtime.KeepAlive(c)
	return ret, err
}

// resume runs the body to its next Yield or to its end.
//
// There is no defer here: next comes back with a value or at the end of the body,
// and if it does not come back, because the body panicked or called Goexit, leave has done what is to be done.
func (c *Coroutine[In, Out, Ret]) resume(op string, in In, err error) (v Out, ok bool) {
	r := c.run
	if !r.busy.enter() {
		if r.over.Load() { // whoever is inside finds the same
			return v, false
		}
		r.refuse(op)
	}
	if r.phase != started && !c.begin(op, err) {
		r.busy.leave()
		return v, false
	}
	r.in, r.err = in, err
	v, ok = r.next()
	r.busy.leave()
	runtime.KeepAlive(c) // or it might be collected, and the body closed, while the body runs
	return v, ok
}

// begin prepares the first step, and reports whether there is a step to make.
func (c *Coroutine[In, Out, Ret]) begin(op string, err error) bool {
	r := c.run
	switch {
	case r.phase == ended:
		return false
	case err != nil:
		r.discard(err)
		return false
	case op == "Send":
		r.busy.leave()
		panic("gen: Send to the coroutine " + r.describe() + " before its first Next: no Yield waits for the value yet; call Next first")
	}
	// Not earlier: a coroutine that is never started needs no goroutine, and cannot leak one.
	r.next, r.stop = iter.Pull(r.main)
	r.phase = started
	r.watch(c)
	return true
}
