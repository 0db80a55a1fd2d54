package sim_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/loop"
	"github.com/braid-go/braid/sim"
)

// busy is a program of tasks that do a bit of everything, and write down the order in which they do it.
func busy(ctx context.Context, order *[]string) error {
	note := func(format string, args ...any) { *order = append(*order, fmt.Sprintf(format, args...)) }
	q := braid.NewQueue[int](1)
	var m braid.Mutex
	return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		for i := range 3 {
			g.Go(func(ctx context.Context) error {
				note("put %d", i)
				if err := q.Put(ctx, i); err != nil {
					return err
				}
				note("has put %d", i)
				if err := braid.Sleep(ctx, time.Duration(3-i)*time.Second); err != nil {
					return err
				}
				note("slept %d", i)
				return nil
			})
		}
		g.Go(func(ctx context.Context) error {
			for range 3 {
				v, err := q.Get(ctx)
				if err != nil {
					return err
				}
				note("got %d", v)
				if err := braid.Yield(ctx); err != nil {
					return err
				}
			}
			return nil
		})
		for i := range 2 {
			g.Go(func(ctx context.Context) error {
				if err := m.Lock(ctx); err != nil {
					return err
				}
				defer m.Unlock()
				note("locked by %d", i)
				err := braid.Timeout(ctx, 90*time.Minute, func(ctx context.Context) error { return braid.Sleep(ctx, time.Hour) })
				note("unlocked by %d", i)
				return err
			})
		}
		return braid.Yield(ctx)
	})
}

// The canonical schedule is what the event loop does, step by step.
func TestCanonicalScheduleIsTheLoops(t *testing.T) {
	var want []string
	synctest.Test(t, func(t *testing.T) {
		err := loop.Run(t.Context(), func(ctx context.Context, _ *braid.Group) error { return busy(ctx, &want) })
		if err != nil {
			t.Error(err)
		}
	})
	for _, sem := range []sim.Semantics{sim.Loop, sim.Parallel} {
		var got []string
		passes(t, func(s *sim.T) {
			if err := busy(s.Context(), &got); err != nil {
				s.Error(err)
			}
		}, sem, sim.Schedules(1), sim.Workers(1))
		if !slices.Equal(got, want) {
			t.Errorf("%v:\n%q\nthe loop:\n%q", sem, got, want)
		}
	}
}
