package braid

import (
	"context"
	"fmt"
)

// Semaphore bounds how much of something is in use at a time. Requests have a weight and are served
// first come, first served; a large request at the head of the queue is not overtaken by small ones.
//
// A Semaphore does not know who holds it; a [Limiter] does. Make one with [NewSemaphore].
type Semaphore struct {
	resource
	permits permits
	size    int64
}

// NewSemaphore returns a semaphore with n permits. It panics if n is negative.
func NewSemaphore(n int64) *Semaphore {
	if n < 0 || n >= queueing {
		panic(fmt.Sprintf("braid: NewSemaphore(%d): the number of permits must not be negative, and less than 1<<62", n))
	}
	return &Semaphore{size: n}
}

// Acquire takes n permits, waiting until they are free and nobody is ahead.
// A request for more than the semaphore has is an error at once. Acquire panics if n is negative.
//
// # Cancellation
//
// If ctx ends first, or is done already, Acquire returns its cause and holds nothing.
// Permits that were granted in the same moment go to the next in the queue.
func (s *Semaphore) Acquire(ctx context.Context, n int64) error {
	if err := s.enter(ctx, "semaphore.Acquire"); err != nil {
		return err
	}
	if s.check("Acquire", n); n > s.size {
		return fmt.Errorf("braid: Semaphore.Acquire(%d) on a semaphore of %d permits could never succeed", n, s.size)
	}
	return s.permits.acquire(ctx, n, s.size, s, "semaphore.Acquire")
}

// TryAcquire takes n permits if they are free and nobody waits, and reports whether it did. It never blocks.
func (s *Semaphore) TryAcquire(n int64) bool {
	s.point("semaphore.TryAcquire")
	s.check("TryAcquire", n)
	if s.noted() {
		return s.permits.tryNoted(n, s.size)
	}
	return s.permits.try(n, s.size)
}

// Release gives n permits back. Any task may do so. It panics if fewer than n permits are held.
func (s *Semaphore) Release(n int64) {
	s.point("semaphore.Release")
	s.check("Release", n)
	if !s.release(n) {
		panic(fmt.Sprintf("braid: Semaphore.Release(%d) with only %d of %d permits held: each Release must follow an Acquire of the same weight that succeeded", n, s.permits.inUse(), s.size))
	}
}

func (s *Semaphore) release(n int64) bool {
	if s.noted() {
		return s.permits.releaseNoted(n, s.size)
	}
	return s.permits.release(n, s.size)
}

func (s *Semaphore) kind() string { return "semaphore" }
func (s *Semaphore) look() look   { return lookAt(s, (*Semaphore).observe) }

func (s *Semaphore) observe(o *observed) {
	s.permits.mu.Lock()
	defer s.permits.mu.Unlock()
	o.Capacity, o.InUse = s.size, s.permits.inUse()
	s.permits.ledger.observe(o, o.InUse, "")
	o.queue(&s.permits.waiters, "semaphore.Acquire")
}

func (s *Semaphore) check(op string, n int64) {
	if n < 0 {
		panic(fmt.Sprintf("braid: Semaphore.%s(%d): the weight must not be negative", op, n))
	}
}

// SemaphoreStatistics is a snapshot of a semaphore.
type SemaphoreStatistics struct {
	Size    int64
	InUse   int64
	Waiting int
}

// Statistics returns a snapshot.
func (s *Semaphore) Statistics() SemaphoreStatistics {
	return SemaphoreStatistics{Size: s.size, InUse: s.permits.inUse(), Waiting: s.permits.waiting()}
}
