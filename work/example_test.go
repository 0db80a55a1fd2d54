package work_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/service"
	"github.com/braid-go/braid/work"
)

// The pattern "worker queue": producers put jobs in, three workers run them, one that fails is tried again, and at the end all that
// was put in is finished. Whatever happens, every job is done, a dead letter, or returned.
func Example() {
	ctx := context.Background()
	jobs := work.New(work.NewMemory(work.MemoryConfig[string]{Capacity: 100}), work.Config[string]{
		Name: "mail", Workers: 3, Base: time.Millisecond,
	})
	err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			return jobs.Run(ctx, func(ctx context.Context, job *work.Job[string]) error {
				if job.Payload == "bob" && job.Attempts == 1 {
					return errors.New("mailbox busy")
				}
				return nil
			})
		})
		for _, to := range []string{"ada", "bob", "eve"} {
			if _, err := jobs.Enqueue(ctx, to); err != nil { // waits if there is no room
				return err
			}
		}
		left, err := jobs.Drain(ctx, time.Minute)
		fmt.Println("left:", len(left))
		return err
	})
	s := jobs.Statistics()
	fmt.Println("done:", s.Done, "tried again:", s.Retried, "error:", err)
	// Output:
	// left: 0
	// done: 3 tried again: 1 error: <nil>
}

// consume runs the jobs of q with handle until all are finished. The examples below use it.
func consume[T any](q *work.Queue[T], handle func(context.Context, *work.Job[T]) error) {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error { return q.Run(ctx, handle) })
		_, err := q.Drain(ctx, time.Minute)
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
}

// newJobs makes a queue with one worker and short waits. The examples below use it.
func newJobs(change func(*work.Config[string])) *work.Queue[string] {
	config := work.Config[string]{Workers: 1, Base: time.Millisecond, OnDead: func(letter work.DeadLetter[string]) {
		fmt.Printf("%s is dead after %d attempts: %v\n", letter.Job.Payload, letter.Job.Attempts, letter.Err)
	}}
	if change != nil {
		change(&config)
	}
	return work.New(work.NewMemory(work.MemoryConfig[string]{Capacity: 100}), config)
}

// A failure is tried again after a random wait, whose bound doubles each time, until the last attempt.
func ExampleConfig() {
	jobs := newJobs(func(c *work.Config[string]) {
		c.MaxAttempts = 3
		c.OnRetry = func(job work.Job[string], wait time.Duration) {
			fmt.Printf("attempt %d of %s: %v\n", job.Attempts, job.Payload, job.Err)
		}
	})
	_, _ = jobs.Enqueue(context.Background(), "report")
	consume(jobs, func(context.Context, *work.Job[string]) error { return errors.New("disk full") })
	// Output:
	// attempt 1 of report: disk full
	// attempt 2 of report: disk full
	// report is dead after 3 attempts: disk full
}

// What no further attempt will change is not tried again.
func ExamplePermanent() {
	jobs := newJobs(nil)
	_, _ = jobs.Enqueue(context.Background(), "report")
	consume(jobs, func(context.Context, *work.Job[string]) error {
		return work.Permanent(errors.New("no such customer"))
	})
	// Output: report is dead after 1 attempts: no such customer
}

// A handler that panics has failed, and nobody else notices. The dead letter has the stack.
func ExampleQueue_Run_panic() {
	jobs := newJobs(func(c *work.Config[string]) { c.MaxAttempts = 1; c.OnDead = func(work.DeadLetter[string]) {} })
	ctx := context.Background()
	_, _ = jobs.Enqueue(ctx, "bad")
	_, _ = jobs.Enqueue(ctx, "good")
	consume(jobs, func(_ context.Context, job *work.Job[string]) error {
		if job.Payload == "bad" {
			panic("index out of range")
		}
		fmt.Println(job.Payload, "is done")
		return nil
	})
	for letter, err := range jobs.DeadLetters(ctx) {
		p, _ := errors.AsType[*braid.PanicError](letter.Err)
		fmt.Println(letter.Job.Payload, "panicked:", p.Value, len(p.Stack) > 0, err)
	}
	// Output:
	// good is done
	// bad panicked: index out of range true <nil>
}

// When the cause is mended, dead letters are replayed; what nobody needs any more is discarded.
func ExampleQueue_Replay() {
	buried := braid.NewQueue[uint64](2)
	jobs := newJobs(func(c *work.Config[string]) {
		c.OnDead = func(letter work.DeadLetter[string]) { buried.TryPut(letter.Job.ID) }
	})
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		var down braid.Event
		down.Set()
		var done braid.Event
		g.Go(func(ctx context.Context) error {
			return jobs.Run(ctx, func(_ context.Context, job *work.Job[string]) error {
				if down.IsSet() {
					return work.Permanent(errors.New("down"))
				}
				fmt.Println(job.Payload, "is done in attempt", job.Attempts)
				done.Set()
				return nil
			})
		})
		_, _ = jobs.Enqueue(ctx, "invoice")
		_, _ = jobs.Enqueue(ctx, "newsletter")
		_, _ = buried.Get(ctx)
		_, _ = buried.Get(ctx)
		down.Clear()
		for letter, err := range jobs.DeadLetters(ctx) {
			switch {
			case err != nil:
				return err
			case letter.Job.Payload == "invoice":
				err = jobs.Replay(ctx, letter.Job.ID)
			default:
				err = jobs.Discard(ctx, letter.Job.ID)
			}
			if err != nil {
				return err
			}
		}
		fmt.Println(errors.Is(jobs.Replay(ctx, 4711), work.ErrNoSuchJob))
		_ = done.Wait(ctx)
		_, err := jobs.Stop(ctx)
		return err
	})
	fmt.Println(err)
	// Unordered output:
	// true
	// invoice is done in attempt 1
	// <nil>
}

// ExampleQueue_Discard shows [work.Queue.DeadLetters] as well.
func ExampleQueue_Discard() {
	ctx := context.Background()
	jobs := newJobs(func(c *work.Config[string]) { c.MaxAttempts = 1; c.OnDead = func(work.DeadLetter[string]) {} })
	_, _ = jobs.Enqueue(ctx, "newsletter")
	consume(jobs, func(context.Context, *work.Job[string]) error { return errors.New("too late") })
	for letter, err := range jobs.DeadLetters(ctx) {
		fmt.Println(letter.Job.Payload, letter.Err, err, jobs.Discard(ctx, letter.Job.ID))
	}
	for range jobs.DeadLetters(ctx) {
		fmt.Println("another one")
	}
	// Output: newsletter too late <nil> <nil>
}

// A handler that may hang extends its lease itself. Once it does not, the job is given to somebody else, and its own ctx ends.
func ExampleJob_Extend() {
	jobs := newJobs(func(c *work.Config[string]) { c.ManualLease, c.Workers = true, 2 })
	_, _ = jobs.Enqueue(context.Background(), "import")
	var told braid.Event
	consume(jobs, func(ctx context.Context, job *work.Job[string]) error {
		if job.Attempts > 1 {
			return told.Wait(ctx) // the second one gets through
		}
		if err := job.Extend(ctx, 20*time.Millisecond); err != nil {
			return err
		}
		err := braid.Sleep(ctx, time.Hour) // a page that never comes
		fmt.Println(err, errors.Is(err, work.ErrLeaseLost))
		told.Set()
		return err
	})
	fmt.Println("done:", jobs.Statistics().Done)
	// Output:
	// work: the lease on the job is lost true
	// done: 1
}

// A unique job is taken once within the window, however often it is enqueued.
func ExampleUnique() {
	ctx := context.Background()
	jobs := newJobs(nil)
	for range 2 {
		receipt, err := jobs.Enqueue(ctx, "invoice", work.Unique("invoice-4711"))
		fmt.Println("job", receipt.ID, "duplicate:", receipt.Duplicate, err)
	}
	// Output:
	// job 1 duplicate: false <nil>
	// job 1 duplicate: true <nil>
}

// A job can be delayed, or have a time.
func ExampleAfter() {
	ctx := context.Background()
	jobs := newJobs(nil)
	_, _ = jobs.Enqueue(ctx, "late", work.After(10*time.Millisecond))
	_, _ = jobs.Enqueue(ctx, "past", work.At(time.Now().Add(-time.Hour)))
	consume(jobs, func(_ context.Context, job *work.Job[string]) error {
		fmt.Println(job.Payload)
		return nil
	})
	// Output:
	// past
	// late
}

// A reminder has a time of its own.
func ExampleAt() {
	jobs := newJobs(nil)
	_, _ = jobs.Enqueue(context.Background(), "remind", work.At(time.Date(2100, 1, 1, 9, 0, 0, 0, time.UTC)))
	left, _ := jobs.Stop(context.Background())
	fmt.Println(left[0].Payload, left[0].RunAt.Year())
	// Output: remind 2100
}

// Jobs of one customer run one at a time, in order, and keep no other customer waiting.
func ExampleKey() {
	ctx := context.Background()
	jobs := work.New(work.NewMemory(work.MemoryConfig[int]{Capacity: 100, PerKey: 1}), work.Config[int]{Workers: 4})
	for i := range 3 {
		_, _ = jobs.Enqueue(ctx, i, work.Key("ada"))
	}
	var next int // is safe: there is one job of the key at a time
	consume(jobs, func(_ context.Context, job *work.Job[int]) error {
		fmt.Println(job.Key, job.Payload, job.Payload == next)
		next++
		return nil
	})
	// Output:
	// ada 0 true
	// ada 1 true
	// ada 2 true
}

// Among jobs that are ready, those of higher priority go first.
func ExamplePriority() {
	ctx := context.Background()
	jobs := newJobs(nil)
	for _, p := range []work.Priority{work.Low, work.Normal, work.High} {
		var option work.Option = p
		_, _ = jobs.Enqueue(ctx, p.String(), option)
	}
	consume(jobs, func(_ context.Context, job *work.Job[string]) error {
		fmt.Println(job.Payload)
		return nil
	})
	// Output:
	// high
	// normal
	// low
}

// Drain finishes what it has time for, and returns the rest.
func ExampleQueue_Drain() {
	ctx := context.Background()
	jobs := newJobs(nil)
	_, _ = jobs.Enqueue(ctx, "now")
	_, _ = jobs.Enqueue(ctx, "tomorrow", work.After(24*time.Hour))
	_ = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			return jobs.Run(ctx, func(_ context.Context, job *work.Job[string]) error {
				fmt.Println(job.Payload, "is done")
				return nil
			})
		})
		left, err := jobs.Drain(ctx, time.Minute) // and does not wait for a minute
		for _, job := range left {
			fmt.Println(job.Payload, "is left")
		}
		_, late := jobs.Enqueue(ctx, "late")
		fmt.Println(err, late)
		return nil
	})
	// Output:
	// now is done
	// tomorrow is left
	// <nil> braid: the queue has been shut down
}

// A queue as a component of a service. The end of ctx is the order to stop: then the jobs that are there are finished, as long as
// the component's time lasts, and handlers do not notice. What is left after that is kept.
func ExampleQueue_Drain_service() {
	jobs := newJobs(nil)
	mail := func(ctx context.Context) error {
		return service.Shield(ctx, func(shielded context.Context) error {
			return braid.Run(shielded, func(scope context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error {
					return jobs.Run(ctx, func(ctx context.Context, job *work.Job[string]) error {
						fmt.Println(job.Payload, "is done, the ctx is", ctx.Err())
						return nil
					})
				})
				var told braid.Event
				stop := context.AfterFunc(ctx, told.Set)
				defer stop()
				if err := told.Wait(scope); err != nil {
					return err // Run has failed
				}
				left, err := jobs.Drain(scope, 20*time.Second)
				for _, job := range left {
					fmt.Println(job.Payload, "is left")
				}
				return err
			})
		})
	}
	svc := service.New(service.Config{Name: "shop", Log: slog.New(slog.DiscardHandler)})
	svc.Add(
		service.Component{Name: "mail", Run: mail, StopTimeout: 30 * time.Second},
		service.Component{Name: "orders", Run: func(ctx context.Context) error {
			_, _ = jobs.Enqueue(ctx, "tomorrow", work.After(24*time.Hour))
			svc.Stop(nil) // as a signal would
			_ = new(braid.Event).Wait(ctx)
			_, err := jobs.Enqueue(context.WithoutCancel(ctx), "the last order") // it stops before mail does
			return err
		}},
	)
	fmt.Println(svc.Run(context.Background()))
	// Output:
	// the last order is done, the ctx is <nil>
	// tomorrow is left
	// <nil>
}

// Stop interrupts what runs and returns all that is not done, to be put into the next queue.
func ExampleQueue_Stop() {
	jobs := newJobs(nil)
	_ = braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		var started braid.Event
		g.Go(func(ctx context.Context) error {
			return jobs.Run(ctx, func(ctx context.Context, _ *work.Job[string]) error {
				started.Set()
				return braid.Sleep(ctx, time.Hour)
			})
		})
		for _, name := range []string{"a", "b", "c"} {
			_, _ = jobs.Enqueue(ctx, name)
		}
		_ = started.Wait(ctx)
		left, err := jobs.Stop(ctx)
		next := newJobs(nil)
		for _, job := range left {
			fmt.Println(job.Payload, "after", job.Attempts, "attempts")
			_, _ = next.Put(ctx, job)
		}
		return err
	})
	// Output:
	// a after 0 attempts
	// b after 0 attempts
	// c after 0 attempts
}

// A handler that ignores its ctx does not hold a Stop that has a limit. Its job is returned like the others.
func ExampleBusyError() {
	jobs := newJobs(nil)
	_ = braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		var started, release braid.Event
		g.Go(func(ctx context.Context) error {
			return jobs.Run(ctx, func(ctx context.Context, _ *work.Job[string]) error {
				started.Set()
				return release.Wait(context.WithoutCancel(ctx))
			})
		})
		_, _ = jobs.Enqueue(ctx, "stubborn")
		_ = started.Wait(ctx)
		err := braid.Timeout(ctx, 5*time.Millisecond, func(ctx context.Context) error {
			left, err := jobs.Stop(ctx)
			fmt.Println("left:", len(left))
			return err
		})
		if busy, ok := errors.AsType[*work.BusyError](err); ok {
			fmt.Println("still running: job", busy.Jobs[0])
		}
		release.Set()
		return nil
	})
	// Output:
	// left: 1
	// still running: job 1
}

// A job that takes its process down again and again ends as a dead letter. Here a lease that nobody extends stands for the process.
func ExampleExhaustedError() {
	ctx := context.Background()
	engine := work.NewMemory(work.MemoryConfig[string]{Capacity: 100})
	jobs := work.New(engine, work.Config[string]{Workers: 1, MaxAttempts: 1, OnDead: func(letter work.DeadLetter[string]) {
		_, ok := errors.AsType[*work.ExhaustedError](letter.Err)
		fmt.Println(letter.Err, ok)
	}})
	_, _ = jobs.Enqueue(ctx, "poison")
	_, _ = engine.Receive(ctx, time.Millisecond)
	consume(jobs, func(context.Context, *work.Job[string]) error { return nil })
	// Output: work: the lease has run out in the last of 1 attempts true
}

// An engine can be used without a Queue, by those who want other rules.
func ExampleEngine() {
	ctx := context.Background()
	var engine work.Engine[string] = work.NewMemory(work.MemoryConfig[string]{Capacity: 100})
	receipt, err := engine.Enqueue(ctx, work.Job[string]{Payload: "a"})
	fmt.Println(receipt.ID, err)

	var d *work.Delivery[string]
	d, _ = engine.Receive(ctx, time.Minute)
	fmt.Println(engine.Settle(ctx, d, work.Outcome{Verdict: work.Retry, After: time.Millisecond, Err: errors.New("not yet")}))
	d, _ = engine.Receive(ctx, time.Minute)
	fmt.Println(d.Job.Payload, d.Job.Attempts, d.Job.Err)
	until, _ := engine.Extend(ctx, d, time.Hour)
	fmt.Println(until.After(d.Until))
	fmt.Println(engine.Settle(ctx, d, work.Outcome{Verdict: work.Ack}), work.Ack)
	fmt.Println(engine.Drain(ctx, time.Now()))
	left, err := engine.Close(ctx)
	fmt.Println(len(left), err)
	// Output:
	// 1 <nil>
	// <nil>
	// a 2 not yet
	// true
	// <nil> ack
	// <nil>
	// 0 <nil>
}

// In strict mode the queue in memory loses what one elsewhere would lose, so that tests find it.
func ExampleJSON() {
	type order struct {
		ID   int
		note string // not exported, so JSON does not have it
	}
	jobs := work.New(work.NewMemory(work.MemoryConfig[order]{Capacity: 10, Codec: work.JSON[order]()}), work.Config[order]{Workers: 1})
	_, _ = jobs.Enqueue(context.Background(), order{ID: 1, note: "urgent"})
	consume(jobs, func(_ context.Context, job *work.Job[order]) error {
		fmt.Printf("%d %q\n", job.Payload.ID, job.Payload.note)
		return nil
	})
	// Output: 1 ""
}

// Statistics of the engine say what is inside, those of the queue what has become of jobs.
func ExampleMemory_Statistics() {
	ctx := context.Background()
	engine := work.NewMemory(work.MemoryConfig[string]{Capacity: 100})
	jobs := work.New(engine, work.Config[string]{Workers: 1})
	_, _ = jobs.Enqueue(ctx, "a")
	_, _ = jobs.Enqueue(ctx, "b", work.After(time.Hour))
	s := engine.Statistics()
	fmt.Println("ready:", s.Ready, "delayed:", s.Delayed, "of", s.Capacity)
	fmt.Println("done:", jobs.Statistics().Done)
	// Output:
	// ready: 1 delayed: 1 of 100
	// done: 0
}
