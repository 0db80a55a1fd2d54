// Package cachetest helps to write and to test what package cache works with: a [Tier] in memory, and a suite that tells whether a tier
// of another kind does what the cache relies on.
package cachetest

import (
	"context"
	"sync"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/x/cache"
)

// Tier is a cache.Tier in memory, for tests and examples. It has no bound, and removes what is over only when it is asked for it.
// Make one with [NewTier].
type Tier struct {
	mu     sync.Mutex
	values map[string]value
}

type value struct {
	data  []byte
	until time.Time // zero for ever
}

// NewTier returns an empty tier.
func NewTier() *Tier { return &Tier{values: make(map[string]value)} }

// Get implements cache.Tier.
//
// # Cancellation
//
// It never waits. If ctx is done, it returns its cause.
func (t *Tier) Get(ctx context.Context, key string) ([]byte, bool, error) {
	if ctx.Err() != nil {
		return nil, false, context.Cause(ctx)
	}
	now := braid.Time(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	v, ok := t.values[key]
	if ok && !v.until.IsZero() && !now.Before(v.until) {
		delete(t.values, key)
		ok = false
	}
	if !ok {
		return nil, false, nil
	}
	return append([]byte(nil), v.data...), true, nil
}

// Set implements cache.Tier.
//
// # Cancellation
//
// It never waits. If ctx is done, it returns its cause and has done nothing.
func (t *Tier) Set(ctx context.Context, key string, data []byte, ttl time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	v := value{data: append([]byte(nil), data...)}
	if ttl < cache.Forever {
		v.until = braid.Time(ctx).Add(ttl)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.values[key] = v
	return nil
}

// Delete implements cache.Tier.
//
// # Cancellation
//
// It never waits. If ctx is done, it returns its cause and has done nothing.
func (t *Tier) Delete(ctx context.Context, key string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.values, key)
	return nil
}

// Len returns the number of values, those that are over included.
func (t *Tier) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.values)
}
