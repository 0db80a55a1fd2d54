package bus

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrClosed is matched by the error of whatever comes too late: the bus has been closed, or its scope has ended.
	ErrClosed = errors.New("bus: closed")

	// ErrDropped is what a publisher that waits is told of an event that the [Overflow] of a subscription has dropped,
	// or that a newer one has replaced; see [CoalesceBy].
	ErrDropped = errors.New("bus: dropped, because the queue was full or a newer event took its place")

	// ErrUnsubscribed is what a publisher that waits is told of an event whose subscription ended before it was handled.
	ErrUnsubscribed = errors.New("bus: unsubscribed before the event was handled")

	// ErrDisconnected is the end of a subscription with [Disconnect] whose queue was full.
	ErrDisconnected = errors.New("bus: disconnected, because its queue was full")

	// ErrHandlerRunning says that a call did not wait for the end of a handler: because its ctx has ended first,
	// or because that very handler made the call.
	ErrHandlerRunning = errors.New("bus: a handler is still running")
)

// EventError says that one subscription did not handle one event: its handler failed, panicked or exited, or never got the event.
type EventError struct {
	Subscription string // its name
	Type         string // of the event
	Event        any    // the event itself; nil if a subscription has ended and no single event is to blame
	Err          error  // what the handler returned; a *braid.PanicError; braid.ErrGoexit; or an error of this package
}

func (e *EventError) Error() string {
	return fmt.Sprintf("bus: %s: %s: %v", e.Subscription, e.Type, e.Err)
}

// Unwrap returns Err.
func (e *EventError) Unwrap() error { return e.Err }

// CloseError says which events were accepted and not handled, because the time to drain was over or the scope had ended.
type CloseError struct {
	Bus  string // its name
	Left []Left // one for each subscription that had some, in the order of their ends
}

// Left is what one subscription has not handled.
type Left struct {
	Subscription string
	Events       int // in its queue, and the one whose handler was cut off
}

func (e *CloseError) Error() string {
	var s strings.Builder
	for i, l := range e.Left {
		if i > 0 {
			s.WriteString(", ")
		}
		fmt.Fprintf(&s, "%d of %s", l.Events, l.Subscription)
	}
	return fmt.Sprintf("bus: %s ended with events that were not handled: %s", e.Bus, s.String())
}
