package braid

import (
	"context"
	"sync"
)

// OnceValue computes a value once, by the first task that asks for it, while others wait under a ctx of their own.
// Make one with [NewOnceValue].
type OnceValue[T any] struct {
	resource
	fn func(context.Context) (T, error)

	mu      sync.Mutex
	waiters waitList
	running bool    // fn runs, or a waiter has the turn to run it
	runner  *Handle // the task that runs fn, if it is one
	done    bool
	value   T
	err     error
	panic   *PanicError
}

// NewOnceValue returns a OnceValue that calls fn. It panics if fn is nil.
func NewOnceValue[T any](fn func(context.Context) (T, error)) *OnceValue[T] {
	if fn == nil {
		panic("braid: NewOnceValue needs a function; the one given is nil")
	}
	return &OnceValue[T]{fn: fn}
}

// Get returns the result of fn, calling it in the calling task if nobody has yet. As with sync.OnceValues, an error is kept like a value;
// and if fn panics, this and every later Get panics with a [*PanicError].
//
// A call that ended only because its caller was cancelled leaves no result:
// the next in line calls fn again, so one caller's deadline is never another's answer.
// A Get inside fn returns [ErrSelfDeadlock].
//
// # Cancellation
//
// If ctx is done already, Get returns its cause, even if there is a result. If ctx ends while another task runs fn,
// Get returns the cause and that task goes on. If ctx ends while this task runs fn, so does fn's.
func (o *OnceValue[T]) Get(ctx context.Context) (T, error) {
	var zero T
	if err := o.enter(ctx, "once.Get"); err != nil {
		return zero, err
	}
	o.mu.Lock()
	if o.running {
		if o.runner != nil && o.runner == Current(ctx) {
			o.mu.Unlock()
			return zero, ErrSelfDeadlock
		}
		w := newWaiter(ctx)
		o.waiters.push(w)
		o.mu.Unlock()
		err := w.wait(ctx, o.why(o, "once.Get"))
		o.mu.Lock()
		if err != nil {
			if !w.parker.Granted.Load() {
				o.waiters.remove(w)
			} else if !o.done {
				o.next() // it was this call's turn
			}
			o.mu.Unlock()
			w.release()
			return zero, err
		}
		w.release()
	}
	if o.done {
		v, err, pe := o.value, o.err, o.panic
		o.mu.Unlock()
		if pe != nil {
			panic(pe.raise())
		}
		return v, err
	}
	o.running, o.runner = true, Current(ctx)
	o.mu.Unlock()
	return o.call(ctx)
}

// call runs fn and settles what is kept.
func (o *OnceValue[T]) call(ctx context.Context) (v T, err error) {
	returned, kept := false, false // neither after a Goexit
	defer func() {
		var pe *PanicError
		if !returned {
			if r := recover(); r != nil {
				pe, kept = asPanic(ctx, r), true
			}
		}
		o.mu.Lock()
		o.runner = nil
		if kept {
			o.running = false
			o.done, o.value, o.err, o.panic = true, v, err, pe
			o.waiters.grantAll()
		} else {
			o.next()
		}
		o.mu.Unlock()
		if pe != nil {
			panic(pe.raise())
		}
	}()
	v, err = o.fn(ctx)
	kept = err == nil || !ownCancellation(ctx, err)
	returned = true // not before: methods of the error have been called, which are the user's too
	return v, err
}

// next hands the turn to the first waiter. running stays set meanwhile, so nobody gets in between. mu is held.
func (o *OnceValue[T]) next() {
	if w := o.waiters.pop(); w != nil {
		w.grant()
		return
	}
	o.running = false
}

func (o *OnceValue[T]) kind() string { return "once" }
func (o *OnceValue[T]) look() look   { return lookAt(o, (*OnceValue[T]).observe) }

func (o *OnceValue[T]) observe(seen *observed) {
	o.mu.Lock()
	defer o.mu.Unlock()
	seen.Capacity, seen.Closed = 1, o.done
	if o.running {
		seen.InUse = 1
		seen.holder(o.runner, 1, "")
	}
	seen.queue(&o.waiters, "once.Get")
}

// OnceValueStatistics is a snapshot of a [OnceValue].
type OnceValueStatistics struct {
	Done    bool
	Running bool
	Waiting int
}

// Statistics returns a snapshot.
func (o *OnceValue[T]) Statistics() OnceValueStatistics {
	o.mu.Lock()
	defer o.mu.Unlock()
	return OnceValueStatistics{Done: o.done, Running: o.running, Waiting: o.waiters.len}
}
