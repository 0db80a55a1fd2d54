package cache

import (
	"errors"
	"sync/atomic"
	"unsafe"
)

// Statistics is a snapshot of a cache. What is counted is counted from its beginning.
type Statistics struct {
	Len, Max int // entries, stale ones and failures that are kept included; and Config.Size. Len may be off by what is just being evicted
	Loading  int // tasks: loads, and values on their way to the tier

	Hits      uint64 // Gets that did not wait
	StaleHits uint64 // those of them that got a stale value
	Misses    uint64 // Gets that waited for a load
	Joined    uint64 // those of them that joined one that was under way

	Loads     uint64 // calls of the function that returned
	NotFound  uint64 // those of them that found nothing
	Failures  uint64 // those of them that failed otherwise
	Stale     uint64 // those of the failures that a stale value stood in for
	Crashes   uint64 // calls that panicked or called runtime.Goexit
	Refreshes uint64 // reloads that were begun ahead of time
	Unwanted  uint64 // loads that were cancelled because nobody waited any more
	Dropped   uint64 // results that were not kept, because of a Set, Invalidate, Clear or Close in between

	Evicted uint64 // entries that had to go for want of room
	Expired uint64 // entries that were removed because their time was over

	TierHits, TierMisses, TierErrors uint64
}

// Statistics returns a snapshot.
func (c *engine[K, V]) Statistics() Statistics {
	c.mu.Lock()
	loading := len(c.running)
	c.mu.Unlock()
	n := &c.counts
	s := Statistics{
		Len: c.store.entries.EstimatedSize(), Max: c.config.Size, Loading: loading,
		StaleHits: n.staleHits.Load(), Misses: n.misses.Load(), Joined: n.joined.Load(),
		Loads: n.loads.Load(), NotFound: n.notFound.Load(), Failures: n.failures.Load(), Stale: n.stale.Load(), Crashes: n.crashes.Load(),
		Refreshes: n.refreshes.Load(), Unwanted: n.unwanted.Load(), Dropped: n.dropped.Load(),
		Evicted: c.store.evicted.Load(), Expired: c.store.expired.Load(),
		TierHits: n.tierHits.Load(), TierMisses: n.tierMisses.Load(), TierErrors: n.tierErrors.Load(),
	}
	for i := range n.hits {
		s.Hits += n.hits[i].n.Load()
	}
	return s
}

// counts are the counters of a cache.
type counts struct {
	// Hits are counted in one of several places, each in a cache line of its own, so that processors do not get into each other's way.
	hits [16]struct {
		n atomic.Uint64
		_ [56]byte
	}

	staleHits, misses, joined                 atomic.Uint64
	loads, notFound, failures, stale, crashes atomic.Uint64
	refreshes, unwanted, dropped              atomic.Uint64
	tierHits, tierMisses, tierErrors          atomic.Uint64
}

func (n *counts) hit(stale bool) {
	// Where the goroutine has its stack chooses the place: it costs nothing to know, and goroutines that run at the same time have different ones.
	var here byte
	at := uintptr(unsafe.Pointer(&here)) //nolint:gosec // only a number
	n.hits[(at>>11^at>>16)%uintptr(len(n.hits))].n.Add(1)
	if stale {
		n.staleHits.Add(1)
	}
}

func (n *counts) load(err error, fromTier, stale, dropped bool) {
	if dropped {
		n.dropped.Add(1)
	}
	if fromTier {
		return
	}
	n.loads.Add(1)
	switch {
	case err == nil:
	case errors.Is(err, ErrNotFound):
		n.notFound.Add(1)
	default:
		n.failures.Add(1)
	}
	if stale {
		n.stale.Add(1)
	}
}
