package braid

import (
	"context"
	"sync"

	"github.com/braid-go/braid/internal/record"
)

// Promise is the writing end of a value that comes later; [Promise.Future] is the reading end.
// The zero value is an open promise. A Promise must not be copied after first use.
//
// Nothing watches over a promise: one that nobody resolves keeps its waiters until their ctx ends.
type Promise[T any] struct {
	future Future[T]
}

// Resolve sets the value and reports whether it was the first to settle the promise. Later calls do nothing.
func (p *Promise[T]) Resolve(v T) bool { return p.future.settle(v, nil) }

// Reject settles the promise with an error and reports whether it was the first to settle it.
// Reject panics if err is nil.
func (p *Promise[T]) Reject(err error) bool {
	if err == nil {
		panic("braid: Promise.Reject(nil): a rejection needs an error; use Resolve for success")
	}
	f := &p.future
	f.point("promise.Settle")
	f.mu.Lock()
	defer f.mu.Unlock()
	var zero T
	if !f.settleLocked(zero, err) {
		return false
	}
	f.watch(record.Loss{Task: f.Name()})
	return true
}

// Future returns the reading end. It may be shared and waited on by any number of tasks.
func (p *Promise[T]) Future() *Future[T] { return &p.future }

// SetName names the promise and its future for tools and error texts. Call it before the promise is shared.
func (p *Promise[T]) SetName(name string) { p.future.SetName(name) }

// Statistics returns a snapshot of the future.
func (p *Promise[T]) Statistics() FutureStatistics { return p.future.Statistics() }

// Future is a value that comes later, from a [Promise] or from [Submit].
type Future[T any] struct {
	resource
	mu      sync.Mutex
	waiters waitList
	done    chan struct{}
	settled bool
	value   T
	failure *failure // nil if there is none

	task *Handle // that brings the value; nil for the future of a promise
}

func (f *Future[T]) settle(v T, err error) bool {
	f.point("promise.Settle")
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.settleLocked(v, err)
}

// bring is settle by a task of g.
func (f *Future[T]) bring(g *Group, v T, err error) {
	f.point("promise.Settle")
	if g.limit > 0 {
		g.node.mu.Lock()
		defer g.node.mu.Unlock()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for w := f.waiters.head; w != nil; w = w.next {
		g.comeBack(w)
	}
	te, failed := f.task.ownFailure(err) // a panic has been told already, and of Goexit its caller knows
	if f.settleLocked(v, err) && failed && te.Err != ErrGoexit {
		f.watch(record.Loss{Task: te.Task, Entry: f.task.entry})
	}
}

func (f *Future[T]) settleLocked(v T, err error) bool {
	if f.settled {
		return false
	}
	f.value, f.settled = v, true
	if err != nil {
		f.failure = &failure{err: err}
		if record.On {
			f.failure.place = &place{}
		}
	}
	if f.done != nil {
		close(f.done)
	}
	f.waiters.grantAll()
	return true
}

// Wait waits for the value or the error that settles the future.
//
// If a task of the caller's own limited group brings it, the caller lends its slot for the time of the wait,
// as in [Handle.Wait]. Waiting in the very task that brings it returns [ErrSelfDeadlock].
//
// # Cancellation
//
// If ctx ends first, or is done already, Wait returns its cause. This ends the wait only: the future is as before.
func (f *Future[T]) Wait(ctx context.Context) (T, error) {
	var zero T
	if err := f.enter(ctx, "future.Wait"); err != nil {
		return zero, err
	}
	f.mu.Lock()
	if f.settled {
		f.mu.Unlock()
		return f.read()
	}
	me := Current(ctx)
	if f.task != nil && me == f.task {
		f.mu.Unlock()
		return zero, ErrSelfDeadlock
	}
	f.mu.Unlock()
	if f.task != nil {
		g := f.task.group
		lender := g.lend(me)
		defer g.restore(ctx, lender)
	}
	w := newWaiter(ctx)
	defer w.release()
	f.mu.Lock()
	if f.settled {
		f.mu.Unlock()
		return f.read()
	}
	f.waiters.push(w)
	f.mu.Unlock()
	if err := w.wait(ctx, f.why(f, "future.Wait")); err != nil {
		f.mu.Lock()
		if !w.parker.Granted.Load() {
			f.waiters.remove(w)
		}
		f.mu.Unlock()
		return zero, err
	}
	return f.read()
}

func (f *Future[T]) kind() string { return "future" }
func (f *Future[T]) look() look   { return lookAt(f, (*Future[T]).observe) }

func (f *Future[T]) observe(o *observed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o.task, o.Closed, o.Unknown = f.task, f.settled, f.task == nil
	o.queue(&f.waiters, "future.Wait")
}

// Done returns a channel that is closed when the future is settled.
func (f *Future[T]) Done() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done == nil {
		f.done = make(chan struct{})
		if f.settled {
			close(f.done)
		}
	}
	return f.done
}

// Result returns what Wait would, without waiting; the error is [ErrNotFinished] while the future is open.
func (f *Future[T]) Result() (T, error) {
	f.point("future.Result")
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.settled {
		var zero T
		return zero, ErrNotFinished
	}
	return f.read()
}

// Cancel cancels the task that brings the value, if there is one. It does not wait, and does not settle the future itself.
func (f *Future[T]) Cancel(cause error) {
	if f.task != nil {
		f.task.Cancel(cause)
	}
}

// FutureStatistics is a snapshot of a future.
type FutureStatistics struct {
	Settled bool
	Waiting int // calls parked in Wait
}

// Statistics returns a snapshot.
func (f *Future[T]) Statistics() FutureStatistics {
	f.mu.Lock()
	defer f.mu.Unlock()
	return FutureStatistics{Settled: f.settled, Waiting: f.waiters.len}
}
