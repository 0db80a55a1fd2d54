package loop_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/loop"
)

// listen opens a listener on the loop and closes it with the scope of g.
func listen(ctx context.Context, t *testing.T, network string) *loop.Listener {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = t.TempDir() + "/socket"
	}
	ln, err := loop.Listen(ctx, network, address)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// pair returns the two ends of a connection, both on the loop.
func pair(ctx context.Context, t *testing.T, network string) (client, server *loop.Conn) {
	t.Helper()
	ln := listen(ctx, t, network)
	defer ln.Close()
	client, err := loop.Dial(ctx, network, ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = ln.AcceptContext(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return client, server
}

// foreigner returns a connection on the loop and its peer, which is one of package net.
func foreigner(ctx context.Context, t *testing.T, network string) (*loop.Conn, net.Conn) {
	t.Helper()
	ln := listen(ctx, t, network)
	defer ln.Close()
	peer, err := net.Dial(network, ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := ln.AcceptContext(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return c, peer
}

// onNetworks runs a test on each poller and each kind of stream.
func onNetworks(t *testing.T, test func(ctx context.Context, t *testing.T, network string)) {
	t.Helper()
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		for _, network := range []string{"tcp", "unix"} {
			runLoop(t, func(ctx context.Context, _ *braid.Group) error {
				test(ctx, t, network)
				return nil
			}, opts...)
		}
	})
}

// A reset is an error of Read and of Write that says so, and not the end of the stream.
func TestAResetIsAnErrorOfReadAndWrite(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			for _, parked := range []bool{true, false} {
				c, peer := foreigner(ctx, t, "tcp")
				reset := func() {
					_ = peer.(*net.TCPConn).SetLinger(0)
					_ = peer.Close()
				}
				if parked {
					loop.Current(ctx).CallLater(time.Millisecond, reset)
				} else {
					reset()
				}
				if _, err := c.Read(make([]byte, 10)); !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("Read: %v", err)
				}
				var err error
				for range 100 {
					if _, err = c.Write(make([]byte, 64<<10)); err != nil {
						break
					}
				}
				if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("Write: %v", err)
				}
				if err := c.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}
			return nil
		}, opts...)
	})
}

// After the other side has closed its half, what it sent is still read, and what we send still arrives.
func TestAHalfClosedConnectionWorksTheOtherWay(t *testing.T) {
	onNetworks(t, func(ctx context.Context, t *testing.T, network string) {
		a, b := pair(ctx, t, network)
		defer a.Close()
		defer b.Close()
		data := bytes.Repeat([]byte("half"), 100_000)
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			g.Go(func(context.Context) error {
				_, err := a.Write(data)
				return errors.Join(err, a.CloseWrite())
			})
			if got, err := io.ReadAll(b); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d of %d bytes have come: %v", len(got), len(data), err)
			}
			if _, err := a.Write([]byte("x")); err == nil {
				t.Error("a write after CloseWrite succeeds")
			}
			g.Go(func(context.Context) error {
				_, err := b.Write(data)
				return errors.Join(err, b.CloseWrite())
			})
			if got, err := io.ReadAll(a); err != nil || !bytes.Equal(got, data) {
				t.Errorf("the other way %d of %d bytes have come: %v", len(got), len(data), err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// CloseRead ends a read that waits, and later ones, with io.EOF; writing goes on.
func TestCloseReadEndsReadsAndLeavesWrites(t *testing.T) {
	onNetworks(t, func(ctx context.Context, t *testing.T, network string) {
		a, b := pair(ctx, t, network)
		defer a.Close()
		defer b.Close()
		loop.Current(ctx).CallLater(time.Millisecond, func() { _ = a.CloseRead() })
		for range 3 {
			if n, err := a.Read(make([]byte, 10)); n != 0 || err != io.EOF {
				t.Errorf("Read: %d, %v", n, err)
			}
		}
		if _, err := a.Write([]byte("still")); err != nil {
			t.Errorf("Write: %v", err)
		}
		if _, err := io.ReadFull(b, make([]byte, 5)); err != nil {
			t.Errorf("the other side: %v", err)
		}
	})
}

func TestBytesThatComeOneByOneAreReadOneByOne(t *testing.T) {
	onNetworks(t, func(ctx context.Context, t *testing.T, network string) {
		c, peer := foreigner(ctx, t, network)
		defer c.Close()
		defer peer.Close()
		p := make([]byte, 100)
		for i := range 200 {
			if _, err := peer.Write([]byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
			if n, err := c.Read(p); n != 1 || err != nil || p[0] != byte(i) {
				t.Fatalf("byte %d: %d, %v", i, n, err)
			}
			if _, err := c.Write(p[:1]); err != nil {
				t.Fatal(err)
			}
			if n, err := peer.Read(p); n != 1 || err != nil || p[0] != byte(i) {
				t.Fatalf("byte %d on the way back: %d, %v", i, n, err)
			}
		}
	})
}

// The other way round: what has arrived is read in pieces as small as the reader likes.
func TestWhatHasArrivedIsReadInSmallPieces(t *testing.T) {
	onNetworks(t, func(ctx context.Context, t *testing.T, network string) {
		a, b := pair(ctx, t, network)
		defer a.Close()
		data := []byte("what has arrived is read in small pieces")
		if _, err := b.Write(data); err != nil {
			t.Fatal(err)
		}
		_ = b.Close()
		var got []byte
		p := make([]byte, 3)
		for {
			if n, err := a.Read(nil); n != 0 || err != nil {
				t.Errorf("an empty read: %d, %v", n, err)
			}
			n, err := a.Read(p)
			got = append(got, p[:n]...)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, data) {
			t.Errorf("got %q", got)
		}
	})
}

// Both sides send 10 MB and read at the same time. No buffer of the system can hold that.
func TestLargeTransfersInBothDirectionsAtOnce(t *testing.T) {
	const size = 10 << 20
	onNetworks(t, func(ctx context.Context, t *testing.T, network string) {
		a, b := pair(ctx, t, network)
		defer a.Close()
		defer b.Close()
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			for i, c := range []*loop.Conn{a, b} {
				g.Go(func(context.Context) error {
					data := make([]byte, size)
					for j := range data {
						data[j] = byte(j*(i+3) + j>>8)
					}
					n, err := c.Write(data)
					if n != size {
						t.Errorf("Write reports %d bytes", n)
					}
					return errors.Join(err, c.CloseWrite())
				})
				g.Go(func(context.Context) error {
					got, err := io.ReadAll(c)
					from := 1 - i
					for j := range got {
						if got[j] != byte(j*(from+3)+j>>8) {
							t.Errorf("byte %d is wrong", j)
							break
						}
					}
					if len(got) != size {
						t.Errorf("%d bytes have come", len(got))
					}
					return err
				})
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// A connection that always has something to read must not keep the loop from its other tasks.
func TestAConnectionThatIsAlwaysReadyDoesNotStarveOthers(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		runLoop(t, func(ctx context.Context, g *braid.Group) error {
			a, b := pair(ctx, t, "tcp")
			defer a.Close()
			if _, err := b.Write(make([]byte, 64<<10)); err != nil {
				return err
			}
			if err := b.CloseWrite(); err != nil {
				return err
			}
			other := 0
			g.Go(func(ctx context.Context) error {
				for other < 5 {
					other++
					if err := braid.Yield(ctx); err != nil {
						return err
					}
				}
				return nil
			})
			most, here := 0, 0
			for p, before := make([]byte, 1), other; ; {
				if _, err := a.Read(p); err != nil {
					break
				}
				if here++; other != before || other == 5 {
					here, before = 0, other
				}
				most = max(most, here)
			}
			if other < 5 || most > 100 {
				t.Errorf("in %d reads that followed each other the other task did not run; it ran %d times", most, other)
			}
			return b.Close()
		}, opts...)
	})
}
