package work_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/sim"
	"github.com/braid-go/braid/work"
)

// balanced is accounted as an invariant: it holds after each step.
func balanced(m *work.Memory[int]) func() error {
	return func() error {
		s := m.Statistics()
		if in, out := s.Enqueued+s.Replayed, s.Done+s.Buried+s.Returned+uint64(s.Ready+s.Blocked+s.Delayed+s.InHand); in != out {
			return fmt.Errorf("%d jobs came in, and %d are accounted for: %+v", in, out, s)
		}
		if dead := uint64(s.Dead) + s.Dropped + s.Replayed + s.Discarded; s.Buried != dead {
			return fmt.Errorf("%d jobs were buried, and %d dead letters are accounted for: %+v", s.Buried, dead, s)
		}
		if inside := s.Ready + s.Blocked + s.Delayed + s.InHand; inside > s.Capacity {
			return fmt.Errorf("%d jobs inside, and room for %d", inside, s.Capacity)
		}
		return nil
	}
}

// Whatever the schedule, however slow the machine, and whoever is cancelled: each job that Enqueue has taken is done, a dead letter, or returned,
// and who waits is told.
func TestSimShutdown(t *testing.T) {
	for name, opts := range map[string][]sim.Option{"plain": nil, "cancels": {sim.Cancels()}} {
		t.Run(name, func(t *testing.T) {
			sim.Test(t, func(s *sim.T) {
				m := work.NewMemory(work.MemoryConfig[int]{Name: "jobs", Capacity: 2, PerKey: 1})
				s.Invariant("nothing vanishes", balanced(m))
				told := uint64(0)
				q := work.New(m, work.Config[int]{
					Name: "jobs", Workers: 2, MaxAttempts: 2, Base: time.Second, Lease: 3 * time.Second, Timeout: 5 * time.Second,
					Rand: s.Rand().Float64, OnDead: func(work.DeadLetter[int]) { told++ },
				})
				taken := make(map[int]bool)
				ends := make(map[int]string) // a job that was revoked may have been run to its end all the same
				stopping := false
				handle := func(ctx context.Context, job *work.Job[int]) error {
					if stopping {
						s.Errorf("job %d was started after Stop", job.ID)
					}
					switch s.IntN(6) {
					case 0:
						return errDown
					case 1:
						return braid.Sleep(ctx, time.Duration(s.IntN(7))*time.Second)
					case 2:
						return braid.Sleep(context.WithoutCancel(ctx), time.Duration(s.IntN(9))*time.Second)
					case 3:
						if job.Attempts == 1 {
							runtime.Goexit()
						}
					}
					return braid.Yield(ctx)
				}
				end := func(job work.Job[int], how string) {
					if was := ends[job.Payload]; was != "" {
						s.Errorf("job %d is %s and %s", job.Payload, was, how)
					}
					ends[job.Payload] = how
				}
				collect := func(ctx context.Context) {
					for _, f := range []func(context.Context) ([]work.Job[int], error){
						func(ctx context.Context) ([]work.Job[int], error) {
							if s.IntN(2) == 0 {
								stopping = true
								return q.Stop(ctx)
							}
							return q.Drain(ctx, time.Duration(s.IntN(20))*time.Second)
						},
						func(context.Context) ([]work.Job[int], error) { return q.Stop(context.WithoutCancel(s.Context())) },
					} {
						left, err := f(ctx)
						if err != nil && !s.Injected() {
							s.Errorf("shutdown: %v", err)
						}
						if dead := m.Statistics().Buried; err == nil && told != dead && !s.Injected() {
							s.Errorf("%d dead letters, and the hook has been told of %d", dead, told)
						}
						for _, job := range left {
							end(job, "returned")
						}
					}
				}
				err := braid.Run(s.Context(), func(ctx context.Context, g *braid.Group) error {
					for i := range 2 {
						g.Go(func(ctx context.Context) error {
							for k := range 2 {
								r, err := q.Enqueue(ctx, 10*i+k, work.Key(fmt.Sprint(i)))
								if err == nil && !r.Duplicate {
									taken[10*i+k] = true
								}
								if err != nil && !errors.Is(err, braid.ErrShutdown) && !s.Injected() {
									s.Errorf("Enqueue: %v", err)
								}
							}
							return nil
						}, braid.Name("producer"))
					}
					g.Go(func(ctx context.Context) error { return q.Run(ctx, handle) }, braid.Name("consumer"))
					g.Go(func(ctx context.Context) error {
						_ = braid.Sleep(ctx, time.Duration(s.IntN(8))*time.Second)
						collect(context.WithoutCancel(ctx))
						return nil
					}, braid.Name("end"))
					return nil
				})
				if err != nil && !s.Injected() {
					s.Errorf("the scope failed: %v", err)
				}
				collect(context.WithoutCancel(s.Context())) // if the task that ends it was cancelled before it began
				for letter, err := range q.DeadLetters(context.WithoutCancel(s.Context())) {
					if err == nil {
						end(letter.Job, "dead")
					}
				}
				st := m.Statistics()
				if inside := st.Ready + st.Blocked + st.Delayed + st.InHand; inside > 0 {
					s.Errorf("%d jobs are inside: %+v", inside, st)
				}
				if n := int(st.Done) + len(ends); n != len(taken) && !s.Injected() || n < len(taken) {
					s.Errorf("%d jobs taken, %d done, the others: %v", len(taken), st.Done, ends)
				}
				if b := q.Statistics(); b.Workers > 0 {
					s.Errorf("workers are left: %+v", b)
				}
			}, opts...)
		})
	}
}

// Whatever the schedule, a job is in one hand at a time, as the leases see it, and it is not lost when they run out.
func TestSimLeases(t *testing.T) {
	sim.Test(t, func(s *sim.T) {
		m := work.NewMemory(work.MemoryConfig[int]{Capacity: 3})
		s.Invariant("nothing vanishes", balanced(m))
		acks := make(map[int]int)
		_ = braid.Run(s.Context(), func(ctx context.Context, g *braid.Group) error {
			for i := range 3 {
				if _, err := m.Enqueue(ctx, work.Job[int]{Payload: i}); err != nil {
					s.Errorf("Enqueue: %v", err)
				}
			}
			for range 2 {
				g.Go(func(ctx context.Context) error {
					for {
						d, err := m.Receive(ctx, 2*time.Second)
						if errors.Is(err, braid.ErrShutdown) {
							return nil
						}
						if err != nil {
							return err
						}
						_ = braid.Sleep(ctx, time.Duration(s.IntN(5))*time.Second)
						if s.IntN(2) == 0 {
							_, _ = m.Extend(ctx, d, time.Second)
						}
						switch o := (work.Outcome{Verdict: work.Verdict(s.IntN(4)), After: time.Second, Err: errDown}); {
						case o.Verdict == work.Bury, d.Job.Attempts > 3:
							if m.Settle(ctx, d, work.Outcome{}) == nil {
								acks[d.Job.Payload]++
							}
						case m.Settle(ctx, d, o) == nil && o.Verdict == work.Ack:
							acks[d.Job.Payload]++
						}
					}
				})
			}
			return m.Drain(ctx, braid.Time(ctx).Add(time.Hour))
		})
		left, err := m.Close(s.Context()) // if an hour has passed before they came to it
		if err != nil {
			s.Errorf("Close: %v", err)
		}
		for _, job := range left {
			acks[job.Payload]++
		}
		for i := range 3 {
			if acks[i] != 1 {
				s.Errorf("job %d was settled as done, or left, %d times", i, acks[i])
			}
		}
	})
}

// Whatever the schedule, two tasks that replay one dead letter make it one job.
func TestSimReplay(t *testing.T) {
	sim.Test(t, func(s *sim.T) {
		m := work.NewMemory(work.MemoryConfig[int]{Capacity: 1})
		s.Invariant("nothing vanishes", balanced(m))
		ctx := s.Context()
		_, err := m.Enqueue(ctx, work.Job[int]{})
		var d *work.Delivery[int]
		if err == nil {
			d, err = m.Receive(ctx, time.Hour)
		}
		if err == nil {
			err = m.Settle(ctx, d, work.Outcome{Verdict: work.Bury, Err: errDown})
		}
		if err == nil {
			_, err = m.Enqueue(ctx, work.Job[int]{}) // leaves no room
		}
		if err != nil {
			if !s.Injected() {
				s.Fatal(err)
			}
			return
		}
		replayed := 0
		_ = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			for range 2 {
				g.Go(func(ctx context.Context) error {
					switch err := m.Replay(ctx, d.Job.ID); {
					case err == nil:
						replayed++
					case !errors.Is(err, work.ErrNoSuchJob) && !s.Injected():
						s.Errorf("Replay: %v", err)
					}
					return nil
				})
			}
			g.Go(func(ctx context.Context) error {
				defer func() {
					if s.Injected() { // nobody makes room any more
						_, _ = m.Close(context.WithoutCancel(ctx))
					}
				}()
				for range 2 {
					d, err := m.Receive(ctx, time.Minute)
					if err != nil {
						return err
					}
					if err := m.Settle(ctx, d, work.Outcome{}); err != nil {
						return err
					}
				}
				return nil
			})
			return nil
		})
		if !s.Injected() {
			if _, err := m.Enqueue(ctx, work.Job[int]{}); err != nil && !s.Injected() { // there is room again
				s.Errorf("Enqueue: %v", err)
			}
		}
		if st := m.Statistics(); replayed > 1 || (replayed != 1 || st.Done != 2) && !s.Injected() {
			s.Errorf("replayed %d times: %+v", replayed, st)
		}
	}, sim.Sweep())
}

// Whatever the schedule, nobody puts a job into an engine that is closed, and those who wait are told.
func TestSimClose(t *testing.T) {
	sim.Test(t, func(s *sim.T) {
		m := work.NewMemory(work.MemoryConfig[int]{Capacity: 1})
		s.Invariant("nothing vanishes", balanced(m))
		taken, left := 0, 0
		err := braid.Run(s.Context(), func(ctx context.Context, g *braid.Group) error {
			for range 2 {
				g.Go(func(ctx context.Context) error {
					switch _, err := m.Enqueue(ctx, work.Job[int]{}); {
					case err == nil:
						taken++
					case !errors.Is(err, braid.ErrShutdown):
						return err
					}
					return nil
				}, braid.Name("enqueue"))
			}
			g.Go(func(ctx context.Context) error {
				d, err := m.Receive(ctx, time.Minute)
				if errors.Is(err, braid.ErrShutdown) {
					return nil
				}
				if err != nil {
					return err
				}
				_ = m.Settle(ctx, d, work.Outcome{Verdict: work.Bury, Err: errDown})
				return nil
			}, braid.Name("receive"))
			g.Go(func(ctx context.Context) error {
				jobs, err := m.Close(ctx)
				left += len(jobs)
				return err
			}, braid.Name("close"))
			return nil
		})
		if err != nil {
			s.Errorf("error: %v", err)
		}
		if st := m.Statistics(); taken != left+st.Dead || st.Ready+st.InHand > 0 {
			s.Errorf("%d taken, %d left: %+v", taken, left, st)
		}
	})
}
