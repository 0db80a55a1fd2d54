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
	ledger  *ledger  // guarded by mu: who holds them; nil unless that is noted
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
func (p *permits) acquire(ctx context.Context, n, size int64, of primitive, op string) error {
	w := p.take(ctx, n, size, of.noted())
	if w == nil {
		return nil
	}
	err := w.wait(ctx, of.base().why(of, op))
	if err != nil {
		p.mu.Lock()
		if w.parker.Granted.Load() {
			p.forgo(n) // granted in the same moment: pass it on
			if p.ledger != nil {
				p.ledger.forgo(w.home, n)
			}
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
func (p *permits) acquireAnyway(ctx context.Context, n, size int64, of primitive, op string) {
	if w := p.take(ctx, n, size, of.noted()); w != nil {
		w.waitGranted(of.base().why(of, op))
		w.release()
	}
}

// tryNoted is try if it is noted who holds what. The taker is not known.
func (p *permits) tryNoted(n, size int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.try(n, size) {
		return false
	}
	p.note(nil, n)
	return true
}

// note notes that h has been given n. mu is held.
func (p *permits) note(h *Handle, n int64) {
	if p.ledger == nil {
		p.ledger = &ledger{}
	}
	p.ledger.took(h, n, p.inUse())
}

// releaseNoted is release if it is noted who holds what.
func (p *permits) releaseNoted(n, size int64) bool {
	p.mu.Lock()
	if p.inUse() < n {
		p.mu.Unlock()
		return false
	}
	if p.ledger != nil {
		p.ledger.gave(n, p.inUse())
	}
	p.add(-n)
	wake := p.hand(size)
	p.mu.Unlock()
	wake.unpark()
	return true
}

// take takes n units, or joins the queue and returns the waiter.
func (p *permits) take(ctx context.Context, n, size int64, noted bool) *waiter {
	if !noted && p.try(n, size) {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if noted && p.ledger == nil {
		p.ledger = &ledger{}
	}
	for {
		s := p.state.Load()
		if s&queueing != 0 {
			break
		}
		if n <= size-s {
			if p.state.CompareAndSwap(s, s+n) {
				if noted {
					p.note(Current(ctx), n)
				}
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
		if p.ledger != nil {
			p.note(w.home, w.n)
		}
		wake.unpark()
		w.parker.Granted.Store(true)
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
