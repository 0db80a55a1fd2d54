package conformance

import (
	"context"
	"errors"
	"testing"

	"github.com/braid-go/braid"
)

// offload is a call of Offload with a limiter of one token.
func offload(l *braid.Limiter, fn func(ctx context.Context) error, opts ...braid.OffloadOption) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		_, err := braid.Offload(ctx, l, func(ctx context.Context) (int, error) { return 0, fn(ctx) }, opts...)
		return err
	}
}

// idle waits until no token of l is borrowed.
func idle(t *testing.T, ctx context.Context, l *braid.Limiter) {
	t.Helper()
	until(t, ctx, "all tokens are back", func() bool { return l.Statistics().Borrowed == 0 })
	want(t, "waiting", l.Statistics().Waiting, 0)
}

var offloadCases = []testCase{
	{"Offload: returns what the function returns, from a task and from a plain goroutine", func(t *testing.T, ctx context.Context) {
		l := braid.NewLimiter("threads", 1)
		boom := errors.New("boom")
		call := func(ctx context.Context) error {
			v, err := braid.Offload(ctx, l, func(context.Context) (string, error) { return "done", boom })
			want(t, "the value", v, "done")
			want(t, "the error", err, boom)
			v, err = braid.Offload(ctx, l, func(context.Context) (string, error) { return "done", nil }, braid.AbandonOnCancel())
			want(t, "the value", v, "done")
			return err
		}
		ok(t, call(ctx))
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			begin(g, call).succeeds(t, ctx, "in a task")
		})
		ok(t, join(t, ctx, elsewhere(func() error { return call(context.Background()) })))
		want(t, "afterwards", counts(l), [3]int{1, 0, 0})
	}},
	{"Offload: the function has the values and the end of its caller's ctx, but no task", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			l := braid.NewLimiter("threads", 1)
			var started braid.Promise[context.Context]
			c := begin(g, func(ctx context.Context) error {
				return offload(l, func(ctx context.Context) error {
					started.Resolve(ctx)
					want(t, "the value", ctx.Value(valueKey{}), any("here"))
					if task := braid.Current(ctx); task != nil {
						t.Errorf("the function has task %s", task.Path())
					}
					<-ctx.Done()
					return context.Cause(ctx)
				})(context.WithValue(ctx, valueKey{}, "here"))
			})
			inside, err := started.Future().Wait(ctx)
			ok(t, err)
			ok(t, inside.Err())
			c.h.Cancel(errStop)
			c.fails(t, ctx, "the call", errStop)
		})
	}},
	{"Offload: braid works in the function as in a plain goroutine", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			l := braid.NewLimiter("threads", 1)
			var m braid.Mutex
			q := braid.NewQueue[int](0)
			begin(g, func(ctx context.Context) error { return q.Put(ctx, 5) })
			ok(t, m.Lock(ctx))
			c := begin(g, offload(l, func(ctx context.Context) error {
				if err := m.Lock(ctx); err != nil {
					return err
				}
				defer m.Unlock()
				v, err := q.Get(ctx)
				want(t, "the item", v, 5)
				if err != nil {
					return err
				}
				return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
					h := g.Go(func(ctx context.Context) error { return braid.Yield(ctx) })
					return h.Wait(ctx)
				})
			}))
			until(t, ctx, "it waits for the mutex", func() bool { return m.Statistics().Waiting == 1 })
			m.Unlock()
			c.succeeds(t, ctx, "the call")
		})
	}},
	{"Offload: at most as many functions run as the limiter has tokens", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			l := braid.NewLimiter("threads", 2)
			var gate braid.Event
			var calls []*call
			for range 5 {
				calls = append(calls, begin(g, offload(l, gate.Wait)))
			}
			until(t, ctx, "two run and three wait", func() bool {
				return gate.Statistics().Waiting == 2 && counts(l) == [3]int{2, 2, 3}
			})
			gate.Set()
			for _, c := range calls {
				c.succeeds(t, ctx, "a call")
			}
			want(t, "afterwards", counts(l), [3]int{2, 0, 0})
		})
	}},
	{"Offload: a call that is cancelled while it waits for a token never calls its function", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			l := braid.NewLimiter("threads", 1)
			l.TryAcquireFor("holder")
			never := offload(l, func(context.Context) error { t.Error("the function was called"); return nil })
			c := begin(g, never)
			until(t, ctx, "it waits", func() bool { return l.Statistics().Waiting == 1 })
			c.h.Cancel(errStop)
			c.fails(t, ctx, "the call", errStop)
			l.ReleaseFor("holder")
			for _, done := range endedContexts(ctx) {
				if err := never(done); !errors.Is(err, errStop) {
					t.Errorf("with a done ctx: %v", err)
				}
			}
			want(t, "afterwards", counts(l), [3]int{1, 0, 0})
		})
	}},
	{"Offload: once the function runs it is waited for whatever happens to the ctx", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			l := braid.NewLimiter("threads", 1)
			var gate braid.Event
			c := begin(g, offload(l, func(ctx context.Context) error { return gate.Wait(context.WithoutCancel(ctx)) }))
			until(t, ctx, "it runs", func() bool { return gate.Statistics().Waiting == 1 })
			c.h.Cancel(errStop)
			pass(ctx)
			want(t, "the call has returned before its function", c.ended(), false)
			want(t, "meanwhile", counts(l), [3]int{1, 1, 0})
			gate.Set()
			c.succeeds(t, ctx, "the call")
			want(t, "afterwards", counts(l), [3]int{1, 0, 0})
		})
	}},
	{"Offload: AbandonOnCancel returns at once, and the function keeps its token until it returns", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			l := braid.NewLimiter("threads", 1)
			var gate braid.Event
			c := begin(g, offload(l, func(ctx context.Context) error { return gate.Wait(context.WithoutCancel(ctx)) }, braid.AbandonOnCancel()))
			until(t, ctx, "it runs", func() bool { return gate.Statistics().Waiting == 1 })
			c.h.Cancel(errStop)
			c.fails(t, ctx, "the call", errStop)
			want(t, "meanwhile", counts(l), [3]int{1, 1, 0})
			next := begin(g, offloadNothing(l))
			until(t, ctx, "another waits for the token", func() bool { return l.Statistics().Waiting == 1 })
			gate.Set()
			next.succeeds(t, ctx, "the other")
			idle(t, ctx, l)
		})
	}},
	{"Offload: a panic in the function becomes one of the caller, with value, stack and task", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, _ *braid.Group) {
			l := braid.NewLimiter("threads", 1)
			for _, opts := range [][]braid.OffloadOption{nil, {braid.AbandonOnCancel()}} {
				pe := caughtPanic(t, func() { _ = offload(l, func(context.Context) error { panic("boom") }, opts...)(ctx) })
				want(t, "the value", pe.Value, any("boom"))
				want(t, "the task", pe.Task, braid.Current(ctx).Path())
				want(t, "there is a stack", len(pe.Stack) > 0, true)
				idle(t, ctx, l)
			}
		})
	}},
	{"Offload: a panic in a function that was abandoned goes to the panic hook", func(t *testing.T, ctx context.Context) {
		var told braid.Promise[*braid.PanicError]
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			l := braid.NewLimiter("threads", 1)
			var gate braid.Event
			c := begin(g, offload(l, func(ctx context.Context) error {
				_ = gate.Wait(context.WithoutCancel(ctx))
				panic("boom")
			}, braid.AbandonOnCancel()))
			until(t, ctx, "it runs", func() bool { return gate.Statistics().Waiting == 1 })
			c.h.Cancel(errStop)
			c.fails(t, ctx, "the call", errStop)
			gate.Set()
			pe, err := told.Future().Wait(ctx)
			ok(t, err)
			want(t, "the value", pe.Value, any("boom"))
			idle(t, ctx, l)
		}, braid.PanicHook(func(pe *braid.PanicError) { told.Resolve(pe) }))
	}},
	{"Offload: Goexit in the function becomes one of the calling task, and gives the token back", func(t *testing.T, ctx context.Context) {
		for _, opts := range [][]braid.OffloadOption{nil, {braid.AbandonOnCancel()}} {
			l := braid.NewLimiter("threads", 1)
			err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(offload(l, func(context.Context) error { goexit(); return nil }, opts...))
				return nil
			})
			if !errors.Is(err, braid.ErrGoexit) {
				t.Errorf("the scope: %v", err)
			}
			idle(t, ctx, l)
		}
	}},
	{"Offload: inside Offload on the same limiter is an error that names the limiter; on another it works", func(t *testing.T, ctx context.Context) {
		outer, inner := braid.NewLimiter("outer", 2), braid.NewLimiter("inner", 1)
		for _, ctx := range []context.Context{ctx, context.Background()} {
			ok(t, offload(outer, func(ctx context.Context) error {
				says(t, "the same limiter", offloadNothing(outer)(ctx), "inside Offload", `"outer"`, "another limiter")
				return offload(inner, func(ctx context.Context) error {
					says(t, "the same limiter, further in", offloadNothing(outer)(context.WithValue(ctx, valueKey{}, 1)), `"outer"`)
					return nil
				})(ctx)
			})(ctx))
			want(t, "afterwards", counts(outer), [3]int{2, 0, 0})
			want(t, "afterwards", counts(inner), [3]int{1, 0, 0})
		}
	}},
	{"Offload: needs a limiter and a function, and says so", func(t *testing.T, ctx context.Context) {
		panics(t, "no limiter", func() { _ = offloadNothing(nil)(ctx) }, "limiter", "NewLimiter")
		panics(t, "no function", func() { _, _ = braid.Offload[int](ctx, braid.NewLimiter("l", 1), nil) }, "function")
	}},
	{"Offload: a storm of cancelled calls keeps the limit and gives every token back", func(t *testing.T, ctx context.Context) {
		for _, opts := range [][]braid.OffloadOption{nil, {braid.AbandonOnCancel()}} {
			scope(t, ctx, func(ctx context.Context, g *braid.Group) {
				l := braid.NewLimiter("threads", 2)
				slots := braid.NewSemaphore(2)
				storm(t, ctx, g, 6, 8, func(ctx context.Context, _ int) error {
					return offload(l, func(ctx context.Context) error {
						if !slots.TryAcquire(1) {
							t.Error("more functions run than there are tokens")
							return nil
						}
						_ = braid.Yield(ctx)
						slots.Release(1)
						return nil
					}, opts...)(ctx)
				})
				idle(t, ctx, l)
			})
		}
	}},
}
