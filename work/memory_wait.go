package work

import (
	"context"
	"time"

	"github.com/braid-go/braid"
)

// Who waits in a Memory, and who is woken.
//
// Enqueues are given a place each, first come, first served; nobody overtakes them.
// Receives are only woken, to look for themselves. One at a time is on its way ("waking"): it takes a job and wakes the next if there
// are more, so that a burst of jobs does not wake all workers at once, and whenever a job is ready and a Receive is parked, one is awake.
// One parked Receive has a timer for the next moment at which something is due ("timed"); the others need none.

// waiter is one parked call. The Memory's mu guards all but the bell.
type waiter struct {
	bell       braid.Event
	granted    bool // has been given a place
	prev, next *waiter
	in         *line
	rung       *waiter // the next in the list of those to be woken
}

// names are what tools show of who waits.
type names struct{ enqueue, receive, drain string }

func newWaiter(name string) *waiter {
	w := &waiter{}
	w.bell.SetName(name)
	return w
}

// wait waits for the bell, as long as patience if that is not negative. The end of the patience is no error.
func (w *waiter) wait(ctx context.Context, patience time.Duration) error {
	if patience < 0 {
		return w.bell.Wait(ctx)
	}
	_ = braid.Timeout(ctx, patience, w.bell.Wait)
	return causeOf(ctx)
}

// line is a FIFO of waiters. The zero value is empty.
type line struct {
	head, tail *waiter
	len        int
}

func (l *line) push(w *waiter) {
	w.prev, w.next, w.in = l.tail, nil, l
	if l.tail == nil {
		l.head = w
	} else {
		l.tail.next = w
	}
	l.tail = w
	l.len++
}

// remove takes w out, if it is in.
func (l *line) remove(w *waiter) {
	if w.in != l {
		return
	}
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
	w.prev, w.next, w.in = nil, nil, nil
	l.len--
}

func (l *line) pop() *waiter {
	w := l.head
	if w != nil {
		l.remove(w)
	}
	return w
}

// ring wakes w, which is in no line any more, when mu is released. mu is held.
func (m *Memory[T]) ring(w *waiter) {
	w.rung, m.rung = m.rung, w
	if m.timed == w {
		m.timed = nil
	}
}

func (m *Memory[T]) ringAll(l *line) {
	for w := l.pop(); w != nil; w = l.pop() {
		m.ring(w)
	}
}

// nextDue returns the next moment at which something happens by itself. mu is held.
func (m *Memory[T]) nextDue() (at time.Time, ok bool) {
	sooner := func(t time.Time) {
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	if r := m.delayed.first(); r != nil {
		sooner(r.due)
	}
	if r := m.leased.first(); r != nil {
		sooner(r.due)
	}
	if m.stage == draining && !m.over {
		sooner(m.by)
	}
	return at, ok
}

// wakeReceiver wakes a Receive if there is something to take, or a time to keep, and nobody is at it. mu is held.
func (m *Memory[T]) wakeReceiver() {
	if m.receiving.head == nil || m.waking != nil {
		return
	}
	if m.nready == 0 {
		at, ok := m.nextDue()
		if !ok || m.timed != nil && !at.Before(m.timer) {
			return
		}
	}
	m.waking = m.receiving.pop()
	m.ring(m.waking)
}

// await parks a Receive that has found nothing, until it should look again. mu is held, and released.
func (m *Memory[T]) await(ctx context.Context, now time.Time) error {
	w := newWaiter(m.names.receive)
	m.receiving.push(w)
	patience := time.Duration(-1)
	if at, ok := m.nextDue(); ok && (m.timed == nil || at.Before(m.timer)) {
		m.timed, m.timer = w, at
		patience = max(at.Sub(now), 0)
	}
	m.unlock()
	err := w.wait(ctx, patience)
	m.mu.Lock()
	m.receiving.remove(w)
	if m.waking == w {
		m.waking = nil
	}
	if m.timed == w {
		m.timed = nil
	}
	if err != nil {
		m.unlock() // and let another one look
		return err
	}
	m.mu.Unlock() // to look itself
	return nil
}
