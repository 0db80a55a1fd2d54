package work_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/work"
)

// Many tasks on all processors enqueue, run, replay, discard and look, while handlers fail, panic, exit and are cancelled, and leases are lost.
// Nothing vanishes. Under the race detector this looks at the locking.
func TestStress(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	rounds := 20
	if testing.Short() {
		rounds = 4
	}
	for range rounds {
		m := work.NewMemory(work.MemoryConfig[int]{Capacity: 20, PerKey: 2, WindowMax: 5, DeadMax: 10})
		q := work.New(m, work.Config[int]{
			Workers: 3, MaxAttempts: 3, Base: time.Microsecond, Max: time.Microsecond, Lease: time.Millisecond, Timeout: time.Millisecond,
			OnDead: func(work.DeadLetter[int]) {},
		})
		var perKey [3]atomic.Int32
		handle := func(ctx context.Context, job *work.Job[int]) error {
			switch rand.IntN(12) {
			case 0:
				panic("boom")
			case 1:
				runtime.Goexit()
			case 2:
				return work.Permanent(errDown)
			case 3, 4:
				return errDown
			case 5:
				return braid.Yield(ctx)
			case 6:
				_ = job.Extend(ctx, 1)
				return new(braid.Event).Wait(ctx)
			}
			perKey[job.Payload%3].Add(1)
			return nil
		}
		var enqueued atomic.Int64
		must(t, braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
			for range 2 {
				h := g.Go(func(ctx context.Context) error { return q.Run(ctx, handle) })
				if rand.IntN(3) == 0 {
					g.Go(func(ctx context.Context) error {
						_ = braid.Yield(ctx)
						h.Cancel(errDown)
						return q.Run(ctx, handle)
					})
				}
			}
			var producers []*braid.Handle
			for p := range 4 {
				producers = append(producers, g.Go(func(ctx context.Context) error {
					for i := range 100 {
						opts := []work.Option{work.Key(fmt.Sprint(i % 3)), work.Priority(rand.IntN(3) - 1)}
						if i%10 == 0 {
							opts = append(opts, work.Unique(fmt.Sprint(rand.IntN(20))))
						}
						if i%7 == 0 {
							opts = append(opts, work.After(time.Duration(rand.IntN(100))*time.Microsecond))
						}
						r, err := q.Enqueue(ctx, p*100+i, opts...)
						if err != nil {
							return err
						}
						if !r.Duplicate {
							enqueued.Add(1)
						}
					}
					return nil
				}))
			}
			g.Go(func(ctx context.Context) error {
				for range 50 {
					for letter, err := range q.DeadLetters(ctx) {
						if err != nil {
							return err
						}
						if rand.IntN(2) == 0 {
							err = q.Discard(ctx, letter.Job.ID)
						} else {
							err = q.Replay(ctx, letter.Job.ID)
						}
						if err != nil && !errors.Is(err, work.ErrNoSuchJob) && !errors.Is(err, braid.ErrShutdown) {
							return err
						}
					}
					_ = m.Statistics()
					_ = q.Statistics()
					_ = braid.Yield(ctx)
				}
				return nil
			})
			for _, p := range producers {
				if err := p.Wait(ctx); err != nil {
					return err
				}
			}
			_, err := q.Drain(ctx, time.Minute)
			return err
		}))
		s := m.Statistics()
		accounted(t, s)
		equal(t, "enqueued", s.Enqueued, uint64(enqueued.Load()))
		equal(t, "inside", s.Ready+s.Blocked+s.Delayed+s.InHand+s.Enqueuing+s.Receiving, 0)
		equal(t, "left", s.Returned, 0)
	}
}
