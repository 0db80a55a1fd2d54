package loop_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/loop"
)

// onGoroutine calls f on a goroutine of its own and returns the text of its panic.
func onGoroutine(f func()) (text string) {
	if returned, v := runsOnAGoroutine(f); !returned {
		return fmt.Sprint(v)
	}
	return ""
}

// misuses are calls that only a task or callback of the loop may make.
func misuses(ctx context.Context, g *braid.Group) map[string]func() {
	l := loop.Current(ctx)
	return map[string]func(){
		"event.Wait":  func() { _ = new(braid.Event).Wait(ctx) },
		"braid.Sleep": func() { _ = braid.Sleep(ctx, time.Millisecond) },
		"queue.Get":   func() { _, _ = braid.NewQueue[int](1).Get(ctx) },
		"Yield":       func() { _ = braid.Yield(ctx) },
		"CallSoon":    func() { l.CallSoon(func() {}) },
		"CallLater":   func() { l.CallLater(time.Second, func() {}) },
		"CallAt":      func() { l.CallAt(time.Time{}, func() {}) },
		"a spawn":     func() { g.Go(func(context.Context) error { return nil }) },
	}
}

// In debug mode, a call from a goroutine that is no task of the loop panics, and names both: the caller, and who runs.
func TestDebugNamesBothSidesOfACallFromAnotherGoroutine(t *testing.T) {
	braidtest.CheckLeaks(t)
	for op := range misuses(t.Context(), nil) {
		// While a task runs.
		runLoop(t, func(ctx context.Context, g *braid.Group) error {
			return g.Go(func(ctx context.Context) error {
				text := onGoroutine(misuses(ctx, g)[op]) // a spawn, too, leaves nobody waiting
				contains(t, op, text, "loop: "+op, "on goroutine", "while task main/busy of the loop runs on goroutine", "braid.Portal or CallSoonThreadsafe")
				return nil
			}, braid.Name("busy")).Wait(ctx)
		}, loop.Debug(), loop.Eager(), loop.Scope(braid.Name("main"), braid.KeepGoing()))
		// While none does.
		runLoop(t, func(ctx context.Context, g *braid.Group) error {
			_, err := braid.Offload(ctx, braid.NewLimiter("outside", 1), func(context.Context) (int, error) {
				for !loop.Current(ctx).Asleep() {
					runtime.Gosched()
				}
				text := onGoroutine(misuses(ctx, g)[op])
				contains(t, op, text, "loop: "+op, "on goroutine", "while the loop main waits on goroutine", "braid.Portal or CallSoonThreadsafe")
				return 0, nil
			})
			return err
		}, loop.Debug(), loop.Eager(), loop.Scope(braid.Name("main")))
	}
}

func TestDebugNamesBothSidesOfAReadOnAnotherGoroutine(t *testing.T) {
	braidtest.CheckLeaks(t)
	for _, opts := range [][]loop.Option{{loop.Debug()}, {loop.Debug(), loop.PortablePoller()}} {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			a, b := pair(ctx, t, "tcp")
			ln := listen(ctx, t, "tcp")
			pc, err := loop.ListenPacket(ctx, "udp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			p := make([]byte, 1)
			for op, call := range map[string]func() error{
				"conn.Read":           func() error { _, err := a.Read(p); return err },
				"conn.Write":          func() error { _, err := a.Write(p); return err },
				"listener.Accept":     func() error { _, err := ln.Accept(); return err },
				"packetConn.ReadFrom": func() error { _, _, err := pc.ReadFrom(p); return err },
				"packetConn.WriteTo":  func() error { _, err := pc.WriteTo(p, pc.LocalAddr()); return err },
			} {
				var err error
				runsOnAGoroutine(func() { err = call() })
				if err == nil {
					t.Errorf("%s: no error", op)
					continue
				}
				contains(t, op, err.Error(), op+" on goroutine", "while task", "runs on goroutine")
			}
			return errors.Join(a.Close(), b.Close())
		}, append(opts, loop.Scope(braid.Name("main")))...)
	}
}

// What other goroutines may do, they may do in debug mode.
func TestDebugLeavesWhatIsAllowed(t *testing.T) {
	braidtest.CheckLeaks(t)
	runLoop(t, func(ctx context.Context, g *braid.Group) error {
		l, portal := loop.Current(ctx), braid.NewPortal(g)
		var event braid.Event
		calls := 0
		g.Go(func(ctx context.Context) error { return braid.Yield(ctx) })
		l.CallSoon(func() { l.CallLater(0, func() { calls++ }) })
		c, peer := foreigner(ctx, t, "tcp")
		defer peer.Close()
		return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			go func() {
				_ = l.Time()
				_ = c.SetDeadline(time.Time{})
				_ = c.Close()
				l.CallSoonThreadsafe(func() { calls++ })
				_ = portal.Do(context.Background(), func(ctx context.Context) error { return braid.Yield(ctx) })
				event.Set()
			}()
			err := event.Wait(ctx)
			if calls != 2 {
				t.Errorf("calls = %d", calls)
			}
			return err
		})
	}, loop.Debug())
}

// A callback on the loop is one side of nothing: it may call what is for the loop, and is told when it waits.
func TestDebugKnowsCallbacksAlsoAfterAGoexit(t *testing.T) {
	bubble(t, func(ctx context.Context, _ *braid.Group) error {
		l := loop.Current(ctx)
		n := 0
		l.CallSoon(func() { onGoroutine(func() {}); goexit() })
		l.CallSoon(func() { n++; l.CallSoon(func() { n++ }) })
		err := braid.Sleep(ctx, time.Second)
		if n != 2 {
			t.Errorf("n = %d", n)
		}
		return err
	}, loop.Debug())
}

func TestTheEnvironmentTurnsDebugOn(t *testing.T) {
	braidtest.CheckLeaks(t)
	for value, want := range map[string]bool{"1": true, "0": false, "": false} {
		t.Setenv("BRAID_DEBUG", value)
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			l := loop.Current(ctx)
			if got := onGoroutine(func() { l.CallLater(time.Hour, func() {}) }) != ""; got != want {
				t.Errorf("BRAID_DEBUG=%s: debug mode is %v", value, got)
			}
			return nil
		})
	}
}

// Without debug mode, a wait outside of any task is still found when no task runs.
func TestAWaitOutsideOfATaskIsFoundWhenTheLoopIsIdle(t *testing.T) {
	if raceEnabled {
		t.Skip("the misuse is a data race, which is why debug mode is there")
	}
	braidtest.CheckLeaks(t)
	runLoop(t, func(ctx context.Context, _ *braid.Group) error {
		text := make(chan string, 1)
		c, peer := foreigner(ctx, t, "tcp")
		defer peer.Close()
		loop.Current(ctx).CallSoon(func() {
			text <- onGoroutine(func() { _ = new(braid.Event).Wait(ctx) })
			if _, err := c.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "callbacks must not wait") {
				t.Errorf("Read in a callback: %v", err)
			}
		})
		err := braid.Sleep(ctx, time.Millisecond)
		contains(t, "the panic", <-text, "event.Wait in a callback, or with a ctx of the loop on a goroutine that is no task of it")
		return err
	})
}

// A task that begins to wait in the very moment of the check has not lent its place to the caller.
func TestDebugFindsACallWhileTasksBeginToWait(t *testing.T) {
	braidtest.CheckLeaks(t)
	runLoop(t, func(ctx context.Context, g *braid.Group) error {
		l := loop.Current(ctx)
		var over atomic.Bool
		missed := 0
		var outside sync.WaitGroup
		outside.Go(func() {
			defer over.Store(true)
			for range 1000 {
				func() {
					defer func() { _ = recover() }()
					l.CallSoon(func() {})
					missed++
				}()
			}
		})
		for range 2 {
			g.Go(func(ctx context.Context) error {
				for !over.Load() {
					if err := braid.Sleep(ctx, time.Microsecond); err != nil {
						return err
					}
				}
				outside.Wait()
				if missed > 0 {
					t.Errorf("%d of 1000 calls on another goroutine were not found", missed)
				}
				return nil
			})
		}
		return nil
	}, loop.Debug())
}
