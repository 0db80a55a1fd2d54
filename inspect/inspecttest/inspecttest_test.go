package inspecttest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/inspect"
	"github.com/braid-go/braid/inspect/inspecttest"
)

// recorder is a test that only records its failures.
type recorder struct {
	testing.TB

	failures []string
	cleanups []func()
	deadline time.Time
}

func (r *recorder) Helper()                     {}
func (r *recorder) Name() string                { return "TestRecorded" }
func (r *recorder) Cleanup(f func())            { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Fatal(args ...any)           { r.failures = append(r.failures, fmt.Sprint(args...)) }
func (r *recorder) Deadline() (time.Time, bool) { return r.deadline, !r.deadline.IsZero() }
func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) end() string {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
	r.cleanups = nil
	return strings.Join(r.failures, "\n")
}

// deadlocked runs during while two of its tasks hold each other up.
func deadlocked(t *testing.T, during func(ctx context.Context)) {
	t.Helper()
	errOver := errors.New("over")
	err := braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
		var left, right braid.Mutex
		left.SetName("left")
		right.SetName("right")
		var both braid.Event
		b := braid.NewBarrier(2)
		for _, locks := range [][2]*braid.Mutex{{&left, &right}, {&right, &left}} {
			g.Go(func(ctx context.Context) error {
				if err := locks[0].Lock(ctx); err != nil {
					return err
				}
				defer locks[0].Unlock()
				if _, err := b.Wait(ctx); err != nil {
					return err
				}
				both.Set()
				if err := locks[1].Lock(ctx); err != nil {
					return err
				}
				locks[1].Unlock()
				return nil
			}, braid.Name("lock "+locks[0].Name()))
		}
		if err := both.Wait(ctx); err != nil {
			return err
		}
		for waiting("mutex.Lock") < 2 {
			if err := braid.Yield(ctx); err != nil {
				return err
			}
		}
		during(ctx)
		g.Cancel(errOver)
		return nil
	}, braid.Name(t.Name()))
	if err != nil {
		t.Error(err)
	}
}

// waiting returns how many tasks are seen to wait in op.
func waiting(op string) int {
	n := 0
	for _, t := range inspect.Take().Tasks {
		if t.Wait != nil && t.Wait.Op == op {
			n++
		}
	}
	return n
}

func TestNoFindings_findsADeadlock(t *testing.T) {
	braidtest.CheckLeaks(t)
	r := &recorder{}
	inspecttest.NoFindings(r)
	var failures string
	deadlocked(t, func(context.Context) { failures = r.end() })
	for _, want := range []string{
		"something is wrong at the end of the test", "D1 deadlock (error, certain): " + t.Name() + "/lock left waits in mutex.Lock for mutex right (1st in line of 1), held by " + t.Name() + "/lock right",
		"The tasks:\n", "lock left  blocked mutex.Lock right, 1st of 1",
	} {
		if !strings.Contains(failures, want) {
			t.Errorf("the failure lacks %q:\n%s", want, failures)
		}
	}
}

func TestNoFindings_nothingIsWrong(t *testing.T) {
	braidtest.CheckLeaks(t)
	r := &recorder{}
	inspecttest.NoFindings(r)
	err := braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error { return braid.Sleep(ctx, time.Hour) })
		q := braid.NewQueue[int](1)
		g.Go(func(ctx context.Context) error { _, err := q.Get(ctx); return err })
		if err := braid.Yield(ctx); err != nil {
			return err
		}
		if failures := r.end(); failures != "" {
			t.Error(failures)
		}
		g.Cancel(nil)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// What lived before the test began, and what is allowed, is not its fault.
func TestNoFindings_notMine(t *testing.T) {
	braidtest.CheckLeaks(t)
	deadlocked(t, func(context.Context) {
		r := &recorder{}
		inspecttest.NoFindings(r)
		if failures := r.end(); failures != "" {
			t.Error(failures)
		}
	})
	r := &recorder{}
	inspecttest.NoFindings(r, inspecttest.Rules(inspect.Rules{Allow: []string{"D1 *left"}}))
	deadlocked(t, func(context.Context) {
		if failures := r.end(); strings.Contains(failures, "D1 deadlock (error, certain): "+t.Name()+"/lock left") {
			t.Error(failures)
		}
	})
}

// What goes wrong below a Run that was there before is found all the same.
func TestNoFindings_belowWhatWasThere(t *testing.T) {
	braidtest.CheckLeaks(t)
	err := braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
		r := &recorder{}
		inspecttest.NoFindings(r)
		var a, b braid.Mutex
		both := braid.NewBarrier(2)
		cross := func(mine, other *braid.Mutex) func(context.Context) error {
			return func(ctx context.Context) error {
				if err := mine.Lock(ctx); err != nil {
					return err
				}
				defer mine.Unlock()
				if _, err := both.Wait(ctx); err != nil {
					return err
				}
				return other.Lock(ctx)
			}
		}
		first, second := g.Go(cross(&a, &b)), g.Go(cross(&b, &a))
		for first.Waiting() != "mutex.Lock" || second.Waiting() != "mutex.Lock" {
			if err := braid.Yield(ctx); err != nil {
				return err
			}
		}
		if failures := r.end(); !strings.Contains(failures, "D1 deadlock") {
			t.Errorf("the deadlock was not found: %q", failures)
		}
		g.Cancel(nil)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// That an error was never seen is noticed some time later, perhaps in another test. So it is told to who asks for it alone.
func TestNoFindings_unseen(t *testing.T) {
	name := fmt.Sprint(t.Name(), "#", runs.Add(1)) // a finding that was there before is none
	quiet, asking := &recorder{}, &recorder{}
	inspecttest.NoFindings(quiet)
	inspecttest.NoFindings(asking, inspecttest.Rules(inspect.Rules{Unseen: time.Minute}))
	func() {
		p := &braid.Promise[int]{}
		p.SetName(name)
		p.Reject(errors.New("disk full"))
	}()
	noticed := func(in inspect.Incident) bool { return in.Task == name }
	for begun := time.Now(); !slices.ContainsFunc(inspect.Take().Incidents, noticed); runtime.GC() {
		if time.Since(begun) > 20*time.Second {
			t.Fatal("a promise that was dropped is never collected")
		}
	}
	if failures := quiet.end(); strings.Contains(failures, "L4") {
		t.Error(failures)
	}
	if failures := asking.end(); !strings.Contains(failures, "L4 error never seen") || !strings.Contains(failures, name) {
		t.Errorf("not found: %s", failures)
	}
}

var runs atomic.Int64

func TestNoFindings_badRules(t *testing.T) {
	r := &recorder{}
	bad := inspecttest.Rules(inspect.Rules{Allow: []string{"X1"}})
	inspecttest.NoFindings(r, bad)
	inspecttest.DumpOnTimeout(r, bad)
	if len(r.failures) != 2 {
		t.Errorf("%q", r.failures)
	}
	defer func() {
		if recover() == nil {
			t.Error("Findings did not panic")
		}
	}()
	inspecttest.Findings(bad)
}

func TestNoFindings_insideABubble(t *testing.T) {
	braidtest.CheckLeaks(t)
	synctest.Test(t, func(t *testing.T) {
		inspecttest.NoFindings(t)
		r := &recorder{}
		inspecttest.NoFindings(r)
		deadlocked(t, func(context.Context) {
			if failures := r.end(); !strings.Contains(failures, "D1 deadlock") {
				t.Errorf("the deadlock was not found: %q", failures)
			}
		})
	})
}

// signal is a writer that says when it was written to.
type signal struct{ text chan string }

func (s signal) Write(p []byte) (int, error) {
	s.text <- string(p)
	return len(p), nil
}

func TestDumpOnTimeout(t *testing.T) {
	braidtest.CheckLeaks(t)
	r, out := &recorder{}, signal{make(chan string, 1)}
	deadlocked(t, func(context.Context) {
		inspecttest.DumpOnTimeout(r, inspecttest.After(time.Millisecond), inspecttest.To(out))
		text := <-out.text
		for _, want := range []string{"inspecttest: TestRecorded has not ended after ", "lock left  blocked mutex.Lock right", "D1 deadlock"} {
			if !strings.Contains(text, want) {
				t.Errorf("the dump lacks %q:\n%s", want, text)
			}
		}
		r.end()
	})
}

// The dump of a test in a bubble comes from outside of it, in real time, and touches nothing that belongs to the bubble.
func TestDump_ofABubbleFromOutside(t *testing.T) {
	braidtest.CheckLeaks(t)
	stuck, dumped := make(chan struct{}), make(chan struct{})
	var out strings.Builder
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(dumped)
		<-stuck
		if err := inspecttest.Dump(&out); err != nil {
			t.Error(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		deadlocked(t, func(context.Context) {
			close(stuck)
			<-dumped
		})
	})
	wg.Wait()
	if text := out.String(); !strings.Contains(text, "lock left  blocked mutex.Lock right") || !strings.Contains(text, "D1 deadlock") {
		t.Errorf("the dump:\n%s", text)
	}
}

// A test that ends in time has no dump, and one without a deadline neither.
func TestDumpOnTimeout_inTime(t *testing.T) {
	braidtest.CheckLeaks(t)
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		r := &recorder{deadline: time.Now().Add(10 * time.Minute)}
		inspecttest.DumpOnTimeout(r, inspecttest.To(&out))
		time.Sleep(10*time.Minute - 6*time.Second) //nolint:forbidigo // in a bubble
		r.end()
		if out.Len() > 0 {
			t.Errorf("there is a dump: %s", &out)
		}
		r = &recorder{deadline: time.Now().Add(10 * time.Minute)}
		inspecttest.DumpOnTimeout(r, inspecttest.To(&out))
		time.Sleep(10*time.Minute - 4*time.Second) //nolint:forbidigo // in a bubble
		r.end()
		if !strings.Contains(out.String(), "TestRecorded has not ended after 9m55s") {
			t.Errorf("there is no dump: %q", &out)
		}
		inspecttest.DumpOnTimeout(&recorder{})
	})
}
