package gen_test

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/gen"
)

// What Close returns, and what Result says afterwards, for all that a body may do when it is told to end.
// The order is that of Python's documentation of generator.close.
func TestClose(t *testing.T) {
	t.Parallel()
	joined := errors.Join(gen.ErrClosed, errBoom)
	for _, c := range []struct {
		name   string
		after  func(y *gen.Yielder[int, int], err error) (int, error) // what the body does after Yield has returned err
		err    error                                                  // of Close
		result error
	}{
		{"returns ErrClosed", func(_ *gen.Yielder[int, int], err error) (int, error) { return 1, err }, nil, gen.ErrClosed},
		{"returns nil", func(*gen.Yielder[int, int], error) (int, error) { return 1, nil }, nil, nil},
		{"wraps ErrClosed", func(_ *gen.Yielder[int, int], err error) (int, error) { return 1, fmt.Errorf("walk: %w", err) }, nil, gen.ErrClosed},
		{"fails", func(*gen.Yielder[int, int], error) (int, error) { return 1, errBoom }, errBoom, errBoom},
		{"fails besides", func(*gen.Yielder[int, int], error) (int, error) { return 1, joined }, joined, joined},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			braidtest.CheckLeaks(t)
			cleaned := false
			co := gen.New(func(y *gen.Yielder[int, int]) (int, error) {
				defer func() { cleaned = true }()
				_, err := y.Yield(0)
				isErr(t, "Yield", err, gen.ErrClosed)
				return c.after(y, err)
			})
			co.Next()
			want(t, "Close", co.Close(), c.err)
			want(t, "the defer has run", cleaned, true)
			want(t, "Close again", co.Close(), nil)
			n, err := co.Result()
			want(t, "value", n, 1)
			isErr(t, "result", err, c.result)
			ends[int](t, "Next")(co.Next())
		})
	}
}

func TestCloseBeforeStart(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	c := gen.New(func(*gen.Yielder[int, int]) (int, error) { t.Error("the body runs"); return 0, nil })
	want(t, "Close", c.Close(), nil)
	want(t, "Close", c.Close(), nil)
	ends[int](t, "Next")(c.Next())
	_, err := c.Result()
	want(t, "err", err, gen.ErrClosed)
}

// A body that yields while it is being closed is unwound there, whatever it tries, and Close says so.
func TestYieldInClose(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]func(y *gen.Yielder[int, int]) (int, error){
		"ignores the error": func(y *gen.Yielder[int, int]) (int, error) {
			for {
				_, _ = y.Yield(0)
			}
		},
		"recovers": func(y *gen.Yielder[int, int]) (int, error) {
			for {
				func() {
					defer func() { _ = recover() }()
					_, _ = y.Yield(0)
				}()
			}
		},
		"yields in a defer": func(y *gen.Yielder[int, int]) (int, error) {
			defer func() { _, _ = y.Yield(1) }()
			defer func() { _, _ = y.Yield(2) }()
			return y.Yield(0)
		},
		"yields from inside another": func(y *gen.Yielder[int, int]) (int, error) {
			inner := gen.New(func(*gen.Yielder[int, int]) (int, error) {
				for {
					_, _ = y.Yield(0)
				}
			})
			inner.Next()
			return inner.Result()
		},
		"delegates": func(y *gen.Yielder[int, int]) (int, error) {
			return gen.YieldFrom(y, gen.New(func(y *gen.Yielder[int, int]) (int, error) {
				for {
					_, _ = y.Yield(0)
				}
			}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			braidtest.CheckLeaks(t)
			cleaned := false
			c := gen.New(func(y *gen.Yielder[int, int]) (int, error) {
				defer func() { cleaned = true }()
				return body(y)
			})
			yields(t, "start", 0)(c.Next())
			isErr(t, "Close", c.Close(), gen.ErrYieldInClose)
			want(t, "the defers have run", cleaned, true)
			ends[int](t, "Next")(c.Next())
			_, err := c.Result()
			isErr(t, "Result", err, gen.ErrYieldInClose)
		})
	}
}

func TestPanicInClose(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	for _, ignores := range []bool{false, true} {
		c := gen.New(func(y *gen.Yielder[int, int]) (int, error) {
			defer func() { panic("ouch") }()
			_, _ = y.Yield(0)
			if ignores {
				_, _ = y.Yield(1)
			}
			return 0, nil
		})
		c.Next()
		pe := caughtPanic(t, func() { _ = c.Close() })
		want(t, "value", pe.Value, any("ouch"))
		want(t, "Close again", c.Close(), nil)
		_, err := c.Result()
		want[error](t, "Result", err, pe)
	}
}

func TestGoexitInClose(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	c := gen.New(func(y *gen.Yielder[int, int]) (int, error) {
		defer runtime.Goexit()
		return y.Yield(0)
	})
	c.Next()
	want(t, "Close ends its caller", exited(func() { _ = c.Close() }), true)
	_, err := c.Result()
	want(t, "Result", err, braid.ErrGoexit)
	want(t, "Close again", c.Close(), nil)
}

// A body that is closed may still delegate its cleanup to another coroutine and run it to its end.
func TestOtherCoroutineInClose(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	steps := 0
	c := gen.New(func(y *gen.Yielder[int, int]) (int, error) {
		defer func() {
			for range gen.New(func(y *gen.Yielder[none, int]) (int, error) { return 0, gen.YieldAll(y, upTo(3)) }).All() {
				steps++
			}
		}()
		return y.Yield(0)
	})
	c.Next()
	want(t, "Close", c.Close(), nil)
	want(t, "steps of the cleanup", steps, 3)
}

// A coroutine that is delegated to while the outer one is being closed is closed with it, for nobody else will.
func TestYieldFromInClose(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	sub := gen.New(adder)
	sub.Next()
	c := gen.New(func(y *gen.Yielder[int, int]) (int, error) {
		defer func() { _, _ = gen.YieldFrom(y, sub) }()
		return y.Yield(0)
	})
	c.Next()
	want(t, "Close", c.Close(), gen.ErrYieldInClose)
	_, err := sub.Result()
	want(t, "sub", err, gen.ErrClosed)
}
