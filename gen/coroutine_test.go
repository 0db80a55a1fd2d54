package gen_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/gen"
)

// adder yields the sum of what it was sent, and returns it when an error comes.
func adder(y *gen.Yielder[int, int]) (int, error) {
	sum := 0
	for {
		v, err := y.Yield(sum)
		if err != nil {
			return sum, err
		}
		sum += v
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	c := gen.New(func(y *gen.Yielder[int, int]) (string, error) {
		for i := range 3 {
			if v, err := y.Yield(i); v != 0 || err != nil {
				t.Errorf("after Next, Yield returns %v %v", v, err)
			}
		}
		return "end", nil
	})
	_, err := c.Result()
	want(t, "Result of a fresh coroutine", err, gen.ErrNotFinished)
	yields(t, "first", 0)(c.Next()) // a zero value is no end
	yields(t, "second", 1)(c.Next())
	_, err = c.Result()
	want(t, "Result of a suspended coroutine", err, gen.ErrNotFinished)
	yields(t, "third", 2)(c.Next())
	ends[int](t, "fourth")(c.Next())
	ends[int](t, "fifth")(c.Next())
	ret, err := c.Result()
	want(t, "ret", ret, "end")
	want(t, "err", err, nil)
	want(t, "Close of an ended one", c.Close(), nil)
	ret, err = c.Result()
	want(t, "ret after Close", ret, "end")
	want(t, "err after Close", err, nil)
}

func TestSend(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	c := gen.New(adder)
	panics(t, "Send before Next", func() { c.Send(1) }, "Send", "gen_test.adder", "coroutine_test.go:", "call Next first")
	yields(t, "start", 0)(c.Next()) // and the failed Send has changed nothing
	yields(t, "send", 5)(c.Send(5))
	yields(t, "send", 12)(c.Send(7))
	yields(t, "next", 12)(c.Next())
	want(t, "Close", c.Close(), nil)
	ends[int](t, "send after the end")(c.Send(1))
	sum, err := c.Result()
	want(t, "sum", sum, 12)
	want(t, "err", err, gen.ErrClosed)
}

func TestThrow(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	survivor := func(y *gen.Yielder[int, string]) (int, error) {
		errs := 0
		for errs < 3 {
			if _, err := y.Yield(fmt.Sprint(errs)); err != nil {
				errs++
			}
		}
		return errs, nil
	}
	t.Run("the body goes on", func(t *testing.T) {
		c := gen.New(survivor)
		yields(t, "start", "0")(c.Next())
		yields(t, "throw", "1")(c.Throw(errBoom))
		yields(t, "next", "1")(c.Next())
		yields(t, "throw", "2")(c.Throw(errBoom))
		ends[string](t, "the last throw")(c.Throw(errBoom))
		n, err := c.Result()
		want(t, "result", n, 3)
		want(t, "err", err, nil)
	})
	t.Run("the body ends with it", func(t *testing.T) {
		c := gen.New(adder)
		c.Next()
		c.Send(3)
		ends[int](t, "throw")(c.Throw(errBoom))
		sum, err := c.Result()
		want(t, "sum", sum, 3)
		want(t, "err", err, errBoom)
		want(t, "Close", c.Close(), nil)
	})
	t.Run("before the start", func(t *testing.T) {
		c := gen.New(func(*gen.Yielder[int, int]) (int, error) { t.Error("the body runs"); return 1, nil })
		ends[int](t, "throw")(c.Throw(errBoom))
		ends[int](t, "next")(c.Next())
		_, err := c.Result()
		want(t, "err", err, errBoom)
	})
	t.Run("after the end", func(t *testing.T) {
		c := gen.New(func(*gen.Yielder[int, int]) (int, error) { return 7, nil })
		ends[int](t, "next")(c.Next())
		ends[int](t, "throw")(c.Throw(errBoom))
		n, err := c.Result()
		want(t, "result", n, 7)
		want(t, "err", err, nil)
	})
	t.Run("nil", func(t *testing.T) {
		c := gen.New(adder)
		c.Next()
		panics(t, "Throw(nil)", func() { c.Throw(nil) }, "use Next or Send")
		yields(t, "and it goes on", 1)(c.Send(1))
		want(t, "Close", c.Close(), nil)
	})
}

func TestNewWithoutBody(t *testing.T) {
	t.Parallel()
	panics(t, "New(nil)", func() { gen.New[int, int, int](nil) }, "body")
}

// A call from inside the body, whichever it is, panics, and the coroutine is as it was.
func TestReentrance(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	var c *gen.Coroutine[int, int, int]
	c = gen.New(func(y *gen.Yielder[int, int]) (int, error) {
		panics(t, "Next inside", func() { c.Next() }, "Next of the coroutine", "gen_test.TestReentrance.func1", "while it runs")
		panics(t, "Send inside", func() { c.Send(1) }, "Send", "while it runs")
		panics(t, "Throw inside", func() { c.Throw(errBoom) }, "Throw", "while it runs")
		panics(t, "Close inside", func() { c.Close() }, "Close", "while it runs")
		_, err := c.Result()
		want(t, "Result inside", err, gen.ErrNotFinished)
		return y.Yield(1)
	})
	yields(t, "the first step", 1)(c.Next())
	ends[int](t, "the second step")(c.Send(9))
	n, err := c.Result()
	want(t, "result", n, 9)
	want(t, "err", err, nil)
}

// Two coroutines that call each other: the inner one finds the outer one running.
func TestReentranceThroughAnother(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	var outer *gen.Coroutine[int, int, int]
	inner := gen.New(func(y *gen.Yielder[int, int]) (int, error) {
		outer.Next()
		return 0, nil
	})
	outer = gen.New(func(y *gen.Yielder[int, int]) (int, error) {
		inner.Next()
		return 0, nil
	})
	pe := caughtPanic(t, func() { outer.Next() })
	if !strings.Contains(fmt.Sprint(pe.Value), "while it runs") {
		t.Errorf("the value is %v", pe.Value)
	}
}

// Of many goroutines that step at the same time, each either makes a whole step or panics: no value is lost or seen twice.
func TestTwoGoroutinesAtOnce(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	c := gen.New(func(y *gen.Yielder[int, int]) (int, error) {
		for i := 1; ; i++ {
			if _, err := y.Yield(i); err != nil {
				return i, err
			}
		}
	})
	var seen sync.Map
	var steps, refused atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 2000 {
				v := caught(func() {
					n, ok := c.Next()
					if !ok {
						t.Error("it has ended")
					}
					steps.Add(1)
					if _, again := seen.LoadOrStore(n, true); again {
						t.Errorf("%d came twice", n)
					}
				})
				if v != nil {
					refused.Add(1)
				}
			}
		})
	}
	all.Wait()
	want(t, "Close", c.Close(), nil)
	n, _ := c.Result()
	want(t, "steps", steps.Load(), int64(n))
	want(t, "calls", steps.Load()+refused.Load(), 4*2000)
}

// The body holds the call up while another goroutine tries.
func TestSecondGoroutineIsRefused(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	c := gen.New(func(y *gen.Yielder[int, int]) (int, error) { return y.Yield(1) })
	inside, tried := make(chan none), make(chan none)
	slow := gen.New(func(y *gen.Yielder[int, int]) (int, error) {
		close(inside)
		<-tried
		return y.Yield(1)
	})
	var other sync.WaitGroup
	other.Go(func() {
		<-inside
		panics(t, "Next elsewhere", func() { slow.Next() }, "another goroutine")
		close(tried)
	})
	yields(t, "the step", 1)(slow.Next())
	other.Wait()

	yields(t, "here", 1)(c.Next())
	other.Go(func() { ends[int](t, "there, afterwards")(c.Next()) }) // one after another is fine
	other.Wait()
	want(t, "Close", slow.Close(), nil)
}

// A Yielder that is kept beyond its body is refused.
func TestYieldOutsideBody(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	var kept *gen.Yielder[int, int]
	c := gen.New(func(y *gen.Yielder[int, int]) (int, error) { kept = y; return 0, nil })
	c.Next()
	panics(t, "Yield", func() { _, _ = kept.Yield(1) }, "Yield outside its body")
}

// A body may yield from deep inside another coroutine that it resumes.
func TestYieldThroughAnotherCoroutine(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	c := gen.New(func(outer *gen.Yielder[int, string]) (int, error) {
		inner := gen.New(func(y *gen.Yielder[none, none]) (int, error) {
			n, err := outer.Yield("from inside")
			if err != nil {
				return 0, err
			}
			return n, nil
		})
		inner.Next()
		return inner.Result()
	})
	yields(t, "inside", "from inside")(c.Next())
	ends[string](t, "end")(c.Send(42))
	n, err := c.Result()
	want(t, "result", n, 42)
	want(t, "err", err, nil)
}

func TestStepsDoNotAllocate(t *testing.T) {
	braidtest.CheckLeaks(t)
	c := gen.New(adder)
	defer c.Close()
	c.Next()
	if n := testing.AllocsPerRun(1000, func() { c.Next() }); n > 0 {
		t.Errorf("Next allocates %v times", n)
	}
	if n := testing.AllocsPerRun(1000, func() { c.Send(1) }); n > 0 {
		t.Errorf("Send allocates %v times", n)
	}
}

// What has ended can be asked and closed by any number of goroutines at the same time.
func TestEndedIsForAll(t *testing.T) {
	t.Parallel()
	c := gen.New(func(*gen.Yielder[int, int]) (int, error) { return 7, errBoom })
	ends[int](t, "the only step")(c.Next())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 40000 {
				if v := caught(func() {
					_, more := c.Next()
					ret, err := c.Result()
					if more || ret != 7 || !errors.Is(err, errBoom) || c.Close() != nil {
						t.Errorf("Next gave %v, Result %d, %v", more, ret, err)
					}
				}); v != nil || t.Failed() {
					t.Errorf("panic: %v", v)
					return
				}
			}
		})
	}
	all.Wait()
}
