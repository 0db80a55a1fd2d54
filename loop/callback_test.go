package loop_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/loop"
)

func nilSignal(os.Signal) {}

func TestAPanicInACallbackGoesToTheHandlerAndEndsNothing(t *testing.T) {
	var heard []*braid.PanicError
	after := 0
	bubble(t, func(ctx context.Context, _ *braid.Group) error {
		l := loop.Current(ctx)
		l.CallSoon(func() { _ = explode() })
		l.CallLater(time.Second, func() { panic("late") })
		l.CallSoon(func() { after++ })
		err := braid.Sleep(ctx, time.Minute)
		after++
		return err
	}, loop.OnException(func(pe *braid.PanicError) { heard = append(heard, pe) }))
	if len(heard) != 2 || after != 2 {
		t.Fatalf("%d panics were heard, %d calls came afterwards", len(heard), after)
	}
	if !errors.Is(heard[0], errBoom) || heard[1].Value != "late" {
		t.Errorf("heard %v and %v", heard[0], heard[1])
	}
	contains(t, "the stack", string(heard[0].Stack), "explode")
	contains(t, "the name", heard[0].Task, "callback", "TestAPanicInACallback")
}

// A handler that panics or ends its goroutine is not heard, and ends nothing either.
func TestAnExceptionHandlerThatFailsEndsNothing(t *testing.T) {
	for name, handler := range map[string]func(*braid.PanicError){
		"panic":  func(*braid.PanicError) { panic("again") },
		"goexit": func(*braid.PanicError) { runtime.Goexit() },
	} {
		t.Run(name, func(t *testing.T) {
			after := 0
			bubble(t, func(ctx context.Context, g *braid.Group) error {
				l := loop.Current(ctx)
				l.CallSoon(func() { _ = explode() })
				l.CallSoon(func() { after++ })
				g.Go(func(ctx context.Context) error {
					after++
					return braid.Sleep(ctx, time.Second)
				})
				return braid.Sleep(ctx, time.Minute)
			}, loop.OnException(handler))
			if after != 2 {
				t.Errorf("%d of 2 came afterwards", after)
			}
		})
	}
}

// Goexit in a callback ends the callback; the loop goes on with what is left of the turn, on another goroutine.
func TestGoexitInACallbackEndsTheCallbackOnly(t *testing.T) {
	for name, opts := range map[string][]loop.Option{"plain": nil, "debug": {loop.Debug()}} {
		t.Run(name, func(t *testing.T) {
			var p printed
			bubble(t, func(ctx context.Context, g *braid.Group) error {
				l := loop.Current(ctx)
				l.CallSoon(func() { p.println("before") })
				l.CallSoon(func() {
					defer p.println("deferred")
					runtime.Goexit()
				})
				l.CallSoon(func() { p.println("after") })
				g.Go(func(ctx context.Context) error {
					p.println("task")
					return braid.Yield(ctx)
				})
				l.CallLater(time.Second, runtime.Goexit)
				l.CallLater(time.Second, func() {
					p.println("later")
					l.CallSoon(func() { p.println("soon after") })
				})
				return braid.Sleep(ctx, time.Minute)
			}, opts...)
			p.check(t, "before\ndeferred\nafter\ntask\nlater\nsoon after")
		})
	}
}

// A callback that waits holds all tasks; so braid's calls refuse to wait in it, and say what to do instead.
func TestAWaitInACallbackPanics(t *testing.T) {
	for name, opts := range map[string][]loop.Option{"plain": nil, "debug": {loop.Debug()}} {
		t.Run(name, func(t *testing.T) {
			heard := 0
			bubble(t, func(ctx context.Context, _ *braid.Group) error {
				l := loop.Current(ctx)
				var event braid.Event
				l.CallSoon(func() { _ = event.Wait(ctx) })
				l.CallSoon(func() { _ = braid.Yield(ctx) })
				l.CallSoon(func() { _ = braid.Sleep(ctx, time.Second) })
				return braid.Sleep(ctx, time.Minute)
			}, append(opts, loop.OnException(func(pe *braid.PanicError) {
				heard++
				contains(t, "the panic", pe.Error(), "callbacks must not wait", "CallSoonThreadsafe")
			}))...)
			if heard != 3 {
				t.Errorf("%d of 3 panics were heard", heard)
			}
		})
	}
}

// What does not have to wait may be called in a callback.
func TestACallbackMayUsePrimitivesThatDoNotWait(t *testing.T) {
	got := 0
	bubble(t, func(ctx context.Context, g *braid.Group) error {
		queue := braid.NewQueue[int](10)
		sem := braid.NewSemaphore(1)
		loop.Current(ctx).CallLater(time.Second, func() {
			_ = queue.Put(ctx, 1)
			queue.TryPut(2)
			if err := sem.Acquire(ctx, 1); err == nil {
				sem.Release(1)
			}
			g.Go(func(ctx context.Context) error { return queue.Put(ctx, 3) })
		})
		for range 3 {
			n, err := queue.Get(ctx)
			if err != nil {
				return err
			}
			got = got*10 + n
		}
		return nil
	})
	if got != 123 {
		t.Errorf("got %d", got)
	}
}

// Without a handler the log hears of it: the default must not be silence.
func TestAPanicInACallbackIsLoggedByDefault(t *testing.T) {
	braidtest.CheckLeaks(t)
	text := logged(t, func() {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			loop.Current(ctx).CallSoon(func() { _ = explode() })
			return braid.Yield(ctx)
		})
	})
	contains(t, "the log", text, "a callback panicked", "boom", "explode", "TestAPanicInACallbackIsLoggedByDefault")
}
