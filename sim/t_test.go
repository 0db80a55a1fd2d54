package sim_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/sim"
)

var sprintf = fmt.Sprintf

var _ testing.TB = (*sim.T)(nil)

func TestFailuresAreOfOneSchedule(t *testing.T) {
	braidtest.CheckLeaks(t)
	report := fails(t, func(s *sim.T) {
		v := sim.NewVar("v", 0)
		set := func(n int) func(context.Context) error {
			return func(ctx context.Context) error {
				v.Store(ctx, n)
				s.Logf("stored %d", n)
				return nil
			}
		}
		together(s, set(1), set(2))
		if v.Peek() == 1 {
			s.Errorf("first")
			s.Error("second")
			s.Fail()
			if !s.Failed() {
				s.Errorf("not failed")
			}
		}
	}, nil, "first", "second", "logs of this schedule", "stored 2\n", "t_test.go:")
	says(t, report, "stored 1\n")
}

func TestFatalEndsTheSchedule(t *testing.T) {
	braidtest.CheckLeaks(t)
	for name, stop := range map[string]func(s *sim.T){
		"Fatal":   func(s *sim.T) { s.Fatal("stop here") },
		"Fatalf":  func(s *sim.T) { s.Fatalf("stop %s", "here") },
		"FailNow": func(s *sim.T) { s.Error("stop here"); s.FailNow() },
	} {
		t.Run(name, func(t *testing.T) {
			fails(t, func(s *sim.T) {
				together(s, func(ctx context.Context) error {
					if ctx.Err() == nil {
						stop(s)
					}
					panic("not reached")
				}, func(ctx context.Context) error { return new(braid.Event).Wait(context.WithoutCancel(ctx)) })
			}, nil, "stop here")
		})
	}
}

func TestSkip(t *testing.T) {
	tb := &recorder{TB: t}
	err := sim.Find(tb, func(s *sim.T) {
		together(s, func(context.Context) error {
			if s.IntN(2) == 0 {
				s.Skip("not this one")
			}
			return nil
		})
		if s.IntN(2) == 0 {
			s.Skipf("not %s", "this one")
		}
	}, nil, sim.Schedules(100))
	if err != nil {
		t.Error(err)
	}
	says(t, tb.text(), " skipped")
}

func TestCleanupAndTempDir(t *testing.T) {
	dirs := make(map[string]bool)
	passes(t, func(s *sim.T) {
		dir := s.TempDir()
		if dir != s.TempDir() {
			s.Error("two directories")
		}
		order := ""
		s.Cleanup(func() {
			if order += "c"; order != "abc" {
				s.Errorf("order %q", order)
			}
		})
		s.Cleanup(func() {
			order += "b"
			if s.Context().Err() == nil {
				s.Error("the context has not ended")
			}
		})
		together(s, func(context.Context) error { order += "a"; return nil })
		dirs[dir] = true
	}, sim.Workers(1), sim.Schedules(20))
	for dir := range dirs {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s is left", dir)
		}
	}
	fails(t, func(s *sim.T) { s.Cleanup(func() { s.Error("too late") }) }, nil, "too late")
}

func TestProcessIsShared(t *testing.T) {
	fails(t, func(s *sim.T) { s.Setenv("A", "b") }, nil, `Setenv("A")`, "before sim.Test")
	fails(t, func(s *sim.T) { s.Chdir("/") }, nil, "Chdir", "before sim.Test")
}

func TestValues(t *testing.T) {
	seen := make(map[int]bool)
	passes(t, func(s *sim.T) {
		n := s.IntN(3)
		s.Cleanup(func() { seen[n] = true })
		if r := s.Rand().IntN(10); r < 0 || r > 9 {
			s.Errorf("%d", r)
		}
	}, sim.Exhaustive, sim.Workers(1))
	if len(seen) != 3 {
		t.Errorf("values %v", seen)
	}
	for _, opt := range []sim.Option{sim.Exhaustive, sim.Reduce()} {
		tb := &recorder{TB: t}
		if err := sim.Find(tb, func(s *sim.T) { s.Rand(); s.IntN(2) }, nil, opt, sim.Complete()); err != nil {
			t.Error(err)
		}
		says(t, tb.text(), "(complete: ", "for one seed of Rand")
	}
	fails(t, func(s *sim.T) {
		if s.IntN(10) == 7 {
			s.Fatalf("seven, on the clock %v", s.Now())
		}
	}, nil, "seven")
	fails(t, func(s *sim.T) { s.IntN(0) }, nil, "must be positive")
}

// What is not overridden is that of the test around.
func TestRestOfTB(t *testing.T) {
	passes(t, func(s *sim.T) {
		s.Helper()
		s.Attr("a", "b")
		if s.Name() != t.Name() {
			s.Errorf("Name = %q", s.Name())
		}
		fmt.Fprintln(s.Output(), "a line")
		s.Log("a log")
		if s.Skipped() || s.Injected() {
			s.Error("skipped or injected")
		}
	})
}

// FailNow of a goroutine that is no task's: the engine is busy, and must not be touched.
func TestFatalOnAnotherGoroutine(t *testing.T) {
	fails(t, func(s *sim.T) {
		done := make(chan struct{})
		together(s, func(ctx context.Context) error {
			go func() {
				defer close(done)
				s.Fatal("from outside")
			}()
			for range 100 {
				_ = braid.Yield(ctx)
			}
			<-done
			return nil
		})
	}, nil, "from outside", "REPRODUCED")
}
