package resilience

import (
	"context"
	"fmt"
	"time"

	"github.com/braid-go/braid"
)

// Parts are the policies that make up a [Policy]. The order of the fields is the order in which they stand around the function,
// outermost first. It is always the same. A part that is nil or zero is not there.
//
// A policy for each dependency is made once and used for all calls. Breakers, bulkheads, rate limits and budgets may stand
// in several policies, and then count for all of them together.
type Parts[T any] struct {
	// Fallback gives a result when all else has failed. It stands outside the time limit.
	Fallback Fallback[T]

	// Timeout is the time for the whole call: for all attempts and all waits between and before them.
	Timeout Timeout

	// Expect is the least time that is of use to an attempt, such as its median latency. With it, nothing is started that cannot finish:
	// neither an attempt, nor a wait that would leave less than that, nor a hedge. 0 means that any time is enough.
	Expect time.Duration

	// Retry makes further attempts. All that follows is done for each attempt.
	Retry *Retry

	// RateLimit lets attempts through at a rate.
	RateLimit *RateLimit

	// Bulkhead bounds how many attempts run at a time.
	Bulkhead *Bulkhead

	// Breaker is asked when the waits are over, so its answer is fresh and its clock measures the attempt alone.
	// An attempt that would have to wait first asks it before, too: nobody queues for what is closed to them.
	Breaker *Breaker

	// Hedge starts the attempt a second time while it is slow. All hedges together are one call to what stands around them.
	Hedge *Hedge[T]

	// AttemptTimeout is the time for one attempt; each hedge has it for itself.
	AttemptTimeout Timeout

	// Chaos injects faults.
	Chaos *Chaos
}

// Policy is several policies around a function, in the order of [Parts]. Make one with [Compose]. The zero value has no parts.
//
// # One budget of time
//
// The ctx's deadline, or the Timeout if that ends earlier, is one budget for the whole call.
// Before each wait – for a retry, for the rate limit, in the bulkhead's queue – and before each attempt the policy looks whether the time
// that is left is enough for the wait and, after it, for what Parts.Expect says. If it is not, the call fails at once
// with a [*NoTimeError], which names what was not started, what it needs and what was left.
//
// # Cost
//
// A call that has no need to wait makes no goroutine, no timer and no closure. With a time limit it allocates once,
// with one for the attempt too, twice. The clock is read once for the time limits and the rate limit, and once for the breaker.
type Policy[T any] struct {
	parts Parts[T]
	spent bool // a time limit of zero or less was given as the only policy
}

// Compose makes a policy of parts, in the fixed order that [Parts] describes.
// It panics if a part has numbers that make no sense.
func Compose[T any](parts Parts[T]) *Policy[T] {
	valid(parts.Retry)
	valid(parts.RateLimit)
	valid(parts.Bulkhead)
	valid(parts.Breaker)
	valid(parts.Hedge)
	valid(parts.Chaos)
	switch {
	case parts.Timeout < 0:
		panic(fmt.Sprintf("resilience: Parts.Timeout is %v: it must be positive, or 0 for none", time.Duration(parts.Timeout)))
	case parts.AttemptTimeout < 0:
		panic(fmt.Sprintf("resilience: Parts.AttemptTimeout is %v: it must be positive, or 0 for none", time.Duration(parts.AttemptTimeout)))
	case parts.Expect < 0:
		panic(fmt.Sprintf("resilience: Parts.Expect is %v: it must not be negative", parts.Expect))
	case parts.Timeout > 0 && parts.Expect > time.Duration(parts.Timeout):
		panic(fmt.Sprintf("resilience: Parts.Expect is %v and Parts.Timeout %v: no attempt would ever be started", parts.Expect, time.Duration(parts.Timeout)))
	}
	return &Policy[T]{parts: parts}
}

// Do calls fn under the policy and returns what fn returned, or the error of the policy that stands in the way.
// Without a Hedge, fn runs in the calling goroutine. Do does not return before all attempts have.
// It panics if fn is nil.
//
// # Cancellation
//
// If ctx is done already, Do returns its cause and does not call fn. If ctx ends during a wait, Do returns the cause and leaves
// nothing behind: no slot, no turn, no permit. If ctx ends while fn runs, Do returns what fn returns, and does not try again.
func (p *Policy[T]) Do(ctx context.Context, fn func(context.Context) (T, error)) (v T, err error) {
	needFunc(fn == nil)
	if err := causeOf(ctx); err != nil {
		return v, err
	}
	if p.spent {
		return v, &braid.TimeoutError{Op: "timeout", After: time.Duration(p.parts.Timeout)}
	}
	if p.parts.Timeout > 0 {
		v, err = p.inTime(ctx, fn)
	} else {
		v, err = p.retried(ctx, time.Time{}, fn)
	}
	if err != nil && p.parts.Fallback != nil && ctx.Err() == nil {
		return p.parts.Fallback(ctx, err)
	}
	return v, err
}
