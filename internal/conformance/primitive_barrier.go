package conformance

import (
	"context"
	"errors"
	"testing"

	"github.com/braid-go/braid"
)

// arrive is a call that waits at b and checks its place if it succeeds.
func arrive(t *testing.T, g *braid.Group, b *braid.Barrier, place int) *call {
	return begin(g, func(ctx context.Context) error {
		i, err := b.Wait(ctx)
		if err == nil {
			want(t, "the place of an arrival", i, place)
		} else {
			want(t, "the place of an arrival that failed", i, 0)
		}
		return err
	})
}

// arrivals makes n tasks wait at b, one after another.
func arrivals(t *testing.T, ctx context.Context, g *braid.Group, b *braid.Barrier, n int) []*call {
	t.Helper()
	var all []*call
	for i := range n {
		all = append(all, arrive(t, g, b, i))
		until(t, ctx, "one more has arrived", func() bool { return b.Statistics().Waiting == i+1 })
	}
	return all
}

var barrierCases = []testCase{
	{"Barrier: lets all go when the last arrives, says who came when, and is ready for the next round", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			b := braid.NewBarrier(4)
			want(t, "new", b.Statistics(), braid.BarrierStatistics{Parties: 4})
			for range 3 {
				calls := arrivals(t, ctx, g, b, 3)
				want(t, "one is missing", b.Statistics(), braid.BarrierStatistics{Parties: 4, Waiting: 3})
				i, err := b.Wait(ctx)
				ok(t, err)
				want(t, "the place of the last", i, 3)
				for _, c := range calls {
					c.succeeds(t, ctx, "an arrival")
				}
				want(t, "after the round", b.Statistics(), braid.BarrierStatistics{Parties: 4})
			}
			one := braid.NewBarrier(1)
			i, err := one.Wait(ctx)
			ok(t, err)
			want(t, "the place of the only one", i, 0)
		})
	}},
	{"Barrier: a new round may fill before those of the last one have run", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			b := braid.NewBarrier(2)
			first := arrivals(t, ctx, g, b, 1)
			_, err := b.Wait(ctx)
			ok(t, err)
			second := arrive(t, g, b, 0)
			first[0].succeeds(t, ctx, "the first round")
			until(t, ctx, "the second round has begun", func() bool { return b.Statistics().Waiting == 1 })
			_, err = b.Wait(ctx)
			ok(t, err)
			second.succeeds(t, ctx, "the second round")
		})
	}},
	{"Barrier: a cancelled arrival breaks it for all, until Reset", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			b := braid.NewBarrier(4)
			calls := arrivals(t, ctx, g, b, 3)
			calls[1].h.Cancel(errStop)
			calls[1].fails(t, ctx, "the cancelled arrival", errStop)
			calls[0].fails(t, ctx, "the one before it", braid.ErrBarrierBroken)
			calls[2].fails(t, ctx, "the one after it", braid.ErrBarrierBroken)
			want(t, "broken", b.Statistics(), braid.BarrierStatistics{Parties: 4, Broken: true})
			want(t, "Broken", b.Broken(), true)
			_, err := b.Wait(ctx)
			want(t, "a later arrival", err, braid.ErrBarrierBroken)
			b.Reset()
			want(t, "reset", b.Statistics(), braid.BarrierStatistics{Parties: 4})
			calls = arrivals(t, ctx, g, b, 3)
			_, err = b.Wait(ctx)
			ok(t, err)
			for _, c := range calls {
				c.succeeds(t, ctx, "an arrival after Reset")
			}
		})
	}},
	{"Barrier: a timeout breaks it, in a plain goroutine too", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			b := braid.NewBarrier(3)
			for d := aMoment; !b.Broken() && d < long; d *= 2 { // one that is over before Wait is called breaks nothing
				c := begin(g, func(ctx context.Context) error {
					return braid.Timeout(ctx, d, func(ctx context.Context) error { _, err := b.Wait(ctx); return err })
				})
				c.fails(t, ctx, "the arrival", braid.ErrTimeout)
			}
			want(t, "Broken", b.Broken(), true)
			b.Reset()
			task := arrivals(t, ctx, g, b, 1)
			plain, cancel := context.WithCancelCause(context.Background())
			gone := elsewhere(func() error { _, err := b.Wait(plain); return err })
			until(t, ctx, "a goroutine has arrived", func() bool { return b.Statistics().Waiting == 2 })
			cancel(errStop)
			if err := join(t, ctx, gone); !errors.Is(err, errStop) {
				t.Errorf("the goroutine: %v", err)
			}
			task[0].fails(t, ctx, "the task", braid.ErrBarrierBroken)
		})
	}},
	{"Barrier: an arrival with a done ctx has not arrived and breaks nothing", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			b := braid.NewBarrier(2)
			calls := arrivals(t, ctx, g, b, 1)
			for _, done := range endedContexts(ctx) {
				if _, err := b.Wait(done); !errors.Is(err, errStop) {
					t.Errorf("Wait: %v", err)
				}
			}
			want(t, "meanwhile", b.Statistics(), braid.BarrierStatistics{Parties: 2, Waiting: 1})
			_, err := b.Wait(ctx)
			ok(t, err)
			calls[0].succeeds(t, ctx, "the other")
		})
	}},
	{"Barrier: Abort sends all away, those who wait and those who come later, until Reset", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			b := braid.NewBarrier(3)
			calls := arrivals(t, ctx, g, b, 2)
			b.Abort()
			b.Abort()
			for _, c := range calls {
				c.fails(t, ctx, "an arrival", braid.ErrBarrierBroken)
			}
			_, err := b.Wait(ctx)
			want(t, "a later arrival", err, braid.ErrBarrierBroken)
			want(t, "broken", b.Statistics(), braid.BarrierStatistics{Parties: 3, Broken: true})
			b.Reset()
			want(t, "reset", b.Statistics(), braid.BarrierStatistics{Parties: 3})
		})
	}},
	{"Barrier: Reset sends away those who wait, and is ready at once", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			b := braid.NewBarrier(3)
			b.Reset()
			calls := arrivals(t, ctx, g, b, 2)
			b.Reset()
			want(t, "reset", b.Statistics(), braid.BarrierStatistics{Parties: 3})
			for _, c := range calls {
				c.fails(t, ctx, "an arrival", braid.ErrBarrierBroken)
			}
			calls = arrivals(t, ctx, g, b, 2)
			_, err := b.Wait(ctx)
			ok(t, err)
			for _, c := range calls {
				c.succeeds(t, ctx, "an arrival after Reset")
			}
		})
	}},
	{"Barrier: a round that is complete stays complete for one that is cancelled in the same moment", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			b := braid.NewBarrier(3)
			calls := arrivals(t, ctx, g, b, 2)
			_, err := b.Wait(ctx)
			ok(t, err)
			calls[0].h.Cancel(errStop)
			calls[0].succeeds(t, ctx, "the cancelled one")
			calls[1].succeeds(t, ctx, "the other")
			want(t, "afterwards", b.Statistics(), braid.BarrierStatistics{Parties: 3})
		})
	}},
	{"Barrier: one that is sent away by Reset and cancelled in the same moment does not break the next round", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			b := braid.NewBarrier(3)
			calls := arrivals(t, ctx, g, b, 2)
			b.Reset()
			calls[0].h.Cancel(errStop)
			if err := calls[0].result(t, ctx); !errors.Is(err, errStop) && !errors.Is(err, braid.ErrBarrierBroken) {
				t.Errorf("the cancelled one: %v", err)
			}
			calls[1].fails(t, ctx, "the other", braid.ErrBarrierBroken)
			want(t, "afterwards", b.Statistics(), braid.BarrierStatistics{Parties: 3})
		})
	}},
	{"Barrier: needs at least one party, and says so", func(t *testing.T, ctx context.Context) {
		panics(t, "NewBarrier(0)", func() { braid.NewBarrier(0) }, "NewBarrier(0)", "at least one")
		panics(t, "NewBarrier(-1)", func() { braid.NewBarrier(-1) }, "NewBarrier(-1)", "at least one")
		panics(t, "the zero value", func() { _, _ = new(braid.Barrier).Wait(ctx) }, "NewBarrier")
	}},
	{"Barrier: many rounds keep all parties in step", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			const parties, rounds = 5, 20
			b := braid.NewBarrier(parties)
			var at [parties]int
			var seen [rounds][parties]bool
			var calls []*call
			for p := range parties {
				calls = append(calls, begin(g, func(ctx context.Context) error {
					for r := range rounds {
						at[p] = r
						i, err := b.Wait(ctx)
						if err != nil {
							return err
						}
						seen[r][i] = true
						for _, other := range at { // nobody writes between the two waits of a round
							want(t, "the round of a party", other, r)
						}
						if _, err := b.Wait(ctx); err != nil {
							return err
						}
					}
					return nil
				}))
			}
			for _, c := range calls {
				c.succeeds(t, ctx, "a party")
			}
			for r := range rounds {
				for i := range parties {
					want(t, "a place was given out", seen[r][i], true)
				}
			}
		})
	}},
	{"Barrier: under a storm of cancellations and resets each arrival gets a place, its cause or the news that it broke", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			b := braid.NewBarrier(3)
			storm(t, ctx, g, 7, 15, func(ctx context.Context, _ int) error {
				i, err := b.Wait(ctx)
				if errors.Is(err, braid.ErrBarrierBroken) {
					b.Reset()
					return nil
				}
				if err == nil && (i < 0 || i > 2) {
					t.Errorf("place %d", i)
				}
				return err
			}, alwaysCancel)
			want(t, "waiting afterwards", b.Statistics().Waiting, 0)
		})
	}},
}
