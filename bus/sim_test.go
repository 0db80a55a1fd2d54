package bus_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/bus"
	"github.com/braid-go/braid/sim"
)

// Whatever the schedule, wherever publishers are cancelled and subscriptions end, every event that came is accounted for,
// each handler runs alone and gets the events of one publisher in order, and everybody who waits is told.
func TestSimBus(t *testing.T) { sim.Test(t, simBus(true)) }

// So it is when tasks, those of the bus included, or the whole program are cancelled at any wait.
func TestSimCancel(t *testing.T) { sim.Test(t, simBus(false), sim.Sweep(), sim.Cancels()) }

func simBus(undisturbed bool) func(s *sim.T) {
	return func(s *sim.T) {
		policies := []bus.Overflow{bus.Block, bus.DropOldest, bus.DropNewest, bus.Disconnect}
		var subs []*bus.Subscription
		config := bus.Config{Drain: time.Second, OnError: func(*bus.EventError) {}}
		err := bus.Run(s.Context(), config, func(ctx context.Context, b *bus.Bus) error {
			for range 2 {
				running := false
				last := [2]int{-1, -1}
				sub, err := bus.Subscribe(ctx, b, func(ctx context.Context, o order) error {
					if running {
						s.Errorf("two handlers of a subscription at a time")
					}
					running = true
					defer func() { running = false }()
					if p := o.ID % 2; o.ID <= last[p] {
						s.Errorf("event %d after %d", o.ID, last[p])
					} else {
						last[p] = o.ID
					}
					switch s.IntN(4) {
					case 0:
						return errDown
					case 1:
						runtime.Goexit()
					case 2:
						return braid.Sleep(ctx, time.Duration(s.IntN(2))*time.Second)
					}
					return nil
				}, bus.Capacity(1), policies[s.IntN(len(policies))])
				if err != nil {
					return err
				}
				subs = append(subs, sub)
			}
			return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				var publishers []*braid.Handle
				for p := range 2 {
					publishers = append(publishers, g.Go(func(ctx context.Context) error {
						for i := range 3 {
							wait := bus.Wait(s.IntN(3))
							if err := bus.Publish(ctx, b, order{2*i + p}, wait); err != nil && context.Cause(ctx) != nil {
								return context.Cause(ctx)
							}
						}
						return nil
					}))
				}
				switch s.IntN(4) {
				case 0:
					publishers[0].Cancel(errDown)
				case 1:
					if err := subs[0].Unsubscribe(ctx); err != nil {
						return err
					}
				case 2:
					subs[1].Cancel()
				}
				return nil
			})
		})
		if _, left := errors.AsType[*bus.CloseError](err); err != nil && !left && undisturbed {
			s.Errorf("error: %v", err)
		}
		for _, sub := range subs {
			st := sub.Statistics()
			sum := st.Handled + st.Failed + st.Dropped + st.Coalesced + st.Discarded
			if sum != st.Received || st.Queued != 0 || st.Blocked != 0 || st.Running || !st.Ended {
				s.Errorf("not accounted for: %+v", st)
			}
		}
	}
}

// Whatever the schedule, a publisher that races with Close is served or refused, and never neither.
func TestSimClose(t *testing.T) {
	sim.Test(t, func(s *sim.T) {
		accepted, handled := 0, uint64(0)
		var sub *bus.Subscription
		err := bus.Run(s.Context(), bus.Config{}, func(ctx context.Context, b *bus.Bus) error {
			var err error
			if sub, err = bus.Subscribe(ctx, b, func(context.Context, order) error { handled++; return nil }, bus.Capacity(1)); err != nil {
				return err
			}
			return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				for range 2 {
					g.Go(func(ctx context.Context) error {
						for i := range 3 {
							switch err := bus.Publish(ctx, b, order{i}, bus.Wait(s.IntN(2))); {
							case err == nil:
								accepted++
							case !errors.Is(err, bus.ErrClosed):
								return err
							}
						}
						return nil
					})
				}
				g.Go(b.Close)
				return nil
			})
		})
		st := sub.Statistics()
		_, left := errors.AsType[*bus.CloseError](err)
		switch { // the time to drain may be over before the handler has had its turn
		case st.Handled != handled || st.Handled+st.Discarded != st.Received || left != (st.Discarded > 0):
			s.Errorf("%v; %d calls of the handler, %+v", err, handled, st)
		case uint64(accepted) < st.Handled || uint64(accepted) > st.Received:
			s.Errorf("%d accepted, %+v", accepted, st)
		}
	})
}
