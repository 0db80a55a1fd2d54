package sched

import (
	"sync"
	"sync/atomic"
)

// States of a Parker. A permit is the memory of an Unpark that came while nobody was parked.
const (
	idle uint32 = iota
	permit
	parked         // and Wake finds the call
	parkedOnSelect // a goroutine that also waits for a foreign context
)

// Parker is a place where one call at a time can be parked.
//
// It holds at most one permit: Unpark leaves one if nobody is parked, and the next Park takes it and returns at once.
// Several Unparks before a Park therefore count as one.
// A Parker may be reused for any number of waits, one after another;
// a late Unpark that was meant for an earlier wait shows up as a Park that returns for no reason.
//
// The zero value is a place for goroutines.
type Parker struct {
	// Why is what the parked call waits for. It may stay when the wait is over; see Waiting.
	Why atomic.Pointer[Wait]
	// Stamp tells one wait from the next, and when it began, for inspectors; see package record.
	Stamp atomic.Int64

	more  atomic.Pointer[more] // what few places need; nil for most
	gate  sync.WaitGroup       // where goroutines park; see goroutine.go
	state atomic.Uint32

	// Granted is the caller's, who looks at it before and after each Park. It is here because there is room.
	Granted atomic.Bool
}

// more is what a Parker needs for anything but a goroutine that waits for its Unpark alone.
type more struct {
	sched *Scheduler // nil for goroutines
	// slot is the scheduler's own handle of the parked call.
	// It is written by the parking call before the state says parked, and read by the one that takes the state back.
	slot any
	ch   chan struct{} // for goroutines that also wait for a foreign context
}

// Bind makes p a place of s, or of goroutines if s is nil. It comes before any other use.
func (p *Parker) Bind(s Scheduler) {
	if s != nil {
		p.more.Store(&more{sched: s.Ref()})
	}
}

// Sched returns the scheduler of the calls that park at p; nil for goroutines.
func (p *Parker) Sched() Scheduler {
	if m := p.more.Load(); m != nil && m.sched != nil {
		return *m.sched
	}
	return nil
}

// Waiting returns what the parked call waits for, or nil if nobody is parked.
func (p *Parker) Waiting() *Wait {
	if s := p.state.Load(); s == idle || s == permit {
		return nil
	}
	return p.Why.Load()
}

// Block announces, for a scheduler that p is bound to, that the caller is about to stop running and can be found as slot.
// It returns false, and takes the permit, if an Unpark has come already: then the caller must not stop.
func (p *Parker) Block(slot any) bool {
	p.more.Load().slot = slot
	return p.block(parked)
}

func (p *Parker) block(how uint32) bool {
	if p.state.CompareAndSwap(idle, how) {
		return true
	}
	p.state.Store(idle)
	return false
}

// Wake takes the parked call out, for the scheduler to resume it.
// If no call is parked it leaves a permit and returns false.
func (p *Parker) Wake() (slot any, ok bool) {
	if p.wake() == idle {
		return nil, false
	}
	return p.more.Load().slot, true
}

// wake takes the parked call out and returns how it was parked, or leaves a permit and returns idle.
func (p *Parker) wake() (how uint32) {
	for {
		switch s := p.state.Load(); s {
		case permit:
			return idle
		case idle:
			if p.state.CompareAndSwap(idle, permit) {
				return idle
			}
		default:
			if p.state.CompareAndSwap(s, idle) {
				return s
			}
		}
	}
}
