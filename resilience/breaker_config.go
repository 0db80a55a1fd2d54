package resilience

import (
	"fmt"
	"math"
	"time"
)

// What a [BreakerConfig] means by 0.
const (
	DefaultWindow      = 10 * time.Second
	DefaultBuckets     = 10
	DefaultMinCalls    = 20
	DefaultFailureRate = 0.5
	DefaultSlowRate    = 0.5
	DefaultOpenFor     = 5 * time.Second
	DefaultOpenMax     = 2 * time.Minute
	DefaultOpenJitter  = 0.2
	DefaultProbes      = 1
	DefaultLease       = 10 * time.Second
)

// BreakerConfig says when a [Breaker] opens and how it closes again. Its zero value is usable: a breaker that opens when half of
// at least 20 calls within 10 s have failed.
type BreakerConfig struct {
	// Name stands in errors and changes. It may be empty.
	Name string

	// Window is the time over which calls are counted; 0 means DefaultWindow. It slides in steps of a bucket,
	// of which there are Buckets; 0 means DefaultBuckets.
	Window  time.Duration
	Buckets int

	// MinCalls is how many calls the window must hold before a rate means anything; 0 means DefaultMinCalls.
	MinCalls int

	// FailureRate opens the breaker if this part of the calls in the window has failed: at most 1.
	// 0 means DefaultFailureRate, a negative number that failures are not judged by their rate.
	FailureRate float64

	// SlowCall is the time from which on a call counts as slow, whatever its result; 0 means that none does.
	// It costs another reading of the clock in each call.
	SlowCall time.Duration

	// SlowRate opens the breaker if this part of the calls in the window was slow: at most 1. 0 means DefaultSlowRate.
	SlowRate float64

	// Consecutive opens the breaker after so many failures without a success between them, without regard to MinCalls
	// and to the time in which they came. 0 means that it does not.
	Consecutive int

	// OpenFor is how long the breaker stays open at first; 0 means DefaultOpenFor. Each time it opens again before
	// it has been closed, the time doubles, up to OpenMax; 0 means DefaultOpenMax.
	OpenFor, OpenMax time.Duration

	// OpenJitter is the part of the open time that is left to chance, from 0 to 1, so that the instances of a service
	// do not all come back in the same moment: the time is drawn from [(1-OpenJitter)*t, t].
	// 0 means DefaultOpenJitter, a negative number no jitter.
	OpenJitter float64

	// Probes is how many calls the half-open breaker admits at a time; 0 means DefaultProbes.
	// Successes is how many of them must succeed to close it; 0 means as many as Probes.
	Probes, Successes int

	// Lease is how long a probe may take; 0 means DefaultLease. A probe that has not ended by then, whatever has become
	// of it, counts as failed: the breaker opens again, and what the probe says later is not heard.
	Lease time.Duration

	// IsFailure says which errors are failures; nil means all. It is not asked about calls that count for nothing:
	// those that their own caller has cancelled and those that another policy has rejected.
	// It must not panic; if it does, the call is a failure.
	IsFailure func(error) bool

	// OnChange hears of every change of the state: one after another, in order, after the lock of the breaker has been
	// released, so it may use the breaker. It is called by a task that happens to use the breaker, and holds that up.
	// A panic in it is logged and goes no further.
	OnChange func(Change)

	// Rand draws the jitter from [0, 1). nil means that of math/rand/v2; a simulation has its own.
	Rand func() float64
}

func (c BreakerConfig) filled() BreakerConfig {
	c.Window = or(c.Window, DefaultWindow)
	c.Buckets = or(c.Buckets, DefaultBuckets)
	c.MinCalls = or(c.MinCalls, DefaultMinCalls)
	c.FailureRate = or(c.FailureRate, DefaultFailureRate)
	c.SlowRate = or(c.SlowRate, DefaultSlowRate)
	c.OpenFor = or(c.OpenFor, DefaultOpenFor)
	c.OpenMax = or(c.OpenMax, max(DefaultOpenMax, c.OpenFor))
	c.OpenJitter = or(c.OpenJitter, DefaultOpenJitter)
	c.Probes = or(c.Probes, DefaultProbes)
	c.Successes = or(c.Successes, c.Probes)
	c.Lease = or(c.Lease, DefaultLease)
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
func (c BreakerConfig) check() string {
	wrong := func(field string, v any, want string) string {
		return fmt.Sprintf("BreakerConfig.%s is %v: it must be %s", field, v, want)
	}
	switch {
	case c.Window < 0:
		return wrong("Window", c.Window, "positive, or 0 for the default")
	case c.Buckets < 0 || c.Buckets > 10_000:
		return wrong("Buckets", c.Buckets, "from 1 to 10000, or 0 for the default")
	case c.MinCalls < 0:
		return wrong("MinCalls", c.MinCalls, "positive, or 0 for the default")
	case math.IsNaN(c.FailureRate) || c.FailureRate > 1:
		return wrong("FailureRate", c.FailureRate, "a part of 1; a negative number turns it off")
	case c.SlowCall < 0:
		return wrong("SlowCall", c.SlowCall, "positive, or 0 for none")
	case math.IsNaN(c.SlowRate) || c.SlowRate < 0 || c.SlowRate > 1:
		return wrong("SlowRate", c.SlowRate, "a part of 1, or 0 for the default; without SlowCall no call is slow")
	case c.Consecutive < 0:
		return wrong("Consecutive", c.Consecutive, "positive, or 0 for off")
	case c.FailureRate < 0 && c.SlowCall == 0 && c.Consecutive == 0:
		return "BreakerConfig with FailureRate off, no SlowCall and no Consecutive would never open: set one of them"
	case c.OpenFor < 0:
		return wrong("OpenFor", c.OpenFor, "positive, or 0 for the default")
	case c.OpenMax < c.OpenFor:
		return wrong("OpenMax", c.OpenMax, fmt.Sprintf("at least OpenFor, which is %v", c.OpenFor))
	case math.IsNaN(c.OpenJitter) || c.OpenJitter > 1:
		return wrong("OpenJitter", c.OpenJitter, "a part of 1; a negative number turns it off")
	case c.Probes < 0:
		return wrong("Probes", c.Probes, "positive, or 0 for the default")
	case c.Successes < 0:
		return wrong("Successes", c.Successes, "positive, or 0 for as many as Probes")
	case c.Lease < 0:
		return wrong("Lease", c.Lease, "positive, or 0 for the default")
	}
	return ""
}
