package conformance

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/braid-go/braid"
)

// deaf waits for e and does not look at ctx.
func deaf(ctx context.Context, e *braid.Event) error { return e.Wait(context.WithoutCancel(ctx)) }

// Shutdown that does not wait for ever.
var scopeGraceCases = []testCase{
	{"S13 when the grace is over, Run returns a StuckError that lists who has not stopped: path, age, what it waits on", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, _ *braid.Group) {
			var gate braid.Event
			gate.SetName("gate")
			var stubborn, outer, inner *braid.Handle
			var told atomic.Pointer[braid.StuckError]
			err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				stubborn = g.Go(func(ctx context.Context) error { return deaf(ctx, &gate) }, braid.Name("deaf"))
				outer = g.Go(func(ctx context.Context) error {
					return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
						inner = g.Go(func(ctx context.Context) error { return deaf(ctx, &gate) }, braid.Name("inner"))
						return nil
					}, braid.Name("below"))
				}, braid.Name("outer"))
				until(t, ctx, "one waits for its scope", parkedIn(outer, "run.Join"))
				until(t, ctx, "both wait", func() bool { return gate.Statistics().Waiting == 2 })
				g.Cancel(errStop)
				return nil
			}, braid.Name("group"), braid.Grace(aMoment), braid.OnStuck(func(e *braid.StuckError) { told.Store(e) }))

			var stuck *braid.StuckError
			if !errors.As(err, &stuck) || len(members(t, err)) != 1 {
				t.Errorf("err = %v", err)
				stuck = &braid.StuckError{}
			}
			want(t, "what OnStuck was told", told.Load(), stuck)
			want(t, "Group", stuck.Group, "case/group")
			want(t, "Grace", stuck.Grace, aMoment)
			var paths, waits []string
			for _, s := range stuck.Tasks {
				paths = append(paths, s.Path)
				waits = append(waits, s.Waiting)
				if s.Age < aMoment {
					t.Errorf("the age of %s is %v, less than the grace", s.Path, s.Age)
				}
				if !strings.Contains(err.Error(), s.Path) || !strings.Contains(err.Error(), s.Waiting) {
					t.Errorf("%s and what it waits on are not in the text: %v", s.Path, err)
				}
			}
			wantList(t, "paths", paths, "case/group/deaf", "case/group/outer", "case/group/outer/below/inner")
			wantList(t, "what they wait on", waits, "event.Wait gate", "run.Join below", "event.Wait gate")

			gate.Set()
			for _, h := range []*braid.Handle{stubborn, outer, inner} {
				_ = h.Wait(ctx)
				want(t, "ended", h.State().Ended(), true)
			}
		}, braid.Name("case"))
	}},
	{"S13 the other failures stand beside the list, and the parent's cause comes last", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, _ *braid.Group) {
			var gate braid.Event
			var stubborn *braid.Handle
			parent, cancel := context.WithCancelCause(ctx)
			err := braid.Run(parent, func(_ context.Context, g *braid.Group) error {
				stubborn = g.Go(func(ctx context.Context) error { return deaf(ctx, &gate) })
				_ = g.Go(func(context.Context) error { return errBoom }).Wait(ctx)
				cancel(errStop)
				return nil
			}, braid.KeepGoing(), braid.Grace(aMoment))
			list := members(t, err)
			var stuck *braid.StuckError
			if len(list) != 3 || !errors.Is(list[0], errBoom) || !errors.As(list[1], &stuck) || list[2] != errStop {
				t.Errorf("members = %v", list)
			}
			gate.Set()
			ok(t, stubborn.Wait(ctx))
		})
	}},
	{"S13 who ends within the grace is not listed, and if all do there is no error", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				_ = never(ctx)
				pass(ctx)
				return nil
			})
			g.Cancel(errStop)
			return never(ctx)
		}, braid.Grace(long), braid.OnStuck(func(e *braid.StuckError) { t.Errorf("OnStuck: %v", e) }))
		ok(t, err)
	}},
	{"S13 the grace begins with the cancel, not before", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error { return braid.Sleep(ctx, 3*aMoment) })
			return nil
		}, braid.Grace(aMoment), braid.OnStuck(func(e *braid.StuckError) { t.Errorf("OnStuck: %v", e) }))
		ok(t, err)
	}},
	{"S13 if it is the body that does not return, OnStuck is told of it, and Run returns what it was told", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, outer *braid.Group) {
			var told braid.Event
			body := braid.Current(ctx)
			err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				outer.Go(func(ctx context.Context) error {
					until(t, ctx, "the body waits", parkedIn(body, "event.Wait"))
					g.Cancel(errStop)
					return nil
				})
				return deaf(ctx, &told)
			}, braid.Grace(aMoment), braid.OnStuck(func(*braid.StuckError) {
				told.Set()
				for range 1000 { // where there are goroutines, everything ends while it is told
					runtime.Gosched()
				}
			}))
			var stuck *braid.StuckError
			if !errors.As(err, &stuck) || len(stuck.Tasks) != 1 || !strings.HasPrefix(stuck.Tasks[0].Path, "scope") ||
				!strings.Contains(stuck.Tasks[0].Path, "body") || !strings.HasPrefix(stuck.Tasks[0].Waiting, "event.Wait") {
				t.Errorf("err = %v", err)
			}
		}, braid.Name("scope"))
	}},
	{"S13 an OnStuck that panics, or calls Goexit as t.FailNow does, does not keep Run", func(t *testing.T, ctx context.Context) {
		for name, end := range map[string]func(){"panic": func() { panic(errBoom) }, "Goexit": goexit} {
			var gate braid.Event
			var stubborn *braid.Handle
			err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				stubborn = g.Go(func(ctx context.Context) error { return deaf(ctx, &gate) })
				g.Cancel(errStop)
				return nil
			}, braid.Grace(aMoment), braid.OnStuck(func(*braid.StuckError) { end() }), braid.OnPanic(braid.AsError), hushed)
			if _, stuck := errors.AsType[*braid.StuckError](err); !stuck {
				t.Errorf("%s: err = %v", name, err)
			}
			want(t, name+" is in the error", errors.Is(err, errBoom), name == "panic")
			gate.Set()
			ok(t, stubborn.Wait(context.WithoutCancel(ctx)))
		}
	}},
	{"S13 a task that fails in the moment in which Run gives it up is in nobody's way", func(t *testing.T, ctx context.Context) {
		for range 20 {
			var gate braid.Event
			var stubborn *braid.Handle
			err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				stubborn = g.Go(func(ctx context.Context) error {
					_ = deaf(ctx, &gate)
					return errBoom
				})
				g.Cancel(errStop)
				return nil
			}, braid.Grace(1), braid.OnStuck(func(*braid.StuckError) { gate.Set() }))
			if _, stuck := errors.AsType[*braid.StuckError](err); !stuck {
				t.Errorf("err = %v", err)
			}
			isErr(t, "Wait", stubborn.Wait(context.WithoutCancel(ctx)), errBoom)
		}
	}},
	{"S13 Grace(0) panics and says what to do", func(t *testing.T, _ context.Context) {
		panics(t, "Grace(0)", func() { braid.Grace(0) }, "positive")
	}},
}
