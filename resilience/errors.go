package resilience

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

var (
	// ErrRejected is matched by every error that means: a policy did not let the function start, nothing has reached
	// the dependency. These are [*OpenError], [*FullError], [*LimitError] and [*NoTimeError].
	// In a [*RetryError] of several attempts it is the last one that was rejected.
	ErrRejected = errors.New("resilience: rejected")

	// ErrOpen is matched by the error of a [Breaker] that does not admit a call.
	ErrOpen = errors.New("resilience: the breaker is open")

	// ErrFull is matched by the error of a [Bulkhead] without a free slot and without room in its queue.
	ErrFull = errors.New("resilience: the bulkhead is full")

	// ErrLimited is matched by the error of a [RateLimit] whose queue is full.
	ErrLimited = errors.New("resilience: over the rate limit")

	// ErrNoTime is matched by errors which say that something was not started because it could not finish in time.
	ErrNoTime = errors.New("resilience: not enough time left")

	// ErrAttemptsSpent is matched by the error of a [Retry] that has tried as often as it may.
	ErrAttemptsSpent = errors.New("resilience: all attempts failed")

	// ErrBudgetSpent is matched by the error of a [Retry] that would have tried again, if its [Budget] had allowed it.
	ErrBudgetSpent = errors.New("resilience: the retry budget is spent")

	// ErrNotRetried is matched by the error of a [Retry] that gave up after several attempts,
	// because the last error was one that must not be retried.
	ErrNotRetried = errors.New("resilience: must not be retried")

	// ErrChaos is the error that a [Chaos] injects unless it has one of its own.
	ErrChaos = errors.New("resilience: injected by chaos")
)

// OpenError says that a breaker did not admit a call. It matches [ErrOpen] and [ErrRejected].
type OpenError struct {
	Breaker string       // the name from the config; may be empty
	State   BreakerState // Open, HalfOpen or Isolated

	// After is how long it makes no sense to ask again; 0 if nobody knows, as with an isolated breaker.
	// In the half-open state it is the time after which the next probe will be admitted at the latest,
	// or the breaker will have been decided.
	After time.Duration
	Last  error // the failure that opened the breaker; nil if it was slowness or somebody's hand. Not unwrapped.
}

func (e *OpenError) Error() string {
	s := "resilience: breaker " + named(e.Breaker) + "is " + e.State.String()
	if e.After > 0 {
		s += fmt.Sprintf("; retry after %v", e.After)
	}
	if e.Last != nil {
		s += " (last failure: " + e.Last.Error() + ")"
	}
	return s
}

// Is makes errors.Is match ErrOpen and ErrRejected.
func (e *OpenError) Is(target error) bool { return target == ErrOpen || target == ErrRejected }

// RetryAfter returns After.
func (e *OpenError) RetryAfter() time.Duration { return e.After }

// FullError says that a bulkhead had no slot for a call. It matches [ErrFull] and [ErrRejected].
type FullError struct {
	Bulkhead string        // the name from the config; may be empty
	Waited   time.Duration // 0 if there was no room in the queue; else the MaxWait that has passed in it
}

func (e *FullError) Error() string {
	if e.Waited > 0 {
		return fmt.Sprintf("resilience: bulkhead %shad no free slot for %v", named(e.Bulkhead), e.Waited)
	}
	return "resilience: bulkhead " + named(e.Bulkhead) + "is full, and so is its queue"
}

// Is makes errors.Is match ErrFull and ErrRejected.
func (e *FullError) Is(target error) bool { return target == ErrFull || target == ErrRejected }

// LimitError says that a call came too soon. It matches [ErrLimited] and [ErrRejected].
type LimitError struct {
	Limit string        // the name from the config; may be empty
	After time.Duration // when a call would have been let through, if no other came
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("resilience: over the rate limit%s; retry after %v", strings.TrimRight(" "+e.Limit, " "), e.After)
}

// Is makes errors.Is match ErrLimited and ErrRejected.
func (e *LimitError) Is(target error) bool { return target == ErrLimited || target == ErrRejected }

// RetryAfter returns After.
func (e *LimitError) RetryAfter() time.Duration { return e.After }

// NoTimeError says that something was not started because it could not finish within the time that is left
// until the ctx's deadline. It matches [ErrNoTime] and [ErrRejected].
type NoTimeError struct {
	For  string        // what was not started: "call", "retry", "rate limit" or "bulkhead"
	Need time.Duration // the wait that is due first, and the Expect of the policy
	Left time.Duration // until the deadline; negative if it has passed
}

func (e *NoTimeError) Error() string {
	return fmt.Sprintf("resilience: not enough time for a %s: it needs %v and %v are left", e.For, e.Need, e.Left)
}

// Is makes errors.Is match ErrNoTime and ErrRejected.
func (e *NoTimeError) Is(target error) bool { return target == ErrNoTime || target == ErrRejected }

// RetryError says why a [Retry] does not try again. It unwraps to the last attempt's error,
// and matches what Why matches, except for [ErrRejected]: a Why of ErrNoTime has stopped no first attempt.
type RetryError struct {
	Attempts int   // that were made, the first one included
	Why      error // ErrAttemptsSpent, ErrBudgetSpent, ErrNotRetried or a *NoTimeError
	Err      error // of the last attempt
}

func (e *RetryError) Error() string {
	times := "attempts"
	if e.Attempts == 1 {
		times = "attempt"
	}
	return fmt.Sprintf("%v (after %d %s: %v)", e.Err, e.Attempts, times, e.Why)
}

// Is makes errors.Is match Why.
func (e *RetryError) Is(target error) bool { return target != ErrRejected && errors.Is(e.Why, target) }

// Unwrap returns the last attempt's error.
func (e *RetryError) Unwrap() error { return e.Err }

// named puts a name into a sentence.
func named(name string) string {
	if name == "" {
		return ""
	}
	return name + " "
}

// same is a == b that does not panic on errors that cannot be compared.
func same(a, b error) bool {
	return a != nil && b != nil && reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && a == b //nolint:errorlint // identity is meant
}
