package bus_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/bus"
)

// fields is an error that cannot be compared, as those of validators are.
type fields []string

func (f fields) Error() string { return strings.Join(f, ", ") }

// The cause of an end may be an error that cannot be compared: nothing may panic on its account, and the publisher is told.
func TestUncomparableCause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		publisher := t.Context()
		_ = braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
			b := bus.New(g, bus.Config{})
			s := subscribe(t, ctx, b, func(ctx context.Context, _ order) error {
				g.Cancel(fields{"name"})
				<-ctx.Done()
				return context.Cause(ctx)
			})
			err := bus.Publish(publisher, b, order{1}, bus.WaitAll)
			if _, ok := errors.AsType[fields](err); !ok {
				t.Errorf("error is %v", err)
			}
			must(t, s.Unsubscribe(publisher))
			balanced(t, s)
			return nil
		}, braid.PanicHook(func(e *braid.PanicError) { t.Errorf("panicked: %v", e) }))
	})
}

// Who has stopped waiting waits for nobody: a handler whose publisher has left may publish to it, and wait.
func TestPublisherThatHasLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		run(t, t.Context(), bus.Config{}, func(ctx context.Context, b *bus.Bus) {
			var left braid.Event
			got := 0
			a := subscribe(t, ctx, b, func(ctx context.Context, o order) error {
				got++
				if o.ID == 1 {
					wantErr(t, bus.Publish(ctx, b, price{}, bus.WaitFirstError), errDown)
					left.Set()
				}
				return nil
			}, bus.Name("a"))
			subscribe(t, ctx, b, func(context.Context, price) error { return errDown }, bus.Name("fails"))
			subscribe(t, ctx, b, func(ctx context.Context, _ price) error {
				must(t, left.Wait(ctx))
				if err := bus.Publish(ctx, b, order{2}, bus.WaitAll); err != nil {
					t.Errorf("publishing to who has left: %v", err)
				}
				if err := a.Unsubscribe(ctx); err != nil {
					t.Errorf("unsubscribing who has left: %v", err)
				}
				return nil
			}, bus.Name("slow"))
			must(t, bus.Publish(ctx, b, order{1}, bus.WaitAll))
			synctest.Wait()
			equal(t, "events", got, 2)
		})
	})
}

// Who waits for what in a bus has a name for the tools.
func TestNames(t *testing.T) {
	t.Parallel()
	for _, config := range []bus.Config{{Name: "shop"}, {Name: "shop", Engine: bus.NewMemory()}} {
		synctest.Test(t, func(t *testing.T) {
			run(t, t.Context(), config, func(ctx context.Context, b *bus.Bus) {
				var h gated[order]
				s := subscribe(t, ctx, b, h.handle, bus.Name("mail"), bus.Capacity(1))
				subscribe(t, ctx, b, func(ctx context.Context, _ price) error { return h.gate.Wait(ctx) }, bus.Name("prices"))
				h.fill(t, ctx, b, order{0}, order{1})
				must(t, braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
					waitsFor := func(want string, call func(context.Context) error) {
						task := g.Go(call)
						synctest.Wait()
						if got := task.Waiting(); !strings.Contains(got, want) {
							t.Errorf("a task waits for %q, want %q", got, want)
						}
					}
					waitsFor("room for mail", func(ctx context.Context) error { return bus.Publish(ctx, b, order{2}) })
					waitsFor("handlers of bus_test.price", func(ctx context.Context) error { return bus.Publish(ctx, b, price{}, bus.WaitAll) })
					waitsFor("end of mail", s.Unsubscribe)
					waitsFor("end of shop", b.Close)
					h.gate.Set()
					return nil
				}))
			})
		})
	}
}

// Subscribing, unsubscribing and giving up a wait for room cost as much with many subscriptions and publishers as with few.
func TestManySubscriptions(t *testing.T) {
	synctest.Test(t, manySubscriptions)
}

func manySubscriptions(t *testing.T) {
	const n = 2000
	run(t, t.Context(), bus.Config{}, func(ctx context.Context, b *bus.Bus) {
		must(t, bus.Publish(ctx, b, price{}))
		subs := make([]*bus.Subscription, 0, n)
		for range n {
			subs = append(subs, subscribe(t, ctx, b, nothing[price]))
		}
		synctest.Wait()
		if bytes := allocated(func() { subscribe(t, ctx, b, nothing[order]) }); bytes > 12_000 {
			t.Errorf("the last subscription took %d bytes", bytes)
		}
		if bytes := allocated(func() { must(t, subs[n/2].Unsubscribe(ctx)) }); bytes > 45_000 {
			t.Errorf("to unsubscribe took %d bytes", bytes)
		}
	})
	run(t, t.Context(), bus.Config{}, func(ctx context.Context, b *bus.Bus) {
		var h gated[order]
		s := subscribe(t, ctx, b, h.handle, bus.Capacity(1))
		h.fill(t, ctx, b, order{0}, order{1})
		must(t, braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			for range n {
				g.Go(func(ctx context.Context) error { return bus.Publish(ctx, b, order{2}) })
			}
			until(t, ctx, func() bool { return s.Statistics().Blocked == n })
			if bytes := allocated(func() {
				g.Cancel(nil)
				until(t, context.WithoutCancel(ctx), func() bool { return s.Statistics().Blocked == 0 })
			}); bytes > n*1000 {
				t.Errorf("to give up took %d bytes for each", bytes/n)
			}
			return nil
		}))
		h.gate.Set()
	})
}

// allocated returns how many bytes f allocates, roughly.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
