package braidtest_test

import (
	"context"
	"fmt"
	"maps"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
)

// recorder is a test whose failures are facts to look at.
type recorder struct {
	testing.TB

	name     string
	cleanups []func()
	failures []string
}

func (r *recorder) Name() string      { return r.name }
func (r *recorder) Helper()           {}
func (r *recorder) Cleanup(f func())  { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Error(args ...any) { r.failures = append(r.failures, fmt.Sprint(args...)) }
func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

// end does what the testing package does at the end of a test.
func (r *recorder) end() {
	for len(r.cleanups) > 0 {
		last := len(r.cleanups) - 1
		f := r.cleanups[last]
		r.cleanups = r.cleanups[:last]
		f()
	}
}

// leaker holds goroutines up until release is called.
type leaker struct {
	stop    chan struct{}
	started sync.WaitGroup
	ended   sync.WaitGroup
}

func newLeaker() *leaker { return &leaker{stop: make(chan struct{})} }

// leak starts a goroutine that stays.
func (l *leaker) leak() {
	l.started.Add(1)
	l.ended.Go(l.linger)
	l.started.Wait()
}

func (l *leaker) linger() {
	l.started.Done()
	<-l.stop
}

func (l *leaker) release() {
	close(l.stop)
	l.ended.Wait()
}

func TestCheckLeaks_reportsWhatIsLeft(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	l := newLeaker()
	defer l.release()
	r := &recorder{name: "TestOfMine"}
	braidtest.CheckLeaksFor(r, time.Millisecond)
	l.leak()
	r.end()
	if len(r.failures) != 1 {
		t.Fatalf("failures %q, want one", r.failures)
	}
	for _, want := range []string{"a goroutine that it started has not:", "braidtest_test.(*leaker).linger\n\t", "leaks_test.go:"} {
		if !strings.Contains(r.failures[0], want) {
			t.Errorf("the failure does not contain %q:\n%s", want, r.failures[0])
		}
	}
}

func TestCheckLeaks_countsGoroutinesOfOneStack(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	l := newLeaker()
	defer l.release()
	r := &recorder{name: "TestOfMine"}
	braidtest.CheckLeaksFor(r, time.Millisecond)
	for range 3 {
		l.leak()
	}
	r.end()
	if len(r.failures) != 1 || !strings.Contains(r.failures[0], "3 goroutines that it started have not:") {
		t.Errorf("failures %q, want one that counts 3", r.failures)
	}
}

func TestCheckLeaks_passesWithoutLeftovers(t *testing.T) {
	t.Parallel()
	r := &recorder{name: "TestOfMine"}
	braidtest.CheckLeaks(r)
	l := newLeaker()
	l.leak()
	l.release()
	r.end()
	if len(r.failures) > 0 {
		t.Errorf("failures %q, want none", r.failures)
	}
}

// A goroutine that ends while the check looks has not leaked.
func TestCheckLeaks_waitsForTheEnd(t *testing.T) {
	t.Parallel()
	r := &recorder{name: "TestOfMine"}
	braidtest.CheckLeaks(r)
	l := newLeaker()
	l.leak()
	stop := make(chan struct{})
	var looks sync.WaitGroup
	looks.Go(func() { // lets go only after the check has begun to look, most of the time
		<-stop
		l.release()
	})
	r.cleanups = append(r.cleanups, func() { close(stop) })
	r.end()
	if len(r.failures) > 0 {
		t.Errorf("failures %q, want none", r.failures)
	}
	looks.Wait()
}

// Goroutines of goroutines, and those that add labels, are seen.
func TestCheckLeaks_seesDescendants(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	l := newLeaker()
	defer l.release()
	r := &recorder{name: "TestOfMine"}
	braidtest.CheckLeaksFor(r, time.Millisecond)
	var mid sync.WaitGroup
	mid.Go(func() {
		mid.Go(l.leak)
	})
	mid.Wait()
	r.end()
	if len(r.failures) != 1 {
		t.Errorf("failures %q, want one", r.failures)
	}
}

func TestCheckLeaks_parallelTestsDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	l := newLeaker()
	t.Cleanup(l.release) // runs after all subtests and before the check above
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			r := &recorder{name: t.Name()}
			braidtest.CheckLeaksFor(r, time.Millisecond)
			if i%2 == 0 {
				l.leak()
			}
			r.end()
			if got, want := len(r.failures), 1-i%2; got != want {
				t.Errorf("failures %q, want %d", r.failures, want)
			}
		})
	}
}

// What a subtest left counts for the test around it, unless the subtest looks itself.
func TestCheckLeaks_subtests(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	l := newLeaker()
	defer l.release()
	outer := &recorder{name: t.Name()}
	braidtest.CheckLeaksFor(outer, time.Millisecond)
	t.Run("looks", func(t *testing.T) {
		inner := &recorder{name: t.Name()}
		braidtest.CheckLeaksFor(inner, time.Millisecond)
		l.leak()
		inner.end()
		if len(inner.failures) != 1 {
			t.Errorf("failures of the subtest %q, want one", inner.failures)
		}
	})
	t.Run("does not look", func(*testing.T) { l.leak() })
	outer.end()
	if len(outer.failures) != 1 || !strings.Contains(outer.failures[0], "a goroutine that it started") {
		t.Errorf("failures of the test %q, want one, of one goroutine", outer.failures)
	}
}

// Labels of the caller stay in force, and are what they were when the check is over.
func TestCheckLeaks_restoresLabels(t *testing.T) {
	t.Parallel()
	odd := "a \"quoted\" {value}, with\ttab\nand \\ line # labels: {}"
	pprof.Do(t.Context(), pprof.Labels("one", "1", "odd", odd), func(context.Context) {
		before := braidtest.OwnLabels()
		if want := map[string]string{"one": "1", "odd": odd}; !maps.Equal(before, want) {
			t.Errorf("labels before: %q, want %q", before, want)
		}
		r := &recorder{name: "TestOfMine"}
		braidtest.CheckLeaks(r)
		during := braidtest.OwnLabels()
		if during["one"] != "1" || during["odd"] != odd || len(during) != 3 {
			t.Errorf("labels during the test: %q", during)
		}
		braidtest.CheckLeaks(r)
		r.end()
		if after := braidtest.OwnLabels(); !maps.Equal(after, before) {
			t.Errorf("labels afterwards: %q, want %q", after, before)
		}
	})
}

func TestCheckLeaks_aroundABubble(t *testing.T) {
	t.Parallel()
	r := &recorder{name: t.Name()}
	braidtest.CheckLeaks(r)
	synctest.Test(t, func(t *testing.T) {
		var tasks sync.WaitGroup
		before := braidtest.Left(r)
		tasks.Go(func() { <-time.After(time.Hour) })
		if got := braidtest.Left(r); got != before+1 {
			t.Errorf("%d goroutines of the test, want the one in the bubble beside %d", got, before)
		}
		tasks.Wait()
	})
	r.end()
	if len(r.failures) > 0 {
		t.Errorf("failures %q, want none", r.failures)
	}
}

// Inside a bubble no time passes for the check, which gives up all the same.
func TestCheckLeaks_insideABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		braidtest.CheckLeaks(t)
		r := &recorder{name: "TestOfMine"}
		braidtest.CheckLeaks(r)
		l := newLeaker()
		l.leak()
		r.end()
		if len(r.failures) != 1 {
			t.Errorf("failures %q, want one", r.failures)
		}
		l.release()
	})
}

// A scope that has ended leaves nothing, however it ended.
func TestCheckLeaks_endedScopesLeaveNothing(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]func(ctx context.Context, g *braid.Group) error{
		"success": func(ctx context.Context, g *braid.Group) error {
			for range 50 {
				g.Go(braid.Yield)
			}
			return nil
		},
		"failure": func(ctx context.Context, g *braid.Group) error {
			for range 50 {
				g.Go(func(ctx context.Context) error { return braid.Sleep(ctx, time.Hour) })
			}
			return context.DeadlineExceeded
		},
		"timeout": func(ctx context.Context, g *braid.Group) error {
			return braid.Timeout(ctx, time.Millisecond, func(ctx context.Context) error {
				return braid.Sleep(ctx, time.Hour)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			braidtest.CheckLeaks(t)
			if err := braid.Run(t.Context(), body); (err != nil) != (name != "success") {
				t.Errorf("Run: %v", err)
			}
		})
	}
}

// A task that is still there is found: braid starts workers from the goroutine that spawns.
func TestCheckLeaks_seesTasks(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	r := &recorder{name: "TestOfMine"}
	braidtest.CheckLeaksFor(r, time.Millisecond)
	var running, stop braid.Event
	err := braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			running.Set()
			return stop.Wait(ctx)
		})
		if err := running.Wait(ctx); err != nil {
			return err
		}
		r.end()
		stop.Set()
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if len(r.failures) != 1 {
		t.Errorf("failures %q, want one", r.failures)
	}
}
