package braid

import (
	"context"
	"sync/atomic"

	"github.com/braid-go/braid/internal/record"
)

// RWMutex is a lock for any number of readers or one writer, first come, first served:
// a waiting writer is not overtaken by later readers, nor do writers overtake readers.
// The zero value is unlocked. An RWMutex must not be copied after first use.
//
// As with sync.RWMutex, a task that holds a read lock must not take another, nor the write lock:
// a writer that came in between would wait for the first, and the second for the writer.
type RWMutex struct {
	resource
	permits permits
	owner   atomic.Pointer[Handle] // the writer
}

// A reader takes one unit and a writer all of them.
const allReaders = 1 << 40

// Lock locks m for writing. If the calling task holds it for writing already, Lock returns [ErrSelfDeadlock].
//
// # Cancellation
//
// If ctx ends first, or is done already, Lock returns its cause and m is not held. Readers that stood behind go on.
func (m *RWMutex) Lock(ctx context.Context) error {
	if err := m.lock(ctx, allReaders, "rwmutex.Lock"); err != nil {
		return err
	}
	m.owner.Store(Current(ctx))
	return nil
}

// RLock locks m for reading. If the calling task holds it for writing, RLock returns [ErrSelfDeadlock].
//
// # Cancellation
//
// If ctx ends first, or is done already, RLock returns its cause and m is not held.
func (m *RWMutex) RLock(ctx context.Context) error { return m.lock(ctx, 1, "rwmutex.RLock") }

func (m *RWMutex) lock(ctx context.Context, n int64, op string) error {
	if err := m.enter(ctx, op); err != nil {
		return err
	}
	if !m.noted() && m.permits.try(n, allReaders) {
		return nil
	}
	if me := Current(ctx); me != nil && m.owner.Load() == me {
		return ErrSelfDeadlock
	}
	return m.permits.acquire(ctx, n, allReaders, m, op)
}

// TryLock locks m for writing if it is free and nobody waits, and reports whether it did. It never blocks.
func (m *RWMutex) TryLock() bool {
	m.point("rwmutex.TryLock")
	return m.try(allReaders)
}

// TryRLock locks m for reading if no writer holds it or waits, and reports whether it did. It never blocks.
func (m *RWMutex) TryRLock() bool {
	m.point("rwmutex.TryRLock")
	return m.try(1)
}

// Unlock ends a write lock. It panics if m is not locked for writing.
func (m *RWMutex) Unlock() {
	m.point("rwmutex.Unlock")
	if m.permits.inUse() < allReaders {
		panic("braid: RWMutex.Unlock of a mutex that is not locked for writing: each Unlock must follow a Lock that returned nil")
	}
	m.owner.Store(nil)
	m.release(allReaders)
}

// RUnlock ends a read lock. It panics if m is not locked for reading.
func (m *RWMutex) RUnlock() {
	m.point("rwmutex.RUnlock")
	if n := m.permits.inUse(); n == 0 || n >= allReaders || !m.release(1) {
		panic("braid: RWMutex.RUnlock of a mutex that is not locked for reading: each RUnlock must follow an RLock that returned nil")
	}
}

func (m *RWMutex) try(n int64) bool {
	if m.noted() {
		return m.permits.tryNoted(n, allReaders)
	}
	return m.permits.try(n, allReaders)
}

func (m *RWMutex) release(n int64) bool {
	if m.noted() {
		return m.permits.releaseNoted(n, allReaders)
	}
	return m.permits.release(n, allReaders)
}

func (m *RWMutex) kind() string { return "rwmutex" }
func (m *RWMutex) look() look   { return lookAt(m, (*RWMutex).observe) }

func (m *RWMutex) observe(o *observed) {
	m.permits.mu.Lock()
	defer m.permits.mu.Unlock()
	o.Capacity, o.InUse = allReaders, m.permits.inUse()
	if o.InUse >= allReaders {
		o.holder(m.owner.Load(), allReaders, "write")
	} else {
		m.permits.ledger.observe(o, o.InUse, "read")
	}
	for w := m.permits.waiters.head; w != nil && len(o.waiters) < record.MaxListed; w = w.next {
		op := "rwmutex.RLock"
		if w.n == allReaders {
			op = "rwmutex.Lock"
		}
		o.waiters = append(o.waiters, awaiting{w.home, op, w.n})
	}
	o.Waiting = m.permits.waiters.len
}

// RWMutexStatistics is a snapshot of an [RWMutex].
type RWMutexStatistics struct {
	Readers int
	Writing bool
	Writer  *Handle // the task that holds it for writing, if that is known
	Waiting int
}

// Statistics returns a snapshot.
func (m *RWMutex) Statistics() RWMutexStatistics {
	s := RWMutexStatistics{Waiting: m.permits.waiting(), Writer: m.owner.Load()}
	if n := m.permits.inUse(); n >= allReaders {
		s.Writing = true
	} else {
		s.Readers = int(n)
	}
	return s
}
