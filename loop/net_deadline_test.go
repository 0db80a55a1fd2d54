package loop_test

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/loop"
)

// deadliner is one call that waits for ever, and the call that sets its deadline.
type deadliner struct {
	name string
	wait func() error
	set  func(time.Time) error
}

// deadliners returns one of each kind. Nothing ever arrives for them, and what they send is not read.
func deadliners(ctx context.Context, t *testing.T) (all []deadliner, end func()) {
	t.Helper()
	c, peer := foreigner(ctx, t, "tcp")
	ln := listen(ctx, t, "tcp")
	pc, err := loop.ListenPacket(ctx, "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return []deadliner{
			{"Read", func() error { _, err := c.Read(make([]byte, 1)); return err }, c.SetReadDeadline},
			{"Write", func() error { return fill(c) }, c.SetWriteDeadline},
			{"Read under SetDeadline", func() error { _, err := c.Read(make([]byte, 1)); return err }, c.SetDeadline},
			{"Accept", func() error { _, err := ln.Accept(); return err }, ln.SetDeadline},
			{"ReadFrom", func() error { _, _, err := pc.ReadFrom(make([]byte, 1)); return err }, pc.SetReadDeadline},
		}, func() {
			_ = errors.Join(c.Close(), peer.Close(), ln.Close(), pc.Close())
		}
}

// fill writes until that fails.
func fill(c net.Conn) error {
	for {
		if _, err := c.Write(make([]byte, 1<<20)); err != nil {
			return err
		}
	}
}

func exceeded(t *testing.T, what string, err error) {
	t.Helper()
	var ne net.Error
	if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &ne) || !ne.Timeout() {
		t.Errorf("%s: %v", what, err)
	}
}

// A peer that sends nothing is given up at the deadline, and the connection is usable again with another one.
func TestADeadlineEndsAWaitThatNothingElseWouldEnd(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			all, end := deadliners(ctx, t)
			defer end()
			for _, d := range all {
				start := time.Now()
				_ = d.set(start.Add(10 * time.Millisecond))
				exceeded(t, d.name+" with a deadline", d.wait())
				if took := time.Since(start); took < 10*time.Millisecond {
					t.Errorf("%s: %v is too early", d.name, took)
				}
				exceeded(t, d.name+" after the deadline", d.wait())
				_ = d.set(time.Now().Add(-time.Hour))
				exceeded(t, d.name+" with one in the past", d.wait())
				_ = d.set(time.Unix(1, 0))
				exceeded(t, d.name+" with one long in the past", d.wait())
				_ = d.set(time.Time{})
			}
			return nil
		}, opts...)
	})
}

// A deadline that is set, moved or cleared while a call waits holds for that call.
func TestADeadlineIsMovedWhileACallWaits(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			all, end := deadliners(ctx, t)
			defer end()
			l := loop.Current(ctx)
			for _, d := range all {
				// Into the past: at once.
				_ = d.set(time.Now().Add(time.Hour))
				l.CallLater(time.Millisecond, func() { _ = d.set(time.Now()) })
				exceeded(t, d.name+" moved into the past", d.wait())

				// Earlier.
				_ = d.set(time.Now().Add(time.Hour))
				l.CallLater(time.Millisecond, func() { _ = d.set(time.Now().Add(time.Millisecond)) })
				exceeded(t, d.name+" moved earlier", d.wait())

				// Later, and then for ever: the first deadline passes without effect.
				for tried := false; !tried; {
					start, until, moved := time.Now(), 30*time.Millisecond, false
					_ = d.set(start.Add(5 * time.Millisecond))
					l.CallSoon(func() { moved = true; _ = d.set(start.Add(until)) })
					exceeded(t, d.name+" moved later", d.wait())
					if took := time.Since(start); moved && took < until {
						t.Errorf("%s moved later: %v is too early", d.name, took)
					}
					if tried = moved; !tried { // the machine was so busy that the first one had passed before
						_ = braid.Yield(ctx)
					}
				}
				for tried := false; !tried; {
					cleared, moved := time.Now(), false
					_ = d.set(cleared.Add(5 * time.Millisecond))
					l.CallSoon(func() { moved = true; _ = d.set(time.Time{}) })
					end := l.CallLater(20*time.Millisecond, func() { _ = d.set(time.Now()) })
					exceeded(t, d.name+" cleared", d.wait())
					if took := time.Since(cleared); moved && took < 20*time.Millisecond {
						t.Errorf("%s cleared: %v is too early", d.name, took)
					}
					if tried = moved; !tried {
						end.Cancel()
						_ = braid.Yield(ctx)
					}
				}
				_ = d.set(time.Time{})
			}
			return nil
		}, opts...)
	})
}

// Deadlines are set from any goroutine.
func TestADeadlineSetOnAnotherGoroutineEndsTheWait(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			all, end := deadliners(ctx, t)
			defer end()
			l := loop.Current(ctx)
			for _, d := range all {
				l.CallSoon(func() { go func() { _ = d.set(time.Now().Add(time.Millisecond)) }() })
				exceeded(t, d.name, d.wait())
				_ = d.set(time.Time{})
			}
			return nil
		}, opts...)
	})
}

// The deadlines of the two directions do not touch each other.
func TestReadAndWriteHaveDeadlinesOfTheirOwn(t *testing.T) {
	onNetworks(t, func(ctx context.Context, t *testing.T, network string) {
		a, b := pair(ctx, t, network)
		defer a.Close()
		defer b.Close()
		_ = a.SetReadDeadline(time.Unix(1, 0))
		if _, err := a.Write([]byte("x")); err != nil {
			t.Errorf("Write: %v", err)
		}
		_ = a.SetReadDeadline(time.Time{})
		_ = a.SetWriteDeadline(time.Unix(1, 0))
		if _, err := b.Write([]byte("y")); err != nil {
			t.Errorf("Write: %v", err)
		}
		if n, err := a.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("Read: %d, %v", n, err)
		}
		_, err := a.Write([]byte("x"))
		exceeded(t, "Write", err)
	})
}

// What had arrived when the deadline passed is there for the next read.
func TestADeadlineLosesNothingThatHasArrived(t *testing.T) {
	onNetworks(t, func(ctx context.Context, t *testing.T, network string) {
		a, b := pair(ctx, t, network)
		defer a.Close()
		defer b.Close()
		for i := range 50 {
			_ = a.SetReadDeadline(time.Now().Add(time.Duration(i%5) * 20 * time.Microsecond))
			if _, err := b.Write([]byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
			p := make([]byte, 10)
			n, err := a.Read(p)
			if err != nil {
				exceeded(t, "Read", err)
				_ = a.SetReadDeadline(time.Time{})
				n, err = a.Read(p)
			}
			if n != 1 || err != nil || p[0] != byte(i) {
				t.Fatalf("byte %d: %d, %v, %d", i, n, err, p[0])
			}
		}
	})
}
