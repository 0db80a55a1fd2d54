package bus_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/bus"
)

// Many publishers, and subscriptions that come and go, on all processors.
func TestStress(t *testing.T) {
	braidtest.CheckLeaks(t)
	const publishers, events = 4, 300
	var steady atomic.Int64
	run(t, t.Context(), bus.Config{OnError: func(*bus.EventError) {}}, func(ctx context.Context, b *bus.Bus) {
		last := make([]int, publishers)
		s := subscribe(t, ctx, b, func(_ context.Context, o order) error {
			if p := o.ID % publishers; o.ID < last[p] {
				t.Errorf("event %d after %d", o.ID, last[p])
			} else {
				last[p] = o.ID
			}
			steady.Add(1)
			return nil
		}, bus.Capacity(4))
		must(t, braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			var working atomic.Int32
			for p := range publishers {
				working.Add(1)
				g.Go(func(ctx context.Context) error {
					defer working.Add(-1)
					for i := range events {
						err := bus.Publish(ctx, b, order{i*publishers + p}, bus.Wait(i%3))
						if err != nil && !errors.Is(err, errDown) && !errors.Is(err, bus.ErrUnsubscribed) && !errors.Is(err, bus.ErrDisconnected) && !errors.Is(err, bus.ErrDropped) {
							return err
						}
					}
					return nil
				})
			}
			for i := range 4 {
				g.Go(func(ctx context.Context) error {
					for working.Load() > 0 {
						s, err := bus.Subscribe(ctx, b, func(ctx context.Context, o order) error {
							if o.ID%7 == 0 {
								return errDown
							}
							return braid.Yield(ctx)
						}, bus.Capacity(2), bus.Overflow(i))
						if err != nil {
							return err
						}
						_ = braid.Yield(ctx)
						if err := s.Unsubscribe(ctx); err != nil {
							return err
						}
						balanced(t, s)
					}
					return nil
				})
			}
			return nil
		}))
		must(t, b.Close(ctx))
		balanced(t, s)
	})
	equal(t, "handled by the one that stayed", steady.Load(), publishers*events)
}
