package braid

import (
	"context"
	"sync/atomic"
)

// permits counts units that are in use, up to a size, and queues requests first come, first served.
// Semaphore, Mutex and RWMutex are made of it. The zero value has nothing in use.
//
// state holds the units in use, and the flag queueing while somebody waits.
// Without the flag, units change by compare-and-swap alone. The flag changes only under mu, and is set
// exactly while waiters is not empty; with it, units change under mu too, so nobody overtakes the queue:
// a large request at its head is not starved by small ones.
type permits struct {
	state   atomic.Int64
	mu      lock
	waiters waitList // guarded by mu
}

const queueing = 1 << 62

// try takes n units if they are free and nobody waits.
func (p *permits) try(n, size int64) bool {
	for {
		s := p.state.Load()
		if s&queueing != 0 || n > size-s {
			return false
		}
		if p.state.CompareAndSwap(s, s+n) {
			return true
		}
	}
}

// acquire takes n units, waiting for them if need be. n is at most size.
func (p *permits) acquire(ctx context.Context, n, size int64, r *resource, kind, op string) error {
	w := p.take(ctx, n, size)
	if w == nil {
		return nil
	}
	err := w.wait(ctx, r.why(kind, op))
	if err != nil {
		p.mu.Lock()
		if w.granted.Load() {
			p.forgo(n) // granted in the same moment: pass it on
		} else {
			p.waiters.remove(w)
		}
		wake := p.hand(size) // what stood behind a large request may fit now
		p.mu.Unlock()
		wake.unpark()
	}
	w.release()
	return err
}

// acquireAnyway is acquire that does not end with ctx.
func (p *permits) acquireAnyway(ctx context.Context, n, size int64, r *resource, kind, op string) {
	if w := p.take(ctx, n, size); w != nil {
		w.waitGranted(r.why(kind, op))
		w.release()
	}
}

// take takes n units, or joins the queue and returns the waiter.
func (p *permits) take(ctx context.Context, n, size int64) *waiter {
	if p.try(n, size) {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		s := p.state.Load()
		if s&queueing != 0 {
			break
		}
		if n <= size-s {
			if p.state.CompareAndSwap(s, s+n) {
				return nil
			}
		} else if p.state.CompareAndSwap(s, s|queueing) {
			break
		}
	}
	w := newWaiter(ctx)
	w.n = n
	p.waiters.push(w)
	return w
}

// release gives n units back. It returns false, and does nothing, if fewer are in use.
func (p *permits) release(n, size int64) bool {
	for {
		s := p.state.Load()
		if s&queueing != 0 {
			break
		}
		if s < n {
			return false
		}
		if p.state.CompareAndSwap(s, s-n) {
			return true
		}
	}
	p.mu.Lock()
	if p.inUse() < n {
		p.mu.Unlock()
		return false
	}
	p.add(-n)
	wake := p.hand(size)
	p.mu.Unlock()
	wake.unpark()
	return true
}

// hand gives free units to the head of the queue. mu is held.
// It wakes all it served but the last, which the caller must wake when it has released mu:
// as a rule there is one, and waking it costs more than all else that is done under the lock.
func (p *permits) hand(size int64) (wake *waiter) {
	for w := p.waiters.head; w != nil && p.inUse()+w.n <= size; w = p.waiters.head {
		p.waiters.remove(w)
		p.add(w.n)
		wake.unpark()
		w.granted.Store(true)
		wake = w
	}
	if p.waiters.head == nil {
		for {
			s := p.state.Load()
			if p.state.CompareAndSwap(s, s&^queueing) {
				break
			}
		}
	}
	return wake
}

// forgo gives back n units that were granted, unless somebody has released them by mistake already.
func (p *permits) forgo(n int64) {
	for {
		s := p.state.Load()
		if s&^queueing < n || p.state.CompareAndSwap(s, s-n) {
			return
		}
	}
}

func (p *permits) add(n int64)  { p.state.Add(n) }
func (p *permits) inUse() int64 { return p.state.Load() &^ queueing }

// waiting returns the number of parked requests.
func (p *permits) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiters.len
}
