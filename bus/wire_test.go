package bus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/bus"
)

type renamed struct{ V int }

func (renamed) EventName() string { return "shop.renamed.v2" }

type impostor struct{ V int }

func (*impostor) EventName() string { return "shop.renamed.v2" }

type unsendable struct{}

func (unsendable) EventName() string { return "a..b" }

type exploding struct{}

func (exploding) EventName() string { panic("boom") }

type bomb struct{}

func (*bomb) UnmarshalJSON([]byte) error { panic("boom") }

type pair[A, B any] struct {
	A A
	B B
}

// brokenEngine fails where it is told to.
type brokenEngine struct {
	bus.Memory

	subscribe, publish error
}

func (e *brokenEngine) Subscribe(ctx context.Context, pattern string, receive bus.Receiver) (func(), error) {
	if e.subscribe != nil {
		return nil, e.subscribe
	}
	return e.Memory.Subscribe(ctx, pattern, receive)
}

func (e *brokenEngine) Publish(ctx context.Context, m *bus.Message, wait bus.Wait) error {
	if e.publish != nil {
		return e.publish
	}
	return e.Memory.Publish(ctx, m, wait)
}

// Names, engines, and what comes through them.
var wireCases = []testCase{
	{name: "a type and a pointer to it are not both events", run: func(t *testing.T, ctx context.Context) {
		for _, config := range []bus.Config{{}, {Strict: true}} {
			run(t, ctx, config, func(ctx context.Context, b *bus.Bus) {
				got := 0
				subscribe(t, ctx, b, func(_ context.Context, o *order) error { got = o.ID; return nil })
				if err := bus.Publish(ctx, b, order{1}); err == nil || !strings.Contains(err.Error(), "use one of them") {
					t.Errorf("error is %v", err)
				}
				must(t, bus.Publish(ctx, b, &order{2}, bus.WaitAll))
				equal(t, "got", got, 2)
			})
		}
	}},
	{name: "names that cannot be sent, or are taken", run: func(t *testing.T, ctx context.Context) {
		run(t, ctx, bus.Config{Strict: true}, func(ctx context.Context, b *bus.Bus) {
			must(t, bus.Register[renamed](b))
			must(t, bus.Register[renamed](b)) // again
			for _, err := range []error{
				bus.Register[impostor](b),
				bus.Register[unsendable](b),
				bus.Publish(ctx, b, unsendable{}),
				bus.Register[map[string]*int](b),
			} {
				if err == nil || !strings.Contains(err.Error(), "EventName") {
					t.Errorf("error is %v", err)
				}
			}
			_, err := bus.Subscribe(ctx, b, nothing[impostor])
			if err == nil {
				t.Error("a taken name was accepted")
			}
		})
		run(t, ctx, bus.Config{}, func(ctx context.Context, b *bus.Bus) { // where nothing is sent it does not matter
			must(t, bus.Register[renamed](b))
			must(t, bus.Register[impostor](b))
			must(t, bus.Register[unsendable](b))
			must(t, bus.Register[pair[map[string]*int, order]](b))
		})
	}},
	{name: "a name that panics leaves the bus usable", run: func(t *testing.T, ctx context.Context) {
		run(t, ctx, bus.Config{}, func(ctx context.Context, b *bus.Bus) {
			wantPanic(t, "boom", func() { _ = bus.Publish(ctx, b, exploding{}) })
			must(t, bus.Publish(ctx, b, order{1}))
		})
	}},
	{name: "an engine that fails", run: func(t *testing.T, ctx context.Context) {
		e := &brokenEngine{subscribe: errDown}
		run(t, ctx, bus.Config{Engine: e}, func(ctx context.Context, b *bus.Bus) {
			_, err := bus.Subscribe(ctx, b, nothing[order])
			wantErr(t, err, errDown)
			e.subscribe = nil
			s := subscribe(t, ctx, b, nothing[order])
			e.publish = errDown
			wantErr(t, bus.Publish(ctx, b, order{1}), errDown)
			e.publish = nil
			must(t, bus.Publish(ctx, b, order{1}, bus.WaitAll))
			equal(t, "handled", balanced(t, s).Handled, 1)
			until(t, ctx, func() bool { return len(b.Statistics().Subscriptions) == 1 })
		})
	}},
	{name: "messages that make no sense fail, or are left alone", run: func(t *testing.T, ctx context.Context) {
		e := bus.NewMemory()
		var told []*bus.EventError
		run(t, ctx, bus.Config{Engine: e, OnError: func(e *bus.EventError) { told = append(told, e) }}, func(ctx context.Context, b *bus.Bus) {
			s := subscribe(t, ctx, b, nothing[order])
			all := subscribe(t, ctx, b, nothing[any])
			name := "bus_test.order"
			for _, m := range []*bus.Message{
				{Subject: name + "._", Data: []byte("{}")},
				{Subject: name + "._", Header: bus.Header{bus.HeaderEvent: "other"}, Data: []byte("{}")},
				{Subject: "other._", Header: bus.Header{bus.HeaderEvent: "other"}, Data: []byte("{}")},
				{Subject: "other", Header: bus.Header{bus.HeaderEvent: "other"}, Data: []byte("{}")},
			} {
				must(t, e.Publish(ctx, m, bus.WaitAll))
			}
			equal(t, "received", s.Statistics().Received+all.Statistics().Received, 0)
			equal(t, "unknown", b.Statistics().Unknown, 6)
			bad := &bus.Message{Subject: name + "._", Header: bus.Header{bus.HeaderEvent: name}, Data: []byte("<xml>")}
			if err := e.Publish(ctx, bad, bus.WaitAll); err == nil || !strings.Contains(err.Error(), "cannot decode") {
				t.Errorf("error is %v", err)
			}
			must(t, e.Publish(ctx, bad, bus.NoWait))
			equal(t, "told", len(told), 2) // both subscriptions
			equal(t, "failed", balanced(t, s).Failed, 2)
		})
	}},
	{name: "a message is settled once, however it ends", run: func(t *testing.T, ctx context.Context) {
		var receive bus.Receiver
		e := &tap{subscribed: func(r bus.Receiver) { receive = r }}
		run(t, ctx, bus.Config{Engine: e, OnError: func(*bus.EventError) {}}, func(ctx context.Context, b *bus.Bus) {
			var h gated[order]
			s := subscribe(t, ctx, b, func(ctx context.Context, o order) error {
				if err := h.handle(ctx, o); o.ID != 2 {
					return err
				}
				return errDown
			}, bus.Capacity(2), bus.Filter(func(o order) bool { return o.ID != 1 }))
			settled := make([][]error, 7)
			over, cancel := context.WithCancelCause(ctx)
			send := func(ctx context.Context, i int) error {
				return receive(ctx, &bus.Message{
					Subject: "bus_test.order._", Header: bus.Header{bus.HeaderEvent: "bus_test.order"}, Data: fmt.Appendf(nil, `{"ID":%d}`, i),
				}, func(err error) bool { settled[i] = append(settled[i], err); return false })
			}
			must(t, send(ctx, 0))
			must(t, h.entered.Wait(ctx))
			must(t, send(ctx, 1)) // filtered
			must(t, send(ctx, 2))
			must(t, send(ctx, 3))
			must(t, braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(func(context.Context) error { wantErr(t, send(over, 4), errDown); return nil }) // gives up
				until(t, ctx, func() bool { return s.Statistics().Blocked == 1 })
				cancel(errDown)
				until(t, ctx, func() bool { return s.Statistics().Blocked == 0 })
				g.Go(func(ctx context.Context) error { return send(ctx, 5) }) // unsubscribed
				until(t, ctx, func() bool { return s.Statistics().Blocked == 1 })
				h.gate.Set()
				until(t, ctx, func() bool { return s.Statistics().Handled == 3 })
				s.Cancel()
				return send(ctx, 6) // too late
			}))
			must(t, s.Unsubscribe(ctx))
			for i, want := range []error{nil, nil, errDown, nil, errDown, nil, nil} {
				if len(settled[i]) != 1 || !errors.Is(settled[i][0], want) {
					t.Errorf("message %d was settled with %v, want %v once", i, settled[i], want)
				}
			}
			equal(t, "stopped", e.stopped, 1)
		})
	}},
	{name: "what ends while an engine subscribes is no subscription", run: func(t *testing.T, ctx context.Context) {
		for name, end := range map[string]func(g *braid.Group, b *bus.Bus){
			"bus":   func(g *braid.Group, b *bus.Bus) { g.Go(b.Close) },
			"scope": func(g *braid.Group, _ *bus.Bus) { g.Cancel(errDown) },
		} {
			e := &tap{}
			must(t, braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				b := bus.New(g, bus.Config{Engine: e})
				e.subscribed = func(bus.Receiver) {
					end(g, b)
					until(t, context.WithoutCancel(ctx), func() bool {
						return b.Statistics().Closed && (name == "bus" || len(b.Statistics().Subscriptions) == 0)
					})
				}
				_, err := bus.Subscribe(ctx, b, nothing[order])
				wantErr(t, err, bus.ErrClosed)
				return nil
			}))
			equal(t, name+": stopped", e.stopped, 1)
		}
	}},
	{name: "Inject and Extract carry what is in a ctx", run: func(t *testing.T, ctx context.Context) {
		type trace struct{}
		config := bus.Config{
			Inject: func(ctx context.Context, h bus.Header) {
				if v, ok := ctx.Value(trace{}).(string); ok {
					h["trace"] = v
				}
			},
			Extract: func(ctx context.Context, h bus.Header) context.Context {
				return context.WithValue(ctx, trace{}, h["trace"])
			},
		}
		for _, strict := range []bool{false, true} {
			config.Strict = strict
			run(t, ctx, config, func(ctx context.Context, b *bus.Bus) {
				var got []any
				subscribe(t, ctx, b, func(ctx context.Context, _ order) error { got = append(got, ctx.Value(trace{})); return nil })
				must(t, bus.Publish(ctx, b, order{1}, bus.WaitAll))
				must(t, bus.Publish(context.WithValue(ctx, trace{}, "abc"), b, order{1}, bus.WaitAll))
				equal(t, "values", fmt.Sprint(got), "[<nil> abc]")
			})
		}
	}},
	{name: "an event that panics when it is decoded", run: func(t *testing.T, ctx context.Context) {
		for _, config := range []bus.Config{{Strict: true}, {Engine: bus.NewMemory()}} {
			run(t, ctx, config, func(ctx context.Context, b *bus.Bus) {
				s := subscribe(t, ctx, b, nothing[bomb])
				err := bus.Publish(ctx, b, bomb{}, bus.WaitAll)
				if p, ok := errors.AsType[*braid.PanicError](err); !ok || p.Value != "boom" {
					t.Errorf("error is %v", err)
				}
				equal(t, "failed", balanced(t, s).Failed, 1)
			})
		}
	}},
	{name: "a codec of one's own", run: func(t *testing.T, ctx context.Context) {
		for _, config := range []bus.Config{{Strict: true}, {Engine: bus.NewMemory()}} {
			told := 0
			config.Codec = failingCodec{}
			config.OnError = func(e *bus.EventError) { wantErr(t, e, errDown); told++ }
			run(t, ctx, config, func(ctx context.Context, b *bus.Bus) {
				s := subscribe(t, ctx, b, nothing[order])
				must(t, bus.Publish(ctx, b, order{1}))
				wantErr(t, bus.Publish(ctx, b, order{1}, bus.WaitAll), errDown)
				equal(t, "told", told, 1)
				equal(t, "failed", balanced(t, s).Failed, 2)
			})
		}
	}},
}

// failingCodec encodes and does not decode.
type failingCodec struct{ bus.JSON }

func (failingCodec) Decode([]byte, any) error { return errDown }

// tap is an engine that hands its receiver out.
type tap struct {
	subscribed func(bus.Receiver) // while the engine subscribes
	stopped    int
}

func (e *tap) Publish(context.Context, *bus.Message, bus.Wait) error { return nil }

func (e *tap) Subscribe(_ context.Context, _ string, r bus.Receiver) (func(), error) {
	e.subscribed(r)
	return func() { e.stopped++ }, nil
}
