package service

import (
	"context"
	"fmt"
	"time"

	"github.com/braid-go/braid"
)

// Between two calls of a Ready that has not said yes yet: short at first, since somebody waits for it.
const (
	firstPause   = 10 * time.Millisecond
	longestPause = 250 * time.Millisecond
)

// check is what a Ready or Alive has said. Its fields are guarded by Service.mu.
type check struct {
	fn     func(context.Context) error
	since  time.Time // when the call began that is under way; zero if none is
	err    error     // what the last call said
	passed bool      // one call has said nil
}

// says returns what the check has said, or that it has not answered in time. mu is held.
func (c *check) says(now time.Time, limit time.Duration) error {
	if c.since.IsZero() || now.Sub(c.since) <= limit {
		return c.err
	}
	return fmt.Errorf("service: the check has not answered for %v", now.Sub(c.since).Round(time.Millisecond))
}

// checks starts the checks of l, and returns the call of Ready; nil if there is none.
func (r *run) checks(l *life) (ready *call) {
	if l.of.Alive != nil {
		l.alive.fn = l.of.Alive
		r.call(l, l.of.Name+"/alive", func(ctx context.Context) error { return r.watch(ctx, l, "alive", &l.alive) })
	}
	if l.of.Ready != nil {
		l.ready.fn = l.of.Ready
		ready = r.call(l, l.of.Name+"/ready", func(ctx context.Context) error { return r.watch(ctx, l, "ready", &l.ready) })
	}
	return ready
}

// watch calls the check again and again until ctx ends. Calls do not overlap.
func (r *run) watch(ctx context.Context, l *life, what string, c *check) error {
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !c.since.IsZero() { // it called runtime.Goexit
			c.since, c.err = time.Time{}, braid.ErrGoexit
		}
	}()
	pause := firstPause
	for {
		now := braid.Time(ctx)
		r.mu.Lock()
		c.since = now
		r.mu.Unlock()
		err := r.ask(ctx, c.fn)
		over := ctx.Err() != nil // then it says nothing
		r.mu.Lock()
		before, passed := c.err, c.passed
		c.since = time.Time{}
		if !over {
			c.err, c.passed = err, passed || err == nil
		}
		r.mu.Unlock()
		if over {
			return context.Cause(ctx)
		}
		wait := r.cfg.CheckEvery
		switch {
		case err == nil && !passed:
			r.changed.Set()
		case passed && err != nil && before == nil:
			r.log.WarnContext(ctx, "not "+what, "component", l.of.Name, "err", err)
		case passed && err == nil && before != nil:
			r.log.InfoContext(ctx, what+" again", "component", l.of.Name)
		case !passed && what == "ready" && braid.Time(ctx).Sub(now) >= r.cfg.CheckTimeout:
			wait = 0 // it has waited by itself
		case !passed && what == "ready":
			wait = min(pause, wait)
			pause = min(2*pause, longestPause)
		}
		if err := braid.Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// ask calls a check. A panic in it is an answer.
func (r *run) ask(ctx context.Context, fn func(context.Context) error) (err error) {
	scope := braid.Timeout(ctx, r.cfg.CheckTimeout, func(ctx context.Context) error {
		return braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
			err = fn(ctx)
			return nil
		}, braid.OnPanic(braid.AsError))
	})
	if scope != nil {
		return scope
	}
	return err
}
