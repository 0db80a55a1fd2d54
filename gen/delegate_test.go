package gen_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/gen"
)

// logged yields "a", "b", "c", writes down what comes in, and handles one error.
func logged(log *[]string) func(y *gen.Yielder[int, string]) (int, error) {
	return func(y *gen.Yielder[int, string]) (int, error) {
		sum := 0
		defer func() { *log = append(*log, "cleanup") }()
		for _, s := range []string{"a", "b", "c"} {
			v, err := y.Yield(s)
			switch {
			case errors.Is(err, errBoom):
				*log = append(*log, "boom")
			case err != nil:
				return sum, err
			default:
				*log = append(*log, fmt.Sprint(v))
				sum += v
			}
		}
		return sum, nil
	}
}

func TestYieldFrom(t *testing.T) {
	t.Parallel()
	type body = func(y *gen.Yielder[int, string]) (int, error)
	for name, delegate := range map[string]func(inner body) body{
		"YieldFrom": func(inner body) body {
			return func(y *gen.Yielder[int, string]) (int, error) { return gen.YieldFrom(y, gen.New(inner)) }
		},
		"YieldFrom twice": func(inner body) body {
			return func(y *gen.Yielder[int, string]) (int, error) {
				return gen.YieldFrom(y, gen.New(func(y *gen.Yielder[int, string]) (int, error) { return gen.YieldFrom(y, gen.New(inner)) }))
			}
		},
		"a call": func(inner body) body { return inner },
	} {
		start := func(log *[]string) *gen.Coroutine[int, string, string] {
			inner := delegate(logged(log))
			return gen.New(func(y *gen.Yielder[int, string]) (string, error) {
				sum, err := inner(y)
				if err != nil {
					return "", fmt.Errorf("inner, at %d: %w", sum, err)
				}
				if _, err := y.Yield("between"); err != nil {
					return "", err
				}
				return fmt.Sprint("sum ", sum), nil
			})
		}
		t.Run(name+": values, errors and the result go through", func(t *testing.T) {
			t.Parallel()
			braidtest.CheckLeaks(t)
			var log []string
			c := start(&log)
			yields(t, "start", "a")(c.Next())
			yields(t, "send", "b")(c.Send(5))
			yields(t, "throw", "c")(c.Throw(errBoom))
			yields(t, "send", "between")(c.Send(2))
			ends[string](t, "end")(c.Next())
			s, err := c.Result()
			want(t, "result", s, "sum 7")
			want(t, "err", err, nil)
			wantList(t, "log", log, "5", "boom", "2", "cleanup")
		})
		t.Run(name+": an error that the inner one does not handle comes out of it", func(t *testing.T) {
			t.Parallel()
			braidtest.CheckLeaks(t)
			var log []string
			c := start(&log)
			c.Next()
			c.Send(5)
			ends[string](t, "throw")(c.Throw(errOther))
			_, err := c.Result()
			isErr(t, "err", err, errOther)
			want(t, "text", err.Error(), "inner, at 5: other")
			wantList(t, "log", log, "5", "cleanup")
		})
		t.Run(name+": Close goes through", func(t *testing.T) {
			t.Parallel()
			braidtest.CheckLeaks(t)
			var log []string
			c := start(&log)
			c.Next()
			c.Send(5)
			want(t, "Close", c.Close(), nil)
			wantList(t, "log", log, "5", "cleanup")
		})
	}
}

func TestYieldFromCloseFails(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	sub := gen.New(func(y *gen.Yielder[int, int]) (int, error) {
		_, _ = y.Yield(1)
		return 0, errBoom
	})
	c := gen.New(func(y *gen.Yielder[int, int]) (int, error) { return gen.YieldFrom(y, sub) })
	c.Next()
	want(t, "Close", c.Close(), errBoom)
}

func TestYieldFromStartedAndEnded(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	sub := gen.New(adder)
	sub.Next()
	sub.Send(10)
	c := gen.New(func(y *gen.Yielder[int, int]) (int, error) { return gen.YieldFrom(y, sub) })
	yields(t, "the first step", 10)(c.Next())
	yields(t, "sub alone", 11)(sub.Send(1)) // others may resume it in between
	yields(t, "through c", 13)(c.Send(2))
	want(t, "Close", sub.Close(), nil)
	ends[int](t, "c finds the end")(c.Send(1))
	n, err := c.Result()
	want(t, "result", n, 13)
	isErr(t, "err", err, gen.ErrClosed)

	again := gen.New(func(y *gen.Yielder[int, int]) (int, error) { return gen.YieldFrom(y, sub) })
	ends[int](t, "an ended sub")(again.Next())
	n, _ = again.Result()
	want(t, "result", n, 13)
}

func TestYieldAll(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	left := false
	seq := func(yield func(int) bool) {
		defer func() { left = true }()
		for i := 0; yield(i); i++ {
		}
	}
	c := gen.New(func(y *gen.Yielder[int, int]) (none, error) { return none{}, gen.YieldAll(y, seq) })
	yields(t, "0", 0)(c.Next())
	yields(t, "1", 1)(c.Send(100))
	ends[int](t, "throw")(c.Throw(errBoom))
	want(t, "left", left, true)
	_, err := c.Result()
	want(t, "err", err, errBoom)
}

// FuzzDelegation runs a random body at the bottom of a tower of YieldFrom, and beside it the same body called directly.
// Delegation promises that nobody can tell the two apart, if the body does not keep it to itself that it was closed:
// YieldFrom returns ErrClosed then, as yield from raises GeneratorExit, so that the body around does not go on.
func FuzzDelegation(f *testing.F) {
	f.Add([]byte{0, 0, 0}, []byte{0, 1, 2, 3}, uint8(2))
	f.Add([]byte{1, 5, 2, 6, 3, 7}, []byte{0, 2, 2, 1, 0}, uint8(1))
	f.Add([]byte{4, 4, 4, 4}, []byte{0, 1, 3}, uint8(3))
	f.Add([]byte{0, 9, 5}, []byte{0, 3, 0, 2}, uint8(2))
	f.Fuzz(func(t *testing.T, script, calls []byte, depth uint8) {
		if len(script) > 50 || len(calls) > 50 {
			t.Skip()
		}
		braidtest.CheckLeaks(t)
		var direct, through []string
		towered := tower(int(depth%4)+1, scripted(script, &through))
		observe(gen.New(scripted(script, &direct)), calls, &direct)
		observe(gen.New(towered), calls, &through)
		if !slices.Equal(direct, through) {
			t.Errorf("directly:\n%q\nthrough YieldFrom:\n%q", direct, through)
		}
	})
}

type intBody = func(y *gen.Yielder[int, int]) (int, error)

func tower(levels int, bottom intBody) intBody {
	for range levels {
		sub := bottom
		bottom = func(y *gen.Yielder[int, int]) (int, error) { return gen.YieldFrom(y, gen.New(sub)) }
	}
	return bottom
}

// scripted is a body that does what script says, a byte a step, and logs what it sees.
func scripted(script []byte, log *[]string) intBody {
	return func(y *gen.Yielder[int, int]) (ret int, err error) {
		closed := false
		defer func() {
			*log = append(*log, "cleanup")
			if closed && err == nil {
				err = gen.ErrClosed
			}
		}()
		for i, step := range script {
			if step >= 250 {
				panic(int(step))
			}
			if step >= 240 {
				return int(step), nil
			}
			if step >= 230 {
				return int(step), errOther
			}
			v, err := y.Yield(int(step))
			*log = append(*log, fmt.Sprint("in ", i, v, err))
			switch {
			case errors.Is(err, gen.ErrClosed):
				closed = true
				switch step % 3 {
				case 0:
					return 1, err
				case 1:
					return 2, errOther
				}
				// goes on, and must not yield again
			case err != nil && step%2 == 0:
				return ret, err
			}
			ret += v
		}
		return ret, nil
	}
}

// observe makes the calls and logs all that can be seen.
func observe(c *gen.Coroutine[int, int, int], calls []byte, log *[]string) {
	note := func(what string, f func() string) {
		s := ""
		if v := caught(func() { s = f() }); v != nil {
			s = "panic"
			if pe, ok := v.(*gen.PanicError); ok {
				s += fmt.Sprint(pe.Value)
			}
		}
		*log = append(*log, what+" "+s)
	}
	step := func(v int, ok bool) string { return fmt.Sprint(v, ok) }
	for i, call := range calls {
		switch call % 8 {
		case 0, 1, 2:
			note("next", func() string { return step(c.Next()) })
		case 3, 4:
			note("send", func() string { return step(c.Send(i)) })
		case 5, 6:
			note("throw", func() string { return step(c.Throw(errBoom)) })
		case 7:
			note("close", func() string { return fmt.Sprint(c.Close()) })
		}
		note("result", func() string {
			v, err := c.Result()
			if pe, ok := errors.AsType[*gen.PanicError](err); ok {
				err = fmt.Errorf("panic %v", pe.Value)
			}
			if err != nil {
				v = 0 // YieldFrom gives no value with an error that came by Close, and need not
			}
			return fmt.Sprint(v, err)
		})
	}
	note("close", func() string { return fmt.Sprint(c.Close()) })
}
