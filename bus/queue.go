package bus

import (
	"container/list"
	"context"

	"github.com/braid-go/braid"
)

// entry is an event for one subscription.
type entry struct {
	event any
	key   any       // of CoalesceBy; nil without
	d     *dispatch // nil for an event of which there is no more to say
	index int       // of the subscription in d.await
}

// dispatch is what all entries of a published event share.
type dispatch struct {
	meta   *meta
	from   *current // the handler that has published it and waits
	await  *await
	settle func(error) bool // for an event that came through an engine
}

// settle says what has become of the event, and reports whether its publisher is told.
func (e *entry) settle(err error) (heard bool) {
	switch {
	case e.d == nil:
		return false
	case e.d.settle != nil:
		return e.d.settle(err)
	default:
		return e.d.await.settle(e.index, err)
	}
}

// ring is a FIFO of entries that grows up to what is put in.
type ring struct {
	buf  []entry // its length is a power of two
	head uint64  // the number of the first one; numbers go up and are never used again
	len  int
}

func (r *ring) at(n uint64) *entry { return &r.buf[n&uint64(len(r.buf)-1)] }

// push returns the number of e.
func (r *ring) push(e entry) uint64 {
	if r.len == len(r.buf) {
		grown := ring{buf: make([]entry, max(8, 2*len(r.buf))), head: r.head, len: r.len}
		for i := range uint64(r.len) {
			*grown.at(r.head + i) = *r.at(r.head + i)
		}
		*r = grown
	}
	n := r.head + uint64(r.len)
	*r.at(n) = e
	r.len++
	return n
}

func (r *ring) pop() entry {
	p := r.at(r.head)
	e := *p
	*p = entry{}
	r.head++
	r.len--
	return e
}

// queue is the events that wait for a subscription's handler, and the publishers that wait for room.
// The subscription's mu guards it. No user code runs under it, and nobody parks.
type queue struct {
	capacity int
	ring     ring
	byKey    map[any]uint64 // numbers in ring; nil without CoalesceBy
	blocked  list.List      // of *blocked; first come, first served
}

// blocked is a publisher that waits for room.
type blocked struct {
	e    entry
	done braid.Event

	// Guarded by the subscription's mu.

	place *list.Element // in the list; nil if it is not in there any more
	err   error         // why the event was not accepted
}

func (q *queue) full() bool { return q.ring.len >= q.capacity || q.blocked.Len() > 0 }

func (q *queue) push(e entry) {
	n := q.ring.push(e)
	if e.key != nil {
		if q.byKey == nil {
			q.byKey = make(map[any]uint64)
		}
		q.byKey[e.key] = n
	}
}

func (q *queue) pop() entry {
	e := q.ring.pop()
	if e.key != nil {
		delete(q.byKey, e.key)
	}
	return e
}

// replace puts e in the place of the entry with the same key, which it returns.
func (q *queue) replace(e entry) (old entry, ok bool) {
	if e.key == nil {
		return old, false
	}
	n, ok := q.byKey[e.key]
	if !ok {
		return old, false
	}
	p := q.ring.at(n)
	old, *p = *p, e
	return old, true
}

// admit gives room to publishers that wait for it: at once if the handler is slow, else when half of the queue is free, because to wake
// one for each event would cost more than all else. The caller wakes those whom it returns. Entries that took the place of others are in replaced.
func (q *queue) admit(slow bool) (admitted []*blocked, replaced []entry) {
	if q.blocked.Len() == 0 || !slow && q.ring.len > q.capacity/2 {
		return nil, nil
	}
	for q.blocked.Len() > 0 && q.ring.len < q.capacity {
		w := q.next()
		admitted = append(admitted, w)
		if old, ok := q.replace(w.e); ok {
			replaced = append(replaced, old)
			continue
		}
		q.push(w.e)
	}
	return admitted, replaced
}

// block puts w at the end of the publishers that wait.
func (q *queue) block(w *blocked) { w.place = q.blocked.PushBack(w) }

// next takes the publisher out that has waited longest.
func (q *queue) next() *blocked {
	w := q.blocked.Remove(q.blocked.Front()).(*blocked) //nolint:forcetypeassert // it holds nothing else
	w.place = nil
	return w
}

// refuse takes all publishers that wait out, with err. The caller wakes them.
func (q *queue) refuse(err error) []*blocked {
	refused := make([]*blocked, 0, q.blocked.Len())
	for q.blocked.Len() > 0 {
		w := q.next()
		w.err = err
		refused = append(refused, w)
	}
	return refused
}

// clear takes all events out.
func (q *queue) clear() []entry {
	var left []entry
	for q.ring.len > 0 {
		left = append(left, q.pop())
	}
	return left
}

// withdraw takes w out and reports whether it was still in.
func (q *queue) withdraw(w *blocked) bool {
	if w.place == nil {
		return false
	}
	q.blocked.Remove(w.place)
	w.place = nil
	return true
}

func wake(list []*blocked) {
	for _, w := range list {
		w.done.Set()
	}
}

// wait waits for room. If ctx ends first, it withdraws the event and returns the cause;
// else the error says why s has refused the event, whose publisher has been told.
func (w *blocked) wait(ctx context.Context, s *Subscription) (withdrawn bool, err error) {
	err = w.done.Wait(ctx)
	if err != nil && s.withdraw(w) {
		return true, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return false, w.err
}

// withdraw takes w back, as if its event had never come, and reports whether it still waited.
func (s *Subscription) withdraw(w *blocked) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.queue.withdraw(w) {
		return false
	}
	s.stats.Received--
	return true
}
