package sim_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/sim"
)

// What the simulator does not control is named, and not hung on.
// Tasks that block for good cannot be ended, so these tests leave a goroutine each, until they let it go.

func TestUncontrolled(t *testing.T) {
	gate := make(chan struct{})
	defer close(gate)
	var mu sync.Mutex
	mu.Lock()
	defer mu.Unlock()
	for name, c := range map[string]struct {
		task  func(s *sim.T) func(ctx context.Context) error
		parts []string
	}{
		"a channel": {func(*sim.T) func(context.Context) error {
			return func(context.Context) error { <-gate; return nil }
		}, []string{"task sim_test.together.func1/a blocks in chan receive, at sim/stray_test.go:", "Offload"}},
		"ctx.Done": {func(*sim.T) func(context.Context) error {
			return func(ctx context.Context) error {
				select {
				case <-ctx.Done():
				case <-gate:
				}
				return nil
			}
		}, []string{"blocks in select, at sim/stray_test.go:"}},
		"a mutex": {func(*sim.T) func(context.Context) error {
			return func(context.Context) error { mu.Lock(); mu.Unlock(); return nil } //nolint:staticcheck // it is there to block
		}, []string{"blocks in sync.Mutex.Lock, at sim/stray_test.go:"}},
		"time.Sleep": {func(*sim.T) func(context.Context) error {
			return func(context.Context) error { time.Sleep(2 * time.Second); return nil } //nolint:forbidigo // what is tested
		}, []string{"blocks in time.Sleep, at sim/stray_test.go:", "braid.Sleep"}},
		"context.WithTimeout": {func(*sim.T) func(context.Context) error {
			return func(ctx context.Context) error {
				ctx, cancel := context.WithTimeout(ctx, time.Hour)
				defer cancel()
				return new(braid.Event).Wait(ctx)
			}
		}, []string{"a deadline of the real clock", "braid.Timeout"}},
		"the go statement": {func(*sim.T) func(context.Context) error {
			return func(ctx context.Context) error {
				var e braid.Event
				done := make(chan struct{})
				_ = braid.Timeout(ctx, time.Second, e.Wait) // e is known to the simulator now
				go func() { defer close(done); e.Set() }()
				<-done
				return nil
			}
		}, []string{"event.Set on a goroutine that was started with the go statement, at sim/stray_test.go:"}},
	} {
		t.Run(name, func(t *testing.T) {
			fails(t, func(s *sim.T) { together(s, c.task(s)) }, []sim.Option{sim.Workers(1), sim.Advances(0)},
				append(c.parts, "not under control")...)
		})
	}
}

// A goroutine may begin late: when its task has ended, and the schedule too. When it begins is the machine's to say,
// so one that begins later still is not held against the simulator here.
func TestLateGoStatement(t *testing.T) {
	if sim.RaceBackend {
		t.Skip("the goroutine is a data race with the schedules after the one that it belongs to")
	}
	named := 0
	for range 20 {
		err := sim.Find(t, func(s *sim.T) {
			together(s, func(ctx context.Context) error {
				go func() { _ = braid.Sleep(ctx, time.Second) }()
				return nil
			}, nothing)
		}, nil, sim.Schedules(20))
		if err != nil {
			says(t, err.Error(), "braid.Sleep on a goroutine that was started with the go statement, at sim/stray_test.go:")
			named++
		}
	}
	if named < 10 {
		t.Errorf("named in %d of 20 searches", named)
	}
}

func TestParallelInsideASchedule(t *testing.T) {
	fails(t, func(*sim.T) { t.Parallel() }, nil, "t.Parallel cannot be called inside a schedule; call it before sim.Test")
}

func TestSubtestInsideASchedule(t *testing.T) {
	gate := make(chan struct{})
	defer close(gate)
	fails(t, func(*sim.T) { t.Run("inner", func(*testing.T) { <-gate }) }, []sim.Option{sim.Workers(1)}, "blocks in t.Run", "call sim.Test in the subtest")
}

func TestCleanupThatBlocks(t *testing.T) {
	gate := make(chan struct{})
	defer close(gate)
	fails(t, func(s *sim.T) { s.Cleanup(func() { <-gate }) }, []sim.Option{sim.Workers(1)}, "a callback blocks in chan receive", "sim/stray_test.go:")
}

// Offload is how a program does what blocks; the simulator waits for it.
func TestOffloadIsControlled(t *testing.T) {
	lim := func() *braid.Limiter { return braid.NewLimiter("threads", 2) }
	passes(t, func(s *sim.T) {
		l := lim()
		work := func(ctx context.Context) error {
			v, err := braid.Offload(ctx, l, func(context.Context) (int, error) {
				done := make(chan int)
				go func() { done <- 7 }()
				return <-done, nil
			})
			if v != 7 {
				s.Errorf("got %d", v)
			}
			return err
		}
		together(s, work, work)
	}, sim.Schedules(50))
	// One that waits for its ctx is let alone while time goes on.
	passes(t, func(s *sim.T) {
		l := lim()
		together(s, func(ctx context.Context) error {
			err := braid.Timeout(ctx, time.Second, func(ctx context.Context) error {
				_, err := braid.Offload(ctx, l, func(ctx context.Context) (int, error) {
					<-ctx.Done()
					return 0, context.Cause(ctx)
				})
				return err
			})
			if !errors.Is(err, braid.ErrTimeout) {
				s.Errorf("err = %v", err)
			}
			return nil
		})
	}, sim.Schedules(5))
}

// A task that computes for ever makes no steps that could be counted.
func TestEndlessComputation(t *testing.T) {
	var stop atomic.Bool
	defer stop.Store(true)
	err := sim.FindEndless(t, func(s *sim.T) {
		together(s, func(context.Context) error {
			for !stop.Load() {
				continue
			}
			return nil
		})
	})
	if err == nil {
		t.Fatal("nothing was found")
	}
	says(t, err.Error(), "without an operation of braid", "a program that never ends?", "stray_test.go:")
}
