package resilience

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// BreakerState is what a [Breaker] does with calls.
type BreakerState uint8

const (
	// Closed admits all calls and counts how they end.
	Closed BreakerState = iota
	// Open rejects all calls until its time is over.
	Open
	// HalfOpen admits a few calls, to see how they end.
	HalfOpen
	// Isolated rejects all calls until somebody calls Reset.
	Isolated
)

func (s BreakerState) String() string {
	if s > Isolated {
		return "unknown"
	}
	return [...]string{"closed", "open", "half-open", "isolated"}[s]
}

// Breaker is a circuit breaker: it stops calling a dependency that fails, and tries carefully after a while.
// It guards calls with results of any type; use it with [Do], in a [Policy], or by hand with [Breaker.Allow].
// Make one with [NewBreaker]. A Breaker starts no goroutine and no timer.
//
// # How calls count
//
// A call that its own caller has cancelled says nothing about the dependency: it counts as neither success nor failure,
// in every state. "Cancelled by the caller" means that the ctx given to the call is done, not because of a deadline,
// and that the error is, or wraps, that ctx's Err or cause. A deadline that passes during the call is a failure, whoever set it:
// the dependency has not answered in time. An error that matches [ErrRejected] counts for nothing either.
// A panic and runtime.Goexit are failures; they pass through.
//
// A call counts for the state in which it was admitted. What ends after the state has changed is not counted, except in
// [BreakerStatistics]: a call from before the outage neither closes nor opens a half-open breaker.
//
// # Half open
//
// A probe's permit is a lease: it belongs to one stay in the half-open state and runs out after BreakerConfig.Lease.
// So a probe that hangs, panics or is lost cannot block the breaker. One failed probe opens it again,
// for a longer time. A cancelled one gives its permit to the next call.
type Breaker struct {
	config  BreakerConfig
	changes changes
	epoch   time.Time // an arbitrary one; all times of the breaker are offsets from it

	// word is 4*generation + state. It is written with mu held; a load is enough to admit a call while the breaker is closed.
	word     atomic.Uint64
	rejected atomic.Uint64

	mu          sync.Mutex
	window      window
	consecutive int           // failures
	opens       int           // since the breaker was last closed
	openedAt    time.Duration // valid while open
	openFor     time.Duration
	last        error // the failure that opened it
	leases      []lease
	lastLease   uint64
	successes   int // of probes
	opened      uint64
	stale       uint64
	neutral     uint64
}

// lease is the permit of one probe.
type lease struct {
	id    uint64
	since time.Duration
}

// NewBreaker returns a closed breaker. It panics if the config makes no sense; see there.
func NewBreaker(config BreakerConfig) *Breaker {
	config = config.filled()
	if wrong := config.check(); wrong != "" {
		panic("resilience: " + wrong)
	}
	if config.Rand == nil {
		config.Rand = rand.Float64
	}
	b := &Breaker{config: config, epoch: time.Now(), window: newWindow(config.Window, config.Buckets)}
	b.changes.tell = config.OnChange
	return b
}

func (b *Breaker) check() string {
	if b.config.Buckets == 0 {
		return "this Breaker has no config: make it with NewBreaker"
	}
	return ""
}

// State returns the state as of the last call. An open breaker becomes half-open with the first call that it admits, not by itself.
func (b *Breaker) State() BreakerState { return stateOf(b.word.Load()) }

func stateOf(word uint64) BreakerState { return BreakerState(word & 3) }

// guard calls fn if b admits it. ctx is not done.
func guard[T any](ctx context.Context, b *Breaker, fn func(context.Context) (T, error)) (T, error) {
	word := b.word.Load()
	if stateOf(word) != Closed || b.config.SlowCall > 0 {
		return guardByPermit(ctx, b, fn)
	}
	// Nearly every call goes this way. Its permit would be the word and nothing else.
	returned := false
	defer func() {
		if !returned {
			Permit{b: b, word: word}.record(ctx, failure, nil)
		}
	}()
	v, err := fn(ctx)
	if err == nil {
		returned = true
		b.succeeded(ctx, word)
		return v, nil
	}
	how := b.judge(ctx, err)
	returned = true
	Permit{b: b, word: word}.record(ctx, how, err)
	return v, err
}

func guardByPermit[T any](ctx context.Context, b *Breaker, fn func(context.Context) (T, error)) (v T, err error) {
	p, err := b.admit(ctx)
	if err != nil {
		return v, err
	}
	returned := false
	defer func() {
		if !returned {
			p.record(ctx, failure, nil)
		}
	}()
	v, err = fn(ctx)
	how := b.judge(ctx, err)
	returned = true
	p.record(ctx, how, err)
	return v, err
}

// verdict is how a call counts.
type verdict uint8

const (
	success verdict = iota
	failure
	neutral
)

// judge runs code of the user.
func (b *Breaker) judge(ctx context.Context, err error) verdict {
	switch {
	case err == nil:
		return success
	case unreached(err), cancelledByCaller(ctx, err):
		return neutral
	case b.config.IsFailure != nil && !b.config.IsFailure(err):
		return success
	default:
		return failure
	}
}

// cancelledByCaller reports whether err says that ctx was cancelled, by more than a deadline.
func cancelledByCaller(ctx context.Context, err error) bool {
	return ctx.Err() == context.Canceled && explains(err, context.Canceled, context.Cause(ctx))
}

// Permit is the right to make one call. It must be given back exactly once, with [Permit.Done] or [Permit.Cancel].
// A permit of a probe that is not given back runs out; one of a closed breaker does no harm.
type Permit struct {
	b     *Breaker
	word  uint64 // of the breaker when it admitted the call
	lease uint64 // of a probe; 0 otherwise
	start time.Duration
	timed bool // start is set, and it matters how long the call takes
}

// Allow asks for a call that is not a function call, such as a stream that is read by others.
// If the breaker admits it, the permit must be given back; if not, the error is an [*OpenError].
//
// # Cancellation
//
// Allow never waits. If ctx is done already, it returns the cause and has taken no permit.
func (b *Breaker) Allow(ctx context.Context) (Permit, error) {
	if wrong := b.check(); wrong != "" {
		panic("resilience: " + wrong)
	}
	if err := causeOf(ctx); err != nil {
		return Permit{}, err
	}
	return b.admit(ctx)
}

// Done gives the permit back and counts the call by its error, nil for success. ctx is that of the call:
// if it has ended and err says so, the call does not count.
func (p Permit) Done(ctx context.Context, err error) {
	how := failure
	defer func() { p.record(ctx, how, err) }() // also if IsFailure panics
	how = p.b.judge(ctx, err)
}

// Cancel gives the permit back as if the call had not been made.
func (p Permit) Cancel(ctx context.Context) { p.record(ctx, neutral, nil) }

// BreakerStatistics is a snapshot of a breaker.
type BreakerStatistics struct {
	State                 BreakerState
	Calls, Failures, Slow int    // in the window, as of the last call that counted
	Consecutive           int    // failures
	Probes                int    // that are under way
	Opened                uint64 // how often
	Rejected              uint64 // calls
	Stale                 uint64 // calls that ended in a later state than they began in
	Neutral               uint64 // calls that did not count, because their caller cancelled them or a policy rejected them
}

// Statistics returns a snapshot.
func (b *Breaker) Statistics() BreakerStatistics {
	b.mu.Lock()
	defer b.mu.Unlock()
	return BreakerStatistics{
		State: b.State(), Calls: b.window.sum.calls, Failures: b.window.sum.failures, Slow: b.window.sum.slow,
		Consecutive: b.consecutive, Probes: len(b.leases),
		Opened: b.opened, Rejected: b.rejected.Load(), Stale: b.stale, Neutral: b.neutral,
	}
}

// Isolate makes the breaker reject all calls until [Breaker.Reset]. Calls that are under way go on, and are not counted.
func (b *Breaker) Isolate() {
	b.mu.Lock()
	if b.State() != Isolated {
		b.become(Isolated, "isolated by hand")
	}
	b.mu.Unlock()
	b.changes.deliver()
}

// Reset closes the breaker, whatever its state, and forgets what it has counted. Calls that are under way are not counted.
func (b *Breaker) Reset() {
	b.mu.Lock()
	b.become(Closed, "reset by hand")
	b.mu.Unlock()
	b.changes.deliver()
}

// active is for the eviction from a [Keyed].
func (b *Breaker) active() bool { return b.State() != Closed }

// now reads the clock.
func (b *Breaker) now(ctx context.Context) time.Duration { return since(ctx, b.epoch) }

// draw returns a number from [0, 1), for the open time. It runs code of the user, so mu must not be held.
func (b *Breaker) draw() float64 { return unit(b.config.Rand()) }

// unit makes of what a user's Rand returns a number from [0, 1].
func unit(v float64) float64 {
	if v >= 0 && v <= 1 {
		return v
	}
	return 0
}

func part(n, of int, what string) string { return fmt.Sprintf("%d of %d calls %s", n, of, what) }
