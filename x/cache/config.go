package cache

import (
	"fmt"
	"math"
	"time"
)

// What a [Config] means by 0.
const (
	DefaultName        = "cache"
	DefaultJitter      = 0.1
	DefaultNegativeTTL = 10 * time.Second
	DefaultErrorTTL    = time.Second
	DefaultLoadTimeout = 30 * time.Second
	DefaultTierTimeout = 500 * time.Millisecond
)

// Forever is a TTL that does not end: the value stays until there is no room for it, or somebody invalidates it.
const Forever time.Duration = math.MaxInt64

// Config says how much a cache keeps, and for how long. Size and TTL must be given.
type Config[K comparable, V any] struct {
	// Name stands in the names of tasks and in errors; "" means DefaultName. It is the prefix of the keys in a Tier.
	Name string

	// Size is how many entries there may be, failures that are kept included, or how much they may weigh if Weight is given.
	// A cache without a bound is a leak, so there is no default.
	Size int

	// Weight says how much of Size a value takes; nil means 1 each. Less than 1 counts as 1, and a failure that is kept weighs 1.
	// A value that weighs more than Size is not kept.
	Weight func(K, V) int

	// TTL is how long a value is fresh. It must be positive; it may be Forever.
	TTL time.Duration

	// TTLOf gives single values a shorter life than TTL, for instance a token the time until it expires. nil means that all have TTL.
	// A value whose time is not positive is returned and not kept.
	TTLOf func(K, V) time.Duration

	// Jitter is the part of each TTL that is left to chance, from 0 to 1, so that what was loaded together is not reloaded together:
	// the time is drawn from [(1-Jitter)*t, t]. 0 means DefaultJitter, a negative number no jitter.
	Jitter float64

	// NegativeTTL is how long an ErrNotFound is kept. 0 means DefaultNegativeTTL, but no longer than TTL; a negative time that it is not kept.
	NegativeTTL time.Duration

	// ErrorTTL is how long any other error is kept, and how long a stale value is served, or a value not refreshed, after
	// a load has failed. 0 means DefaultErrorTTL, but no longer than TTL; a negative time that errors are not kept.
	// Retries belong into the function: around Get they would get the same error again.
	ErrorTTL time.Duration

	// Stale is for how long after its TTL a value is kept, to be used if a load fails. 0 means that it is not.
	Stale time.Duration

	// RefreshAhead is the last part of a value's life in which a Get starts a reload and does not wait for it.
	// It must be less than TTL less the jitter. 0 means that values are not refreshed. A value with a shorter TTL of its own
	// is refreshed in the same part of that.
	RefreshAhead time.Duration

	// LoadTimeout is how long a load may take; 0 means DefaultLoadTimeout, a negative time that there is no limit.
	// As everywhere in braid it ends the load's ctx: a function that does not look at it is waited for.
	LoadTimeout time.Duration

	// TaskName makes the key part of the names of tasks; nil means that it is not. It must not tell secrets: tools show it.
	// It is called by a Get that has to wait, even for a load that is under way. A panic in it is logged, and the task has the name without the key.
	TaskName func(K) string

	// Tier is a second, larger cache, which other processes may share. nil means that there is none.
	Tier Tier

	// TierKey makes the tier's key of K. nil will do for strings and integers.
	TierKey func(K) string

	// Codec is how values are written to the tier. nil means JSON.
	Codec Codec[V]

	// TierTimeout is how long one operation of the tier may take; 0 means DefaultTierTimeout, a negative time that there is no limit.
	TierTimeout time.Duration

	// OnLoad hears of each load that has ended, unless it panicked. It is called by the load's task before those who wait go on, so it should be quick.
	// A panic in it is logged and goes no further, and neither does runtime.Goexit.
	OnLoad func(Load[K])

	// OnTierError hears of each error of the tier that nobody is given: that it could not be asked, or not be told of a value.
	// A panic in it is logged and goes no further.
	OnTierError func(key K, err error)

	// Rand draws the jitter from [0, 1). nil means that of math/rand/v2; a simulation has its own.
	Rand func() float64
}

// Load is what [Config].OnLoad hears of a load.
type Load[K comparable] struct {
	Key      K
	Took     time.Duration
	Err      error // what the function returned, or the *braid.TimeoutError
	Refresh  bool  // it was begun ahead of time
	FromTier bool  // the tier had the value, and the function was not called
	Stale    bool  // it failed, and an earlier value was used instead
	Dropped  bool  // a Set, Invalidate, Clear or Close came in between, so it was not kept
}

func (c Config[K, V]) filled() Config[K, V] {
	c.Name = or(c.Name, DefaultName)
	c.Jitter = or(c.Jitter, DefaultJitter)
	c.NegativeTTL = or(c.NegativeTTL, min(DefaultNegativeTTL, c.TTL))
	c.ErrorTTL = or(c.ErrorTTL, min(DefaultErrorTTL, c.TTL))
	c.LoadTimeout = or(c.LoadTimeout, DefaultLoadTimeout)
	c.TierTimeout = or(c.TierTimeout, DefaultTierTimeout)
	return c
}

// or returns v, or instead of zero the default.
func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// check says what is wrong with a config in which the defaults are filled in.
func (c Config[K, V]) check() string {
	wrong := func(field string, v any, want string) string {
		return fmt.Sprintf("Config.%s is %v: it must be %s", field, v, want)
	}
	switch {
	case c.Size < 1:
		return wrong("Size", c.Size, "positive, for a cache without a bound is a leak; say how many entries there may be")
	case c.TTL <= 0:
		return wrong("TTL", c.TTL, "positive; for values that do not age, say cache.Forever")
	case math.IsNaN(c.Jitter) || c.Jitter > 1:
		return wrong("Jitter", c.Jitter, "a part of 1; a negative number turns it off")
	case c.Stale < 0:
		return wrong("Stale", c.Stale, "positive, or 0 for none")
	case c.RefreshAhead < 0:
		return wrong("RefreshAhead", c.RefreshAhead, "positive, or 0 for none")
	case c.RefreshAhead > 0 && float64(c.RefreshAhead) >= float64(c.TTL)*(1-max(c.Jitter, 0)):
		return wrong("RefreshAhead", c.RefreshAhead,
			fmt.Sprintf("less than TTL less the jitter, which is %v less %v of it, or a value would be reloaded as soon as it is there", c.TTL, max(c.Jitter, 0)))
	case c.Tier == nil && (c.TierKey != nil || c.Codec != nil):
		return "Config has TierKey or Codec, but no Tier"
	case c.Tier != nil && c.TierKey == nil && !plainKey[K]():
		return fmt.Sprintf("Config.TierKey is needed for keys of type %T, so that no two keys become the same string", *new(K))
	}
	return ""
}
