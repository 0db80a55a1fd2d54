package session_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/loop"
	"github.com/braid-go/braid/resilience"
	"github.com/braid-go/braid/session"
)

// Over real sockets: TLS, both versions of HTTP, connections that are used again, and nothing left.
func TestTLS(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			braidtest.CheckLeaks(t)
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/hang" {
					_ = http.NewResponseController(w).Flush()
					hang(w, r)
				}
				_, _ = io.WriteString(w, r.Proto)
			}))
			server.EnableHTTP2 = proto == "HTTP/2.0"
			server.StartTLS()
			defer server.Close()
			roots := x509.NewCertPool()
			roots.AddCert(server.Certificate())
			var conns atomic.Int32
			c := session.Config{BaseURL: server.URL, TLS: &tls.Config{RootCAs: roots}, OnEvent: func(_ context.Context, e session.Event) {
				switch e.Kind { //nolint:exhaustive // the others are not counted
				case session.ConnOpened:
					conns.Add(1)
				case session.ConnClosed:
					conns.Add(-1)
				}
			}}
			err := session.Run(t.Context(), c, func(ctx context.Context, s *session.Session) error {
				for range 5 {
					body, err := get(ctx, s, "")
					must(t, err)
					equal(t, "protocol", body, proto)
				}
				equal(t, "connections", conns.Load(), 1)
				_, err := s.Get(ctx, "hang")
				return err
			})
			if leak, ok := errors.AsType[*session.LeakError](err); !ok || leak.Conns != 0 || len(leak.Bodies) != 1 {
				t.Errorf("ended with %v", err)
			}
			equal(t, "connections", conns.Load(), 0)
		})
	}
}

// A certificate that is wrong will be wrong the next time, too.
func TestTLS_unknownAuthority(t *testing.T) {
	braidtest.CheckLeaks(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	err := session.Run(t.Context(), session.Config{Retry: patient(time.Millisecond)}, func(ctx context.Context, s *session.Session) error {
		_, err := get(ctx, s, server.URL)
		equal(t, "tries", s.Statistics().Attempts, 1)
		equal(t, "connections", s.Statistics().Conns, 0)
		return err
	})
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok {
		t.Errorf("error is %v", err)
	}
}

// A connection that is reset is an error for whoever reads, over a real socket.
func TestReset(t *testing.T) {
	braidtest.CheckLeaks(t)
	answered := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "hello")
		_ = http.NewResponseController(w).Flush()
		<-answered
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		}
	}))
	defer server.Close()
	must(t, session.Run(t.Context(), session.Config{}, func(ctx context.Context, s *session.Session) error {
		resp, err := s.Get(ctx, server.URL)
		close(answered)
		must(t, err)
		_, err = io.ReadAll(resp.Body)
		if broken, ok := errors.AsType[*session.BodyError](err); !ok || broken.Want != 10 {
			t.Errorf("error is %v", err)
		}
		return nil
	}))
}

// The hooks of httptrace in a request's ctx are called as ever, for each try.
func TestHTTPTrace(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		f := &failing{codes: []int{503}}
		n.serve("api.test:80", f.handle)
		n.with(ctx, session.Config{Retry: patient(time.Second)}, func(ctx context.Context, s *session.Session) {
			var reused []bool
			ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { reused = append(reused, c.Reused) }})
			_, err := get(ctx, s, api)
			must(t, err)
			if !slices.Equal(reused, []bool{false, true}) {
				t.Errorf("connections were reused: %v", reused)
			}
		})
	})
}

// The session is a RoundTripper for others, and others can stand inside.
func TestChain(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		f := &failing{codes: []int{503}}
		var signed []string
		n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) {
			signed = append(signed, r.Header.Get("X-Signed")+r.Header.Get("Authorization"))
			f.handle(w, r)
		})
		c := session.Config{Retry: patient(time.Second), Wrap: func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) { // for each try
				r = r.Clone(r.Context())
				r.Header.Set("X-Signed", "yes")
				return next.RoundTrip(r)
			})
		}}
		n.with(ctx, c, func(ctx context.Context, s *session.Session) {
			bearer := roundTripper(func(r *http.Request) (*http.Response, error) { // as package oauth2 does
				r = r.Clone(r.Context())
				r.Header.Set("Authorization", "Bearer token")
				return s.RoundTrip(r)
			})
			resp, err := (&http.Client{Transport: bearer}).Do(newRequest(t, ctx, http.MethodGet, api, ""))
			must(t, err)
			body, err := io.ReadAll(resp.Body)
			must(t, err)
			equal(t, "body", string(body), "done")
			equal(t, "headers", strings.Join(signed, " "), "yesBearer token yesBearer token")
		})
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A panic in code that the session calls belongs to the request, and leaves nothing behind.
func TestPanic(t *testing.T) {
	for name, c := range map[string]struct {
		wrap  func(next http.RoundTripper) http.RoundTripper
		dial  func(context.Context, string) error
		hedge *session.Hedge
	}{
		"wrap": {wrap: func(http.RoundTripper) http.RoundTripper {
			return roundTripper(func(*http.Request) (*http.Response, error) { panic("boom") })
		}},
		"hedge": {wrap: func(http.RoundTripper) http.RoundTripper {
			return roundTripper(func(*http.Request) (*http.Response, error) { panic("boom") })
		}, hedge: &session.Hedge{Delay: time.Second}},
		"dial": {dial: func(context.Context, string) error { panic("boom") }},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, n *network) {
				quiet := slogToNowhere(t)
				defer quiet()
				n.dialing = c.dial
				config := session.Config{Wrap: c.wrap, Hedge: c.hedge, Limits: session.Limits{Requests: 1}, Breaker: &resilience.BreakerConfig{Consecutive: 1}}
				n.with(ctx, config, func(ctx context.Context, s *session.Session) {
					var failed error
					v := panicked(func() { _, failed = get(ctx, s, api) })
					if (v != nil) != (c.wrap != nil) { // net/http stands between a dial and its request
						t.Fatalf("panicked with %v, failed with %v", v, failed)
					}
					if v != nil {
						failed, _ = v.(error)
					}
					p, ok := errors.AsType[*braid.PanicError](failed)
					if !ok || !strings.Contains(p.Error(), "boom") || !strings.Contains(string(p.Stack), "_test.go") {
						t.Fatalf("the panic became %v", failed)
					}
					equal(t, "running", s.Statistics().Running, 0)
					equal(t, "state", s.Breaker(api).State(), resilience.Open)
					s.Breaker(api).Reset()
					again := panicked(func() { _, err := get(ctx, s, api); panic(err) })
					if err, _ := again.(error); errors.Is(err, resilience.ErrFull) {
						t.Error("its place has not been given back")
					}
				})
			})
		})
	}
}

// One that returns nothing is an error, and no panic.
func TestChain_nothing(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		nothing := func(http.RoundTripper) http.RoundTripper {
			return roundTripper(func(*http.Request) (*http.Response, error) { return nil, nil })
		}
		n.with(ctx, session.Config{Wrap: nothing}, func(ctx context.Context, s *session.Session) {
			if _, err := get(ctx, s, api); err == nil {
				t.Error("no error")
			}
		})
	})
}

// Events tell of a request what there is to tell, in order, and harm nobody.
func TestEvents(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		f := &failing{codes: []int{503}}
		n.serve("api.test:80", f.handle)
		var mu sync.Mutex
		var got []string
		quiet := slogToNowhere(t)
		defer quiet()
		c := session.Config{Retry: patient(time.Second), OnEvent: func(_ context.Context, e session.Event) {
			mu.Lock()
			defer mu.Unlock()
			text := string(e.Kind)
			if e.Status > 0 {
				text += " " + http.StatusText(e.Status)
			}
			if e.Reused {
				text += " reused"
			}
			if e.Bytes > 0 {
				text += fmt.Sprintf(" %d bytes", e.Bytes)
			}
			got = append(got, text)
			panic("a bad watcher")
		}}
		n.with(ctx, c, func(ctx context.Context, s *session.Session) {
			_, err := get(ctx, s, api)
			must(t, err)
		})
		want := []string{
			"try started", "connection opened", "try ended Service Unavailable", "body ended Service Unavailable 3000 bytes", "retrying",
			"try started", "try ended OK reused", "body ended OK 4 bytes", "connection closed",
		}
		if !slices.Equal(got, want) {
			t.Errorf("events are %q", got)
		}
	})
}

// On the event loop a request holds up its own task alone.
func TestOnTheLoop(t *testing.T) {
	braidtest.CheckLeaks(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	}))
	defer server.Close()
	hello := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	defer hello.Close()
	cause := errors.New("enough")
	err := loop.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
		return session.Run(ctx, session.Config{Breaker: &resilience.BreakerConfig{}, Limits: session.Limits{Requests: 10}}, func(ctx context.Context, s *session.Session) error {
			return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				hung := g.Go(func(ctx context.Context) error {
					_, err := get(ctx, s, server.URL)
					return err
				})
				for range 3 {
					body, err := get(ctx, s, hello.URL)
					if err != nil {
						return err
					}
					equal(t, "body", body, "hello")
				}
				hung.Cancel(cause)
				wantErr(t, hung.Wait(ctx), cause)
				return nil
			})
		})
	})
	must(t, err)
}

// Through a proxy, with TLS inside, a session works and ends as without.
func TestProxy(t *testing.T) {
	braidtest.CheckLeaks(t)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "hello") }))
	defer server.Close()
	asked := make(chan string, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host
		far, err := net.Dial("tcp", r.Host)
		must(t, err)
		near, _, err := http.NewResponseController(w).Hijack()
		must(t, err)
		_, _ = io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(far, near); _ = far.Close() }()
		_, _ = io.Copy(near, far)
		_ = near.Close()
	}))
	defer proxy.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	through, err := url.Parse(proxy.URL)
	must(t, err)
	must(t, session.Run(t.Context(), session.Config{TLS: &tls.Config{RootCAs: roots}, Proxy: http.ProxyURL(through)}, func(ctx context.Context, s *session.Session) error {
		body, err := get(ctx, s, server.URL)
		must(t, err)
		equal(t, "body", body, "hello")
		return nil
	}))
	equal(t, "the proxy was asked for", <-asked, "CONNECT "+server.Listener.Addr().String())
}

// A request that Wrap makes, for a token say, has a ctx and a life of its own.
func TestChain_nested(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(http.ResponseWriter, *http.Request) {})
		n.serve("tokens.test:80", hang)
		var s *session.Session
		var nested error
		c := session.Config{Wrap: func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.URL.Host == "api.test" {
					short, cancel := context.WithTimeout(r.Context(), time.Second)
					defer cancel()
					req, err := http.NewRequestWithContext(short, http.MethodGet, "http://tokens.test/", nil)
					must(t, err)
					_, nested = s.RoundTrip(req)
				}
				return next.RoundTrip(r)
			})
		}}
		n.with(ctx, c, func(ctx context.Context, opened *session.Session) {
			s = opened
			equal(t, "time", took(func() {
				_, err := get(ctx, s, api)
				must(t, err)
			}), time.Second)
			wantErr(t, nested, context.DeadlineExceeded)
		})
	})
}

// A Goexit in code that the session calls, as t.FailNow does, leaves nothing behind.
func TestGoexit(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(http.ResponseWriter, *http.Request) {})
		exits := true
		c := session.Config{Limits: session.Limits{Requests: 1, Queue: -1}, Wrap: func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				if exits {
					runtime.Goexit()
				}
				return next.RoundTrip(r)
			})
		}}
		n.with(ctx, c, func(ctx context.Context, s *session.Session) {
			var wg sync.WaitGroup
			wg.Go(func() { _, _ = get(ctx, s, api) })
			wg.Go(func() { _, _ = s.RoundTrip(newRequest(t, ctx, http.MethodGet, "http://other.test/", "")) })
			wg.Wait()
			exits = false
			_, err := get(ctx, s, api)
			must(t, err)
			equal(t, "running", s.Statistics().Running, 0)
		})
	})
}
