package gen_test

import (
	"iter"
	"slices"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/gen"
)

func countdown(from int, last error, cleanup *bool) func(y *gen.Yielder[none, int]) error {
	return func(y *gen.Yielder[none, int]) error {
		defer func() { *cleanup = true }()
		for i := from; i > 0; i-- {
			if _, err := y.Yield(i); err != nil {
				return err
			}
		}
		return last
	}
}

// The two ways to loop over what a body yields give the same.
func loops(body func(y *gen.Yielder[none, int]) error) map[string]iter.Seq2[int, error] {
	return map[string]iter.Seq2[int, error]{
		"Seq": gen.Seq(body),
		"All": gen.New(func(y *gen.Yielder[none, int]) (none, error) { return none{}, body(y) }).All(),
	}
}

func TestLoopToTheEnd(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	cleaned := false
	for name, seq := range loops(countdown(3, nil, &cleaned)) {
		got, err := braid.Collect(seq)
		wantList(t, name, got, 3, 2, 1)
		want(t, name, err, nil)
		want(t, name, cleaned, true)
	}
}

func TestLoopIsGivenTheErrorLast(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	cleaned := false
	for name, seq := range loops(countdown(2, errBoom, &cleaned)) {
		var got []int
		var errs []error
		for v, err := range seq {
			if got = append(got, v); err != nil {
				errs = append(errs, err)
			}
		}
		wantList(t, name, got, 2, 1, 0)
		wantList(t, name, errs, errBoom)
	}
}

func TestLoopLeft(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	cleaned := false
	for name, seq := range loops(countdown(3, errBoom, &cleaned)) {
		cleaned = false
		for v := range seq {
			want(t, name, v, 3)
			break
		}
		want(t, name+" cleaned up", cleaned, true)
	}
	for name, seq := range loops(countdown(3, errBoom, &cleaned)) {
		cleaned = false
		v := caught(func() {
			for range seq {
				panic("ouch")
			}
		})
		want(t, name, v, any("ouch"))
		want(t, name+" cleaned up", cleaned, true)
	}
	for name, seq := range loops(countdown(3, errBoom, &cleaned)) {
		cleaned = false
		want(t, name, exited(func() {
			for range seq {
				(&fakeTest{}).FailNow()
			}
		}), true)
		want(t, name+" cleaned up", cleaned, true)
	}
}

func TestAllGoesOnWhereItStands(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	c := gen.New(func(y *gen.Yielder[none, int]) (string, error) { return "end", gen.YieldAll(y, upTo(4)) })
	c.Next()
	c.Next()
	got, err := braid.Collect(c.All())
	wantList(t, "the rest", got, 2, 3)
	want(t, "err", err, nil)
	s, _ := c.Result()
	want(t, "result", s, "end")
	for range c.All() {
		t.Error("there is more")
	}
}

func TestAllKeepsTheCleanupError(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	c := gen.New(func(y *gen.Yielder[none, int]) (none, error) {
		_, _ = y.Yield(1)
		return none{}, errBoom
	})
	for range c.All() {
		break
	}
	_, err := c.Result()
	want(t, "err", err, errBoom)
}

func TestSeqRunsAnew(t *testing.T) {
	t.Parallel()
	runs := 0
	seq := gen.Seq(func(y *gen.Yielder[none, int]) error {
		runs++
		_, err := y.Yield(runs)
		return err
	})
	for i := range 3 {
		got, _ := braid.Collect(seq)
		wantList(t, "values", got, i+1)
	}
}

func TestSeqYieldsAgain(t *testing.T) {
	t.Parallel()
	seq := gen.Seq(func(y *gen.Yielder[none, int]) error {
		for {
			_, _ = y.Yield(1)
		}
	})
	panics(t, "the loop", func() {
		for range seq {
			break
		}
	}, "after the loop over it had been left", "ErrClosed")
}

func TestPull(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	g := gen.Pull(slices.Values([]int{0, 7}))
	yields(t, "first", 0)(g.Next())
	yields(t, "second", 7)(g.Next())
	ends[int](t, "end")(g.Next())
	_, err := g.Result()
	want(t, "err", err, nil)

	left := false
	g = gen.Pull(func(yield func(int) bool) {
		defer func() { left = true }()
		for yield(1) {
		}
	})
	g.Next()
	want(t, "Close", g.Close(), nil)
	want(t, "left", left, true)

	g = gen.Pull(func(func(int) bool) { deepInside("ouch") })
	want(t, "panic", caughtPanic(t, func() { g.Next() }).Value, any("ouch"))
}

func TestPull2(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	cleaned := false
	g := gen.Pull2(gen.Seq(countdown(2, errBoom, &cleaned)))
	yields(t, "first", 2)(g.Next())
	yields(t, "second", 1)(g.Next())
	ends[int](t, "end")(g.Next())
	_, err := g.Result()
	want(t, "err", err, errBoom)

	cleaned = false
	g = gen.Pull2(gen.Seq(countdown(2, errBoom, &cleaned)))
	g.Next()
	ends[int](t, "throw")(g.Throw(errOther))
	_, err = g.Result()
	want(t, "err", err, errOther)
	want(t, "cleaned", cleaned, true)
}

func TestNothingToLoopOver(t *testing.T) {
	t.Parallel()
	panics(t, "Seq", func() { gen.Seq[int](nil) }, "Seq")
	panics(t, "Pull", func() { gen.Pull[int](nil) }, "Pull")
	panics(t, "Pull2", func() { gen.Pull2[int](nil) }, "Pull2")
	panics(t, "Values", func() { gen.Values[int](nil) }, "Values")
}
