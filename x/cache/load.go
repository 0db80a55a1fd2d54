package cache

import (
	"context"
	"errors"
	"time"

	"github.com/braid-go/braid"
)

// outcome is what a load has come to.
type outcome[V any] struct {
	value V
	err   error

	settles bool      // it says what there is for the key, so it replaces what is kept
	keep    *entry[V] // what is to be kept; nil for nothing
	share   bool      // the tier should know it, too
}

// loader returns what the task of a load does.
func (c *engine[K, V]) loader(key K, f *flight[V], load func(context.Context) (V, error)) func(context.Context) {
	return func(ctx context.Context) {
		returned := false
		defer func() {
			if !returned { // a panic or runtime.Goexit, which the task passes on to all who wait
				c.crash(ctx, key, f)
			}
		}()
		l := Load[K]{Key: key, Refresh: f.refreshOf != nil}
		began := c.clock.now(ctx)
		o := c.bring(ctx, key, f.refreshOf, load, &l)
		l.Took = max(0, time.Duration(c.clock.now(ctx)-began))
		var errandName braid.NameOption
		if o.share && c.config.Tier != nil {
			errandName = c.named(c.sharing, key)
		}
		returned = true
		c.land(ctx, key, f, o, errandName, &l)
		c.tellOnLoad(l)
	}
}

// bring asks the tier and then the function. old is what is to be refreshed, if anything is.
func (c *engine[K, V]) bring(
	ctx context.Context, key K, old *entry[V], load func(context.Context) (V, error), l *Load[K],
) outcome[V] {
	fallback := old
	if old == nil {
		fallback = c.store.peek(key)
	}
	if c.config.Tier != nil {
		e := c.ask(ctx, key)
		now := c.clock.now(ctx)
		switch {
		case e == nil:
		case now < e.freshUntil && (old == nil || now < e.due.Load()):
			l.FromTier = true
			return outcome[V]{value: e.value, err: e.err, settles: true, keep: e}
		case e.usable(now) && (!fallback.usable(now) || e.freshUntil > fallback.freshUntil):
			fallback = e
		}
	}
	value, err := c.call(ctx, load)
	l.Err = err
	now := c.clock.now(ctx)
	switch {
	case err == nil:
		return outcome[V]{value: value, settles: true, keep: c.newEntry(key, value, now), share: true}
	case errors.Is(err, ErrNotFound):
		return outcome[V]{value: value, err: err, settles: true, keep: c.failure(err, c.config.NegativeTTL, now), share: true}
	case ctx.Err() != nil && (errors.Is(err, context.Cause(ctx)) || errors.Is(err, ctx.Err())):
		return outcome[V]{err: c.closed(context.Cause(ctx))} // read only if it was the scope that ended, or Close
	case old != nil && now < old.freshUntil:
		c.postpone(old, now)
		return outcome[V]{value: old.value}
	case fallback.usable(now):
		l.Stale = true
		return outcome[V]{value: fallback.value, keep: c.pausing(fallback, now)}
	case errors.Is(err, braid.ErrSelfDeadlock): // this says more about who asked than about the key
		return outcome[V]{value: value, err: err}
	}
	return outcome[V]{value: value, err: err, keep: c.failure(err, c.config.ErrorTTL, now)}
}

// call calls the function under the time limit.
func (c *engine[K, V]) call(ctx context.Context, load func(context.Context) (V, error)) (value V, err error) {
	err = within(ctx, c.config.LoadTimeout, func(ctx context.Context) error {
		value, err = load(ctx)
		return err
	})
	return value, err
}

// within is braid.Timeout, or no limit if d is negative.
func within(ctx context.Context, d time.Duration, fn func(context.Context) error) error {
	if d < 0 {
		return fn(ctx)
	}
	return braid.Timeout(ctx, d, fn)
}

// land makes the outcome of f known to all: to the store, if f is still the one to bring it, to those who wait, and to the tier,
// by a task called errandName.
func (c *engine[K, V]) land(ctx context.Context, key K, f *flight[V], o outcome[V], errandName braid.NameOption, l *Load[K]) {
	now := c.clock.now(ctx)
	f.value, f.err, f.landed = o.value, o.err, true
	var s *sharing
	var version uint64
	var errand *flight[V]
	c.mu.Lock()
	current := c.flights[key] == f && !c.closing
	if current {
		delete(c.flights, key)
		if o.settles || o.keep != nil {
			c.write(key, o.keep, now)
		}
		if o.share && c.config.Tier != nil {
			s = c.sharingOf(key)
			version = s.version
			errand = &flight[V]{waiters: 1, wanted: true}
			c.running[errand] = struct{}{}
		}
	}
	c.mu.Unlock()
	l.Dropped = !current && o.keep != nil
	c.counts.load(l.Err, l.FromTier, l.Stale, l.Dropped)
	if errand != nil {
		c.share(key, o.keep, errand, errandName, s, version)
	}
}

// crash is land for a load that did not return.
func (c *engine[K, V]) crash(ctx context.Context, key K, f *flight[V]) {
	now := c.clock.now(ctx)
	c.counts.crashes.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flights[key] == f {
		delete(c.flights, key)
	}
	if f.refreshOf != nil {
		c.postpone(f.refreshOf, now)
	}
}
