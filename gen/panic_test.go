package gen_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/gen"
)

//go:noinline
func deepInside(v any) { panic(v) }

func TestPanicKeepsValueAndStack(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	c := gen.New(func(y *gen.Yielder[int, int]) (int, error) {
		_, _ = y.Yield(0)
		deepInside(errBoom)
		return 0, nil
	})
	c.Next()
	pe := caughtPanic(t, func() { c.Next() })
	want(t, "value", pe.Value, any(errBoom))
	isErr(t, "as an error", pe, errBoom)
	for _, part := range []string{"gen_test.deepInside", "panic_test.go:"} {
		if !strings.Contains(string(pe.Stack), part) {
			t.Errorf("the stack has no %q:\n%s", part, pe.Stack)
		}
	}
	for _, part := range []string{"gen_test.TestPanicKeepsValueAndStack.func1 (made at panic_test.go:", "boom", "gen_test.deepInside"} {
		if !strings.Contains(pe.Error(), part) {
			t.Errorf("the text has no %q:\n%s", part, pe)
		}
	}
	ends[int](t, "Next after the panic")(c.Next())
	_, err := c.Result()
	want[error](t, "Result", err, pe)
	want(t, "Close", c.Close(), nil)
}

func TestPanicAtOnce(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	c := gen.New(func(*gen.Yielder[int, int]) (int, error) { panic("ouch") })
	pe := caughtPanic(t, func() { c.Next() })
	want(t, "value", pe.Value, any("ouch"))
	want(t, "no error inside", errors.Unwrap(pe), nil)
}

// A nil pointer of the very type that a panic comes out as is a value like any other.
func TestPanicWithANilPanicError(t *testing.T) {
	t.Parallel()
	c := gen.New(func(*gen.Yielder[int, int]) (int, error) { panic((*gen.PanicError)(nil)) })
	if pe := caughtPanic(t, func() { c.Next() }); pe == nil || !strings.Contains(string(pe.Stack), "TestPanicWithANilPanicError") {
		t.Errorf("it came out as %v", pe)
	}
}

// A panic on its way through several coroutines stays the one that it was.
func TestPanicThroughDelegation(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	inner := gen.New(func(y *gen.Yielder[int, int]) (int, error) {
		_, _ = y.Yield(1)
		deepInside("ouch")
		return 0, nil
	})
	outer := gen.New(func(y *gen.Yielder[int, int]) (int, error) { return gen.YieldFrom(y, inner) })
	yields(t, "start", 1)(outer.Next())
	pe := caughtPanic(t, func() { outer.Next() })
	if !strings.Contains(string(pe.Stack), "deepInside") || !strings.Contains(pe.Body, "TestPanicThroughDelegation.func1") {
		t.Errorf("it is now %v", pe)
	}
	_, err := inner.Result()
	want[error](t, "inner result", err, pe)
	_, err = outer.Result()
	want[error](t, "outer result", err, pe)
}

// In a task, the hook hears of it, and the stack of the body is in what it hears.
func TestPanicInATask(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	var heard []*braid.PanicError
	hook := braid.PanicHook(func(pe *braid.PanicError) { heard = append(heard, pe) })
	err := braid.Run(t.Context(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(context.Context) error {
			gen.New(func(*gen.Yielder[int, int]) (int, error) { deepInside(errBoom); return 0, nil }).Next()
			return nil
		})
		return nil
	}, hook, braid.OnPanic(braid.AsError))
	isErr(t, "Run", err, errBoom)
	if len(heard) != 1 || !strings.Contains(heard[0].Error(), "deepInside") {
		t.Errorf("the hook heard %v", heard)
	}
}

func TestGoexitEndsTheCaller(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	cleaned := 0
	c := gen.New(func(y *gen.Yielder[int, int]) (int, error) {
		defer func() { cleaned++ }()
		_, _ = y.Yield(0)
		runtime.Goexit()
		return 0, nil
	})
	outer := gen.New(func(y *gen.Yielder[int, int]) (int, error) {
		defer func() { cleaned++ }()
		return gen.YieldFrom(y, c)
	})
	yields(t, "start", 0)(outer.Next())
	want(t, "Next ends its caller", exited(func() { outer.Next() }), true)
	want(t, "defers", cleaned, 2)
	for _, c := range []*gen.Coroutine[int, int, int]{c, outer} {
		_, err := c.Result()
		want(t, "Result", err, braid.ErrGoexit)
		ends[int](t, "Next")(c.Next())
		want(t, "Close", c.Close(), nil)
	}
}

// A panic while Goexit unwinds the body ends the caller by the panic, as it does on one goroutine.
func TestPanicWhileGoexit(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	c := gen.New(func(y *gen.Yielder[int, int]) (int, error) {
		defer func() { panic("ouch") }()
		runtime.Goexit()
		return 0, nil
	})
	pe := caughtPanic(t, func() { c.Next() })
	want(t, "value", pe.Value, any("ouch"))
	ends[int](t, "Next")(c.Next())
}

// fakeTest is a testing.TB whose FailNow ends the goroutine as the real one's does.
type fakeTest struct {
	testing.TB

	failed bool
}

func (f *fakeTest) FailNow() {
	f.failed = true
	runtime.Goexit()
}

func TestFailNowInABody(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	f := &fakeTest{}
	reached := false
	exited(func() {
		c := gen.New(func(*gen.Yielder[int, int]) (int, error) { f.FailNow(); return 0, nil })
		defer c.Close()
		c.Next()
		reached = true
	})
	want(t, "the test has failed", f.failed, true)
	want(t, "the test goes on", reached, false)
}
