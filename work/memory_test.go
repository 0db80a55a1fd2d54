package work_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/work"
)

// Ids are remembered within a bound, and those forgotten early are counted.
func TestWindowMax(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, _ *braid.Group) {
		m := work.NewMemory(work.MemoryConfig[int]{Capacity: 1000, WindowMax: 10})
		q := work.New(m, quiet())
		for i := range 30 {
			_, err := q.Enqueue(ctx, i, work.Unique(fmt.Sprint(i)))
			must(t, err)
		}
		for i, want := range map[int]bool{0: false, 29: true} {
			r, err := q.Enqueue(ctx, i, work.Unique(fmt.Sprint(i)))
			must(t, err)
			equal(t, fmt.Sprint("duplicate of ", i), r.Duplicate, want)
			if want {
				equal(t, "id", r.ID, uint64(i+1))
			}
		}
		s := m.Statistics()
		equal(t, "forgotten", s.Forgotten, 21)
		equal(t, "duplicates", s.Duplicates, 1)
		accounted(t, s)
	})
}

// Two Enqueues of one id that both wait for room: one is taken, the other gives its place on.
func TestUniqueWhileWaiting(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		m := memory(1)
		q := work.New(m, quiet())
		enqueue(t, ctx, q, 1)
		var taken, duplicates atomic.Int32
		for range 2 {
			g.Go(func(ctx context.Context) error {
				r, err := q.Enqueue(ctx, 1, work.Unique("u"))
				if r.Duplicate {
					duplicates.Add(1)
				} else {
					taken.Add(1)
				}
				return err
			})
		}
		must(t, braid.Sleep(ctx, time.Second))
		equal(t, "waiting", m.Statistics().Enqueuing, 2)
		run(g, q, nothing)
		must(t, braid.Sleep(ctx, time.Second))
		equal(t, "taken", taken.Load(), 1)
		equal(t, "duplicates", duplicates.Load(), 1)
		enqueue(t, ctx, q, 1) // there is room
		_, err := q.Drain(ctx, time.Hour)
		must(t, err)
		accounted(t, m.Statistics())
	})
}

// Dead letters are kept within a bound; those dropped are counted and given to somebody.
func TestDeadMax(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		var dropped []int
		m := work.NewMemory(work.MemoryConfig[int]{Capacity: 100, DeadMax: 3, OnDrop: func(l work.DeadLetter[int]) {
			dropped = append(dropped, l.Job.Payload)
		}})
		config := quiet()
		config.MaxAttempts = 1
		q := work.New(m, config)
		run(g, q, fail)
		enqueue(t, ctx, q, 5)
		_, err := q.Drain(ctx, time.Hour)
		must(t, err)
		equal(t, "dropped", fmt.Sprint(dropped), "[0 1]")
		s := m.Statistics()
		equal(t, "dead", s.Dead, 3)
		equal(t, "dropped", s.Dropped, 2)
		accounted(t, s)
		for letter, err := range q.DeadLetters(ctx) { // after the end, too
			must(t, err)
			must(t, q.Discard(ctx, letter.Job.ID))
		}
		wantErr(t, q.Discard(ctx, 1), work.ErrNoSuchJob)
		accounted(t, m.Statistics())
	})
}

// The loop over dead letters ends with its ctx.
func TestDeadLettersAreCancelled(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		config := quiet()
		config.MaxAttempts = 1
		q := work.New(memory(10), config)
		run(g, q, fail)
		enqueue(t, ctx, q, 5)
		_, err := q.Drain(ctx, time.Minute)
		must(t, err)
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		n := 0
		for _, err := range q.DeadLetters(ctx) {
			if n++; n == 3 {
				wantErr(t, err, errDown)
			} else {
				must(t, err)
			}
			if n == 2 {
				cancel(errDown)
			}
		}
		equal(t, "rounds", n, 3)
	})
}

type pointed struct{ N *int }

// Without a codec all attempts see the very value; with one each has its own, as with an engine elsewhere.
func TestStrict(t *testing.T) {
	for name, c := range map[string]struct {
		codec *work.Codec[pointed]
		want  int
	}{"shared": {nil, 3}, "strict": {work.JSON[pointed](), 1}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
				q := work.New(work.NewMemory(work.MemoryConfig[pointed]{Capacity: 1, Codec: c.codec}), work.Config[pointed]{Workers: 1, MaxAttempts: 3, OnDead: func(work.DeadLetter[pointed]) {}})
				n, last := 0, 0
				g.Go(func(ctx context.Context) error {
					return q.Run(ctx, func(_ context.Context, job *work.Job[pointed]) error {
						*job.Payload.N++
						last = *job.Payload.N
						return errDown
					})
				})
				_, err := q.Enqueue(ctx, pointed{&n})
				must(t, err)
				_, err = q.Drain(ctx, time.Hour)
				must(t, err)
				equal(t, "the last attempt has", last, c.want)
			})
		})
	}
}

// A payload that cannot be encoded is the caller's error; one that cannot be decoded is a dead letter, and not run.
func TestCodecFails(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		decode := func(data []byte) (n int, err error) {
			switch err = json.Unmarshal(data, &n); n {
			case 1:
				return 0, errDown
			case 2:
				panic("boom")
			}
			return n, err
		}
		m := work.NewMemory(work.MemoryConfig[int]{Capacity: 10, Codec: &work.Codec[int]{
			Encode: func(n int) ([]byte, error) {
				if n == 4 {
					return nil, errDown
				}
				return json.Marshal(n)
			},
			Decode: decode,
		}})
		q := work.New(m, quiet())
		_, err := q.Enqueue(ctx, 4)
		wantErr(t, err, errDown)
		run(g, q, func(_ context.Context, job *work.Job[int]) error {
			if job.Payload != 0 && job.Payload != 3 {
				t.Errorf("run with %d", job.Payload)
			}
			return nil
		})
		enqueue(t, ctx, q, 4)
		_, err = q.Drain(ctx, time.Hour)
		must(t, err)
		equal(t, "done", q.Statistics().Done, 2)
		equal(t, "dead", q.Statistics().Dead, 2)
		n := 0
		for letter, err := range q.DeadLetters(ctx) {
			n++
			if err == nil || !strings.Contains(letter.Err.Error(), "decoded") || letter.Job.ID == 0 {
				t.Errorf("%+v, %v", letter, err)
			}
		}
		equal(t, "letters", n, 2)
		accounted(t, m.Statistics())
	})
}

// What Close cannot decode it says, and returns all the rest.
func TestCloseWithBadCodec(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, _ *braid.Group) {
		m := work.NewMemory(work.MemoryConfig[int]{Capacity: 10, Codec: &work.Codec[int]{
			Encode: func(n int) ([]byte, error) { return json.Marshal(n) },
			Decode: func(data []byte) (int, error) { return 7, errors.New("no") },
		}})
		q := work.New(m, quiet())
		enqueue(t, ctx, q, 2)
		left, err := q.Stop(ctx)
		equal(t, "left", len(left), 2)
		if err == nil || !strings.Contains(err.Error(), "job 1") {
			t.Errorf("error: %v", err)
		}
	})
}

// Jobs of one key take turns, whatever the others do, and nothing is kept for a key that has no jobs.
func TestKeys(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		m := work.NewMemory(work.MemoryConfig[int]{Capacity: 1000, PerKey: 1})
		config := quiet()
		config.Workers, config.MaxAttempts = 10, 2
		q := work.New(m, config)
		var mu sync.Mutex // never held across a wait
		running := make(map[string]bool)
		order := make(map[string][]int)
		start := braid.Time(ctx)
		var others time.Duration
		run(g, q, func(ctx context.Context, job *work.Job[int]) error {
			mu.Lock()
			defer mu.Unlock()
			if job.Key == "" {
				others = braid.Time(ctx).Sub(start)
				return nil
			}
			if running[job.Key] {
				t.Errorf("two jobs of %s at a time", job.Key)
			}
			running[job.Key] = true
			order[job.Key] = append(order[job.Key], job.Payload)
			mu.Unlock()
			_ = braid.Sleep(ctx, time.Second)
			mu.Lock()
			running[job.Key] = false
			return nil
		})
		for i := range 20 {
			enqueue(t, ctx, q, 1)
			for _, key := range []string{"a", "b", "c"} {
				_, err := q.Enqueue(ctx, i, work.Key(key))
				must(t, err)
			}
		}
		must(t, braid.Sleep(ctx, time.Millisecond))
		equal(t, "blocked", m.Statistics().Blocked, 57)
		accounted(t, m.Statistics())
		_, err := q.Drain(ctx, time.Hour)
		must(t, err)
		equal(t, "others were kept waiting for", others, 0)
		for key, list := range order {
			for i, n := range list {
				equal(t, "order of "+key, n, i)
			}
			equal(t, "jobs of "+key, len(list), 20)
		}
		accounted(t, m.Statistics())
	})
}

// Jobs of one key take turns in the order of their arrival, whatever comes later, however important it is.
func TestKeysKeepTheirOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		m := work.NewMemory(work.MemoryConfig[int]{Capacity: 1000, PerKey: 1})
		config := quiet()
		config.Workers = 2
		q := work.New(m, config)
		var order []int // there is one job of the key at a time
		h := run(g, q, func(ctx context.Context, job *work.Job[int]) error {
			if job.Key == "" {
				return braid.Sleep(ctx, 1500*time.Millisecond)
			}
			order = append(order, job.Payload)
			return braid.Sleep(ctx, time.Second)
		})
		enqueue(t, ctx, q, 3, work.Key("k"))
		enqueue(t, ctx, q, 1) // keeps the other worker
		must(t, braid.Sleep(ctx, 500*time.Millisecond))
		equal(t, "blocked", m.Statistics().Blocked, 2)
		_, err := q.Enqueue(ctx, 3, work.Key("k"), work.High)
		must(t, err)
		_, err = q.Drain(ctx, time.Hour)
		must(t, err)
		must(t, h.Wait(ctx))
		equal(t, "order", fmt.Sprint(order), "[0 1 2 3]")
	})
}

// A queue without bound takes what it is given.
func TestUnbounded(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, _ *braid.Group) {
		q := work.New(memory(braid.Unbounded), quiet())
		enqueue(t, ctx, q, 10_000)
		left, err := q.Stop(ctx)
		must(t, err)
		equal(t, "left", len(left), 10_000)
	})
}

// Receives that wait do not all have a timer and are not all woken by one job.
func TestReceiversWait(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, g *braid.Group) {
		m := memory(100)
		config := quiet()
		config.Workers = 5
		q := work.New(m, config)
		run(g, q, nothing)
		start := braid.Time(ctx)
		for i := range 10 {
			enqueue(t, ctx, q, 1, work.After(time.Duration(10-i)*time.Minute))
		}
		must(t, braid.Sleep(ctx, time.Second))
		equal(t, "waiting", m.Statistics().Receiving, 5)
		for range 10 {
			must(t, braid.Sleep(ctx, time.Minute))
		}
		equal(t, "done", q.Statistics().Done, 10)
		equal(t, "it took", braid.Time(ctx).Sub(start), 10*time.Minute+time.Second)
		_, err := q.Stop(ctx)
		must(t, err)
	})
}

func TestStrings(t *testing.T) {
	t.Parallel()
	for got, want := range map[fmt.Stringer]string{
		work.Low: "low", work.Normal: "normal", work.High: "high", work.Priority(9): "Priority(9)",
		work.Ack: "ack", work.Retry: "retry", work.Bury: "bury", work.Release: "release", work.Verdict(9): "unknown",
	} {
		equal(t, "text", got.String(), want)
	}
	equal(t, "text", (&work.ExhaustedError{Attempts: 3, Last: errDown}).Error(), "work: the lease has run out in the last of 3 attempts (before that: down)")
	wantErr(t, &work.ExhaustedError{}, work.ErrLeaseLost)
	equal(t, "text", (&work.BusyError{Queue: "mail", Jobs: []uint64{1, 2}, Err: errDown}).Error(),
		"work: queue mail is shut down, but 2 handlers have not ended (jobs [1 2]): down")
}
