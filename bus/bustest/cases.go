package bustest

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

type placed struct {
	ID    int
	Lines []string
}

type paid struct{ ID int }

type probe struct{ N int }

// order is what placed and paid have in common.
type order interface{ OrderID() int }

// OrderID makes placed an order.
func (p placed) OrderID() int { return p.ID }

// OrderID makes paid an order.
func (p paid) OrderID() int { return p.ID }

var errDown = errors.New("down")

// Cases returns all cases, for those who run them on a scheduler of their own. [Test] runs them on goroutines.
func Cases() []Case {
	return []Case{
		{"an event reaches each subscription to its type", delivery},
		{"events of one publisher come in order", ordered},
		{"a subscription to an interface gets what implements it", interfaces},
		{"a filter keeps events away", filtered},
		{"a topic keeps events away", topics},
		{"topic and header reach the handler, the publisher's values do not", headers},
		{"a failure, a panic and an exit touch nobody else", isolated},
		{"WaitAll returns all failures, or nothing is sent", waitAll},
		{"WaitFirstError returns a failure before the others have ended", waitFirst},
		{"a publisher that is cancelled leaves the handlers alone", cancelled},
		{"a subscription that is stuck costs the others nothing", stuck},
		{"a handler may publish, subscribe and cancel itself", reentrant},
		{"Unsubscribe returns after the handler, and no event comes any more", unsubscribed},
		{"Close drains; then everything is refused", closed},
		{"Close cuts off what does not end in time, and says so", cutOff},
		{"handlers share no memory with publishers", copied},
		{"what cannot be encoded is an error", unencodable},
		{"two buses on one engine hear each other", two},
	}
}

func delivery(ctx context.Context, t *testing.T, config bus.Config) {
	run(ctx, t, config, func(ctx context.Context, b *bus.Bus) {
		one, _ := subscribe[placed](ctx, t, b)
		two, _ := subscribe[placed](ctx, t, b)
		other, _ := subscribe[paid](ctx, t, b)
		publish(ctx, t, b, placed{ID: 1})
		publish(ctx, t, b, paid{ID: 2})
		publish(ctx, t, b, probe{3}) // of which nobody wants to know
		equal(t, "event of the first", one.next(ctx, t).ID, 1)
		equal(t, "event of the second", two.next(ctx, t).ID, 1)
		equal(t, "event of the third", other.next(ctx, t).ID, 2)
		equal(t, "more of the third", other.q.Len(), 0)
	})
}

func ordered(ctx context.Context, t *testing.T, config bus.Config) {
	const n = 500
	run(ctx, t, config, func(ctx context.Context, b *bus.Bus) {
		inboxes := make([]inbox[paid], 0, 3)
		for range 3 {
			in, _ := subscribe[paid](ctx, t, b, bus.Capacity(3))
			inboxes = append(inboxes, in)
		}
		must(t, braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			for p := range 2 { // a publisher of even numbers, and one of odd numbers
				g.Go(func(ctx context.Context) error {
					for i := range n {
						if err := bus.Publish(ctx, b, paid{2*i + p}); err != nil {
							return err
						}
					}
					return nil
				})
			}
			return nil
		}))
		for _, in := range inboxes {
			next := [2]int{0, 1}
			for range 2 * n {
				id := in.next(ctx, t).ID
				equal(t, "the next event of its publisher", id, next[id%2])
				next[id%2] += 2
			}
		}
	})
}

func interfaces(ctx context.Context, t *testing.T, config bus.Config) {
	run(ctx, t, config, func(ctx context.Context, b *bus.Bus) {
		must(t, bus.Register[placed](b))
		must(t, bus.Register[paid](b))
		orders, _ := subscribe[order](ctx, t, b)
		all, _ := subscribe[any](ctx, t, b)
		publish(ctx, t, b, probe{1})
		publish[order](ctx, t, b, placed{ID: 2}) // goes by the type of the value
		publish(ctx, t, b, paid{3})
		for _, want := range []string{"{2 []}", "{3}"} {
			equal(t, "order", fmt.Sprint(orders.next(ctx, t)), want)
		}
		for _, want := range []string{"{1}", "{2 []}", "{3}"} {
			equal(t, "event", fmt.Sprint(all.next(ctx, t)), want)
		}
		if err := bus.Publish[any](ctx, b, nil); !errors.Is(err, bus.ErrNoEvent) {
			t.Errorf("nil: %v", err)
		}
	})
}

func filtered(ctx context.Context, t *testing.T, config bus.Config) {
	run(ctx, t, config, func(ctx context.Context, b *bus.Bus) {
		even, _ := subscribe[paid](ctx, t, b, bus.Filter(func(e paid) bool { return e.ID%2 == 0 }))
		for i := range 5 {
			publish(ctx, t, b, paid{i})
		}
		for _, want := range []int{0, 2, 4} {
			equal(t, "event", even.next(ctx, t).ID, want)
		}
	})
}

func topics(ctx context.Context, t *testing.T, config bus.Config) {
	run(ctx, t, config, func(ctx context.Context, b *bus.Bus) {
		all, _ := subscribe[paid](ctx, t, b)
		west, _ := subscribe[paid](ctx, t, b, bus.Topic("*.west"))
		eu, _ := subscribe[order](ctx, t, b, bus.Topic("eu.>"))
		publish(ctx, t, b, paid{0})
		publish(ctx, t, b, paid{1}, bus.Topic("eu"))
		publish(ctx, t, b, paid{2}, bus.Topic("eu.west"))
		publish(ctx, t, b, paid{3}, bus.Topic("us.west"))
		publish(ctx, t, b, paid{4}, bus.Topic("eu.west.paris"))
		publish(ctx, t, b, paid{5}, bus.Topic("us.west"))
		for _, want := range []int{0, 1, 2, 3, 4, 5} {
			equal(t, "event without a pattern", all.next(ctx, t).ID, want)
		}
		for _, want := range []int{2, 3, 5} {
			equal(t, "event in the west", west.next(ctx, t).ID, want)
		}
		for _, want := range []int{2, 4} {
			equal(t, "event in Europe", eu.next(ctx, t).OrderID(), want)
		}
		for _, wrong := range []bus.Topic{"a..b", "a b", "*", "a.>", "_"} {
			if err := bus.Publish(ctx, b, paid{6}, wrong); err == nil {
				t.Errorf("topic %q is accepted", string(wrong))
			}
		}
	})
}

func headers(ctx context.Context, t *testing.T, config bus.Config) {
	type tenant struct{}
	type got struct {
		topic        bus.Topic
		trace, empty string
		value        any
	}
	run(ctx, t, config, func(ctx context.Context, b *bus.Bus) {
		q := braid.NewQueue[got](braid.Unbounded)
		_, err := bus.Subscribe(ctx, b, func(ctx context.Context, e paid) error {
			h := bus.HeaderOf(ctx)
			if e.ID == 0 && h != nil {
				t.Errorf("header without one is %v", h)
			}
			defer func() { h["trace"] = "changed" }() // a copy
			if h == nil {
				h = bus.Header{}
			}
			return q.Put(ctx, got{bus.TopicOf(ctx), h["trace"], h["empty"], ctx.Value(tenant{})})
		})
		must(t, err)
		publisher := context.WithValue(ctx, tenant{}, "acme")
		header := bus.Header{"trace": "abc", "empty": ""}
		publish(publisher, t, b, paid{0})
		publish(publisher, t, b, paid{1}, bus.Topic("eu"))
		publish(publisher, t, b, paid{2}, header, bus.Topic("us.west"))
		header["trace"] = "changed"
		publish(publisher, t, b, paid{3})
		for _, want := range []got{{}, {topic: "eu"}, {topic: "us.west", trace: "abc"}, {}} {
			v, err := q.Get(ctx)
			must(t, err)
			equal(t, "what came with the event", v, want)
		}
		equal(t, "topic outside a handler", bus.TopicOf(ctx), "")
	})
}

func isolated(ctx context.Context, t *testing.T, config bus.Config) {
	failures := newInbox[*bus.EventError]()
	config.OnError = func(e *bus.EventError) { failures.q.TryPut(e) }
	run(ctx, t, config, func(ctx context.Context, b *bus.Bus) {
		_, err := bus.Subscribe(ctx, b, func(_ context.Context, e paid) error {
			switch e.ID {
			case 1:
				return errDown
			case 2:
				panic("boom")
			case 3:
				runtime.Goexit()
			}
			return nil
		}, bus.Name("bad"))
		must(t, err)
		good, _ := subscribe[paid](ctx, t, b, bus.Name("good"))
		for i := range 6 {
			publish(ctx, t, b, paid{i})
		}
		for i := range 6 {
			equal(t, "event of the good one", good.next(ctx, t).ID, i)
		}
		for i, check := range []func(error) bool{
			func(err error) bool { return errors.Is(err, errDown) },
			func(err error) bool {
				p, ok := errors.AsType[*braid.PanicError](err)
				return ok && p.Value == "boom" && len(p.Stack) > 0
			},
			func(err error) bool { return errors.Is(err, braid.ErrGoexit) },
		} {
			e := failures.next(ctx, t)
			if e.Subscription != "bad" || e.Event != any(paid{i + 1}) || !check(e) {
				t.Errorf("failure %d is %v, for %v", i, e, e.Event)
			}
		}
	})
	equal(t, "more failures", failures.q.Len(), 0)
}

func waitAll(ctx context.Context, t *testing.T, config bus.Config) {
	config.OnError = func(e *bus.EventError) { t.Errorf("OnError hears of %v, of which the publisher was told", e) }
	run(ctx, t, config, func(ctx context.Context, b *bus.Bus) {
		if !waits(ctx, t, b) {
			return
		}
		must(t, bus.Publish(ctx, b, paid{1}, bus.WaitAll)) // nobody to wait for
		var done [3]bool
		errs := [3]error{errDown, nil, errors.New("full")}
		for i := range done {
			_, err := bus.Subscribe(ctx, b, func(ctx context.Context, _ paid) error {
				_ = braid.Yield(ctx)
				done[i] = true
				return errs[i]
			}, bus.Name(fmt.Sprint("s", i)))
			must(t, err)
		}
		err := bus.Publish(ctx, b, paid{1}, bus.WaitAll)
		equal(t, "all have ended", done, [3]bool{true, true, true})
		if !errors.Is(err, errDown) || !errors.Is(err, errs[2]) {
			t.Errorf("error is %v", err)
		}
		if e, ok := errors.AsType[*bus.EventError](err); !ok || e.Subscription != "s0" {
			t.Errorf("the first error is %v", e)
		}
	})
}

func waitFirst(ctx context.Context, t *testing.T, config bus.Config) {
	later := newInbox[*bus.EventError]()
	config.OnError = func(e *bus.EventError) { later.q.TryPut(e) }
	run(ctx, t, config, func(ctx context.Context, b *bus.Bus) {
		if !waits(ctx, t, b) {
			return
		}
		var gate braid.Event
		_, err := bus.Subscribe(ctx, b, func(ctx context.Context, _ paid) error {
			_ = gate.Wait(ctx)
			return errors.New("late")
		}, bus.Name("slow"))
		must(t, err)
		s, err := bus.Subscribe(ctx, b, func(context.Context, paid) error { return errDown })
		must(t, err)
		if err := bus.Publish(ctx, b, paid{1}, bus.WaitFirstError); !errors.Is(err, errDown) {
			t.Errorf("error is %v", err)
		}
		gate.Set()
		equal(t, "who fails later", later.next(ctx, t).Subscription, "slow") // and somebody hears of it
		must(t, s.Unsubscribe(ctx))
	})
}

func cancelled(ctx context.Context, t *testing.T, config bus.Config) {
	failures := newInbox[*bus.EventError]()
	config.OnError = func(e *bus.EventError) { failures.q.TryPut(e) }
	run(ctx, t, config, func(ctx context.Context, b *bus.Bus) {
		over, cancel := context.WithCancelCause(ctx)
		in, _ := subscribe[probe](ctx, t, b)
		if waits(ctx, t, b) {
			in.next(ctx, t)
			var gate braid.Event
			_, err := bus.Subscribe(ctx, b, func(ctx context.Context, _ paid) error {
				cancel(errDown)
				if err := gate.Wait(ctx); err != nil {
					t.Errorf("the handler's ctx has ended: %v", err)
				}
				return errors.New("nobody waits")
			})
			must(t, err)
			if err := bus.Publish(over, b, paid{1}, bus.WaitAll); !errors.Is(err, errDown) {
				t.Errorf("error is %v", err)
			}
			gate.Set()
			equal(t, "failure", failures.next(ctx, t).Event, any(paid{1}))
		} else {
			in.next(ctx, t)
			cancel(errDown)
		}
		if err := bus.Publish(over, b, probe{5}); !errors.Is(err, errDown) {
			t.Errorf("with a ctx that is done the error is %v", err)
		}
		publish(ctx, t, b, probe{6})
		equal(t, "probe", in.next(ctx, t), probe{6})
	})
}

func stuck(ctx context.Context, t *testing.T, config bus.Config) {
	const n = 50
	run(ctx, t, config, func(ctx context.Context, b *bus.Bus) {
		var gate braid.Event
		entered := newInbox[int]()
		subs := make([]*bus.Subscription, 0, 2)
		for _, policy := range []bus.Overflow{bus.DropOldest, bus.DropNewest} {
			s, err := bus.Subscribe(ctx, b, func(ctx context.Context, e paid) error {
				entered.q.TryPut(e.ID)
				return gate.Wait(ctx)
			}, bus.Capacity(2), policy)
			must(t, err)
			subs = append(subs, s)
		}
		good, _ := subscribe[paid](ctx, t, b)
		for i := range n {
			publish(ctx, t, b, paid{i})
			equal(t, "event of the good one", good.next(ctx, t).ID, i)
			if i == 0 {
				entered.next(ctx, t)
				entered.next(ctx, t)
			}
		}
		for _, s := range subs {
			received(ctx, t, s, n)
		}
		gate.Set()
		must(t, b.Close(ctx))
		for _, s := range subs {
			st := s.Statistics()
			equal(t, "handled", st.Handled, 3) // the first one, and two in the queue
			equal(t, "dropped", st.Dropped, n-3)
		}
	})
}

func reentrant(ctx context.Context, t *testing.T, config bus.Config) {
	run(ctx, t, config, func(ctx context.Context, b *bus.Bus) {
		got := newInbox[int]()
		var me *bus.Subscription
		ready := new(braid.Event)
		me, err := bus.Subscribe(ctx, b, func(ctx context.Context, e placed) error {
			if err := ready.Wait(ctx); err != nil {
				return err
			}
			if _, err := bus.Subscribe(ctx, b, func(_ context.Context, e paid) error { got.q.TryPut(e.ID); return nil }); err != nil {
				return err
			}
			for i := range 3 {
				if err := bus.Publish(ctx, b, paid{e.ID + i}); err != nil {
					return err
				}
			}
			if err := me.Unsubscribe(ctx); !errors.Is(err, bus.ErrHandlerRunning) {
				t.Errorf("Unsubscribe by the handler itself: %v", err)
			}
			me.Cancel()
			return nil
		})
		must(t, err)
		ready.Set()
		publish(ctx, t, b, placed{ID: 10})
		for i := range 3 {
			equal(t, "event", got.next(ctx, t), 10+i)
		}
		must(t, me.Unsubscribe(ctx))
		equal(t, "handled", me.Statistics().Handled, 1)
	})
}

func unsubscribed(ctx context.Context, t *testing.T, config bus.Config) {
	run(ctx, t, config, func(ctx context.Context, b *bus.Bus) {
		var entered, gate braid.Event
		ended := false
		s, err := bus.Subscribe(ctx, b, func(ctx context.Context, _ paid) error {
			entered.Set()
			err := gate.Wait(ctx)
			ended = true
			return err
		})
		must(t, err)
		other, _ := subscribe[paid](ctx, t, b)
		publish(ctx, t, b, paid{1})
		publish(ctx, t, b, paid{2})
		must(t, entered.Wait(ctx))
		over, cancel := context.WithCancelCause(ctx)
		cancel(errDown)
		if err := s.Unsubscribe(over); !errors.Is(err, bus.ErrHandlerRunning) || !errors.Is(err, errDown) {
			t.Errorf("while the handler runs: %v", err)
		}
		if err := s.Err(); !errors.Is(err, bus.ErrUnsubscribed) {
			t.Errorf("Err is %v", err)
		}
		gate.Set()
		must(t, s.Unsubscribe(ctx))
		equal(t, "the handler has ended", ended, true)
		publish(ctx, t, b, paid{3})
		for i := range 3 {
			equal(t, "event of another", other.next(ctx, t).ID, i+1)
		}
		equal(t, "handled", s.Statistics().Handled, 1)
		must(t, s.Unsubscribe(ctx)) // again
	})
}

func closed(ctx context.Context, t *testing.T, config bus.Config) {
	run(ctx, t, config, func(ctx context.Context, b *bus.Bus) {
		var entered, gate braid.Event
		n := 0
		s, err := bus.Subscribe(ctx, b, func(ctx context.Context, _ paid) error {
			entered.Set()
			n++
			return gate.Wait(ctx)
		})
		must(t, err)
		arrived, _ := subscribe[paid](ctx, t, b)
		for i := range 3 {
			publish(ctx, t, b, paid{i})
			arrived.next(ctx, t)
		}
		received(ctx, t, s, 3)
		must(t, entered.Wait(ctx))
		must(t, braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(b.Close)
			for !b.Statistics().Closed {
				must(t, braid.Yield(ctx))
			}
			if err := bus.Publish(ctx, b, paid{3}); !errors.Is(err, bus.ErrClosed) {
				t.Errorf("Publish: %v", err)
			}
			if _, err := bus.Subscribe(ctx, b, arrived.handle); !errors.Is(err, bus.ErrClosed) {
				t.Errorf("Subscribe: %v", err)
			}
			gate.Set()
			return nil
		}))
		equal(t, "handled", n, 3)
		must(t, b.Close(ctx)) // again
		must(t, s.Unsubscribe(ctx))
		if err := s.Err(); !errors.Is(err, bus.ErrClosed) {
			t.Errorf("Err is %v", err)
		}
		if err := bus.Publish(ctx, b, paid{3}); !errors.Is(err, bus.ErrClosed) {
			t.Errorf("Publish: %v", err)
		}
	})
}

func cutOff(ctx context.Context, t *testing.T, config bus.Config) {
	config.Drain = time.Millisecond
	config.Name = "cut"
	err := bus.Run(ctx, config, func(ctx context.Context, b *bus.Bus) error {
		var entered braid.Event
		s, err := bus.Subscribe(ctx, b, func(ctx context.Context, _ paid) error {
			entered.Set()
			return new(braid.Event).Wait(ctx)
		}, bus.Name("stuck"))
		must(t, err)
		for i := range 3 {
			publish(ctx, t, b, paid{i})
		}
		must(t, entered.Wait(ctx))
		received(ctx, t, s, 3)
		return nil
	})
	var closeErr *bus.CloseError
	if !errors.As(err, &closeErr) {
		t.Fatalf("error is %v", err)
	}
	total := 0
	for _, l := range closeErr.Left {
		equal(t, "subscription", l.Subscription, "stuck")
		total += l.Events
	}
	equal(t, "events left", total, 3)
}

func copied(ctx context.Context, t *testing.T, config bus.Config) {
	if !copies(config) {
		return // a bus within the process passes values on; Strict is there to find out whether this matters
	}
	run(ctx, t, config, func(ctx context.Context, b *bus.Bus) {
		one, _ := subscribe[placed](ctx, t, b)
		two, _ := subscribe[placed](ctx, t, b)
		e := placed{ID: 1, Lines: []string{"tea"}}
		publish(ctx, t, b, e)
		e.Lines[0] = "coffee"
		first := one.next(ctx, t)
		equal(t, "line of the first", first.Lines[0], "tea")
		first.Lines[0] = "cocoa"
		equal(t, "line of the second", two.next(ctx, t).Lines[0], "tea")
	})
}

func unencodable(ctx context.Context, t *testing.T, config bus.Config) {
	type callback struct{ F func() }
	if !copies(config) {
		return
	}
	run(ctx, t, config, func(ctx context.Context, b *bus.Bus) {
		in, _ := subscribe[callback](ctx, t, b)
		if err := bus.Publish(ctx, b, callback{}); err == nil {
			t.Error("a function was encoded")
		}
		equal(t, "events", in.q.Len(), 0)
	})
}

func two(ctx context.Context, t *testing.T, config bus.Config) {
	if config.Engine == nil {
		return // there is only one
	}
	run(ctx, t, config, func(ctx context.Context, a *bus.Bus) {
		ina, _ := subscribe[paid](ctx, t, a)
		run(ctx, t, config, func(ctx context.Context, b *bus.Bus) {
			inb, _ := subscribe[paid](ctx, t, b)
			publish(ctx, t, a, paid{1})
			equal(t, "event of b", inb.next(ctx, t).ID, 1)
			publish(ctx, t, b, paid{2})
			equal(t, "event of b", inb.next(ctx, t).ID, 2)
		})
		publish(ctx, t, a, paid{3}) // b has been closed
		for i := range 3 {
			equal(t, "event of a", ina.next(ctx, t).ID, i+1)
		}
	})
}
