package bus

import (
	"fmt"
	"reflect"
)

// PublishOption changes how [Publish] treats one event. A [Wait], a [Topic] and a [Header] are options; there are no others.
type PublishOption interface{ publishOption() }

// SubscribeOption changes a subscription. A [Name], a [Capacity], an [Overflow], a [Topic], [Filter] and [CoalesceBy] are options;
// there are no others. They panic, as [Subscribe] does, if they make no sense.
type SubscribeOption interface{ subscribeOption(s *settings) }

// Wait says what a publisher waits for.
type Wait uint8

const (
	// NoWait waits for no handler, only for room in queues with [Block]. It is the default.
	NoWait Wait = iota
	// WaitAll waits until all handlers have ended, and returns all of their errors.
	WaitAll
	// WaitFirstError waits until all handlers have ended or one has failed, and returns that failure. The others go on.
	// The event has its place in all queues then, for which [Block] may let the publisher wait first.
	WaitFirstError
)

func (w Wait) String() string { return nameOf(int(w), "NoWait", "WaitAll", "WaitFirstError") }

func (Wait) publishOption() {}

// Header is what travels with an event besides it, such as the id of a trace. It is copied.
type Header map[string]string

func (Header) publishOption() {}

// Name names a subscription, and the task that calls its handler. Without one it is called after the type of its events.
type Name string

func (n Name) subscribeOption(s *settings) { s.name = string(n) }

// Capacity is how many events may wait in the queue of a subscription, besides the one that is being handled.
// It must be positive. [DefaultCapacity] is the default.
type Capacity int

// DefaultCapacity is the Capacity of a subscription that is given none.
const DefaultCapacity = 128

func (c Capacity) subscribeOption(s *settings) {
	if c < 1 {
		panic(fmt.Sprintf("bus: Capacity(%d): a queue has to hold at least one event", int(c)))
	}
	s.capacity = int(c)
}

// Overflow says what becomes of an event for a queue that is full.
type Overflow uint8

const (
	// Block makes the publisher wait for room, for as long as its ctx lasts; first come, first served. It is the default.
	Block Overflow = iota
	// DropOldest drops the event that has waited longest.
	DropOldest
	// DropNewest drops the event that has just come.
	DropNewest
	// Disconnect ends the subscription: what is in its queue is dropped, the ctx of its handler ends with [ErrDisconnected].
	Disconnect
)

func (o Overflow) String() string {
	return nameOf(int(o), "Block", "DropOldest", "DropNewest", "Disconnect")
}

func (o Overflow) subscribeOption(s *settings) {
	if o > Disconnect {
		panic(fmt.Sprintf("bus: Overflow(%d): use Block, DropOldest, DropNewest or Disconnect", int(o)))
	}
	s.overflow = o
}

// Filter lets only events through for which keep returns true. E is the type of the subscription.
//
// keep runs in the publisher, before the event takes a place in the queue, and perhaps several at a time: it should be fast and
// change nothing. If it panics, the subscription does not get the event, the failure counts as one of its handler, and the publisher goes on.
func Filter[E any](keep func(event E) bool) SubscribeOption {
	if keep == nil {
		panic("bus: Filter needs a function; the one given is nil")
	}
	return typed{reflect.TypeFor[E](), "Filter", func(s *settings) {
		s.filter = func(v any) bool { return keep(v.(E)) } //nolint:forcetypeassert // the route is that of E
	}}
}

// CoalesceBy makes an event take the place of the one with the same key that waits in the queue, if there is one:
// for a consumer who needs the latest price of each item, and not all of them. The place in the queue stays that of the older event.
// [Overflow] says what becomes of an event with a new key if the queue is full. E is the type of the subscription.
//
// key runs in the publisher, as a [Filter] does.
func CoalesceBy[E any, K comparable](key func(event E) K) SubscribeOption {
	if key == nil {
		panic("bus: CoalesceBy needs a function; the one given is nil")
	}
	return typed{reflect.TypeFor[E](), "CoalesceBy", func(s *settings) {
		s.key = func(v any) any {
			k := key(v.(E)) //nolint:forcetypeassert // the route is that of E
			if same := k; same != k {
				return nil // not a number: equal to nothing, and could not be deleted from a map. What cannot be compared panics here.
			}
			return k
		}
	}}
}

// settings are what the options of a subscription make up.
type settings struct {
	event    reflect.Type
	name     string
	topic    string // a pattern; "" for all
	capacity int
	overflow Overflow
	filter   func(any) bool
	key      func(any) any
}

// typed is an option for subscriptions to one type.
type typed struct {
	event reflect.Type
	name  string
	set   func(*settings)
}

func (o typed) subscribeOption(s *settings) {
	if o.event != s.event {
		panic(fmt.Sprintf("bus: Subscribe[%v] with a %s for %v: both need the same type", s.event, o.name, o.event))
	}
	o.set(s)
}

func nameOf(i int, names ...string) string {
	if i < len(names) {
		return names[i]
	}
	return "unknown"
}
