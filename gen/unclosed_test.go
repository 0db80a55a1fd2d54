package gen_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/gen"
)

// hear sets the hook for the time of a test, which must not be parallel, and returns where reports go.
func hear(t *testing.T) chan *gen.UnclosedError {
	t.Helper()
	heard := make(chan *gen.UnclosedError, 10)
	gen.OnUnclosed(func(e *gen.UnclosedError) { heard <- e })
	t.Cleanup(func() { gen.OnUnclosed(nil) })
	return heard
}

// next collects garbage until there is a report.
func next(t *testing.T, heard chan *gen.UnclosedError) *gen.UnclosedError {
	t.Helper()
	for range 10_000 {
		runtime.GC()
		select {
		case e := <-heard:
			return e
		default:
			runtime.Gosched()
		}
	}
	t.Fatal("nothing was reported")
	return nil
}

//go:noinline
func drop(cleaned *bool, failure error) {
	c := gen.New(func(y *gen.Yielder[int, int]) (int, error) {
		defer func() { *cleaned = true }()
		_, _ = y.Yield(1)
		return 0, failure
	})
	c.Next()
}

// A coroutine that is dropped while it is suspended is closed, and reported with its body and the line that made it.
func TestDropped(t *testing.T) {
	braidtest.CheckLeaks(t)
	heard := hear(t)
	cleaned := false
	drop(&cleaned, nil)
	e := next(t, heard)
	want(t, "cleaned", cleaned, true)
	want(t, "Err", e.Err, nil)
	for _, part := range []string{"gen_test.drop.func1", "unclosed_test.go:", "defer c.Close()"} {
		if !strings.Contains(e.Error(), part) {
			t.Errorf("%q does not say %q", e, part)
		}
	}
}

func TestDroppedAndCleanupFails(t *testing.T) {
	braidtest.CheckLeaks(t)
	heard := hear(t)
	cleaned := false
	drop(&cleaned, errBoom)
	e := next(t, heard)
	isErr(t, "the report", e, errBoom)
}

// Many that are dropped at once are all found, while others come and go.
func TestManyDropped(t *testing.T) {
	braidtest.CheckLeaks(t)
	const many = 200
	var heard atomic.Int32
	gen.OnUnclosed(func(*gen.UnclosedError) { heard.Add(1) })
	defer gen.OnUnclosed(nil)
	cleaned := make([]bool, many)
	var all sync.WaitGroup
	for k := range 4 {
		all.Go(func() {
			for i := k; i < many; i += 4 {
				drop(&cleaned[i], nil)
				kept := gen.New(adder)
				kept.Next()
				runtime.GC()
				yields(t, "one that is kept", 1)(kept.Send(1))
				want(t, "Close", kept.Close(), nil)
			}
		})
	}
	all.Wait()
	for heard.Load() < many {
		runtime.GC()
	}
	if slices.Contains(cleaned, false) || heard.Load() != many {
		t.Errorf("%d reports; cleaned up: %v", heard.Load(), cleaned)
	}
}

//go:noinline
func dropPanicking() {
	c := gen.New(func(y *gen.Yielder[int, int]) (int, error) {
		defer func() { panic("ouch") }()
		return y.Yield(1)
	})
	c.Next()
}

// Nobody can recover a panic on the goroutine that closes what was dropped; it is reported instead.
func TestDroppedAndCleanupPanics(t *testing.T) {
	braidtest.CheckLeaks(t)
	heard := hear(t)
	dropPanicking()
	pe, ok := errors.AsType[*gen.PanicError](next(t, heard))
	if !ok || pe.Value != "ouch" {
		t.Errorf("reported %v", pe)
	}
}

//go:noinline
func dropOthers(t *testing.T) {
	t.Helper()
	gen.New(adder) // never started
	ended := gen.New(func(*gen.Yielder[int, int]) (int, error) { return 0, nil })
	ended.Next()
	closed := gen.New(adder)
	closed.Next()
	want(t, "Close", closed.Close(), nil)
	failed := gen.New(func(*gen.Yielder[int, int]) (int, error) { panic("ouch") })
	caughtPanic(t, func() { failed.Next() })
}

// What has not been started, or has ended, needs no Close and is not reported.
func TestNothingToReport(t *testing.T) {
	braidtest.CheckLeaks(t)
	heard := hear(t)
	dropOthers(t)
	cleaned := false
	drop(&cleaned, nil) // dropped later than the others, so it is reported later, if those are
	e := next(t, heard)
	if !strings.Contains(e.Error(), "gen_test.drop.func1") || len(heard) > 0 {
		t.Errorf("reported %v", e)
	}
}

// The handle of a coroutine that is running is in use, even if its caller has no other use for it.
func TestNotCollectedWhileItRuns(t *testing.T) {
	braidtest.CheckLeaks(t)
	heard := hear(t)
	steps := 0
	gen.New(func(y *gen.Yielder[int, int]) (int, error) {
		for range 3 {
			runtime.GC()
			runtime.Gosched()
			steps++
		}
		return 0, nil
	}).Next()
	want(t, "steps", steps, 3)
	want(t, "reports", len(heard), 0)
}

// The leak check of braidtest sees a suspended coroutine as the goroutine that it is.
func TestCheckLeaksFindsSuspended(t *testing.T) {
	t.Parallel()
	r := &recorder{name: t.Name()}
	synctest.Test(t, func(*testing.T) { // here the check does not wait for long
		braidtest.CheckLeaks(r)
		c := gen.New(adder)
		c.Next()
		r.end()
		_ = c.Close()
	})
	if len(r.failures) != 1 || !strings.Contains(r.failures[0], "gen_test.adder") {
		t.Errorf("failures: %q", r.failures)
	}
}

// recorder is a test whose failures are facts to look at.
type recorder struct {
	testing.TB

	name     string
	cleanups []func()
	failures []string
}

func (r *recorder) Name() string     { return r.name }
func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) end() {
	for _, f := range r.cleanups {
		f()
	}
}

// In a bubble, a dropped coroutine is reported, and not touched from outside.
// The bubble itself finds what is left in it, and panics.
func TestDroppedInBubble(t *testing.T) {
	heard := hear(t)
	cleaned := false
	v := caught(func() {
		synctest.Test(t, func(t *testing.T) {
			drop(&cleaned, nil)
			runtime.GC()
			runtime.GC()
		})
	})
	if !strings.Contains(fmt.Sprint(v), "deadlock") {
		t.Errorf("the bubble panicked with %v", v)
	}
	isUnclosed := next(t, heard)
	want(t, "cleaned", cleaned, false)
	want(t, "Err", isUnclosed.Err, nil)
}
