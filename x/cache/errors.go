package cache

import (
	"errors"
	"fmt"

	"github.com/braid-go/braid"
)

// ErrNotFound says that there is nothing for a key. The loading function returns it, or an error that wraps it;
// that is an answer and no failure: it is kept for [Config].NegativeTTL, and replaces what was known before.
var ErrNotFound = errors.New("cache: not found")

// ErrClosed is returned by a cache that was closed, or whose scope has ended, if it would have to load.
var ErrClosed = errors.New("cache: it is closed, or its scope has ended")

// errUnwanted is the cause with which a load is cancelled that nobody waits for.
var errUnwanted = errors.New("cache: nobody waits for this load any more")

// closed says why there will be no load: the cache's scope is over, or ends with cause.
func (c *engine[K, V]) closed(cause error) error {
	if cause == nil || errors.Is(cause, ErrClosed) {
		return fmt.Errorf("%s: %w", c.config.Name, ErrClosed)
	}
	return fmt.Errorf("%s: %w: %w", c.config.Name, ErrClosed, cause)
}

// deadlock is for a load that asks for what waits for it.
func (c *engine[K, V]) deadlock(key K) error {
	return fmt.Errorf("%s: the load of a key asks for key %v, whose load waits for the first one: %w", c.config.Name, key, braid.ErrSelfDeadlock)
}
