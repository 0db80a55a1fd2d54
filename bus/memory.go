package bus

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
)

// Memory is an [Engine] within the process, for tests and for several buses in one program.
// A publisher calls the receivers itself, one after another, so a queue that blocks holds back its publishers.
// Make one with [NewMemory].
type Memory struct {
	mu    sync.Mutex
	feeds []*feed // replaced, never changed
}

type feed struct {
	pattern string
	receive Receiver
}

// NewMemory returns an engine without subscriptions.
func NewMemory() *Memory { return &Memory{} }

// Publish implements Engine. It supports every [Wait].
//
// # Cancellation
//
// If ctx is done already, Publish returns its cause and nothing is sent. If ctx ends while it waits, for room or for handlers,
// it returns the cause, joined with the failures so far; subscriptions that have the message keep it.
func (e *Memory) Publish(ctx context.Context, m *Message, wait Wait) error {
	if err := causeOf(ctx); err != nil {
		return err
	}
	e.mu.Lock()
	feeds := e.feeds
	e.mu.Unlock()
	a := newAwait(wait, len(feeds))
	var errs []error
	for i, f := range feeds {
		if !Match(f.pattern, m.Subject) {
			a.settle(i, nil)
			continue
		}
		message := &Message{Subject: m.Subject, Header: maps.Clone(m.Header), Data: m.Data}
		if err := f.receive(ctx, message, func(err error) bool { return a.settle(i, err) }); err != nil && a == nil {
			errs = append(errs, err)
		}
	}
	if a != nil {
		a.done.SetName("handlers of " + m.Subject)
		return a.wait(ctx)
	}
	return join(errs)
}

// Subscribe implements Engine. It never waits.
//
// # Cancellation
//
// If ctx is done already, Subscribe returns its cause.
func (e *Memory) Subscribe(ctx context.Context, pattern string, receive Receiver) (stop func(), err error) {
	if err := causeOf(ctx); err != nil {
		return nil, err
	}
	f := &feed{pattern: pattern, receive: receive}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.feeds = append(slices.Clip(e.feeds), f)
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.feeds = slices.DeleteFunc(slices.Clone(e.feeds), func(other *feed) bool { return other == f })
	}, nil
}

// join is errors.Join that leaves a single error as it is.
func join(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

func causeOf(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}
