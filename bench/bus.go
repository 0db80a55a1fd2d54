package main

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/bus"
)

// From Publish to the end of the last handler, in order and bounded: n events of one publisher for 1, 10 and 100 handlers that do nothing.
// Watermill's gochannel keeps the order only if each publication waits for all acknowledgements; a bus need not wait,
// and is measured with and without. All queues hold 128.

//go:embed python/eventbus.py
var eventbusFile []byte

const busCapacity = 128

func buses() []benchmark {
	var list []benchmark
	for _, x := range []struct {
		handlers  int
		maxNS     float64
		maxAllocs float64 // one for the event; a wait for room, which comes once for many events of a queue, has some of its own
	}{{1, 400, 1.2}, {10, 2_000, 2}, {100, 20_000, 12}} {
		list = append(list, benchmark{fmt.Sprintf("bus/%d", x.handlers), duel{
			title: fmt.Sprintf("bus, ordered and bounded, %d handlers", x.handlers),
			unit:  "an event",
			sides: []side{
				{name: "gochannel", run: func(ctx context.Context, n int) error { return publishGochannel(ctx, n, x.handlers) }},
				{name: "bus", maxRatio: 1.0 / 12, maxNS: x.maxNS, maxAllocs: x.maxAllocs, run: publishBus(bus.Config{}, bus.NoWait, x.handlers, 0)},
				{name: "bus, WaitAll", run: publishBus(bus.Config{}, bus.WaitAll, x.handlers, 0)},
				{name: "bus, strict", run: publishBus(bus.Config{Strict: true}, bus.NoWait, x.handlers, 0)},
			},
		}.run})
	}
	return append(list,
		benchmark{"bus/stuck", duel{
			title: "bus, 10 handlers, and one that is stuck",
			unit:  "an event",
			sides: []side{
				{name: "without it", run: publishBus(bus.Config{}, bus.NoWait, 10, 0)},
				{name: "with it", maxRatio: 1.25, run: publishBus(bus.Config{}, bus.NoWait, 10, 1)},
			},
		}.run},
		benchmark{"bus/python", busPython})
}

type busTick struct{ n int }

// publishBus publishes to handlers, and to some more that never return.
func publishBus(config bus.Config, wait bus.Wait, handlers, stuck int) func(context.Context, int) error {
	return func(ctx context.Context, n int) error {
		var handled atomic.Int64
		err := bus.Run(ctx, config, func(ctx context.Context, b *bus.Bus) error {
			var gate braid.Event
			for range stuck {
				_, err := bus.Subscribe(ctx, b, func(ctx context.Context, _ busTick) error {
					return gate.Wait(ctx)
				}, bus.Capacity(busCapacity), bus.DropOldest)
				if err != nil {
					return err
				}
			}
			for range handlers {
				_, err := bus.Subscribe(ctx, b, func(context.Context, busTick) error {
					handled.Add(1)
					return nil
				}, bus.Capacity(busCapacity))
				if err != nil {
					return err
				}
			}
			for i := range n {
				if err := bus.Publish(ctx, b, busTick{i}, wait); err != nil {
					return err
				}
			}
			gate.Set()
			return b.Close(ctx)
		})
		return all(err, handled.Load(), n*handlers)
	}
}

// all makes sure that nothing was left out.
func all(err error, handled int64, want int) error {
	if err == nil && handled != int64(want) {
		return fmt.Errorf("%d of %d events were handled", handled, want)
	}
	return err
}

func publishGochannel(ctx context.Context, n, handlers int) error {
	ch := gochannel.NewGoChannel(gochannel.Config{OutputChannelBuffer: busCapacity, BlockPublishUntilSubscriberAck: true}, watermill.NopLogger{})
	var handled atomic.Int64
	var consumers sync.WaitGroup
	for range handlers {
		messages, err := ch.Subscribe(ctx, "ticks")
		if err != nil {
			return err
		}
		consumers.Go(func() {
			for m := range messages {
				handled.Add(1)
				m.Ack()
			}
		})
	}
	payload := make([]byte, 8)
	var err error
	for range n {
		if err = ch.Publish("ticks", message.NewMessage("", payload)); err != nil {
			break
		}
	}
	if closeErr := ch.Close(); err == nil {
		err = closeErr
	}
	consumers.Wait()
	return all(err, handled.Load(), n*handlers)
}

// busPython measures a bus beside those that are written for asyncio.
func busPython(ctx context.Context, c config) ([]row, error) {
	py, clean, err := findPython(ctx)
	if err != nil {
		return nil, err
	}
	defer clean()
	if !py.has(asyncio) {
		return nil, nil
	}
	var rows []row
	for _, handlers := range []int{1, 10} {
		for _, p := range []struct {
			kind string
			wait bus.Wait
		}{{"queue", bus.NoWait}, {"gather", bus.WaitAll}} {
			own := side{name: "bus, " + p.wait.String(), maxRatio: 1, run: publishBus(bus.Config{}, p.wait, handlers, 0)}
			var xs, ys []sample
			for range c.children {
				x, err := measure(ctx, own, 200_000/handlers)
				if err != nil {
					return nil, err
				}
				y, err := py.measure(ctx, "eventbus.py", eventbusFile, p.kind, strconv.Itoa(handlers), strconv.Itoa(50_000/handlers))
				if err != nil {
					return nil, err
				}
				xs, ys = append(xs, x), append(ys, y)
			}
			d := duel{title: fmt.Sprintf("bus beside asyncio, %d handlers", handlers), unit: "an event"}
			rows = append(rows, d.row(own, xs, side{name: "asyncio, " + p.kind}, ys))
		}
	}
	return rows, nil
}
