//go:build unix

package service_test

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/loop"
	"github.com/braid-go/braid/service"
)

// Signals come from the system, so these tests are in real time, and wait for what happens and not for a while.
// They are not parallel: a signal is for the whole process.

func raise(t *testing.T, sig syscall.Signal) {
	t.Helper()
	must(t, syscall.Kill(os.Getpid(), sig))
}

var signals = []os.Signal{syscall.SIGUSR1, syscall.SIGUSR2}

func TestSignalStops(t *testing.T) {
	braidtest.CheckLeaks(t)
	for _, sig := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2} {
		d := &diary{}
		s := newService(service.Config{Signals: signals}, d.part("a"), service.Component{Name: "b", Run: func(ctx context.Context) error {
			raise(t, sig)
			err := untilDone(ctx)
			if e, ok := errors.AsType[*service.SignalError](err); !ok || e.Signal != sig {
				t.Errorf("the cause is %v", err)
			}
			return err
		}})
		must(t, s.Run(t.Context()))
		contains(t, d.all(), "a. -a")
	}
}

func TestSignalDuringStart(t *testing.T) {
	braidtest.CheckLeaks(t)
	d := &diary{}
	s := newService(service.Config{Signals: signals}, d.part("a"), service.Component{Name: "b", StartTimeout: time.Hour, Stop: d.note("never"), Start: func(ctx context.Context) error {
		raise(t, syscall.SIGUSR1)
		return untilDone(ctx)
	}}, d.part("c"))
	must(t, s.Run(t.Context()))
	contains(t, d.all(), "a. -a")
	equal(t, "starts and stops", d.count("never")+d.count("+c"), 0)
}

func TestSecondSignalAborts(t *testing.T) {
	braidtest.CheckLeaks(t)
	var leave braid.Event
	d := &diary{}
	s := newService(service.Config{Signals: signals}, d.part("a"), service.Component{Name: "mule", StopTimeout: time.Hour, Run: func(ctx context.Context) error {
		raise(t, syscall.SIGUSR1)
		_ = untilDone(ctx)
		raise(t, syscall.SIGUSR2)
		return leave.Wait(context.WithoutCancel(ctx))
	}})
	err := s.Run(t.Context())
	wantErr(t, err, service.ErrAborted)
	if e, ok := errors.AsType[*service.SignalError](err); !ok || e.Signal != syscall.SIGUSR2 {
		t.Errorf("the cause is %v", err)
	}
	stuck, ok := errors.AsType[*braid.StuckError](err)
	if !ok {
		t.Fatalf("error is %v", err)
	}
	contains(t, stuck.Error(), "shop/mule")
	equal(t, "releases", d.count("-a"), 1)
	leave.Set()
}

// The goroutine that listens for signals is outside of the loop.
func TestSignalOnTheLoop(t *testing.T) {
	braidtest.CheckLeaks(t)
	must(t, loop.Run(t.Context(), func(ctx context.Context, _ *braid.Group) error {
		return newService(service.Config{Signals: signals}, service.Component{Name: "b", Run: func(ctx context.Context) error {
			raise(t, syscall.SIGUSR1)
			return untilDone(ctx)
		}}).Run(ctx)
	}))
}

func TestMainListensForSIGTERM(t *testing.T) {
	braidtest.CheckLeaks(t)
	s := newService(service.Config{}, service.Component{Name: "b", Run: func(ctx context.Context) error {
		raise(t, syscall.SIGTERM)
		return untilDone(ctx)
	}})
	equal(t, "status", s.Main(t.Context()), 0)
}
