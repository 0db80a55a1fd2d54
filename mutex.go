package braid

import (
	"context"
	"sync/atomic"
)

// Mutex is a lock that tasks wait for under a ctx, first come, first served.
// The zero value is unlocked. A Mutex must not be copied after first use.
//
// For critical sections that do not wait for anything, sync.Mutex is cheaper.
//
// A task that ends without unlocking leaves the mutex locked.
type Mutex struct {
	resource
	permits permits
	owner   atomic.Pointer[Handle] // the task that holds it; nil if free or locked by code without a task
}

// Lock locks m, waiting until it is free and nobody is ahead.
// If the calling task holds m already, Lock returns [ErrSelfDeadlock] instead of waiting for ever.
//
// # Cancellation
//
// If ctx ends first, or is done already, Lock returns its cause and m is not held.
func (m *Mutex) Lock(ctx context.Context) error {
	if err := m.enter(ctx, "mutex.Lock"); err != nil {
		return err
	}
	me := Current(ctx)
	if m.permits.try(1, 1) {
		m.owner.Store(me)
		return nil
	}
	if me != nil && m.owner.Load() == me {
		return ErrSelfDeadlock
	}
	if err := m.permits.acquire(ctx, 1, 1, m, "mutex.Lock"); err != nil {
		return err
	}
	m.owner.Store(me)
	return nil
}

// relock locks m whatever happens to ctx, for a Cond.
func (m *Mutex) relock(ctx context.Context) {
	m.permits.acquireAnyway(ctx, 1, 1, m, "mutex.Lock")
	m.owner.Store(Current(ctx))
}

// TryLock locks m if it is free and nobody waits, and reports whether it did. It never blocks.
// It has no ctx, so the lock is not known to belong to a task.
func (m *Mutex) TryLock() bool {
	m.point("mutex.TryLock")
	if !m.permits.try(1, 1) {
		return false
	}
	m.owner.Store(nil) // an Unlock too many may have left one
	return true
}

// Unlock unlocks m and hands it to whoever has waited longest. As with sync.Mutex, any task may do so.
// It panics if m is not locked.
func (m *Mutex) Unlock() {
	m.point("mutex.Unlock")
	if m.permits.inUse() == 0 {
		panic("braid: Mutex.Unlock of a mutex that is not locked: each Unlock must follow a Lock that returned nil")
	}
	m.owner.Store(nil) // before the release, after which it is the next holder's
	if !m.permits.release(1, 1) {
		panic("braid: Mutex.Unlock twice at the same time for one Lock")
	}
}

func (m *Mutex) noted() bool  { return false } // the owner is known
func (m *Mutex) kind() string { return "mutex" }
func (m *Mutex) look() look   { return lookAt(m, (*Mutex).observe) }

func (m *Mutex) observe(o *observed) {
	m.permits.mu.Lock()
	defer m.permits.mu.Unlock()
	o.Capacity, o.InUse = 1, m.permits.inUse()
	if o.InUse > 0 {
		o.holder(m.owner.Load(), 1, "")
	}
	o.queue(&m.permits.waiters, "mutex.Lock")
}

// MutexStatistics is a snapshot of a [Mutex].
type MutexStatistics struct {
	Locked  bool
	Owner   *Handle // the task that holds it, if that is known
	Waiting int
}

// Statistics returns a snapshot.
func (m *Mutex) Statistics() MutexStatistics {
	s := MutexStatistics{Locked: m.permits.inUse() > 0, Waiting: m.permits.waiting()}
	if s.Locked {
		s.Owner = m.owner.Load()
	}
	return s
}
