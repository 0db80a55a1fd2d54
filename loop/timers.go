package loop

import (
	"sync"
	"sync/atomic"
	"time"
)

// timer is a call that is due at a time. It implements sched.Timer.
type timer struct {
	f     func()
	call  *Callback     // or what to make ready
	when  int64         // written before it is shared
	state atomic.Uint32 // see below
	of    *timers
}

const (
	pending uint32 = iota
	fired
	stopped
)

// Stop implements sched.Timer. It may be called from any goroutine.
func (t *timer) Stop() bool {
	if !t.state.CompareAndSwap(pending, stopped) {
		return false
	}
	t.of.oneStopped()
	return true
}

// slot is a timer's place in the heap. What is compared stands in it, so that sifting touches no timer.
type slot struct {
	when int64  // in nanoseconds of the loop's clock
	seq  uint64 // equal times keep their order
	t    *timer
}

func (s *slot) before(o *slot) bool { return s.when < o.when || s.when == o.when && s.seq < o.seq }

// timers is a heap of them, the earliest first, with four children a node: half the depth of a binary heap.
//
// A stopped timer stays until its time has come, or until half of the heap is stopped timers, which are then swept out:
// as in asyncio. Taking each out at once was rejected: every timer would have to know its place,
// and each step of sifting would write to a timer that is in no cache.
type timers struct {
	next atomic.Int64 // when the first is due; never if there is none
	dead atomic.Int64 // stopped ones in the heap
	size atomic.Int64

	mu   sync.Mutex
	heap []slot // guarded by mu
	seq  uint64
}

const (
	never    = 1<<63 - 1
	children = 4

	// A heap that is smaller than this is not worth sweeping.
	minSweep = 64
)

func (ts *timers) init() { ts.next.Store(never) }

// after is the time d after now. What does not fit is never.
func after(now int64, d time.Duration) int64 {
	if when := now + int64(d); d < 0 || when >= now {
		return when
	}
	return never
}

// add makes t due at when, and reports whether it is the first that is due.
func (ts *timers) add(when int64, t *timer) (first bool) {
	t.of = ts
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.seq++
	ts.heap = append(ts.heap, slot{when, ts.seq, t})
	ts.up(len(ts.heap) - 1)
	ts.changed()
	return ts.heap[0].t == t
}

// due takes out the first timer whose time has come; nil if there is none. The caller calls it.
func (ts *timers) due(now int64) *timer {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for len(ts.heap) > 0 && ts.heap[0].when <= now {
		t := ts.pop()
		if t.state.CompareAndSwap(pending, fired) {
			if ts.crowded(ts.dead.Load()) { // those that are due are among the live ones, so the others' share grows
				ts.sweep()
			}
			return t
		}
		ts.dead.Add(-1)
	}
	return nil
}

func (ts *timers) oneStopped() {
	if ts.crowded(ts.dead.Add(1)) {
		ts.mu.Lock()
		defer ts.mu.Unlock()
		ts.sweep()
	}
}

// crowded reports whether so many stopped timers are more than half of the heap.
func (ts *timers) crowded(dead int64) bool { return dead >= minSweep && dead*2 > ts.size.Load() }

// sweep takes out all timers that have been stopped. mu is held.
func (ts *timers) sweep() {
	live := ts.heap[:0]
	for _, s := range ts.heap {
		if s.t.state.Load() == pending {
			live = append(live, s)
		} else {
			ts.dead.Add(-1)
		}
	}
	clear(ts.heap[len(live):])
	ts.heap = live
	for i := len(live)/children + 1; i >= 0; i-- {
		ts.down(i)
	}
	ts.changed()
}

// changed publishes what others read without mu, which is held.
func (ts *timers) changed() {
	next := int64(never)
	if len(ts.heap) > 0 {
		next = ts.heap[0].when
	}
	ts.next.Store(next)
	ts.size.Store(int64(len(ts.heap)))
}

// pop takes out the first. mu is held.
func (ts *timers) pop() *timer {
	t := ts.heap[0].t
	last := len(ts.heap) - 1
	ts.heap[0] = ts.heap[last]
	ts.heap[last] = slot{}
	ts.heap = ts.heap[:last]
	ts.down(0)
	ts.changed()
	return t
}

func (ts *timers) up(i int) {
	s := ts.heap[i]
	for i > 0 {
		parent := (i - 1) / children
		if !s.before(&ts.heap[parent]) {
			break
		}
		ts.heap[i] = ts.heap[parent]
		i = parent
	}
	ts.heap[i] = s
}

func (ts *timers) down(i int) {
	n := len(ts.heap)
	if i >= n {
		return
	}
	s := ts.heap[i]
	for {
		first := children*i + 1
		if first >= n {
			break
		}
		least := first
		for c := first + 1; c < min(first+children, n); c++ {
			if ts.heap[c].before(&ts.heap[least]) {
				least = c
			}
		}
		if !ts.heap[least].before(&s) {
			break
		}
		ts.heap[i] = ts.heap[least]
		i = least
	}
	ts.heap[i] = s
}
