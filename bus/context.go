package bus

import (
	"context"
	"maps"
)

// current is the ctx of a handler: that of the subscription's task, and which event it is for.
type current struct {
	context.Context

	sub  *Subscription
	meta *meta
	from *current // the handler that has published the event, to wait for this one; nil if none has
	wait *await   // how from waits
}

type currentKey struct{}

// Value implements context.Context.
func (c *current) Value(key any) any {
	if key == (currentKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// currentOf returns the handler that runs with ctx, also in tasks that it has started; nil if there is none.
func currentOf(ctx context.Context) *current {
	c, _ := ctx.Value(currentKey{}).(*current)
	return c
}

// waiter returns the handler that waits for c to end; nil if there is none, or it has stopped waiting.
func (c *current) waiter() *current {
	if c.from == nil || c.wait.over() {
		return nil
	}
	return c.from
}

// holds reports whether s cannot go on before c has: c is its handler, or one that this handler waits for.
func (c *current) holds(s *Subscription) bool {
	for ; c != nil; c = c.waiter() {
		if c.sub == s {
			return true
		}
	}
	return false
}

// meta is what comes with an event.
type meta struct {
	topic  string
	header Header
}

// TopicOf returns the topic of the event whose handler runs with ctx; "" if it has none.
func TopicOf(ctx context.Context) Topic {
	if c := currentOf(ctx); c != nil && c.meta != nil {
		return Topic(c.meta.topic)
	}
	return ""
}

// HeaderOf returns a copy of the header of the event whose handler runs with ctx; nil if it has none.
func HeaderOf(ctx context.Context) Header {
	if c := currentOf(ctx); c != nil && c.meta != nil {
		return maps.Clone(c.meta.header)
	}
	return nil
}
