package conformance

import (
	"context"
	"errors"
	"testing"

	"github.com/braid-go/braid"
)

// raceKind is one of the two ways to run a race.
type raceKind struct {
	name string
	run  func(braid.Race[int], context.Context, ...intFunc) (int, error)
}

var raceKinds = []raceKind{
	{"First", braid.Race[int].First},
	{"FirstSuccess", braid.Race[int].FirstSuccess},
}

// raceCases returns what holds for both kinds.
func raceCases() []testCase {
	var all []testCase
	for _, k := range raceKinds {
		all = append(all,
			testCase{k.name + ": the winner's value is returned when the losers have been cancelled and joined", k.joinsLosers},
			testCase{k.name + ": a surplus winner is handed to Dispose before the race returns", k.disposes},
			testCase{k.name + ": the winner is not disposed of, and losers that fail are not either", k.disposesNothingElse},
			testCase{k.name + ": the end of the caller's ctx cancels and joins all, and its cause is the error", k.parent},
			testCase{k.name + ": a value that is there although the caller was cancelled is returned or disposed of, never lost", k.neverLost},
			testCase{k.name + ": who has won has won, although the caller is cancelled before the losers have ended", k.wonAnyway},
			testCase{k.name + ": a race needs functions", k.noFunctions},
			testCase{k.name + ": with a done ctx nothing is called", k.ctxFirst},
			testCase{k.name + ": a loser that panics takes the winner's value with it, to Dispose", k.panics},
			testCase{k.name + ": a panic before anybody has won cancels and joins the others and comes out of the race", k.panicsFirst},
			testCase{k.name + ": a nil function panics and says which it is", k.nilFunction},
		)
	}
	return all
}

func (k raceKind) joinsLosers(t *testing.T, ctx context.Context) {
	var a, b hanger
	v, err := k.run(braid.Race[int]{}, ctx, a.runInt, b.runInt, a.thenInt(b.thenInt(returns(3))))
	ok(t, err)
	want(t, "the value", v, 3)
	a.joined(t, "one loser")
	b.joined(t, "the other loser")
	says(t, "the cause that losers see", a.cause, "race is over")
}

// late is a function that succeeds when it has lost.
func late(h *hanger, v int) intFunc {
	return func(ctx context.Context) (int, error) { _ = h.run(ctx); return v, nil }
}

func (k raceKind) disposes(t *testing.T, ctx context.Context) {
	var a, b hanger
	disposed := braid.NewQueue[int](braid.Unbounded)
	r := braid.Race[int]{Dispose: func(v int) { disposed.TryPut(v) }}
	v, err := k.run(r, ctx, late(&a, 1), late(&b, 2), a.thenInt(b.thenInt(returns(3))))
	ok(t, err)
	want(t, "the value", v, 3)
	sum := 0
	for _, v := range disposed.Shutdown(braid.Now) {
		sum += v * v
	}
	want(t, "what was disposed of, squared and summed", sum, 1+4)
}

func (k raceKind) disposesNothingElse(t *testing.T, ctx context.Context) {
	var h hanger
	r := braid.Race[int]{Dispose: func(v int) { t.Errorf("%d was disposed of", v) }}
	v, err := k.run(r, ctx, h.thenInt(returns(1)), func(ctx context.Context) (int, error) { _ = h.run(ctx); return 9, errors.New("too late") })
	ok(t, err)
	want(t, "the value", v, 1)
	h.joined(t, "the loser")
}

func (k raceKind) parent(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var a, b hanger
		c := begin(g, func(ctx context.Context) error {
			_, err := k.run(braid.Race[int]{}, ctx, a.runInt, b.runInt)
			return err
		})
		a.started(t, ctx)
		b.started(t, ctx)
		c.h.Cancel(errStop)
		want(t, "the error", c.result(t, ctx), errStop)
		a.joined(t, "one")
		b.joined(t, "the other")
		want(t, "the cause inside", a.cause, errStop)
	})
}

func (k raceKind) neverLost(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var h, other hanger
		seen := 0
		r := braid.Race[int]{Dispose: func(int) { seen++ }}
		c := begin(g, func(ctx context.Context) error {
			v, err := k.run(r, ctx, late(&h, 1), other.runInt)
			if err == nil {
				want(t, "the value", v, 1)
				seen++
			}
			return err
		})
		h.started(t, ctx)
		c.h.Cancel(errStop)
		if err := c.result(t, ctx); err != nil && !errors.Is(err, errStop) {
			t.Errorf("err = %v", err)
		}
		want(t, "how often the value was seen", seen, 1)
	})
}

func (k raceKind) wonAnyway(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var lost, hold braid.Event
		var h hanger
		c := begin(g, func(ctx context.Context) error {
			v, err := k.run(braid.Race[int]{}, ctx, h.thenInt(returns(5)), func(ctx context.Context) (int, error) {
				err := h.run(ctx)
				lost.Set()
				_ = hold.Wait(context.WithoutCancel(ctx))
				return 0, err
			})
			want(t, "the value", v, 5)
			return err
		})
		ok(t, lost.Wait(ctx))
		c.h.Cancel(errStop)
		pass(ctx)
		want(t, "the race has returned before its loser", c.ended(), false)
		hold.Set()
		c.succeeds(t, ctx, "the race")
	})
}

func (k raceKind) noFunctions(t *testing.T, ctx context.Context) {
	_, err := k.run(braid.Race[int]{}, ctx)
	says(t, "a race without functions", err, "at least one function")
}

func (k raceKind) ctxFirst(t *testing.T, ctx context.Context) {
	for _, done := range endedContexts(ctx) {
		_, err := k.run(braid.Race[int]{}, done, func(context.Context) (int, error) { t.Error("called"); return 0, nil })
		want(t, "the error", err, errStop)
	}
}

func (k raceKind) panics(t *testing.T, ctx context.Context) {
	quietly(t, ctx, func(ctx context.Context) {
		var h hanger
		var disposed []int
		r := braid.Race[int]{Dispose: func(v int) { disposed = append(disposed, v) }}
		pe := caughtPanic(t, func() {
			_, _ = k.run(r, ctx, h.thenInt(returns(4)), func(ctx context.Context) (int, error) { _ = h.run(ctx); panic("ouch") })
		})
		want(t, "the value of the panic", pe.Value, any("ouch"))
		wantList(t, "disposed", disposed, 4)
	})
}

func (k raceKind) panicsFirst(t *testing.T, ctx context.Context) {
	quietly(t, ctx, func(ctx context.Context) {
		var h hanger
		pe := caughtPanic(t, func() {
			_, _ = k.run(braid.Race[int]{}, ctx, h.runInt, h.thenInt(func(context.Context) (int, error) { panic("ouch") }))
		})
		want(t, "the value of the panic", pe.Value, any("ouch"))
		h.joined(t, "the other")
	})
}

func (k raceKind) nilFunction(t *testing.T, ctx context.Context) {
	quietly(t, ctx, func(ctx context.Context) {
		var h hanger
		panics(t, k.name, func() { _, _ = k.run(braid.Race[int]{}, ctx, h.runInt, nil) }, "function 1", "race", "nil")
		h.joined(t, "the one before")
	})
}

var raceEndCases = []testCase{
	{"First and FirstSuccess: when nobody has won because all were cancelled alone, that is an error", func(t *testing.T, ctx context.Context) {
		for _, k := range raceKinds {
			_, err := k.run(braid.Race[int]{}, ctx, cancelsItself, cancelsItself)
			isErr(t, k.name, err, errStop)
		}
	}},
	{"First: a failure wins, is named, and a late success is disposed of", func(t *testing.T, ctx context.Context) {
		var h hanger
		boom := errors.New("boom")
		var disposed []int
		r := braid.Race[int]{Dispose: func(v int) { disposed = append(disposed, v) }}
		v, err := r.First(ctx, late(&h, 1), h.thenInt(failing[int](boom)))
		h.joined(t, "the loser")
		want(t, "the value", v, 0)
		wantTask(t, err, "race", "1", boom)
		wantList(t, "disposed", disposed, 1)
	}},
	{"First: Goexit is a failure and can win", func(t *testing.T, ctx context.Context) {
		var h hanger
		_, err := braid.First(ctx, h.runInt, h.thenInt(func(context.Context) (int, error) { goexit(); return 0, nil }))
		h.joined(t, "the loser")
		wantTask(t, err, "race", "1", braid.ErrGoexit)
	}},
	{"First: a foreign context error is a failure like any other and wins", func(t *testing.T, ctx context.Context) {
		var h hanger
		_, err := braid.First(ctx, h.runInt, h.thenInt(failing[int](context.Canceled)))
		h.joined(t, "the loser")
		wantTask(t, err, "race", "1", context.Canceled)
	}},
	{"FirstSuccess: a failure does not win and cancels nobody", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var gate braid.Event
			var failing braid.Promise[*braid.Handle]
			c := begin(g, func(ctx context.Context) error {
				v, err := braid.FirstSuccess(ctx,
					func(ctx context.Context) (int, error) { return 1, gate.Wait(ctx) },
					func(ctx context.Context) (int, error) {
						failing.Resolve(braid.Current(ctx))
						return 2, errors.New("boom")
					})
				want(t, "the value", v, 1)
				return err
			})
			task, err := failing.Future().Wait(ctx)
			ok(t, err)
			_ = task.Wait(ctx)
			pass(ctx)
			gate.Set()
			c.succeeds(t, ctx, "FirstSuccess")
		})
	}},
	{"FirstSuccess: if none succeeds the error is a GroupError with all failures, in the order in which they came", func(t *testing.T, ctx context.Context) {
		first, second, third := errors.New("first"), errors.New("second"), errors.New("third")
		one := braid.Promise[*braid.Handle]{}
		two := braid.Promise[*braid.Handle]{}
		after := func(p *braid.Promise[*braid.Handle], err error) intFunc {
			return func(ctx context.Context) (int, error) {
				h, werr := p.Future().Wait(ctx)
				if werr != nil {
					return 0, werr
				}
				_ = h.Wait(ctx)
				return 0, err
			}
		}
		v, err := braid.FirstSuccess(ctx,
			after(&two, third),
			func(ctx context.Context) (int, error) { one.Resolve(braid.Current(ctx)); return 9, first },
			func(ctx context.Context) (int, error) {
				two.Resolve(braid.Current(ctx))
				return after(&one, second)(ctx)
			})
		want(t, "the value", v, 0)
		var ge *braid.GroupError
		if !errors.As(err, &ge) || len(ge.Unwrap()) != 3 {
			t.Errorf("err = %v, want three failures", err)
			return
		}
		wantTask(t, ge.Unwrap()[0], "race", "1", first)
		wantTask(t, ge.Unwrap()[1], "race", "2", second)
		wantTask(t, ge.Unwrap()[2], "race", "0", third)
	}},
	{"FirstSuccess: if the caller is cancelled the cause stands behind the failures that there were", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var h hanger
			boom := errors.New("boom")
			var failing braid.Promise[*braid.Handle]
			c := begin(g, func(ctx context.Context) error {
				_, err := braid.FirstSuccess(ctx, h.runInt,
					func(ctx context.Context) (int, error) { failing.Resolve(braid.Current(ctx)); return 0, boom })
				return err
			})
			h.started(t, ctx)
			task, err := failing.Future().Wait(ctx)
			ok(t, err)
			_ = task.Wait(ctx)
			c.h.Cancel(errStop)
			err = c.result(t, ctx)
			h.joined(t, "the other")
			var ge *braid.GroupError
			if !errors.As(err, &ge) || len(ge.Unwrap()) != 2 || ge.Unwrap()[1] != errStop {
				t.Errorf("err = %v, want the failure and then the cause", err)
				return
			}
			wantTask(t, ge.Unwrap()[0], "race", "1", boom)
		})
	}},
	{"FirstSuccess: Goexit is a failure, never a hang", func(t *testing.T, ctx context.Context) {
		_, err := braid.FirstSuccess(ctx, func(context.Context) (int, error) { goexit(); return 0, nil })
		wantTask(t, err, "race", "0", braid.ErrGoexit)
	}},
	{"First and FirstSuccess as functions do what Race does", func(t *testing.T, ctx context.Context) {
		boom := errors.New("boom")
		v, err := braid.First(ctx, returns(1))
		ok(t, err)
		want(t, "First", v, 1)
		_, err = braid.First(ctx, failing[int](boom))
		wantTask(t, err, "race", "0", boom)
		v, err = braid.FirstSuccess(ctx, failing[int](boom), returns(2), failing[int](boom))
		ok(t, err)
		want(t, "FirstSuccess", v, 2)
	}},
}
