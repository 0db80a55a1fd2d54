package conformance

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"weak"

	"github.com/braid-go/braid"
)

// Starting tasks, and what becomes of those that are not started.
var scopeSpawnCases = []testCase{
	{"S10 a task's result belongs to its handle, for as long as somebody holds that", func(t *testing.T, ctx context.Context) {
		var kept *braid.Task[int]
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var gate braid.Event
			kept = braid.Go(g, func(ctx context.Context) (int, error) { return 7, gate.Wait(ctx) })
			_, err := kept.Result()
			want(t, "Result while it runs", err, braid.ErrNotFinished)
			gate.Set()
			for range 2 {
				v, err := kept.Wait(ctx)
				ok(t, err)
				want(t, "Wait", v, 7)
			}
		})
		v, err := kept.Result()
		ok(t, err)
		want(t, "Result", v, 7)
		v, err = kept.Wait(ctx)
		ok(t, err)
		want(t, "Wait after Run", v, 7)
	}},
	{"S10 a task that fails gives its handle what it returned, value and TaskError", func(t *testing.T, ctx context.Context) {
		var task *braid.Task[int]
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			task = braid.Go(g, func(context.Context) (int, error) { return 7, errBoom }, braid.Name("bad"))
			return nil
		}, braid.Name("scope"))
		holds(t, err, errBoom)
		v, err := task.Result()
		var te *braid.TaskError
		if v != 7 || !errors.As(err, &te) || te.Task != "scope/bad" || te.Err != errBoom {
			t.Errorf("Result = %v, %v", v, err)
		}
	}},
	{"S10 a group keeps no finished task", func(t *testing.T, ctx context.Context) {
		const n = 200
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			kept := make([]weak.Pointer[[1 << 10]byte], 0, n)
			for range n {
				result := new([1 << 10]byte)
				kept = append(kept, weak.Make(result))
				braid.Go(g, returns(result))
			}
			until(t, ctx, "all have ended", func() bool { return g.Statistics().Running == 0 })
			left := 0
			for range 10 {
				pass(ctx)
				runtime.GC()
				left = 0
				for _, p := range kept {
					if p.Value() != nil {
						left++
					}
				}
			}
			if left > n/10 { // a scheduler may still hold the last ones
				t.Errorf("%d of %d results are still held by somebody", left, n)
			}
		})
	}},
	{"S10 a running task is strongly held, although nobody has its handle", func(t *testing.T, ctx context.Context) {
		var ended atomic.Int64
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var gate braid.Event
			for range 10 {
				g.Go(func(ctx context.Context) error {
					defer ended.Add(1)
					return gate.Wait(ctx)
				})
			}
			until(t, ctx, "all wait", func() bool { return gate.Statistics().Waiting == 10 })
			runtime.GC()
			gate.Set()
		})
		want(t, "ended", ended.Load(), 10)
	}},

	{"C a spawned task runs, with its ctx done if the cancel came first, so that its defers release what it was given", func(t *testing.T, ctx context.Context) {
		const n = 100
		var released atomic.Int64
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			for range n {
				g.Go(func(ctx context.Context) error {
					defer released.Add(1)
					return never(ctx)
				})
			}
			g.Cancel(errStop)
		})
		want(t, "released", released.Load(), n)
	}},
	{"C a task that is cancelled by its handle before it has begun to run still runs", func(t *testing.T, ctx context.Context) {
		var seen error
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			h := g.Go(func(ctx context.Context) error {
				seen = never(ctx)
				return seen
			})
			h.Cancel(errStop)
			isErr(t, "Wait", h.Wait(ctx), errStop)
			want(t, "state", h.State(), braid.Cancelled)
		})
		want(t, "seen", seen, errStop)
	}},
	{"C only what waits for a slot is not started: its handle says ErrNotStarted, the group's error counts it, OnNotStarted receives it", func(t *testing.T, ctx context.Context) {
		var queued, told []*braid.Handle
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				_ = never(ctx)
				return errBoom
			})
			for i := range 3 {
				queued = append(queued, g.Go(func(context.Context) error {
					t.Error("a task ran that had no slot")
					return nil
				}, braid.Name(fmt.Sprint(i))))
			}
			want(t, "statistics", g.Statistics(), braid.GroupStatistics{Limit: 1, Running: 1, Queued: 3})
			want(t, "state", queued[0].State(), braid.Queued)
			g.Cancel(errStop)
			for _, h := range queued {
				want(t, "state", h.State(), braid.NotStarted)
				want(t, "Wait", h.Wait(context.WithoutCancel(ctx)), braid.ErrNotStarted)
				<-h.Done()
			}
			want(t, "told before Run returns", len(told), 0)
			return nil
		}, braid.Limit(1), braid.OnNotStarted(func(h *braid.Handle) { told = append(told, h) }))
		holds(t, err, errBoom)
		if ge, is := errors.AsType[*braid.GroupError](err); is {
			want(t, "NotStarted", ge.NotStarted, 3)
		}
		wantList(t, "told", told, queued...)
	}},
	{"C an OnNotStarted that panics, or calls Goexit as t.FailNow does, does not keep the scope from ending", func(t *testing.T, ctx context.Context) {
		for name, end := range map[string]func(){"panic": func() { panic(errBoom) }, "Goexit": goexit} {
			var root *braid.Handle
			var over braid.Promise[any]
			go func() {
				var v any
				defer func() { over.Resolve(v) }()
				v = caught(func() {
					_ = braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
						root = braid.Current(ctx)
						g.Cancel(nil)
						g.Go(never)
						g.Go(never)
						return nil
					}, braid.OnNotStarted(func(*braid.Handle) { end() }), hushed)
				})
			}()
			v, err := over.Future().Wait(context.WithoutCancel(ctx))
			ok(t, err)
			want(t, name+": the task of the scope has ended", root.State().Ended(), true)
			if pe, is := v.(*braid.PanicError); is != (name == "panic") || is && pe.Value != errBoom {
				t.Errorf("%s: it panicked with %v", name, v)
			}
		}
	}},
	{"C tasks that were never started do not make an early end a failure", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			g.Go(never)
			g.Go(never)
			g.Cancel(errStop)
			return nil
		}, braid.Limit(1))
		ok(t, err)
	}},
	{"C tasks that were never started because of the parent make Run return its cause", func(t *testing.T, ctx context.Context) {
		parent, cancel := context.WithCancelCause(ctx)
		err := braid.Run(parent, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				_ = never(ctx)
				return nil
			})
			h := g.Go(never)
			cancel(errStop)
			isErr(t, "Wait", h.Wait(context.WithoutCancel(ctx)), braid.ErrNotStarted)
			return nil
		}, braid.Limit(1))
		want(t, "Run", err, errStop)
	}},
	{"C a spawn into a group that is already cancelled is not started", func(t *testing.T, ctx context.Context) {
		ran := func(context.Context) error {
			t.Error("it ran")
			return nil
		}
		told := 0
		outside := ctx
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			g.Cancel(errStop)
			h := g.Go(ran)
			want(t, "state", h.State(), braid.NotStarted)
			herr, ended := h.Err()
			want(t, "Err", herr, braid.ErrNotStarted)
			want(t, "ended", ended, true)
			want(t, "Wait", h.Wait(outside), braid.ErrNotStarted)
			<-h.Done()
			v, terr := braid.Go(g, func(ctx context.Context) (int, error) { return 1, ran(ctx) }).Result()
			want(t, "Go[T]", terr, braid.ErrNotStarted)
			want(t, "value", v, 0)
			_, started := g.TryGo(ran)
			want(t, "TryGo", started, false)
			_, werr := g.GoWait(outside, ran)
			want(t, "GoWait", werr, braid.ErrNotStarted)
			_, serr := braid.Start(outside, g, func(ctx context.Context, _ func(int)) error { return ran(ctx) })
			want(t, "Start", serr, braid.ErrNotStarted)
			want(t, "NotStarted", g.Statistics().NotStarted >= 2, true)
			return nil
		}, braid.OnNotStarted(func(*braid.Handle) { told++ }))
		ok(t, err)
		want(t, "told at least of Go and Go[T]", told >= 2, true)
	}},
	{"C a spawn sees the cancel of a standard parent at once", func(t *testing.T, ctx context.Context) {
		parent, cancel := context.WithCancelCause(ctx)
		err := braid.Run(parent, func(_ context.Context, g *braid.Group) error {
			cancel(errStop)
			h := g.Go(never)
			want(t, "state", h.State(), braid.NotStarted)
			return nil
		})
		want(t, "Run", err, errStop)
	}},
}

// Spawning when the scope ends.
var scopeEndCases = []testCase{
	{"C a spawn into a group whose Run has returned panics and says why", func(t *testing.T, ctx context.Context) {
		var g *braid.Group
		scope(t, ctx, func(_ context.Context, group *braid.Group) { g = group }, braid.Name("over"))
		fn := func(context.Context) error { return nil }
		const text = "Run has returned"
		panics(t, "Go", func() { g.Go(fn) }, text, "over")
		panics(t, "Go[T]", func() { braid.Go(g, returns(1)) }, text, "over")
		panics(t, "TryGo", func() { g.TryGo(fn) }, text, "over")
		panics(t, "GoWait", func() { _, _ = g.GoWait(ctx, fn) }, text, "over")
		panics(t, "Start", func() {
			_, _ = braid.Start(ctx, g, func(context.Context, func(int)) error { return nil })
		}, text, "over")
	}},
	{"C also into one that was cancelled, or limited, before its Run returned", func(t *testing.T, ctx context.Context) {
		var g *braid.Group
		scope(t, ctx, func(_ context.Context, group *braid.Group) {
			g = group
			g.Cancel(errStop)
		}, braid.Limit(1))
		panics(t, "Go", func() { g.Go(never) }, "Run has returned")
	}},
	{"C a spawn that races with the end is joined or refused, never neither", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, outer *braid.Group) {
			for delay := range 30 {
				lateSpawn(t, ctx, outer, delay, nil)
				lateSpawn(t, ctx, outer, delay, []braid.RunOption{braid.Limit(1)})
			}
		})
	}},
	{"C also a spawn by a goroutine that is no task", func(t *testing.T, ctx context.Context) {
		for range 50 {
			ran := false
			var spawn *braid.Future[error]
			ok(t, braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				spawn = elsewhere(func() (refused error) {
					if caught(func() {
						g.Go(func(ctx context.Context) error {
							pass(ctx)
							ran = true
							return nil
						})
					}) != nil {
						return errStop
					}
					return nil
				})
				return nil
			}))
			joined := ran // by now it has run, if it was joined
			refused := join(t, ctx, spawn) != nil
			want(t, "joined", joined, !refused)
		}
	}},
}

// lateSpawn lets a task of outer spawn into another group, which is just ending.
func lateSpawn(t *testing.T, ctx context.Context, outer *braid.Group, delay int, opts []braid.RunOption) {
	t.Helper()
	var returned atomic.Bool
	var last braid.Event
	var g *braid.Group
	var ready braid.Event
	spawner := outer.Go(func(ctx context.Context) error {
		if err := ready.Wait(ctx); err != nil {
			return err
		}
		if err := last.Wait(ctx); err != nil {
			return err
		}
		for range delay {
			_ = braid.Yield(ctx)
		}
		_ = caught(func() { // the panic of a refusal
			g.Go(func(ctx context.Context) error {
				for range 5 {
					_ = braid.Yield(ctx)
				}
				if returned.Load() {
					t.Errorf("delay %d: a task was started, and Run did not wait for it", delay)
				}
				return nil
			})
		})
		return nil
	})
	err := braid.Run(ctx, func(_ context.Context, group *braid.Group) error {
		g = group
		ready.Set()
		g.Go(func(context.Context) error {
			last.Set()
			return nil
		})
		return nil
	}, opts...)
	returned.Store(true)
	ok(t, err)
	ok(t, spawner.Wait(ctx))
}
