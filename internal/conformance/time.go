package conformance

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid"
)

// timeoutOf checks that err is a time limit that ran out, all its faces included, and returns it.
func timeoutOf(t *testing.T, err error, op string) *braid.TimeoutError {
	t.Helper()
	var te *braid.TimeoutError
	if !errors.As(err, &te) {
		t.Errorf("err = %v (%T), want a *TimeoutError", err, err)
		return &braid.TimeoutError{}
	}
	want(t, "the operation", te.Op, op)
	var net interface{ Timeout() bool }
	if !errors.As(err, &net) || !net.Timeout() {
		t.Errorf("%v does not say Timeout()", err)
	}
	for _, target := range []error{braid.ErrTimeout, context.DeadlineExceeded} {
		if !errors.Is(err, target) {
			t.Errorf("%v is not %v", err, target)
		}
	}
	return te
}

// noTimeout checks that err is the given one, and no time limit of braid's.
func noTimeout(t *testing.T, err, expected error) {
	t.Helper()
	want(t, "the error", err, expected)
	want(t, "it is a timeout", errors.Is(err, braid.ErrTimeout), false)
}

// timeLimit is Timeout or Deadline.
type timeLimit struct {
	name string // as errors call it
	run  func(ctx context.Context, d time.Duration, fn func(context.Context) error) error
}

var timeLimits = []timeLimit{
	{"timeout", braid.Timeout},
	{"deadline", func(ctx context.Context, d time.Duration, fn func(context.Context) error) error {
		for { // on a busy machine it may have passed before it is looked at
			called := false
			err := braid.Deadline(ctx, braid.Time(ctx).Add(d), func(ctx context.Context) error { called = true; return fn(ctx) })
			if called || d <= 0 || !errors.Is(err, braid.ErrTimeout) {
				return err
			}
		}
	}},
}

// timeLimitCases returns what holds for Timeout and Deadline alike.
func timeLimitCases() []testCase {
	var all []testCase
	for _, k := range timeLimits {
		name := strings.ToUpper(k.name[:1]) + k.name[1:]
		all = append(all,
			testCase{name + ": what returns in time is returned as it is", k.inTime},
			testCase{name + ": one that runs out is a TimeoutError, inside and outside", k.runsOut},
			testCase{name + ": of zero or less does not call the function", k.notPositive},
			testCase{name + ": a done ctx comes first, and the function is not called", k.ctxFirst},
			testCase{name + ": a result that is there counts, although the time has run out", k.resultCounts},
			testCase{name + ": a real error beside it is kept, and both are found", k.realError},
			testCase{name + ": never returns before the function", k.waits},
			testCase{name + ": the parent's cancel is the parent's cause, not a timeout", k.parent},
			testCase{name + ": the deadline is visible, and a longer one inside does not move it", k.visible},
			testCase{name + ": the ctx inside ends with the call, also by a panic", k.ctxEnds},
			testCase{name + ": works in a plain goroutine with a plain ctx", k.plain},
		)
	}
	return all
}

func (k timeLimit) inTime(t *testing.T, ctx context.Context) {
	boom := errors.New("boom")
	scope(t, ctx, func(ctx context.Context, _ *braid.Group) {
		me := braid.Current(ctx)
		ok(t, k.run(ctx, aWhile, func(ctx context.Context) error {
			want(t, "the task inside", braid.Current(ctx), me)
			return ctx.Err()
		}))
		noTimeout(t, k.run(ctx, aWhile, func(context.Context) error { return boom }), boom)
		noTimeout(t, k.run(ctx, aWhile, func(context.Context) error { return context.Canceled }), context.Canceled)
		want(t, "a foreign deadline", k.run(ctx, aWhile, func(context.Context) error { return context.DeadlineExceeded }), context.DeadlineExceeded)
	})
}

func (k timeLimit) runsOut(t *testing.T, ctx context.Context) {
	var inside error
	err := k.run(ctx, aMoment, func(ctx context.Context) error {
		inside = never(ctx)
		want(t, "Err inside", ctx.Err(), context.DeadlineExceeded)
		want(t, "Cause inside", context.Cause(ctx), inside)
		below, cancel := context.WithCancel(context.WithValue(ctx, valueKey{}, 1))
		defer cancel()
		want(t, "Cause in a standard ctx below", context.Cause(below), inside)
		return inside
	})
	te := timeoutOf(t, err, k.name)
	want[error](t, "the error inside", inside, te)
	says(t, "the error", err, k.name, "ran out")
	if te.After <= 0 || te.After > aMoment {
		t.Errorf("After = %v", te.After)
	}
	err = k.run(ctx, aMoment, func(ctx context.Context) error { _ = never(ctx); return ctx.Err() })
	if _, is := err.(*braid.TimeoutError); !is {
		t.Errorf("for ctx.Err() there is %v (%T)", err, err)
	}
	ok(t, ctx.Err())
}

func (k timeLimit) notPositive(t *testing.T, ctx context.Context) {
	for _, d := range []time.Duration{0, -1, -time.Hour} {
		timeoutOf(t, k.run(ctx, d, func(context.Context) error { t.Errorf("called with %v", d); return nil }), k.name)
	}
	timeoutOf(t, braid.Deadline(ctx, time.Time{}, func(context.Context) error { t.Error("called"); return nil }), "deadline")
}

func (k timeLimit) ctxFirst(t *testing.T, ctx context.Context) {
	for _, d := range []time.Duration{-1, 0, aWhile} {
		for _, done := range endedContexts(ctx) {
			noTimeout(t, k.run(done, d, func(context.Context) error { t.Error("called"); return nil }), errStop)
		}
	}
}

func (k timeLimit) resultCounts(t *testing.T, ctx context.Context) {
	v := 0
	ok(t, k.run(ctx, aMoment, func(ctx context.Context) error {
		timeoutOf(t, never(ctx), k.name)
		v = 42
		return nil
	}))
	want(t, "the value", v, 42)
}

func (k timeLimit) realError(t *testing.T, ctx context.Context) {
	boom := errors.New("boom")
	for _, failing := range []func(inside error) error{
		func(error) error { return boom },
		func(inside error) error { return errors.Join(inside, boom) },
	} {
		err := k.run(ctx, aMoment, func(ctx context.Context) error { return failing(never(ctx)) })
		timeoutOf(t, err, k.name)
		want(t, "the real error is found", errors.Is(err, boom), true)
		says(t, "the error", err, "boom", "ran out")
	}
	err := k.run(ctx, aMoment, func(ctx context.Context) error { _ = never(ctx); return context.Canceled })
	timeoutOf(t, err, k.name)
	want(t, "a foreign cancel is found", errors.Is(err, context.Canceled), true)
}

func (k timeLimit) waits(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var out, hold braid.Event
		c := begin(g, func(ctx context.Context) error {
			return k.run(ctx, aMoment, func(ctx context.Context) error {
				err := never(ctx)
				out.Set()
				_ = hold.Wait(context.WithoutCancel(ctx))
				return err
			})
		})
		ok(t, out.Wait(ctx))
		pass(ctx)
		want(t, "it has returned before its function", c.ended(), false)
		hold.Set()
		timeoutOf(t, c.result(t, ctx), k.name)
	})
}

func (k timeLimit) parent(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var h hanger
		c := begin(g, func(ctx context.Context) error { return k.run(ctx, aWhile, h.run) })
		h.started(t, ctx)
		c.h.Cancel(errStop)
		noTimeout(t, c.result(t, ctx), errStop)
		h.joined(t, "the function")

		below, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		noTimeout(t, k.run(below, aWhile, func(ctx context.Context) error { cancel(errStop); return never(ctx) }), errStop)

		deadline, cancelDeadline := context.WithTimeout(ctx, aMoment)
		defer cancelDeadline()
		noTimeout(t, k.run(deadline, aWhile, never), context.DeadlineExceeded)
	})
}

func (k timeLimit) visible(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, _ *braid.Group) {
		_, outside := ctx.Deadline()
		before := braid.Time(ctx)
		ok(t, k.run(ctx, aWhile, func(ctx context.Context) error {
			outer, has := ctx.Deadline()
			want(t, "there is a deadline", has, true)
			if outer.Before(before.Add(aWhile)) || outer.After(braid.Time(ctx).Add(aWhile)) {
				t.Errorf("the deadline is %v after the call", outer.Sub(before))
			}
			return k.run(ctx, 2*aWhile, func(ctx context.Context) error {
				inner, _ := ctx.Deadline()
				want(t, "the deadline inside", inner.Equal(outer), true)
				return k.run(ctx, aWhile/2, func(ctx context.Context) error {
					inner, _ := ctx.Deadline()
					want(t, "an earlier deadline inside", inner.Before(outer), true)
					return nil
				})
			})
		}))
		_, has := ctx.Deadline()
		want(t, "there is a deadline afterwards", has, outside)
	})
}

func (k timeLimit) ctxEnds(t *testing.T, ctx context.Context) {
	var kept context.Context
	ok(t, k.run(ctx, aWhile, func(ctx context.Context) error { kept = ctx; return nil }))
	want(t, "it is done when the call has returned", kept.Err() != nil, true)
	func() {
		defer func() { want(t, "the panic", recover(), any("ouch")) }()
		_ = k.run(ctx, aWhile, func(ctx context.Context) error { kept = ctx; panic("ouch") })
	}()
	want(t, "it is done when the call has panicked", kept.Err() != nil, true)
	ok(t, ctx.Err())
}

func (k timeLimit) plain(t *testing.T, ctx context.Context) {
	timeoutOf(t, join(t, ctx, elsewhere(func() error { return k.run(context.Background(), aMoment, never) })), k.name)
}

var timeoutCases = []testCase{
	{"Timeout: the error says which limit it was, and in which task", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			err := braid.Timeout(ctx, aMoment, never)
			want(t, "After", timeoutOf(t, err, "timeout").After, aMoment)
			says(t, "the error", err, aMoment.String(), "in task main")
			want(t, "After of zero", timeoutOf(t, braid.Timeout(ctx, 0, never), "timeout").After, 0)
		}, braid.Name("main"))
	}},
	{"Timeout: one that runs out cancels and joins a Run inside it", func(t *testing.T, ctx context.Context) {
		var a, b hanger
		var both braid.Event
		err := braid.Timeout(ctx, aMoment, func(ctx context.Context) error {
			return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				g.Go(a.run)
				g.Go(b.run)
				return both.Wait(ctx)
			})
		})
		want(t, "After", timeoutOf(t, err, "timeout").After, aMoment)
		var ge *braid.GroupError
		want(t, "it is a GroupError", errors.As(err, &ge), false)
		if a.begun.IsSet() {
			a.joined(t, "one task")
		}
		if b.begun.IsSet() {
			b.joined(t, "the other task")
		}
	}},
	{"Timeout: a real failure of a Run inside it is kept beside the timeout", func(t *testing.T, ctx context.Context) {
		boom := errors.New("boom")
		var err error
		for called := false; !called; { // on a busy machine the time may run out before Run is called
			err = braid.Timeout(ctx, aMoment, func(ctx context.Context) error {
				return braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
					called = true
					_ = never(ctx)
					return boom
				})
			})
		}
		timeoutOf(t, err, "timeout")
		want(t, "the failure is found", errors.Is(err, boom), true)
	}},
	{"Timeout, Deadline and Shield: a nil function panics, whatever the limit", func(t *testing.T, ctx context.Context) {
		for _, d := range []time.Duration{long, -1} {
			panics(t, "Timeout", func() { _ = braid.Timeout(ctx, d, nil) }, "Timeout needs a function", "nil")
			panics(t, "Deadline", func() { _ = braid.Deadline(ctx, braid.Time(ctx).Add(d), nil) }, "Deadline needs a function", "nil")
		}
		panics(t, "Shield", func() { _ = braid.Shield(ctx, long, nil) }, "Shield needs a function", "nil")
	}},
	{"Timeout: in a task it is a failure of the task, and cancels its group", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error { return braid.Timeout(ctx, aMoment, never) }, braid.Name("slow"))
			return never(ctx)
		}, braid.Name("main"))
		timeoutOf(t, err, "timeout")
		var te *braid.TaskError
		if !errors.As(err, &te) || te.Task != "main/slow" {
			t.Errorf("err = %v", err)
		}
	}},
}
