package braid

import (
	"context"

	"github.com/braid-go/braid/internal/record"
	"github.com/braid-go/braid/internal/sched"
)

// waiter is one parked call, queued in a primitive.
//
// The primitive's lock guards everything but Granted of the parker, and decides who wins:
// a waiter is granted by whoever takes it out of the queue, or it takes itself out because its ctx ended.
// After wait has returned an error the caller looks at it once more, under the lock,
// and passes on what it was given.
type waiter struct {
	parker     sched.Parker
	prev, next *waiter
	n          int64   // what is asked for, in the primitive's own unit
	home       *Handle // the task that lent this waiter; nil for one that was allocated
}

// newWaiter returns a waiter for a call under ctx.
// A task has one of its own, since it can wait in one place only;
// calls that share a task's ctx between goroutines, or have no task, allocate.
// The caller gives it back with release.
func newWaiter(ctx context.Context) *waiter {
	n, _ := resolve(ctx)
	if n == nil {
		w := &waiter{}
		w.parker.Bind(sched.From(ctx))
		return w
	}
	t := n.task
	if t == nil || !t.busy.CompareAndSwap(false, true) {
		w := &waiter{}
		w.parker.Bind(n.link.sched)
		return w
	}
	w := t.waiter.Load()
	if w == nil {
		w = &waiter{home: t}
		w.parker.Bind(n.link.sched)
		t.waiter.Store(w)
	}
	w.parker.Granted.Store(false)
	return w
}

func (w *waiter) release() {
	if t := w.home; t != nil {
		t.busy.Store(false)
	}
}

// grant wakes w with what it asked for. The primitive's lock is held, and w is out of its queue.
func (w *waiter) grant() {
	w.parker.Granted.Store(true)
	sched.Unpark(&w.parker)
}

// unpark wakes w after a grant that was made by setting granted, outside the primitive's lock. w may be nil.
// w may have gone on by itself and serve another wait already; then it wakes for no reason, and looks again.
func (w *waiter) unpark() {
	if w != nil {
		sched.Unpark(&w.parker)
	}
}

// wait parks until w is granted or ctx ends, and returns the cause if ctx has ended, granted or not.
// why is shown to tools meanwhile.
func (w *waiter) wait(ctx context.Context, why *sched.Wait) error {
	n, exact := resolve(ctx)
	if n != nil && (exact || follows(ctx, n)) { // no call in between: each is stack of a waiting task
		w.announce(why, 0)
		err := w.waitNode(n)
		w.withdraw(why)
		return err
	}
	w.announce(why, record.Foreign)
	err := w.waitForeign(ctx)
	w.withdraw(why)
	return err
}

// announce says what the wait that is about to begin is for. As a rule it is the same as the last time, and stays written there.
func (w *waiter) announce(why *sched.Wait, foreign int64) {
	if record.On {
		const count = 1<<record.StampShift - 1 - record.Foreign // the number of the wait, twice
		w.parker.Stamp.Store(record.Tick.Load() | (w.parker.Stamp.Load()+2)&count | foreign)
	}
	if w.parker.Why.Load() != why {
		w.parker.Why.Store(why)
	}
}

func (w *waiter) waitForeign(ctx context.Context) error {
	foreign := ctx
	if ctx.Done() == nil {
		foreign = nil
	}
	for !w.parker.Granted.Load() && ctx.Err() == nil {
		sched.Park(&w.parker, foreign)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

func (w *waiter) waitNode(n *node) error {
	n.link.listen()
	var c *call
	if !n.parked.CompareAndSwap(nil, &w.parker) {
		c = &call{f: func() { sched.Unpark(&w.parker) }}
		n.addCall(c)
	}
	rec := n.cancelled()
	for !w.parker.Granted.Load() && rec == nil {
		sched.Park(&w.parker, nil)
		rec = n.rec.Load()
	}
	if c == nil {
		n.parked.Store(nil)
	} else {
		n.removeCall(c)
	}
	if rec = n.cancelled(); rec != nil {
		return rec.cause
	}
	return nil
}

// withdraw is called when the wait is over.
func (w *waiter) withdraw(why *sched.Wait) {
	if !why.Light() {
		w.parker.Why.Store(nil)
	}
}

// waitGranted parks until w is granted, whatever happens to ctx.
func (w *waiter) waitGranted(why *sched.Wait) {
	w.announce(why, 0)
	for !w.parker.Granted.Load() {
		sched.Park(&w.parker, nil)
	}
	w.withdraw(why)
}

// waitList is a FIFO of waiters. The zero value is empty. Its owner's lock guards it.
type waitList struct {
	head, tail *waiter
	len        int
}

func (l *waitList) push(w *waiter) {
	w.prev, w.next = l.tail, nil
	if l.tail == nil {
		l.head = w
	} else {
		l.tail.next = w
	}
	l.tail = w
	l.len++
}

// remove takes w out of the list. It must be there.
func (l *waitList) remove(w *waiter) {
	if w.prev == nil {
		l.head = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.tail = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next = nil, nil
	l.len--
}

// pop takes out the first waiter; nil if there is none.
func (l *waitList) pop() *waiter {
	w := l.head
	if w != nil {
		l.remove(w)
	}
	return w
}

// grantAll grants everybody who is in the list.
func (l *waitList) grantAll() {
	for w := l.pop(); w != nil; w = l.pop() {
		w.grant()
	}
}
