package sim_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/sim"
)

// talk runs a server that serves one connection, and a client.
func talk(s *sim.T, n *sim.Network, server, client func(ctx context.Context, c net.Conn) error) {
	l, err := n.Listen("server:80")
	if err != nil {
		s.Fatal(err)
	}
	together(s, func(ctx context.Context) error {
		defer l.Close()
		c, err := l.Accept()
		if err != nil {
			return err
		}
		defer c.Close()
		return server(ctx, c)
	}, func(ctx context.Context) error {
		c, err := n.Dial(ctx, "client", "server:80")
		if err != nil {
			return err
		}
		defer c.Close()
		return client(ctx, c)
	})
}

func serveHTTP(_ context.Context, c net.Conn) error {
	req, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return err
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), strings.ToUpper(string(body)))
	return err
}

func askHTTP(s *sim.T) func(ctx context.Context, c net.Conn) error {
	return func(ctx context.Context, c net.Conn) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://server/", strings.NewReader("hello"))
		if err != nil {
			return err
		}
		if err := req.Write(c); err != nil {
			return err
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), req)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		if string(body) != "HELLO" {
			s.Errorf("the answer is %q", body)
		}
		return err
	}
}

func TestNetworkCarriesHTTP(t *testing.T) {
	braidtest.CheckLeaks(t)
	for name, c := range map[string]sim.NetConfig{
		"plain":       {},
		"far away":    {Latency: 50 * time.Millisecond, Jitter: 20 * time.Millisecond},
		"short reads": {ShortReads: true, Window: 16},
		"in pieces":   {Latency: time.Millisecond, Jitter: time.Millisecond, ShortReads: true, Window: 7},
		"partitions":  {Latency: time.Millisecond, Partitions: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			passes(t, func(s *sim.T) { talk(s, sim.NewNetwork(s, c), serveHTTP, askHTTP(s)) }, sim.Schedules(300))
		})
	}
}

func TestLatencyIsVirtual(t *testing.T) {
	passes(t, func(s *sim.T) {
		n := sim.NewNetwork(s, sim.NetConfig{Latency: time.Second})
		talk(s, n, serveHTTP, func(ctx context.Context, c net.Conn) error {
			start := s.Now()
			err := askHTTP(s)(ctx, c)
			if d := s.Now().Sub(start); d != 2*time.Second {
				s.Errorf("the answer took %v", d)
			}
			return err
		})
	}, sim.Schedules(50), sim.Advances(0))
}

// A program that takes one Read for the whole message works on every machine of its author.
func TestShortReadsFindABug(t *testing.T) {
	prog := func(s *sim.T) {
		n := sim.NewNetwork(s, sim.NetConfig{ShortReads: true})
		talk(s, n, func(_ context.Context, c net.Conn) error {
			buf := make([]byte, 16)
			k, err := c.Read(buf)
			if got := string(buf[:k]); got != "hello" {
				s.Errorf("read %q", got)
			}
			return err
		}, func(_ context.Context, c net.Conn) error { _, err := c.Write([]byte("hello")); return err })
	}
	fails(t, prog, nil, `read "h`, "conn.Read")
	fails(t, prog, []sim.Option{sim.Sweep(), sim.Schedules(1)}, "the sweep, net")
}

func TestResets(t *testing.T) {
	report := fails(t, func(s *sim.T) {
		talk(s, sim.NewNetwork(s, sim.NetConfig{Resets: true}), serveHTTP, askHTTP(s))
	}, nil, "network: ")
	if !strings.Contains(report, "connection reset") && !strings.Contains(report, "connection refused") {
		t.Error(report)
	}
}

func TestConnDeadlinesAndClose(t *testing.T) {
	braidtest.CheckLeaks(t)
	isErr := func(s *sim.T, what string, err, want error) {
		if !errors.Is(err, want) {
			s.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	passes(t, func(s *sim.T) {
		n := sim.NewNetwork(s, sim.NetConfig{Window: 4})
		talk(s, n, func(ctx context.Context, c net.Conn) error {
			_ = c.SetReadDeadline(s.Now().Add(time.Second))
			_, err := c.Read(make([]byte, 1))
			isErr(s, "a read with a deadline", err, os.ErrDeadlineExceeded)
			var ne net.Error
			if !errors.As(err, &ne) || !ne.Timeout() {
				s.Errorf("%v is no timeout", err)
			}
			_ = c.SetReadDeadline(time.Time{})
			got, err := io.ReadAll(c)
			if string(got) != "0123456789" {
				s.Errorf("read %q, %v", got, err)
			}
			_ = c.Close()
			_, err = c.Read(nil)
			isErr(s, "a read after Close", err, net.ErrClosed)
			_, err = c.Write([]byte("x"))
			isErr(s, "a write after Close", err, net.ErrClosed)
			isErr(s, "a second Close", c.Close(), net.ErrClosed)
			return nil
		}, func(ctx context.Context, c net.Conn) error {
			if err := braid.Sleep(ctx, 2*time.Second); err != nil {
				return err
			}
			if _, err := c.Write([]byte("0123456789")); err != nil {
				return err
			}
			if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				return err
			}
			n, err := c.Read(make([]byte, 1))
			if n != 0 || !errors.Is(err, io.EOF) {
				s.Errorf("read %d, %v at the end", n, err)
			}
			_, err = c.Write([]byte("x"))
			isErr(s, "a write to who has closed", err, syscall.EPIPE)
			if c.RemoteAddr().String() != "server:80" || c.LocalAddr().Network() != "sim" {
				s.Errorf("from %v to %v", c.LocalAddr(), c.RemoteAddr())
			}
			return nil
		})
	}, sim.Schedules(100), sim.Advances(0))
}

func TestNetworkObeysTheTask(t *testing.T) {
	braidtest.CheckLeaks(t)
	passes(t, func(s *sim.T) {
		n := sim.NewNetwork(s, sim.NetConfig{})
		err := braid.Run(s.Context(), func(ctx context.Context, g *braid.Group) error {
			l, err := n.Listen("server:0")
			if err != nil {
				return err
			}
			if _, err := n.Listen(l.Addr().String()); err == nil {
				s.Errorf("an address twice")
			}
			accept := g.Go(func(context.Context) error { _, err := l.Accept(); return err })
			accept.Cancel(errors.New("enough"))
			var op *net.OpError
			if err := accept.Wait(ctx); !errors.As(err, &op) || op.Op != "accept" {
				s.Errorf("err = %v", err)
			}
			if err := l.Close(); err != nil {
				return err
			}
			if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
				s.Errorf("err = %v", err)
			}
			if _, err := n.Dial(ctx, "client", l.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
				s.Errorf("err = %v", err)
			}
			n.Partition("client", "server")
			err = braid.Timeout(ctx, time.Second, func(ctx context.Context) error {
				_, err := n.Dial(ctx, "client", "server:1")
				return err
			})
			if !errors.Is(err, braid.ErrTimeout) {
				s.Errorf("err = %v", err)
			}
			return nil
		})
		if err != nil {
			s.Errorf("err = %v", err)
		}
	}, sim.Schedules(100))
	fails(t, func(s *sim.T) {
		talk(s, sim.NewNetwork(s, sim.NetConfig{}), serveHTTP, func(_ context.Context, c net.Conn) error {
			return c.SetDeadline(time.Now().Add(time.Second))
		})
	}, nil, "a deadline of the real clock", "braid.Time")
}

func TestPackets(t *testing.T) {
	braidtest.CheckLeaks(t)
	exchange := func(c sim.NetConfig) func(*sim.T) {
		return func(s *sim.T) {
			n := sim.NewNetwork(s, c)
			server, err := n.ListenPacket("server:53")
			if err != nil {
				s.Fatal(err)
			}
			client, err := n.ListenPacket("client:0")
			if err != nil {
				s.Fatal(err)
			}
			var got [][]byte
			together(s, func(context.Context) error {
				defer server.Close()
				buf := make([]byte, 16)
				for range 2 {
					k, from, err := server.ReadFrom(buf)
					if err != nil {
						return err
					}
					if from.String() != client.LocalAddr().String() {
						s.Errorf("from %v", from)
					}
					got = append(got, bytes.Clone(buf[:k]))
				}
				return nil
			}, func(context.Context) error {
				defer client.Close()
				for _, text := range []string{"one", "two"} {
					if _, err := client.WriteTo([]byte(text), server.LocalAddr()); err != nil {
						return err
					}
				}
				return nil
			})
			if all := fmt.Sprintf("%s", got); all != "[one two]" {
				s.Errorf("got %s", all)
			}
		}
	}
	passes(t, exchange(sim.NetConfig{}), sim.Schedules(100))
	fails(t, exchange(sim.NetConfig{Loss: true}), nil, "network: packet ")
	fails(t, exchange(sim.NetConfig{Jitter: time.Millisecond}), nil, "got [two one]")
}
