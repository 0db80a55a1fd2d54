package conformance

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/braid-go/braid"
)

// explode is a function that a stack shows.
//
//go:noinline
func explode(v any) error { panic(v) }

var scopePanicCases = []testCase{
	{"S05 a panic keeps its value, its original stack and the name of its task", func(t *testing.T, ctx context.Context) {
		for _, who := range []string{"task", "body"} {
			pe := caughtPanic(t, func() {
				_ = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
					if who == "body" {
						return explode("boom")
					}
					g.Go(func(context.Context) error { return explode("boom") }, braid.Name("bad"))
					return never(ctx)
				}, braid.Name("scope"), hushed)
			})
			want(t, "Value", pe.Value, any("boom"))
			want(t, "Task", pe.Task, map[string]string{"task": "scope/bad", "body": "scope"}[who])
			if !strings.Contains(string(pe.Stack), "conformance.explode") || !strings.Contains(pe.Error(), "conformance.explode") {
				t.Errorf("the original stack is not in: %v", pe)
			}
		}
	}},
	{"S05 the hook hears of a panic at once, before the siblings have ended", func(t *testing.T, ctx context.Context) {
		var heard braid.Event
		var first *braid.PanicError
		pe := caughtPanic(t, func() {
			_ = braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error { return heard.Wait(context.WithoutCancel(ctx)) })
				g.Go(func(context.Context) error { return explode("boom") }, braid.Name("bad"))
				return nil
			}, braid.PanicHook(func(pe *braid.PanicError) {
				first = pe
				heard.Set()
			}))
		})
		if first == nil || first.Task != pe.Task || first.Value != pe.Value || !strings.Contains(string(first.Stack), "explode") {
			t.Errorf("the hook heard %v, Run panicked with %v", first, pe)
		}
	}},
	{"S05 a panic cancels the siblings, with itself as the cause", func(t *testing.T, ctx context.Context) {
		var inTask, inBody error
		pe := caughtPanic(t, func() {
			_ = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error {
					inTask = never(ctx)
					return inTask
				})
				g.Go(func(context.Context) error { return explode("boom") })
				inBody = never(ctx)
				return inBody
			}, hushed, braid.KeepGoing())
		})
		for _, seen := range []error{inTask, inBody} {
			var cause *braid.PanicError
			if !errors.As(seen, &cause) || cause.Value != pe.Value {
				t.Errorf("a sibling saw %v", seen)
			}
		}
	}},
	{"S05 the handle of a task that panicked says so, and Wait returns the PanicError", func(t *testing.T, ctx context.Context) {
		caughtPanic(t, func() {
			_ = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				h := g.Go(func(context.Context) error { return explode(errBoom) })
				err := h.Wait(context.WithoutCancel(ctx))
				var pe *braid.PanicError
				if !errors.As(err, &pe) || !errors.Is(err, errBoom) {
					t.Errorf("Wait = %v", err)
				}
				want(t, "state", h.State(), braid.Panicked)
				return nil
			}, hushed)
		})
	}},
	{"S05 AsError makes the panic a member of the group's error", func(t *testing.T, ctx context.Context) {
		for _, who := range []string{"task", "body"} {
			err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				if who == "body" {
					return explode(errBoom)
				}
				g.Go(func(context.Context) error { return explode(errBoom) })
				return never(ctx)
			}, hushed, braid.OnPanic(braid.AsError))
			holds(t, err, errBoom)
			if pe, is := errors.AsType[*braid.PanicError](err); !is || !strings.Contains(string(pe.Stack), "explode") {
				t.Errorf("err = %v", err)
			}
		}
	}},
	{"S05 with AsError the panic stands in its place: before what failed because of it", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				_ = never(ctx)
				return errOther
			})
			g.Go(func(context.Context) error { return explode(errBoom) })
			return never(ctx)
		}, hushed, braid.OnPanic(braid.AsError))
		holds(t, err, errBoom, errOther)
	}},
	{"S05 the policy is the group's own, the hook is inherited", func(t *testing.T, ctx context.Context) {
		heard := 0
		err := braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
			return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(func(context.Context) error { return explode("boom") })
				return nil
			}) // panics
		}, braid.OnPanic(braid.AsError), braid.PanicHook(func(*braid.PanicError) { heard++ }))
		if _, is := errors.AsType[*braid.PanicError](err); !is {
			t.Errorf("err = %v", err)
		}
		want(t, "heard", heard, 1)
	}},
	{"S05 an inner hook takes the place of the outer one", func(t *testing.T, ctx context.Context) {
		outer, inner := 0, 0
		caughtPanic(t, func() {
			_ = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error {
					return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
						g.Go(func(context.Context) error { return explode("boom") })
						return nil
					}, braid.PanicHook(func(*braid.PanicError) { inner++ }))
				})
				return nil
			}, braid.PanicHook(func(*braid.PanicError) { outer++ }))
		})
		wantList(t, "heard by outer and inner", []int{outer, inner}, 0, 1)
	}},
	{"S05 a panic that passes through nested scopes keeps its first task and stack", func(t *testing.T, ctx context.Context) {
		pe := caughtPanic(t, func() {
			_ = braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error {
					return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
						g.Go(func(context.Context) error { return explode("boom") }, braid.Name("bad"))
						return nil
					})
				}, braid.Name("middle"))
				return nil
			}, braid.Name("scope"), hushed)
		})
		want(t, "Task", pe.Task, "scope/middle/bad")
		want(t, "Value", pe.Value, any("boom"))
		if !strings.Contains(string(pe.Stack), "explode") {
			t.Errorf("stack: %s", pe.Stack)
		}
	}},
	{"S05 a hook that panics itself cannot make the panic vanish", func(t *testing.T, ctx context.Context) {
		pe := caughtPanic(t, func() {
			_ = braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(func(context.Context) error { return explode("boom") })
				return nil
			}, braid.PanicHook(func(*braid.PanicError) { panic("hook") }))
		})
		want(t, "Value", pe.Value, any("boom"))
	}},
	{"S05 a hook that calls Goexit, as t.FailNow does, keeps nobody from ending", func(t *testing.T, ctx context.Context) {
		for _, who := range []string{"task", "body"} {
			ended := false
			err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error { // the one whose goroutine the hook may end
					_ = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
						var begun braid.Event
						g.Go(func(ctx context.Context) error {
							begun.Set()
							_ = never(ctx)
							pass(ctx)
							ended = true
							return nil
						})
						ok(t, begun.Wait(ctx))
						if who == "body" {
							return explode("boom")
						}
						g.Go(func(context.Context) error { return explode("boom") })
						return nil
					}, braid.PanicHook(func(*braid.PanicError) { goexit() }))
					return nil
				})
				return nil
			}, braid.OnPanic(braid.AsError))
			pe, is := errors.AsType[*braid.PanicError](err)
			if !is || pe.Value != "boom" {
				t.Errorf("%s: err = %v", who, err)
			}
			want(t, who+": the sibling ended", ended, true)
		}
	}},
	{"S05 panics have types of their own: runtime errors, nil", func(t *testing.T, ctx context.Context) {
		var none []int
		last := len(none)
		for name, f := range map[string]func(){
			"index":  func() { _ = none[last] },
			"nil":    func() { panic(nil) },
			"struct": func() { panic(struct{}{}) },
		} {
			pe := caughtPanic(t, func() {
				_ = braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
					g.Go(func(context.Context) error {
						f()
						return nil
					})
					return nil
				}, hushed)
			})
			if pe.Value == nil {
				t.Errorf("%s: no value", name)
			}
		}
	}},
	{"S05 Goexit in a task is a failure, never a hang", func(t *testing.T, ctx context.Context) {
		var h *braid.Handle
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			h = g.Go(func(context.Context) error {
				goexit()
				return nil
			})
			return never(ctx)
		})
		holds(t, err, braid.ErrGoexit)
		want(t, "state", h.State(), braid.Failed)
	}},
	{"S05 Goexit in a task ends the task alone: those behind it still run", func(t *testing.T, ctx context.Context) {
		ran := 0
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			for range 3 {
				g.Go(func(context.Context) error {
					goexit()
					return nil
				})
				g.Go(func(context.Context) error {
					ran++
					return nil
				})
			}
			return nil
		}, braid.Limit(1), braid.KeepGoing())
		holds(t, err, braid.ErrGoexit, braid.ErrGoexit, braid.ErrGoexit)
		want(t, "ran", ran, 3)
	}},
	{"S05 a panic on the way out of Goexit is a panic, and ends nobody else", func(t *testing.T, ctx context.Context) {
		ran := 0
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			for range 3 {
				g.Go(func(context.Context) error {
					defer func() { _ = explode(errBoom) }()
					goexit()
					return nil
				})
				g.Go(func(context.Context) error {
					ran++
					return nil
				})
			}
			return nil
		}, braid.Limit(2), hushed, braid.OnPanic(braid.AsError))
		isErr(t, "err", err, errBoom)
		want(t, "goexit did not hide it", errors.Is(err, braid.ErrGoexit), false)
		if ran > 3 {
			t.Errorf("%d ran", ran)
		}
	}},
	{"S05 Goexit in a nested body joins its tasks and then ends the task", func(t *testing.T, ctx context.Context) {
		childEnded, wentOn := false, false
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				defer func() {
					if !childEnded {
						t.Error("the task ended before its child")
					}
				}()
				_ = braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
					g.Go(func(ctx context.Context) error {
						err := never(ctx)
						pass(ctx)
						childEnded = true
						return err
					})
					goexit()
					return nil
				})
				wentOn = true
				return nil
			})
			return nil
		})
		holds(t, err, braid.ErrGoexit)
		want(t, "wentOn", wentOn, false)
	}},

	{"C Run re-panics with the first panic, and its PanicError reaches all else that failed, later panics included", func(t *testing.T, ctx context.Context) {
		errLate := errors.New("late panic")
		pe := caughtPanic(t, func() {
			_ = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				before := g.Go(func(context.Context) error { return errBoom })
				_ = before.Wait(ctx)
				g.Go(func(ctx context.Context) error {
					_ = never(ctx)
					return errOther
				})
				g.Go(func(ctx context.Context) error {
					_ = never(ctx)
					return explode(errLate)
				}, braid.Name("late"))
				g.Go(func(context.Context) error { return explode("first") }, braid.Name("first"))
				return never(ctx)
			}, braid.Name("scope"), braid.KeepGoing(), hushed)
		})
		want(t, "Task", pe.Task, "scope/first")
		want(t, "Value", pe.Value, any("first"))
		for _, e := range []error{errBoom, errOther, errLate} {
			if !errors.Is(pe, e) {
				t.Errorf("%v is out of reach of %v", e, pe)
			}
			if !strings.Contains(pe.Error(), e.Error()) {
				t.Errorf("%v is not in the text: %v", e, pe)
			}
		}
		want(t, "number of others", len(pe.Others), 3)
	}},
	{"C what failed on the way out of nested scopes is reached too", func(t *testing.T, ctx context.Context) {
		pe := caughtPanic(t, func() {
			_ = braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error {
					_ = never(ctx)
					return errOther
				})
				g.Go(func(ctx context.Context) error {
					return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
						g.Go(func(ctx context.Context) error {
							_ = never(ctx)
							return errBoom
						})
						g.Go(func(context.Context) error { return explode("first") })
						return nil
					})
				})
				return nil
			}, hushed)
		})
		want(t, "Value", pe.Value, any("first"))
		isErr(t, "the panic", pe, errBoom)
		isErr(t, "the panic", pe, errOther)
	}},
	{"C a panic after g.Cancel, and under a cancelled parent, is still a panic", func(t *testing.T, ctx context.Context) {
		parent, cancel := context.WithCancelCause(ctx)
		pe := caughtPanic(t, func() {
			_ = braid.Run(parent, func(_ context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error {
					_ = never(ctx)
					return explode("boom")
				})
				g.Cancel(errStop)
				cancel(errOther)
				return nil
			}, hushed)
		})
		want(t, "Value", pe.Value, any("boom"))
	}},
}
