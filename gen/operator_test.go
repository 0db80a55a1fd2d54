package gen_test

import (
	"context"
	"iter"
	"runtime"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/gen"
)

// operator is a way to make one stream of numbers of another, which keeps what it is given and its order.
type operator struct {
	name string
	of   func(ctx context.Context, src iter.Seq2[int, error]) iter.Seq2[int, error]
}

func same(_ context.Context, v int) (int, error) { return v, nil }

func single(_ context.Context, v int) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) { yield(v, nil) }
}

func all(int) bool { return true }

// flat undoes Batch.
func flat(ctx context.Context, src iter.Seq2[[]int, error]) iter.Seq2[int, error] {
	return gen.FlatMap(ctx, src, 1, func(_ context.Context, list []int) iter.Seq2[int, error] {
		return gen.Values(func(yield func(int) bool) {
			for _, v := range list {
				if !yield(v) {
					return
				}
			}
		})
	})
}

func firsts(ctx context.Context, src iter.Seq2[gen.Pair[int, int], error]) iter.Seq2[int, error] {
	return gen.Map(ctx, src, 1, func(_ context.Context, p gen.Pair[int, int]) (int, error) { return p.A, nil })
}

func naturals() iter.Seq2[int, error] {
	return gen.Values(func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
		}
	})
}

func operators() []operator {
	type src = iter.Seq2[int, error]
	basic := []operator{
		{"Map", func(ctx context.Context, s src) src { return gen.Map(ctx, s, 3, same) }},
		{"MapUnordered with n = 1", func(ctx context.Context, s src) src { return gen.MapUnordered(ctx, s, 1, same) }},
		{"FlatMap", func(ctx context.Context, s src) src { return gen.FlatMap(ctx, s, 2, single) }},
		{"FlatMapUnordered with n = 1", func(ctx context.Context, s src) src { return gen.FlatMapUnordered(ctx, s, 1, single) }},
		{"Merge of one", func(ctx context.Context, s src) src { return gen.Merge(ctx, s) }},
		{"Filter", func(_ context.Context, s src) src { return gen.Filter(s, all) }},
		{"Take", func(_ context.Context, s src) src { return gen.Take(s, 1000) }},
		{"Zip, left", func(ctx context.Context, s src) src { return firsts(ctx, gen.Zip(s, naturals())) }},
		{"Zip, right", func(ctx context.Context, s src) src {
			return gen.Map(ctx, gen.Zip(naturals(), s), 1, func(_ context.Context, p gen.Pair[int, int]) (int, error) { return p.B, nil })
		}},
		{"Batch by size", func(ctx context.Context, s src) src { return flat(ctx, gen.Batch(ctx, s, 1, 0)) }},
		{"Batch by time", func(ctx context.Context, s src) src { return flat(ctx, gen.Batch(ctx, s, 2, 1)) }},
		{"Throttle", func(ctx context.Context, s src) src { return gen.Throttle(ctx, s, 1, 1) }},
		{"Stream", func(ctx context.Context, s src) src {
			return gen.Stream(ctx, 1, func(_ context.Context, emit func(int) error) error {
				for v, err := range s {
					if err != nil {
						return err
					}
					if err := emit(v); err != nil {
						return err
					}
				}
				return nil
			})
		}},
	}
	chain := operator{"all of them", func(ctx context.Context, s src) src {
		for _, o := range basic[:len(basic)-1] {
			s = o.of(ctx, s)
		}
		return s
	}}
	return append(basic, chain)
}

// operatorCases are what all operators promise.
func operatorCases() (list []testCase) {
	for _, o := range operators() {
		add := func(what string, run func(t *testing.T, ctx context.Context)) {
			list = append(list, testCase{o.name + ": " + what, run})
		}
		add("passes on all there is, in order", func(t *testing.T, ctx context.Context) {
			s := source{n: 40}
			got, err := collect(t, o.of(ctx, s.stream(ctx, 2)))
			wantList(t, "values", got, numbers(40)...)
			want(t, "err", err, nil)
			s.gone(t)
		})
		add("nothing starts before the loop, and each loop starts anew", func(t *testing.T, ctx context.Context) {
			s := source{n: 3}
			seq := o.of(ctx, s.stream(ctx, 2))
			pass(ctx)
			want(t, "started", s.started.Load(), 0)
			for range 2 {
				got, err := collect(t, seq)
				wantList(t, "values", got, numbers(3)...)
				want(t, "err", err, nil)
			}
			want(t, "started", s.started.Load(), 2)
		})
		add("nothing of nothing", func(t *testing.T, ctx context.Context) {
			got, err := collect(t, o.of(ctx, gen.Values(upTo(0))))
			want(t, "values", len(got), 0)
			want(t, "err", err, nil)
		})
		add("an error of the source comes in its place, and last", func(t *testing.T, ctx context.Context) {
			s := source{n: 10, last: failing(errBoom)}
			got, err := collect(t, o.of(ctx, s.stream(ctx, 2)))
			wantList(t, "values", got, numbers(10)...)
			isErr(t, "err", err, errBoom)
			s.gone(t)
		})
		add("a source that goes on after its error is broken off", func(t *testing.T, ctx context.Context) {
			left := false
			got, err := collect(t, o.of(ctx, func(yield func(int, error) bool) {
				defer func() { left = true }()
				if yield(0, nil) && yield(0, errBoom) {
					t.Error("it is asked for more")
				}
			}))
			wantList(t, "values", got, 0)
			isErr(t, "err", err, errBoom)
			want(t, "left", left, true)
		})
		if o.name == "Stream" {
			continue // its producer ranges over the source under a ctx of its own choice, so what follows is up to that
		}
		add("break while the source waits", func(t *testing.T, ctx context.Context) {
			s := source{n: 3, last: never}
			n := 0
			for v, err := range o.of(ctx, s.stream(ctx, 1)) {
				want(t, "err", err, nil)
				want(t, "value", v, n)
				if n++; n == 3 {
					pass(ctx)
					break
				}
			}
			s.gone(t)
			want(t, "ctx", ctx.Err(), nil)
		})
		add("a panic in the loop while the source waits", func(t *testing.T, ctx context.Context) {
			quietly(t, ctx, func(ctx context.Context) {
				s := source{n: 1, last: never}
				v := caught(func() {
					for range o.of(ctx, s.stream(ctx, 1)) {
						panic("ouch")
					}
				})
				if pe, ok := v.(*braid.PanicError); ok {
					v = pe.Value
				}
				want(t, "value", v, any("ouch"))
				s.gone(t)
			})
		})
		add("Goexit in the loop while the source waits", func(t *testing.T, ctx context.Context) {
			s := source{n: 1, last: never}
			err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				g.Go(func(context.Context) error {
					for range o.of(ctx, s.stream(ctx, 1)) {
						runtime.Goexit()
					}
					return nil
				})
				return nil
			})
			isErr(t, "err", err, braid.ErrGoexit)
			s.gone(t)
		})
		add("when ctx ends, its cause comes last", func(t *testing.T, ctx context.Context) {
			below, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			s := source{n: 3, last: never}
			var errs []error
			n := 0
			for _, err := range o.of(below, s.stream(below, 1)) {
				if err != nil {
					errs = append(errs, err)
					s.gone(t)
				} else if n++; n == 3 {
					cancel(errStop)
				}
			}
			wantList(t, "errors", errs, errStop)
		})
		add("a panic of the source comes out of the loop", func(t *testing.T, ctx context.Context) {
			quietly(t, ctx, func(ctx context.Context) {
				s := source{n: 1, last: func(context.Context) error { panic("ouch") }}
				v := caught(func() {
					for range o.of(ctx, s.stream(ctx, 0)) {
					}
				})
				for {
					switch pe := v.(type) {
					case *braid.PanicError:
						v = pe.Value
						continue
					case *gen.PanicError:
						v = pe.Value
						continue
					}
					break
				}
				want(t, "value", v, any("ouch"))
				s.gone(t)
			})
		})
		add("a cleanup of the source that fails after the break is reported", func(t *testing.T, ctx context.Context) {
			late := lateFailures(ctx, func(ctx context.Context) {
				s := source{n: 1, last: func(ctx context.Context) error {
					_ = never(ctx)
					return errBoom
				}}
				for range o.of(ctx, s.stream(ctx, 1)) {
					pass(ctx)
					break
				}
			})
			want(t, "reports", len(late), 1)
			for _, err := range late {
				isErr(t, "report", err, errBoom)
			}
		})
	}
	return list
}
