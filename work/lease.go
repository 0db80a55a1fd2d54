package work

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/braid-go/braid"
)

// slot is where a worker has its job in hand, for the heartbeat, for a shutdown and for Statistics to see.
type slot[T any] struct {
	c *consumer[T]

	mu      sync.Mutex    // guards all below; never held across an operation of braid
	d       *Delivery[T]  // nil: none
	task    *braid.Handle // that runs the handler
	until   time.Time     // when the lease runs out
	renew   time.Time     // when it is to be extended; zero: not by us, or that is under way
	giveUp  time.Time     // when the time limit has passed; zero: none
	expired bool          // it has
	lost    bool          // the lease is

	// The attempt is the worker's own, and used again for the next one.
	attempt attempt[T]
	run     func(context.Context) error // attempt.run
}

// endedError is the cause with which the heartbeat ends the ctx of one attempt.
type endedError struct{ err error }

func (e *endedError) Error() string { return e.err.Error() }
func (e *endedError) Unwrap() error { return e.err }

var errLeaseLost = &endedError{ErrLeaseLost}

// take puts a job into the slot.
func (s *slot[T]) take(d *Delivery[T], task *braid.Handle) {
	config := &s.c.q.config
	s.mu.Lock()
	s.d, s.task, s.until, s.expired, s.lost = d, task, d.Until, false, false
	s.renew, s.giveUp = time.Time{}, time.Time{}
	if !config.ManualLease {
		s.renew = third(d.At, d.Until)
	}
	if config.Timeout > 0 {
		s.giveUp = d.At.Add(config.Timeout)
	}
	due := s.due()
	s.mu.Unlock()
	s.c.notice(due)
}

func (s *slot[T]) clear() {
	s.mu.Lock()
	s.d, s.task = nil, nil
	s.mu.Unlock()
}

func (s *slot[T]) state() (busy, overdue bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.d != nil, s.d != nil && (s.expired || s.lost)
}

// cancel ends the ctx of the attempt, if there is one.
func (s *slot[T]) cancel(cause error) {
	s.mu.Lock()
	task := s.task
	s.mu.Unlock()
	if task != nil {
		task.Cancel(cause)
	}
}

// due returns when something is to be done about the slot; zero: never. mu is held, and there is a job.
func (s *slot[T]) due() time.Time {
	if s.lost {
		return time.Time{}
	}
	due := s.until
	if !s.expired {
		if !s.giveUp.IsZero() && s.giveUp.Before(due) {
			due = s.giveUp
		}
		if !s.renew.IsZero() && s.renew.Before(due) {
			due = s.renew
		}
	}
	return due
}

// third returns when a third of a lease has passed. A lease is the engine's, and may be shorter than the one that was asked for.
func third(at, until time.Time) time.Time { return at.Add(max(until.Sub(at)/3, time.Microsecond)) }

// extended notes that the lease of d lasts until then.
func (s *slot[T]) extended(d *Delivery[T], now, until time.Time) {
	s.mu.Lock()
	if s.d != d {
		s.mu.Unlock()
		return
	}
	s.until = until
	if !s.c.q.config.ManualLease {
		s.renew = third(now, until)
	}
	due := s.due()
	s.mu.Unlock()
	s.c.notice(due)
}

// loses notes that d is not in hand any more, and ends its attempt.
func (s *slot[T]) loses(d *Delivery[T]) {
	s.mu.Lock()
	if s.d != d || s.lost {
		s.mu.Unlock()
		return
	}
	s.lost = true
	task := s.task
	s.mu.Unlock()
	task.Cancel(errLeaseLost)
}

// extend is Job.Extend.
func (d *Delivery[T]) extend(ctx context.Context, lease time.Duration) error {
	until, err := d.slot.c.q.engine.Extend(ctx, d, lease)
	switch {
	case err == nil:
		d.slot.extended(d, braid.Time(ctx), until)
	case errors.Is(err, ErrLeaseLost):
		d.slot.loses(d)
	}
	return err
}

// The heartbeat is one task for all workers of a Run. It sleeps until the first moment at which something is to be done about a slot.
// Most attempts end long before: they find that it wakes early enough, and do nothing but look at one number.

// notice makes sure that the heartbeat is awake at due.
func (c *consumer[T]) notice(due time.Time) {
	if !due.IsZero() && int64(due.Sub(c.epoch)) < c.wakeAt.Load() {
		c.bell.Set()
	}
}

func (c *consumer[T]) keep(ctx context.Context) error {
	for {
		c.bell.Clear()
		c.wakeAt.Store(math.MaxInt64) // whoever comes while the slots are looked at rings
		next, extend := c.tend(ctx)
		for _, d := range extend { // each in a task of its own: an engine that is slow with one must not cost the others
			c.group.Go(func(ctx context.Context) error {
				c.extend(ctx, d)
				return nil
			}, braid.Name("extend"))
		}
		var err error
		if next.IsZero() {
			err = c.bell.Wait(ctx)
		} else {
			c.wakeAt.Store(int64(next.Sub(c.epoch)))
			_ = braid.Deadline(ctx, next, c.bell.Wait)
			err = causeOf(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// tend ends the attempts whose time is over, and returns the leases that are to be extended and when to look again.
func (c *consumer[T]) tend(ctx context.Context) (next time.Time, extend []*Delivery[T]) {
	now := braid.Time(ctx)
	for i := range c.slots {
		s := &c.slots[i]
		s.mu.Lock()
		if s.d == nil {
			s.mu.Unlock()
			continue
		}
		var end error
		task := s.task
		if !s.expired && !s.lost && !s.giveUp.IsZero() && !now.Before(s.giveUp) {
			s.expired = true
			end = &endedError{&braid.TimeoutError{Op: "job", After: c.q.config.Timeout}}
		}
		if !s.lost && !now.Before(s.until) {
			s.lost = true
			if end == nil {
				end = errLeaseLost
			}
		}
		if !s.expired && !s.lost && !s.renew.IsZero() && !now.Before(s.renew) {
			extend = append(extend, s.d)
			s.renew = time.Time{} // until that has ended
		}
		if due := s.due(); !due.IsZero() && (next.IsZero() || due.Before(next)) {
			next = due
		}
		s.mu.Unlock()
		if end != nil {
			task.Cancel(end)
		}
	}
	return next, extend
}

// extend extends the lease of d, and tries again a little later if that fails.
func (c *consumer[T]) extend(ctx context.Context, d *Delivery[T]) {
	lease := c.q.config.Lease
	pause := third(d.At, d.Until).Sub(d.At)
	err := braid.Timeout(ctx, pause, func(ctx context.Context) error { return d.extend(ctx, lease) })
	if err != nil && !errors.Is(err, ErrLeaseLost) && ctx.Err() == nil {
		d.slot.again(d, braid.Time(ctx).Add(pause/4))
		c.q.tellError(fmt.Errorf("work: the lease of job %d cannot be extended: %w", d.id, err))
	}
}

// again makes the heartbeat try again at a later time.
func (s *slot[T]) again(d *Delivery[T], at time.Time) {
	s.mu.Lock()
	if s.d != d {
		s.mu.Unlock()
		return
	}
	s.renew = at
	due := s.due()
	s.mu.Unlock()
	s.c.notice(due)
}
