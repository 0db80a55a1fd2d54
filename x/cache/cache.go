package cache

import (
	"context"

	"github.com/braid-go/braid"
)

// Cache is a TTL cache around a function of a key. Make one with [New]. All methods may be called at any time from anywhere;
// those that wait take a ctx.
type Cache[K comparable, V any] struct {
	engine[K, V]

	load func(context.Context, K) (V, error)
}

// New returns a cache around load, whose calls are tasks of g.
// It panics if g or load is nil or the config is invalid, and says what is wrong.
func New[K comparable, V any](g *braid.Group, load func(context.Context, K) (V, error), config Config[K, V]) *Cache[K, V] {
	if load == nil {
		panic("cache: New needs a function that loads; the one given is nil")
	}
	c := &Cache[K, V]{load: load}
	c.open("New", g, config)
	return c
}

// Get returns the value of key: the one in the cache if that is fresh, or else the one that a load brings, which all wait for who
// ask for the key meanwhile. The package's documentation says what happens when a load fails.
//
// # Cancellation
//
// If ctx is done already, Get returns its cause, even if the value is there. If ctx ends while Get waits, it returns the cause.
// The load is cancelled if nobody else waits for it.
func (c *Cache[K, V]) Get(ctx context.Context, key K) (V, error) {
	if e := c.hit(ctx, key); e != nil {
		return e.value, e.err
	}
	return c.getSlowly(ctx, key)
}

// getSlowly is apart from Get, so that a hit does not pay for the function that it makes.
func (c *Cache[K, V]) getSlowly(ctx context.Context, key K) (V, error) {
	return c.resolve(ctx, key, func(ctx context.Context) (V, error) { return c.load(ctx, key) })
}

// Memo is a TTL cache around a function of any argument, from which a key is made. Make one with [NewMemo]. Its methods other
// than Get take the key; [Memo.Key] makes it.
type Memo[A any, K comparable, V any] struct {
	engine[K, V]

	key  func(A) K
	load func(context.Context, A) (V, error)
}

// NewMemo returns a cache around load, whose calls are tasks of g. Arguments with the same key must have the same result:
// all who ask for a key share the load of the one who came first.
// It panics if g, key or load is nil or the config is invalid, and says what is wrong.
func NewMemo[A any, K comparable, V any](
	g *braid.Group, key func(A) K, load func(context.Context, A) (V, error), config Config[K, V],
) *Memo[A, K, V] {
	switch {
	case key == nil:
		panic("cache: NewMemo needs a function that makes a key of an argument; the one given is nil")
	case load == nil:
		panic("cache: NewMemo needs a function that loads; the one given is nil")
	}
	m := &Memo[A, K, V]{key: key, load: load}
	m.open("NewMemo", g, config)
	return m
}

// Key returns the key of arg.
func (m *Memo[A, K, V]) Key(arg A) K { return m.key(arg) }

// Get is [Cache.Get] for the key of arg.
//
// # Cancellation
//
// As with Cache.Get.
func (m *Memo[A, K, V]) Get(ctx context.Context, arg A) (V, error) {
	key := m.key(arg)
	if e := m.hit(ctx, key); e != nil {
		return e.value, e.err
	}
	return m.getSlowly(ctx, arg, key)
}

func (m *Memo[A, K, V]) getSlowly(ctx context.Context, arg A, key K) (V, error) {
	return m.resolve(ctx, key, func(ctx context.Context) (V, error) { return m.load(ctx, arg) })
}
