package gen_test

import (
	"context"
	"iter"
	"sync/atomic"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/gen"
)

var teeCases = []testCase{
	{"Tee: each consumer is given all elements", func(t *testing.T, ctx context.Context) {
		for _, buffer := range []int{0, 1, 100} {
			s := source{n: 20}
			check := func(_ context.Context, src iter.Seq2[int, error]) error {
				got, err := collect(t, src)
				wantList(t, "values", got, numbers(20)...)
				return err
			}
			want(t, "err", gen.Tee(ctx, s.stream(ctx, 1), buffer, check, check, check), nil)
			want(t, "started", s.started.Load(), 1)
			s.gone(t)
		}
	}},
	{"Tee: the source is read no further than the slowest consumer and the buffer", func(t *testing.T, ctx context.Context) {
		const buffer = 2
		s := source{n: 30}
		taken := 0
		slow := func(ctx context.Context, src iter.Seq2[int, error]) error {
			for range src {
				taken++
				pass(ctx)
				if e := int(s.emitted.Load()); e > taken+buffer+2 {
					t.Errorf("%d emitted, %d taken", e, taken)
				}
			}
			return nil
		}
		fast := func(_ context.Context, src iter.Seq2[int, error]) error {
			for range src {
			}
			return nil
		}
		want(t, "err", gen.Tee(ctx, s.stream(ctx, 0), buffer, slow, fast), nil)
		want(t, "taken", taken, 30)
	}},
	{"Tee: a consumer that leaves holds up nobody", func(t *testing.T, ctx context.Context) {
		s := source{n: 20}
		leaves := func(ctx context.Context, src iter.Seq2[int, error]) error {
			for v := range src {
				if v == 3 {
					break
				}
			}
			return nil
		}
		ignores := func(context.Context, iter.Seq2[int, error]) error { return nil }
		all := 0
		stays := func(_ context.Context, src iter.Seq2[int, error]) error {
			for range src {
				all++
			}
			return nil
		}
		want(t, "err", gen.Tee(ctx, s.stream(ctx, 0), 0, leaves, ignores, stays), nil)
		want(t, "all", all, 20)
	}},
	{"Tee: when all consumers have left, the source is broken off", func(t *testing.T, ctx context.Context) {
		s := source{n: 2, last: never}
		leaves := func(ctx context.Context, src iter.Seq2[int, error]) error {
			for v := range src {
				if v == 1 {
					pass(ctx)
					break
				}
			}
			return nil
		}
		want(t, "err", gen.Tee(ctx, s.stream(ctx, 0), 1, leaves, leaves), nil)
		s.gone(t)
	}},
	{"Tee: an error of the source comes last to each consumer, and is theirs", func(t *testing.T, ctx context.Context) {
		s := source{n: 4, last: failing(errBoom)}
		var heard atomic.Int32
		hears := func(_ context.Context, src iter.Seq2[int, error]) error {
			got, err := collect(t, src)
			wantList(t, "values", got, numbers(4)...)
			isErr(t, "err", err, errBoom)
			heard.Add(1)
			return nil
		}
		want(t, "err", gen.Tee(ctx, s.stream(ctx, 0), 1, hears, hears), nil)
		want(t, "heard", heard.Load(), 2)
	}},
	{"Tee: a consumer that fails ends the others", func(t *testing.T, ctx context.Context) {
		s := source{n: 3, last: never}
		fails := func(_ context.Context, src iter.Seq2[int, error]) error {
			for v := range src {
				if v == 2 {
					return errBoom
				}
			}
			return nil
		}
		var last error
		stays := func(_ context.Context, src iter.Seq2[int, error]) error {
			for _, err := range src {
				last = err
			}
			return last
		}
		err := gen.Tee(ctx, s.stream(ctx, 0), 0, fails, stays)
		isErr(t, "err", err, errBoom)
		isErr(t, "what the other saw", last, errBoom)
		s.gone(t)
	}},
	{"Tee: a panic of a consumer comes out of it", func(t *testing.T, ctx context.Context) {
		quietly(t, ctx, func(ctx context.Context) {
			s := source{n: 3, last: never}
			ouch := func(_ context.Context, src iter.Seq2[int, error]) error {
				for range src {
					panic("ouch")
				}
				return nil
			}
			pe := taskPanic(t, func() { _ = gen.Tee(ctx, s.stream(ctx, 0), 0, ouch) })
			want(t, "value", pe.Value, any("ouch"))
			s.gone(t)
		})
	}},
	{"Tee: ctx ends it", func(t *testing.T, ctx context.Context) {
		s := source{n: 3, last: never}
		waits := func(_ context.Context, src iter.Seq2[int, error]) error {
			_, err := collect(t, src)
			return err
		}
		err := braid.Timeout(ctx, aMoment, func(ctx context.Context) error {
			return gen.Tee(ctx, s.stream(ctx, 0), 1, waits, waits)
		})
		isErr(t, "err", err, braid.ErrTimeout)
		if s.running.Load() != 0 {
			t.Error("the producer runs")
		}
	}},
	{"Tee: a cleanup of the source that fails is a failure of Tee", func(t *testing.T, ctx context.Context) {
		s := source{n: 1, last: func(ctx context.Context) error {
			_ = never(ctx)
			return errBoom
		}}
		leaves := func(_ context.Context, src iter.Seq2[int, error]) error {
			for range src {
				break
			}
			return nil
		}
		isErr(t, "err", gen.Tee(ctx, s.stream(ctx, 0), 0, leaves), errBoom)
	}},
	{"Tee: arguments", func(t *testing.T, ctx context.Context) {
		nobody := func(context.Context, iter.Seq2[int, error]) error { return nil }
		panics(t, "a negative buffer", func() { _ = gen.Tee(ctx, naturals(), -1, nobody) }, "buffer of -1")
		panics(t, "no source", func() { _ = gen.Tee(ctx, nil, 1, nobody) }, "Tee")
		panics(t, "no consumer", func() { _ = gen.Tee(ctx, naturals(), 1, nobody, nil) }, "Tee")
		want(t, "no consumers", gen.Tee(ctx, naturals(), 1), nil)
	}},
}
