package sched

import "sync/atomic"

// States of a Parker. A permit is the memory of an Unpark that came while nobody was parked.
const (
	idle uint32 = iota
	permit
	parked
)

// Parker is a place where one call at a time can be parked.
//
// It holds at most one permit: Unpark leaves one if nobody is parked, and the next Park takes it and returns at once.
// Several Unparks before a Park therefore count as one.
// A Parker may be reused for any number of waits, one after another;
// a late Unpark that was meant for an earlier wait shows up as a Park that returns for no reason.
type Parker struct {
	// Sched is the scheduler of the call that parks here; nil for a goroutine. Set before the Parker is shared.
	Sched Scheduler

	// Why is what the parked call waits for, nil while nobody is parked.
	Why atomic.Pointer[Wait]

	// slot is the scheduler's own handle of the parked call.
	// It is written by the parking call before the state says parked, and read by the one that takes the state back.
	slot  any
	state atomic.Uint32
}

// Block announces that the caller is about to stop running and can be found as slot.
// It returns false, and takes the permit, if an Unpark has come already: then the caller must not stop.
func (p *Parker) Block(slot any) bool {
	if p.slot != slot {
		p.slot = slot
	}
	if p.state.CompareAndSwap(idle, parked) {
		return true
	}
	p.state.Store(idle)
	return false
}

// Wake takes the parked call out, for the scheduler to resume it.
// If no call is parked it leaves a permit and returns false.
func (p *Parker) Wake() (slot any, ok bool) {
	for {
		switch p.state.Load() {
		case permit:
			return nil, false
		case idle:
			if p.state.CompareAndSwap(idle, permit) {
				return nil, false
			}
		case parked:
			if p.state.CompareAndSwap(parked, idle) {
				return p.slot, true
			}
		}
	}
}

// Retract undoes Block, for a call that stops waiting by itself.
// If it returns false, a Wake has taken the call out already and the scheduler is resuming it.
func (p *Parker) Retract() bool {
	return p.state.CompareAndSwap(parked, idle)
}
