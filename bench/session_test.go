package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/failsafe-go/failsafe-go/failsafehttp"
	"github.com/hashicorp/go-retryablehttp"
	"resty.dev/v3"

	"github.com/braid-go/braid/resilience"
	"github.com/braid-go/braid/session"
)

// As in resilience_test.go: what docs/parts.md says about the peers in italics is true of the versions in go.mod.

// piped is a server behind pipes, for one test in virtual time.
type piped struct {
	t         *testing.T
	conns     chan net.Conn
	closed    chan struct{}
	open, got atomic.Int32
}

func (p *piped) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *piped) Close() error   { return nil }
func (p *piped) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// countedConn counts as open until its client closes it.
type countedConn struct {
	net.Conn
	open *atomic.Int32
	done atomic.Bool
}

func (c *countedConn) Close() error {
	if c.done.CompareAndSwap(false, true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}

func (p *piped) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	p.conns <- far
	p.open.Add(1)
	return &countedConn{Conn: near, open: &p.open}, nil
}

// withServer calls test, in virtual time, with a server and a transport to it.
func withServer(t *testing.T, handler http.HandlerFunc, test func(ctx context.Context, p *piped, transport *http.Transport)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &piped{t: t, conns: make(chan net.Conn), closed: make(chan struct{})}
		server := &http.Server{ReadHeaderTimeout: time.Hour, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p.got.Add(1)
			handler(w, r)
		})}
		go func() { _ = server.Serve(p) }()
		transport := &http.Transport{DialContext: p.dial}
		test(t.Context(), p, transport)
		transport.CloseIdleConnections()
		close(p.closed)
		_ = server.Close()
		synctest.Wait()
	})
}

// busy asks to be left alone for a day the first time.
func busy() http.HandlerFunc {
	var asked atomic.Bool
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if asked.CompareAndSwap(false, true) {
			w.Header().Set("Retry-After", "86400")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
}

const peerURL = "http://peer.test/"

func do(ctx context.Context, method string, client interface {
	Do(*http.Request) (*http.Response, error)
}) error {
	req, err := http.NewRequestWithContext(ctx, method, peerURL, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// client is a peer of the session, with retries.
type client func(ctx context.Context, method string, transport *http.Transport, p *piped) error

var clients = map[string]client{
	"go-retryablehttp": func(ctx context.Context, method string, transport *http.Transport, _ *piped) error {
		c := retryablehttp.NewClient()
		c.HTTPClient = &http.Client{Transport: transport}
		c.Logger = nil
		return do(ctx, method, c.StandardClient())
	},
	"failsafehttp": func(ctx context.Context, method string, transport *http.Transport, _ *piped) error {
		return do(ctx, method, &http.Client{Transport: failsafehttp.NewRoundTripper(transport, failsafehttp.NewRetryPolicyBuilder().Build())})
	},
	"resty": func(ctx context.Context, method string, transport *http.Transport, _ *piped) error {
		c := resty.NewWithClient(&http.Client{Transport: transport}).SetRetryCount(2).AddRetryConditions(resty.RetryConditionStatus5XX)
		defer c.Close()
		_, err := c.R().SetContext(ctx).Execute(method, peerURL)
		return err
	},
	"session": func(ctx context.Context, method string, _ *http.Transport, p *piped) error {
		return session.Run(ctx, session.Config{Dial: p.dial, Retry: &resilience.Retry{}}, func(ctx context.Context, s *session.Session) error {
			return do(ctx, method, s)
		})
	},
}

// A POST that was answered with a 503 is sent again by two of them.
func TestPeersRetryPost(t *testing.T) {
	for name, want := range map[string]int32{"go-retryablehttp": 2, "failsafehttp": 2, "resty": 1, "session": 1} {
		withServer(t, busy(), func(ctx context.Context, p *piped, transport *http.Transport) {
			if err := clients[name](ctx, http.MethodPost, transport, p); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if p.got.Load() != want {
				t.Errorf("%s sent a POST %d times, want %d", name, p.got.Load(), want)
			}
		})
	}
}

// A Retry-After of a day is taken at its word by all but one.
func TestPeersWaitForADay(t *testing.T) {
	const day = 24 * time.Hour
	for name, capped := range map[string]bool{"go-retryablehttp": false, "failsafehttp": false, "resty": false, "session": true} {
		withServer(t, busy(), func(ctx context.Context, p *piped, transport *http.Transport) {
			start := time.Now()
			if err := clients[name](ctx, http.MethodGet, transport, p); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(start); (took < time.Minute) != capped || !capped && took < day {
				t.Errorf("%s waited for %v", name, took)
			}
		})
	}
}

// resty's timeout of a try is left out if the ctx has a deadline.
func TestPeersTryTimeout(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	withServer(t, hang, func(ctx context.Context, _ *piped, transport *http.Transport) {
		ctx, cancel := context.WithTimeout(ctx, time.Hour)
		defer cancel()
		c := resty.NewWithClient(&http.Client{Transport: transport}).SetTimeout(time.Second)
		defer c.Close()
		start := time.Now()
		_, err := c.R().SetContext(ctx).Get(peerURL)
		if took := time.Since(start); took != time.Hour {
			t.Errorf("resty gave up after %v with %v", took, err)
		}
	})
	withServer(t, hang, func(ctx context.Context, p *piped, _ *http.Transport) {
		ctx, cancel := context.WithTimeout(ctx, time.Hour)
		defer cancel()
		start := time.Now()
		err := session.Run(ctx, session.Config{Dial: p.dial, Timeouts: session.Timeouts{Try: time.Second}}, func(ctx context.Context, s *session.Session) error {
			return do(ctx, http.MethodGet, s)
		})
		if _, ok := errors.AsType[*session.TimeoutError](err); !ok || time.Since(start) != time.Second {
			t.Errorf("the session gave up after %v with %v", time.Since(start), err)
		}
	})
}

// resty's Close leaves its connections open.
func TestPeersClose(t *testing.T) {
	for name, want := range map[string]int32{"resty": 1, "session": 0} {
		withServer(t, func(http.ResponseWriter, *http.Request) {}, func(ctx context.Context, p *piped, transport *http.Transport) {
			if err := clients[name](ctx, http.MethodGet, transport, p); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			synctest.Wait()
			if p.open.Load() != want {
				t.Errorf("%s left %d connections, want %d", name, p.open.Load(), want)
			}
		})
	}
}

// A header of the client that holds a key follows redirects to other hosts, except for the session's.
func TestPeersSecretsOnRedirect(t *testing.T) {
	handler := func(key *string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Host == "peer.test" {
				http.Redirect(w, r, "http://evil.test/", http.StatusFound)
				return
			}
			*key = r.Header.Get("X-Api-Key")
		}
	}
	var key string
	withServer(t, handler(&key), func(ctx context.Context, _ *piped, transport *http.Transport) {
		c := resty.NewWithClient(&http.Client{Transport: transport}).SetHeader("X-Api-Key", "secret")
		defer c.Close()
		if _, err := c.R().SetContext(ctx).Get(peerURL); err != nil || key != "secret" {
			t.Errorf("resty sent the key %q, %v", key, err)
		}
	})
	withServer(t, handler(&key), func(ctx context.Context, p *piped, _ *http.Transport) {
		err := session.Run(ctx, session.Config{Dial: p.dial, Header: http.Header{"X-Api-Key": {"secret"}}}, func(ctx context.Context, s *session.Session) error {
			return do(ctx, http.MethodGet, s)
		})
		if err != nil || key != "" {
			t.Errorf("the session sent the key %q, %v", key, err)
		}
	})
}
