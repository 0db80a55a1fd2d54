package loop

import "sync/atomic"

// entry is a place in the ready queue: a task to resume or a callback to call.
type entry struct {
	next *entry
	task *task     // or
	call *Callback // nil in the queue's own entry
}

// queue is the ready queue. Anybody may push; the loop alone takes.
//
// It is a stack that is taken whole and turned over. One push is one compare-and-swap, from any thread,
// and to take all that is ready at the start of a turn is one exchange: the turn of asyncio for free.
// The asleep entry at its bottom says that the loop waits and must be woken.
type queue struct {
	head   atomic.Pointer[entry]
	asleep entry
}

// push appends e and reports whether the loop must be woken.
func (q *queue) push(e *entry) (wake bool) {
	for {
		head := q.head.Load()
		wake = head == &q.asleep
		e.next = head
		if wake {
			e.next = nil
		}
		if q.head.CompareAndSwap(head, e) {
			return wake
		}
	}
}

// take empties the queue and returns what was in it, first in, first out, linked by next.
func (q *queue) take() *entry {
	if q.head.Load() == nil {
		return nil
	}
	e := q.head.Swap(nil)
	var list *entry
	for e != nil {
		e.next, list, e = list, e, e.next
	}
	return list
}

// empty reports whether nothing is ready.
func (q *queue) empty() bool { return q.head.Load() == nil }

// sleep says that the loop is about to wait. It returns false if something is ready.
func (q *queue) sleep() bool { return q.head.CompareAndSwap(nil, &q.asleep) }

// awake says that the loop goes on.
func (q *queue) awake() { q.head.CompareAndSwap(&q.asleep, nil) }

// poke ends the loop's sleep without making anything ready, and reports whether it must be woken.
func (q *queue) poke() (wake bool) { return q.head.CompareAndSwap(&q.asleep, nil) }
