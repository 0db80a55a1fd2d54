package bus_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/bus"
)

// How a bus ends.
var closeCases = []testCase{
	{name: "Close refuses publishers that wait for room, drains for its time, cancels and joins", waits: true, run: func(t *testing.T, ctx context.Context) {
		start := braid.Time(ctx)
		var cutAt time.Duration
		err := bus.Run(ctx, bus.Config{Name: "shop", Drain: 10 * time.Second}, func(ctx context.Context, b *bus.Bus) error {
			slow := subscribe(t, ctx, b, func(ctx context.Context, _ order) error {
				if err := braid.Sleep(ctx, 4*time.Second); err != nil {
					cutAt = braid.Time(ctx).Sub(start)
					_ = braid.Sleep(context.WithoutCancel(ctx), time.Second) // its cleanup
					return err
				}
				return nil
			}, bus.Name("slow"), bus.Capacity(3))
			for i := range 4 {
				must(t, bus.Publish(ctx, b, order{i}))
				until(t, ctx, func() bool { return i > 0 || slow.Statistics().Running })
			}
			return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				for _, wait := range []bus.Wait{bus.NoWait, bus.WaitAll} {
					g.Go(func(ctx context.Context) error {
						wantErr(t, bus.Publish(ctx, b, order{9}, wait), bus.ErrClosed)
						equal(t, "refused after", braid.Time(ctx).Sub(start), 0)
						return nil
					})
				}
				until(t, ctx, func() bool { return slow.Statistics().Blocked == 2 })
				err := b.Close(ctx)
				st := balanced(t, slow)
				equal(t, "handled", st.Handled, 2)
				equal(t, "discarded", st.Discarded, 2)
				return err
			})
		})
		equal(t, "cut off after", cutAt, 10*time.Second)
		equal(t, "ended after", braid.Time(ctx).Sub(start), 11*time.Second)
		closeErr, ok := errors.AsType[*bus.CloseError](err)
		if !ok || closeErr.Bus != "shop" {
			t.Fatalf("error is %v", err)
		}
		left := 0
		for _, l := range closeErr.Left {
			left += l.Events
		}
		equal(t, "left", left, 2)
	}},
	{name: "the end of ctx ends the drain; a Drain below zero is none", waits: true, run: func(t *testing.T, ctx context.Context) {
		for _, drain := range []time.Duration{time.Hour, -1} {
			start := braid.Time(ctx)
			_ = bus.Run(ctx, bus.Config{Drain: drain}, func(ctx context.Context, b *bus.Bus) error {
				var h gated[order]
				subscribe(t, ctx, b, h.handle)
				h.fill(t, ctx, b, order{0}, order{1})
				closing, cancel := context.WithCancel(ctx)
				if drain > 0 {
					cancel()
				}
				defer cancel()
				if _, ok := errors.AsType[*bus.CloseError](b.Close(closing)); !ok {
					t.Error("nothing was left")
				}
				return nil
			})
			equal(t, "time", braid.Time(ctx).Sub(start), 0)
		}
	}},
	{name: "the scope's end ends handlers, and everything else is refused", run: func(t *testing.T, ctx context.Context) {
		for _, subscribers := range []int{0, 1} {
			var b *bus.Bus
			var s *bus.Subscription
			var told error
			err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				b = bus.New(g, bus.Config{})
				var h gated[order]
				if subscribers > 0 {
					s = subscribe(t, ctx, b, h.handle, bus.Capacity(1))
					h.fill(t, ctx, b, order{0}, order{1})
					g.Go(func(ctx context.Context) error {
						told = bus.Publish(context.WithoutCancel(ctx), b, order{2}, bus.WaitAll)
						return nil
					})
					until(t, ctx, func() bool { return s.Statistics().Blocked == 1 })
				}
				g.Cancel(errDown)
				return nil
			})
			must(t, err)
			wantErr(t, bus.Publish(ctx, b, order{1}), bus.ErrClosed)
			_, err = bus.Subscribe(ctx, b, nothing[order])
			wantErr(t, err, bus.ErrClosed)
			closeErr := b.Close(ctx)
			if subscribers == 0 {
				must(t, closeErr)
				continue
			}
			wantErr(t, told, bus.ErrClosed)
			wantErr(t, s.Err(), bus.ErrClosed)
			equal(t, "discarded", balanced(t, s).Discarded, 2)
			if _, ok := errors.AsType[*bus.CloseError](closeErr); !ok {
				t.Errorf("Close: %v", closeErr)
			}
		}
	}},
	{name: "a body that fails ends the handlers at once", run: func(t *testing.T, ctx context.Context) {
		err := bus.Run(ctx, bus.Config{}, func(ctx context.Context, b *bus.Bus) error {
			var h gated[order]
			subscribe(t, ctx, b, h.handle)
			h.fill(t, ctx, b, order{0}, order{1})
			return errDown
		})
		wantErr(t, err, errDown)
	}},
	{name: "Close by a handler does not wait", run: func(t *testing.T, ctx context.Context) {
		run(t, ctx, bus.Config{}, func(ctx context.Context, b *bus.Bus) {
			var got []int
			var h gated[order]
			subscribe(t, ctx, b, func(ctx context.Context, o order) error {
				got = append(got, o.ID)
				if o.ID == 0 {
					must(t, h.handle(ctx, o))
					wantErr(t, b.Close(ctx), bus.ErrHandlerRunning)
					wantErr(t, bus.Publish(ctx, b, order{3}), bus.ErrClosed)
				}
				return nil
			})
			h.fill(t, ctx, b, order{0}, order{1})
			h.gate.Set()
			must(t, b.Close(ctx))
			equal(t, "handled", fmt.Sprint(got), "[0 1]")
		})
	}},
	{name: "several Close wait for the same end", run: func(t *testing.T, ctx context.Context) {
		run(t, ctx, bus.Config{}, func(ctx context.Context, b *bus.Bus) {
			var h gated[order]
			ended := false
			subscribe(t, ctx, b, func(ctx context.Context, o order) error { defer func() { ended = true }(); return h.handle(ctx, o) })
			h.fill(t, ctx, b, order{0})
			must(t, braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				for range 3 {
					g.Go(func(ctx context.Context) error { must(t, b.Close(ctx)); equal(t, "ended", ended, true); return nil })
				}
				until(t, ctx, func() bool { return b.Statistics().Closed })
				h.gate.Set()
				return nil
			}))
		})
	}},
	{name: "handlers that exit while the bus ends", run: func(t *testing.T, ctx context.Context) {
		quiet := bus.Config{OnError: func(*bus.EventError) {}}
		run(t, ctx, quiet, func(ctx context.Context, b *bus.Bus) {
			var h gated[order]
			s := subscribe(t, ctx, b, func(ctx context.Context, o order) error { _ = h.handle(ctx, o); runtime.Goexit(); return nil })
			h.fill(t, ctx, b, order{0}, order{1}, order{2})
			must(t, braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(b.Close)
				until(t, ctx, func() bool { return b.Statistics().Closed })
				h.gate.Set()
				return nil
			}))
			equal(t, "failed", balanced(t, s).Failed, 3)
		})
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			b := bus.New(g, quiet)
			var h gated[order]
			s := subscribe(t, ctx, b, func(ctx context.Context, o order) error { _ = h.handle(ctx, o); runtime.Goexit(); return nil })
			h.fill(t, ctx, b, order{0}, order{1})
			g.Cancel(nil)
			// Its successor cannot be started any more.
			wantErr(t, s.Unsubscribe(context.WithoutCancel(ctx)), nil)
			balanced(t, s)
			return nil
		})
		must(t, err)
	}},
	{name: "a subscription whose task is cancelled alone ends alone", run: func(t *testing.T, ctx context.Context) {
		run(t, ctx, bus.Config{}, func(ctx context.Context, b *bus.Bus) {
			tasks := make(chan *braid.Handle, 1)
			s := subscribe(t, ctx, b, func(ctx context.Context, _ order) error { tasks <- braid.Current(ctx); return nil }, bus.Name("one"))
			other := subscribe(t, ctx, b, nothing[order])
			must(t, bus.Publish(ctx, b, order{0}, bus.WaitAll))
			task := <-tasks
			equal(t, "name", task.Name(), "one")
			task.Cancel(errDown)
			must(t, task.Wait(ctx))
			wantErr(t, s.Err(), bus.ErrClosed)
			must(t, bus.Publish(ctx, b, order{1}, bus.WaitAll))
			equal(t, "handled by the other", balanced(t, other).Handled, 2)
			equal(t, "subscriptions", len(b.Statistics().Subscriptions), 1)
		})
	}},
}
