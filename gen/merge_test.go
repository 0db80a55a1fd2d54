package gen_test

import (
	"context"
	"iter"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/braid-go/braid/gen"
)

// tens is a stream of v*10 .. v*10+2.
func tens(ctx context.Context, v int) iter.Seq2[int, error] {
	return gen.Stream(ctx, 1, func(_ context.Context, emit func(int) error) error {
		for i := range 3 {
			if err := emit(v*10 + i); err != nil {
				return err
			}
		}
		return nil
	})
}

var flatCases = []testCase{
	{"FlatMap: the streams stand one after another", func(t *testing.T, ctx context.Context) {
		for _, n := range []int{1, 2, 5} {
			got, err := collect(t, gen.FlatMap(ctx, gen.Values(upTo(4)), n, tens))
			wantList(t, "values", got, 0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32)
			want(t, "err", err, nil)
		}
	}},
	{"FlatMap: n streams run, and no more are read ahead than n elements of each", func(t *testing.T, ctx context.Context) {
		const n = 2
		var open, emitted atomic.Int32
		for range gen.FlatMap(ctx, naturals(), n, func(ctx context.Context, v int) iter.Seq2[int, error] {
			open.Add(1)
			return gen.Stream(ctx, 0, func(ctx context.Context, emit func(int) error) error {
				for i := range 100 {
					if err := emit(i); err != nil {
						return err
					}
					emitted.Add(1)
				}
				return nil
			})
		}) {
			for range 10 {
				pass(ctx)
			}
			if o := open.Load(); o > n {
				t.Errorf("%d streams are open", o)
			}
			if e := emitted.Load(); e > 2*(n+1)+1 {
				t.Errorf("%d elements were emitted", e)
			}
			break
		}
	}},
	{"FlatMap: an error of a stream comes in its place", func(t *testing.T, ctx context.Context) {
		rest := source{n: 1, last: never}
		got, err := collect(t, gen.FlatMap(ctx, naturals(), 3, func(ctx context.Context, v int) iter.Seq2[int, error] {
			switch v {
			case 0:
				return tens(ctx, 0)
			case 1:
				return (&source{n: 1, last: failing(errBoom)}).stream(ctx, 0)
			default:
				return rest.stream(ctx, 0)
			}
		}))
		wantList(t, "values", got, 0, 1, 2, 0)
		isErr(t, "err", err, errBoom)
		want(t, "running", rest.running.Load(), 0)
	}},
	{"FlatMapUnordered: elements come as they are ready", func(t *testing.T, ctx context.Context) {
		s := source{n: 0, last: never}
		var got []int
		for v, err := range gen.FlatMapUnordered(ctx, gen.Values(upTo(4)), 2, func(ctx context.Context, v int) iter.Seq2[int, error] {
			if v == 0 {
				return s.stream(ctx, 0)
			}
			return tens(ctx, v)
		}) {
			want(t, "err", err, nil)
			if got = append(got, v); len(got) == 9 {
				break
			}
		}
		slices.Sort(got)
		wantList(t, "values", got, 10, 11, 12, 20, 21, 22, 30, 31, 32)
		want(t, "running", s.running.Load(), 0)
	}},
	{"FlatMap: arguments", func(t *testing.T, ctx context.Context) {
		panics(t, "n = 0", func() { gen.FlatMap(ctx, naturals(), 0, tens) }, "FlatMap with n = 0")
		panics(t, "n = 0", func() { gen.FlatMapUnordered(ctx, naturals(), 0, tens) }, "FlatMapUnordered with n = 0")
		panics(t, "no function", func() { gen.FlatMap[int, int](ctx, naturals(), 1, nil) }, "FlatMap")
		panics(t, "no source", func() { gen.FlatMap(ctx, nil, 1, tens) }, "FlatMap")
		panics(t, "no source", func() { gen.Merge[int](ctx, nil) }, "Merge")
	}},
	{"Merge: all elements of all sources, each source in its order", func(t *testing.T, ctx context.Context) {
		got, err := collect(t, gen.Merge(ctx, tens(ctx, 1), tens(ctx, 2), tens(ctx, 3)))
		want(t, "err", err, nil)
		for d := 1; d <= 3; d++ {
			var own []int
			for _, v := range got {
				if v/10 == d {
					own = append(own, v)
				}
			}
			wantList(t, "one source", own, d*10, d*10+1, d*10+2)
		}
		want(t, "values", len(got), 9)
	}},
	{"Merge: a source that waits holds up nobody", func(t *testing.T, ctx context.Context) {
		stuck := source{n: 0, last: never}
		n := 0
		for _, err := range gen.Merge(ctx, stuck.stream(ctx, 0), tens(ctx, 1)) {
			want(t, "err", err, nil)
			if n++; n == 3 {
				break
			}
		}
		want(t, "running", stuck.running.Load(), 0)
	}},
	{"Merge: the first error ends it, and the others are broken off", func(t *testing.T, ctx context.Context) {
		stuck := source{n: 1, last: never}
		bad := source{n: 2, last: failing(errBoom)}
		got, err := collect(t, gen.Merge(ctx, stuck.stream(ctx, 0), bad.stream(ctx, 0)))
		isErr(t, "err", err, errBoom)
		if len(got) < 2 {
			t.Errorf("values before the error: %v", got)
		}
		want(t, "running", stuck.running.Load(), 0)
		bad.gone(t)
	}},
	{"Merge: of nothing is empty", func(t *testing.T, ctx context.Context) {
		got, err := collect(t, gen.Merge[int](ctx))
		want(t, "values", len(got), 0)
		want(t, "err", err, nil)
	}},
	{"Merge: sources are read at most a few elements ahead", func(t *testing.T, ctx context.Context) {
		a, b := source{n: 100}, source{n: 100}
		taken := 0
		for range gen.Merge(ctx, a.stream(ctx, 0), b.stream(ctx, 0)) {
			taken++
			pass(ctx)
			if e := int(a.emitted.Load() + b.emitted.Load()); e > taken+2+2 {
				t.Errorf("%d were emitted when %d were taken", e, taken)
			}
			if taken == 50 {
				break
			}
		}
	}},
}
