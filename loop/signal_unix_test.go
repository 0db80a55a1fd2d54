//go:build unix

package loop_test

import (
	"context"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/loop"
)

func raise(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		t.Error(err)
	}
}

func TestASignalBecomesACallbackOnTheLoop(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			l := loop.Current(ctx)
			signals := braid.NewQueue[os.Signal](10)
			stop := l.OnSignal(func(s os.Signal) {
				signals.TryPut(s)
				l.CallSoon(func() {}) // in debug mode: it is on the loop
			}, syscall.SIGUSR1, syscall.SIGUSR2)
			for _, want := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGUSR1} {
				raise(t, want)
				if got, err := signals.Get(ctx); err != nil || got != want {
					t.Errorf("got %v, %v", got, err)
				}
			}
			stop()
			stop()
			return nil
		}, opts...)
	})
}

// A handler that has been stopped is not called any more, even if a signal was on its way.
func TestAStoppedSignalHandlerIsNotCalled(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			l := loop.Current(ctx)
			stopped := false
			stop := l.OnSignal(func(os.Signal) {
				if stopped {
					t.Error("a handler was called after stop")
				}
			}, syscall.SIGUSR1)
			var heard braid.Event
			witness := l.OnSignal(func(os.Signal) { heard.Set() }, syscall.SIGUSR1)
			defer witness()
			raise(t, syscall.SIGUSR1)
			for start := time.Now(); time.Since(start) < 100*time.Microsecond; { // the signal is on its way, the loop is held
				runtime.Gosched()
			}
			stop()
			stopped = true
			return heard.Wait(ctx)
		}, opts...)
	})
}

// Handlers that come and go leave nothing with the loop.
func TestSignalHandlersThatAreStoppedAreForgotten(t *testing.T) {
	braidtest.CheckLeaks(t)
	runLoop(t, func(ctx context.Context, _ *braid.Group) error {
		for range 100 {
			loop.Current(ctx).OnSignal(nilSignal, syscall.SIGUSR1)()
		}
		if n := loop.Current(ctx).PendingEnds(); n != 0 {
			t.Errorf("the loop still knows %d", n)
		}
		return nil
	})
}

// The idiom of a server's end: a signal stops the loop, from its sleep. The handler may stop itself.
func TestASignalStopsTheLoop(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		runLoop(t, func(ctx context.Context, g *braid.Group) error {
			l := loop.Current(ctx)
			var stop func()
			stop = l.OnSignal(func(os.Signal) {
				stop()
				l.Stop()
			}, syscall.SIGUSR1)
			ln := listen(ctx, t, "tcp")
			g.Go(func(context.Context) error {
				_, err := ln.Accept()
				return err
			})
			go raise(t, syscall.SIGUSR1)
			return new(braid.Event).Wait(ctx)
		}, opts...)
	})
}
