package work

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Job is one piece of work. Payload, Key, Unique, Priority and RunAt are the caller's; the queue sets the others.
type Job[T any] struct {
	// ID names the job within its engine: in all attempts and as a dead letter.
	ID uint64

	// Payload is what is to be done. In memory it is the very value that was enqueued, at each attempt; see [MemoryConfig] for a strict mode.
	Payload T

	// Key, if not empty, groups jobs of which only some may run at a time, such as those of one customer; see [MemoryConfig].PerKey.
	Key string

	// Unique, if not empty, makes the engine take the job only once within a window of time. It is also a good key for a handler
	// that must not do the same twice: unlike ID it is the caller's.
	Unique string

	// Priority says which of the jobs that are ready goes first. A job of lower priority waits for as long as there are others.
	Priority Priority

	// RunAt is the earliest time for the first attempt. The zero time means at once.
	RunAt time.Time

	// Attempts counts the attempts begun, the present one included. What was given back unrun or interrupted by a shutdown does not count.
	Attempts int

	// Enqueued is when the engine took the job.
	Enqueued time.Time

	// Err is what the last attempt failed with; nil if none has. An engine that stores jobs elsewhere keeps its text only.
	Err error

	hold *Delivery[T] // the delivery that this is the job of, if a handler has been given it
}

// Priority orders jobs that are ready.
type Priority int

// The priorities. There are no others.
const (
	Low    Priority = -1
	Normal Priority = 0
	High   Priority = 1
)

func (p Priority) String() string {
	switch p {
	case Low:
		return "low"
	case Normal:
		return "normal"
	case High:
		return "high"
	default:
		return fmt.Sprintf("Priority(%d)", int(p))
	}
}

// Extend makes the lease of the attempt last for d from now on. A handler that has switched the heartbeat off calls it
// to say that it is alive; see [Config].ManualLease. It may be called from any task, and it may shorten the lease.
//
// It fails with [ErrLeaseLost] if the job has been given to somebody else, or has been settled, and outside a handler.
//
// # Cancellation
//
// If ctx ends first, or is done already, Extend returns its cause. The lease may have been extended all the same, if the engine
// is one that has to be asked over a network.
func (j *Job[T]) Extend(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("work: Extend(%v): a lease must be positive", d)
	}
	if j.hold == nil {
		return fmt.Errorf("work: Extend of a job that no handler has in hand: %w", ErrLeaseLost)
	}
	return j.hold.extend(ctx, d)
}

// Option is a property of a job that [Queue.Enqueue] is given. The options are [Key], [Unique], [After], [At] and [Priority];
// there are no others.
type Option interface {
	apply(*properties)
}

type properties struct {
	key, unique string
	priority    Priority
	at          time.Time
	delay       time.Duration
}

type (
	keyOption    string
	uniqueOption string
	afterOption  time.Duration
	atOption     time.Time
)

func (o keyOption) apply(p *properties)    { p.key = string(o) }
func (o uniqueOption) apply(p *properties) { p.unique = string(o) }
func (o afterOption) apply(p *properties)  { p.delay, p.at = time.Duration(o), time.Time{} }
func (o atOption) apply(p *properties)     { p.at, p.delay = time.Time(o), 0 }
func (p Priority) apply(q *properties)     { q.priority = p }

// Key groups the job with others; see [Job].Key.
func Key(key string) Option { return keyOption(key) }

// Unique makes the engine take only one job with this id within its window; see [Job].Unique.
func Unique(id string) Option { return uniqueOption(id) }

// After delays the first attempt. A delay of zero or less is none.
func After(d time.Duration) Option { return afterOption(d) }

// At sets the earliest time of the first attempt, on the clock of [braid.Time]. A time that has passed means at once.
func At(t time.Time) Option { return atOption(t) }

func (j *Job[T]) check() error {
	switch {
	case j.Priority < Low || j.Priority > High:
		return fmt.Errorf("work: a job of priority %d: use Low, Normal or High", int(j.Priority))
	case j.Attempts < 0:
		return errors.New("work: a job with a negative number of attempts")
	}
	return nil
}
