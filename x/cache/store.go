package cache

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

const maxWeight = math.MaxUint32

// store is otter as the cache uses it: bounded, removing what has expired, without a clock or goroutine of its own.
//
// Whether an entry may be used is not asked of otter. To it, time stands still between two writes: what has expired since then
// still takes room, but nobody is waiting for that room. So a read costs one reading of the clock and not two, and the time is
// that of the caller's scheduler, which otter cannot know.
type store[K comparable, V any] struct {
	entries *otter.Cache[K, *entry[V]]
	at      standing
	upkeep  upkeep

	evicted, expired atomic.Uint64
}

func (s *store[K, V]) open(size int, weighted bool) {
	s.upkeep.idle.L = &s.upkeep.mu
	o := &otter.Options[K, *entry[V]]{
		Clock:    &s.at,
		Executor: s.upkeep.start,
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[K, *entry[V]]) time.Duration {
			return time.Duration(e.Value.keepUntil - s.at.NowNano())
		}),
		OnAtomicDeletion: func(e otter.DeletionEvent[K, *entry[V]]) {
			switch e.Cause {
			case otter.CauseOverflow:
				s.evicted.Add(1)
			case otter.CauseExpiration:
				s.expired.Add(1)
			default:
			}
		},
	}
	if weighted {
		o.MaximumWeight = uint64(size)
		o.Weigher = func(_ K, e *entry[V]) uint32 { return e.weight }
	} else {
		o.MaximumSize = size
	}
	s.entries = otter.Must(o)
	s.entries.StopAllGoroutines() // waits for the one that looks for expired entries: without ticks it has nothing to do
}

// get returns the entry of key, or nil, and counts as a use of it.
func (s *store[K, V]) get(key K) *entry[V] {
	e, _ := s.entries.GetIfPresent(key)
	return e
}

// peek is get that counts for nothing.
func (s *store[K, V]) peek(key K) *entry[V] {
	e, _ := s.entries.GetEntryQuietly(key)
	return e.Value
}

func (s *store[K, V]) put(key K, e *entry[V], now int64) {
	s.at.advance(now)
	s.entries.Set(key, e)
}

// standing is a clock that stands until it is set.
type standing struct{ nanos atomic.Int64 }

func (c *standing) NowNano() int64 { return c.nanos.Load() }

func (c *standing) Tick(time.Duration) <-chan time.Time { return nil }

// advance is called by one task at a time.
func (c *standing) advance(now int64) {
	if now > c.nanos.Load() {
		c.nanos.Store(now)
	}
}

// upkeep runs what otter has to do now and then, mostly because of reads, on goroutines that take microseconds.
// It could be done by whoever comes by, but then a hit would cost twice as much.
type upkeep struct {
	runners sync.Pool // of *runner

	mu      sync.Mutex
	running int
	idle    sync.Cond // uses mu
}

// runner is one piece of work, kept for its function values: a read must not allocate.
type runner struct {
	work func()
	run  func()
}

func (u *upkeep) start(work func()) {
	r, _ := u.runners.Get().(*runner)
	if r == nil {
		r = &runner{}
		r.run = func() {
			defer u.done()
			work := r.work
			r.work = nil
			u.runners.Put(r)
			work()
		}
	}
	r.work = work
	u.mu.Lock()
	u.running++
	u.mu.Unlock()
	go r.run()
}

func (u *upkeep) done() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.running--; u.running == 0 {
		u.idle.Broadcast()
	}
}

// wait waits until nothing runs. That takes no longer than the work.
func (u *upkeep) wait() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for u.running > 0 {
		u.idle.Wait()
	}
}
