package resilience

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid"
)

// BulkheadConfig says how many calls a [Bulkhead] lets through.
type BulkheadConfig struct {
	// Name stands in errors and tools. It may be empty.
	Name string

	// Slots is how many calls may run at a time. It must be positive.
	Slots int

	// Queue is how many calls may wait for a slot. 0 means that none does.
	Queue int

	// MaxWait bounds how long a call waits for a slot. 0 means that only its ctx does.
	MaxWait time.Duration
}

func (c BulkheadConfig) check() string {
	switch {
	case c.Slots < 1:
		return fmt.Sprintf("BulkheadConfig.Slots is %d: it must be positive", c.Slots)
	case c.Queue < 0:
		return fmt.Sprintf("BulkheadConfig.Queue is %d: it must not be negative", c.Queue)
	case c.MaxWait < 0:
		return fmt.Sprintf("BulkheadConfig.MaxWait is %v: it must be positive, or 0 for no limit", c.MaxWait)
	}
	return ""
}

// Bulkhead bounds how many calls run at a time, so that one slow dependency does not take all of a program.
// Calls beyond that wait in a bounded queue, first come, first served; calls beyond the queue fail at once with a [*FullError].
// Make one with [NewBulkhead].
type Bulkhead struct {
	config   BulkheadConfig
	slots    *braid.Semaphore
	waiting  atomic.Int64
	rejected atomic.Uint64
}

// NewBulkhead returns a bulkhead. It panics if the config makes no sense; see there.
func NewBulkhead(config BulkheadConfig) *Bulkhead {
	if wrong := config.check(); wrong != "" {
		panic("resilience: " + wrong)
	}
	b := &Bulkhead{config: config, slots: braid.NewSemaphore(int64(config.Slots))}
	b.slots.SetName(config.Name)
	return b
}

func (b *Bulkhead) check() string {
	if b.slots == nil {
		return "this Bulkhead has no slots: make it with NewBulkhead"
	}
	return ""
}

// Acquire takes a slot, to be given back with [Bulkhead.Release]. It fails with a [*FullError] if there is no room in the queue
// either, or MaxWait has passed in it.
//
// # Cancellation
//
// If ctx ends first, or is done already, Acquire returns its cause and holds nothing. It has left the queue then.
func (b *Bulkhead) Acquire(ctx context.Context) error {
	if wrong := b.check(); wrong != "" {
		panic("resilience: " + wrong)
	}
	if err := causeOf(ctx); err != nil {
		return err
	}
	return b.acquire(ctx, 0)
}

// TryAcquire takes a slot if one is free and nobody waits, and reports whether it did. It never blocks, and a no is not counted as a rejection.
func (b *Bulkhead) TryAcquire() bool {
	if wrong := b.check(); wrong != "" {
		panic("resilience: " + wrong)
	}
	return b.slots.TryAcquire(1)
}

// acquire waits for as long as there is still time for a call that takes need. ctx is not done.
func (b *Bulkhead) acquire(ctx context.Context, need time.Duration) error {
	if b.slots.TryAcquire(1) {
		return nil
	}
	if b.waiting.Add(1) > int64(b.config.Queue) {
		b.waiting.Add(-1)
		b.rejected.Add(1)
		return &FullError{Bulkhead: b.config.Name}
	}
	defer b.waiting.Add(-1)
	patience, late := b.config.MaxWait, false
	if at, ok := ctx.Deadline(); ok && need > 0 {
		left := at.Sub(braid.Time(ctx))
		if late = patience == 0 || left-need < patience; late {
			patience = left - need
			if patience <= 0 {
				return &NoTimeError{For: "bulkhead", Need: need, Left: left}
			}
		}
	}
	if patience == 0 {
		return b.slots.Acquire(ctx, 1)
	}
	err := braid.Timeout(ctx, patience, func(ctx context.Context) error { return b.slots.Acquire(ctx, 1) })
	var timeout *braid.TimeoutError
	switch {
	case err == nil || ctx.Err() != nil || !errors.As(err, &timeout):
		return err
	case late:
		at, _ := ctx.Deadline()
		return &NoTimeError{For: "bulkhead", Need: need, Left: at.Sub(braid.Time(ctx))}
	default:
		b.rejected.Add(1)
		return &FullError{Bulkhead: b.config.Name, Waited: patience}
	}
}

// Release gives back a slot that Acquire or TryAcquire has taken. It panics if none is held.
func (b *Bulkhead) Release() { b.slots.Release(1) }

// active is for the eviction from a [Keyed].
func (b *Bulkhead) active() bool { return b.Statistics().InUse > 0 }

// BulkheadStatistics is a snapshot of a bulkhead.
type BulkheadStatistics struct {
	Slots, InUse, Waiting int
	Rejected              uint64 // because there was no room in the queue, or MaxWait had passed
}

// Statistics returns a snapshot.
func (b *Bulkhead) Statistics() BulkheadStatistics {
	s := b.slots.Statistics()
	return BulkheadStatistics{Slots: b.config.Slots, InUse: int(s.InUse), Waiting: s.Waiting, Rejected: b.rejected.Load()}
}
