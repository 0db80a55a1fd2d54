package bus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/bus"
)

// What makes no sense panics with a text that says so.
func TestBadInput(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	run(t, ctx, bus.Config{}, func(ctx context.Context, b *bus.Bus) {
		option := func(o func() bus.SubscribeOption) func() {
			return func() { _, _ = bus.Subscribe(ctx, b, nothing[order], o()) }
		}
		for want, call := range map[string]func(){
			"needs a handler":   func() { _, _ = bus.Subscribe[order](ctx, b, nil) },
			"Capacity(0)":       option(func() bus.SubscribeOption { return bus.Capacity(0) }),
			"Capacity(-1)":      option(func() bus.SubscribeOption { return bus.Capacity(-1) }),
			"Overflow(9)":       option(func() bus.SubscribeOption { return bus.Overflow(9) }),
			"empty word":        option(func() bus.SubscribeOption { return bus.Topic("") }),
			"* stands":          option(func() bus.SubscribeOption { return bus.Topic("a*") }),
			"> for all":         option(func() bus.SubscribeOption { return bus.Topic(">.a") }),
			"without a topic":   option(func() bus.SubscribeOption { return bus.Topic("_") }),
			"Filter needs":      option(func() bus.SubscribeOption { return bus.Filter[order](nil) }),
			"CoalesceBy needs":  option(func() bus.SubscribeOption { return bus.CoalesceBy[order, int](nil) }),
			"Filter for":        option(func() bus.SubscribeOption { return bus.Filter(func(price) bool { return true }) }),
			"CoalesceBy for":    option(func() bus.SubscribeOption { return bus.CoalesceBy(func(any) int { return 1 }) }),
			"not made by New":   func() { _ = bus.Publish(ctx, &bus.Bus{}, order{}) },
			"this Bus was not":  func() { _, _ = bus.Subscribe(ctx, nil, nothing[order]) },
			"with Wait(9)":      func() { _ = bus.Publish(ctx, b, order{}, bus.Wait(9)) },
			"no interface":      func() { _ = bus.Register[any](b) },
			"New needs a group": func() { bus.New(nil, bus.Config{}) },
			"Run needs a body":  func() { _ = bus.Run(ctx, bus.Config{}, nil) },
		} {
			wantPanic(t, want, call)
		}
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			bus.New(g, bus.Config{})
			return nil
		}, braid.Limit(1), braid.OnPanic(braid.AsError), braid.PanicHook(func(*braid.PanicError) {}))
		if _, ok := errors.AsType[*braid.PanicError](err); !ok {
			t.Errorf("a group with a limit: %v", err)
		}
		equal(t, "subscriptions that were left", len(b.Statistics().Subscriptions), 0)
	})
}

// A ctx that is done lets nothing happen, except what ends something.
func TestDone(t *testing.T) {
	t.Parallel()
	done, cancel := context.WithCancelCause(t.Context())
	cancel(errDown)
	wantErr(t, bus.Run(done, bus.Config{}, func(context.Context, *bus.Bus) error { t.Error("called"); return nil }), errDown)
	for _, config := range []bus.Config{{}, {Engine: bus.NewMemory()}} {
		run(t, t.Context(), config, func(ctx context.Context, b *bus.Bus) {
			_, err := bus.Subscribe(done, b, nothing[order])
			wantErr(t, err, errDown)
			s := subscribe(t, ctx, b, nothing[order])
			wantErr(t, bus.Publish(done, b, order{}), errDown)
			equal(t, "received", s.Statistics().Received, 0)
			must(t, b.Close(done)) // there is nothing to drain
			must(t, s.Unsubscribe(done))
		})
	}
	e := bus.NewMemory()
	wantErr(t, e.Publish(done, &bus.Message{Subject: "a"}, bus.NoWait), errDown)
	_, err := e.Subscribe(done, ">", nil)
	wantErr(t, err, errDown)
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, subject string
		want             bool
	}{
		{"a.b", "a.b", true}, {"a.b", "a", false}, {"a", "a.b", false}, {"a.b", "a.c", false},
		{"*", "a", true}, {"*", "a.b", false}, {"a.*", "a.b", true}, {"a.*", "a", false}, {"*.b", "a.b", true}, {"a.*.c", "a.b.c", true},
		{">", "a", true}, {">", "a.b", true}, {"a.>", "a.b", true}, {"a.>", "a.b.c", true}, {"a.>", "a", false}, {"a.>", "b.c", false},
	} {
		if bus.Match(c.pattern, c.subject) != c.want {
			t.Errorf("Match(%q, %q) is %v", c.pattern, c.subject, !c.want)
		}
	}
}

// The text of an error names what it is about.
func TestTexts(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]fmt.Stringer{
		"WaitAll": bus.WaitAll, "NoWait": bus.NoWait, "WaitFirstError": bus.WaitFirstError, "DropOldest": bus.DropOldest, "Block": bus.Block,
	} {
		equal(t, "text", v.String(), want)
	}
	equal(t, "text", bus.Wait(9).String(), "unknown")
	equal(t, "text", bus.Overflow(9).String(), "unknown")
	equal(t, "text", (&bus.EventError{Subscription: "audit", Type: "shop.Order", Err: errDown}).Error(), "bus: audit: shop.Order: down")
	equal(t, "text", (&bus.CloseError{Bus: "shop", Left: []bus.Left{{"a", 2}, {"b", 1}}}).Error(),
		"bus: shop ended with events that were not handled: 2 of a, 1 of b")
}

// An event costs one allocation, for the copy that all subscriptions share.
func TestAllocations(t *testing.T) {
	run(t, t.Context(), bus.Config{}, func(ctx context.Context, b *bus.Bus) {
		for range 10 {
			subscribe(t, ctx, b, nothing[price], bus.DropOldest)
		}
		n := testing.AllocsPerRun(1000, func() { must(t, bus.Publish(ctx, b, price{"tea", 1})) })
		if n > 1 {
			t.Errorf("%v allocations", n)
		}
		if n := testing.AllocsPerRun(100, func() { must(t, bus.Publish(ctx, b, order{1})) }); n > 0 {
			t.Errorf("%v allocations for an event that nobody wants", n)
		}
	})
}
