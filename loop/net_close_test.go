package loop_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/loop"
)

// Close from another goroutine ends every call that waits, and later ones, with net.ErrClosed.
func TestCloseOnAnotherGoroutineEndsWaits(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			c, peer := foreigner(ctx, t, "tcp")
			defer peer.Close()
			ln := listen(ctx, t, "tcp")
			pc, err := loop.ListenPacket(ctx, "udp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			waits := []func() error{
				func() error { _, err := c.Read(make([]byte, 1)); return err },
				func() error { return fill(c) },
				func() error { _, err := ln.Accept(); return err },
				func() error { _, _, err := pc.ReadFrom(make([]byte, 1)); return err },
			}
			return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				for i, wait := range waits {
					g.Go(func(context.Context) error {
						for range 2 {
							if err := wait(); !errors.Is(err, net.ErrClosed) {
								t.Errorf("wait %d: %v", i, err)
							}
						}
						return nil
					})
				}
				if err := braid.Sleep(ctx, time.Millisecond); err != nil {
					return err
				}
				for _, closer := range []io.Closer{c, ln, pc} {
					go func() {
						if err := closer.Close(); err != nil {
							t.Errorf("Close: %v", err)
						}
						if err := closer.Close(); !errors.Is(err, net.ErrClosed) {
							t.Errorf("second Close: %v", err)
						}
					}()
				}
				return nil
			})
		}, opts...)
	})
}

// What is open when the loop ends is closed; calls afterwards say so.
func TestTheEndOfTheLoopClosesItsSockets(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		var c *loop.Conn
		var ln, unix *loop.Listener
		var pc *loop.PacketConn
		var peer net.Conn
		ended := context.Background()
		runLoop(t, func(ctx context.Context, _ *braid.Group) (err error) {
			ended = context.WithoutCancel(ctx)
			c, peer = foreigner(ctx, t, "tcp")
			ln, unix = listen(ctx, t, "tcp"), listen(ctx, t, "unix")
			pc, err = loop.ListenPacket(ctx, "udp", "127.0.0.1:0")
			return err
		}, opts...)
		defer peer.Close()
		if _, err := peer.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the peer reads: %v", err)
		}
		if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
			t.Error("the listener still listens")
		}
		if _, err := os.Stat(unix.Addr().String()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file of the Unix listener is left: %v", err)
		}
		bytes := make([]byte, 1)
		for name, call := range map[string]func() error{
			"Read":            func() error { _, err := c.Read(bytes); return err },
			"ReadContext":     func() error { _, err := c.ReadContext(ended, bytes); return err },
			"Write":           func() error { _, err := c.Write(bytes); return err },
			"CloseWrite":      c.CloseWrite,
			"CloseRead":       c.CloseRead,
			"SetDeadline":     func() error { return c.SetDeadline(time.Now().Add(time.Hour)) },
			"Accept":          func() error { _, err := ln.Accept(); return err },
			"AcceptContext":   func() error { _, err := ln.AcceptContext(ended); return err },
			"ReadFrom":        func() error { _, _, err := pc.ReadFrom(bytes); return err },
			"WriteToContext":  func() error { _, err := pc.WriteToContext(ended, bytes, pc.LocalAddr()); return err },
			"Close":           c.Close,
			"Listener.Close":  ln.Close,
			"PacketConn.Clos": pc.Close,
		} {
			err := call()
			if err == nil || !strings.Contains(err.Error(), "the loop of this connection has ended") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if c.LocalAddr() == nil || c.RemoteAddr() == nil || ln.Addr() == nil || pc.LocalAddr() == nil {
			t.Error("an address is lost")
		}
	})
}

// A task that waits on a connection while the loop is stopped ends with the others, and its connection is usable in its cleanup.
func TestStopEndsWaitsOnConnections(t *testing.T) {
	onNetworks(t, func(ctx context.Context, t *testing.T, network string) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			a, b := pair(ctx, t, network)
			g.Go(func(ctx context.Context) error {
				_, err := a.Read(make([]byte, 1))
				if !errors.Is(err, loop.ErrStopped) {
					t.Errorf("Read: %v", err)
				}
				return braid.Shield(ctx, time.Minute, func(ctx context.Context) error {
					if _, err := a.WriteContext(ctx, []byte("bye")); err != nil {
						t.Errorf("the last words: %v", err)
					}
					_, err := io.ReadFull(b.WithContext(ctx), make([]byte, 3))
					return err
				})
			})
			if err := braid.Yield(ctx); err != nil {
				return err
			}
			loop.Current(ctx).Stop()
			return nil
		})
		if err != nil && !errors.Is(err, loop.ErrStopped) {
			t.Error(err)
		}
	})
}

func TestAUnixListenerTakesItsFileAwayWhenItIsClosed(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			path := t.TempDir() + "/socket"
			for range 2 {
				ln, err := loop.Listen(ctx, "unix", path)
				if err != nil {
					return err
				}
				if _, err := os.Stat(path); err != nil {
					t.Error(err)
				}
				if err := ln.Close(); err != nil {
					t.Error(err)
				}
				if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("the file is left: %v", err)
				}
			}
			return nil
		}, opts...)
	})
}

// A connection that is closed right after a write still delivers what was written.
func TestCloseDeliversWhatWasWritten(t *testing.T) {
	onNetworks(t, func(ctx context.Context, t *testing.T, network string) {
		for size := range 20 {
			size *= 10_000
			a, b := pair(ctx, t, network)
			err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(func(context.Context) error {
					_, err := a.Write(make([]byte, size))
					return errors.Join(err, a.Close())
				})
				got, err := io.ReadAll(b)
				if len(got) != size {
					t.Errorf("%d of %d bytes", len(got), size)
				}
				return errors.Join(err, b.Close())
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// Each address is what package net says of the same connection.
func TestAddressesAreThoseOfPackageNet(t *testing.T) {
	onNetworks(t, func(ctx context.Context, t *testing.T, network string) {
		c, peer := foreigner(ctx, t, network)
		defer c.Close()
		defer peer.Close()
		if c.LocalAddr().String() != peer.RemoteAddr().String() || c.LocalAddr().Network() != network {
			t.Errorf("local %v, the peer says %v", c.LocalAddr(), peer.RemoteAddr())
		}
		if network == "tcp" && c.RemoteAddr().String() != peer.LocalAddr().String() {
			t.Errorf("remote %v, the peer says %v", c.RemoteAddr(), peer.LocalAddr())
		}
	})
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			ln, err := loop.Listen(ctx, "tcp", ":0")
			if err != nil {
				return err
			}
			defer ln.Close()
			_, port, _ := net.SplitHostPort(ln.Addr().String())
			peer, err := net.Dial("tcp", "127.0.0.1:"+port)
			if err != nil {
				return err
			}
			defer peer.Close()
			c, err := ln.Accept()
			if err != nil {
				return err
			}
			defer c.Close()
			if c.LocalAddr().String() != "127.0.0.1:"+port {
				t.Errorf("a connection to a listener on all addresses has %v, not the one it came to", c.LocalAddr())
			}
			return nil
		}, opts...)
	})
}

func TestUnknownNetworksAndForeignContextsAreRefused(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			_, err1 := loop.Dial(ctx, "udp", "127.0.0.1:1")
			_, err2 := loop.Listen(ctx, "tcp7", "127.0.0.1:0")
			_, err3 := loop.ListenPacket(ctx, "tcp", "127.0.0.1:0")
			for _, err := range []error{err1, err2, err3} {
				if _, ok := errors.AsType[net.UnknownNetworkError](err); !ok {
					t.Errorf("err = %v", err)
				}
			}
			return nil
		}, opts...)
		_, err1 := loop.Dial(t.Context(), "tcp", "127.0.0.1:1")
		_, err2 := loop.Listen(t.Context(), "tcp", "127.0.0.1:0")
		_, err3 := loop.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
		for _, err := range []error{err1, err2, err3} {
			contains(t, "the error", err.Error(), "needs a ctx of a task that runs on a loop")
		}
	})
}

func TestErrorsOfOpeningAreThoseOfPackageNet(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			ln := listen(ctx, t, "tcp")
			address := ln.Addr().String()
			var op *net.OpError
			if _, err := loop.Listen(ctx, "tcp", address); !errors.As(err, &op) || op.Op != "listen" {
				t.Errorf("an address in use: %v", err)
			}
			_ = ln.Close()
			if _, err := loop.Dial(ctx, "tcp", address); !errors.As(err, &op) || op.Op != "dial" {
				t.Errorf("an address that nobody listens on: %v", err)
			}
			if _, err := loop.Dial(ctx, "tcp", "no port"); err == nil {
				t.Error("an address without a port")
			}
			return nil
		}, opts...)
	})
}
