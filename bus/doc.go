// Package bus passes typed events from publishers to handlers.
//
//	err := bus.Run(ctx, bus.Config{}, func(ctx context.Context, b *bus.Bus) error {
//		_, err := bus.Subscribe(ctx, b, func(ctx context.Context, o OrderPlaced) error { return mail(ctx, o) })
//		if err != nil {
//			return err
//		}
//		return bus.Publish(ctx, b, OrderPlaced{ID: 17})
//	})
//
// A subscription gets the events of one type, or of all types that implement an interface, in the order in which they come and one at a time.
// Each has a bounded queue of its own, an [Overflow] that says what becomes of events when it is full, and [SubscriptionStatistics].
// A [Filter] or a [Topic] keeps away what it does not want.
//
// # Lifetime
//
// A bus belongs to a scope: [Run] is one, [New] takes a group. Each subscription is one task of it, which parks while there is nothing to do;
// there are no others, and no timers. [Bus.Close] stops the intake, lets handlers work off what is queued for a time that is bounded, ends their ctx,
// and joins them. Nothing of a bus outlives its scope.
//
// # Errors and panics
//
// A handler that fails, panics or calls runtime.Goexit touches neither its publisher nor another handler, and gets the next event.
// A publisher that waits, with [WaitAll] or [WaitFirstError], is told of it with an [*EventError]; otherwise Config.OnError is, or the log.
// A panic is a [*braid.PanicError] with its stack there; braid's PanicHook does not hear of it.
//
// # Cancellation
//
// The ctx of a publisher ends its waits and nothing else: an event that a subscription has accepted is handled, whatever becomes of its publisher.
// The ctx of a handler is that of its task.
//
// # Engines
//
// Without an [Engine] a bus works within the process and passes values on as they are. With one, events travel as bytes, between as many buses
// as the engine connects. What is the same: types, filters, topics, queues, order from one publisher to one subscription, isolation of handlers,
// and that the values of a publisher's ctx do not reach handlers, while a [Header] does. What is not: without an engine, pointers, slices and maps
// inside an event are shared by the publisher and all handlers, and waiting for handlers always works. Config.Strict takes the first of these away, for tests.
// Package bustest has the contract as a test.
//
// # What it does not do
//
// Events are not kept: who subscribes later does not get them, and what a handler has failed to handle is not tried again. A handler that should
// try again can use package resilience; work that must not be lost belongs into a work queue.
package bus
