package cache

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"

	"github.com/braid-go/braid"
)

// engine is what Cache and Memo have in common: all but the function that loads.
//
// Reads go to the store and take no lock. mu orders everything else: which flight brings a key, and what is written to the store.
// A flight writes its result only while it is the one in flights; whoever knows better has taken it out before. mu is never
// held across a load, a wait, or code of the user's.
type engine[K comparable, V any] struct {
	config  Config[K, V]
	clock   clock
	store   store[K, V]
	portal  *braid.Portal
	rand    func() float64
	counts  counts
	tierKey func(K) string
	codec   Codec[V]

	loading, refreshing, sharing braid.NameOption

	mu       sync.Mutex
	closing  bool
	flights  map[K]*flight[V]        // the loads whose result will be kept
	running  map[*flight[V]]struct{} // all tasks, those that nobody wants any more included
	sharings map[K]*sharing          // the keys with which somebody deals in the tier
}

func (c *engine[K, V]) open(what string, g *braid.Group, config Config[K, V]) {
	if g == nil {
		panic(fmt.Sprintf("cache: %s needs the group that owns the loads; the one given is nil", what))
	}
	config = config.filled()
	if wrong := config.check(); wrong != "" {
		panic(fmt.Sprintf("cache: %s %s: %s", what, config.Name, wrong))
	}
	c.config = config
	c.clock.open()
	c.portal = braid.NewPortal(g)
	c.rand = config.Rand
	if c.rand == nil {
		c.rand = rand.Float64
	}
	c.tierKey = config.TierKey
	if c.tierKey == nil {
		c.tierKey = func(key K) string { return fmt.Sprint(key) }
	}
	c.codec = config.Codec
	if c.codec == nil {
		c.codec = JSON[V]()
	}
	c.loading = braid.Name("load " + config.Name)
	c.refreshing = braid.Name("refresh " + config.Name)
	c.sharing = braid.Name("share " + config.Name)
	c.flights = make(map[K]*flight[V])
	c.running = make(map[*flight[V]]struct{})
	c.sharings = make(map[K]*sharing)
	c.store.open(config.Size, config.Weight != nil)
}

// Name returns the name given in the config.
func (c *engine[K, V]) Name() string { return c.config.Name }

// hit returns the entry of key if it is all that a Get needs: fresh, and not due to be reloaded. The rest is left to resolve.
func (c *engine[K, V]) hit(ctx context.Context, key K) *entry[V] {
	if ctx.Err() != nil {
		return nil
	}
	// The clock before the search: to read it takes longer if something has just been written, and the search writes down what was used.
	now := c.clock.real()
	e := c.store.get(key)
	if e == nil {
		return nil
	}
	if c.clock.virtual.Load() {
		now = c.clock.now(ctx)
	}
	if now >= e.due.Load() {
		return nil
	}
	c.counts.hit(e.stale)
	return e
}

// resolve goes on with a Get for which there was no hit.
func (c *engine[K, V]) resolve(ctx context.Context, key K, load func(context.Context) (V, error)) (V, error) {
	if ctx.Err() != nil {
		var zero V
		return zero, context.Cause(ctx)
	}
	now := c.clock.now(ctx)
	e := c.store.peek(key)
	if e == nil || now >= e.freshUntil {
		return c.await(ctx, key, load)
	}
	if e.claim(now) {
		c.refresh(key, e, load)
	}
	c.counts.hit(e.stale)
	return e.value, e.err
}

// Set puts value in for key, as if a load had just brought it.
//
// If there is a Tier, Set tells it first. If that fails, the error says so; then this process has the value, and others may not.
//
// # Cancellation
//
// If ctx is done already, Set returns its cause and has done nothing. If ctx ends while it speaks to the tier, or waits for
// others that do for the same key, it returns an error around the cause; this process has the value then.
func (c *engine[K, V]) Set(ctx context.Context, key K, value V) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c.store.peek(key) // panics if the key cannot be compared, and so not under the lock
	e := c.newEntry(key, value, c.clock.now(ctx))
	if c.config.Tier == nil {
		return c.overwrite(ctx, key, e)
	}
	return c.exclusively(ctx, key, func() error {
		err := c.tell(ctx, key, e)
		if own := c.overwrite(ctx, key, e); own != nil {
			return own
		}
		return err
	}, func() error { return c.overwrite(ctx, key, e) })
}

// Invalidate forgets what there is for key, and makes sure that no load that has begun before brings it back.
//
// If there is a Tier, Invalidate deletes it there, too. If that fails, the error says so; then this process has forgotten, but will find
// in the tier what it has.
//
// # Cancellation
//
// If ctx is done already, Invalidate returns its cause and has done nothing. If ctx ends while it speaks to the tier, or waits for
// others that do for the same key, it returns an error around the cause; this process has forgotten then.
func (c *engine[K, V]) Invalidate(ctx context.Context, key K) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c.store.peek(key) // as in Set
	if err := c.overwrite(ctx, key, nil); err != nil || c.config.Tier == nil {
		return err
	}
	// Again afterwards: who has come meanwhile has found in the tier what is now deleted.
	again := func() error { return c.overwrite(ctx, key, nil) }
	return c.exclusively(ctx, key, func() error {
		err := c.forget(ctx, key)
		if own := again(); own != nil {
			return own
		}
		return err
	}, again)
}

// overwrite puts e in for key, or nothing if e is nil, and disowns the load of key.
func (c *engine[K, V]) overwrite(ctx context.Context, key K, e *entry[V]) error {
	now := c.clock.now(ctx)
	c.mu.Lock()
	if c.closing {
		c.mu.Unlock()
		return c.closed(nil)
	}
	unwanted := c.disown(key)
	c.write(key, e, now)
	c.mu.Unlock()
	c.cancel(unwanted, errUnwanted)
	return nil
}

// write changes the store. mu is held.
func (c *engine[K, V]) write(key K, e *entry[V], now int64) {
	if s := c.sharings[key]; s != nil {
		s.version++
	}
	if e == nil || key != key { //nolint:gocritic // NaN, which would never be found
		c.store.entries.Invalidate(key)
		return
	}
	c.store.put(key, e, now)
}

// Clear forgets everything that this process has in memory, and makes sure that no load that has begun before brings it back.
// It does not touch the Tier. It never waits.
func (c *engine[K, V]) Clear() {
	c.mu.Lock()
	unwanted := make([]*flight[V], 0, len(c.flights))
	for key := range c.flights {
		unwanted = append(unwanted, c.disown(key))
	}
	for _, s := range c.sharings {
		s.version++
	}
	c.store.entries.InvalidateAll()
	c.mu.Unlock()
	for _, f := range unwanted {
		c.cancel(f, errUnwanted)
	}
}

// Close ends the cache: it cancels all loads, waits until they have ended, and forgets all entries.
// A Get that waits, and later calls that would have to load or write, return ErrClosed. Closing again waits again.
//
// A cache need not be closed before its scope ends. Called by a load of the cache itself, Close returns braid.ErrSelfDeadlock
// instead of waiting for ever.
//
// # Cancellation
//
// If ctx ends first, or is done already, Close returns its cause. The cache is closed all the same, and the group waits for what still runs.
func (c *engine[K, V]) Close(ctx context.Context) error {
	me := c.flightOf(ctx)
	c.mu.Lock()
	c.closing = true
	clear(c.flights)
	left := make([]*flight[V], 0, len(c.running))
	for f := range c.running {
		left = append(left, f)
		f.stop(c.closed(nil))
	}
	c.store.entries.InvalidateAll()
	c.mu.Unlock()
	for _, f := range left {
		c.cancel(f, c.closed(nil))
	}
	c.store.upkeep.wait()
	if me != nil {
		return fmt.Errorf("%s: a load closes its own cache: %w", c.config.Name, braid.ErrSelfDeadlock)
	}
	for _, f := range left {
		if err := f.started.Wait(ctx); err != nil {
			return err
		}
		if _, err := f.task.Wait(ctx); err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// tellOnLoad calls the user's hook.
func (c *engine[K, V]) tellOnLoad(l Load[K]) {
	if c.config.OnLoad != nil {
		guard(c.config.Name, "OnLoad", func() { c.config.OnLoad(l) })
	}
}

// guard calls f, which must not keep its caller from going on.
func guard(name, what string, f func()) {
	defer func() {
		if v := recover(); v != nil {
			slog.Error("cache: "+what+" panicked", "cache", name, "panic", v)
		}
	}()
	f()
}
