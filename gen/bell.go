package gen

import (
	"context"
	"sync/atomic"

	"github.com/braid-go/braid"
)

// bell wakes one waiter, which looks at atomic variables that others change without a lock.
//
// Whoever changes one of them rings afterwards; the waiter says that it waits, and then looks once more.
// So either the waiter sees the change, or the ringer sees the waiter. Ringing for nobody costs one load.
type bell struct {
	waiting atomic.Bool
	rung    braid.Event
}

func (b *bell) ring() {
	if b.waiting.Load() && b.waiting.CompareAndSwap(true, false) {
		b.rung.Set()
	}
}

// wait returns when ready is true, or ctx ends.
func (b *bell) wait(ctx context.Context, ready func() bool) error {
	for {
		b.waiting.Store(true)
		if ready() && b.waiting.CompareAndSwap(true, false) {
			return nil
		}
		// Either it is not ready, or somebody has just decided to ring: then that is waited for, so that it cannot come later.
		if err := b.rung.Wait(ctx); err != nil {
			return err
		}
		b.rung.Clear()
		if ready() {
			return nil
		}
	}
}
