package gen_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/gen"
)

func even(v int) bool { return v%2 == 0 }

// pieceCases are for Filter, Take, Zip, Reduce, ForEach and Throttle.
var pieceCases = []testCase{
	{"Filter: passes on what is to be kept", func(t *testing.T, ctx context.Context) {
		s := source{n: 9}
		got, err := collect(t, gen.Filter(s.stream(ctx, 1), even))
		wantList(t, "values", got, 0, 2, 4, 6, 8)
		want(t, "err", err, nil)
		panics(t, "no source", func() { gen.Filter[int](nil, even) }, "Filter")
		panics(t, "no function", func() { gen.Filter(naturals(), nil) }, "Filter")
	}},
	{"Take: stops without reading another element", func(t *testing.T, ctx context.Context) {
		s := source{n: 3, last: never}
		got, err := collect(t, gen.Take(s.stream(ctx, 0), 3))
		wantList(t, "values", got, 0, 1, 2)
		want(t, "err", err, nil)
		s.gone(t)
		none := source{n: 3}
		got, _ = collect(t, gen.Take(none.stream(ctx, 0), 0))
		want(t, "values", len(got), 0)
		want(t, "started", none.started.Load(), 0)
		panics(t, "n = -1", func() { gen.Take(naturals(), -1) }, "Take(-1)")
	}},
	{"Take: an error counts as the end, also if it is the last one", func(t *testing.T, ctx context.Context) {
		s := source{n: 2, last: failing(errBoom)}
		got, err := collect(t, gen.Take(s.stream(ctx, 0), 3))
		wantList(t, "values", got, 0, 1)
		isErr(t, "err", err, errBoom)
		lateFailures(ctx, func(ctx context.Context) { // the source may or may not come to fail
			got, err = collect(t, gen.Take(s.stream(ctx, 0), 2))
		})
		wantList(t, "values", got, 0, 1)
		want(t, "err", err, nil)
	}},
	{"Zip: ends with the shorter one, and reads the left one first", func(t *testing.T, ctx context.Context) {
		for _, lengths := range [][3]int{{3, 5, 3}, {5, 3, 3}, {0, 3, 0}, {3, 0, 0}} {
			a, b := source{n: lengths[0]}, source{n: lengths[1]}
			var got []int
			for p, err := range gen.Zip(a.stream(ctx, 0), b.stream(ctx, 0)) {
				want(t, "err", err, nil)
				want(t, "pair", p.A, p.B)
				got = append(got, p.A)
			}
			want(t, "pairs", len(got), lengths[2])
			a.gone(t)
			if b.running.Load() != 0 {
				t.Error("the right one still runs")
			}
		}
		panics(t, "no source", func() { gen.Zip[int, int](nil, naturals()) }, "Zip")
	}},
	{"Reduce: folds, and stops at an error", func(t *testing.T, ctx context.Context) {
		add := func(sum, v int) (int, error) { return sum + v, nil }
		s := source{n: 5}
		sum, err := gen.Reduce(s.stream(ctx, 1), 100, add)
		want(t, "sum", sum, 110)
		want(t, "err", err, nil)
		bad := source{n: 5, last: failing(errBoom)}
		sum, err = gen.Reduce(bad.stream(ctx, 1), 0, add)
		want(t, "sum", sum, 10)
		isErr(t, "err", err, errBoom)
		stuck := source{n: 5, last: never}
		sum, err = gen.Reduce(stuck.stream(ctx, 1), 0, func(sum, v int) (int, error) {
			if v == 3 {
				return 77, errOther
			}
			return sum + v, nil
		})
		want(t, "sum", sum, 3)
		want(t, "err", err, errOther)
		stuck.gone(t)
	}},
	{"ForEach: calls fn for each, up to n at a time", func(t *testing.T, ctx context.Context) {
		var sum, in atomic.Int32
		s := source{n: 20}
		err := gen.ForEach(ctx, s.stream(ctx, 2), 3, func(ctx context.Context, v int) error {
			defer in.Add(-1)
			if in.Add(1) > 3 {
				t.Error("more than n at a time")
			}
			sum.Add(int32(v))
			return braid.Yield(ctx)
		})
		want(t, "err", err, nil)
		want(t, "sum", sum.Load(), 190)
	}},
	{"ForEach: the first failure ends it", func(t *testing.T, ctx context.Context) {
		var running atomic.Int32
		err := gen.ForEach(ctx, naturals(), 3, func(ctx context.Context, v int) error {
			defer running.Add(-1)
			running.Add(1)
			if v == 2 {
				return errBoom
			}
			return never(ctx)
		})
		taskError(t, err, "#2", errBoom)
		want(t, "running", running.Load(), 0)
		bad := source{n: 2, last: failing(errOther)}
		isErr(t, "err", gen.ForEach(ctx, bad.stream(ctx, 0), 2, func(context.Context, int) error { return nil }), errOther)
		panics(t, "n = 0", func() { _ = gen.ForEach(ctx, naturals(), 0, func(context.Context, int) error { return nil }) }, "ForEach with n = 0")
	}},
	{"ForEach: ctx ends it", func(t *testing.T, ctx context.Context) {
		err := braid.Timeout(ctx, aMoment, func(ctx context.Context) error {
			return gen.ForEach(ctx, naturals(), 3, func(ctx context.Context, _ int) error { return never(ctx) })
		})
		isErr(t, "err", err, braid.ErrTimeout)
	}},
	{"Throttle: no more than n in any period", func(t *testing.T, ctx context.Context) {
		const n = 2
		var times []time.Time
		for v, err := range gen.Throttle(ctx, gen.Values(upTo(7)), n, aMoment) {
			want(t, "err", err, nil)
			want(t, "value", v, len(times))
			times = append(times, braid.Time(ctx))
		}
		for i := n; i < len(times); i++ {
			// Times are taken after Throttle's own, so a period may look shorter by what passed in between; not in virtual time.
			if d := times[i].Sub(times[i-n]); d < aMoment/2 {
				t.Errorf("element %d came %v after element %d", i, d, i-n)
			}
		}
		panics(t, "n = 0", func() { gen.Throttle(ctx, naturals(), 0, 1) }, "Throttle with n = 0")
		panics(t, "no period", func() { gen.Throttle(ctx, naturals(), 1, 0) }, "period of 0s")
	}},
	{"Throttle: holds the source", func(t *testing.T, ctx context.Context) {
		s := source{n: 5}
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			h := g.Go(func(ctx context.Context) error {
				var got []int
				var last error
				for v, err := range gen.Throttle(ctx, s.stream(ctx, 0), 1, time.Hour) {
					if last = err; err == nil {
						got = append(got, v)
					}
				}
				wantList(t, "values", got, 0)
				want(t, "err", last, errStop)
				return nil
			})
			until(t, ctx, "the second element waits", func() bool { return h.Waiting() == "braid.Sleep" })
			pass(ctx)
			if e := s.emitted.Load(); e > 2 {
				t.Errorf("%d were emitted", e)
			}
			h.Cancel(errStop)
		})
		s.gone(t)
	}},
}

// In virtual time the times are exact: the first n at once, then n in each period, and no burst after a pause longer than that.
func TestThrottleTimes(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []int
		src := gen.Stream(t.Context(), 0, func(ctx context.Context, emit func(int) error) error {
			for i := range 8 {
				if i == 5 {
					if err := braid.Sleep(ctx, 10*time.Second); err != nil {
						return err
					}
				}
				if err := emit(i); err != nil {
					return err
				}
			}
			return nil
		})
		for _, err := range gen.Throttle(t.Context(), src, 2, time.Second) {
			want(t, "err", err, nil)
			at = append(at, int(time.Since(start)/time.Millisecond))
		}
		wantList(t, "times", at, 0, 0, 1000, 1000, 2000, 11000, 11000, 12000)
	})
}
