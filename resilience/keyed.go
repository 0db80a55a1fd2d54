package resilience

import (
	"fmt"
	"sync"
)

// Keyed keeps a policy with state for each key, such as a breaker for each host, and not more of them than a bound.
// Beyond that, the one whose last use is longest ago is forgotten, in constant time;
// its key begins anew when it comes again. Forgetting one that is active – a breaker that is not closed, a bulkhead that is in use,
// a rate limit in which calls wait – is counted, for it may let calls through that should have been held back:
// a bound that does this often is too small. Calls under way keep their policy.
//
// Make one with [NewKeyed].
type Keyed[K comparable, P KeyedPart] struct {
	bound int
	make  func(K) P

	mu     sync.Mutex
	byKey  map[K]*keyed[K, P]
	recent keyed[K, P] // heads a ring: next is the latest, prev the one to be forgotten first

	evicted, evictedActive uint64
}

// KeyedPart is a policy that is worth a key of its own: a [*Breaker], a [*Bulkhead] or a [*RateLimit].
type KeyedPart interface {
	Part
	active() bool
}

type keyed[K comparable, P KeyedPart] struct {
	key        K
	part       P
	prev, next *keyed[K, P]
}

func (e *keyed[K, P]) unlink() { e.prev.next, e.next.prev = e.next, e.prev }

func (e *keyed[K, P]) linkAfter(head *keyed[K, P]) {
	e.prev, e.next = head, head.next
	e.prev.next, e.next.prev = e, e
}

// NewKeyed returns a Keyed of at most bound policies, each of which newPart makes when its key is first asked for.
// It panics if bound is not positive or newPart is nil.
func NewKeyed[K comparable, P KeyedPart](bound int, newPart func(K) P) *Keyed[K, P] {
	if bound < 1 {
		panic(fmt.Sprintf("resilience: NewKeyed with room for %d: it needs room for at least one policy", bound))
	}
	if newPart == nil {
		panic("resilience: NewKeyed needs a function that makes a policy; the one given is nil")
	}
	k := &Keyed[K, P]{bound: bound, make: newPart, byKey: make(map[K]*keyed[K, P])}
	k.recent.prev, k.recent.next = &k.recent, &k.recent
	return k
}

// Get returns the policy of key. Two callers that ask for a new key at the same time get the same one,
// although the function given to NewKeyed may be called twice.
func (k *Keyed[K, P]) Get(key K) P {
	k.mu.Lock()
	e := k.use(key)
	k.mu.Unlock()
	if e != nil {
		return e.part
	}
	e = &keyed[K, P]{key: key, part: k.make(key)} // the user's code, so without the lock
	if key != key {                               //nolint:gocritic // NaN, which a map would keep for ever and never find
		return e.part
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if quicker := k.use(key); quicker != nil {
		return quicker.part
	}
	k.byKey[key] = e
	e.linkAfter(&k.recent)
	if len(k.byKey) > k.bound {
		k.evict(k.recent.prev)
	}
	return e.part
}

// use returns the entry of key, which becomes the latest; nil if there is none. mu is held.
func (k *Keyed[K, P]) use(key K) *keyed[K, P] {
	e := k.byKey[key]
	if e != nil && e != k.recent.next {
		e.unlink()
		e.linkAfter(&k.recent)
	}
	return e
}

// evict drops an entry because of the bound. mu is held.
func (k *Keyed[K, P]) evict(e *keyed[K, P]) {
	e.unlink()
	delete(k.byKey, e.key)
	k.evicted++
	if e.part.active() {
		k.evictedActive++
	}
}

// Forget drops the policy of key, if there is one. That is no eviction.
func (k *Keyed[K, P]) Forget(key K) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.byKey[key]; e != nil {
		e.unlink()
		delete(k.byKey, key)
	}
}

// KeyedStatistics is a snapshot of a [Keyed].
type KeyedStatistics struct {
	Len, Max      int
	Evicted       uint64 // all that were forgotten because of the bound
	EvictedActive uint64 // those of them that were active
}

// Statistics returns a snapshot.
func (k *Keyed[K, P]) Statistics() KeyedStatistics {
	k.mu.Lock()
	defer k.mu.Unlock()
	return KeyedStatistics{Len: len(k.byKey), Max: k.bound, Evicted: k.evicted, EvictedActive: k.evictedActive}
}
