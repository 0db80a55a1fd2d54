package loop_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/loop"
)

// slows collects reports. They come from another goroutine, while the loop is held.
type slows struct {
	mu   sync.Mutex
	list []loop.Slow
	at   []time.Time
}

func (s *slows) add(r loop.Slow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list, s.at = append(s.list, r), append(s.at, time.Now())
}

func (s *slows) all() []loop.Slow {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]loop.Slow(nil), s.list...)
}

// hold keeps the loop: it blocks the thread, as code that knows nothing of loops does.
//
//go:noinline
func hold(d time.Duration) { <-time.After(d) }

func TestTheWatchdogReportsATaskWhileItHoldsTheLoop(t *testing.T) {
	var s slows
	bubble(t, func(_ context.Context, g *braid.Group) error {
		g.Go(func(context.Context) error {
			start := time.Now()
			hold(10 * time.Second)
			all := s.all()
			if len(all) != 1 {
				t.Fatalf("%d reports of one hold", len(all))
			}
			if after := s.at[0].Sub(start); after < 100*time.Millisecond || after > 200*time.Millisecond {
				t.Errorf("reported after %v", after)
			}
			r := all[0]
			if r.Task != "task main/guilty" || r.For < 100*time.Millisecond || r.For > 200*time.Millisecond {
				t.Errorf("reported %s for %v", r.Task, r.For)
			}
			contains(t, "the stack", r.Stack, "loop_test.hold", "TestTheWatchdogReportsATask")
			contains(t, "the text", r.String(), "task main/guilty has held the loop for", "loop_test.hold")
			return nil
		}, braid.Name("guilty"))
		return nil
	}, loop.OnSlow(s.add), loop.Scope(braid.Name("main")))
}

func TestTheWatchdogReportsACallbackByItsName(t *testing.T) {
	var s slows
	bubble(t, func(ctx context.Context, _ *braid.Group) error {
		loop.Current(ctx).CallSoon(guiltyCallback)
		err := braid.Sleep(ctx, time.Minute)
		all := s.all()
		if len(all) != 1 {
			t.Fatalf("%d reports", len(all))
		}
		contains(t, "the name", all[0].Task, "callback loop_test.guiltyCallback")
		contains(t, "the stack", all[0].Stack, "loop_test.hold", "guiltyCallback")
		return err
	}, loop.OnSlow(s.add))
}

func guiltyCallback() { hold(time.Second) }

// Each hold is reported once, however long it is, and each of several.
func TestTheWatchdogReportsEachHoldOnce(t *testing.T) {
	var s slows
	bubble(t, func(ctx context.Context, g *braid.Group) error {
		for range 3 {
			hold(time.Second)
			if err := braid.Yield(ctx); err != nil {
				return err
			}
			hold(time.Second)
			if err := braid.Sleep(ctx, time.Second); err != nil {
				return err
			}
		}
		g.Go(func(context.Context) error { hold(time.Second); return nil })
		g.Go(func(context.Context) error { hold(time.Second); return nil })
		l := loop.Current(ctx)
		l.CallSoon(guiltyCallback)
		l.CallSoon(guiltyCallback)
		return nil
	}, loop.OnSlow(s.add))
	if n := len(s.all()); n != 10 {
		t.Errorf("%d reports of 10 holds", n)
	}
}

// An eager child that holds the loop is the one that is named, not its parent.
func TestTheWatchdogNamesTheEagerChild(t *testing.T) {
	var s slows
	bubble(t, func(_ context.Context, g *braid.Group) error {
		g.Go(func(context.Context) error { hold(time.Second); return nil }, braid.Name("child"))
		return nil
	}, loop.OnSlow(s.add), loop.Eager(), loop.Scope(braid.Name("main")))
	if all := s.all(); len(all) != 1 || all[0].Task != "task main/child" {
		t.Errorf("reports: %v", all)
	}
}

// An idle loop, and one that is busy with many short things, is not slow; and an idle one wakes nobody.
func TestTheWatchdogLeavesIdleAndBusyLoopsAlone(t *testing.T) {
	var s slows
	bubble(t, func(ctx context.Context, g *braid.Group) error {
		l := loop.Current(ctx)
		if err := braid.Sleep(ctx, 1000*time.Hour); err != nil { // with a watchdog that wakes, this would take long
			return err
		}
		for range 100 {
			g.Go(func(ctx context.Context) error {
				for range 10 {
					hold(20 * time.Millisecond)
					if err := braid.Yield(ctx); err != nil {
						return err
					}
				}
				return nil
			})
			l.CallSoon(func() { hold(30 * time.Millisecond) })
			l.CallSoon(func() { hold(30 * time.Millisecond) })
		}
		return nil
	}, loop.OnSlow(s.add))
	if all := s.all(); len(all) > 0 {
		t.Errorf("%d reports, the first is %v", len(all), all[0])
	}
}

func TestSlowAfterSetsTheTimeAndZeroTurnsItOff(t *testing.T) {
	for after, want := range map[time.Duration]int{0: 0, time.Millisecond: 1, time.Second: 1, time.Minute: 0} {
		t.Run(after.String(), func(t *testing.T) {
			var s slows
			bubble(t, func(context.Context, *braid.Group) error {
				hold(10 * time.Second)
				return nil
			}, loop.OnSlow(s.add), loop.SlowAfter(after))
			if n := len(s.all()); n != want {
				t.Errorf("%d reports", n)
			}
		})
	}
}

// Without a handler the log hears of it.
func TestTheWatchdogLogsByDefault(t *testing.T) {
	braidtest.CheckLeaks(t)
	text := logged(t, func() {
		synctest.Test(t, func(t *testing.T) {
			runLoop(t, func(context.Context, *braid.Group) error {
				hold(time.Second)
				return nil
			}, loop.Scope(braid.Name("main")))
		})
	})
	contains(t, "the log", text, "held for too long", "Offload", "task main", "loop_test.hold")
	if strings.Count(text, "held for too long") != 1 {
		t.Errorf("logged more than once:\n%s", text)
	}
}

// In real time, a computation that never blocks is found as well: the watchdog needs no help of the one it watches.
func TestTheWatchdogFindsAComputation(t *testing.T) {
	braidtest.CheckLeaks(t)
	told := make(chan loop.Slow, 1)
	runLoop(t, func(context.Context, *braid.Group) error {
		contains(t, "the stack", compute(told).Stack, "loop_test.compute")
		return nil
	}, loop.SlowAfter(5*time.Millisecond), loop.OnSlow(func(s loop.Slow) {
		select {
		case told <- s:
		default:
		}
	}))
}

//go:noinline
func compute(until chan loop.Slow) loop.Slow {
	for n := 1; ; n++ {
		if n%1000 == 0 {
			select {
			case s := <-until:
				return s
			default:
			}
		}
	}
}
