package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/braid-go/braid"
)

// deceptive is an error that errors.Is takes for a cancellation, although it neither is nor wraps one.
type deceptive struct{}

func (deceptive) Error() string        { return "looks like a cancellation" }
func (deceptive) Is(target error) bool { return target == context.Canceled || target == errStop }

// hollow is an error of a kind that Go programs return by mistake: its nil pointer is no nil error, and its methods panic.
type hollow struct{ inner error }

func (h *hollow) Error() string { return h.inner.Error() }
func (h *hollow) Unwrap() error { return h.inner }

// uncomparable is an error whose type can be compared, and whose value cannot.
type uncomparable struct{ detail any }

func (uncomparable) Error() string { return "uncomparable" }

// What counts as a member's own cancellation.
var scopeJudgeCases = []testCase{
	{"S03 a foreign context error is a real failure", func(t *testing.T, ctx context.Context) {
		foreign, cancel := context.WithCancelCause(ctx)
		cancel(errStop)
		for _, foreignErr := range []error{
			context.Canceled, context.DeadlineExceeded, foreign.Err(), context.Cause(foreign),
			fmt.Errorf("fetch: %w", context.Canceled),
		} {
			var h *braid.Handle
			err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				h = g.Go(func(context.Context) error { return foreignErr })
				return nil
			})
			holds(t, err, foreignErr)
			want(t, "state", h.State(), braid.Failed)

			err = braid.Run(ctx, func(context.Context, *braid.Group) error { return foreignErr })
			holds(t, err, foreignErr)
		}
	}},
	{"S03 waiting on somebody else's cancelled task is no cancellation of one's own", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			other := g.Go(never)
			other.Cancel(errStop)
			g.Go(func(ctx context.Context) error { return other.Wait(ctx) }, braid.Name("waiter"))
			return nil
		}, braid.Name("scope"))
		holds(t, err, errStop)
		if te, isTask := errors.AsType[*braid.TaskError](err); isTask {
			want(t, "Task", te.Task, "scope/waiter")
		}
	}},
	{"C own cancellation: the ctx's Err or cause, or what singly wraps it, or a join of nothing else", func(t *testing.T, ctx context.Context) {
		for name, ret := range map[string]func(ctx context.Context) error{
			"Err":               func(ctx context.Context) error { return ctx.Err() },
			"cause":             context.Cause,
			"wrapped Err":       func(ctx context.Context) error { return fmt.Errorf("read: %w", ctx.Err()) },
			"wrapped cause":     func(ctx context.Context) error { return fmt.Errorf("read: %w", context.Cause(ctx)) },
			"twice wrapped":     func(context.Context) error { return fmt.Errorf("a: %w", fmt.Errorf("b: %w", errStop)) },
			"joined":            func(ctx context.Context) error { return errors.Join(errStop, ctx.Err()) },
			"joined, wrapped":   func(ctx context.Context) error { return fmt.Errorf("%w, %w", errStop, fmt.Errorf("x: %w", ctx.Err())) },
			"success after all": func(context.Context) error { return nil },
		} {
			state, failure := judged(t, ctx, true, ret)
			if failure != nil || state != braid.Cancelled && state != braid.Succeeded {
				t.Errorf("%s: err = %v, state = %d; want a cancellation", name, failure, state)
			}
		}
		for name, ret := range map[string]func(ctx context.Context) error{
			"a wait":             never,
			"a nested Run":       func(ctx context.Context) error { return braid.Run(ctx, scopeOf(never)) },
			"a nested timeout":   func(ctx context.Context) error { return braid.Timeout(ctx, long, never) },
			"a ctx made of it":   derivedErr,
			"a gather":           func(ctx context.Context) error { _, err := braid.Gather(ctx, neverDone[int]()); return err },
			"a wait, in a scope": func(ctx context.Context) error { return braid.Run(ctx, bodyOf(never)) },
		} {
			for _, cancelFirst := range []bool{true, false} {
				state, failure := judged(t, ctx, cancelFirst, ret)
				if failure != nil || state != braid.Cancelled {
					t.Errorf("%s: err = %v, state = %d; want a cancellation", name, failure, state)
				}
			}
		}
	}},
	{"C anything else is real, also when joined with the cause, also inside a shield or a nested timeout", func(t *testing.T, ctx context.Context) {
		boom := func(context.Context) error { return errBoom }
		for name, ret := range map[string]func(ctx context.Context) error{
			"another error":          boom,
			"joined with the cause":  func(ctx context.Context) error { return errors.Join(context.Cause(ctx), errBoom) },
			"joined before it":       func(ctx context.Context) error { return fmt.Errorf("%w %w", errBoom, ctx.Err()) },
			"another context error":  func(context.Context) error { return context.DeadlineExceeded },
			"an error of equal text": func(context.Context) error { return errors.New("stop") },
			"one that only claims":   func(context.Context) error { return deceptive{} },
			"inside a shield":        func(ctx context.Context) error { return braid.Shield(ctx, long, boom) },
			"a shield that ran out":  func(ctx context.Context) error { return braid.Shield(ctx, aMoment, never) },
			"inside a timeout in a shield": func(ctx context.Context) error {
				return braid.Shield(ctx, long, func(ctx context.Context) error { return braid.Timeout(ctx, long, boom) })
			},
			"a timeout in a shield that ran out": func(ctx context.Context) error {
				return braid.Shield(ctx, long, func(ctx context.Context) error { return braid.Timeout(ctx, aMoment, never) })
			},
			"in a scope in a shield": func(ctx context.Context) error {
				return braid.Shield(ctx, long, func(ctx context.Context) error { return braid.Run(ctx, scopeOf(boom)) })
			},
		} {
			state, failure := judged(t, ctx, true, ret)
			if len(members(t, failure)) != 1 || state != braid.Failed {
				t.Errorf("%s: err = %v, state = %d; want a failure", name, failure, state)
			}
		}
	}},
	{"C a failure inside a nested timeout is real although the task was cancelled meanwhile", func(t *testing.T, ctx context.Context) {
		state, failure := judged(t, ctx, false, func(ctx context.Context) error {
			return braid.Timeout(ctx, long, func(ctx context.Context) error {
				_ = never(ctx)
				return errBoom
			})
		})
		holds(t, failure, errBoom)
		want(t, "state", state, braid.Failed)
	}},
	{"C an error whose methods panic is a panic of the member that returned it", func(t *testing.T, ctx context.Context) {
		for _, cancelled := range []bool{false, true} {
			var h *braid.Handle
			for name, body := range map[string]func(ctx context.Context, g *braid.Group) error{
				"task": func(_ context.Context, g *braid.Group) error {
					h = g.Go(func(context.Context) error { return (*hollow)(nil) })
					return nil
				},
				"body": func(context.Context, *braid.Group) error { return (*hollow)(nil) },
				"once": func(ctx context.Context, _ *braid.Group) error {
					_, err := braid.NewOnceValue(failing[int]((*hollow)(nil))).Get(context.WithoutCancel(ctx))
					return err
				},
			} {
				err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
					err := body(ctx, g)
					if cancelled {
						g.Cancel(errStop)
					}
					return err
				}, hushed, braid.OnPanic(braid.AsError))
				pe, is := errors.AsType[*braid.PanicError](err)
				if !is || !strings.Contains(string(pe.Stack), "hollow") {
					t.Errorf("%s: err is a %T, want a panic", name, err)
				}
			}
			want(t, "state", h.State(), braid.Panicked)
		}
	}},
	{"C a cause that cannot be compared is judged without a panic", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Cancel(uncomparable{[]int{1}})
			return context.Cause(ctx)
		})
		if len(members(t, err)) != 1 {
			t.Errorf("err = %v", err)
		}
		ok(t, braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Cancel(uncomparable{1})
			return context.Cause(ctx)
		}))
	}},
	{"C the same judgement holds for a parent's deadline", func(t *testing.T, ctx context.Context) {
		limited, cancel := context.WithTimeout(ctx, aMoment)
		defer cancel()
		err := braid.Run(limited, func(ctx context.Context, g *braid.Group) error {
			g.Go(never)
			g.Go(func(ctx context.Context) error {
				_ = never(ctx)
				return ctx.Err()
			})
			return never(ctx)
		})
		want(t, "err", err, context.DeadlineExceeded)

		err = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			limited, cancel := context.WithTimeout(ctx, aMoment)
			defer cancel()
			return never(limited) // a limit that the body made for itself is not its own ctx
		})
		holds(t, err, context.DeadlineExceeded)
	}},
}

// judged cancels a task with errStop, before or after it has begun to run ret, and returns what Run and the task's state say.
func judged(t *testing.T, ctx context.Context, cancelFirst bool, ret func(ctx context.Context) error) (braid.State, error) {
	t.Helper()
	var h *braid.Handle
	err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		var begun braid.Event
		h = g.Go(func(ctx context.Context) error {
			if cancelFirst {
				_ = never(ctx)
			}
			begun.Set()
			return ret(ctx)
		})
		if !cancelFirst {
			ok(t, begun.Wait(ctx))
			pass(ctx)
		}
		g.Cancel(errStop)
		return nil
	})
	return h.State(), err
}

// scopeOf makes a body that starts fn and returns.
func scopeOf(fn func(ctx context.Context) error) func(context.Context, *braid.Group) error {
	return func(_ context.Context, g *braid.Group) error {
		g.Go(fn)
		return nil
	}
}

// bodyOf makes a body of fn, without tasks.
func bodyOf(fn func(ctx context.Context) error) func(context.Context, *braid.Group) error {
	return func(ctx context.Context, _ *braid.Group) error { return fn(ctx) }
}

// derivedErr returns the error of a standard ctx below ctx, when it has ended.
func derivedErr(ctx context.Context) error {
	below, cancel := context.WithCancel(ctx)
	defer cancel()
	_ = never(below)
	return below.Err()
}

// Cancelling groups.
var scopeCancelCases = []testCase{
	{"S04 g.Cancel ends a scope early without error", func(t *testing.T, ctx context.Context) {
		var seen error
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				seen = never(ctx)
				return seen
			})
			g.Cancel(errStop)
			return never(ctx)
		})
		ok(t, err)
		want(t, "what the task saw", seen, errStop)
	}},
	{"S04 g.Cancel may be called by a task", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(never)
			g.Go(func(ctx context.Context) error {
				g.Cancel(errStop)
				return ctx.Err()
			})
			return never(ctx)
		})
		ok(t, err)
	}},
	{"S04 g.Cancel never eats the parent's cancel: if the parent is done, the result is its cause", func(t *testing.T, ctx context.Context) {
		parent, cancel := context.WithCancelCause(ctx)
		err := braid.Run(parent, func(ctx context.Context, g *braid.Group) error {
			g.Go(never)
			g.Cancel(errOther)
			err := never(ctx)
			cancel(errStop)
			return err
		})
		want(t, "Run", err, errStop)
	}},
	{"S04 a failure after g.Cancel is a failure", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				_ = never(ctx)
				return errBoom
			})
			g.Cancel(errStop)
			return nil
		})
		holds(t, err, errBoom)
	}},
	{"S04 the cause of g.Cancel is seen everywhere below; nil means context.Canceled", func(t *testing.T, ctx context.Context) {
		for _, c := range []struct{ given, seen error }{{errStop, errStop}, {nil, context.Canceled}} {
			var inBody, inTask, inScope, inTimeout error
			err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error {
					inTask = never(ctx)
					return nil
				})
				g.Go(func(ctx context.Context) error {
					return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
						g.Go(func(ctx context.Context) error {
							inScope = never(ctx)
							return nil
						})
						return braid.Timeout(ctx, long, func(ctx context.Context) error {
							inTimeout = never(ctx)
							return nil
						})
					})
				})
				g.Cancel(c.given)
				inBody = never(ctx)
				return nil
			})
			ok(t, err)
			for _, seen := range []error{inBody, inTask} {
				want(t, "seen", seen, c.seen)
			}
			for _, seen := range []error{inScope, inTimeout} { // nil if the task saw the end before it opened its scope
				if seen != nil {
					want(t, "seen further in", seen, c.seen)
				}
			}
		}
	}},
	{"S04 cancelling again does nothing, nor does cancelling what has ended", func(t *testing.T, ctx context.Context) {
		var kept *braid.Group
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			kept = g
			g.Cancel(errStop)
			g.Cancel(errOther)
			want(t, "cause", context.Cause(ctx), errStop)
			want(t, "Cancelled", g.Statistics().Cancelled, true)
			return nil
		})
		ok(t, err)
		kept.Cancel(errOther)
	}},
	{"S04 cancelling a nested group does not touch the one around it", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, outer *braid.Group) {
			ok(t, braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				g.Go(never)
				g.Cancel(errStop)
				return never(ctx)
			}))
			ok(t, ctx.Err())
			want(t, "Cancelled", outer.Statistics().Cancelled, false)
		})
	}},
}
