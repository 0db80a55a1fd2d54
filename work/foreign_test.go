package work_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
	"github.com/braid-go/braid/work"
)

// wrapping is an error that a program returns as a nil pointer by mistake: all of its methods panic then.
type wrapping struct{ err error }

func (e *wrapping) Error() string { return e.err.Error() }
func (e *wrapping) Unwrap() error { return e.err }

type rude struct{}

func (rude) Error() string   { return "rude" }
func (rude) Permanent() bool { panic("boom") }

type leaving struct{}

func (leaving) Error() string             { return "leaving" }
func (leaving) RetryAfter() time.Duration { runtime.Goexit(); return 0 }

// An error whose methods panic is the failure of its job, and of nothing else.
func TestBadErrors(t *testing.T) {
	for name, bad := range map[string]error{"nil pointer": (*wrapping)(nil), "panics": rude{}, "exits": leaving{}, "joined": errors.Join(errDown, (*wrapping)(nil))} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
				m := memory(10)
				config := quiet()
				config.MaxAttempts = 2
				q := work.New(m, config)
				run(g, q, func(_ context.Context, job *work.Job[int]) error {
					if job.Payload == 0 {
						return bad
					}
					return nil
				})
				enqueue(t, ctx, q, 3)
				_, err := q.Drain(ctx, time.Hour)
				must(t, err)
				equal(t, "done", q.Statistics().Done, 2)
				equal(t, "dead", q.Statistics().Dead, 1)
				accounted(t, m.Statistics())
			})
		})
	}
}

// What a handler does to its job changes nothing about its attempts.
func TestHandlerChangesJob(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		m := memory(10)
		config := quiet()
		config.MaxAttempts = 3
		var dead []uint64
		config.OnDead = func(l work.DeadLetter[int]) {
			dead = append(dead, l.Job.ID, uint64(l.Job.Attempts), uint64(l.Job.Payload))
		}
		q := work.New(m, config)
		runs := 0
		run(g, q, func(_ context.Context, job *work.Job[int]) error {
			if runs++; runs > 10 {
				t.Error("runs for ever")
				return nil
			}
			*job = work.Job[int]{}
			return errDown
		})
		_, err := q.Enqueue(ctx, 17)
		must(t, err)
		_, err = q.Drain(ctx, time.Hour)
		must(t, err)
		equal(t, "runs", runs, 3)
		equal(t, "dead", fmt.Sprint(dead), "[1 3 17]")
	})
}

// Times that are too long for the clock are no end of time.
func TestLongTimes(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		m := memory(10)
		config := quiet()
		config.Lease, config.Timeout, config.Base, config.Max = math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64
		q := work.New(m, config)
		run(g, q, func(_ context.Context, job *work.Job[int]) error {
			if job.Payload == 0 {
				return nil
			}
			return resilience.After(errDown, math.MaxInt64)
		})
		enqueue(t, ctx, q, 3)
		_, err := q.Enqueue(ctx, 0, work.After(math.MaxInt64))
		must(t, err)
		_, err = q.Enqueue(ctx, 0, work.At(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)))
		must(t, err)
		_, err = q.Enqueue(ctx, 0, work.After(math.MinInt64))
		must(t, err)
		must(t, braid.Sleep(ctx, time.Hour))
		equal(t, "done", q.Statistics().Done, 2)
		s := m.Statistics()
		equal(t, "delayed", s.Delayed, 4)
		ctx, cancel := context.WithTimeout(ctx, time.Hour)
		defer cancel()
		left, err := q.Drain(ctx, math.MaxInt64)
		equal(t, "left", len(left), 4)
		must(t, err)
	})
}

// Hooks that end their goroutine end nothing else.
func TestHooksExit(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		m := work.NewMemory(work.MemoryConfig[int]{Capacity: 10, DeadMax: 1, OnDrop: func(work.DeadLetter[int]) { runtime.Goexit() }})
		config := quiet()
		config.MaxAttempts = 2
		config.OnDead = func(work.DeadLetter[int]) { runtime.Goexit() }
		config.OnRetry = func(work.Job[int], time.Duration) { runtime.Goexit() }
		q := work.New(m, config)
		run(g, q, fail)
		enqueue(t, ctx, q, 4)
		_, err := q.Drain(ctx, time.Hour)
		must(t, err)
		equal(t, "buried", m.Statistics().Buried, 4)
		accounted(t, m.Statistics())
	})
}

// The codec is not called with the memory locked: it may ask for statistics, say.
func TestCodecMayAsk(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		var m *work.Memory[int]
		m = work.NewMemory(work.MemoryConfig[int]{Capacity: 10, DeadMax: 1, OnDrop: func(work.DeadLetter[int]) { m.Statistics() }, Codec: &work.Codec[int]{
			Encode: func(n int) ([]byte, error) { m.Statistics(); return json.Marshal(n) },
			Decode: func(data []byte) (n int, err error) { m.Statistics(); return n, json.Unmarshal(data, &n) },
		}})
		config := quiet()
		config.MaxAttempts = 1
		q := work.New(m, config)
		run(g, q, fail)
		enqueue(t, ctx, q, 3)
		_, err := q.Drain(ctx, time.Hour)
		must(t, err)
		for _, err := range q.DeadLetters(ctx) {
			must(t, err)
		}
	})
}

// The mark of package resilience counts here, too.
func TestResiliencePermanent(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		q := work.New(memory(10), quiet())
		run(g, q, func(context.Context, *work.Job[int]) error { return resilience.Permanent(errDown) })
		enqueue(t, ctx, q, 1)
		_, err := q.Drain(ctx, time.Hour)
		must(t, err)
		equal(t, "dead", q.Statistics().Dead, 1)
		equal(t, "retried", q.Statistics().Retried, 0)
	})
}

// The time limit of an attempt is none that a ctx tells of, as the documentation says.
func TestTimeoutIsNoDeadline(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		config := quiet()
		config.Timeout = time.Minute
		q := work.New(memory(1), config)
		run(g, q, func(ctx context.Context, _ *work.Job[int]) error {
			if at, ok := ctx.Deadline(); ok {
				t.Errorf("the ctx has the deadline %v", at)
			}
			return nil
		})
		enqueue(t, ctx, q, 1)
		_, err := q.Drain(ctx, time.Hour)
		must(t, err)
	})
}

// Whoever cancels a job, such as an operator with a tool, or the handler itself, makes its attempt one that has failed.
// It does not go back as if nothing had happened: it would be run again at once, for ever.
func TestJobIsCancelled(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		m := memory(10)
		config := quiet()
		config.MaxAttempts = 3
		var letters []work.DeadLetter[int]
		config.OnDead = func(l work.DeadLetter[int]) { letters = append(letters, l) }
		q := work.New(m, config)
		runs := 0
		run(g, q, func(ctx context.Context, _ *work.Job[int]) error {
			if runs++; runs > 10 {
				t.Error("runs for ever")
				return nil
			}
			braid.Current(ctx).Cancel(errDown)
			return ctx.Err()
		})
		enqueue(t, ctx, q, 1)
		_, err := q.Drain(ctx, time.Hour)
		must(t, err)
		equal(t, "runs", runs, 3)
		equal(t, "letters", len(letters), 1)
		wantErr(t, letters[0].Err, errDown)
		accounted(t, m.Statistics())
	})
}
