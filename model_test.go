package braid_test

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/braid-go/braid"
)

// Reference models of Queue and Semaphore, written from their documentation, slowly and plainly.
//
// A model also plays the scheduler: calls that can go on stand in a list and go on in its order when settle is called,
// as tasks do on schedtest's FIFO scheduler. Between two settles several things happen "in the same moment".

// modelCall is a blocking call in the model.
type modelCall struct {
	id        int
	next      func() // what the call does when it runs on
	parked    bool
	ended     bool
	cancelled bool
	granted   bool // it has what it waits for, or is sent away
	served    bool // of a queue: its item has changed hands
	n         int64
	item      item
}

// model is what all models share.
type model struct {
	calls []*modelCall
	ready []*modelCall
	log   []string // how calls ended, in the order in which they did
}

func (m *model) begin(run func(c *modelCall)) {
	c := &modelCall{id: len(m.calls)}
	c.next = func() { run(c) }
	m.calls = append(m.calls, c)
	m.ready = append(m.ready, c)
}

func (m *model) park(c *modelCall, next func()) { c.parked, c.next = true, next }

func (m *model) wake(c *modelCall) {
	if c.parked {
		c.parked = false
		m.ready = append(m.ready, c)
	}
}

func (m *model) cancel(c *modelCall) {
	if !c.ended {
		c.cancelled = true
		m.wake(c)
	}
}

// settle lets all calls run until none can go on, and returns how many did.
func (m *model) settle() (n int) {
	for ; len(m.ready) > 0; n++ {
		c := m.ready[0]
		m.ready = m.ready[1:]
		c.next()
	}
	return n
}

func (m *model) end(c *modelCall, result string) {
	c.ended = true
	m.log = append(m.log, fmt.Sprint(c.id, " ", result))
}

func without(list []*modelCall, c *modelCall) []*modelCall {
	return slices.DeleteFunc(list, func(x *modelCall) bool { return x == c })
}

// Results of calls, as they stand in the log.
const (
	succeeded = "ok"
	stopped   = "stopped"
	shutDown  = "shut down"
	never     = "never"
)

var errStopped = errors.New("stopped")

func resultOf(err error) string {
	switch {
	case err == nil:
		return succeeded
	case errors.Is(err, errStopped):
		return stopped
	case errors.Is(err, braid.ErrShutdown):
		return shutDown
	default:
		return never
	}
}

// item is what the queues under test hold. In a priority queue the rank alone is compared.
type item struct{ rank, id int }

func lowerRank(a, b item) bool { return a.rank < b.rank }

// Kinds of queue.
const (
	fifo = iota
	lifo
	byRank
	queueKinds
)

// modelQueue is the model of a Queue.
type modelQueue struct {
	model
	kind     int
	capacity int

	items      []item // in the order in which they were accepted
	accepted   []item // all of them ever, in that order
	getters    []*modelCall
	putters    []*modelCall
	joiners    []*modelCall
	unfinished int
	producers  int
	closed     []bool // of each producer
	down, now  bool
}

func (q *modelQueue) statistics() braid.QueueStatistics {
	return braid.QueueStatistics{
		Capacity: q.capacity, Len: len(q.items), Unfinished: q.unfinished, Shutdown: q.down, Producers: q.producers,
		Getting: len(q.getters), Putting: len(q.putters), Joining: len(q.joiners),
	}
}

// pop takes out what Get gives next.
func (q *modelQueue) pop() item {
	next := 0
	switch q.kind {
	case lifo:
		next = len(q.items) - 1
	case byRank:
		for i := range q.items {
			if lowerRank(q.items[i], q.items[next]) {
				next = i
			}
		}
	}
	v := q.items[next]
	q.items = slices.Delete(q.items, next, next+1)
	return v
}

// goBack puts back an item that was assigned to a Get and not taken, as if it had never left.
func (q *modelQueue) goBack(v item) {
	before := q.accepted[:slices.Index(q.accepted, v)]
	at := 0
	for at < len(q.items) && slices.Contains(before, q.items[at]) {
		at++
	}
	q.items = slices.Insert(q.items, at, v)
}

func (q *modelQueue) give(v item) {
	c := q.getters[0]
	q.getters = q.getters[1:]
	c.item, c.granted, c.served = v, true, true
	q.wake(c)
}

func (q *modelQueue) accept(v item) bool {
	switch {
	case q.down:
		return false
	case len(q.getters) > 0:
		q.give(v)
	case len(q.putters) > 0 || len(q.items) >= q.capacity:
		return false
	default:
		q.items = append(q.items, v)
	}
	q.accepted = append(q.accepted, v)
	q.unfinished++
	return true
}

// admit accepts the first Put that waits.
func (q *modelQueue) admit() item {
	c := q.putters[0]
	q.putters = q.putters[1:]
	c.granted, c.served = true, true
	q.accepted = append(q.accepted, c.item)
	q.unfinished++
	q.wake(c)
	return c.item
}

func (q *modelQueue) take() (v item, ok bool) {
	if len(q.items) == 0 {
		if len(q.putters) == 0 {
			return v, false
		}
		return q.admit(), true
	}
	v = q.pop()
	if len(q.putters) > 0 && len(q.items) < q.capacity {
		q.items = append(q.items, q.admit())
	}
	return v, true
}

// put is Queue.Put, or Producer.Put if producer is not negative.
func (q *modelQueue) put(v item, producer int) {
	q.begin(func(c *modelCall) {
		c.item = v
		switch {
		case c.cancelled:
			q.end(c, stopped)
		case q.down || producer >= 0 && q.closed[producer]:
			q.end(c, shutDown)
		case q.accept(v):
			q.end(c, succeeded)
		default:
			q.putters = append(q.putters, c)
			q.park(c, func() {
				q.putters = without(q.putters, c)
				switch {
				case c.served:
					q.end(c, succeeded)
				case c.cancelled:
					q.end(c, stopped)
				default:
					q.end(c, shutDown)
				}
			})
		}
	})
}

func (q *modelQueue) get() {
	q.begin(func(c *modelCall) {
		if c.cancelled {
			q.end(c, stopped)
			return
		}
		if v, ok := q.take(); ok {
			q.end(c, fmt.Sprint(v))
			return
		}
		if q.down {
			q.end(c, shutDown)
			return
		}
		q.getters = append(q.getters, c)
		q.park(c, func() {
			q.getters = without(q.getters, c)
			switch {
			case c.served && (!c.cancelled || q.now):
				q.end(c, fmt.Sprint(c.item))
			case c.served && len(q.getters) > 0:
				q.give(c.item)
				q.end(c, stopped)
			case c.served:
				q.goBack(c.item)
				q.end(c, stopped)
			case c.cancelled:
				q.end(c, stopped)
			default:
				q.end(c, shutDown)
			}
		})
	})
}

func (q *modelQueue) join() {
	q.begin(func(c *modelCall) {
		switch {
		case c.cancelled:
			q.end(c, stopped)
		case q.unfinished == 0:
			q.end(c, succeeded)
		default:
			q.joiners = append(q.joiners, c)
			q.park(c, func() {
				q.joiners = without(q.joiners, c)
				if c.cancelled {
					q.end(c, stopped)
				} else {
					q.end(c, succeeded)
				}
			})
		}
	})
}

func (q *modelQueue) finish(n int) {
	if q.unfinished -= n; q.unfinished == 0 {
		q.dismiss(&q.joiners)
	}
}

func (q *modelQueue) dismiss(list *[]*modelCall) {
	for _, c := range *list {
		c.granted = true
		q.wake(c)
	}
	*list = nil
}

// taskDone reports false where TaskDone panics.
func (q *modelQueue) taskDone() bool {
	if q.unfinished == 0 {
		return false
	}
	q.finish(1)
	return true
}

func (q *modelQueue) shutdown(mode braid.ShutdownMode) []item {
	q.down = true
	q.dismiss(&q.putters)
	q.dismiss(&q.getters)
	if mode == braid.Drain {
		return nil
	}
	q.now = true
	var left []item
	for len(q.items) > 0 {
		left = append(left, q.pop())
	}
	q.finish(len(left))
	return left
}

// producer reports false where Producer panics.
func (q *modelQueue) producer() bool {
	if q.down {
		return false
	}
	q.producers++
	q.closed = append(q.closed, false)
	return true
}

func (q *modelQueue) closeProducer(i int) {
	if q.closed[i] {
		return
	}
	q.closed[i] = true
	if q.producers--; q.producers == 0 {
		q.shutdown(braid.Drain)
	}
}

// modelSemaphore is the model of a Semaphore.
type modelSemaphore struct {
	model
	size, inUse int64
	held        int64 // of it, by calls that have returned
	queue       []*modelCall
}

func (s *modelSemaphore) statistics() braid.SemaphoreStatistics {
	return braid.SemaphoreStatistics{Size: s.size, InUse: s.inUse, Waiting: len(s.queue)}
}

func (s *modelSemaphore) tryAcquire(n int64) bool {
	if len(s.queue) > 0 || s.inUse+n > s.size {
		return false
	}
	s.inUse += n
	s.held += n
	return true
}

func (s *modelSemaphore) acquire(n int64) {
	s.begin(func(c *modelCall) {
		c.n = n
		switch {
		case c.cancelled:
			s.end(c, stopped)
		case n > s.size:
			s.end(c, never)
		case s.tryAcquire(n):
			s.end(c, succeeded)
		default:
			s.queue = append(s.queue, c)
			s.park(c, func() {
				if !c.cancelled {
					s.held += n
					s.end(c, succeeded)
					return
				}
				if c.granted {
					s.inUse -= n
				}
				s.queue = without(s.queue, c)
				s.hand()
				s.end(c, stopped)
			})
		}
	})
}

// release reports false where Release panics.
func (s *modelSemaphore) release(n int64) bool {
	if n > s.inUse {
		return false
	}
	s.inUse -= n
	s.held -= n
	s.hand()
	return true
}

func (s *modelSemaphore) hand() {
	for len(s.queue) > 0 && s.inUse+s.queue[0].n <= s.size {
		c := s.queue[0]
		s.queue = s.queue[1:]
		s.inUse += c.n
		c.granted = true
		s.wake(c)
	}
}

// subject runs the real calls beside a model.
type subject struct {
	g     *braid.Group
	calls []*braid.Handle
	log   []string
}

func (s *subject) begin(run func(ctx context.Context) string) {
	id := len(s.calls)
	s.calls = append(s.calls, s.g.Go(func(ctx context.Context) error {
		s.log = append(s.log, fmt.Sprint(id, " ", run(ctx)))
		return nil
	}))
}

// settle lets the tasks run n times. Each Yield lets all run that can, so it is more than enough.
func (s *subject) settle(ctx context.Context, n int) {
	for range n {
		_ = braid.Yield(ctx)
	}
}

// panicked reports whether f panics.
func panicked(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}
