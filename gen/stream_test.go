package gen_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/gen"
)

var streamCases = []testCase{
	{"Stream: yields what is emitted, in order, and ends", func(t *testing.T, ctx context.Context) {
		for _, buffer := range []int{0, 1, 3, 100} {
			s := source{n: 20}
			got, err := collect(t, s.stream(ctx, buffer))
			wantList(t, "values", got, numbers(20)...)
			want(t, "err", err, nil)
			s.gone(t)
		}
	}},
	{"Stream: the producer starts with the loop, and anew with each", func(t *testing.T, ctx context.Context) {
		s := source{n: 3}
		seq := s.stream(ctx, 2)
		pass(ctx)
		want(t, "started", s.started.Load(), 0)
		for range 3 {
			got, _ := collect(t, seq)
			want(t, "values", len(got), 3)
		}
		want(t, "started", s.started.Load(), 3)
	}},
	{"Stream: the producer runs no further ahead than the buffer", func(t *testing.T, ctx context.Context) {
		for _, buffer := range []int{0, 1, 4} {
			s := source{n: 30}
			taken := 0
			for range s.stream(ctx, buffer) {
				taken++
				pass(ctx)
				if n := int(s.emitted.Load()); n > taken+buffer {
					t.Errorf("buffer %d: %d are emitted when %d are taken", buffer, n, taken)
				}
			}
			want(t, "taken", taken, 30)
		}
	}},
	{"Stream: the producer's error comes last, when all that it emitted has been taken", func(t *testing.T, ctx context.Context) {
		s := source{n: 5, last: failing(errBoom)}
		got, err := collect(t, s.stream(ctx, 10))
		wantList(t, "values", got, numbers(5)...)
		taskError(t, err, "stream/gen_test.(*source).produce", errBoom)
		s.gone(t)
	}},
	{"Stream: a context error that comes from elsewhere is a failure", func(t *testing.T, ctx context.Context) {
		s := source{n: 1, last: failing(context.Canceled)}
		_, err := collect(t, s.stream(ctx, 1))
		taskError(t, err, "produce", context.Canceled)
	}},
	{"Stream: break ends the producer and joins it", func(t *testing.T, ctx context.Context) {
		s := source{n: 2, last: never}
		for v, err := range s.stream(ctx, 0) {
			want(t, "err", err, nil)
			if v == 1 {
				break
			}
		}
		s.gone(t)
		if s.err() == nil {
			t.Error("its ctx has not ended")
		}
		want(t, "the loop's ctx", ctx.Err(), nil)
	}},
	{"Stream: break finds a producer that waits in emit", func(t *testing.T, ctx context.Context) {
		s := source{n: 100}
		for range s.stream(ctx, 1) {
			pass(ctx)
			break
		}
		s.gone(t)
		if s.err() == nil || s.emitted.Load() > 3 {
			t.Errorf("it emitted %d and ended with %v", s.emitted.Load(), s.err())
		}
	}},
	{"Stream: return out of the loop joins the producer", func(t *testing.T, ctx context.Context) {
		s := source{n: 1, last: never}
		func() {
			for range s.stream(ctx, 0) {
				return
			}
		}()
		s.gone(t)
	}},
	{"Stream: a panic in the loop joins the producer, and goes on", func(t *testing.T, ctx context.Context) {
		quietly(t, ctx, func(ctx context.Context) {
			s := source{n: 1, last: never}
			pe := taskPanic(t, func() {
				for range s.stream(ctx, 0) {
					panic("ouch")
				}
			})
			want(t, "value", pe.Value, any("ouch"))
			s.gone(t)
		})
	}},
	{"Stream: Goexit in the loop joins the producer", func(t *testing.T, ctx context.Context) {
		s := source{n: 1, last: never}
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				for range s.stream(ctx, 0) {
					runtime.Goexit()
				}
				return nil
			})
			return nil
		})
		isErr(t, "err", err, braid.ErrGoexit)
		s.gone(t)
	}},
	{"Stream: a panic of the producer comes out of the loop", func(t *testing.T, ctx context.Context) {
		quietly(t, ctx, func(ctx context.Context) {
			s := source{n: 2, last: func(context.Context) error { panic("ouch") }}
			pe := taskPanic(t, func() {
				for range s.stream(ctx, 0) {
				}
			})
			want(t, "value", pe.Value, any("ouch"))
		})
	}},
	{"Stream: Goexit in the producer is an error", func(t *testing.T, ctx context.Context) {
		s := source{n: 2, last: func(context.Context) error { runtime.Goexit(); return nil }}
		_, err := collect(t, s.stream(ctx, 0))
		isErr(t, "err", err, braid.ErrGoexit)
	}},
	{"Stream: when ctx ends, the cause comes last, and the producer has ended", func(t *testing.T, ctx context.Context) {
		below, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		s := source{n: 3, last: never}
		var errs []error
		for v, err := range s.stream(below, 0) {
			if err != nil {
				errs = append(errs, err)
				s.gone(t)
			} else if v == 2 {
				cancel(errStop)
			}
		}
		wantList(t, "errors", errs, errStop)
	}},
	{"Stream: with a ctx that is done, nothing starts", func(t *testing.T, ctx context.Context) {
		below, cancel := context.WithCancelCause(ctx)
		cancel(errStop)
		s := source{n: 3}
		got, err := collect(t, s.stream(below, 0))
		want(t, "values", len(got), 0)
		want(t, "err", err, errStop)
		want(t, "started", s.started.Load(), 0)
	}},
	{"Stream: a time limit ends it", func(t *testing.T, ctx context.Context) {
		s := source{n: 1, last: never}
		err := braid.Timeout(ctx, aMoment, func(ctx context.Context) error {
			_, err := braid.Collect(s.stream(ctx, 0))
			return err
		})
		isErr(t, "err", err, braid.ErrTimeout)
	}},
	{"Stream: what a cleanup returns because of the break is no failure", func(t *testing.T, ctx context.Context) {
		late := lateFailures(ctx, func(ctx context.Context) {
			s := source{n: 1, last: never}
			for range s.stream(ctx, 0) {
				break
			}
		})
		want(t, "reports", len(late), 0)
	}},
	{"Stream: a cleanup that fails after the break is reported", func(t *testing.T, ctx context.Context) {
		late := lateFailures(ctx, func(ctx context.Context) {
			s := source{n: 1, last: func(ctx context.Context) error {
				_ = never(ctx)
				return errBoom
			}}
			for range s.stream(ctx, 0) {
				break
			}
			s.gone(t)
		})
		want(t, "reports", len(late), 1)
		for _, err := range late {
			isErr(t, "report", err, errBoom)
		}
	}},
	{"Stream: a cleanup that fails when ctx has ended stands beside the cause", func(t *testing.T, ctx context.Context) {
		below, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		s := source{n: 1, last: func(ctx context.Context) error {
			_ = never(ctx)
			return errBoom
		}}
		var last error
		for _, err := range s.stream(below, 0) {
			last = err
			cancel(errStop)
		}
		isErr(t, "err", last, errBoom)
		isErr(t, "err", last, errStop)
	}},
	{"Stream: several tasks may emit", func(t *testing.T, ctx context.Context) {
		seq := gen.Stream(ctx, 2, func(ctx context.Context, emit func(int) error) error {
			return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				for i := range 4 {
					g.Go(func(context.Context) error {
						for k := range 5 {
							if err := emit(i*5 + k); err != nil {
								return err
							}
						}
						return nil
					})
				}
				return nil
			})
		})
		got, err := collect(t, seq)
		want(t, "err", err, nil)
		slices.Sort(got)
		wantList(t, "values", got, numbers(20)...)
	}},
	{"Stream: emit is of no use when the producer has returned", func(t *testing.T, ctx context.Context) {
		var kept func(int) error
		got, err := collect(t, gen.Stream(ctx, 5, func(_ context.Context, emit func(int) error) error {
			kept = emit
			return emit(1)
		}))
		wantList(t, "values", got, 1)
		want(t, "err", err, nil)
		if err := kept(2); err == nil {
			t.Error("emit succeeds")
		}
	}},
	{"Stream: inside a stream", func(t *testing.T, ctx context.Context) {
		s := source{n: 3}
		outer := gen.Stream(ctx, 1, func(ctx context.Context, emit func(int) error) error {
			for v, err := range s.stream(ctx, 1) {
				if err != nil {
					return err
				}
				if err := emit(v * 10); err != nil {
					return err
				}
			}
			return failing(errBoom)(ctx)
		})
		got, err := collect(t, outer)
		wantList(t, "values", got, 0, 10, 20)
		isErr(t, "err", err, errBoom)
		s.gone(t)
	}},
	{"Stream: arguments", func(t *testing.T, ctx context.Context) {
		panics(t, "a negative buffer", func() { gen.Stream(ctx, -1, (&source{}).produce) }, "buffer of -1")
		panics(t, "no producer", func() { gen.Stream[int](ctx, 1, nil) }, "producer")
	}},
}

// Coroutines whose bodies wait.
var coroutineCases = []testCase{
	{"Coroutine: a body may wait", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](0)
			g.Go(func(ctx context.Context) error {
				defer q.Shutdown(braid.Drain)
				for i := range 5 {
					if err := q.Put(ctx, i); err != nil {
						return err
					}
				}
				return nil
			})
			c := gen.New(func(y *gen.Yielder[none, int]) (int, error) {
				for n := 0; ; n++ {
					v, err := q.Get(ctx)
					if errors.Is(err, braid.ErrShutdown) {
						return n, nil
					}
					if _, err := y.Yield(v); err != nil {
						return n, err
					}
					pass(ctx)
				}
			})
			for i := range 5 {
				yields(t, "Next", i)(c.Next())
				pass(ctx)
			}
			ends[int](t, "Next")(c.Next())
			n, err := c.Result()
			want(t, "result", n, 5)
			want(t, "err", err, nil)
		})
	}},
	{"Coroutine: several tasks use one in turn", func(t *testing.T, ctx context.Context) {
		var sum atomic.Int64
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var m braid.Mutex
			c := gen.New(counting)
			for range 4 {
				g.Go(func(ctx context.Context) error {
					for range 25 {
						if err := m.Lock(ctx); err != nil {
							return err
						}
						v, _ := c.Next()
						sum.Add(int64(v))
						m.Unlock()
					}
					return nil
				})
			}
			g.Go(func(context.Context) error { return nil })
			until(t, ctx, "all steps are made", func() bool { return sum.Load() == 99*100/2 })
			want(t, "Close", c.Close(), nil)
		})
	}},
	{"Coroutine: Pull2 takes a stream one by one", func(t *testing.T, ctx context.Context) {
		s := source{n: 3, last: never}
		g := gen.Pull2(s.stream(ctx, 1))
		for i := range 3 {
			yields(t, "Next", i)(g.Next())
			pass(ctx)
		}
		want(t, "Close", g.Close(), nil)
		s.gone(t)
		want(t, "ctx", ctx.Err(), nil)
	}},
}
