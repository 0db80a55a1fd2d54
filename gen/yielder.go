package gen

import "runtime"

// Yielder is a coroutine as its body sees it.
//
// It belongs to the body: Yield must be called while the body runs, and not from a goroutine that the body has started.
// It may be called deep inside functions that the body calls, and by another coroutine that the body is resuming.
type Yielder[In, Out any] struct {
	// yield switches to the caller of Next, or runs the body of a loop. It returns false if there is no going on.
	yield func(Out) bool

	// What the pending Yield will return; written by the caller before it resumes the body.
	in  In
	err error

	// phase and ignored are written by whoever runs, the body or its caller; a switch orders the two.
	phase   phase
	pushed  bool // the body runs in the goroutine of a loop, which cannot be unwound; see Seq
	ignored bool // the body yielded while it was being closed
}

type phase uint8

const (
	fresh   phase = iota // the body has not been started
	started              // it runs, or is suspended in Yield
	closing              // it has been told to end
	ended
)

// Yield hands out v, and waits until the body is resumed.
//
// It returns what was given to Send, or the zero In after Next. Its error is what was given to Throw,
// or [ErrClosed] if the coroutine is being closed. After ErrClosed the body must return, and must not yield again.
//
// Yield panics if the body has ended.
func (y *Yielder[In, Out]) Yield(v Out) (In, error) {
	if y.phase != started {
		y.deny()
	}
	if !y.yield(v) {
		y.phase = closing
		var zero In
		return zero, ErrClosed
	}
	return y.in, y.err
}

// deny ends a Yield that cannot be. It does not return.
func (y *Yielder[In, Out]) deny() {
	switch {
	case y.phase != closing:
		panic("gen: Yield outside its body: a Yielder is of use only while the body that it was given to runs")
	case y.pushed:
		panic("gen: the body yielded after the loop over it had been left; it must return soon after Yield has returned ErrClosed")
	}
	// Returning ErrClosed again was rejected: "for { y.Yield(v) }" would keep Close for ever.
	// A panic could be recovered by the body. Goexit cannot, and runs the defers.
	y.ignored = true
	runtime.Goexit()
}
