package braid

import (
	"context"
	"fmt"
	"iter"
	"math"
	"sync"

	"github.com/braid-go/braid/internal/record"
)

// Unbounded is a capacity that is never reached. A queue of it grows with whatever is put in;
// it has no backpressure, so something else must bound what is in flight.
const Unbounded = math.MaxInt

// ShutdownMode says what [Queue.Shutdown] does with the items that are inside.
type ShutdownMode int

const (
	// Drain lets the items inside be got; after the last one, Get returns [ErrShutdown].
	Drain ShutdownMode = iota
	// Now takes the items out and returns them; Get returns [ErrShutdown] from now on.
	Now
)

// Queue passes items from producers to consumers, holding up to its capacity.
//
// [NewQueue] makes one that gives items out first in, first out; [NewLIFO] last in, first out;
// [NewPriorityQueue] smallest first. In all of them, those who wait are served first come, first served:
// a Get that waits has an item assigned to it as soon as there is one, and nobody overtakes it.
//
// Like asyncio's, a queue counts unfinished items: Put adds one, [Queue.TaskDone] takes one away, [Queue.Join] waits for none.
//
// The zero Queue is of no use, since a queue needs a capacity: its methods panic.
type Queue[T any] struct {
	resource
	capacity int

	mu         lock // guards all below
	items      store[T]
	getters    pending[T] // parked Gets; if there are any, items is empty
	putters    pending[T] // parked Puts with their items; if there are any, the queue is full
	joiners    waitList
	unfinished int
	accepted   int64 // items so far; the rank of the last one
	producers  int
	down       bool
	downNow    bool
	users      *queueUsers // nil unless it is noted who uses the queue

	spare sync.Pool // of *pend[T]; not guarded
}

// NewQueue returns a queue that gives out items first in, first out.
// With a capacity of 0, Put waits until a Get takes the item. For a queue without bound, say [Unbounded].
// It panics if the capacity is negative.
func NewQueue[T any](capacity int) *Queue[T] { return newQueue[T](capacity, &ring[T]{}) }

// NewLIFO returns a queue that gives out the item that was put last.
func NewLIFO[T any](capacity int) *Queue[T] { return newQueue[T](capacity, &stack[T]{}) }

// NewPriorityQueue returns a queue that gives out the item that is less than all others;
// among equals, the one that was put first.
func NewPriorityQueue[T any](capacity int, less func(a, b T) bool) *Queue[T] {
	if less == nil {
		panic("braid: NewPriorityQueue needs a function that compares items; the one given is nil")
	}
	items := &priority[T]{less: less}
	q := newQueue[T](capacity, items)
	items.mu = &q.mu
	return q
}

func newQueue[T any](capacity int, items store[T]) *Queue[T] {
	if capacity < 0 {
		panic(fmt.Sprintf("braid: queue with a capacity of %d: use 0 to hand items over directly, or Unbounded", capacity))
	}
	return &Queue[T]{capacity: capacity, items: items}
}

// Put puts v in, waiting until there is room and nobody is ahead. After [Queue.Shutdown] it returns [ErrShutdown].
//
// # Cancellation
//
// If ctx ends first, or is done already, Put returns its cause and v is not in the queue.
// If v was accepted in the same moment, it stays, and Put returns nil.
func (q *Queue[T]) Put(ctx context.Context, v T) error {
	if err := q.enter(ctx, "queue.Put"); err != nil {
		return err
	}
	q.mu.Lock()
	if q.down {
		q.mu.Unlock()
		return ErrShutdown
	}
	if q.noted() {
		q.use().put.add(ctx)
	}
	if wake, ok := q.accept(v); ok {
		q.mu.Unlock()
		wake.unpark()
		return nil
	}
	p := q.park(ctx, &q.putters, v)
	err := p.w.wait(ctx, q.why(q, "queue.Put"))
	served := q.unpark(&q.putters, p, err)
	q.free(p)
	switch {
	case served:
		return nil
	case err == nil:
		return ErrShutdown
	default:
		return err
	}
}

// park makes the caller wait in l. mu is held, and released.
func (q *Queue[T]) park(ctx context.Context, l *pending[T], v T) *pend[T] {
	p, _ := q.spare.Get().(*pend[T])
	if p == nil {
		p = &pend[T]{}
	}
	p.w, p.item = newWaiter(ctx), v
	l.push(p)
	q.mu.Unlock()
	return p
}

// unpark ends the wait of p, which returned err, and reports whether its item has changed hands.
func (q *Queue[T]) unpark(l *pending[T], p *pend[T], err error) bool {
	if err == nil { // somebody took p out of l and granted it, which orders what was written to it
		return p.served
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !p.w.parker.Granted.Load() {
		l.remove(p)
	}
	return p.served
}

// free ends the use of p, which is in no list any more.
func (q *Queue[T]) free(p *pend[T]) {
	p.w.release()
	*p = pend[T]{}
	q.spare.Put(p)
}

// TryPut puts v in if there is room and nobody is ahead, and reports whether it did. It never blocks.
func (q *Queue[T]) TryPut(v T) bool {
	q.point("queue.TryPut")
	q.mu.Lock()
	if q.down {
		q.mu.Unlock()
		return false
	}
	if q.noted() {
		q.use().put.unknown = true
	}
	wake, ok := q.accept(v)
	q.mu.Unlock()
	wake.unpark()
	return ok
}

// accept takes v if there is room, or a Get that waits, which the caller must wake when it has released mu.
// mu is held; waking costs more than all else that is done under it.
func (q *Queue[T]) accept(v T) (wake *waiter, ok bool) {
	if q.getters.head == nil {
		if q.items.len() >= q.capacity || q.putters.head != nil {
			return nil, false
		}
		q.items.push(v, q.accepted+1)
		q.number()
	} else {
		wake = q.give(v, q.number())
	}
	return wake, true
}

// number counts an item that has been accepted and returns its rank. mu is held.
func (q *Queue[T]) number() int64 {
	q.unfinished++
	q.accepted++
	return q.accepted
}

// give assigns v to the first Get that waits. mu is held.
func (q *Queue[T]) give(v T, rank int64) (wake *waiter) {
	g := q.getters.pop()
	g.item, g.rank, g.served = v, rank, true
	wake = g.w
	wake.parker.Granted.Store(true) // now g may be gone
	return wake
}

// Get takes the next item out, waiting until there is one and nobody is ahead.
// After [Queue.Shutdown] it returns [ErrShutdown] when nothing is left.
//
// # Cancellation
//
// If ctx ends first, or is done already, Get returns its cause and has taken nothing:
// an item that was assigned to it in the same moment goes to the next Get, or back to its place at the front of the queue.
// If that moment was also Shutdown(Now), which leaves nobody to take the item, Get returns it.
func (q *Queue[T]) Get(ctx context.Context) (T, error) {
	var zero T
	if err := q.enter(ctx, "queue.Get"); err != nil {
		return zero, err
	}
	q.mu.Lock()
	if q.noted() {
		q.use().get.add(ctx)
	}
	if v, wake, ok := q.take(); ok {
		q.mu.Unlock()
		wake.unpark()
		return v, nil
	}
	if q.down {
		q.mu.Unlock()
		return zero, ErrShutdown
	}
	g := q.park(ctx, &q.getters, zero)
	err := g.w.wait(ctx, q.why(q, "queue.Get"))
	served := q.unpark(&q.getters, g, err)
	v, rank := g.item, g.rank
	q.free(g)
	switch {
	case served && (err == nil || !q.putBack(v, rank)):
		return v, nil
	case err == nil:
		return zero, ErrShutdown
	default:
		return zero, err
	}
}

// TryGet takes the next item out if there is one, and reports whether there was. It never blocks.
func (q *Queue[T]) TryGet() (T, bool) {
	q.point("queue.TryGet")
	q.mu.Lock()
	if q.noted() {
		q.use().get.unknown = true
	}
	v, wake, ok := q.take()
	q.mu.Unlock()
	wake.unpark()
	return v, ok
}

// take takes the next item and lets a waiting Put fill the room; the caller must wake it when it has released mu.
// mu is held.
func (q *Queue[T]) take() (v T, wake *waiter, ok bool) {
	if q.items.len() > 0 {
		v, _ = q.items.pop()
		if next := q.putters.head; next != nil && q.items.len() < q.capacity {
			q.items.push(next.item, q.accepted+1)
			q.number()
			_, wake = q.admit()
		}
		return v, wake, true
	}
	if q.putters.head != nil { // capacity 0
		v, wake = q.admit()
		q.number()
		return v, wake, true
	}
	return v, nil, false
}

// admit accepts the first Put that waits and returns its item. mu is held.
func (q *Queue[T]) admit() (v T, wake *waiter) {
	p := q.putters.pop()
	p.served = true
	v, wake = p.item, p.w
	wake.parker.Granted.Store(true) // now p may be gone
	return v, wake
}

// putBack returns an item that was given out and not taken. It reports false if nobody could get it any more.
func (q *Queue[T]) putBack(v T, rank int64) bool {
	q.mu.Lock()
	down := q.downNow
	switch {
	case down:
	case q.getters.head != nil:
		q.give(v, rank).unpark()
	default:
		q.items.unpop(v, rank) // the queue may hold one more than its capacity until the next Get
	}
	q.mu.Unlock()
	return !down
}

// Len returns the number of items inside.
func (q *Queue[T]) Len() int {
	q.point("queue.Len")
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.items.len()
}

// Cap returns the capacity.
func (q *Queue[T]) Cap() int { return q.capacity }

// TaskDone says that an item that was got has been worked off.
// It panics if it is called more often than items were put in.
func (q *Queue[T]) TaskDone() {
	q.point("queue.TaskDone")
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.unfinished == 0 {
		panic("braid: Queue.TaskDone called more often than there were items: call it once for each item that Get returned")
	}
	q.finish(1)
}

func (q *Queue[T]) finish(n int) {
	if q.unfinished -= n; q.unfinished == 0 {
		q.joiners.grantAll()
	}
}

// Join waits until no item is unfinished: each that was put in has been got and reported by [Queue.TaskDone].
// It returns at once if there is none. Shutdown does not end it: items inside or in hand are still waited for.
//
// # Cancellation
//
// If ctx ends first, or is done already, Join returns its cause. Nothing is left behind.
func (q *Queue[T]) Join(ctx context.Context) error {
	if err := q.enter(ctx, "queue.Join"); err != nil {
		return err
	}
	q.mu.Lock()
	if q.unfinished == 0 {
		q.mu.Unlock()
		return nil
	}
	w := newWaiter(ctx)
	q.joiners.push(w)
	q.mu.Unlock()
	err := w.wait(ctx, q.why(q, "queue.Join"))
	if err != nil {
		q.mu.Lock()
		if !w.parker.Granted.Load() {
			q.joiners.remove(w)
		}
		q.mu.Unlock()
	}
	w.release()
	return err
}

// Shutdown closes the queue to new items: parked and later Puts get [ErrShutdown], and their items stay with their callers.
//
// With [Drain], what is inside can still be got; Join waits for it. Then Get returns ErrShutdown.
// With [Now], what is inside is taken out and returned, in the order in which Get would have given it, so that nothing vanishes;
// Join waits only for items in hand, and parked and later Gets return ErrShutdown.
//
// Shutdown may be called again, to go on from Drain to Now. It never blocks, and panics on another mode.
func (q *Queue[T]) Shutdown(mode ShutdownMode) []T {
	if mode != Drain && mode != Now {
		panic(fmt.Sprintf("braid: Queue.Shutdown(%d): use Drain or Now", int(mode)))
	}
	q.point("queue.Shutdown")
	q.mu.Lock()
	q.down = true
	q.putters.dismiss()
	q.getters.dismiss() // nothing is inside if there are any
	var left []T
	if mode == Now {
		q.downNow = true
		for q.items.len() > 0 {
			v, _ := q.items.pop()
			left = append(left, v)
		}
		q.finish(len(left))
	}
	q.mu.Unlock()
	return left
}

// All returns an iterator over the items, for a loop that ends when the queue has been shut down and is empty.
// All does not call [Queue.TaskDone]: if anybody uses Join, the body of the loop must.
//
// # Cancellation
//
// If ctx ends, the loop is given its cause once, and ends. It has taken no item that it was not given.
func (q *Queue[T]) All(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			v, err := q.Get(ctx)
			if err == ErrShutdown {
				return
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// use returns where it is noted who uses the queue. mu is held.
func (q *Queue[T]) use() *queueUsers {
	if q.users == nil {
		q.users = &queueUsers{}
		if q.accepted > 0 || q.getters.len > 0 || q.putters.len > 0 { // who came before is not known
			q.users.put.unknown, q.users.get.unknown = true, true
		}
	}
	return q.users
}

func (q *Queue[T]) kind() string { return "queue" }
func (q *Queue[T]) look() look   { return lookAt(q, (*Queue[T]).observe) }

func (q *Queue[T]) observe(o *observed) {
	if _, compares := q.items.(*priority[T]); !compares {
		q.mu.Lock()
	} else if !q.mu.lockSoon() { // the user's less may not return
		o.Unknown = true
		return
	}
	defer q.mu.Unlock()
	o.InUse, o.Closed = int64(q.items.len()), q.down
	if q.capacity != Unbounded {
		o.Capacity = int64(q.capacity)
	}
	o.attr("unfinished", q.unfinished)
	o.attr("accepted", int(q.accepted))
	o.attr("getting", q.getters.len)
	o.attr("putting", q.putters.len)
	o.attr("joining", q.joiners.len)
	o.attr("producers", q.producers)
	q.users.observe(o)
	for g := q.getters.head; g != nil && len(o.waiters) < record.MaxListed; g = g.next {
		o.waiters = append(o.waiters, awaiting{g.w.home, "queue.Get", 1})
	}
	for p := q.putters.head; p != nil && len(o.waiters) < record.MaxListed; p = p.next {
		o.waiters = append(o.waiters, awaiting{p.w.home, "queue.Put", 1})
	}
	o.Waiting = q.getters.len + q.putters.len
	o.queue(&q.joiners, "queue.Join")
}

// QueueStatistics is a snapshot of a queue.
type QueueStatistics struct {
	Capacity   int
	Len        int
	Unfinished int
	Getting    int // parked Gets
	Putting    int // parked Puts
	Joining    int // parked Joins
	Producers  int // open producers; see Queue.Producer
	Shutdown   bool
}

// Statistics returns a snapshot.
func (q *Queue[T]) Statistics() QueueStatistics {
	q.mu.Lock()
	defer q.mu.Unlock()
	return QueueStatistics{
		Capacity:   q.capacity,
		Len:        q.items.len(),
		Unfinished: q.unfinished,
		Getting:    q.getters.len,
		Putting:    q.putters.len,
		Joining:    q.joiners.len,
		Producers:  q.producers,
		Shutdown:   q.down,
	}
}
