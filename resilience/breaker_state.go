package resilience

import (
	"context"
	"fmt"
	"math"
	"time"
)

// admit gives a permit or an OpenError. ctx is not done.
func (b *Breaker) admit(ctx context.Context) (Permit, error) {
	word := b.word.Load()
	if stateOf(word) != Closed {
		return b.admitOther(ctx)
	}
	p := Permit{b: b, word: word}
	if b.config.SlowCall > 0 {
		p.start, p.timed = b.now(ctx), true
	}
	return p, nil
}

// admitOther is admit for a breaker that is not closed, or was not when the caller looked.
func (b *Breaker) admitOther(ctx context.Context) (p Permit, err error) {
	t, chance := b.now(ctx), b.draw()
	b.mu.Lock()
	err = b.refuse(t, chance)
	if err == nil {
		p = Permit{b: b, start: t, timed: b.config.SlowCall > 0}
		if b.State() == Open {
			b.become(HalfOpen, "the open time is over")
		}
		p.word = b.word.Load()
		if b.State() == HalfOpen {
			b.lastLease++
			p.lease = b.lastLease
			b.leases = append(b.leases, lease{id: p.lease, since: t})
		}
	}
	b.mu.Unlock()
	b.changes.deliver()
	if err != nil {
		b.rejected.Add(1)
	}
	return p, err
}

// peek returns the error that admit would give, and takes nothing. It is for callers who would have to wait before they call admit.
func (b *Breaker) peek(ctx context.Context) error {
	if b.State() == Closed {
		return nil
	}
	t, chance := b.now(ctx), b.draw()
	b.mu.Lock()
	err := b.refuse(t, chance)
	b.mu.Unlock()
	b.changes.deliver()
	if err != nil {
		b.rejected.Add(1)
	}
	return err
}

// refuse says why a call is not admitted, or nil. mu is held.
func (b *Breaker) refuse(t time.Duration, chance float64) error {
	if b.State() == HalfOpen {
		b.expire(t, chance)
	}
	e := &OpenError{Breaker: b.config.Name, State: b.State(), Last: b.last}
	switch e.State {
	case Open:
		if t < b.openedAt { // the clock has gone back: nobody shall wait for longer than the open time
			b.openedAt = t
		}
		e.After = b.openFor - (t - b.openedAt)
		if e.After <= 0 {
			return nil
		}
	case HalfOpen:
		if len(b.leases) < b.config.Probes {
			return nil
		}
		e.After = b.config.Lease
		for _, l := range b.leases {
			e.After = min(e.After, b.config.Lease-(t-l.since))
		}
	case Isolated:
		e.Last = nil
	default:
		return nil
	}
	return e
}

// expire opens the breaker if a probe has not come back in time. mu is held.
func (b *Breaker) expire(t time.Duration, chance float64) {
	for i := range b.leases {
		l := &b.leases[i]
		l.since = min(l.since, t) // if the clock has gone back, the lease begins again
		if t-l.since >= b.config.Lease {
			b.last = nil
			b.trip(t, chance, fmt.Sprintf("a probe has not come back within %v", b.config.Lease))
			return
		}
	}
}

// record counts a call.
func (p Permit) record(ctx context.Context, how verdict, err error) {
	b := p.b
	if b == nil {
		panic("resilience: this Permit was not given by a Breaker")
	}
	var t time.Duration
	slow := false
	if how != neutral {
		t = b.now(ctx)
		slow = p.timed && t-p.start >= b.config.SlowCall
	}
	chance := b.draw()
	b.mu.Lock()
	switch {
	case b.word.Load() != p.word:
		b.stale++
	case p.lease == 0:
		b.count(t, how, slow, chance, err)
	default:
		b.probed(p.lease, t, how, slow, chance, err)
	}
	b.mu.Unlock()
	b.changes.deliver()
}

// succeeded is record for what nearly every call is: a success that cannot be slow, of a closed breaker.
func (b *Breaker) succeeded(ctx context.Context, word uint64) {
	t := b.now(ctx) // once a call; and before the lock, which others want
	b.mu.Lock()
	if b.word.Load() == word {
		b.consecutive = 0
		b.window.add(t, false, false)
	} else {
		b.stale++
	}
	b.mu.Unlock()
}

// count counts the end of a call in the closed state, and opens the breaker if that is enough. mu is held.
// A success never opens it, unless it was slow.
func (b *Breaker) count(t time.Duration, how verdict, slow bool, chance float64, err error) {
	if how == neutral {
		b.neutral++
		return
	}
	b.window.add(t, how == failure, slow)
	if how == failure {
		b.consecutive++
	} else {
		b.consecutive = 0
	}
	c, sum := &b.config, b.window.sum
	enough := sum.calls >= c.MinCalls
	var reason string
	switch {
	case how == failure && c.Consecutive > 0 && b.consecutive >= c.Consecutive:
		reason = fmt.Sprintf("%d failures in a row", b.consecutive)
	case how == failure && enough && c.FailureRate >= 0 && reached(sum.failures, sum.calls, c.FailureRate):
		reason = part(sum.failures, sum.calls, "failed")
	case slow && enough && reached(sum.slow, sum.calls, c.SlowRate):
		reason = part(sum.slow, sum.calls, "were slow")
	default:
		return
	}
	b.last = err
	b.trip(t, chance, reason)
}

// reached reports whether n is at least the part rate of all. It divides, because a product would be rounded twice: 7 of 100 are 0.07.
func reached(n, all int, rate float64) bool { return float64(n)/float64(all) >= rate }

// probed takes a probe's permit back. mu is held, and the state is still the one in which the probe began.
func (b *Breaker) probed(id uint64, t time.Duration, how verdict, slow bool, chance float64, err error) {
	i := 0
	for i < len(b.leases) && b.leases[i].id != id {
		i++
	}
	if i == len(b.leases) {
		return // given back before
	}
	late := how != neutral && t-b.leases[i].since >= b.config.Lease
	b.leases = append(b.leases[:i], b.leases[i+1:]...)
	switch {
	case how == neutral:
		b.neutral++
	case how == failure:
		b.last = err
		b.trip(t, chance, "a probe failed")
	case late || slow:
		b.last = nil
		b.trip(t, chance, "a probe was slow")
	default:
		b.successes++
		if b.successes >= b.config.Successes {
			b.become(Closed, fmt.Sprintf("%d probes succeeded", b.successes))
		}
	}
}

// trip opens the breaker. mu is held.
func (b *Breaker) trip(t time.Duration, chance float64, reason string) {
	full := b.config.OpenFor
	for i := 0; i < b.opens && full < b.config.OpenMax; i++ {
		if full > math.MaxInt64/2 {
			full = b.config.OpenMax
			break
		}
		full *= 2
	}
	full = min(full, b.config.OpenMax)
	b.openFor = full - time.Duration(max(b.config.OpenJitter, 0)*chance*float64(full))
	b.openedAt = t
	b.opens++
	b.opened++
	b.become(Open, reason)
}

// become changes the state. mu is held.
func (b *Breaker) become(to BreakerState, reason string) {
	word := b.word.Load()
	ch := Change{Breaker: b.config.Name, From: stateOf(word), To: to, Reason: reason}
	b.leases, b.successes, b.consecutive = b.leases[:0], 0, 0
	switch to {
	case Open:
		ch.OpenFor = b.openFor
	case Closed:
		b.opens, b.last = 0, nil
		b.window.clear(b.window.start)
	case HalfOpen, Isolated:
	}
	b.word.Store((word>>2+1)<<2 | uint64(to))
	b.changes.add(ch)
}
