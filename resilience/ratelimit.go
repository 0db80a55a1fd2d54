package resilience

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/braid-go/braid"
)

// RateLimitConfig says how often a [RateLimit] lets a call through.
type RateLimitConfig struct {
	// Name stands in errors. It may be empty.
	Name string

	// Rate is how many calls a second are let through in the long run. It must be positive.
	Rate float64

	// Burst is how many calls may come at once after a pause. 0 means 1.
	Burst int

	// Queue is how many calls may wait for their turn. 0 means that none does.
	Queue int
}

func (c RateLimitConfig) check() string {
	switch {
	case math.IsNaN(c.Rate) || math.IsInf(c.Rate, 0) || c.Rate <= 0:
		return fmt.Sprintf("RateLimitConfig.Rate is %v: it must be a positive number of calls a second", c.Rate)
	case c.Burst < 0 || c.Burst > 1<<30:
		return fmt.Sprintf("RateLimitConfig.Burst is %d: it must be positive, or 0 for 1", c.Burst)
	case c.Queue < 0 || c.Queue > 1<<30:
		return fmt.Sprintf("RateLimitConfig.Queue is %d: it must not be negative", c.Queue)
	case float64(c.Burst+c.Queue+2)/c.Rate > (10 * 365 * 24 * time.Hour).Seconds():
		return fmt.Sprintf("RateLimitConfig.Rate is %v: a call would have to wait for more than ten years", c.Rate)
	case c.Rate > 1e9:
		return fmt.Sprintf("RateLimitConfig.Rate is %v: the clock counts nanoseconds, so at most 1e9 calls a second can be told apart", c.Rate)
	}
	return ""
}

// RateLimit lets calls through at a steady rate, after a burst. A call that comes too soon waits for its turn, first come,
// first served, if there is room in the queue, and fails at once with a [*LimitError] otherwise.
// Make one with [NewRateLimit]. A RateLimit starts no goroutine, and has a timer only while a call waits.
//
// A call that would get its turn too late for its ctx's deadline is not queued: it fails at once with a [*NoTimeError].
// A call whose ctx ends while it waits has taken no turn; those behind it move up.
type RateLimit struct {
	config   RateLimitConfig
	interval time.Duration // between two calls
	slack    time.Duration // how far ahead of the schedule a call may be without a wait

	// Those who wait stand in the queue of head. Who holds it sleeps until the next turn, and takes it.
	head *braid.Semaphore

	// The generic cell rate algorithm (ITU-T I.371): due is when the next call would come if all had kept the interval.
	epoch time.Time // an arbitrary one; due is an offset from it

	mu       sync.Mutex
	due      time.Duration
	waiting  int
	rejected uint64
}

// NewRateLimit returns a rate limit. It panics if the config makes no sense; see there.
func NewRateLimit(config RateLimitConfig) *RateLimit {
	if wrong := config.check(); wrong != "" {
		panic("resilience: " + wrong)
	}
	config.Burst = or(config.Burst, 1)
	l := &RateLimit{config: config, epoch: time.Now(), head: braid.NewSemaphore(1), interval: max(time.Duration(float64(time.Second)/config.Rate), 1)}
	l.slack = l.interval * time.Duration(config.Burst-1)
	return l
}

func (l *RateLimit) check() string {
	if l.interval == 0 {
		return "this RateLimit has no rate: make it with NewRateLimit"
	}
	return ""
}

// Wait returns when the caller may go on. It fails with a [*LimitError] if it would have to wait and there is no room in the queue,
// and with a [*NoTimeError] if it would have to wait beyond the deadline of ctx.
//
// # Cancellation
//
// If ctx ends first, or is done already, Wait returns its cause and has taken no turn.
func (l *RateLimit) Wait(ctx context.Context) error {
	if wrong := l.check(); wrong != "" {
		panic("resilience: " + wrong)
	}
	if err := causeOf(ctx); err != nil {
		return err
	}
	_, err := l.wait(ctx, time.Time{}, 0)
	return err
}

// wait is Wait for a call that takes need. It reports whether it has let time pass. now may be zero. ctx is not done.
func (l *RateLimit) wait(ctx context.Context, now time.Time, need time.Duration) (waited bool, err error) {
	if now.IsZero() {
		now = braid.Time(ctx)
	}
	l.mu.Lock()
	if l.waiting == 0 && l.take(now) <= 0 {
		l.mu.Unlock()
		return false, nil
	}
	wait := l.ahead(now) + l.interval*time.Duration(l.waiting)
	if l.waiting >= l.config.Queue {
		l.rejected++
		err = &LimitError{Limit: l.config.Name, After: wait}
	} else if err = tooLate(ctx, "rate limit", now, wait, need); err == nil {
		l.waiting++
	}
	l.mu.Unlock()
	if err == nil {
		err = l.queue(ctx)
	}
	return true, err
}

// queue waits for a turn and takes it. The caller has been counted as waiting.
func (l *RateLimit) queue(ctx context.Context) error {
	err := l.head.Acquire(ctx, 1)
	if err == nil {
		defer l.head.Release(1)
	}
	for err == nil {
		now := braid.Time(ctx)
		l.mu.Lock()
		wait := l.take(now)
		l.mu.Unlock()
		if wait <= 0 {
			break
		}
		err = braid.Sleep(ctx, wait)
	}
	l.mu.Lock()
	l.waiting--
	l.mu.Unlock()
	return err
}

// take takes a turn if it is time for one. Otherwise it returns how long it is until then. mu is held.
func (l *RateLimit) take(now time.Time) time.Duration {
	wait := l.ahead(now)
	if wait <= 0 {
		l.due += l.interval
	}
	return wait
}

// ahead returns how long it is until the next turn; not positive means none. mu is held.
func (l *RateLimit) ahead(now time.Time) time.Duration {
	t := now.Sub(l.epoch)
	// Nobody is let through ahead of the schedule by more than a burst. If due is further away, the clock has gone back,
	// and the schedule goes back with it. If it has passed, the time that was not used is lost, but for the burst.
	l.due = max(min(l.due, t+l.slack+l.interval), t)
	return l.due - l.slack - t
}

// active is for the eviction from a [Keyed]: whether calls wait in it.
func (l *RateLimit) active() bool { return l.Statistics().Waiting > 0 }

// RateLimitStatistics is a snapshot of a rate limit.
type RateLimitStatistics struct {
	Waiting  int
	Rejected uint64 // because there was no room in the queue
}

// Statistics returns a snapshot.
func (l *RateLimit) Statistics() RateLimitStatistics {
	l.mu.Lock()
	defer l.mu.Unlock()
	return RateLimitStatistics{Waiting: l.waiting, Rejected: l.rejected}
}
