package bus

import (
	"context"
	"encoding/json"
)

// Engine carries events between buses, as bytes: those of one process, or of many.
// A [Bus] with an engine sends all of its events through it, and hears from it those of all buses on the same engine, its own included.
// Types, filters, queues, overflow, handlers and their failures stay with the bus; an engine carries messages, in order, and nothing else.
//
// What an engine must do is tested by package bustest. Its methods may be called by several tasks at a time.
// A bus uses its engine and does not own it: whoever made the engine ends it, after the bus.
type Engine interface {
	// Publish sends m to all subscriptions whose pattern matches m.Subject. Messages that one task sends one after another
	// arrive at each subscription in this order. Publish returns when the engine has accepted m, or, given WaitAll or
	// WaitFirstError, when it has heard from the subscriptions. An engine that does not hear from them returns
	// errors.ErrUnsupported for these, before it has sent anything. m must not be changed any more, by anybody.
	//
	// If ctx ends first, or is done already, Publish returns its cause.
	Publish(ctx context.Context, m *Message, wait Wait) error

	// Subscribe calls receive for each message whose subject matches the pattern; see [Match]. Messages published after
	// Subscribe has returned are among them. stop, which is called once, ends it without waiting;
	// a call of receive may still come meanwhile.
	//
	// If ctx ends first, or is done already, Subscribe returns its cause, and receive is not called any more.
	// The end of ctx after Subscribe has returned changes nothing.
	Subscribe(ctx context.Context, pattern string, receive Receiver) (stop func(), err error)
}

// Receiver takes a message from an [Engine]. An engine calls it for one message of a subscription after the other.
//
// Receiver returns when the message has its place in a queue, or has none for good. It waits for that under [Block],
// which is how a subscription holds back its engine, until ctx ends; then it returns the cause.
//
// settle is called once for each message, by any task, perhaps before Receiver returns: with nil when the message was handled, or did not
// concern the subscription after all, else with the reason. It is where an engine acknowledges. It must not block.
// It reports whether a publisher is told, so that a failure of which nobody hears can be reported otherwise.
type Receiver func(ctx context.Context, m *Message, settle func(error) (heard bool)) error

// Message is an event on its way through an [Engine].
type Message struct {
	// Subject is the name of the event's type, a dot, and its topic, or "_" for none: "shop.OrderPlaced.eu.west".
	Subject string

	// Header is what the event was published with, and the name of its type as [HeaderEvent].
	Header Header

	// Data is the event as the bus' Codec has encoded it.
	Data []byte
}

// HeaderEvent is the key under which a message's header has the name of its event's type.
const HeaderEvent = "Braid-Event"

// Codec turns events into bytes and back, for an [Engine] and for a strict bus.
// Its methods may be called by several tasks at a time.
type Codec interface {
	// Encode returns the bytes of an event.
	Encode(event any) ([]byte, error)

	// Decode sets what event points at, the zero value of the event's type, from data. It must not keep data.
	Decode(data []byte, event any) error
}

// JSON is the default Codec. It keeps what encoding/json keeps: exported fields, and no functions and channels.
type JSON struct{}

// Encode implements Codec.
func (JSON) Encode(event any) ([]byte, error) { return json.Marshal(event) }

// Decode implements Codec.
func (JSON) Decode(data []byte, event any) error { return json.Unmarshal(data, event) }
