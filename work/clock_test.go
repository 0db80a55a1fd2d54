package work_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/internal/sched"
	"github.com/braid-go/braid/internal/schedtest"
	"github.com/braid-go/braid/work"
)

// jumpy is a scheduler whose clock can be set.
type jumpy struct {
	*schedtest.Scheduler
	off time.Duration
}

func (j *jumpy) Now() time.Time { return j.Scheduler.Now().Add(j.off) }

// A jump of the clock loses no job and stops no queue, whatever the jobs are waiting for. Back, it makes them wait for as much longer.
func TestClockJumps(t *testing.T) {
	const day = 24 * time.Hour
	for name, far := range map[string]time.Duration{"back": -day, "forward": day, "a little back": -time.Second} {
		t.Run(name, func(t *testing.T) {
			braidtest.CheckLeaks(t)
			synctest.Test(t, func(t *testing.T) {
				s := schedtest.New(0)
				s.Run(t.Context(), func(ctx context.Context) {
					j := &jumpy{Scheduler: s}
					m := work.NewMemory(work.MemoryConfig[int]{Name: "jobs", Capacity: 10, PerKey: 1})
					config := quiet()
					config.Workers, config.Base = 2, time.Minute
					q := work.New(m, config)
					done := make(map[int]bool)
					err := braid.Run(sched.With(ctx, j), func(ctx context.Context, g *braid.Group) error {
						run(g, q, func(ctx context.Context, job *work.Job[int]) error {
							if job.Payload == 0 && job.Attempts == 1 {
								return errDown // and waits for its next attempt
							}
							err := braid.Sleep(ctx, time.Minute)
							done[job.Payload] = done[job.Payload] || err == nil
							return err
						})
						for i, opts := range [][]work.Option{nil, {work.After(time.Hour)}, {work.Key("k")}, {work.Key("k")}, {work.At(braid.Time(ctx).Add(2 * time.Hour))}, {work.Unique("u")}} {
							_, err := q.Enqueue(ctx, i, opts...)
							must(t, err)
						}
						must(t, braid.Sleep(ctx, 30*time.Second))
						j.off += far
						left, err := q.Drain(ctx, 3*day)
						must(t, err)
						equal(t, "left", len(left), 0)
						return nil
					})
					must(t, err)
					equal(t, "done", len(done), 6)
					accounted(t, m.Statistics())
				})
			})
		})
	}
}
