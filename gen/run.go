package gen

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/braid-go/braid"
)

// run is what a coroutine is made of, apart from its handle.
//
// The body is a seq for iter.Pull, which is the one way to a coroutine in portable Go.
// What iter.Pull does not do is done here: values go in both directions, a panic keeps its stack,
// misuse is found before it can do harm, and the end of the body has a result.
type run[In, Out, Ret any] struct {
	Yielder[In, Out]

	// busy is held by the call that is inside. All else here belongs to that call, or to the body that it has resumed.
	busy gate

	next func() (Out, bool)
	stop func()
	body func(*Yielder[In, Out]) (Ret, error)

	returned bool
	ret      Ret
	failure  error
	over     atomic.Bool // ret and failure are final; what only asks for them needs not come inside

	entry   uintptr    // of the body's function
	site    [1]uintptr // where New was called
	cleanup runtime.Cleanup
}

// gate lets one call in at a time. It is no generic code, for there atomic operations are calls.
type gate struct{ shut atomic.Uint32 }

func (g *gate) enter() bool { return g.shut.CompareAndSwap(0, 1) }
func (g *gate) leave()      { g.shut.Store(0) }

func (r *run[In, Out, Ret]) refuse(op string) {
	panic(fmt.Sprintf("gen: %s of the coroutine %s while it runs: its own body has called it, or another goroutine; "+
		"resume a coroutine from one place at a time, and never from inside its body", op, r.describe()))
}

// discard ends a body that has not been started.
func (r *run[In, Out, Ret]) discard(err error) {
	r.phase, r.body, r.failure = ended, nil, err
	r.over.Store(true)
}

// main is the body as iter.Pull runs it, on a goroutine of its own.
func (r *run[In, Out, Ret]) main(yield func(Out) bool) {
	r.yield = yield
	defer r.leave()
	r.ret, r.failure = r.body(&r.Yielder)
	r.returned = true
}

// leave is the last thing on the body's goroutine. If the body has not returned, iter.Pull passes on how it ended,
// to the goroutine that called next or stop; so busy is let go here.
func (r *run[In, Out, Ret]) leave() {
	var v any
	if !r.returned {
		v = recover()
	}
	r.phase, r.body = ended, nil
	r.cleanup.Stop()
	switch {
	case r.returned:
		r.over.Store(true)
	case v != nil:
		pe := asPanic(v, r.describe()) // here the stack still shows where the panic began
		r.failure = pe
		r.over.Store(true)
		r.busy.leave()
		panic(pe)
	case r.ignored:
		// iter.Pull would end the caller of Close as well. It passes on a panic instead, if there is one; halt stops that.
		r.failure = ErrYieldInClose
		r.over.Store(true)
		panic(errUnwound)
	default:
		r.failure = braid.ErrGoexit
		r.over.Store(true)
		r.busy.leave()
	}
}

// errUnwound is the panic by which a body that was unwound in deny gets through iter.Pull to close.
var errUnwound = errors.New("gen: unwound")

func (r *run[In, Out, Ret]) close() error {
	if !r.busy.enter() {
		if r.over.Load() {
			return nil
		}
		r.refuse("Close")
	}
	switch r.phase {
	case ended:
		r.busy.leave()
		return nil
	case fresh:
		r.discard(ErrClosed)
		r.busy.leave()
		return nil
	case started, closing:
	}
	r.halt()
	err := r.failure
	r.busy.leave()
	if onlyClosed(err) {
		return nil
	}
	return err
}

// halt calls stop, which makes the pending yield return false and comes back at the end of the body.
func (r *run[In, Out, Ret]) halt() {
	defer func() {
		if v := recover(); v != nil && v != any(errUnwound) {
			panic(v)
		}
	}()
	r.stop()
}

func (r *run[In, Out, Ret]) result() (Ret, error) {
	if !r.over.Load() {
		var zero Ret
		return zero, ErrNotFinished
	}
	return r.ret, r.failure
}

// onlyClosed reports whether err says no more than that the coroutine was closed:
// it is nil or ErrClosed, or wraps that one by one; a joined error counts if each member does.
func onlyClosed(err error) bool {
	for err != nil {
		if err == ErrClosed { //nolint:errorlint // the chain is walked here, for errors.Is would also follow joined failures
			return true
		}
		switch x := err.(type) { //nolint:errorlint // as above
		case interface{ Unwrap() error }:
			err = x.Unwrap()
			if err == nil {
				return false
			}
		case interface{ Unwrap() []error }:
			for _, m := range x.Unwrap() {
				if !onlyClosed(m) {
					return false
				}
			}
			return len(x.Unwrap()) > 0
		default:
			return false
		}
	}
	return true
}
