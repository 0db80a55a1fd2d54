package work

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid"
)

// What a [Config] means by 0.
const (
	DefaultMaxAttempts = 10
	DefaultBase        = time.Second
	DefaultMax         = 10 * time.Minute
	DefaultLease       = 30 * time.Second
)

// Config says how the jobs of a [Queue] are run.
type Config[T any] struct {
	// Name stands in errors, in the paths of tasks and in tools. It may be empty.
	Name string

	// Workers is how many jobs each [Queue.Run] runs at a time. It must be positive.
	Workers int

	// MaxAttempts is how often a job is tried before it becomes a dead letter; 0 means DefaultMaxAttempts.
	MaxAttempts int

	// Base is the upper bound of the wait after the first failure, which doubles with each further one; Max is the bound of them all,
	// and of what an error may ask for. The wait is a random time between 0 and the bound. 0 means DefaultBase and DefaultMax.
	Base, Max time.Duration

	// Lease is how long a job that nobody hears of stays in hand: after that it is given to somebody else. 0 means DefaultLease.
	// While the handler runs, the lease is extended when a third of it has passed, so it runs out only
	// if the process is gone, or too busy, or does not reach the engine; and after Timeout.
	Lease time.Duration

	// Timeout bounds one attempt; 0 means that nothing does. When it has passed, the ctx of the handler ends and the attempt has failed.
	// A handler that ignores that keeps its worker, but not its job: the lease is not extended any more.
	// It is no deadline that ctx.Deadline would return.
	Timeout time.Duration

	// ManualLease switches the heartbeat off: the lease runs out unless the handler calls [Job.Extend]. It is for handlers
	// that may hang although they should not, and know when they are making progress.
	ManualLease bool

	// OnRetry, if not nil, hears of each failure that is tried again: the job, with the error in Err, and the wait.
	OnRetry func(job Job[T], wait time.Duration)

	// OnDead, if not nil, hears of each job that has become a dead letter. nil means an error in the log: nobody looks for dead letters unasked.
	OnDead func(DeadLetter[T])

	// OnError, if not nil, hears of each error of the engine. nil means a warning in the log.
	// None of the three may wait for long, for a worker calls it; a panic in one is logged.
	OnError func(error)

	// Rand draws the jitter from [0, 1). nil means that of math/rand/v2; a simulation has its own.
	Rand func() float64
}

func (c *Config[T]) check() string {
	switch {
	case c.Workers < 1:
		return fmt.Sprintf("Config.Workers is %d: it must be positive", c.Workers)
	case c.MaxAttempts < 0:
		return fmt.Sprintf("Config.MaxAttempts is %d: it must be positive, or 0 for the default", c.MaxAttempts)
	case c.Base < 0:
		return fmt.Sprintf("Config.Base is %v: it must be positive, or 0 for the default", c.Base)
	case c.Max < 0:
		return fmt.Sprintf("Config.Max is %v: it must be positive, or 0 for the default", c.Max)
	case c.Lease != 0 && c.Lease < time.Millisecond:
		return fmt.Sprintf("Config.Lease is %v: it must be at least a millisecond, or 0 for the default", c.Lease)
	case c.Timeout < 0:
		return fmt.Sprintf("Config.Timeout is %v: it must be positive, or 0 for no limit", c.Timeout)
	}
	return ""
}

// Queue gives jobs to handlers: it is an [Engine], which stores them, and the rules by which they are run. Make one with [New].
//
// [Queue.Enqueue] puts jobs in, [Queue.Run] runs them, [Queue.Drain] and [Queue.Stop] end it.
type Queue[T any] struct {
	engine Engine[T]
	config Config[T]

	mu        sync.Mutex // guards consumers
	consumers []*consumer[T]
	stopped   atomic.Bool // handlers are to end

	done, retried, dead, lost, released, engineErrors atomic.Uint64
}

// New returns a queue on an engine. It panics if the engine is nil or the config makes no sense; see there.
func New[T any](engine Engine[T], config Config[T]) *Queue[T] {
	if engine == nil {
		panic("work: New needs an engine, such as NewMemory; the one given is nil")
	}
	if wrong := config.check(); wrong != "" {
		panic("work: " + wrong)
	}
	config.MaxAttempts = or(config.MaxAttempts, DefaultMaxAttempts)
	config.Base, config.Max = or(config.Base, DefaultBase), or(config.Max, DefaultMax)
	config.Lease = or(config.Lease, DefaultLease)
	if config.Rand == nil {
		config.Rand = rand.Float64
	}
	return &Queue[T]{engine: engine, config: config}
}

// Enqueue puts a job in, waiting for room if need be. After [Queue.Drain] or [Queue.Stop] it returns [braid.ErrShutdown].
//
// A job that is a duplicate, see [Unique], is not taken; the receipt says so, and there is no error.
//
// Nothing of ctx reaches the handler: what it should know, such as the id of a trace, belongs into the payload.
//
// A handler that enqueues into its own queue may wait for room that only the handlers can make. If all do, none goes on:
// give such a call a time limit, or the queue enough room.
//
// # Cancellation
//
// If ctx ends first, or is done already, Enqueue returns its cause and the job is not in the queue. An engine that has to be asked
// over a network may have taken it all the same; give such jobs a Unique, and enqueue them again.
func (q *Queue[T]) Enqueue(ctx context.Context, payload T, opts ...Option) (Receipt, error) {
	job := Job[T]{Payload: payload}
	if len(opts) > 0 {
		var p properties
		for _, o := range opts {
			if o == nil {
				panic("work: Enqueue was given an option that is nil")
			}
			o.apply(&p)
		}
		job.Key, job.Unique, job.Priority, job.RunAt = p.key, p.unique, p.priority, p.at
		if p.delay > 0 {
			job.RunAt = braid.Time(ctx).Add(p.delay)
		}
	}
	return q.engine.Enqueue(ctx, job)
}

// Put is [Queue.Enqueue] of a job as it is, with its attempts: what another queue has returned, above all.
// It is given a new ID.
//
// # Cancellation
//
// As with Enqueue.
func (q *Queue[T]) Put(ctx context.Context, job Job[T]) (Receipt, error) {
	if err := job.check(); err != nil {
		return Receipt{}, err
	}
	return q.engine.Enqueue(ctx, job)
}

// DeadLetters gives the jobs that failed for good, the oldest first. The body of the loop may replay and discard them.
//
// # Cancellation
//
// If ctx ends, the loop is given its cause once, and ends.
func (q *Queue[T]) DeadLetters(ctx context.Context) iter.Seq2[DeadLetter[T], error] {
	return q.engine.DeadLetters(ctx)
}

// Replay makes a dead letter a job again, with all its attempts before it, waiting for room if need be.
// If there is no dead letter of that id, the error matches [ErrNoSuchJob].
//
// # Cancellation
//
// If ctx ends first, or is done already, Replay returns its cause, and the dead letter stays one.
func (q *Queue[T]) Replay(ctx context.Context, id uint64) error { return q.engine.Replay(ctx, id) }

// Discard drops a dead letter for good. If there is none of that id, the error matches [ErrNoSuchJob].
//
// # Cancellation
//
// If ctx ends first, or is done already, Discard returns its cause.
func (q *Queue[T]) Discard(ctx context.Context, id uint64) error { return q.engine.Discard(ctx, id) }

// backoff draws the wait after n attempts have failed, the last one with an error that asks for after.
func (q *Queue[T]) backoff(n int, after time.Duration) time.Duration {
	most := q.config.Base
	for i := 1; i < n && most < q.config.Max; i++ {
		if most > math.MaxInt64/2 {
			most = q.config.Max
			break
		}
		most *= 2
	}
	draw := min(max(q.config.Rand(), 0), 1) // NaN is below everything
	if math.IsNaN(draw) {
		draw = 0
	}
	wait := time.Duration(draw * float64(min(most, q.config.Max)))
	if after > 0 {
		wait += min(after, q.config.Max, math.MaxInt64-wait)
	}
	return wait
}

// tell calls one of the user's functions. What becomes of it does not touch the caller.
func tell(what string, f func()) {
	defer func() {
		if v := recover(); v != nil {
			slog.Error("work: "+what+" panicked", "panic", v, "stack", string(debug.Stack()))
		}
	}()
	f()
}

func (q *Queue[T]) tellDead(letter DeadLetter[T]) {
	if q.config.OnDead == nil {
		slog.Error("work: a job has become a dead letter", "queue", q.config.Name, "job", letter.Job.ID, "attempts", letter.Job.Attempts, "error", letter.Err)
		return
	}
	tell("OnDead", func() { q.config.OnDead(letter) })
}

func (q *Queue[T]) tellRetry(job Job[T], wait time.Duration) {
	if q.config.OnRetry != nil {
		tell("OnRetry", func() { q.config.OnRetry(job, wait) })
	}
}

func (q *Queue[T]) tellError(err error) {
	q.engineErrors.Add(1)
	if q.config.OnError == nil {
		slog.Warn("work: the engine failed", "queue", q.config.Name, "error", err)
		return
	}
	tell("OnError", func() { q.config.OnError(err) })
}

// QueueStatistics is a snapshot of what a [Queue] has done in this process. What is inside is the engine's to say; see [Memory.Statistics].
type QueueStatistics struct {
	Workers int // of all Runs that go on
	Busy    int // that have a job in hand
	Overdue int // those of them whose attempt has lost its lease, or is over its time limit, and still runs

	Done         uint64 // jobs whose handler succeeded
	Retried      uint64 // attempts that failed and after which the job is tried again
	Dead         uint64 // jobs that became dead letters
	Lost         uint64 // attempts whose result came to nothing, because the job was not in hand any more
	Released     uint64 // jobs given back unrun or interrupted
	EngineErrors uint64
}

// Statistics returns a snapshot.
func (q *Queue[T]) Statistics() QueueStatistics {
	s := QueueStatistics{
		Done: q.done.Load(), Retried: q.retried.Load(), Dead: q.dead.Load(),
		Lost: q.lost.Load(), Released: q.released.Load(), EngineErrors: q.engineErrors.Load(),
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, c := range q.consumers {
		s.Workers += len(c.slots)
		for i := range c.slots {
			busy, overdue := c.slots[i].state()
			if busy {
				s.Busy++
			}
			if overdue {
				s.Overdue++
			}
		}
	}
	return s
}
