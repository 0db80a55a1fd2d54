package session

import (
	"context"
)

// call is what the caller sees as one request: all of its redirects and tries, until the body of the last response has ended.
type call struct {
	s         *Session
	caller    context.Context // as it was given
	ctx       context.Context // with the total time limit
	cancel    context.CancelFunc
	timeouts  Timeouts
	bodyLimit int64
	again     bool // it may be executed more than once, says Options
}

type callKey struct{}

// newCall begins a call, which must be ended.
func (s *Session) newCall(ctx context.Context) *call {
	o := optionsOf(ctx)
	c := &call{
		s: s, caller: ctx, again: o.Idempotent,
		timeouts:  o.Timeouts.filled(s.config.Timeouts),
		bodyLimit: or(o.Body, s.config.Limits.Body),
	}
	if d := c.timeouts.Total; d > 0 {
		c.ctx, c.cancel = context.WithTimeoutCause(ctx, d, &TimeoutError{Phase: Total, After: d})
	} else {
		c.ctx, c.cancel = context.WithCancel(ctx)
	}
	c.ctx = context.WithValue(c.ctx, callKey{}, c)
	return c
}

// callOf returns the call that a request of this ctx is a part of, such as a redirect. It returns nil if it is one by itself,
// such as one that is made in Config.Wrap, whose ctx comes from that of a call and may end earlier.
func (s *Session) callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	if c == nil || c.s != s || c.ctx != ctx {
		return nil
	}
	return c
}

func (c *call) end() { c.cancel() }
