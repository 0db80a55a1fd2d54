package work

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid"
)

// settleTime is how long an attempt may take to tell its engine how it ended, when its ctx is done.
const settleTime = 5 * time.Second

// Run runs the jobs of the queue, Workers at a time, each in a task of its own, until the queue is drained or stopped; then it returns nil.
// It is the task, or the body of a task, that owns them: Run returns when all have ended. Several Runs of one queue share its jobs.
//
// What handle returns decides about the job:
//   - nil: it is done.
//   - an error: it is tried again after a wait, unless that was the last attempt. The wait is drawn from a range that doubles with each
//     attempt; an error with a method RetryAfter() time.Duration, such as that of resilience.After, adds to it.
//   - an error marked with [Permanent], or the error of the last attempt: it becomes a dead letter.
//   - the end of its ctx, because Run's ctx or the queue has ended: it goes back unharmed, and the attempt does not count.
//     If its task alone was cancelled, by an operator with a tool perhaps, that is an error like others.
//
// A panic and a runtime.Goexit are errors like others; a panic is a [*braid.PanicError] with its stack, and no [braid.PanicHook] hears of it,
// since the error is kept. Other jobs are not touched by any of it.
//
// Each job is run at least once. It is run again, perhaps while the first attempt still goes on, if the lease runs out or
// the engine does not hear how the attempt ended: handlers have to be idempotent, and [Job].Unique is there to help.
// The ctx of an attempt whose lease is lost ends with [ErrLeaseLost], and whatever it returns comes to nothing.
//
// An engine that fails is asked again, after waits that grow up to the queue's Max. Only an error that it marks with Permanent ends Run,
// as a failure of the scope.
//
// # Cancellation
//
// If ctx is done already, Run returns its cause and takes no job. If ctx ends later, so does that of all handlers;
// Run waits for them, gives unfinished jobs back to the engine, and returns the cause.
// A handler that ignores its ctx holds Run for as long as it likes, as any task does its scope.
func (q *Queue[T]) Run(ctx context.Context, handle func(ctx context.Context, job *Job[T]) error) error {
	if handle == nil {
		panic("work: Run needs a handler; the one given is nil")
	}
	return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		c := &consumer[T]{
			q: q, handle: handle, epoch: braid.Time(ctx),
			group: g, portal: braid.NewPortal(g), slots: make([]slot[T], q.config.Workers),
			name: []braid.TaskOption{braid.Name("job")},
		}
		c.bell.SetName(named(q.config.Name) + "heartbeat")
		c.idle.SetName(named(q.config.Name) + "workers")
		q.join(c)
		defer q.part(c)
		g.Go(c.keep, braid.Name("heartbeat"))
		c.live.Store(int64(len(c.slots)))
		for i := range c.slots {
			s := &c.slots[i]
			s.c, s.attempt.s, s.run = c, s, s.attempt.run
			c.start(s)
		}
		if err := c.idle.Wait(ctx); err != nil {
			return err
		}
		g.Cancel(braid.ErrShutdown) // the heartbeat
		return nil
	}, braid.Name(or(q.config.Name, "work")))
}

func (q *Queue[T]) join(c *consumer[T]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.consumers = append(q.consumers, c)
}

func (q *Queue[T]) part(c *consumer[T]) {
	c.idle.Set() // if it was Run's ctx that ended it
	q.mu.Lock()
	defer q.mu.Unlock()
	q.consumers = slices.DeleteFunc(q.consumers, func(other *consumer[T]) bool { return other == c })
}

// consumer is one Run.
type consumer[T any] struct {
	q      *Queue[T]
	handle func(context.Context, *Job[T]) error
	group  *braid.Group
	portal *braid.Portal
	slots  []slot[T]
	name   []braid.TaskOption
	live   atomic.Int64 // workers
	idle   braid.Event  // set when there are none

	// Of the heartbeat; see keep.
	epoch  time.Time
	bell   braid.Event
	wakeAt atomic.Int64 // since epoch
}

// start starts the worker of a slot. It is a task whose end is its own affair, since a handler that calls runtime.Goexit ends it:
// then another one takes over.
func (c *consumer[T]) start(s *slot[T]) {
	braid.Submit(c.portal, func(ctx context.Context) (struct{}, error) {
		returned := false
		defer func() {
			v := recover()
			switch {
			case returned:
			case v != nil: // not the handler's: that of an engine, or of Rand
				braid.Report(ctx, &braid.PanicError{Task: braid.Current(ctx).Path(), Value: v, Stack: debug.Stack()})
			default:
				c.start(s)
				return
			}
			if c.live.Add(-1) == 0 {
				c.idle.Set()
			}
		}()
		c.work(ctx, s)
		returned = true
		return struct{}{}, nil
	}, braid.Name("worker"))
}

// work takes one job after another.
func (c *consumer[T]) work(ctx context.Context, s *slot[T]) {
	for failures := 0; !c.q.stopped.Load(); {
		d, err := c.q.engine.Receive(ctx, c.q.config.Lease)
		switch {
		case err == nil:
			failures = 0
			c.attempt(ctx, s, d)
			continue
		case ctx.Err() != nil || errors.Is(err, braid.ErrShutdown):
			return
		}
		c.q.tellError(err)
		permanent, after := marks(err)
		if permanent {
			braid.Report(ctx, fmt.Errorf("work: queue %scannot be worked on: %w", named(c.q.config.Name), err))
			return
		}
		failures++
		if braid.Sleep(ctx, c.q.backoff(failures, after)) != nil {
			return
		}
	}
}

// attempt runs a job and settles it.
func (c *consumer[T]) attempt(ctx context.Context, s *slot[T], d *Delivery[T]) {
	switch {
	case d.Err != nil:
		c.fail(ctx, d, d.Job, Permanent(d.Err))
		return
	case d.Job.Attempts > c.q.config.MaxAttempts:
		c.fail(ctx, d, d.Job, Permanent(&ExhaustedError{Attempts: d.Job.Attempts - 1, Last: d.Job.Err}))
		return
	}
	d.slot, d.id = s, d.Job.ID
	a := &s.attempt
	*a = attempt[T]{s: s, d: d, job: d.Job}
	ended := false
	defer func() {
		if !ended { // runtime.Goexit in the handler, or in what it is called through
			a.err = braid.ErrGoexit
			c.conclude(ctx, a)
		}
	}()
	err := c.portal.Do(ctx, s.run, c.name...)
	ended = true
	if !a.returned {
		a.err = err // a panic, or it has not been started
	}
	c.conclude(ctx, a)
}

// attempt is what becomes of one delivery.
type attempt[T any] struct {
	s *slot[T]
	d *Delivery[T]

	job      Job[T] // as it was delivered; that of d is the handler's
	called   bool   // the handler was
	returned bool   // it did
	err      error  // what it ended with
	ctxErr   error  // its ctx was done then
	cause    error
}

// run calls the handler, in a task of its own.
func (a *attempt[T]) run(ctx context.Context) error {
	c := a.s.c
	a.s.take(a.d, braid.Current(ctx))
	defer a.s.clear()
	if c.q.stopped.Load() {
		return nil
	}
	a.d.Job.hold = a.d
	a.called = true
	defer func() {
		if a.ctxErr = ctx.Err(); a.ctxErr != nil {
			a.cause = context.Cause(ctx)
		}
	}()
	a.err = sound(ctx, c.handle(ctx, &a.d.Job))
	a.returned = true
	return nil
}

// conclude settles the job of an attempt that has ended.
func (c *consumer[T]) conclude(ctx context.Context, a *attempt[T]) {
	switch {
	case !a.called:
		c.release(ctx, a.d)
	case a.err == nil:
		if c.settle(ctx, a.d, Outcome{Verdict: Ack}) {
			c.q.done.Add(1)
		}
	case a.ctxErr != nil && explains(a.err, a.ctxErr, a.cause):
		err := a.cause
		if ended, ok := errors.AsType[*endedError](err); ok {
			err = ended.err
		} else if ctx.Err() != nil || c.q.stopped.Load() {
			c.release(ctx, a.d)
			return
		}
		if !same(a.err, a.ctxErr) && !same(a.err, a.cause) {
			err = fmt.Errorf("%w: %w", err, a.err) // what the handler was doing
		}
		c.fail(ctx, a.d, a.job, err)
	default:
		c.fail(ctx, a.d, a.job, a.err)
	}
}

// release gives a job back that was not run, or not to its end.
func (c *consumer[T]) release(ctx context.Context, d *Delivery[T]) {
	if c.settle(ctx, d, Outcome{Verdict: Release}) {
		c.q.released.Add(1)
	}
}

// fail settles the job of an attempt that has failed.
func (c *consumer[T]) fail(ctx context.Context, d *Delivery[T], job Job[T], err error) {
	permanent, after := marks(err)
	job.Err = unmarked(err)
	if permanent || job.Attempts >= c.q.config.MaxAttempts {
		if c.settle(ctx, d, Outcome{Verdict: Bury, Err: job.Err}) {
			c.q.dead.Add(1)
			c.q.tellDead(DeadLetter[T]{Job: job, Err: job.Err, At: braid.Time(ctx)})
		}
		return
	}
	wait := c.q.backoff(job.Attempts, after)
	if c.settle(ctx, d, Outcome{Verdict: Retry, After: wait, Err: job.Err}) {
		c.q.retried.Add(1)
		c.q.tellRetry(job, wait)
	}
}

// sound returns what a handler has returned, or, if that is an error whose methods panic, such as a nil pointer that stands in an error, the panic.
// It is found out here, while it is still the failure of the job alone.
func sound(ctx context.Context, err error) (out error) {
	if err == nil {
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			out = &braid.PanicError{Task: braid.Current(ctx).Path(), Value: v, Stack: debug.Stack()}
		}
	}()
	_, _ = marks(err)
	_ = err.Error()
	return err
}

// unmarked returns what Permanent was given.
func unmarked(err error) error {
	if p, ok := err.(*permanentError); ok { //nolint:errorlint // only the outermost
		return p.err
	}
	return err
}

// settle tells the engine, also under a ctx that is done, and reports whether it has agreed.
func (c *consumer[T]) settle(ctx context.Context, d *Delivery[T], o Outcome) bool {
	var err error
	if ctx.Err() != nil {
		err = settled(ctx, func(ctx context.Context) error { return c.q.engine.Settle(ctx, d, o) })
	} else {
		err = c.q.engine.Settle(ctx, d, o)
	}
	switch {
	case err == nil:
		return true
	case errors.Is(err, ErrLeaseLost):
		c.q.lost.Add(1)
	default: // the lease runs out, and the job is run again
		c.q.tellError(fmt.Errorf("work: %v of job %d: %w", o.Verdict, d.id, err))
	}
	return false
}
