package loop_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/loop"
)

func TestTasksStartInTheOrderInWhichTheyWereSpawned(t *testing.T) {
	var got []int
	bubble(t, func(_ context.Context, g *braid.Group) error {
		for i := range 1000 {
			g.Go(func(context.Context) error {
				got = append(got, i)
				return nil
			})
		}
		return nil
	})
	if len(got) != 1000 || !slices.IsSorted(got) {
		t.Errorf("the order is %v", got)
	}
}

// What becomes ready during a turn runs in the next one, after all that was ready at the start of this one.
func TestATurnRunsWhatWasReadyAtItsStart(t *testing.T) {
	var p printed
	bubble(t, func(ctx context.Context, g *braid.Group) error {
		l := loop.Current(ctx)
		for i := range 3 {
			l.CallSoon(func() {
				p.println("call", i)
				l.CallSoon(func() { p.println("its call", i) })
				g.Go(func(context.Context) error {
					p.println("its task", i)
					return nil
				})
			})
		}
		return braid.Sleep(ctx, time.Second)
	})
	p.check(t, "call 0\ncall 1\ncall 2\nits call 0\nits task 0\nits call 1\nits task 1\nits call 2\nits task 2")
}

// A callback that calls itself soon, for ever, keeps neither timers nor tasks from running.
func TestACallbackThatRepeatsItselfDoesNotStarveOthers(t *testing.T) {
	braidtest.CheckLeaks(t)
	n := 0
	runLoop(t, func(ctx context.Context, g *braid.Group) error {
		l := loop.Current(ctx)
		var again func()
		over := false
		again = func() {
			if n++; !over {
				l.CallSoon(again)
			}
		}
		l.CallSoon(again)
		var timer braid.Event
		l.CallLater(time.Millisecond, timer.Set)
		for range 100 {
			if err := braid.Yield(ctx); err != nil {
				return err
			}
		}
		err := timer.Wait(ctx)
		over = true
		return err
	})
	if n < 100 {
		t.Errorf("it was called %d times", n)
	}
}

// The loop ends with its tasks. Callbacks that are ready then are still called; what they make ready is not,
// or a callback that repeats itself would keep the loop for ever.
func TestTheLoopEndsWithItsTasksWhateverCallbacksRepeat(t *testing.T) {
	n, later, last := 0, 0, false
	bubble(t, func(ctx context.Context, _ *braid.Group) error {
		l := loop.Current(ctx)
		var again func()
		again = func() {
			n++
			l.CallSoon(again)
		}
		l.CallSoon(again)
		l.CallLater(time.Hour, func() { later++ })
		err := braid.Yield(ctx)
		l.CallSoon(func() { last = true })
		return err
	})
	if n < 1 || n > 3 || later != 0 || !last {
		t.Errorf("the one that repeats itself was called %d times, the one of later %d times, the ready one: %v", n, later, last)
	}
}

func TestCallsAtEqualTimesKeepTheirOrder(t *testing.T) {
	var got []int
	bubble(t, func(ctx context.Context, _ *braid.Group) error {
		l := loop.Current(ctx)
		at := l.Time().Add(time.Second)
		for i := range 500 {
			l.CallAt(at.Add(time.Duration(i%5)*time.Second), func() { got = append(got, i%5*1000+i) })
		}
		return braid.Sleep(ctx, time.Minute)
	})
	if len(got) != 500 || !slices.IsSorted(got) {
		t.Errorf("%d calls, in the order %v", len(got), got)
	}
}

// Sleeping tasks and callbacks stand in one queue of timers.
func TestSleepsAndCallsAtEqualTimesKeepTheirOrder(t *testing.T) {
	var p printed
	bubble(t, func(ctx context.Context, g *braid.Group) error {
		l := loop.Current(ctx)
		sleeper := func(name string) {
			g.Go(func(ctx context.Context) error {
				err := braid.Sleep(ctx, time.Second)
				p.println(name)
				return err
			})
		}
		sleeper("a")
		if err := braid.Yield(ctx); err != nil {
			return err
		}
		l.CallLater(time.Second, func() { p.println("call") })
		sleeper("b")
		return nil
	})
	p.check(t, "a\ncall\nb")
}

func TestAHandleSaysWhatBecameOfItsCall(t *testing.T) {
	bubble(t, func(ctx context.Context, _ *braid.Group) error {
		l := loop.Current(ctx)
		calls := 0
		count := func() { calls++ }
		soon, never := l.CallSoon(count), l.CallSoon(count)
		at := l.Time().Add(time.Second)
		timed, neverTimed := l.CallAt(at, count), l.CallAt(at, count)
		if !never.Cancel() || never.Cancel() || !neverTimed.Cancel() || neverTimed.Cancel() {
			t.Error("Cancel does not report whether it did it")
		}
		if !never.Cancelled() || !neverTimed.Cancelled() || soon.Cancelled() || timed.Cancelled() {
			t.Error("Cancelled does not tell")
		}
		if !timed.When().Equal(at) || !soon.When().IsZero() {
			t.Errorf("When = %v and %v", timed.When(), soon.When())
		}
		if err := braid.Sleep(ctx, 2*time.Second); err != nil {
			return err
		}
		if calls != 2 || soon.Cancel() || timed.Cancel() || soon.Cancelled() || timed.Cancelled() {
			t.Errorf("after two calls: %d, and they can still be cancelled or say so", calls)
		}
		contains(t, "the name", soon.String(), "callback", "TestAHandleSaysWhatBecameOfItsCall")
		return nil
	})
}

// A callback can be cancelled between the moment at which it is due and its call.
func TestACallIsCancelledByTheOneBefore(t *testing.T) {
	bubble(t, func(ctx context.Context, _ *braid.Group) error {
		l := loop.Current(ctx)
		at := l.Time().Add(time.Second)
		var second *loop.Callback
		l.CallAt(at, func() {
			if !second.Cancel() {
				t.Error("too late")
			}
		})
		second = l.CallAt(at, func() { t.Error("it was called") })
		return braid.Sleep(ctx, time.Minute)
	})
}

func TestATimeInThePastIsNowAndOneFarAwayIsNever(t *testing.T) {
	bubble(t, func(ctx context.Context, _ *braid.Group) error {
		l := loop.Current(ctx)
		past := 0
		l.CallLater(-time.Hour, func() { past++ })
		l.CallAt(time.Time{}, func() { past++ })
		l.CallLater(1<<63-1, func() { t.Error("the end of time has come") })
		l.CallAt(l.Time().AddDate(1000, 0, 0), func() { t.Error("a thousand years have passed") })
		err := braid.Timeout(ctx, time.Hour, func(ctx context.Context) error { return braid.Sleep(ctx, 1<<63-1) })
		if !errors.Is(err, braid.ErrTimeout) || past != 2 {
			t.Errorf("a sleep for ever: %v; calls in the past: %d", err, past)
		}
		return nil
	})
}

func TestALoopReadsTheBubblesClock(t *testing.T) {
	braidtest.CheckLeaks(t)
	synctest.Test(t, func(t *testing.T) {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			l := loop.Current(ctx)
			start := l.Time()
			if err := braid.Sleep(ctx, 36*time.Hour); err != nil {
				return err
			}
			if got := l.Time().Sub(start); got != 36*time.Hour || !l.Time().Equal(time.Now()) || !l.Time().Equal(braid.Time(ctx)) {
				t.Errorf("%v have passed; Time %v, now %v", got, l.Time(), time.Now())
			}
			return nil
		})
	})
}

// Between two waits a task is alone, so what it reads and writes needs no lock.
func TestBetweenTwoWaitsATaskIsAlone(t *testing.T) {
	const tasks, rounds = 100, 50
	counter := 0
	bubble(t, func(_ context.Context, g *braid.Group) error {
		for range tasks {
			g.Go(func(ctx context.Context) error {
				for range rounds {
					before := counter
					for range 10 {
						counter++
					}
					if counter != before+10 {
						return fmt.Errorf("another task ran between %d and %d", before, counter)
					}
					if err := braid.Yield(ctx); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return nil
	})
	if counter != 10*tasks*rounds {
		t.Errorf("counter = %d", counter)
	}
}

func TestAnEagerChildRunsToItsFirstWaitBeforeGoReturns(t *testing.T) {
	var p printed
	bubble(t, func(ctx context.Context, g *braid.Group) error {
		var event braid.Event
		g.Go(func(ctx context.Context) error {
			p.println("outer child starts")
			g.Go(func(ctx context.Context) error {
				p.println("inner child starts")
				err := event.Wait(ctx)
				p.println("inner child ends")
				return err
			})
			p.println("outer child goes on")
			err := event.Wait(ctx)
			p.println("outer child ends")
			return err
		})
		p.println("body goes on")
		done := g.Go(func(context.Context) error { return nil })
		if _, ended := done.Err(); !ended {
			t.Error("a child that does not wait has not ended when Go returns")
		}
		event.Set()
		p.println("body ends")
		return nil
	}, loop.Eager())
	p.check(t, "outer child starts\ninner child starts\nouter child goes on\nbody goes on\nbody ends\ninner child ends\nouter child ends")
}

// Tasks start at once from callbacks too, as in asyncio; what comes through a portal starts in its turn.
func TestAnEagerLoopStartsTasksOfCallbacksAtOnceAndOfPortalsInTheirTurn(t *testing.T) {
	var p printed
	bubble(t, func(ctx context.Context, g *braid.Group) error {
		portal := braid.NewPortal(g)
		var done braid.Event
		loop.Current(ctx).CallSoon(func() {
			g.Go(func(context.Context) error {
				p.println("task")
				return nil
			})
			braid.Submit(portal, func(context.Context) (int, error) {
				p.println("submitted")
				done.Set()
				return 0, nil
			})
			p.println("callback ends")
		})
		return done.Wait(ctx)
	}, loop.Eager())
	p.check(t, "task\ncallback ends\nsubmitted")
}
