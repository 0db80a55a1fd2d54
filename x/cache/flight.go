package cache

import (
	"context"
	"slices"

	"github.com/braid-go/braid"
)

// flight is a task of the cache: a load and those who wait for it, or a value on its way to the tier.
// All but started and task belongs to the engine's mu until the task has ended; value and err are written before that, and read after.
type flight[V any] struct {
	started braid.Event // task is there
	task    *braid.Future[struct{}]

	waiters   int  // the Gets that wait; the cache itself is one of them as long as it wants the result anyway
	wanted    bool // the cache is one of the waiters
	settled   bool
	stopped   error        // why it is to end
	waitsOn   []*flight[V] // those that Gets in the load wait for
	refreshOf *entry[V]    // what it is to replace ahead of time

	value  V
	err    error
	landed bool // these are what the load has come to
}

// stop notes that f is to end. mu is held. The engine's cancel does it, without mu: a call of braid may let other tasks run.
func (f *flight[V]) stop(cause error) {
	if f.stopped == nil {
		f.stopped = cause
	}
}

// leadsTo reports whether f waits for other, at any remove. mu is held.
func (f *flight[V]) leadsTo(other *flight[V]) bool {
	if f == other {
		return true
	}
	seen := map[*flight[V]]bool{f: true}
	for next := slices.Clone(f.waitsOn); len(next) > 0; {
		f, next = next[0], next[1:]
		switch {
		case f == other:
			return true
		case !seen[f]:
			seen[f] = true
			next = append(next, f.waitsOn...)
		}
	}
	return false
}

// flightOfKey is what a load's ctx has its flight under.
type flightOfKey struct{ engine any }

// flightOf returns the load of this cache that ctx belongs to, or nil.
func (c *engine[K, V]) flightOf(ctx context.Context) *flight[V] {
	f, _ := ctx.Value(flightOfKey{c}).(*flight[V])
	return f
}

// await gets what a load of key brings, the one under way or a new one.
func (c *engine[K, V]) await(ctx context.Context, key K, load func(context.Context) (V, error)) (V, error) {
	var zero V
	me := c.flightOf(ctx)
	name := c.named(c.loading, key)
	now := c.clock.now(ctx)
	c.mu.Lock()
	if e := c.store.peek(key); e != nil && now < e.freshUntil { // a load has ended in between
		c.mu.Unlock()
		c.counts.hit(e.stale)
		return e.value, e.err
	}
	if c.closing {
		c.mu.Unlock()
		return zero, c.closed(nil)
	}
	f := c.flights[key]
	first := f == nil
	switch {
	case first:
		f = c.newFlight(key)
	case me != nil && f.leadsTo(me):
		c.mu.Unlock()
		return zero, c.deadlock(key)
	default:
		c.counts.joined.Add(1)
	}
	f.waiters++
	if me != nil {
		me.waitsOn = append(me.waitsOn, f)
	}
	c.mu.Unlock()
	c.counts.misses.Add(1)

	defer c.leave(key, f, me)
	if first {
		c.begin(f, name, c.loader(key, f, load))
	} else if err := f.started.Wait(ctx); err != nil {
		return zero, err
	}
	_, err := f.task.Wait(ctx)
	switch {
	case err == nil:
		return f.value, f.err
	case ctx.Err() != nil:
		return zero, context.Cause(ctx)
	case neverRan(err):
		return zero, c.closed(nil)
	case f.landed: // and then a hook has called runtime.Goexit
		return f.value, f.err
	}
	return zero, err
}

// newFlight makes a flight for key. mu is held.
func (c *engine[K, V]) newFlight(key K) *flight[V] {
	f := &flight[V]{}
	f.started.SetName("load of " + c.config.Name)
	if key == key { //nolint:gocritic // but for NaN, which a map would keep for ever: it has a flight for each Get
		c.flights[key] = f
	}
	c.running[f] = struct{}{}
	return f
}

// neverRan reports whether err is that of a task that its group did not start.
func neverRan(err error) bool {
	return err == braid.ErrNotStarted || err == braid.ErrClosed //nolint:errorlint // as they are: a load may panic with one of them
}

// begin starts the task of f. It must be called without mu: on an eager loop the task runs before begin returns.
func (c *engine[K, V]) begin(f *flight[V], name braid.NameOption, run func(context.Context)) {
	task := braid.Submit(c.portal, func(ctx context.Context) (struct{}, error) {
		defer c.ended(f)
		run(context.WithValue(ctx, flightOfKey{c}, f))
		return struct{}{}, nil
	}, name)
	c.mu.Lock()
	f.task = task
	stopped := f.stopped
	c.mu.Unlock()
	f.started.Set()
	if stopped != nil {
		task.Cancel(stopped)
	}
	if _, err := task.Result(); err != nil && neverRan(err) {
		c.ended(f)
	}
}

// cancel cancels f, for which stop has been called, unless it is nil. It must be called without mu.
func (c *engine[K, V]) cancel(f *flight[V], cause error) {
	if f == nil {
		return
	}
	c.mu.Lock()
	task := f.task
	c.mu.Unlock()
	if task == nil {
		return // begin will see that it is to stop
	}
	task.Cancel(cause)
	if _, err := task.Result(); err != nil && neverRan(err) {
		c.ended(f)
	}
}

// named returns the name of a task for key. It calls the user's function, so it is called with no lock held, and before a flight is there.
func (c *engine[K, V]) named(name braid.NameOption, key K) braid.NameOption {
	if c.config.TaskName == nil {
		return name
	}
	guard(c.config.Name, "TaskName", func() { name += " " + braid.NameOption(c.config.TaskName(key)) })
	return name
}

// ended is called when the task of f has come to its end, or will never run.
func (c *engine[K, V]) ended(f *flight[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.settled = true
	delete(c.running, f)
}

// leave is called by a Get that has waited for f, in the load me if that is not nil. The last one cancels f.
func (c *engine[K, V]) leave(key K, f, me *flight[V]) {
	c.mu.Lock()
	if me != nil {
		i := slices.Index(me.waitsOn, f)
		me.waitsOn = slices.Delete(me.waitsOn, i, i+1)
	}
	f.waiters--
	last := f.waiters == 0
	if last && c.flights[key] == f {
		delete(c.flights, key) // before it is cancelled, so that nobody joins what is going to fail
	}
	unwanted := last && !f.settled
	if unwanted {
		f.stop(errUnwanted)
	}
	c.mu.Unlock()
	if !unwanted {
		return
	}
	c.counts.unwanted.Add(1)
	c.cancel(f, errUnwanted)
}

// disown makes the load of key one whose result is not kept, and returns it if nobody waits for it and it is to be cancelled.
// mu is held.
func (c *engine[K, V]) disown(key K) *flight[V] {
	f := c.flights[key]
	if f == nil {
		return nil
	}
	delete(c.flights, key)
	if f.wanted {
		f.wanted = false
		f.waiters--
	}
	if f.waiters > 0 {
		return nil
	}
	f.stop(errUnwanted)
	return f
}

// refresh begins to reload e, which its caller has claimed, unless that is under way.
func (c *engine[K, V]) refresh(key K, e *entry[V], load func(context.Context) (V, error)) {
	name := c.named(c.refreshing, key)
	c.mu.Lock()
	if c.closing || c.flights[key] != nil || c.store.peek(key) != e {
		c.mu.Unlock()
		return
	}
	f := c.newFlight(key)
	f.waiters, f.wanted, f.refreshOf = 1, true, e
	c.mu.Unlock()
	c.counts.refreshes.Add(1)
	c.begin(f, name, c.loader(key, f, load))
}
