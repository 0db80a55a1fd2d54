package braid

import (
	"context"
	"sync"
)

// Cond lets tasks wait for a change of state that a [Mutex] guards. Make one with [NewCond].
type Cond struct {
	resource
	m       *Mutex
	mu      sync.Mutex // guards waiters, for Notify may be called without m
	waiters waitList
}

// NewCond returns a Cond for the state that m guards. It panics if m is nil.
func NewCond(m *Mutex) *Cond {
	if m == nil {
		panic("braid: NewCond(nil): a Cond needs the Mutex that guards its state")
	}
	return &Cond{m: m}
}

// Wait unlocks the mutex, waits to be notified, and locks the mutex again. The mutex must be held;
// it is held when Wait returns, in every case. Wait panics if the mutex is not locked.
//
// As with any condition variable, the state may have changed again before Wait returns: test it in a loop, or use [Cond.WaitFor].
//
// # Cancellation
//
// If ctx is done already, Wait returns its cause and has not unlocked. If ctx ends first, Wait returns its cause,
// after it has locked the mutex again, for which it waits as long as that takes.
// A notification that came in the same moment is passed on to another waiter.
func (c *Cond) Wait(ctx context.Context) error {
	if err := c.enter(ctx, "cond.Wait"); err != nil {
		return err
	}
	if c.m.permits.inUse() == 0 {
		panic("braid: Cond.Wait with a mutex that is not locked: lock the mutex, test the state, and then wait")
	}
	w := newWaiter(ctx)
	c.mu.Lock()
	c.waiters.push(w)
	c.mu.Unlock()
	c.m.Unlock()

	err := w.wait(ctx, c.why(c, "cond.Wait"))
	if err != nil {
		c.mu.Lock()
		if w.parker.Granted.Load() {
			c.notify(1)
		} else {
			c.waiters.remove(w)
		}
		c.mu.Unlock()
	}
	w.release()
	c.m.relock(ctx)
	return err
}

// WaitFor waits until ready returns true. It calls ready with the mutex held, at once and after each notification.
// What [Cond.Wait] says about the mutex holds.
//
// # Cancellation
//
// If ctx is done already, WaitFor returns its cause and has neither called ready nor unlocked.
// If ctx ends while it waits, it returns the cause with the mutex held, and does not call ready again.
func (c *Cond) WaitFor(ctx context.Context, ready func() bool) error {
	if ready == nil {
		panic("braid: Cond.WaitFor needs a function that tests the state; the one given is nil")
	}
	if err := c.enter(ctx, "cond.Wait"); err != nil {
		return err
	}
	for !ready() {
		if err := c.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Notify wakes up to n waiters, those first that came first. The mutex need not be held.
func (c *Cond) Notify(n int) {
	c.point("cond.Notify")
	c.mu.Lock()
	c.notify(n)
	c.mu.Unlock()
}

// NotifyAll wakes all waiters.
func (c *Cond) NotifyAll() {
	c.point("cond.Notify")
	c.mu.Lock()
	c.waiters.grantAll()
	c.mu.Unlock()
}

func (c *Cond) notify(n int) {
	for ; n > 0 && c.waiters.head != nil; n-- {
		c.waiters.pop().grant()
	}
}

func (c *Cond) kind() string { return "cond" }
func (c *Cond) look() look   { return lookAt(c, (*Cond).observe) }

func (c *Cond) observe(o *observed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o.Unknown = true
	o.queue(&c.waiters, "cond.Wait")
}

// CondStatistics is a snapshot of a [Cond].
type CondStatistics struct {
	Waiting int // not notified yet
}

// Statistics returns a snapshot.
func (c *Cond) Statistics() CondStatistics {
	c.mu.Lock()
	defer c.mu.Unlock()
	return CondStatistics{Waiting: c.waiters.len}
}
