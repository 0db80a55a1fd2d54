package cache

import (
	"sync/atomic"
	"time"
)

// entry is what is kept for a key: a value, or a failure. All but reloadAt is written once, before it is shared.
type entry[V any] struct {
	value  V
	err    error
	weight uint32
	stale  bool // it is past its TTL, and serves because a load has failed

	freshUntil int64 // from then on a Get waits for a load
	keepUntil  int64 // from then on it is gone

	// due is when a Get has to do more than return e: to start a reload, or at freshUntil. Whoever moves it on to freshUntil has taken the reload on.
	due atomic.Int64
}

// claim reports whether the caller is to reload e, which is due.
func (e *entry[V]) claim(now int64) bool {
	due := e.due.Load()
	return now >= due && due < e.freshUntil && e.due.CompareAndSwap(due, e.freshUntil)
}

// usable reports whether e may stand in for a load that has failed.
func (e *entry[V]) usable(now int64) bool { return e != nil && e.err == nil && now < e.keepUntil }

// newEntry makes an entry for a value; nil if it is not to be kept.
func (c *engine[K, V]) newEntry(key K, value V, now int64) *entry[V] {
	ttl := c.config.TTL
	if c.config.TTLOf != nil {
		if ttl = min(ttl, c.config.TTLOf(key, value)); ttl <= 0 {
			return nil
		}
	}
	ahead := c.config.RefreshAhead
	if ttl < c.config.TTL {
		ahead = time.Duration(float64(ahead) * float64(ttl) / float64(c.config.TTL))
	}
	fresh := after(now, c.jittered(ttl))
	return c.valueEntry(key, value, fresh, after(fresh, c.config.Stale), ahead)
}

func (c *engine[K, V]) valueEntry(key K, value V, fresh, keep int64, ahead time.Duration) *entry[V] {
	e := &entry[V]{value: value, weight: c.weigh(key, value), freshUntil: fresh, keepUntil: keep}
	e.due.Store(fresh)
	if ahead > 0 && fresh != never {
		e.due.Store(fresh - int64(ahead))
	}
	return e
}

// failure makes an entry that keeps err for ttl; nil if it is not to be kept.
func (c *engine[K, V]) failure(err error, ttl time.Duration, now int64) *entry[V] {
	if ttl <= 0 {
		return nil
	}
	return c.failureUntil(err, after(now, c.jittered(ttl)))
}

func (c *engine[K, V]) failureUntil(err error, until int64) *entry[V] {
	e := &entry[V]{err: err, weight: 1, freshUntil: until, keepUntil: until}
	e.due.Store(until)
	return e
}

// pausing is a copy of e, which is stale, that serves until the next attempt to load; nil if that is to be made at once.
func (c *engine[K, V]) pausing(e *entry[V], now int64) *entry[V] {
	if c.config.ErrorTTL <= 0 {
		return nil
	}
	p := &entry[V]{
		value: e.value, weight: e.weight, stale: true,
		freshUntil: min(after(now, c.jittered(c.config.ErrorTTL)), e.keepUntil), keepUntil: e.keepUntil,
	}
	p.due.Store(p.freshUntil)
	return p
}

// postpone lets e, which is fresh and could not be refreshed, be refreshed later.
func (c *engine[K, V]) postpone(e *entry[V], now int64) {
	e.due.Store(min(after(now, max(c.config.ErrorTTL, 0)), e.freshUntil))
}

func (c *engine[K, V]) jittered(d time.Duration) time.Duration {
	if d >= Forever || c.config.Jitter <= 0 {
		return d
	}
	return d - time.Duration(float64(d)*c.config.Jitter*c.rand())
}

func (c *engine[K, V]) weigh(key K, value V) uint32 {
	if c.config.Weight == nil {
		return 1
	}
	return uint32(min(uint64(max(c.config.Weight(key, value), 1)), maxWeight))
}
