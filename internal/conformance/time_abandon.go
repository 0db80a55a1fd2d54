package conformance

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/braid-go/braid"
)

// stubborn is a function that ends when it is let go, and no earlier.
type stubborn struct {
	begun, release braid.Event
	ctx            context.Context
}

func (s *stubborn) run(ctx context.Context) (int, error) {
	s.ctx = ctx
	s.begun.Set()
	_ = s.release.Wait(context.WithoutCancel(ctx))
	return 7, nil
}

var abandonCases = []testCase{
	{"Abandon: as long as ctx lasts it gives what the function returns", func(t *testing.T, ctx context.Context) {
		boom := errors.New("boom")
		undisposed := func(v int) { t.Errorf("%d was disposed of", v) }
		v, err := braid.Abandon(ctx, func(ctx context.Context) (int, error) { return 3, braid.Yield(ctx) }, undisposed)
		ok(t, err)
		want(t, "the value", v, 3)
		_, err = braid.Abandon(ctx, failing[int](boom), undisposed)
		want(t, "the error", err, boom)
		_, err = braid.Abandon(ctx, failing[int](context.Canceled), nil)
		want(t, "a foreign cancel", err, context.Canceled)
		_, err = braid.Abandon(ctx, func(context.Context) (int, error) { goexit(); return 1, nil }, undisposed)
		want(t, "Goexit", errors.Is(err, braid.ErrGoexit), true)
	}},
	{"Abandon: a panic comes out of it as a PanicError, and the hook hears of it", func(t *testing.T, ctx context.Context) {
		told := 0
		scope(t, ctx, func(ctx context.Context, _ *braid.Group) {
			pe := caughtPanic(t, func() {
				_, _ = braid.Abandon(ctx, func(context.Context) (int, error) { panic("ouch") }, nil)
			})
			want(t, "the value", pe.Value, any("ouch"))
		}, braid.PanicHook(func(pe *braid.PanicError) {
			told++
			want(t, "the value in the hook", pe.Value, any("ouch"))
		}))
		want(t, "calls of the hook", told, 1)
	}},
	{"Abandon: a done ctx comes first, and the function is not called", func(t *testing.T, ctx context.Context) {
		for _, done := range endedContexts(ctx) {
			_, err := braid.Abandon(done, func(context.Context) (int, error) { t.Error("called"); return 0, nil }, nil)
			want(t, "the error", err, errStop)
		}
	}},
	{"Abandon: when ctx ends it returns at once, the function's ctx ends, and a late success is disposed of", func(t *testing.T, ctx context.Context) {
		var disposed braid.Promise[int]
		var s stubborn
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			c := begin(g, func(ctx context.Context) error {
				v, err := braid.Abandon(context.WithValue(ctx, valueKey{}, "here"), s.run, func(v int) { disposed.Resolve(v) })
				want(t, "the value", v, 0)
				return err
			})
			ok(t, s.begun.Wait(ctx))
			ok(t, s.ctx.Err())
			c.h.Cancel(errStop)
			want(t, "the error", c.result(t, ctx), errStop)
		})
		// The scope has ended and the function goes on.
		want(t, "its ctx has ended with", context.Cause(s.ctx), errStop)
		want(t, "its value", s.ctx.Value(valueKey{}), any("here"))
		_, err := disposed.Future().Result()
		want(t, "disposed of", err, braid.ErrNotFinished)
		s.release.Set()
		v, err := disposed.Future().Wait(ctx)
		ok(t, err)
		want(t, "disposed of", v, 7)
	}},
	{"Abandon: the function's ctx does not end before Abandon gives up", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			me := braid.Current(ctx)
			_, err := braid.Abandon(ctx, func(ctx context.Context) (int, error) {
				want(t, "it is a task of its own", braid.Current(ctx) == me, false)
				want(t, "it belongs to the group", braid.Current(ctx).Group() == g, false)
				pass(ctx)
				return 0, ctx.Err()
			}, nil)
			ok(t, err)
		})
	}},
	{"Abandon: a timeout around it does not wait for the function", func(t *testing.T, ctx context.Context) {
		for d := aMoment; ; d *= 2 {
			var s stubborn
			var disposed braid.Promise[int]
			timeoutOf(t, braid.Timeout(ctx, d, func(ctx context.Context) error {
				_, err := braid.Abandon(ctx, s.run, func(v int) { disposed.Resolve(v) })
				return err
			}), "timeout")
			began := braid.Timeout(ctx, 10*d, s.begun.Wait)
			s.release.Set()
			if began == nil {
				_, err := disposed.Future().Wait(ctx)
				ok(t, err)
				return
			} // else, on a busy machine, the time ran out before Abandon was called
		}
	}},
	{"Abandon: a late failure is dropped, and nothing is disposed of", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var begun, hold braid.Event
			var task braid.Promise[*braid.Handle]
			c := begin(g, func(ctx context.Context) error {
				_, err := braid.Abandon(ctx, func(ctx context.Context) (int, error) {
					task.Resolve(braid.Current(ctx))
					begun.Set()
					_ = hold.Wait(context.WithoutCancel(ctx))
					return 9, errors.New("late")
				}, func(v int) { t.Errorf("%d was disposed of", v) })
				return err
			})
			ok(t, begun.Wait(ctx))
			c.h.Cancel(errStop)
			want(t, "the error", c.result(t, ctx), errStop)
			hold.Set()
			h, err := task.Future().Wait(ctx)
			ok(t, err)
			_ = h.Wait(ctx)
			want(t, "its state", h.State().Ended(), true)
		})
	}},
	{"Abandon: a late panic goes to the hook alone", func(t *testing.T, ctx context.Context) {
		var told braid.Promise[any]
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var begun, hold braid.Event
			c := begin(g, func(ctx context.Context) error {
				_, err := braid.Abandon(ctx, func(ctx context.Context) (int, error) {
					begun.Set()
					_ = hold.Wait(context.WithoutCancel(ctx))
					panic("ouch")
				}, nil)
				return err
			})
			ok(t, begun.Wait(ctx))
			c.h.Cancel(errStop)
			want(t, "the error", c.result(t, ctx), errStop)
			hold.Set()
			v, err := told.Future().Wait(ctx)
			ok(t, err)
			want(t, "the hook heard", v, any("ouch"))
		}, braid.PanicHook(func(pe *braid.PanicError) { told.Resolve(pe.Value) }))
	}},
	{"Abandon: works outside any task", func(t *testing.T, ctx context.Context) {
		ok(t, join(t, ctx, elsewhere(func() error {
			v, err := braid.Abandon(context.Background(), func(ctx context.Context) (int, error) { return 5, braid.Yield(ctx) }, nil)
			want(t, "the value", v, 5)
			return err
		})))
		var s stubborn
		var disposed braid.Promise[int]
		plain, cancel := context.WithCancelCause(context.Background())
		f := elsewhere(func() error {
			_, err := braid.Abandon(plain, s.run, func(v int) { disposed.Resolve(v) })
			return err
		})
		ok(t, s.begun.Wait(ctx))
		cancel(errStop)
		want(t, "the error", join(t, ctx, f), errStop)
		s.release.Set()
		_, err := disposed.Future().Wait(ctx)
		ok(t, err)
	}},
	{"Abandon: a result is returned or disposed of, never both and never neither", func(t *testing.T, ctx context.Context) {
		var begun, made, seen atomic.Int32
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			storm(t, ctx, g, 4, 25, func(ctx context.Context, worker int) error {
				_, err := braid.Abandon(ctx, func(ctx context.Context) (int, error) {
					begun.Add(1)
					for range worker {
						_ = braid.Yield(context.WithoutCancel(ctx))
					}
					made.Add(1)
					return worker, nil
				}, func(int) { seen.Add(1) })
				if err == nil {
					seen.Add(1)
				}
				return err
			})
			until(t, ctx, "every value has been seen", func() bool {
				b := begun.Load()
				return made.Load() == b && seen.Load() == b
			})
			pass(ctx)
			want(t, "values seen", seen.Load(), made.Load())
		})
	}},
	{"Abandon: a nil function panics", func(t *testing.T, ctx context.Context) {
		panics(t, "Abandon", func() { _, _ = braid.Abandon[int](ctx, nil, nil) }, "Abandon", "nil")
	}},
}
