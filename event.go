package braid

import (
	"context"
	"sync"
	"sync/atomic"
)

// Event is a flag that tasks can wait for. The zero value is a flag that is not set.
// An Event must not be copied after first use.
type Event struct {
	resource
	set     atomic.Bool // written with mu held
	mu      sync.Mutex
	waiters waitList
}

// Set sets the flag and wakes all who wait, in the order in which they came.
// They return even if the flag is cleared before they run.
func (e *Event) Set() {
	e.point("event.Set")
	e.raise()
}

func (e *Event) raise() {
	e.mu.Lock()
	e.set.Store(true)
	e.waiters.grantAll()
	e.mu.Unlock()
}

// Clear takes the flag back. It wakes nobody.
func (e *Event) Clear() {
	e.point("event.Clear")
	e.mu.Lock()
	e.set.Store(false)
	e.mu.Unlock()
}

// IsSet reports whether the flag is set.
func (e *Event) IsSet() bool {
	e.point("event.IsSet")
	return e.set.Load()
}

// Wait waits until the flag is set. It returns at once if it is.
//
// # Cancellation
//
// If ctx ends first, or is done already, Wait returns its cause, even if the flag is set. Nothing is left behind.
func (e *Event) Wait(ctx context.Context) error {
	if err := e.enter(ctx, "event.Wait"); err != nil {
		return err
	}
	if e.set.Load() {
		return nil
	}
	e.mu.Lock()
	if e.set.Load() {
		e.mu.Unlock()
		return nil
	}
	w := newWaiter(ctx)
	e.waiters.push(w)
	e.mu.Unlock()
	err := w.wait(ctx, e.why(e, "event.Wait"))
	if err != nil {
		e.mu.Lock()
		if !w.parker.Granted.Load() {
			e.waiters.remove(w)
		}
		e.mu.Unlock()
	}
	w.release()
	return err
}

// waitAnyway is Wait that does not end with ctx.
func (e *Event) waitAnyway(ctx context.Context) {
	e.mu.Lock()
	if e.set.Load() {
		e.mu.Unlock()
		return
	}
	w := newWaiter(ctx)
	e.waiters.push(w)
	e.mu.Unlock()
	w.waitGranted(e.why(e, "event.Wait"))
	w.release()
}

func (e *Event) kind() string { return "event" }
func (e *Event) look() look   { return lookAt(e, (*Event).observe) }

func (e *Event) observe(o *observed) {
	e.mu.Lock()
	defer e.mu.Unlock()
	o.queue(&e.waiters, "event.Wait")
	o.Unknown = true
}

// EventStatistics is a snapshot of an event.
type EventStatistics struct {
	Set     bool
	Waiting int
}

// Statistics returns a snapshot.
func (e *Event) Statistics() EventStatistics {
	e.mu.Lock()
	defer e.mu.Unlock()
	return EventStatistics{Set: e.set.Load(), Waiting: e.waiters.len}
}
