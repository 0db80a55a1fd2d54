package work_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/work"
)

// deaf ignores its ctx for as long as d.
func deaf(ctx context.Context, d time.Duration) error {
	return braid.Sleep(context.WithoutCancel(ctx), d)
}

// A handler over its time limit has failed; its error says so, and what it was doing.
func TestTimeout(t *testing.T) {
	for name, c := range map[string]struct {
		handle func(context.Context, *work.Job[int]) error
		text   string
	}{
		"bare": {never, "job did not end within 5s"},
		"wrapped": {func(ctx context.Context, j *work.Job[int]) error {
			return errors.Join(never(ctx, j))
		}, ""},
		"its own error": {func(ctx context.Context, j *work.Job[int]) error {
			_ = never(ctx, j)
			return errDown
		}, "down"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
				config := quiet()
				config.Timeout, config.MaxAttempts = 5*time.Second, 2
				var letter work.DeadLetter[int]
				config.OnDead = func(l work.DeadLetter[int]) { letter = l }
				q := work.New(memory(1), config)
				run(g, q, c.handle)
				start := braid.Time(ctx)
				enqueue(t, ctx, q, 1)
				_, err := q.Drain(ctx, time.Hour)
				must(t, err)
				equal(t, "it took", braid.Time(ctx).Sub(start), 11*time.Second) // two attempts and a wait
				if letter.Err == nil {
					t.Fatal("no dead letter")
				}
				if name == "its own error" {
					equal(t, "text", letter.Err.Error(), c.text)
				} else {
					wantErr(t, letter.Err, braid.ErrTimeout)
				}
				t.Log(letter.Err)
			})
		})
	}
}

// A handler that succeeds although its time is over has succeeded.
func TestTimeoutLost(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		config := quiet()
		config.Timeout = 5 * time.Second
		q := work.New(memory(1), config)
		run(g, q, func(ctx context.Context, _ *work.Job[int]) error { return deaf(ctx, 6*time.Second) })
		enqueue(t, ctx, q, 1)
		_, err := q.Drain(ctx, time.Hour)
		must(t, err)
		equal(t, "done", q.Statistics().Done, 1)
	})
}

// A handler that hangs and ignores its ctx keeps its worker, but not its job: that is run by another one.
func TestHangs(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		config := quiet()
		config.Timeout, config.Workers = 5*time.Second, 2
		m := memory(10)
		q := work.New(m, config)
		var release braid.Event
		var cause error
		run(g, q, func(ctx context.Context, job *work.Job[int]) error {
			if job.Attempts == 1 {
				must(t, release.Wait(context.WithoutCancel(ctx)))
				cause = context.Cause(ctx)
			}
			return nil
		})
		enqueue(t, ctx, q, 1)
		must(t, braid.Sleep(ctx, 6*time.Second))
		s := q.Statistics()
		equal(t, "busy", s.Busy, 1)
		equal(t, "overdue", s.Overdue, 1)
		must(t, braid.Sleep(ctx, work.DefaultLease))
		equal(t, "done", q.Statistics().Done, 1)
		equal(t, "busy", q.Statistics().Busy, 1)
		release.Set()
		must(t, braid.Sleep(ctx, time.Second))
		equal(t, "lost", q.Statistics().Lost, 1) // it succeeded, too late
		equal(t, "done", q.Statistics().Done, 1)
		wantErr(t, cause, braid.ErrTimeout)
		_, err := q.Stop(ctx)
		must(t, err)
		equal(t, "expired", m.Statistics().Expired, 1)
		accounted(t, m.Statistics())
	})
}

// A lease that cannot be extended for a while is tried again, and lost only when it runs out.
func TestExtendFails(t *testing.T) {
	for name, down := range map[string]time.Duration{"for a while": 20 * time.Second, "for too long": time.Minute} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
				start := braid.Time(ctx)
				engine := &broken{Engine: memory(1), extend: func() error {
					if braid.Time(ctx).Sub(start) < down {
						return errDown
					}
					return nil
				}}
				config := quiet()
				var told atomic.Int32
				config.OnError = func(err error) {
					wantErr(t, err, errDown)
					told.Add(1)
				}
				q := work.New(engine, config)
				var causes []error
				run(g, q, func(ctx context.Context, job *work.Job[int]) error {
					if job.Attempts > 1 {
						return nil
					}
					err := braid.Sleep(ctx, 2*time.Minute)
					causes = append(causes, err)
					return err
				})
				enqueue(t, ctx, q, 1)
				_, err := q.Drain(ctx, time.Hour)
				must(t, err)
				equal(t, "done", q.Statistics().Done, 1)
				equal(t, "attempts that ended", len(causes), 1)
				if name == "for a while" {
					must(t, causes[0])
				} else {
					wantErr(t, causes[0], work.ErrLeaseLost)
				}
				if n := told.Load(); n < 2 || n > 12 {
					t.Errorf("told %d times", n)
				}
			})
		})
	}
}

// An engine that does not answer for one job does not cost the others their leases.
func TestExtendHangs(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		m := memory(10)
		config := quiet()
		config.Workers, config.Timeout = 4, 6*time.Minute
		q := work.New(&slow{Engine: m}, config)
		run(g, q, func(ctx context.Context, job *work.Job[int]) error { return braid.Sleep(ctx, 5*time.Minute) })
		enqueue(t, ctx, q, 3)
		must(t, braid.Sleep(ctx, 15*time.Second)) // it hangs
		enqueue(t, ctx, q, 1)
		_, err := q.Drain(ctx, time.Hour)
		must(t, err)
		equal(t, "done", q.Statistics().Done, 4)
		equal(t, "expired", m.Statistics().Expired, 0)
		equal(t, "errors", q.Statistics().EngineErrors, 1)
	})
}

// slow is an engine that does not answer the first Extend of the first job.
type slow struct {
	work.Engine[int]

	hung atomic.Bool
}

func (s *slow) Extend(ctx context.Context, d *work.Delivery[int], lease time.Duration) (time.Time, error) {
	if d.Job.ID == 1 && s.hung.CompareAndSwap(false, true) {
		return time.Time{}, new(braid.Event).Wait(ctx)
	}
	return s.Engine.Extend(ctx, d, lease)
}

// Extend can make a lease shorter, and the heartbeat hears of it.
func TestExtendShorter(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		config := quiet()
		config.ManualLease = true
		q := work.New(memory(1), config)
		run(g, q, func(ctx context.Context, job *work.Job[int]) error {
			if job.Attempts > 1 {
				return nil
			}
			must(t, job.Extend(ctx, time.Second))
			start := braid.Time(ctx)
			err := never(ctx, job)
			equal(t, "it lasted", braid.Time(ctx).Sub(start), time.Second)
			wantErr(t, err, work.ErrLeaseLost)
			wantErr(t, job.Extend(context.WithoutCancel(ctx), time.Second), nil) // nobody else has it yet
			return err
		})
		enqueue(t, ctx, q, 1)
		_, err := q.Drain(ctx, time.Hour)
		must(t, err)
		equal(t, "done", q.Statistics().Done, 1)
	})
}

// Once the attempt has ended, its job cannot be extended any more.
func TestExtendLate(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		q := work.New(memory(1), quiet())
		var kept *work.Job[int]
		run(g, q, func(_ context.Context, job *work.Job[int]) error { kept = job; return nil })
		enqueue(t, ctx, q, 1)
		_, err := q.Drain(ctx, time.Hour)
		must(t, err)
		wantErr(t, kept.Extend(ctx, time.Second), work.ErrLeaseLost)
	})
}

// An engine may have shorter leases than the queue asks for. They are extended in time, and not all the time.
func TestShortLeases(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		m := memory(10)
		engine := &short{Engine: m}
		q := work.New(engine, quiet())
		run(g, q, func(ctx context.Context, _ *work.Job[int]) error { return braid.Sleep(ctx, time.Minute) })
		enqueue(t, ctx, q, 1)
		_, err := q.Drain(ctx, time.Hour)
		must(t, err)
		equal(t, "done", q.Statistics().Done, 1)
		equal(t, "expired", m.Statistics().Expired, 0)
		if n := engine.n.Load(); n < 50 || n > 70 {
			t.Errorf("extended %d times", n)
		}
	})
}

// short is an engine whose leases last for three seconds.
type short struct {
	work.Engine[int]

	n atomic.Int32
}

func (s *short) Receive(ctx context.Context, _ time.Duration) (*work.Delivery[int], error) {
	return s.Engine.Receive(ctx, 3*time.Second)
}

func (s *short) Extend(ctx context.Context, d *work.Delivery[int], _ time.Duration) (time.Time, error) {
	s.n.Add(1)
	return s.Engine.Extend(ctx, d, 3*time.Second)
}
