package loop_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/loop"
)

// packetPair opens two packet connections on the loop.
func packetPair(ctx context.Context, t *testing.T, network, address string) (a, b *loop.PacketConn, ok bool) {
	t.Helper()
	open := func() *loop.PacketConn {
		addr := address
		if network == "unixgram" {
			addr = t.TempDir() + "/socket"
		}
		c, err := loop.ListenPacket(ctx, network, addr)
		if err != nil {
			t.Logf("%s on %s is not to be had here: %v", network, addr, err)
			return nil
		}
		return c
	}
	a, b = open(), open()
	return a, b, a != nil && b != nil
}

// Packets keep their boundaries and say where they come from: also empty ones, and on every kind of address.
func TestPacketsKeepTheirBoundariesAndTheirSender(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			for _, c := range [][2]string{{"udp", "127.0.0.1:0"}, {"udp4", "127.0.0.1:0"}, {"udp6", "[::1]:0"}, {"udp", ":0"}, {"unixgram", ""}} {
				a, b, ok := packetPair(ctx, t, c[0], c[1])
				if !ok {
					continue
				}
				to := b.LocalAddr()
				if u, ok := to.(*net.UDPAddr); ok && u.IP.IsUnspecified() { // dual-stack: reached by version 4
					to = &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: u.Port}
				}
				for _, size := range []int{1, 0, 1400, 0, 60_000} {
					sent := bytes.Repeat([]byte{byte(size)}, size)
					if n, err := a.WriteTo(sent, to); n != size || err != nil {
						t.Errorf("%v: WriteTo of %d bytes: %d, %v", c, size, n, err)
						continue
					}
					p := make([]byte, 64<<10)
					n, from, err := b.ReadFrom(p)
					if err != nil || !bytes.Equal(p[:n], sent) {
						t.Errorf("%v: ReadFrom: %d of %d bytes, %v", c, n, size, err)
						continue
					}
					if n, err := b.WriteTo([]byte("back"), from); n != 4 || err != nil {
						t.Errorf("%v: answer to %v: %d, %v", c, from, n, err)
						continue
					}
					n, from, err = a.ReadFrom(p)
					if err != nil || string(p[:n]) != "back" || from.String() != to.String() {
						t.Errorf("%v: the answer: %q from %v, not %v: %v", c, p[:n], from, to, err)
					}
				}
				_ = errors.Join(a.Close(), b.Close())
			}
			return nil
		}, opts...)
	})
}

// What does not fit into the reader's buffer is dropped, and the next packet is whole.
func TestWhatDoesNotFitIsDropped(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			a, b, _ := packetPair(ctx, t, "udp", "127.0.0.1:0")
			defer a.Close()
			defer b.Close()
			for _, s := range []string{"0123456789", "next"} {
				if _, err := a.WriteTo([]byte(s), b.LocalAddr()); err != nil {
					return err
				}
			}
			p := make([]byte, 4)
			for _, want := range []string{"0123", "next"} {
				if n, _, err := b.ReadFrom(p); err != nil || string(p[:n]) != want {
					t.Errorf("got %q: %v", p[:n], err)
				}
			}
			return nil
		}, opts...)
	})
}

// A packet that cannot be sent is an error of its own WriteTo; the next one is not touched.
func TestAPacketThatCannotBeSentIsAnErrorOfItsOwnWrite(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			a, b, _ := packetPair(ctx, t, "udp", "127.0.0.1:0")
			defer a.Close()
			defer b.Close()
			u, w, unix := packetPair(ctx, t, "unixgram", "")
			tooLarge := make([]byte, 70_000)
			for name, send := range map[string]func() error{
				"too large":          func() error { _, err := a.WriteTo(tooLarge, b.LocalAddr()); return err },
				"of another network": func() error { _, err := a.WriteTo([]byte("x"), &net.UnixAddr{Name: "/x", Net: "unixgram"}); return err },
				"without an address": func() error { _, err := a.WriteTo([]byte("x"), nil); return err },
				"with a nil address": func() error { _, err := a.WriteTo([]byte("x"), (*net.UDPAddr)(nil)); return err },
				"of version 6": func() error {
					_, err := a.WriteTo([]byte("x"), &net.UDPAddr{IP: net.ParseIP("2001:db8::1"), Port: 9})
					return err
				},
				"to nobody": func() error {
					if !unix {
						return errBoom
					}
					_, err := u.WriteTo([]byte("x"), &net.UnixAddr{Name: "/nobody/is/here", Net: "unixgram"})
					return err
				},
			} {
				if err := send(); err == nil {
					t.Errorf("a packet %s can be sent", name)
				}
			}
			if _, err := a.WriteTo([]byte("good"), b.LocalAddr()); err != nil {
				t.Errorf("the next one: %v", err)
			}
			p := make([]byte, 10)
			if n, _, err := b.ReadFrom(p); err != nil || string(p[:n]) != "good" {
				t.Errorf("the next one: %q, %v", p[:n], err)
			}
			if unix {
				_ = errors.Join(u.Close(), w.Close())
			}
			return nil
		}, opts...)
	})
}

// A cancelled ReadFrom leaves the packet that comes next for the next call.
func TestACancelledReadFromLosesNoPacket(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			a, b, _ := packetPair(ctx, t, "udp", "127.0.0.1:0")
			defer a.Close()
			defer b.Close()
			p := make([]byte, 10)
			for i := range 200 {
				short, cancel := context.WithCancelCause(ctx)
				if i%2 == 0 {
					cancel(errBoom)
				} else {
					loop.Current(ctx).CallSoon(func() { cancel(errBoom) })
				}
				if _, _, err := b.ReadFromContext(short, p); !errors.Is(err, errBoom) {
					t.Fatalf("err = %v", err)
				}
				if _, err := a.WriteToContext(short, []byte("never"), b.LocalAddr()); !errors.Is(err, errBoom) {
					t.Fatalf("a write under a ctx that is done: %v", err)
				}
				if _, err := a.WriteTo([]byte{byte(i)}, b.LocalAddr()); err != nil {
					return err
				}
				if n, _, err := b.ReadFrom(p); n != 1 || err != nil || p[0] != byte(i) {
					t.Fatalf("packet %d: %d, %v, %d", i, n, err, p[0])
				}
			}
			return nil
		}, opts...)
	})
}

// When a reader is too slow, the sender waits, and others run meanwhile: Unix packets are not dropped.
func TestASenderOfUnixPacketsWaitsForASlowReader(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			a, b, ok := packetPair(ctx, t, "unixgram", "")
			if !ok {
				return nil
			}
			defer a.Close()
			defer b.Close()
			const n = 2000
			return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				g.Go(func(context.Context) error {
					for i := range n {
						if _, err := a.WriteTo([]byte(strings.Repeat("x", i%100)), b.LocalAddr()); err != nil {
							return err
						}
					}
					return nil
				})
				p := make([]byte, 200)
				for i := range n {
					if i%100 == 0 {
						if err := braid.Sleep(ctx, time.Millisecond); err != nil {
							return err
						}
					}
					if got, _, err := b.ReadFrom(p); err != nil || got != i%100 {
						t.Fatalf("packet %d: %d bytes, %v", i, got, err)
					}
				}
				return nil
			})
		}, opts...)
	})
}
