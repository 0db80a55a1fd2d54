package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/bus"
	"github.com/braid-go/braid/bus/bustest"
	"github.com/braid-go/braid/resilience"
)

type OrderPlaced struct {
	ID    int
	Total int
}

type OrderPaid struct{ ID int }

// Order is what the events about orders have in common.
type Order interface{ OrderID() int }

func (o OrderPlaced) OrderID() int { return o.ID }
func (o OrderPaid) OrderID() int   { return o.ID }

type Price struct {
	Item string
	V    int
}

// The EventBus as it is known from asyncio: subscribe by type, publish, and leave. What is queued is handled before Run returns.
func Example() {
	err := bus.Run(context.Background(), bus.Config{Name: "shop"}, func(ctx context.Context, b *bus.Bus) error {
		_, err := bus.Subscribe(ctx, b, func(_ context.Context, o OrderPlaced) error {
			fmt.Println("mail for order", o.ID)
			return nil
		}, bus.Name("mail"))
		if err != nil {
			return err
		}
		for id := range 3 {
			if err := bus.Publish(ctx, b, OrderPlaced{ID: id}); err != nil {
				return err
			}
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// mail for order 0
	// mail for order 1
	// mail for order 2
	// <nil>
}

// A bus may also belong to a group with other tasks. Whoever made it closes it.
func ExampleNew() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		b := bus.New(g, bus.Config{Name: "shop", Drain: bus.DefaultDrain})
		_, err := bus.Subscribe(ctx, b, func(ctx context.Context, o OrderPlaced) error {
			fmt.Println(braid.Current(ctx).Path(), "has order", o.ID)
			return nil
		}, bus.Name("audit"))
		if err != nil {
			return err
		}
		if err := bus.Publish(ctx, b, OrderPlaced{ID: 1}); err != nil {
			return err
		}
		return b.Close(ctx)
	}, braid.Name("main"))
	fmt.Println(err)
	// Output:
	// main/audit has order 1
	// <nil>
}

// inBus runs body with a bus, for the examples that follow.
func inBus(config bus.Config, body func(ctx context.Context, b *bus.Bus)) {
	err := bus.Run(context.Background(), config, func(ctx context.Context, b *bus.Bus) error {
		body(ctx, b)
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
}

// A subscription to an interface gets the events of all types that implement it, one to any all events.
func ExampleSubscribe_interface() {
	inBus(bus.Config{}, func(ctx context.Context, b *bus.Bus) {
		_, _ = bus.Subscribe(ctx, b, func(_ context.Context, o Order) error {
			fmt.Printf("%T %d\n", o, o.OrderID())
			return nil
		})
		_ = bus.Publish(ctx, b, OrderPlaced{ID: 1})
		_ = bus.Publish(ctx, b, Price{"tea", 3}) // is no Order
		_ = bus.Publish(ctx, b, OrderPaid{ID: 1})
	})
	// Output:
	// bus_test.OrderPlaced 1
	// bus_test.OrderPaid 1
}

// The publisher chooses what it waits for. With WaitAll it gets all failures.
func ExamplePublish() {
	config := bus.Config{OnError: func(e *bus.EventError) { fmt.Println("nobody waited:", e) }}
	inBus(config, func(ctx context.Context, b *bus.Bus) {
		_, _ = bus.Subscribe(ctx, b, func(context.Context, OrderPaid) error { return errors.New("disk full") }, bus.Name("audit"))
		_, _ = bus.Subscribe(ctx, b, func(context.Context, OrderPaid) error { return errors.New("no route to host") }, bus.Name("mail"))
		fmt.Println(bus.Publish(ctx, b, OrderPaid{ID: 1}, bus.WaitAll))
	})
	inBus(config, func(ctx context.Context, b *bus.Bus) {
		_, _ = bus.Subscribe(ctx, b, func(context.Context, OrderPaid) error { return errors.New("disk full") }, bus.Name("audit"))
		_ = bus.Publish(ctx, b, OrderPaid{ID: 2}, bus.NoWait) // the default
	})
	// Output:
	// bus: audit: bus_test.OrderPaid: disk full
	// bus: mail: bus_test.OrderPaid: no route to host
	// nobody waited: bus: audit: bus_test.OrderPaid: disk full
}

// WaitFirstError returns with the first failure. The other handlers go on.
func ExampleWait() {
	inBus(bus.Config{}, func(ctx context.Context, b *bus.Bus) {
		var gate braid.Event
		slow, _ := bus.Subscribe(ctx, b, func(ctx context.Context, _ OrderPaid) error { return gate.Wait(ctx) })
		_, _ = bus.Subscribe(ctx, b, func(context.Context, OrderPaid) error { return errors.New("disk full") }, bus.Name("audit"))
		fmt.Println(bus.Publish(ctx, b, OrderPaid{ID: 1}, bus.WaitFirstError))
		gate.Set()
		_ = b.Close(ctx)
		fmt.Println("slow has handled", slow.Statistics().Handled)
	})
	// Output:
	// bus: audit: bus_test.OrderPaid: disk full
	// slow has handled 1
}

// What a handler does wrong reaches neither publisher nor other handlers. OnError hears of it.
func ExampleEventError() {
	config := bus.Config{OnError: func(e *bus.EventError) {
		if p, ok := errors.AsType[*braid.PanicError](e); ok {
			fmt.Println(e.Subscription, "panicked with", p.Value, "and the stack of", len(p.Stack) > 0, "bytes")
			return
		}
		fmt.Println(e, "- for", e.Event)
	}}
	inBus(config, func(ctx context.Context, b *bus.Bus) {
		_, _ = bus.Subscribe(ctx, b, func(context.Context, OrderPaid) error { panic("nil map") }, bus.Name("index"))
		_ = bus.Publish(ctx, b, OrderPaid{ID: 1})
		_ = b.Close(ctx)
	})
	inBus(config, func(ctx context.Context, b *bus.Bus) {
		_, _ = bus.Subscribe(ctx, b, func(context.Context, OrderPaid) error { return errors.New("disk full") }, bus.Name("audit"))
		_ = bus.Publish(ctx, b, OrderPaid{ID: 2})
	})
	inBus(config, func(ctx context.Context, b *bus.Bus) {
		_, _ = bus.Subscribe(ctx, b, func(_ context.Context, o OrderPaid) error { fmt.Println("mail for", o.ID); return nil }, bus.Name("mail"))
		_ = bus.Publish(ctx, b, OrderPaid{ID: 3})
	})
	// Output:
	// index panicked with nil map and the stack of true bytes
	// bus: audit: bus_test.OrderPaid: disk full - for {2}
	// mail for 3
}

// A handler that may fail for a moment tries again, by a policy of package resilience.
func ExampleSubscribe_retry() {
	retry := &resilience.Retry{Idempotent: true, Base: time.Millisecond}
	inBus(bus.Config{}, func(ctx context.Context, b *bus.Bus) {
		tries := 0
		_, _ = bus.Subscribe(ctx, b, func(ctx context.Context, o OrderPaid) error {
			_, err := resilience.Do(ctx, retry, func(context.Context) (int, error) {
				if tries++; tries == 1 {
					return 0, errors.New("connection reset")
				}
				return 0, nil
			})
			return err
		})
		fmt.Println(bus.Publish(ctx, b, OrderPaid{ID: 1}, bus.WaitAll), "after", tries, "tries")
	})
	// Output: <nil> after 2 tries
}

func ExampleFilter() {
	inBus(bus.Config{}, func(ctx context.Context, b *bus.Bus) {
		_, _ = bus.Subscribe(ctx, b, func(_ context.Context, o OrderPlaced) error {
			fmt.Println("look at order", o.ID)
			return nil
		}, bus.Filter(func(o OrderPlaced) bool { return o.Total > 1000 }))
		_ = bus.Publish(ctx, b, OrderPlaced{ID: 1, Total: 20})
		_ = bus.Publish(ctx, b, OrderPlaced{ID: 2, Total: 2000})
	})
	// Output: look at order 2
}

// Topics divide the events of a type by what is known when they are published.
func ExampleTopic() {
	inBus(bus.Config{}, func(ctx context.Context, b *bus.Bus) {
		_, _ = bus.Subscribe(ctx, b, func(ctx context.Context, o OrderPaid) error {
			fmt.Println("order", o.ID, "from", bus.TopicOf(ctx))
			return nil
		}, bus.Topic("eu.*"))
		_ = bus.Publish(ctx, b, OrderPaid{ID: 1}, bus.Topic("us.east"))
		_ = bus.Publish(ctx, b, OrderPaid{ID: 2}, bus.Topic("eu.west"))
		_ = bus.Publish(ctx, b, OrderPaid{ID: 3})
	})
	// Output: order 2 from eu.west
}

func ExampleMatch() {
	fmt.Println(bus.Match("shop.*.eu", "shop.OrderPaid.eu"), bus.Match("shop.>", "shop.OrderPaid.eu"), bus.Match("shop.*", "shop.OrderPaid.eu"))
	// Output: true true false
}

// busy subscribes a handler that is busy with the first event until the queue has got the others, and shows what became of them.
func busy[E any](first E, others []E, opts ...bus.SubscribeOption) {
	inBus(bus.Config{OnError: func(e *bus.EventError) { fmt.Println(e) }}, func(ctx context.Context, b *bus.Bus) {
		var entered, gate braid.Event
		s, _ := bus.Subscribe(ctx, b, func(ctx context.Context, e E) error {
			entered.Set()
			err := gate.Wait(ctx)
			fmt.Println("handled", e)
			return err
		}, opts...)
		_ = bus.Publish(ctx, b, first)
		_ = entered.Wait(ctx)
		for _, e := range others {
			_ = bus.Publish(ctx, b, e)
		}
		gate.Set()
		_ = b.Close(ctx)
		st := s.Statistics()
		fmt.Printf("%v: handled %d, dropped %d, coalesced %d, discarded %d of %d\n",
			st.Overflow, st.Handled, st.Dropped, st.Coalesced, st.Discarded, st.Received)
	})
}

// A subscriber that is slow loses what its policy says, and counts it. It costs the others nothing.
func ExampleOverflow() {
	orders := []OrderPaid{{2}, {3}, {4}}
	busy(OrderPaid{1}, orders, bus.Name("new"), bus.Capacity(1), bus.DropOldest)
	busy(OrderPaid{1}, orders, bus.Name("old"), bus.Capacity(1), bus.DropNewest)
	busy(OrderPaid{1}, orders, bus.Name("gone"), bus.Capacity(1), bus.Disconnect)
	// Unordered output:
	// handled {1}
	// handled {4}
	// DropOldest: handled 2, dropped 2, coalesced 0, discarded 0 of 4
	// handled {1}
	// handled {2}
	// DropNewest: handled 2, dropped 2, coalesced 0, discarded 0 of 4
	// handled {1}
	// bus: gone: bus_test.OrderPaid: bus: disconnected, because its queue was full
	// Disconnect: handled 0, dropped 1, coalesced 0, discarded 2 of 3
}

// With Block a full queue holds its publisher back, for as long as the publisher's ctx lasts.
func ExampleOverflow_block() {
	inBus(bus.Config{}, func(ctx context.Context, b *bus.Bus) {
		var entered, gate braid.Event
		_, _ = bus.Subscribe(ctx, b, func(ctx context.Context, _ OrderPaid) error { entered.Set(); return gate.Wait(ctx) }, bus.Capacity(1), bus.Block)
		_ = bus.Publish(ctx, b, OrderPaid{1}) // is being handled
		_ = entered.Wait(ctx)
		_ = bus.Publish(ctx, b, OrderPaid{2}) // waits in the queue
		err := braid.Timeout(ctx, time.Millisecond, func(ctx context.Context) error {
			return bus.Publish(ctx, b, OrderPaid{3})
		})
		fmt.Println(errors.Is(err, braid.ErrTimeout))
		gate.Set()
	})
	// Output: true
}

// Only the latest price of each item matters.
func ExampleCoalesceBy() {
	busy(Price{"tea", 1}, []Price{{"tea", 2}, {"nut", 5}, {"tea", 3}}, bus.CoalesceBy(func(p Price) string { return p.Item }))
	// Output:
	// handled {tea 1}
	// handled {tea 3}
	// handled {nut 5}
	// Block: handled 3, dropped 0, coalesced 1, discarded 0 of 4
}

// When Unsubscribe has returned, the handler does not run any more.
func ExampleSubscription_Unsubscribe() {
	inBus(bus.Config{}, func(ctx context.Context, b *bus.Bus) {
		s, _ := bus.Subscribe(ctx, b, func(context.Context, OrderPaid) error { fmt.Println("paid"); return nil }, bus.Name("audit"))
		_ = bus.Publish(ctx, b, OrderPaid{1}, bus.WaitAll)
		fmt.Println(s.Name(), s.Unsubscribe(ctx))
		_ = bus.Publish(ctx, b, OrderPaid{2}, bus.WaitAll)
		fmt.Println(s.Err())
	})
	// Output:
	// paid
	// audit <nil>
	// bus: unsubscribed before the event was handled
}

// A handler for one event ends its own subscription. It may also publish and subscribe.
func ExampleSubscription_Cancel() {
	inBus(bus.Config{}, func(ctx context.Context, b *bus.Bus) {
		var s *bus.Subscription
		var ready braid.Event
		s, _ = bus.Subscribe(ctx, b, func(ctx context.Context, o OrderPlaced) error {
			if err := ready.Wait(ctx); err != nil {
				return err
			}
			s.Cancel()
			fmt.Println("Unsubscribe would wait for itself:", errors.Is(s.Unsubscribe(ctx), bus.ErrHandlerRunning))
			return bus.Publish(ctx, b, OrderPaid{ID: o.ID})
		})
		paid, _ := bus.Subscribe(ctx, b, func(_ context.Context, o OrderPaid) error { fmt.Println("paid", o.ID); return nil })
		ready.Set()
		_ = bus.Publish(ctx, b, OrderPlaced{ID: 1}, bus.WaitAll)
		_ = bus.Publish(ctx, b, OrderPlaced{ID: 2}, bus.WaitAll)
		_ = b.Close(ctx)
		fmt.Println(paid.Statistics().Handled)
	})
	// Output:
	// Unsubscribe would wait for itself: true
	// paid 1
	// 1
}

// Close stops the intake, drains for a time, ends the ctx of handlers, and joins them.
func ExampleBus_Close() {
	err := bus.Run(context.Background(), bus.Config{Name: "shop", Drain: time.Millisecond}, func(ctx context.Context, b *bus.Bus) error {
		var entered braid.Event
		_, err := bus.Subscribe(ctx, b, func(ctx context.Context, _ OrderPaid) error {
			entered.Set()
			defer fmt.Println("cleaned up")
			return braid.Sleep(ctx, time.Hour)
		}, bus.Name("slow"))
		if err != nil {
			return err
		}
		_ = bus.Publish(ctx, b, OrderPaid{1})
		_ = entered.Wait(ctx)
		err = b.Close(ctx)
		fmt.Println(errors.Is(bus.Publish(ctx, b, OrderPaid{2}), bus.ErrClosed))
		return err
	})
	if e, ok := errors.AsType[*bus.CloseError](err); ok {
		fmt.Println(e.Bus, e.Left)
	}
	// Output:
	// cleaned up
	// true
	// shop [{slow 1}]
}

func ExampleBus_Statistics() {
	inBus(bus.Config{Name: "shop"}, func(ctx context.Context, b *bus.Bus) {
		_, _ = bus.Subscribe(ctx, b, func(context.Context, OrderPaid) error { return nil }, bus.Name("audit"), bus.Capacity(bus.DefaultCapacity))
		_ = bus.Publish(ctx, b, OrderPaid{1}, bus.WaitAll)
		_ = bus.Publish(ctx, b, Price{"tea", 3})
		st := b.Statistics()
		fmt.Println(b.Name(), "published", st.Published, "unheard", st.Unheard)
		for _, s := range st.Subscriptions {
			fmt.Println(s.Name, s.Type, s.Received, s.Handled, s.Failed, s.Queued)
		}
	})
	// Output:
	// shop published 2 unheard 1
	// audit bus_test.OrderPaid 1 1 0 0
}

// Everything that came is in one of the counters.
func ExampleSubscription_Statistics() {
	inBus(bus.Config{OnError: func(*bus.EventError) {}}, func(ctx context.Context, b *bus.Bus) {
		s, _ := bus.Subscribe(ctx, b, func(_ context.Context, o OrderPaid) error {
			if o.ID == 2 {
				return errors.New("disk full")
			}
			return nil
		})
		for id := range 4 {
			_ = bus.Publish(ctx, b, OrderPaid{id})
		}
		_ = b.Close(ctx)
		st := s.Statistics()
		fmt.Printf("%d came, %d were handled, %d failed\n", st.Received, st.Handled, st.Failed)
	})
	// Output: 4 came, 3 were handled, 1 failed
}

// What belongs to a request and is needed in handlers travels in the header: handlers have no part in the publisher's ctx.
func ExampleHeader() {
	type requestID struct{}
	config := bus.Config{
		Inject: func(ctx context.Context, h bus.Header) {
			if id, ok := ctx.Value(requestID{}).(string); ok {
				h["request"] = id
			}
		},
		Extract: func(ctx context.Context, h bus.Header) context.Context {
			return context.WithValue(ctx, requestID{}, h["request"])
		},
	}
	inBus(config, func(ctx context.Context, b *bus.Bus) {
		_, _ = bus.Subscribe(ctx, b, func(ctx context.Context, o OrderPaid) error {
			fmt.Println(ctx.Value(requestID{}), bus.HeaderOf(ctx)["tenant"])
			return nil
		})
		request := context.WithValue(ctx, requestID{}, "r-17")
		_ = bus.Publish(request, b, OrderPaid{1}, bus.Header{"tenant": "acme"})
	})
	// Output: r-17 acme
}

type Basket struct {
	Lines []string
	open  func()
}

// A strict bus gives handlers copies, as an engine would: a test finds out what does not survive that.
func ExampleConfig_strict() {
	for _, strict := range []bool{false, true} {
		inBus(bus.Config{Strict: strict}, func(ctx context.Context, b *bus.Bus) {
			_, _ = bus.Subscribe(ctx, b, func(_ context.Context, e Basket) error {
				e.Lines[0] = "changed"
				fmt.Print("has the function: ", e.open != nil)
				return nil
			})
			e := Basket{Lines: []string{"tea"}, open: func() {}}
			_ = bus.Publish(ctx, b, e, bus.WaitAll)
			fmt.Println(", line of the publisher:", e.Lines[0])
		})
	}
	// Output:
	// has the function: true, line of the publisher: changed
	// has the function: false, line of the publisher: tea
}

// Two buses on one engine hear each other. Memory is an engine within the process; others connect processes.
func ExampleEngine() {
	engine := bus.NewMemory()
	inBus(bus.Config{Name: "shop", Engine: engine}, func(ctx context.Context, shop *bus.Bus) {
		inBus(bus.Config{Name: "mail", Engine: engine}, func(ctx context.Context, mail *bus.Bus) {
			_ = bus.Register[OrderPaid](mail) // an interface alone does not say what to decode to
			_, _ = bus.Subscribe(ctx, mail, func(_ context.Context, o Order) error { fmt.Println("mail for", o.OrderID()); return nil })
			fmt.Println(bus.Publish(ctx, shop, OrderPaid{1}, bus.WaitAll))
		})
	})
	// Output:
	// mail for 1
	// <nil>
}

// The messages of an engine are a subject, a header and bytes.
func ExampleMessage() {
	var engine bus.Engine = bus.NewMemory()
	var receive bus.Receiver = func(_ context.Context, m *bus.Message, settle func(error) bool) error {
		fmt.Println(m.Subject, m.Header[bus.HeaderEvent], string(m.Data))
		settle(nil)
		return nil
	}
	stop, _ := engine.Subscribe(context.Background(), "shop.>", receive)
	defer stop()
	inBus(bus.Config{Engine: engine}, func(ctx context.Context, b *bus.Bus) {
		_ = bus.Publish(ctx, b, Shipped{ID: 1}, bus.Topic("eu"))
	})
	// Output: shop.shipped.v1.eu shop.shipped.v1 {"ID":1}
}

type Shipped struct{ ID int }

// EventName makes the name independent of the Go type.
func (Shipped) EventName() string { return "shop.shipped.v1" }

// An event that chooses its name keeps it when its Go type is renamed.
func ExampleNamed() {
	var e bus.Named = Shipped{}
	fmt.Println(e.EventName())
	// Output: shop.shipped.v1
}

// shouting is a Codec of one's own.
type shouting struct{ bus.JSON }

func (shouting) Encode(event any) ([]byte, error) {
	data, err := bus.JSON{}.Encode(event)
	return []byte(strings.ToUpper(string(data))), err
}

func ExampleCodec() {
	inBus(bus.Config{Strict: true, Codec: shouting{}}, func(ctx context.Context, b *bus.Bus) {
		_, _ = bus.Subscribe(ctx, b, func(_ context.Context, p Price) error { fmt.Println(p.Item); return nil })
		_ = bus.Publish(ctx, b, Price{Item: "tea"})
	})
	// Output: TEA
}

// An event has to have a type.
func ExamplePublish_nil() {
	inBus(bus.Config{}, func(ctx context.Context, b *bus.Bus) {
		var o Order
		fmt.Println(errors.Is(bus.Publish(ctx, b, o), bus.ErrNoEvent))
	})
	// Output: true
}

// What a publisher that waits is told of an event that nobody handled.
func ExampleWait_dropped() {
	inBus(bus.Config{}, func(ctx context.Context, b *bus.Bus) {
		var entered, gate braid.Event
		_, _ = bus.Subscribe(ctx, b, func(ctx context.Context, _ Price) error { entered.Set(); return gate.Wait(ctx) }, bus.Capacity(1), bus.DropNewest)
		_ = bus.Publish(ctx, b, Price{"tea", 1})
		_ = entered.Wait(ctx)
		_ = bus.Publish(ctx, b, Price{"tea", 2})
		fmt.Println(errors.Is(bus.Publish(ctx, b, Price{"tea", 3}, bus.WaitAll), bus.ErrDropped))
		gate.Set()
	})
	// Output: true
}

// The module of an engine runs the contract in a test of its own.
func Example_contract() {
	_ = func(t *testing.T) { // TestContract
		bustest.Test(t, func(*testing.T) bus.Config { return bus.Config{Engine: bus.NewMemory()} })
	}
	fmt.Println(slices.ContainsFunc(bustest.Cases(), func(c bustest.Case) bool { return c.Name == "events of one publisher come in order" }))
	// Output: true
}
