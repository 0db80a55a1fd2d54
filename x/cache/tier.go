package cache

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/braid-go/braid"
)

// Tier is a second cache behind the one in memory: larger, slower, and perhaps shared with other processes, such as Redis or a key-value
// store of NATS. The suite in package cachetest says whether one works.
//
// Its methods are called by many tasks at a time, with a ctx that ends after [Config].TierTimeout. They must not keep or change the bytes
// that they are given, nor those that they return. An operation that fails may have been done or not.
type Tier interface {
	// Get returns the value of key and true, or false if there is none, or its time is over.
	Get(ctx context.Context, key string) ([]byte, bool, error)

	// Set puts a value in for key, in place of the one that is there. After ttl, which is positive, it is gone; with [Forever] it stays.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error

	// Delete removes the value of key. It is no error if there is none.
	Delete(ctx context.Context, key string) error
}

// sharing orders what this process does to one key of the tier: what is known later must also be written later.
type sharing struct {
	alone   braid.Mutex // held while the tier is written to
	users   int
	version uint64 // counts what is written to the store; a load's value that is no longer the newest is not shared
}

// sharingOf returns the sharing of key, to be given back with unshare. mu is held.
func (c *engine[K, V]) sharingOf(key K) *sharing {
	s := c.sharings[key]
	if s == nil {
		s = &sharing{}
		s.alone.SetName("tier of " + c.config.Name)
		c.sharings[key] = s
	}
	s.users++
	return s
}

func (c *engine[K, V]) unshare(key K, s *sharing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(c.sharings, key)
	}
}

// exclusively calls do while nobody else deals with key in the tier; if that does not come about, instead.
func (c *engine[K, V]) exclusively(ctx context.Context, key K, do, instead func() error) error {
	c.mu.Lock()
	s := c.sharingOf(key)
	c.mu.Unlock()
	defer c.unshare(key, s)
	if err := s.alone.Lock(ctx); err != nil {
		if own := instead(); own != nil {
			return own
		}
		return c.tierError("was not told", err)
	}
	defer s.alone.Unlock()
	return do()
}

// share begins to tell the tier what a load has found.
func (c *engine[K, V]) share(key K, e *entry[V], errand *flight[V], name braid.NameOption, s *sharing, version uint64) {
	c.begin(errand, name, func(ctx context.Context) {
		defer c.unshare(key, s)
		if s.alone.Lock(ctx) != nil {
			return
		}
		defer s.alone.Unlock()
		c.mu.Lock()
		newest := s.version == version
		c.mu.Unlock()
		if !newest {
			return
		}
		if err := c.tell(ctx, key, e); err != nil && ctx.Err() == nil {
			c.tellOnTierError(key, err)
		}
	})
}

// tell writes e to the tier, or deletes the key if e is nil.
func (c *engine[K, V]) tell(ctx context.Context, key K, e *entry[V]) error {
	if e == nil {
		return c.forget(ctx, key)
	}
	data, ttl, err := c.pack(ctx, e)
	if err != nil {
		c.counts.tierErrors.Add(1)
		return c.tierError("was not told, because the value cannot be encoded", err)
	}
	err = within(ctx, c.config.TierTimeout, func(ctx context.Context) error {
		return c.config.Tier.Set(ctx, c.nameInTier(key), data, ttl)
	})
	if err != nil {
		c.counts.tierErrors.Add(1)
		return c.tierError("may not have the value", err)
	}
	return nil
}

func (c *engine[K, V]) forget(ctx context.Context, key K) error {
	err := within(ctx, c.config.TierTimeout, func(ctx context.Context) error {
		return c.config.Tier.Delete(ctx, c.nameInTier(key))
	})
	if err != nil {
		c.counts.tierErrors.Add(1)
		return c.tierError("may still have the value", err)
	}
	return nil
}

// ask returns what the tier has for key, or nil.
func (c *engine[K, V]) ask(ctx context.Context, key K) *entry[V] {
	var data []byte
	var ok bool
	err := within(ctx, c.config.TierTimeout, func(ctx context.Context) (err error) {
		data, ok, err = c.config.Tier.Get(ctx, c.nameInTier(key))
		return err
	})
	var e *entry[V]
	if err == nil && ok {
		e, err = c.unpack(ctx, key, data)
	}
	switch {
	case err != nil && ctx.Err() == nil:
		c.counts.tierErrors.Add(1)
		c.tellOnTierError(key, c.tierError("could not be asked", err))
		return nil
	case e == nil:
		c.counts.tierMisses.Add(1)
	default:
		c.counts.tierHits.Add(1)
	}
	return e
}

func (c *engine[K, V]) tellOnTierError(key K, err error) {
	if c.config.OnTierError != nil {
		guard(c.config.Name, "OnTierError", func() { c.config.OnTierError(key, err) })
	}
}

func (c *engine[K, V]) tierError(what string, err error) error {
	return fmt.Errorf("%s: the tier %s: %w", c.config.Name, what, err)
}

func (c *engine[K, V]) nameInTier(key K) string { return c.config.Name + ":" + c.tierKey(key) }

// plainKey reports whether fmt.Sprint makes different strings of different keys.
func plainKey[K comparable]() bool {
	switch reflect.TypeFor[K]().Kind() {
	case reflect.String, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		_, isStringer := any(*new(K)).(fmt.Stringer)
		_, isError := any(*new(K)).(error)
		return !isStringer && !isError
	default:
		return false
	}
}

// In the tier a value stands behind a head: the version of the format, what it is, and until when it is fresh and kept, as Unix time in
// nanoseconds. So another process does not take it for younger than it is, as far as their clocks agree.
const (
	packedVersion  = 1
	packedValue    = 0
	packedNotFound = 1
	packedHead     = 2 + 8 + 8
)

func (c *engine[K, V]) pack(ctx context.Context, e *entry[V]) (data []byte, ttl time.Duration, err error) {
	kind := byte(packedValue)
	var body []byte
	if e.err != nil {
		kind = packedNotFound
		body = []byte(e.err.Error())
	} else if body, err = c.codec.Encode(e.value); err != nil {
		return nil, 0, err
	}
	now, wall := c.clock.now(ctx), braid.Time(ctx).UnixNano()
	onWall := func(t int64) uint64 {
		if t == never {
			return never
		}
		return uint64(wall + (t - now))
	}
	data = make([]byte, 0, packedHead+len(body))
	data = append(data, packedVersion, kind)
	data = binary.BigEndian.AppendUint64(data, onWall(e.freshUntil))
	data = binary.BigEndian.AppendUint64(data, onWall(e.keepUntil))
	ttl = Forever
	if e.keepUntil != never {
		ttl = max(time.Duration(e.keepUntil-now), 1)
	}
	return append(data, body...), ttl, nil
}

// unpack makes an entry of what pack has made; nil if its time is over.
func (c *engine[K, V]) unpack(ctx context.Context, key K, data []byte) (*entry[V], error) {
	if len(data) < packedHead || data[0] != packedVersion || data[1] > packedNotFound {
		return nil, errors.New("it has something that this cache has not written, or in a newer format")
	}
	now, wall := c.clock.now(ctx), braid.Time(ctx).UnixNano()
	here := func(t uint64) int64 {
		if t == never {
			return never
		}
		return now + (int64(t) - wall)
	}
	// Whatever the other one's clock and config say, it lives no longer than what is loaded here.
	fresh := min(here(binary.BigEndian.Uint64(data[2:])), after(now, c.config.TTL))
	keep := min(here(binary.BigEndian.Uint64(data[10:])), after(fresh, c.config.Stale))
	if now >= keep {
		return nil, nil //nolint:nilnil // nothing there, and that is no error
	}
	body := data[packedHead:]
	if data[1] == packedNotFound {
		if c.config.NegativeTTL <= 0 {
			return nil, nil //nolint:nilnil // as above
		}
		return c.failureUntil(notFound(body), min(fresh, after(now, c.config.NegativeTTL))), nil
	}
	value, err := c.codec.Decode(body)
	if err != nil {
		return nil, err
	}
	return c.valueEntry(key, value, fresh, max(fresh, keep), c.config.RefreshAhead), nil
}

// notFound is an ErrNotFound that comes from the tier.
func notFound(text []byte) error {
	if string(text) == ErrNotFound.Error() {
		return ErrNotFound
	}
	return &notFoundError{text: string(text)}
}

type notFoundError struct{ text string }

func (e *notFoundError) Error() string { return e.text }

func (e *notFoundError) Is(target error) bool { return target == ErrNotFound }
