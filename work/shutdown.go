package work

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/braid-go/braid"
)

// Drain finishes what is queued, at most within the given time, and then ends the queue as [Queue.Stop] does. Stop comes at once
// when nothing is left that is due within the time, retries included; Drain does not wait for what would be too late anyway.
//
// From the beginning, Enqueue and Replay return [braid.ErrShutdown], those that wait for room included. It is the Runs that finish the jobs: without any,
// Drain waits in vain until the time is over. With a time of zero or less it is Stop.
//
// It returns the jobs that were not done, as Stop does; in an engine that keeps jobs elsewhere they stay there, and draining it
// means to finish what is in hand.
//
// # Cancellation
//
// If ctx is done already, Drain returns its cause and has done nothing. If ctx ends later, Drain goes on as Stop would whose ctx ends.
func (q *Queue[T]) Drain(ctx context.Context, within time.Duration) ([]Job[T], error) {
	if err := causeOf(ctx); err != nil {
		return nil, err
	}
	if within > 0 {
		by := braid.Time(ctx).Add(within)
		err := braid.Timeout(ctx, within, func(ctx context.Context) error { return q.engine.Drain(ctx, by) })
		if err != nil && ctx.Err() == nil && !errors.Is(err, braid.ErrTimeout) {
			q.tellError(err)
		}
	}
	return q.Stop(ctx)
}

// Stop ends the queue now and returns the jobs that were not done, so that every job that was ever enqueued is done, is a dead letter, or is returned.
//
// Enqueue and Replay return [braid.ErrShutdown] from now on. No job is started any more, and the ctx of each handler ends with ErrShutdown.
// Stop waits for the handlers: a job whose handler succeeds all the same is done. One that fails for another reason goes through its
// retry or burial. All others are returned, with the attempts that count. When Stop returns without an error, all hooks have been told, and the Runs are about to return nil.
//
// An engine that keeps jobs elsewhere returns none: they are safe where they are. Stop may be called again; what was returned once is not returned twice.
//
// # Cancellation
//
// If ctx ends before all handlers have ended, Stop takes their jobs back, which are among those returned, and the error is a [*BusyError] that says which they are.
// Those handlers still run, in the scope of their Run, and their results come to nothing. If ctx is done already Stop does all this without waiting.
func (q *Queue[T]) Stop(ctx context.Context) ([]Job[T], error) {
	q.stopped.Store(true) // workers see it before they call a handler, and we see those that have called one
	q.cancelAll()
	var failed error
	if ctx.Err() == nil {
		if err := q.engine.Drain(ctx, braid.Time(ctx)); err != nil && ctx.Err() == nil {
			failed = err
		}
	}
	if cause := causeOf(ctx); cause != nil {
		if busy := q.inHand(); len(busy) > 0 {
			failed = &BusyError{Queue: q.config.Name, Jobs: busy, Err: cause}
		}
	}
	var left []Job[T]
	err := settled(ctx, func(ctx context.Context) (err error) {
		left, err = q.engine.Close(ctx)
		return err
	})
	q.mu.Lock()
	consumers := slices.Clone(q.consumers)
	q.mu.Unlock()
	for _, c := range consumers {
		_ = c.idle.Wait(ctx) // nobody has a job in hand; what they have still to count and to tell takes no time
	}
	return left, errors.Join(failed, err)
}

// settled calls f, with some time of its own if ctx is done.
func settled(ctx context.Context, f func(context.Context) error) error {
	if ctx.Err() != nil {
		return braid.Shield(ctx, settleTime, f)
	}
	return f(ctx)
}

func (q *Queue[T]) slots() []*slot[T] {
	q.mu.Lock()
	defer q.mu.Unlock()
	var all []*slot[T]
	for _, c := range q.consumers {
		for i := range c.slots {
			all = append(all, &c.slots[i])
		}
	}
	return all
}

// cancelAll ends the ctx of all handlers. One that is about to be called sees that the queue has stopped.
func (q *Queue[T]) cancelAll() {
	for _, s := range q.slots() {
		s.cancel(braid.ErrShutdown)
	}
}

// inHand returns the ids of the jobs that handlers have.
func (q *Queue[T]) inHand() []uint64 {
	var ids []uint64
	for _, s := range q.slots() {
		s.mu.Lock()
		if s.d != nil {
			ids = append(ids, s.d.id)
		}
		s.mu.Unlock()
	}
	slices.Sort(ids)
	return ids
}
