package braid

import (
	"context"
	"runtime"
	"sync/atomic"

	"github.com/braid-go/braid/internal/record"
)

// Failures of futures that nobody reads, for the inspector.

// failure is that of a future.
type failure struct {
	err   error
	place *place // nil without an inspector
}

// place is what outlives a future that is watched. It does not lead to the error, which may lead back to the future:
// then neither would ever be collected.
type place struct {
	seen atomic.Bool
	n    atomic.Uint64 // among lastFailures; 0 if the future is not watched
}

// lastFailures are the failures of the futures watched last that nobody has read yet; number n is at n modulo their number.
// One that leads back to its future keeps it until others have come after it.
var (
	lastFailures   [256]atomic.Pointer[failure]
	failuresNumber atomic.Uint64
)

// enter puts f, whose place this is, among them.
func (p *place) enter(f *failure) {
	n := failuresNumber.Add(1)
	lastFailures[n%uint64(len(lastFailures))].Store(f)
	p.n.Store(n)
	if p.seen.Load() { // meanwhile
		_ = p.leave()
	}
}

// leave takes the failure that has this place out, and returns its error; nil if it is out already.
func (p *place) leave() error {
	slot := &lastFailures[p.n.Load()%uint64(len(lastFailures))]
	f := slot.Load()
	if f == nil || f.place != p || !slot.CompareAndSwap(f, nil) {
		return nil
	}
	return f.err
}

// watch has the inspector told if f, which has failed, is collected before anybody has read why. f.mu is held.
// What ends with context.Canceled itself has been cancelled, and has not failed.
func (f *Future[T]) watch(loss record.Loss) {
	if !record.On || f.failure.err == context.Canceled {
		return
	}
	loss.How = record.Unread
	f.failure.place.enter(f.failure)
	runtime.AddCleanup(f, func(p *place) {
		if loss.Err = p.leave(); !p.seen.Load() {
			record.Lost(loss)
		}
	}, f.failure.place)
}

// read returns the result. f has been settled.
func (f *Future[T]) read() (T, error) {
	if f.failure == nil {
		return f.value, nil
	}
	if p := f.failure.place; p != nil && !p.seen.Swap(true) {
		_ = p.leave()
	}
	return f.value, f.failure.err
}
