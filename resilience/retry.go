package resilience

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/braid-go/braid"
)

// What a [Retry] means by 0.
const (
	DefaultAttempts      = 3
	DefaultBase          = 100 * time.Millisecond
	DefaultMax           = 10 * time.Second
	DefaultMaxRetryAfter = 30 * time.Second
)

// Retry calls a function again after it has failed. Its zero value repeats what is safe to repeat, twice.
//
// # What is retried
//
// Unless Idempotent says that a call may be repeated, only an error that is marked with [Unsent] is retried:
// a call that failed may have been executed all the same. Never retried are an error marked with [Permanent], one that matches
// [ErrRejected], since asking again at once is what a breaker or a limit is there to prevent, and any error once the
// caller's ctx has ended. A panic is not retried; it passes through.
//
// # The wait
//
// Before attempt n+1 it waits for a random time between 0 and the smaller of Max and Base*2^(n-1): full jitter, after
// "Exponential Backoff And Jitter" by Marc Brooker (AWS, 2015). If the error says how long the dependency wants to be left
// alone, see [After], that time comes first, but no more of it than MaxRetryAfter.
// A wait that would not end before the ctx's deadline is not begun: the error comes at once, and says so with a [*NoTimeError].
type Retry struct {
	// Attempts is how often the function is called at most, the first time included; 0 means DefaultAttempts.
	Attempts int

	// Base is the upper bound of the first wait, Max that of all; 0 means DefaultBase and DefaultMax.
	Base, Max time.Duration

	// MaxRetryAfter caps what a dependency may ask for; 0 means DefaultMaxRetryAfter, a negative number that it is not heeded.
	MaxRetryAfter time.Duration

	// Idempotent says that the call may be executed more than once.
	Idempotent bool

	// Budget, if not nil, bounds the retries of all that share it.
	Budget *Budget

	// If, if not nil, is asked about each error that would be retried, and may say no.
	If func(error) bool

	// OnRetry, if not nil, hears of each wait before it begins: the number of attempts made, the last error, the wait.
	OnRetry func(attempts int, err error, wait time.Duration)

	// Rand draws the jitter from [0, 1). nil means that of math/rand/v2; a simulation has its own.
	Rand func() float64
}

func (r *Retry) check() string {
	switch {
	case r.Attempts < 0:
		return fmt.Sprintf("Retry.Attempts is %d: it must be positive, or 0 for the default", r.Attempts)
	case r.Base < 0:
		return fmt.Sprintf("Retry.Base is %v: it must be positive, or 0 for the default", r.Base)
	case r.Max < 0:
		return fmt.Sprintf("Retry.Max is %v: it must be positive, or 0 for the default", r.Max)
	case r.Budget != nil:
		return r.Budget.check()
	}
	return ""
}

// wait returns how long to wait after n attempts, the last of which failed with err;
// or the error that ends the retrying. need is what the next attempt takes at least.
func (r *Retry) wait(ctx context.Context, n int, err error, need time.Duration) (time.Duration, error) {
	m := marksOf(err)
	switch {
	case ctx.Err() != nil:
		return 0, err
	case !r.Idempotent && !m.unsent, m.permanent, rejected(err), r.If != nil && !r.If(err):
		if n == 1 {
			return 0, err
		}
		return 0, &RetryError{Attempts: n, Why: ErrNotRetried, Err: err}
	case n >= or(r.Attempts, DefaultAttempts):
		if n == 1 {
			return 0, err
		}
		return 0, &RetryError{Attempts: n, Why: ErrAttemptsSpent, Err: err}
	}
	wait := r.backoff(n)
	if ask := min(m.after, or(r.MaxRetryAfter, DefaultMaxRetryAfter)); ask > 0 {
		wait += min(ask, math.MaxInt64-wait)
	}
	if late := tooLate(ctx, "retry", time.Time{}, wait, need); late != nil {
		return 0, &RetryError{Attempts: n, Why: late, Err: err}
	}
	if !r.Budget.take() {
		return 0, &RetryError{Attempts: n, Why: ErrBudgetSpent, Err: err}
	}
	if r.OnRetry != nil {
		r.OnRetry(n, err, wait)
	}
	return wait, nil
}

// backoff draws the wait after n attempts.
func (r *Retry) backoff(n int) time.Duration {
	most, limit := or(r.Base, DefaultBase), or(r.Max, DefaultMax)
	for i := 1; i < n && most < limit; i++ {
		if most > math.MaxInt64/2 {
			most = limit
			break
		}
		most *= 2
	}
	draw := rand.Float64
	if r.Rand != nil {
		draw = r.Rand
	}
	return time.Duration(unit(draw()) * float64(min(most, limit)))
}

// tooLate returns a NoTimeError if, after a wait, less than need would be left until the deadline of ctx, or nothing at all.
// now may be zero, then the clock is read if it matters.
func tooLate(ctx context.Context, what string, now time.Time, wait, need time.Duration) error {
	if wait <= 0 && need <= 0 {
		return nil
	}
	at, ok := ctx.Deadline()
	if !ok {
		return nil
	}
	if now.IsZero() {
		now = braid.Time(ctx)
	}
	left := at.Sub(now)
	if left >= need && left-need >= wait && left > wait { // no sum, which might overflow
		return nil
	}
	return &NoTimeError{For: what, Need: wait + min(need, math.MaxInt64-wait), Left: left}
}
