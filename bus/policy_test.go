package bus_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/bus"
)

// What the queue of a subscription does when it is full.
var policyCases = []testCase{
	{name: "Block: publishers wait for room, in their order, and the other subscriptions have the event meanwhile", run: func(t *testing.T, ctx context.Context) {
		run(t, ctx, bus.Config{}, func(ctx context.Context, b *bus.Bus) {
			var h gated[order]
			slow := subscribe(t, ctx, b, h.handle, bus.Capacity(2))
			var seen []int
			fast := subscribe(t, ctx, b, func(_ context.Context, o order) error { seen = append(seen, o.ID); return nil })
			h.fill(t, ctx, b, order{0}, order{1}, order{2})
			must(t, braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				for i := range 4 {
					g.Go(func(ctx context.Context) error { return bus.Publish(ctx, b, order{3 + i}) })
					until(t, ctx, func() bool { return slow.Statistics().Blocked == i+1 && fast.Statistics().Handled == uint64(i)+4 })
				}
				equal(t, "queued", balanced(t, slow).Queued, 2)
				h.gate.Set()
				return nil
			}))
			must(t, b.Close(ctx))
			equal(t, "order", fmt.Sprint(h.got), "[{0} {1} {2} {3} {4} {5} {6}]")
			equal(t, "order of the other", fmt.Sprint(seen), "[0 1 2 3 4 5 6]")
			equal(t, "handled", balanced(t, slow).Handled, 7)
		})
	}},
	{name: "Block: a publisher is not kept waiting while there is room", waits: true, run: func(t *testing.T, ctx context.Context) {
		run(t, ctx, bus.Config{Drain: time.Hour}, func(ctx context.Context, b *bus.Bus) {
			s := subscribe(t, ctx, b, func(ctx context.Context, _ order) error { return braid.Sleep(ctx, time.Second) }, bus.Capacity(10))
			start := braid.Time(ctx)
			must(t, bus.Publish(ctx, b, order{}))
			until(t, ctx, func() bool { return s.Statistics().Running })
			for i := range 15 {
				must(t, bus.Publish(ctx, b, order{i}))
				room := time.Duration(max(0, i-9)) * time.Second // each second an event is taken out
				equal(t, fmt.Sprintf("event %d has room after", i), braid.Time(ctx).Sub(start), room)
			}
		})
	}},
	{name: "Block: nobody overtakes a publisher that has not been woken yet", waits: true, run: func(t *testing.T, ctx context.Context) {
		run(t, ctx, bus.Config{}, func(ctx context.Context, b *bus.Bus) {
			gate := braid.NewQueue[int](braid.Unbounded)
			var got []int
			s := subscribe(t, ctx, b, func(ctx context.Context, o order) error {
				got = append(got, o.ID)
				_, err := gate.Get(ctx)
				return err
			}, bus.Capacity(4))
			must(t, braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				publish := func(id int) {
					g.Go(func(ctx context.Context) error { return bus.Publish(ctx, b, order{id}) })
					until(t, ctx, func() bool { return s.Statistics().Received == uint64(id)+1 })
				}
				for id := range 8 {
					publish(id)
					until(t, ctx, func() bool { return s.Statistics().Running })
				}
				equal(t, "blocked", s.Statistics().Blocked, 3)
				for n := range 3 { // the handler is fast: no time passes
					must(t, gate.Put(ctx, 1))
					until(t, ctx, func() bool { st := s.Statistics(); return st.Handled == uint64(n)+1 && st.Running })
				}
				st := s.Statistics()
				if st.Queued == 4 || st.Blocked != 1 {
					t.Errorf("there should be room, and somebody who has not got it: %+v", st)
				}
				publish(8)
				equal(t, "blocked", s.Statistics().Blocked, 2)
				for range 6 {
					must(t, gate.Put(ctx, 1))
				}
				return nil
			}))
			must(t, b.Close(ctx))
			equal(t, "order", fmt.Sprint(got), "[0 1 2 3 4 5 6 7 8]")
		})
	}},
	{name: "Block: a publisher that is cancelled leaves nothing behind", run: func(t *testing.T, ctx context.Context) {
		for _, wait := range []bus.Wait{bus.NoWait, bus.WaitAll} {
			run(t, ctx, bus.Config{}, func(ctx context.Context, b *bus.Bus) {
				var h gated[order]
				s := subscribe(t, ctx, b, h.handle, bus.Capacity(1))
				h.fill(t, ctx, b, order{0}, order{1})
				err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
					p := g.Go(func(ctx context.Context) error { return bus.Publish(ctx, b, order{2}, wait) })
					until(t, ctx, func() bool { return s.Statistics().Blocked == 1 })
					p.Cancel(errDown)
					wantErr(t, p.Wait(ctx), errDown)
					return nil
				})
				must(t, err)
				st := balanced(t, s)
				equal(t, "blocked", st.Blocked, 0)
				equal(t, "received", st.Received, 2)
				h.gate.Set()
				must(t, b.Close(ctx))
				equal(t, "handled", fmt.Sprint(h.got), "[{0} {1}]")
			})
		}
	}},
	{name: "DropOldest keeps the newest", run: func(t *testing.T, ctx context.Context) {
		overflow(t, ctx, bus.DropOldest, "[{0} {4} {5}]", []error{bus.ErrDropped, bus.ErrDropped, bus.ErrDropped, nil, nil})
	}},
	{name: "DropNewest keeps the oldest", run: func(t *testing.T, ctx context.Context) {
		overflow(t, ctx, bus.DropNewest, "[{0} {1} {2}]", []error{nil, nil, bus.ErrDropped, bus.ErrDropped, bus.ErrDropped})
	}},
	{name: "Disconnect ends the subscription and the ctx of its handler", run: func(t *testing.T, ctx context.Context) {
		var told []*bus.EventError
		config := bus.Config{OnError: func(e *bus.EventError) { told = append(told, e) }}
		run(t, ctx, config, func(ctx context.Context, b *bus.Bus) {
			var h gated[order]
			var cause error
			s := subscribe(t, ctx, b, func(ctx context.Context, o order) error {
				err := h.handle(ctx, o)
				cause = context.Cause(ctx)
				return err
			}, bus.Capacity(2), bus.Disconnect)
			other := subscribe(t, ctx, b, nothing[order])
			h.fill(t, ctx, b, order{0}, order{1}, order{2}, order{3}, order{4})
			must(t, s.Unsubscribe(ctx))
			wantErr(t, s.Err(), bus.ErrDisconnected)
			wantErr(t, cause, bus.ErrDisconnected)
			equal(t, "handled", fmt.Sprint(h.got), "[{0}]")
			st := balanced(t, s)
			equal(t, "dropped", st.Dropped, 1)
			equal(t, "discarded", st.Discarded, 3)
			until(t, ctx, func() bool { return other.Statistics().Handled == 5 })
			if len(told) != 1 || !errors.Is(told[0], bus.ErrDisconnected) {
				t.Errorf("OnError was told %v", told)
			}
			wantErr(t, bus.Publish(ctx, b, order{6}, bus.WaitAll), nil)
		})
	}},
	{name: "CoalesceBy: a newer event takes the place of the older one with its key", run: func(t *testing.T, ctx context.Context) {
		run(t, ctx, bus.Config{}, func(ctx context.Context, b *bus.Bus) {
			var h gated[price]
			s := subscribe(t, ctx, b, h.handle, bus.Capacity(2), bus.DropNewest, bus.CoalesceBy(func(p price) string { return p.Item }))
			h.fill(t, ctx, b, price{"tea", 1}, price{"tea", 2}, price{"nut", 3}, price{"tea", 4}, price{"tea", 5}, price{"egg", 6})
			st := balanced(t, s)
			equal(t, "coalesced", st.Coalesced, 2)
			equal(t, "dropped", st.Dropped, 1)
			h.gate.Set()
			must(t, b.Close(ctx))
			equal(t, "handled", fmt.Sprint(h.got), "[{tea 1} {tea 5} {nut 3}]")
			balanced(t, s)
		})
	}},
	{name: "CoalesceBy: what is equal to nothing takes no place", run: func(t *testing.T, ctx context.Context) {
		run(t, ctx, bus.Config{}, func(ctx context.Context, b *bus.Bus) {
			var h gated[order]
			s := subscribe(t, ctx, b, h.handle, bus.CoalesceBy(func(order) float64 { return math.NaN() }))
			h.fill(t, ctx, b, order{0}, order{1}, order{2})
			h.gate.Set()
			must(t, b.Close(ctx))
			equal(t, "handled", balanced(t, s).Handled, 3)
		})
	}},
	{name: "CoalesceBy and Block: what waits for room is coalesced when it gets some", run: func(t *testing.T, ctx context.Context) {
		run(t, ctx, bus.Config{}, func(ctx context.Context, b *bus.Bus) {
			var h gated[price]
			s := subscribe(t, ctx, b, h.handle, bus.Capacity(2), bus.CoalesceBy(func(p price) string { return p.Item }))
			h.fill(t, ctx, b, price{"tea", 1}, price{"tea", 2}, price{"nut", 3})
			must(t, braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				for i := range 3 {
					g.Go(func(ctx context.Context) error { return bus.Publish(ctx, b, price{"egg", 4 + i}) })
					until(t, ctx, func() bool { return s.Statistics().Blocked == i+1 })
				}
				h.gate.Set()
				return nil
			}))
			must(t, b.Close(ctx))
			equal(t, "handled", fmt.Sprint(h.got), "[{tea 1} {tea 2} {nut 3} {egg 6}]")
			equal(t, "coalesced", balanced(t, s).Coalesced, 2)
		})
	}},
	{name: "a filter or key that panics is a failure of its subscription", run: func(t *testing.T, ctx context.Context) {
		var told []*bus.EventError
		config := bus.Config{OnError: func(e *bus.EventError) { told = append(told, e) }}
		run(t, ctx, config, func(ctx context.Context, b *bus.Bus) {
			bad := subscribe(t, ctx, b, nothing[order], bus.Filter(func(o order) bool { panic("boom") }))
			worse := subscribe(t, ctx, b, nothing[order], bus.CoalesceBy(func(o order) any { return []int{o.ID} }))
			good := subscribe(t, ctx, b, nothing[order])
			must(t, bus.Publish(ctx, b, order{1}))
			err := bus.Publish(ctx, b, order{2}, bus.WaitAll)
			if p, ok := errors.AsType[*braid.PanicError](err); !ok || p.Value != "boom" {
				t.Errorf("error is %v", err)
			}
			equal(t, "failed", balanced(t, bad).Failed, 2)
			equal(t, "failed", balanced(t, worse).Failed, 2)
			until(t, ctx, func() bool { return good.Statistics().Handled == 2 })
			equal(t, "told", len(told), 2) // of the first event; the second has a publisher who was told
		})
	}},
	{name: "a filter that exits takes its publisher with it and nobody else", run: func(t *testing.T, ctx context.Context) {
		run(t, ctx, bus.Config{}, func(ctx context.Context, b *bus.Bus) {
			s := subscribe(t, ctx, b, nothing[order], bus.Filter(func(o order) bool {
				if o.ID == 1 {
					runtime.Goexit()
				}
				return true
			}))
			err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error { return bus.Publish(ctx, b, order{1}) })
				return nil
			})
			wantErr(t, err, braid.ErrGoexit)
			must(t, bus.Publish(ctx, b, order{2}, bus.WaitAll))
			equal(t, "handled", balanced(t, s).Handled, 1)
		})
	}},
}

// overflow publishes 1 to 5 for a handler that is busy and has a queue of two.
func overflow(t *testing.T, ctx context.Context, policy bus.Overflow, handled string, outcomes []error) {
	t.Helper()
	run(t, ctx, bus.Config{}, func(ctx context.Context, b *bus.Bus) {
		var h gated[order]
		s := subscribe(t, ctx, b, h.handle, bus.Capacity(2), policy)
		h.fill(t, ctx, b, order{0})
		must(t, braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			for i, want := range outcomes {
				g.Go(func(ctx context.Context) error {
					if err := bus.Publish(ctx, b, order{i + 1}, bus.WaitAll); !errors.Is(err, want) {
						t.Errorf("publisher of %d is told %v, want %v", i+1, err, want)
					}
					return nil
				})
				until(t, ctx, func() bool { return s.Statistics().Received == uint64(i)+2 })
			}
			st := balanced(t, s)
			equal(t, "dropped", st.Dropped, 3)
			equal(t, "queued", st.Queued, 2)
			h.gate.Set()
			return nil
		}))
		must(t, b.Close(ctx))
		equal(t, "handled", fmt.Sprint(h.got), handled)
		balanced(t, s)
	})
}
