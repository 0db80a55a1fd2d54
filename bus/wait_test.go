package bus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/bus"
)

// What a publisher waits for, and what would wait for itself.
var waitCases = []testCase{
	{name: "WaitAll by a handler for its own subscription: nobody gets the event", run: func(t *testing.T, ctx context.Context) {
		for _, config := range []bus.Config{{}, {Strict: true}, {Engine: bus.NewMemory()}} {
			run(t, ctx, config, func(ctx context.Context, b *bus.Bus) {
				var got []int
				other := subscribe(t, ctx, b, nothing[order])
				s := subscribe(t, ctx, b, func(ctx context.Context, o order) error {
					got = append(got, o.ID)
					if o.ID == 1 {
						must(t, bus.Publish(ctx, b, order{-1}, bus.WaitAll)) // is filtered away
						return bus.Publish(ctx, b, order{2}, bus.WaitAll)
					}
					return nil
				}, bus.Filter(func(o order) bool { return o.ID > 0 }))
				wantErr(t, bus.Publish(ctx, b, order{1}, bus.WaitAll), braid.ErrSelfDeadlock)
				must(t, b.Close(ctx))
				equal(t, "handled", fmt.Sprint(got), "[1]")
				equal(t, "failed", balanced(t, s).Failed, 1)
				equal(t, "handled by the other", balanced(t, other).Handled, 2)
			})
		}
	}},
	{name: "WaitAll in a circle of handlers, also through a task and a topic", run: func(t *testing.T, ctx context.Context) {
		for _, wait := range []bus.Wait{bus.WaitAll, bus.WaitFirstError} {
			run(t, ctx, bus.Config{}, func(ctx context.Context, b *bus.Bus) {
				var inner error
				subscribe(t, ctx, b, func(ctx context.Context, o order) error {
					if o.ID == 1 {
						return bus.Publish(ctx, b, price{"tea", 1}, wait, bus.Topic("eu"), bus.Header{"k": "v"})
					}
					return nil
				})
				subscribe(t, ctx, b, func(ctx context.Context, p price) error {
					_, err := braid.Gather(ctx, func(ctx context.Context) (int, error) {
						inner = bus.Publish(ctx, b, order{2}, wait)
						return 0, nil
					})
					return err
				})
				must(t, bus.Publish(ctx, b, order{1}, wait))
				wantErr(t, inner, braid.ErrSelfDeadlock)
			})
		}
	}},
	{name: "Block by a handler for its own full queue: not queued", run: func(t *testing.T, ctx context.Context) {
		for _, config := range []bus.Config{{}, {Strict: true}, {Engine: bus.NewMemory()}} {
			run(t, ctx, config, func(ctx context.Context, b *bus.Bus) {
				var errs []error
				s := subscribe(t, ctx, b, func(ctx context.Context, o order) error {
					if o.ID == 1 {
						for i := range 3 {
							errs = append(errs, bus.Publish(ctx, b, order{2 + i}))
						}
					}
					return nil
				}, bus.Capacity(2))
				must(t, bus.Publish(ctx, b, order{1}))
				until(t, ctx, func() bool { return s.Statistics().Handled == 3 })
				must(t, errors.Join(errs[:2]...))
				wantErr(t, errs[2], braid.ErrSelfDeadlock)
				equal(t, "received", balanced(t, s).Received, 3)
			})
		}
	}},
	{name: "a publisher that waits is told of an unsubscribed event", run: func(t *testing.T, ctx context.Context) {
		run(t, ctx, bus.Config{}, func(ctx context.Context, b *bus.Bus) {
			var h gated[order]
			s := subscribe(t, ctx, b, h.handle, bus.Capacity(1))
			h.fill(t, ctx, b, order{0})
			must(t, braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				for i := range 2 { // one that is queued, and one that waits for room
					g.Go(func(ctx context.Context) error {
						wantErr(t, bus.Publish(ctx, b, order{1}, bus.WaitAll), bus.ErrUnsubscribed)
						return nil
					})
					until(t, ctx, func() bool { return s.Statistics().Received == uint64(i)+2 })
				}
				g.Go(func(ctx context.Context) error { return bus.Publish(ctx, b, order{2}) }) // does not care
				until(t, ctx, func() bool { return s.Statistics().Received == 4 })
				s.Cancel()
				return nil
			}))
			h.gate.Set()
			must(t, s.Unsubscribe(ctx))
			equal(t, "discarded", balanced(t, s).Discarded, 3)
		})
	}},
	{name: "a timeout of the publisher gives the failures so far", waits: true, run: func(t *testing.T, ctx context.Context) {
		run(t, ctx, bus.Config{OnError: func(e *bus.EventError) { t.Errorf("told %v", e) }}, func(ctx context.Context, b *bus.Bus) {
			var h gated[order]
			subscribe(t, ctx, b, func(context.Context, order) error { return errDown })
			subscribe(t, ctx, b, h.handle)
			err := braid.Timeout(ctx, time.Second, func(ctx context.Context) error {
				return bus.Publish(ctx, b, order{0}, bus.WaitAll)
			})
			wantErr(t, err, errDown)
			wantErr(t, err, braid.ErrTimeout)
			h.gate.Set()
		})
	}},
	{name: "OnError that panics harms nobody", run: func(t *testing.T, ctx context.Context) {
		run(t, ctx, bus.Config{OnError: func(*bus.EventError) { panic("again") }}, func(ctx context.Context, b *bus.Bus) {
			s := subscribe(t, ctx, b, func(context.Context, order) error { panic("boom") })
			must(t, bus.Publish(ctx, b, order{0}))
			must(t, bus.Publish(ctx, b, order{1}))
			until(t, ctx, func() bool { return balanced(t, s).Failed == 2 })
		})
	}},
	{name: "a handler that fails with its cancelled caller's error has failed", run: func(t *testing.T, ctx context.Context) {
		run(t, ctx, bus.Config{}, func(ctx context.Context, b *bus.Bus) {
			subscribe(t, ctx, b, func(context.Context, order) error { return context.Canceled })
			wantErr(t, bus.Publish(ctx, b, order{0}, bus.WaitAll), context.Canceled)
		})
	}},
}
