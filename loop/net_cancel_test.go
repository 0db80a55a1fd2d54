package loop_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/loop"
)

// A read under a ctx that ends while bytes arrive has them or leaves them. None is lost, none comes twice.
func TestACancelledReadLosesNoByte(t *testing.T) {
	onNetworks(t, func(ctx context.Context, t *testing.T, network string) {
		c, peer := foreigner(ctx, t, network)
		defer c.Close()
		const total = 20_000
		var wg sync.WaitGroup
		wg.Go(func() {
			defer peer.Close()
			for i := 0; i < total; {
				n := min(1+i%97, total-i)
				p := make([]byte, n)
				for j := range p {
					p[j] = byte((i + j) * 7)
				}
				if _, err := peer.Write(p); err != nil {
					t.Error(err)
					return
				}
				i += n
			}
		})
		defer wg.Wait()
		var got []byte
		timeouts := 0
		for p := make([]byte, 64); ; {
			var n int
			err := braid.Timeout(ctx, time.Duration(1+len(got)%40)*time.Microsecond, func(ctx context.Context) (err error) {
				if len(got)%2 == 0 {
					n, err = c.ReadContext(ctx, p)
				} else {
					n, err = c.WithContext(ctx).Read(p)
				}
				return err
			})
			got = append(got, p[:n]...)
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil {
				continue
			}
			if timeouts++; !errors.Is(err, braid.ErrTimeout) {
				t.Errorf("err = %v", err)
				break
			}
		}
		if len(got) != total {
			t.Fatalf("%d of %d bytes have come, with %d timeouts", len(got), total, timeouts)
		}
		for i := range got {
			if got[i] != byte(i*7) {
				t.Fatalf("byte %d is wrong", i)
			}
		}
	})
}

// A cancelled read says why, and has taken nothing.
func TestACancelledReadReturnsTheCause(t *testing.T) {
	onNetworks(t, func(ctx context.Context, t *testing.T, network string) {
		a, b := pair(ctx, t, network)
		defer a.Close()
		defer b.Close()
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			reader := g.Go(func(context.Context) error {
				_, err := a.Read(make([]byte, 10)) // without a ctx: it obeys the task's
				return err
			})
			if err := braid.Yield(ctx); err != nil {
				return err
			}
			reader.Cancel(errBoom)
			err := reader.Wait(ctx)
			var op *net.OpError
			if !errors.Is(err, errBoom) || !errors.As(err, &op) || op.Op != "read" || op.Net != network {
				t.Errorf("err = %v", err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		done, cancel := context.WithCancelCause(ctx)
		cancel(errBoom)
		if _, err := b.Write([]byte("x")); err != nil {
			t.Error(err)
		}
		if n, err := a.ReadContext(done, make([]byte, 1)); n != 0 || !errors.Is(err, errBoom) {
			t.Errorf("under a ctx that is done: %d, %v", n, err)
		}
		if n, err := a.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("afterwards: %d, %v", n, err)
		}
	})
}

// A cancelled write reports how many bytes are on their way: those, and no others, arrive.
func TestACancelledWriteReportsItsBytes(t *testing.T) {
	onNetworks(t, func(ctx context.Context, t *testing.T, network string) {
		a, b := pair(ctx, t, network)
		defer b.Close()
		data := make([]byte, 32<<20)
		for i := range data {
			data[i] = byte(i * 5)
		}
		var n int
		err := braid.Timeout(ctx, 20*time.Millisecond, func(ctx context.Context) (err error) {
			n, err = a.WriteContext(ctx, data)
			return err
		})
		if !errors.Is(err, braid.ErrTimeout) || n == 0 || n == len(data) {
			t.Fatalf("Write: %d, %v", n, err)
		}
		_ = a.Close()
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, data[:n]) {
			t.Errorf("%d bytes have arrived, Write said %d: %v", len(got), n, err)
		}
	})
}

// A cancelled Accept leaves the connection that comes next for the next Accept.
func TestACancelledAcceptLosesNoConnection(t *testing.T) {
	onNetworks(t, func(ctx context.Context, t *testing.T, network string) {
		ln := listen(ctx, t, network)
		defer ln.Close()
		const n = 50
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range n {
				peer, err := net.Dial(network, ln.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = peer.Write([]byte{byte(i)})
				_ = peer.Close()
			}
		})
		defer wg.Wait()
		for i := 0; i < n; {
			var c *loop.Conn
			err := braid.Timeout(ctx, time.Duration(i%7)*10*time.Microsecond+1, func(ctx context.Context) (err error) {
				c, err = ln.AcceptContext(ctx)
				return err
			})
			if err != nil {
				if !errors.Is(err, braid.ErrTimeout) {
					t.Fatal(err)
				}
				continue
			}
			p := make([]byte, 1)
			if _, err := io.ReadFull(c, p); err != nil || int(p[0]) != i {
				t.Fatalf("connection %d: %v, byte %d", i, err, p[0])
			}
			_ = c.Close()
			i++
		}
	})
}

// A cancelled Dial or Listen leaves nothing, and says why.
func TestACancelledDialLeavesNothing(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			done, cancel := context.WithCancelCause(ctx)
			cancel(errBoom)
			_, err1 := loop.Dial(done, "tcp", "127.0.0.1:1")
			_, err2 := loop.Listen(done, "tcp", "127.0.0.1:0")
			_, err3 := loop.ListenPacket(done, "udp", "127.0.0.1:0")
			for _, err := range []error{err1, err2, err3} {
				if !errors.Is(err, errBoom) {
					t.Errorf("under a ctx that is done: %v", err)
				}
			}
			// An address that does not answer: the dialer's Control holds the attempt until ctx has ended.
			dialing, stop := context.WithCancelCause(ctx)
			d := loop.Dialer{Dialer: net.Dialer{ControlContext: waitForEnd(func() { stop(errBoom) })}}
			if _, err := d.Dial(dialing, "tcp", "127.0.0.1:1"); !errors.Is(err, errBoom) {
				t.Errorf("cancelled on the way: %v", err)
			}
			return nil
		}, opts...)
	})
}

// A timeout around the first wait of a connection that has already something to read does not make it forget that.
func TestReadsInManyTasksShareWhatArrives(t *testing.T) {
	onNetworks(t, func(ctx context.Context, t *testing.T, network string) {
		a, b := pair(ctx, t, network)
		defer a.Close()
		const readers, total = 10, 1000
		got := 0
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			for range readers {
				g.Go(func(context.Context) error {
					for p := make([]byte, 7); ; {
						n, err := a.Read(p)
						got += n
						if err == io.EOF {
							return nil
						}
						if err != nil {
							return err
						}
					}
				})
			}
			for range total {
				if _, err := b.Write([]byte("x")); err != nil {
					return err
				}
			}
			return b.Close()
		})
		if err != nil || got != total {
			t.Errorf("%d of %d bytes: %v", got, total, err)
		}
	})
}

// waitForEnd is a ControlContext that calls stop and waits until that has reached it.
func waitForEnd(stop func()) func(context.Context, string, string, syscall.RawConn) error {
	return func(ctx context.Context, _, _ string, _ syscall.RawConn) error {
		stop()
		<-ctx.Done()
		return ctx.Err()
	}
}
