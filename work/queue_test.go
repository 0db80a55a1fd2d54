package work_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
	"github.com/braid-go/braid/work"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	for part, c := range map[string]work.Config[int]{
		"Workers is 0":      {},
		"Workers is -1":     {Workers: -1},
		"MaxAttempts is -1": {Workers: 1, MaxAttempts: -1},
		"Base is -1ns":      {Workers: 1, Base: -1},
		"Max is -1ns":       {Workers: 1, Max: -1},
		"Lease is -1ns":     {Workers: 1, Lease: -1},
		"Lease is 1µs":      {Workers: 1, Lease: time.Microsecond},
		"Timeout is -1ns":   {Workers: 1, Timeout: -1},
	} {
		wantPanic(t, part, func() { work.New(memory(1), c) })
	}
	wantPanic(t, "engine", func() { work.New(nil, quiet()) })
	wantPanic(t, "option", func() { _, _ = work.New(memory(1), quiet()).Enqueue(t.Context(), 1, nil) })
	wantPanic(t, "handler", func() { _ = work.New(memory(1), quiet()).Run(t.Context(), nil) })
	for part, c := range map[string]work.MemoryConfig[int]{
		"Capacity is 0":   {},
		"Capacity is -1":  {Capacity: -1},
		"PerKey is -1":    {Capacity: 1, PerKey: -1},
		"Window is -1ns":  {Capacity: 1, Window: -1},
		"WindowMax is -1": {Capacity: 1, WindowMax: -1},
		"DeadMax is -1":   {Capacity: 1, DeadMax: -1},
		"both functions":  {Capacity: 1, Codec: &work.Codec[int]{}},
	} {
		wantPanic(t, part, func() { work.NewMemory(c) })
	}
}

func TestBadJobs(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, _ *braid.Group) {
		q := work.New(memory(1), quiet())
		for part, job := range map[string]work.Job[int]{"priority 5": {Priority: 5}, "negative": {Attempts: -1}} {
			if _, err := q.Put(ctx, job); err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("error: %v, want %s", err, part)
			}
		}
		if _, err := q.Enqueue(ctx, 1, work.Priority(-2)); err == nil {
			t.Error("a priority of -2 is taken")
		}
		wantErr(t, new(work.Job[int]).Extend(ctx, time.Second), work.ErrLeaseLost)
		if err := new(work.Job[int]).Extend(ctx, 0); err == nil || errors.Is(err, work.ErrLeaseLost) {
			t.Errorf("error: %v", err)
		}
		if _, err := memory(1).Receive(ctx, 0); err == nil {
			t.Error("a lease of 0 is taken")
		}
		m := memory(1)
		_, err := m.Extend(ctx, &work.Delivery[int]{}, time.Second)
		wantErr(t, err, work.ErrLeaseLost)
		wantErr(t, m.Settle(ctx, &work.Delivery[int]{Token: 17}, work.Outcome{}), work.ErrLeaseLost)
		equal(t, "statistics", m.Statistics(), work.MemoryStatistics{Capacity: 1})
	})
}

// A ctx that is done does nothing at all.
func TestDone(t *testing.T) {
	inBubble(t, func(t *testing.T, _ context.Context, _ *braid.Group) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errDown)
		m := memory(1)
		q := work.New(m, quiet())
		_, err := q.Enqueue(ctx, 1)
		wantErr(t, err, errDown)
		wantErr(t, q.Run(ctx, nothing), errDown)
		_, err = q.Drain(ctx, time.Second)
		wantErr(t, err, errDown)
		_, err = q.Enqueue(t.Context(), 1)
		must(t, err)
		left, err := q.Stop(ctx) // this one does all it can without waiting
		must(t, err)
		equal(t, "left", len(left), 1)
	})
}

// The waits grow, have full jitter, and obey what an error asks for, within Max.
func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		name string
		rand float64
		err  error
		want []time.Duration
	}{
		{"longest", 1, errDown, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second}},
		{"shortest", 0, errDown, []time.Duration{0, 0, 0, 0, 0}},
		{"half", 0.5, errDown, []time.Duration{time.Second / 2, time.Second, 2 * time.Second, 2500 * time.Millisecond}},
		{"a Rand beyond", 7, errDown, []time.Duration{time.Second, 2 * time.Second}},
		{"a Rand below", -7, errDown, []time.Duration{0, 0}},
		{"a Rand that is no number", math.NaN(), errDown, []time.Duration{0, 0}},
		{"asked", 0.5, resilience.After(errDown, 3*time.Second), []time.Duration{3500 * time.Millisecond, 4 * time.Second}},
		{"asked too much", 0.5, fmt.Errorf("wrapped: %w", errors.Join(errDown, resilience.After(errDown, time.Hour))), []time.Duration{5500 * time.Millisecond}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
				config := quiet()
				config.MaxAttempts, config.Max, config.Rand = len(c.want)+1, 5*time.Second, func() float64 { return c.rand }
				var waits []time.Duration
				config.OnRetry = func(job work.Job[int], wait time.Duration) {
					if !errors.Is(job.Err, errDown) {
						t.Errorf("OnRetry hears of %v", job.Err)
					}
					waits = append(waits, wait)
				}
				q := work.New(memory(1), config)
				var starts []time.Time
				run(g, q, func(ctx context.Context, job *work.Job[int]) error {
					starts = append(starts, braid.Time(ctx))
					return c.err
				})
				enqueue(t, ctx, q, 1)
				left, err := q.Drain(ctx, time.Hour)
				must(t, err)
				equal(t, "left", len(left), 0)
				equal(t, "attempts", len(starts), len(c.want)+1)
				for i, want := range c.want {
					equal(t, "the wait told", waits[i], want)
					equal(t, "the wait", starts[i+1].Sub(starts[i]), want)
				}
			})
		})
	}
}

// A handler that always fails makes no hot loop, whatever the number of its attempts.
func TestNackIsNoHotLoop(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		config := quiet()
		config.MaxAttempts, config.Rand = math.MaxInt, nil
		q := work.New(memory(1), config)
		var calls atomic.Int32
		run(g, q, func(context.Context, *work.Job[int]) error { calls.Add(1); return errDown })
		enqueue(t, ctx, q, 1)
		left, err := q.Drain(ctx, time.Hour)
		must(t, err)
		equal(t, "left", len(left), 1)
		if n := calls.Load(); n < 60 || n > 500 { // on average one each half minute
			t.Errorf("%d calls in an hour", n)
		}
	})
}

// What is permanent is not tried again, however it is said.
func TestPermanent(t *testing.T) {
	for name, err := range map[string]error{
		"marked": work.Permanent(errDown), "wrapped": fmt.Errorf("x: %w", work.Permanent(errDown)),
		"joined": errors.Join(errors.New("x"), work.Permanent(errDown)), "another's": foreign{},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
				var letters []work.DeadLetter[int]
				config := quiet()
				config.OnDead = func(l work.DeadLetter[int]) { letters = append(letters, l) }
				q := work.New(memory(1), config)
				run(g, q, func(context.Context, *work.Job[int]) error { return err })
				enqueue(t, ctx, q, 1)
				_, stopErr := q.Drain(ctx, time.Hour)
				must(t, stopErr)
				equal(t, "dead letters", len(letters), 1)
				equal(t, "attempts", letters[0].Job.Attempts, 1)
				if !errors.Is(err, letters[0].Err) {
					t.Errorf("the letter says %v", letters[0].Err)
				}
			})
		})
	}
	if work.Permanent(nil) != nil {
		t.Error("nil is permanent")
	}
}

type foreign struct{}

func (foreign) Error() string   { return "foreign" }
func (foreign) Permanent() bool { return true }

// A panic is kept with its stack, also one of a scope within the handler.
func TestPanic(t *testing.T) {
	for name, handle := range map[string]func(context.Context, *work.Job[int]) error{
		"plain": func(context.Context, *work.Job[int]) error { panic(errDown) },
		"in a scope": func(ctx context.Context, _ *work.Job[int]) error {
			return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(func(context.Context) error { panic(errDown) })
				return nil
			}, braid.PanicHook(func(*braid.PanicError) {}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
				config := quiet()
				config.MaxAttempts = 1
				q := work.New(memory(1), config)
				run(g, q, handle)
				enqueue(t, ctx, q, 1)
				_, err := q.Drain(ctx, time.Hour)
				must(t, err)
				for letter, err := range q.DeadLetters(ctx) {
					must(t, err)
					pe, ok := errors.AsType[*braid.PanicError](letter.Err)
					if !ok || pe.Value != any(errDown) || !strings.Contains(string(pe.Stack), "TestPanic") {
						t.Errorf("the letter says %v", letter.Err)
					}
				}
				equal(t, "dead", q.Statistics().Dead, 1)
			})
		})
	}
}

// Hooks that panic cost nobody anything.
func TestHooksPanic(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		config := quiet()
		config.MaxAttempts = 2
		called := 0
		config.OnRetry = func(work.Job[int], time.Duration) { called++; panic("on retry") }
		config.OnDead = func(work.DeadLetter[int]) { called++; panic("on dead") }
		m := work.NewMemory(work.MemoryConfig[int]{Capacity: 10, DeadMax: 1, OnDrop: func(work.DeadLetter[int]) { called++; panic("on drop") }})
		q := work.New(m, config)
		run(g, q, fail)
		enqueue(t, ctx, q, 2)
		_, err := q.Drain(ctx, time.Hour)
		must(t, err)
		equal(t, "calls", called, 5)
		accounted(t, m.Statistics())
	})
}

// What is wrong with an engine does not end Run, and makes no hot loop.
func TestEngineFails(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		config := quiet()
		config.Rand = nil
		var told []error
		config.OnError = func(err error) { told = append(told, err) }
		start := braid.Time(ctx)
		q := work.New(&broken{Engine: memory(1), receive: func() error {
			if braid.Time(ctx).Sub(start) < time.Hour {
				return errDown
			}
			return nil
		}}, config)
		run(g, q, nothing)
		enqueue(t, ctx, q, 1)
		_, err := q.Drain(ctx, 2*time.Hour)
		must(t, err)
		equal(t, "done", q.Statistics().Done, 1)
		if n := len(told); n < 60 || n > 500 || int(q.Statistics().EngineErrors) != n {
			t.Errorf("told %d times: %+v", n, q.Statistics())
		}
		wantErr(t, told[0], errDown)
	})
}

func TestEngineFailsForGood(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, _ *braid.Group) {
		q := work.New(&broken{Engine: memory(1), receive: func() error { return work.Permanent(errDown) }}, quiet())
		wantErr(t, q.Run(ctx, nothing), errDown)
		q = work.New(&broken{Engine: memory(1), receive: func() error { panic(errDown) }}, quiet())
		err := q.Run(ctx, nothing)
		if pe, ok := errors.AsType[*braid.PanicError](err); !ok || pe.Value != any(errDown) {
			t.Errorf("error: %v", err)
		}
	})
}

// A job whose end the engine does not hear of is run again.
func TestSettleFails(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		config := quiet()
		var told error
		config.OnError = func(err error) { told = err }
		calls := 0
		q := work.New(&broken{Engine: memory(1), settle: func() error {
			if calls == 1 {
				return errDown
			}
			return nil
		}}, config)
		run(g, q, func(context.Context, *work.Job[int]) error { calls++; return nil })
		enqueue(t, ctx, q, 1)
		left, err := q.Drain(ctx, time.Hour)
		must(t, err)
		equal(t, "left", len(left), 0)
		equal(t, "calls", calls, 2)
		equal(t, "done", q.Statistics().Done, 1)
		wantErr(t, told, errDown)
	})
}

// Several Runs share the jobs of one queue.
func TestRunsShare(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		config := quiet()
		config.Workers = 2
		q := work.New(memory(100), config)
		var busy, most atomic.Int32
		handle := func(ctx context.Context, _ *work.Job[int]) error {
			n := busy.Add(1)
			defer busy.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			return braid.Sleep(ctx, time.Second)
		}
		a, b := run(g, q, handle), run(g, q, handle)
		enqueue(t, ctx, q, 20)
		must(t, braid.Sleep(ctx, time.Millisecond))
		equal(t, "workers", q.Statistics().Workers, 4)
		equal(t, "busy", q.Statistics().Busy, 4)
		_, err := q.Drain(ctx, time.Hour)
		must(t, err)
		equal(t, "most at a time", most.Load(), 4)
		equal(t, "done", q.Statistics().Done, 20)
		must(t, a.Wait(ctx))
		must(t, b.Wait(ctx))
		must(t, q.Run(ctx, nothing)) // after the end: at once
	})
}

// Tasks have names, and what they wait on is said.
func TestNames(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		q := work.New(memory(10), quiet())
		var path string
		h := run(g, q, func(ctx context.Context, _ *work.Job[int]) error {
			path = braid.Current(ctx).Path()
			return nil
		})
		enqueue(t, ctx, q, 1)
		must(t, braid.Sleep(ctx, time.Second))
		waits := make(map[string]string)
		for _, task := range g.Unfinished() {
			waits[task.Path[strings.LastIndex(task.Path, "/")+1:]] = task.Waiting
		}
		equal(t, "the worker waits on", waits["worker"], "event.Wait jobs receive")
		equal(t, "the heartbeat waits on", waits["heartbeat"], "event.Wait jobs heartbeat")
		_, err := q.Stop(ctx)
		must(t, err)
		must(t, h.Wait(ctx))
		if !strings.HasSuffix(path, "/jobs/job") {
			t.Errorf("the path of a job is %s", path)
		}
	})
}
