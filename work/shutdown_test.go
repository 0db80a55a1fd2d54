package work_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/work"
)

const many = 100_000

// 100,000 queued jobs, ended in the middle of it, on all processors and in real time: each is done or returned, exactly once.
func TestShutdownOfMany(t *testing.T) {
	for name, end := range map[string]func(context.Context, *work.Queue[int]) ([]work.Job[int], error){
		"drain": func(ctx context.Context, q *work.Queue[int]) ([]work.Job[int], error) { return q.Drain(ctx, time.Hour) },
		"now":   func(ctx context.Context, q *work.Queue[int]) ([]work.Job[int], error) { return q.Stop(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			braidtest.CheckLeaks(t)
			m := memory(many)
			config := quiet()
			config.Workers, config.MaxAttempts, config.Rand = 8, 3, func() float64 { return 0 }
			var dead atomic.Int64
			config.OnDead = func(work.DeadLetter[int]) { dead.Add(1) }
			q := work.New(m, config)
			seen := make([]atomic.Int32, many)
			var some braid.Event // enough have been run
			var count atomic.Int64
			must(t, braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
				enqueue(t, ctx, q, many)
				for range 2 {
					run(g, q, func(_ context.Context, job *work.Job[int]) error {
						if count.Add(1) == many/10 {
							some.Set()
						}
						switch {
						case job.Payload%100 == 0:
							return errDown // each time
						case job.Payload%100 == 1 && job.Attempts == 1:
							return errDown
						}
						seen[job.Payload].Add(1)
						return nil
					})
				}
				if name == "now" {
					must(t, some.Wait(ctx))
				}
				left, err := end(ctx, q)
				must(t, err)
				for _, job := range left {
					seen[job.Payload].Add(1)
				}
				if name == "drain" && len(left) > 0 || name == "now" && len(left) == 0 {
					t.Errorf("%d jobs are left", len(left))
				}
				return nil
			}))
			for letter, err := range q.DeadLetters(t.Context()) {
				must(t, err)
				seen[letter.Job.Payload].Add(1)
			}
			for i := range seen {
				if n := seen[i].Load(); n != 1 {
					t.Fatalf("job %d is accounted for %d times", i, n)
				}
			}
			s := m.Statistics()
			accounted(t, s)
			equal(t, "inside", s.Ready+s.Blocked+s.Delayed+s.InHand, 0)
			equal(t, "enqueued", s.Enqueued, many)
			equal(t, "dead", int64(s.Buried), dead.Load())
			equal(t, "done", s.Done, q.Statistics().Done)
		})
	}
}

// Drain returns what it has no time for, with what is known of it, to be put into another queue.
func TestDrainOutOfTime(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		m := memory(100)
		q := work.New(m, quiet())
		run(g, q, func(ctx context.Context, job *work.Job[int]) error {
			if job.Payload == 0 && job.Attempts == 1 {
				return errDown
			}
			return braid.Sleep(ctx, 4*time.Second)
		})
		enqueue(t, ctx, q, 5)
		enqueue(t, ctx, q, 1, work.After(time.Hour), work.Key("k"), work.Unique("u"), work.High)
		start := braid.Time(ctx)
		left, err := q.Drain(ctx, 10*time.Second)
		must(t, err)
		equal(t, "it took", braid.Time(ctx).Sub(start), 10*time.Second)
		equal(t, "left", len(left), 4)
		equal(t, "done", q.Statistics().Done, 2)
		accounted(t, m.Statistics())

		other := work.New(memory(100), quiet())
		for _, job := range left {
			r, err := other.Put(ctx, job)
			must(t, err)
			equal(t, "duplicate", r.Duplicate, false)
		}
		again, err := other.Stop(ctx)
		must(t, err)
		for i, job := range again {
			was := left[i]
			was.ID, was.Enqueued, job.ID, job.Enqueued = 0, time.Time{}, 0, time.Time{}
			equal(t, "job", fmt.Sprintf("%+v", job), fmt.Sprintf("%+v", was))
		}
	})
}

// Drain does not wait for what is due too late anyway, nor for nothing.
func TestDrainEndsEarly(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		q := work.New(memory(100), quiet())
		h := run(g, q, nothing)
		enqueue(t, ctx, q, 3)
		enqueue(t, ctx, q, 1, work.After(5*time.Second))
		enqueue(t, ctx, q, 1, work.After(time.Hour))
		start := braid.Time(ctx)
		left, err := q.Drain(ctx, time.Minute)
		must(t, err)
		equal(t, "it took", braid.Time(ctx).Sub(start), 5*time.Second)
		equal(t, "left", len(left), 1)
		must(t, h.Wait(ctx))
		left, err = q.Drain(ctx, time.Minute) // again
		must(t, err)
		equal(t, "left", len(left), 0)
	})
}

// Without a Run there is nobody to drain: all is returned when the time is over.
func TestDrainAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, _ *braid.Group) {
		q := work.New(memory(100), quiet())
		enqueue(t, ctx, q, 3)
		start := braid.Time(ctx)
		left, err := q.Drain(ctx, time.Minute)
		must(t, err)
		equal(t, "it took", braid.Time(ctx).Sub(start), time.Minute)
		equal(t, "left", len(left), 3)
	})
}

// Those who wait for room are told.
func TestStopTellsWhoWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		m := memory(1)
		q := work.New(m, quiet())
		enqueue(t, ctx, q, 1)
		var parked []*braid.Handle
		for i := range 3 {
			parked = append(parked, g.Go(func(ctx context.Context) error {
				_, err := q.Enqueue(ctx, i)
				if !errors.Is(err, braid.ErrShutdown) {
					t.Errorf("error: %v", err)
				}
				return nil
			}))
		}
		must(t, braid.Sleep(ctx, time.Second))
		left, err := q.Stop(ctx)
		must(t, err)
		equal(t, "left", len(left), 1)
		for _, h := range parked {
			must(t, h.Wait(ctx))
		}
		equal(t, "enqueued", m.Statistics().Enqueued, 1)
		wantErr(t, q.Replay(ctx, 1), work.ErrNoSuchJob)
	})
}

// A handler that ignores its ctx holds Run, but not Stop, and its job is returned.
func TestStopDoesNotHang(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		m := memory(10)
		q := work.New(m, quiet())
		h := run(g, q, func(ctx context.Context, _ *work.Job[int]) error { return deaf(ctx, time.Hour) })
		enqueue(t, ctx, q, 3)
		must(t, braid.Sleep(ctx, time.Second))
		var left []work.Job[int]
		err := braid.Timeout(ctx, 5*time.Second, func(ctx context.Context) (err error) {
			left, err = q.Stop(ctx)
			return err
		})
		wantErr(t, err, braid.ErrTimeout)
		busy, ok := errors.AsType[*work.BusyError](err)
		if !ok || len(busy.Jobs) != 1 || busy.Jobs[0] != 1 || busy.Queue != "jobs" {
			t.Errorf("error: %v", err)
		}
		equal(t, "left", len(left), 3)
		equal(t, "ended", h.State().Ended(), false)
		must(t, h.Wait(ctx))
		equal(t, "lost", q.Statistics().Lost, 1)
		equal(t, "done", q.Statistics().Done, 0)
		accounted(t, m.Statistics())
		left, err = q.Stop(ctx)
		must(t, err)
		equal(t, "left", len(left), 0)
	})
}

// What a handler returns while it is interrupted decides about its job.
func TestStopInterrupts(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		m := memory(10)
		config := quiet()
		config.Workers = 5
		q := work.New(m, config)
		run(g, q, func(ctx context.Context, job *work.Job[int]) error {
			err := never(ctx, job)
			wantErr(t, err, braid.ErrShutdown)
			switch job.Payload {
			case 0:
				return nil // done
			case 1:
				return errDown // tried again
			case 2:
				return work.Permanent(errDown) // dead
			case 3:
				return fmt.Errorf("while it slept: %w", err) // interrupted
			default:
				return ctx.Err() // interrupted
			}
		})
		enqueue(t, ctx, q, 5)
		must(t, braid.Sleep(ctx, time.Second))
		left, err := q.Stop(ctx)
		must(t, err)
		attempts := make(map[int]int)
		for _, job := range left {
			attempts[job.Payload] = job.Attempts
		}
		equal(t, "left", fmt.Sprint(attempts), "map[1:1 3:0 4:0]")
		equal(t, "done", q.Statistics().Done, 1)
		equal(t, "dead", q.Statistics().Dead, 1)
		accounted(t, m.Statistics())
	})
}

// The end of Run's ctx leaves the jobs in the queue, for another Run or for Stop.
func TestRunIsCancelled(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		m := memory(10)
		q := work.New(m, quiet())
		h := run(g, q, never)
		enqueue(t, ctx, q, 3)
		must(t, braid.Sleep(ctx, time.Second))
		h.Cancel(errDown)
		wantErr(t, h.Wait(ctx), errDown)
		equal(t, "ready", m.Statistics().Ready, 3)
		equal(t, "released", q.Statistics().Released, 1)
		run(g, q, nothing)
		_, err := q.Drain(ctx, time.Minute)
		must(t, err)
		equal(t, "done", q.Statistics().Done, 3)
		accounted(t, m.Statistics())
	})
}

// A handler may end its own queue. It is interrupted by that, and its job is among those returned.
func TestHandlerStops(t *testing.T) {
	for name, end := range map[string]func(context.Context, *work.Queue[int]) ([]work.Job[int], error){
		"stop": func(ctx context.Context, q *work.Queue[int]) ([]work.Job[int], error) { return q.Stop(ctx) },
		"drain": func(ctx context.Context, q *work.Queue[int]) ([]work.Job[int], error) {
			return q.Drain(ctx, time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
				m := memory(10)
				q := work.New(m, quiet())
				var left []work.Job[int]
				var stopErr error
				enqueue(t, ctx, q, 3)
				h := run(g, q, func(ctx context.Context, _ *work.Job[int]) error {
					left, stopErr = end(ctx, q)
					return nil
				})
				must(t, h.Wait(ctx))
				equal(t, "left", len(left), 3)
				if busy, ok := errors.AsType[*work.BusyError](stopErr); !ok || len(busy.Jobs) != 1 {
					t.Errorf("error: %v", stopErr)
				}
				accounted(t, m.Statistics())
			})
		})
	}
}

// Two that end a queue at the same time share what is left.
func TestStopTwice(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		m := memory(100)
		q := work.New(m, quiet())
		run(g, q, func(ctx context.Context, _ *work.Job[int]) error { return deaf(ctx, 10*time.Second) })
		enqueue(t, ctx, q, 20)
		var left atomic.Int64
		var ends []*braid.Handle
		for i := range 4 {
			ends = append(ends, g.Go(func(ctx context.Context) error {
				_ = braid.Sleep(ctx, time.Duration(i)*time.Second)
				jobs, err := q.Drain(ctx, time.Duration(40-10*i)*time.Second) // the last ones end it first
				left.Add(int64(len(jobs)))
				return err
			}))
		}
		for _, h := range ends {
			must(t, h.Wait(ctx))
		}
		equal(t, "done and left", int64(q.Statistics().Done)+left.Load(), 20)
		accounted(t, m.Statistics())
	})
}
