package work

import (
	"context"
	"iter"
	"time"
)

// Engine stores jobs and hands them out, each under a lease. [Memory] is the one of this package; engines that store jobs
// elsewhere live in modules of their own. What an engine has to promise is a test: package worktest.
//
// An engine knows nothing of handlers: who calls it decides what is retried, when, and what is a dead letter.
// All methods may be called by any number of tasks at the same time. Those that may wait obey their ctx:
// cancelled, they have done nothing, as far as an engine behind a network can say so.
type Engine[T any] interface {
	// Enqueue stores a job and waits for room if there is none. It sets ID and Enqueued, and keeps all else.
	// When it returns, the job is as safe as this engine makes it; an engine has to say how safe that is.
	// Once the engine is draining or closed it returns braid.ErrShutdown.
	Enqueue(ctx context.Context, job Job[T]) (Receipt, error)

	// Receive waits for a job that is due and takes it into hand for the time of the lease, counting an attempt.
	// An engine whose leases have a length of their own takes that; Delivery.Until says how long it is, and so does what Extend returns.
	// When nothing will be delivered any more it returns braid.ErrShutdown.
	Receive(ctx context.Context, lease time.Duration) (*Delivery[T], error)

	// Extend makes the lease last until lease from now, and returns that time. It fails with ErrLeaseLost if d is not in hand any more.
	Extend(ctx context.Context, d *Delivery[T], lease time.Duration) (time.Time, error)

	// Settle ends a delivery. It fails with ErrLeaseLost if d is not in hand any more. A lease that has run out, but on a job that
	// nobody else has been given, may still count as in hand.
	// With Bury the dead letter must be safe before the job is gone.
	Settle(ctx context.Context, d *Delivery[T], o Outcome) error

	// Drain ends the intake and goes on delivering what is due until by; with a time that has passed nothing is delivered any more.
	// It waits until nothing is in hand and nothing more will be delivered. A later call sets by anew.
	// An engine whose jobs are safe elsewhere may stop delivering at once: to it, draining means to finish what is in hand.
	// If ctx ends first, Drain returns its cause, and the engine goes on as it was told.
	Drain(ctx context.Context, by time.Time) error

	// Close ends everything, takes back what is in hand, and returns the jobs that are not done, in the order of their ids,
	// so that nothing vanishes. An engine whose jobs are safe elsewhere returns none. A second call does nothing.
	Close(ctx context.Context) ([]Job[T], error)

	// DeadLetters gives the dead letters, the oldest first.
	DeadLetters(ctx context.Context) iter.Seq2[DeadLetter[T], error]

	// Replay makes a dead letter a job again, with all its attempts before it, and waits for room if there is none.
	// It does not look at Unique. An id that is not there is ErrNoSuchJob.
	Replay(ctx context.Context, id uint64) error

	// Discard drops a dead letter for good. An id that is not there is ErrNoSuchJob.
	Discard(ctx context.Context, id uint64) error
}

// Receipt says what became of a job that was enqueued.
type Receipt struct {
	ID        uint64 // of the job; of the one that was there before, if it is a duplicate and the engine knows it
	Duplicate bool   // a job with the same Unique was taken before, within the window; this one is dropped
}

// Delivery is a job in hand.
type Delivery[T any] struct {
	Job   Job[T]
	At    time.Time // when it was taken into hand
	Until time.Time // when the lease runs out, unless it is extended
	Err   error     // the payload could not be decoded; Job has all the rest. Such a job is buried.
	Token any       // the engine's own

	slot *slot[T] // where the worker has it
	id   uint64   // of the job, which is the handler's to change
}

// Verdict says how a delivery ends.
type Verdict int

// The verdicts.
const (
	Ack     Verdict = iota // the job is done
	Retry                  // it is delivered again, after Outcome.After
	Bury                   // it becomes a dead letter
	Release                // it was not run: it is delivered again at once, and the attempt does not count if the engine can help it
)

func (v Verdict) String() string {
	if v < Ack || v > Release {
		return "unknown"
	}
	return [...]string{"ack", "retry", "bury", "release"}[v]
}

// Outcome is how a delivery ends.
type Outcome struct {
	Verdict Verdict
	After   time.Duration // with Retry
	Err     error         // with Retry and Bury: what the attempt failed with
}

// DeadLetter is a job that failed for good.
type DeadLetter[T any] struct {
	Job Job[T]
	Err error     // what the last attempt failed with; an engine that stores jobs elsewhere keeps its text only
	At  time.Time // when it was buried
}
