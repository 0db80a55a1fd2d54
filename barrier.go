package braid

import (
	"context"
	"fmt"
	"sync"
)

// Barrier lets a fixed number of tasks wait for each other, again and again. Make one with [NewBarrier].
type Barrier struct {
	resource
	parties int

	mu      sync.Mutex
	waiters waitList // those of the round that is filling
	broken  bool
}

// arrival is what n of a granted waiter says: its place in the round, or that the barrier broke.
const arrivalBroken = -1

// NewBarrier returns a barrier for n tasks. It panics if n < 1.
func NewBarrier(n int) *Barrier {
	if n < 1 {
		panic(fmt.Sprintf("braid: NewBarrier(%d): a barrier needs at least one party", n))
	}
	return &Barrier{parties: n}
}

// Wait waits until all parties have called it, and returns the caller's place in the order of arrival, from 0.
// The barrier is then ready for its next round. If the barrier is broken, or breaks meanwhile, the error is [ErrBarrierBroken].
//
// # Cancellation
//
// If ctx is done already, Wait returns its cause and has not arrived. If ctx ends while Wait waits, it returns the cause
// and breaks the barrier, because the others wait for a party that will not come.
// If the round was complete in the same moment, it stays complete, and Wait returns its place.
func (b *Barrier) Wait(ctx context.Context) (index int, err error) {
	if err := b.enter(ctx, "barrier.Wait"); err != nil {
		return 0, err
	}
	if b.parties == 0 {
		panic("braid: Barrier.Wait at a barrier without parties: make it with NewBarrier")
	}
	b.mu.Lock()
	if b.broken {
		b.mu.Unlock()
		return 0, ErrBarrierBroken
	}
	if b.waiters.len == b.parties-1 {
		for i := int64(0); b.waiters.head != nil; i++ {
			w := b.waiters.pop()
			w.n = i
			w.grant()
		}
		b.mu.Unlock()
		return b.parties - 1, nil
	}
	w := newWaiter(ctx)
	defer w.release()
	b.waiters.push(w)
	b.mu.Unlock()

	if err := w.wait(ctx, b.why(b, "barrier.Wait")); err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !w.parker.Granted.Load() {
			b.waiters.remove(w)
			b.breakLocked()
			return 0, err
		}
		if w.n == arrivalBroken {
			return 0, err
		}
		return int(w.n), nil
	}
	if w.n == arrivalBroken {
		return 0, ErrBarrierBroken
	}
	return int(w.n), nil
}

// Abort breaks the barrier: all who wait, and all who come later, get [ErrBarrierBroken], until [Barrier.Reset].
func (b *Barrier) Abort() {
	b.point("barrier.Abort")
	b.mu.Lock()
	b.breakLocked()
	b.mu.Unlock()
}

func (b *Barrier) breakLocked() {
	b.broken = true
	b.dismiss()
}

// dismiss sends away all who wait.
func (b *Barrier) dismiss() {
	for w := b.waiters.pop(); w != nil; w = b.waiters.pop() {
		w.n = arrivalBroken
		w.grant()
	}
}

// Reset makes the barrier as new. Those who wait get [ErrBarrierBroken].
func (b *Barrier) Reset() {
	b.point("barrier.Reset")
	b.mu.Lock()
	b.dismiss()
	b.broken = false
	b.mu.Unlock()
}

// Broken reports whether the barrier is broken.
func (b *Barrier) Broken() bool {
	b.point("barrier.Broken")
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broken
}

func (b *Barrier) kind() string { return "barrier" }
func (b *Barrier) look() look   { return lookAt(b, (*Barrier).observe) }

func (b *Barrier) observe(o *observed) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o.Capacity, o.InUse, o.Closed, o.Unknown = int64(b.parties), int64(b.waiters.len), b.broken, true
	o.queue(&b.waiters, "barrier.Wait")
}

// BarrierStatistics is a snapshot of a [Barrier].
type BarrierStatistics struct {
	Parties int
	Waiting int
	Broken  bool
}

// Statistics returns a snapshot.
func (b *Barrier) Statistics() BarrierStatistics {
	b.mu.Lock()
	defer b.mu.Unlock()
	return BarrierStatistics{Parties: b.parties, Waiting: b.waiters.len, Broken: b.broken}
}
