package loop_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/loop"
)

// tlsConfigs returns the two sides' configurations, with the certificate that package httptest brings.
func tlsConfigs(t *testing.T) (client, server *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return &tls.Config{RootCAs: pool, ServerName: "example.com", MinVersion: tls.VersionTLS12},
		&tls.Config{Certificates: s.TLS.Certificates, MinVersion: tls.VersionTLS12}
}

// Both sides of crypto/tls run on one loop: the handshake, data both ways, and the end that says goodbye.
func TestTLSOnBothSides(t *testing.T) {
	client, server := tlsConfigs(t)
	onNetworks(t, func(ctx context.Context, t *testing.T, network string) {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			client := client.Clone()
			client.MaxVersion = version
			a, b := pair(ctx, t, network)
			data := bytes.Repeat([]byte("secret "), 100_000)
			err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error {
					s := tls.Server(b, server)
					if err := s.HandshakeContext(ctx); err != nil {
						return err
					}
					got, err := io.ReadAll(s) // ends with the client's close_notify
					if err != nil || !bytes.Equal(got, data) {
						t.Errorf("the server got %d of %d bytes: %v", len(got), len(data), err)
					}
					_, err = s.Write([]byte("thanks"))
					return errors.Join(err, s.Close())
				})
				c := tls.Client(a, client)
				if err := c.HandshakeContext(ctx); err != nil {
					return err
				}
				if c.ConnectionState().Version != version {
					t.Errorf("the version is %x", c.ConnectionState().Version)
				}
				if _, err := c.Write(data); err != nil {
					return err
				}
				if err := c.CloseWrite(); err != nil {
					return err
				}
				got, err := io.ReadAll(c)
				if string(got) != "thanks" || err != nil {
					t.Errorf("the client got %q: %v", got, err)
				}
				return c.Close()
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// A handshake with a peer that says nothing ends with its ctx.
func TestATLSHandshakeEndsWithItsContext(t *testing.T) {
	client, _ := tlsConfigs(t)
	onNetworks(t, func(ctx context.Context, t *testing.T, network string) {
		c, peer := foreigner(ctx, t, network)
		defer peer.Close()
		err := braid.Timeout(ctx, 5*time.Millisecond, func(ctx context.Context) error {
			return tls.Client(c.WithContext(ctx), client).HandshakeContext(ctx)
		})
		if !errors.Is(err, braid.ErrTimeout) {
			t.Errorf("err = %v", err)
		}
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Errorf("Close: %v", err)
		}
	})
}

func TestBufioOnAConnection(t *testing.T) {
	onNetworks(t, func(ctx context.Context, t *testing.T, network string) {
		a, b := pair(ctx, t, network)
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			g.Go(func(context.Context) error {
				w := bufio.NewWriter(a)
				for i := range 10_000 {
					fmt.Fprintln(w, "line", i)
				}
				return errors.Join(w.Flush(), a.Close())
			})
			n := 0
			lines := bufio.NewScanner(b)
			for lines.Scan() {
				if want := fmt.Sprint("line ", n); lines.Text() != want {
					t.Errorf("got %q, want %q", lines.Text(), want)
				}
				n++
			}
			if n != 10_000 {
				t.Errorf("%d lines", n)
			}
			return errors.Join(lines.Err(), b.Close())
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// serveHTTP answers requests by hand, until the other side has no more.
func serveHTTP(c net.Conn) error {
	defer c.Close()
	for r := bufio.NewReader(c); ; {
		request, err := http.ReadRequest(r)
		if err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return err
		}
		text := request.URL.Path + " " + string(body)
		response := http.Response{ProtoMajor: 1, ProtoMinor: 1, StatusCode: http.StatusOK, ContentLength: int64(len(text)), Body: io.NopCloser(strings.NewReader(text))}
		if err := response.Write(c); err != nil {
			return err
		}
	}
}

// http.ReadRequest and http.Response.Write work on a connection of the loop; the client here is an ordinary one.
func TestHTTPByHand(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		runLoop(t, func(ctx context.Context, g *braid.Group) error {
			ln := listen(ctx, t, "tcp")
			server := g.Go(func(ctx context.Context) error {
				for {
					c, err := ln.Accept()
					if err != nil {
						return context.Cause(ctx)
					}
					g.Go(func(context.Context) error { return serveHTTP(c) })
				}
			})
			_, err := braid.Offload(ctx, braid.NewLimiter("client", 1), func(ctx context.Context) (int, error) {
				client := &http.Client{Transport: transport}
				for _, body := range []string{"one", "two", strings.Repeat("three", 50_000)} {
					request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+ln.Addr().String()+"/path", strings.NewReader(body))
					if err != nil {
						return 0, err
					}
					response, err := client.Do(request)
					if err != nil {
						return 0, err
					}
					got, err := io.ReadAll(response.Body)
					_ = response.Body.Close()
					if err != nil || string(got) != "/path "+body {
						t.Errorf("got %d bytes: %v", len(got), err)
					}
				}
				transport.CloseIdleConnections()
				return 0, nil
			})
			server.Cancel(nil)
			return errors.Join(err, ln.Close())
		}, opts...)
	})
}

// http.Server starts a goroutine for each connection, and the loop's connections are not for goroutines.
// Debug mode says so, in the error of the first read; the server drops the connection.
func TestHTTPServerGetsAnErrorInDebugMode(t *testing.T) {
	braidtest.CheckLeaks(t)
	var p printed
	runLoop(t, func(ctx context.Context, _ *braid.Group) error {
		ln := listen(ctx, t, "tcp")
		server := &http.Server{ReadHeaderTimeout: time.Minute, ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateClosed {
				_ = ln.Close()
			}
		}}
		peer, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			return err
		}
		defer peer.Close()
		if err := server.Serve(&overheard{ln, &p}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve: %v", err)
		}
		return nil
	}, loop.Debug())
	contains(t, "the error", strings.Join(p.lines, "\n"), "conn.Read on goroutine", "other goroutines come in through a braid.Portal")
}

// overheard is a listener whose connections print the errors of their reads.
type overheard struct {
	*loop.Listener

	p *printed
}

func (o *overheard) Accept() (net.Conn, error) {
	c, err := o.Listener.Accept()
	return &overheardConn{c, o.p}, err
}

type overheardConn struct {
	net.Conn

	p *printed
}

func (o *overheardConn) Read(b []byte) (int, error) {
	n, err := o.Conn.Read(b)
	if err != nil {
		o.p.println(err)
	}
	return n, err
}
