package conformance

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/braid-go/braid"
)

// The decided semantics, by the numbers of docs/design.md. S06, S09 and S15 are in together.go and time.go,
// S08 and S14 with the primitives, and S11 in corner.go.
var designCases = []testCase{
	{"S01 the body's error cancels the children, and Run waits for them", func(t *testing.T, ctx context.Context) {
		bad := errors.New("bad")
		var ended bool
		var cause error
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			h := g.Go(func(ctx context.Context) error {
				err := forever(ctx)
				cause = context.Cause(ctx)
				pass(ctx)
				ended = true
				return err
			})
			until(t, ctx, "the child waits", waitsIn(h, "event.Wait"))
			return bad
		}, braid.Name("scope"))
		if !ended || !errors.Is(err, bad) || !errors.Is(cause, bad) {
			t.Errorf("ended = %v, err = %v, cause = %v", ended, err, cause)
		}
	}},
	{"S01 a panic of the body leaves Run only when every child has ended", func(t *testing.T, ctx context.Context) {
		var ended bool
		func() {
			defer func() { _ = recover() }()
			_ = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				h := g.Go(func(ctx context.Context) error {
					defer func() { pass(ctx); ended = true }()
					return forever(ctx)
				})
				until(t, ctx, "the child waits", waitsIn(h, "event.Wait"))
				panic("body")
			}, quiet)
		}()
		want(t, "ended", ended, true)
	}},
	{"S01 children may start children, and Run waits for those too", func(t *testing.T, ctx context.Context) {
		n := 0
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			g.Go(func(ctx context.Context) error {
				g.Go(func(ctx context.Context) error {
					pass(ctx)
					g.Go(func(ctx context.Context) error { pass(ctx); n++; return nil })
					return nil
				})
				return nil
			})
		})
		want(t, "grandchildren that ran", n, 1)
	}},
	{"S02 one failure and many failures both come as a GroupError, the first cause first, each with its task's name", func(t *testing.T, ctx context.Context) {
		first, second := errors.New("first"), errors.New("second")
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			h := g.Go(func(ctx context.Context) error {
				_ = forever(ctx)
				return second
			}, braid.Name("late"))
			g.Go(func(ctx context.Context) error { return forever(ctx) }, braid.Name("obedient"))
			until(t, ctx, "late waits", waitsIn(h, "event.Wait"))
			g.Go(func(context.Context) error { return first }, braid.Name("early"))
			return forever(ctx)
		}, braid.Name("scope"))
		wantFailures(t, err, "task scope/early: first", "task scope/late: second")
		if !errors.Is(err, first) || !errors.Is(err, second) {
			t.Errorf("errors.Is does not find both in %v", err)
		}
	}},
	{"S02 a failure that the body passes on is listed once", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			h := braid.Go(g, func(context.Context) (int, error) { return 0, errors.New("bad") }, braid.Name("x"))
			_, err := h.Wait(context.WithoutCancel(ctx))
			return err
		}, braid.Name("scope"))
		wantFailures(t, err, "task scope/x: bad")
	}},
	{"S03 a context error that is not the task's own is a failure", func(t *testing.T, ctx context.Context) {
		other, cancel := context.WithCancel(context.Background())
		cancel()
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			g.Go(func(context.Context) error { return other.Err() }, braid.Name("x"))
			return nil
		}, braid.Name("scope"))
		wantFailures(t, err, "task scope/x: context canceled")
	}},
	{"S03 a task that was cancelled and says so has not failed, however it wraps it", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			wrap := []func(context.Context) error{
				func(ctx context.Context) error { return ctx.Err() },
				context.Cause,
				func(ctx context.Context) error { return &wrapped{context.Cause(ctx)} },
				func(ctx context.Context) error { return errors.Join(ctx.Err(), &wrapped{context.Cause(ctx)}) },
			}
			for _, w := range wrap {
				h := g.Go(func(ctx context.Context) error { _ = forever(ctx); return w(ctx) })
				h.Cancel(errStop)
				_ = h.Wait(ctx)
				want(t, "state", h.State(), braid.Cancelled)
			}
		})
	}},
	{"C an error that is joined with the own cancellation is a failure", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			h := g.Go(func(ctx context.Context) error {
				return errors.Join(forever(ctx), errors.New("cleanup failed"))
			}, braid.Name("x"))
			h.Cancel(errStop)
			return nil
		}, braid.Name("scope"))
		wantFailures(t, err, "task scope/x: stop\ncleanup failed")
	}},
	{"S04 Cancel ends the scope early without an error", func(t *testing.T, ctx context.Context) {
		var cause error
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error { return forever(ctx) })
			g.Cancel(errStop)
			cause = context.Cause(ctx)
			return forever(ctx)
		})
		if err != nil || !errors.Is(cause, errStop) {
			t.Errorf("err = %v, cause = %v", err, cause)
		}
	}},
	{"S04 Cancel does not eat the parent's cancel", func(t *testing.T, ctx context.Context) {
		parent, cancel := context.WithCancelCause(ctx)
		outer := errors.New("outer")
		err := braid.Run(parent, func(ctx context.Context, g *braid.Group) error {
			g.Cancel(errStop)
			cancel(outer)
			return forever(ctx)
		})
		want(t, "err", err, outer)
	}},
	{"S05 a panic keeps value, stack and task; the siblings are cancelled; Run panics again", func(t *testing.T, ctx context.Context) {
		var pe *braid.PanicError
		var told []string
		func() {
			defer func() { pe, _ = recover().(*braid.PanicError) }()
			_ = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				g.Go(func(context.Context) error { boom(); return nil }, braid.Name("x"))
				return forever(ctx)
			}, braid.Name("scope"), braid.PanicHook(func(pe *braid.PanicError) { told = append(told, pe.Task) }))
		}()
		if pe == nil {
			t.Fatal("Run did not panic with a *PanicError")
		}
		if pe.Task != "scope/x" || pe.Value != "boom" || !strings.Contains(string(pe.Stack), "conformance.boom") {
			t.Errorf("panic = %v", pe)
		}
		if !strings.Contains(pe.Error(), "conformance.boom") {
			t.Error("the text of the panic that Run raises lacks the original stack")
		}
		wantList(t, "told", told, "scope/x")
	}},
	{"S05 a panic goes through nested scopes once, with its first task", func(t *testing.T, ctx context.Context) {
		var pe *braid.PanicError
		told := 0
		func() {
			defer func() { pe, _ = recover().(*braid.PanicError) }()
			_ = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error {
					return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
						g.Go(func(context.Context) error { boom(); return nil }, braid.Name("inner"))
						return forever(ctx)
					})
				}, braid.Name("outer"))
				return forever(ctx)
			}, braid.Name("scope"), braid.PanicHook(func(*braid.PanicError) { told++ }))
		}()
		if pe == nil || pe.Task != "scope/outer/inner" || told != 1 {
			t.Errorf("panic = %v, told = %d", pe, told)
		}
	}},
	{"S05 with AsError a panic is a member of the GroupError, in its place", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			h := g.Go(func(ctx context.Context) error { _ = forever(ctx); return errors.New("late") }, braid.Name("y"))
			until(t, ctx, "y waits", waitsIn(h, "event.Wait"))
			g.Go(func(context.Context) error { boom(); return nil }, braid.Name("x"))
			return forever(ctx)
		}, braid.Name("scope"), braid.OnPanic(braid.AsError), quiet)
		wantFailures(t, err, "task scope/x panicked: boom", "task scope/y: late")
		pe, ok := errors.AsType[*braid.PanicError](err)
		want(t, "found by AsType", ok && len(pe.Stack) > 0, true)
	}},
	{"S05 Goexit in the body cancels and joins the tasks", func(t *testing.T, ctx context.Context) {
		ended := false
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
					h := g.Go(func(ctx context.Context) error {
						defer func() { pass(ctx); ended = true }()
						return forever(ctx)
					})
					until(t, ctx, "the child waits", waitsIn(h, "event.Wait"))
					goexit()
					return nil
				})
			}, braid.Name("x"))
			return nil
		})
		if !ended || !errors.Is(err, braid.ErrGoexit) {
			t.Errorf("ended = %v, err = %v", ended, err)
		}
	}},
	{"C several failures around a panic reach the one who recovers it", func(t *testing.T, ctx context.Context) {
		var pe *braid.PanicError
		lost := errors.New("lost")
		func() {
			defer func() { pe, _ = recover().(*braid.PanicError) }()
			_ = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				a := g.Go(func(ctx context.Context) error { _ = forever(ctx); return lost })
				b := g.Go(func(ctx context.Context) error { _ = forever(ctx); panic("second") })
				until(t, ctx, "both wait", func() bool { return a.Waiting() != "" && b.Waiting() != "" })
				panic("first")
			}, quiet)
		}()
		if pe == nil || pe.Value != "first" || len(pe.Others) != 2 || !errors.Is(pe, lost) {
			t.Errorf("panic = %v", pe)
		}
	}},
	{"S07 a waiter's ctx ends only the wait", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var gate braid.Event
			h := braid.Go(g, func(ctx context.Context) (int, error) { return 7, gate.Wait(ctx) })
			w := begin(g, func(ctx context.Context) error { _, err := h.Wait(ctx); return err })
			until(t, ctx, "somebody waits for the task", waitsIn(w.h, "task.Wait"))
			w.h.Cancel(errStop)
			w.fails(t, ctx, "the wait", errStop)
			want(t, "state", h.State(), braid.Running)
			gate.Set()
			v, err := h.Wait(ctx)
			if v != 7 || err != nil {
				t.Errorf("Wait = %v, %v", v, err)
			}
		})
	}},
	{"S07 Cancel of a task ends that task alone", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var gate braid.Event
			a := g.Go(gate.Wait)
			b := g.Go(gate.Wait)
			until(t, ctx, "both wait", func() bool { return gate.Statistics().Waiting == 2 })
			a.Cancel(errStop)
			want(t, "how the cancelled task ended", a.Wait(ctx), errStop)
			want(t, "the other", b.State(), braid.Running)
			a.Cancel(errors.New("again"))
			gate.Set()
			ok(t, b.Wait(ctx))
			b.Cancel(errStop)
			want(t, "cancel after the end", b.State(), braid.Succeeded)
		})
	}},
	{"S10 a group keeps no finished task", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			for range 100 {
				ok(t, g.Go(func(context.Context) error { return nil }).Wait(ctx))
			}
			until(t, ctx, "the group is empty", func() bool { return g.Statistics().Running == 0 })
		})
	}},
	{"S12 names are given, or those of the function; paths lead to the outermost task", func(t *testing.T, ctx context.Context) {
		var paths []string
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			paths = append(paths, braid.Current(ctx).Path(), g.Path())
			h := g.Go(func(ctx context.Context) error {
				return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
					paths = append(paths, braid.Current(ctx).Path(), g.Path())
					h := g.Go(func(context.Context) error { return nil }, braid.Name("leaf"))
					paths = append(paths, h.Path())
					return nil
				}, braid.Name("inner"))
			}, braid.Name("child"))
			ok(t, h.Wait(ctx))
			paths = append(paths, g.Go(named).Name())
			return nil
		}, braid.Name("main"))
		ok(t, err)
		wantList(t, "paths", paths, "main", "main", "main/child", "main/child/inner", "main/child/inner/leaf", "conformance.named")
	}},
	{"S12 Current is the task, in every scope that it opens, and nil without one", func(t *testing.T, ctx context.Context) {
		if braid.Current(context.Background()) != nil {
			t.Error("a plain context has a task")
		}
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			h := g.Go(func(ctx context.Context) error {
				me := braid.Current(ctx)
				inner := []*braid.Handle{braid.Current(context.WithValue(ctx, valueKey{}, 1))}
				look := func(ctx context.Context) error { inner = append(inner, braid.Current(ctx)); return nil }
				ok(t, braid.Timeout(ctx, inVain, look))
				ok(t, braid.Shield(ctx, inVain, look))
				ok(t, braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error { return look(ctx) }))
				if slices.ContainsFunc(inner, func(h *braid.Handle) bool { return h != me }) {
					t.Errorf("Current = %v, want %p everywhere", inner, me)
				}
				return nil
			})
			ok(t, h.Wait(ctx))
		})
	}},
	{"S13 the end of the grace lists who is stuck: path, age, what it waits on", func(t *testing.T, ctx context.Context) {
		var release braid.Event
		var told *braid.StuckError
		q := braid.NewQueue[int](1)
		q.SetName("jobs")
		var stuck *braid.Handle
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			stuck = g.Go(func(ctx context.Context) error {
				_, err := q.Get(context.WithoutCancel(ctx))
				release.Set()
				return err
			}, braid.Name("stuck"))
			g.Go(func(ctx context.Context) error { return forever(ctx) }, braid.Name("obedient"))
			until(t, ctx, "it is stuck", func() bool { return q.Statistics().Getting == 1 })
			g.Cancel(errStop)
			return nil
		}, braid.Name("main"), braid.Grace(aMoment), braid.OnStuck(func(e *braid.StuckError) { told = e }))
		se, found := errors.AsType[*braid.StuckError](err)
		if !found || se != told {
			t.Fatalf("err = %v", err)
		}
		// On a slow machine the grace may be over before the body and the obedient task have ended.
		i := slices.IndexFunc(se.Tasks, func(s braid.StuckTask) bool { return s.Path == "main/stuck" })
		if i < 0 || se.Tasks[i].Waiting != "queue.Get jobs" || se.Tasks[i].Age <= 0 {
			t.Errorf("stuck tasks = %+v", se.Tasks)
		}
		if !strings.Contains(err.Error(), "main/stuck") || !strings.Contains(err.Error(), "queue.Get jobs") {
			t.Errorf("text = %v", err)
		}
		want(t, "the stuck task", stuck.State(), braid.Running)
		q.TryPut(1)
		ok(t, release.Wait(ctx))
		ok(t, stuck.Wait(ctx))
	}},
	{"S13 a group that ends within its grace reports nothing", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			g.Go(func(ctx context.Context) error { _ = forever(ctx); pass(ctx); return ctx.Err() })
			g.Cancel(errStop)
		}, braid.Grace(inVain))
	}},
	{"S13 a body that is stuck is listed, and holds Run", func(t *testing.T, ctx context.Context) {
		var told braid.Event
		var list *braid.StuckError
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Cancel(errStop)
			return told.Wait(context.WithoutCancel(ctx))
		}, braid.Name("main"), braid.Grace(aMoment), braid.OnStuck(func(e *braid.StuckError) { list = e; told.Set() }))
		if list == nil || len(list.Tasks) != 1 || list.Tasks[0].Path != "main (the body of Run)" {
			t.Errorf("told of %v", list)
		}
		_ = err
	}},
}

// forever waits until ctx ends.
func forever(ctx context.Context) error { return (&braid.Event{}).Wait(ctx) }

// waitsIn returns a condition for until.
func waitsIn(h *braid.Handle, op string) func() bool {
	return func() bool { return strings.HasPrefix(h.Waiting(), op) }
}

func boom() { panic("boom") }

func named(context.Context) error { return nil }

// quiet keeps panics that are meant out of the log.
var quiet = braid.PanicHook(func(*braid.PanicError) {})

type wrapped struct{ err error }

func (w *wrapped) Error() string { return "wrapped: " + w.err.Error() }
func (w *wrapped) Unwrap() error { return w.err }

// wantFailures checks the members of a GroupError.
func wantFailures(t *testing.T, err error, texts ...string) {
	t.Helper()
	ge, ok := err.(*braid.GroupError)
	if !ok {
		t.Errorf("err = %v (%T), want a *GroupError", err, err)
		return
	}
	var got []string
	for _, e := range ge.Unwrap() {
		got = append(got, e.Error())
	}
	if !slices.Equal(got, texts) {
		t.Errorf("failures = %q, want %q", got, texts)
	}
}
