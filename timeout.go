package braid

import (
	"context"
	"fmt"
	"time"

	"github.com/braid-go/braid/internal/sched"
)

// Timeout calls fn with a ctx that ends after d, and returns when fn has returned.
//
// fn runs in the calling goroutine and as part of the calling task; results can go through captured variables.
// If fn returns nil, so does Timeout, even if the time ran out meanwhile: a result that won the race counts.
// If the time ran out and fn returns because of it, the error is a [*TimeoutError];
// if fn returns something else then, the error holds both.
//
// Timeout never returns before fn does. To go on without waiting for fn, use [Abandon].
//
// # Cancellation
//
// If ctx is done already, Timeout returns its cause and does not call fn; with d of zero or less it returns a TimeoutError
// and does not call fn. If ctx ends while fn runs, so does fn's ctx, and Timeout returns what fn returns.
func Timeout(ctx context.Context, d time.Duration, fn func(context.Context) error) error {
	if fn == nil {
		panic("braid: Timeout needs a function; the one given is nil")
	}
	if err := enter(ctx, "braid.Timeout", nil); err != nil {
		return err
	}
	return timeLimit(ctx, "timeout", d, time.Time{}, fn)
}

// Deadline is [Timeout] with a point in time instead of a duration. The clock is that of [Time].
//
// # Cancellation
//
// As with Timeout: if ctx is done already, Deadline returns its cause, and if the time is over, a [*TimeoutError];
// neither calls fn. If ctx ends while fn runs, so does fn's ctx, and Deadline returns what fn returns.
func Deadline(ctx context.Context, at time.Time, fn func(context.Context) error) error {
	if fn == nil {
		panic("braid: Deadline needs a function; the one given is nil")
	}
	if err := enter(ctx, "braid.Deadline", nil); err != nil {
		return err
	}
	return timeLimit(ctx, "deadline", at.Sub(Time(ctx)), at, fn)
}

func timeLimit(ctx context.Context, op string, d time.Duration, at time.Time, fn func(context.Context) error) error {
	if d <= 0 {
		return &TimeoutError{Op: op, After: d, task: Current(ctx)}
	}
	s := &timeScope{op: op, after: d}
	s.kind = kindTimeout
	s.attach(ctx, Current(ctx))
	defer s.detach()
	s.arm(d, at)
	defer s.timer.Stop()
	err := fn(&s.node)
	return s.judge(err)
}

// timeLimited applies TaskTimeout.
func timeLimited(fn func(context.Context) error, d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error { return Timeout(ctx, d, fn) }
}

// Shield calls fn with a ctx that does not end when ctx does, for cleanup that must be done.
//
// fn runs in the calling goroutine and as part of the calling task, with the values of ctx; the task's group still waits for it.
// It has a time limit of its own, d, after which its ctx ends like that of a [Timeout];
// inside another Shield the smaller limit rules.
//
// Shield panics unless d is positive: cleanup without a limit is how shutdowns hang.
//
// # Cancellation
//
// Shield calls fn even if ctx is done; that is what it is for. What fn returns is returned as it is;
// the next call with ctx finds ctx done as before. [Group.Cancel] of a group that fn runs works as usual.
func Shield(ctx context.Context, d time.Duration, fn func(context.Context) error) error {
	if d <= 0 {
		panic(fmt.Sprintf("braid: Shield with a limit of %v: a shield needs a positive limit, so that it cannot keep a shutdown waiting for ever", d))
	}
	if fn == nil {
		panic("braid: Shield needs a function; the one given is nil")
	}
	sched.Point(schedOf(ctx), "braid.Shield", nil)
	s := &timeScope{op: "shield", after: d}
	s.kind = kindShield
	start := Time(ctx)
	s.shelter(ctx, start.Add(d))
	if s.link.until.Before(start.Add(d)) {
		s.after = max(0, s.link.until.Sub(start)) // what is left of the shield around
	}
	if up, _ := resolve(ctx); up != nil {
		up.adopt(&s.node)
	}
	defer s.detach()
	s.arm(s.after, s.link.until)
	defer s.timer.Stop()
	err := fn(&s.node)
	return s.judge(err)
}

// timeScope is the scope of a Timeout, a Deadline or a Shield.
type timeScope struct {
	node
	op    string
	after time.Duration
	when  time.Time
	timer sched.Timer
	rec   *cancellation // the cancellation that the timer brings
}

// arm sets the deadline: d from now, which is the point at in time if that is given.
// Two limits with the same at are due together, whatever the time between their calls; judge relies on it.
func (s *timeScope) arm(d time.Duration, at time.Time) {
	sc := s.link.sched
	s.when = at
	if at.IsZero() {
		s.when = now(sc).Add(d)
	}
	if s.link.limit.IsZero() || s.when.Before(s.link.limit) {
		s.own(func(l *link) { l.limit = s.when })
	}
	s.rec = &cancellation{err: context.DeadlineExceeded, cause: &TimeoutError{Op: s.op, After: s.after, task: s.task}, at: s.when, from: byDeadline}
	s.timer = sched.After(sc, d, func() { s.end(s.rec) })
}

// shelter puts n below ctx without its cancellation. Shields inside n last until then at most;
// so do they inside a shield around n, if that ends earlier. A zero time sets no limit.
func (n *node) shelter(ctx context.Context, until time.Time) {
	up, exact := resolve(ctx)
	l := &link{ctx: ctx, until: until}
	if exact {
		l.ctx = up.link.ctx // where the values are
	}
	n.detached, n.link = true, l
	if up == nil {
		l.sched = sched.From(ctx)
		return
	}
	l.sched, l.hook = up.link.sched, up.link.hook
	if outer := up.link.until; until.IsZero() || !outer.IsZero() && outer.Before(until) {
		l.until = outer
	}
	n.task = up.task
}

// judge gives the result of the scope when its function returned err.
func (s *timeScope) judge(err error) error {
	if err == nil {
		return nil
	}
	rec := s.node.rec.Load()
	switch {
	case rec == s.rec:
	case rec == nil:
		if now(s.link.sched).Before(s.when) {
			return err
		}
		rec = s.rec // due, and the timer has not come to it yet
	case rec.at.Before(s.when):
		return err // ended from outside, and not by a limit that was due no earlier than this one
	}
	if rec.explains(err) {
		return s.rec.cause
	}
	if ge, ok := err.(*GroupError); ok {
		err = ge.without(rec) // the limit is said once
	}
	return &expiredError{timeout: s.rec.cause, err: err}
}

// expiredError is a real failure in a scope whose time had run out.
type expiredError struct{ timeout, err error }

func (e *expiredError) Error() string   { return e.err.Error() + " (after " + e.timeout.Error() + ")" }
func (e *expiredError) Unwrap() []error { return []error{e.timeout, e.err} }
