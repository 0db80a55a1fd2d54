package session_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
	"github.com/braid-go/braid/session"
)

// Close ends what is under way in every phase, with ErrClosed, and leaves nothing.
func TestClose_whileUnderWay(t *testing.T) {
	for name, prepare := range map[string]func(n *network, c *session.Config){
		"connect": func(n *network, _ *session.Config) {
			n.dialing = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
		},
		"handshake": func(n *network, c *session.Config) {
			n.hosts["api.test:443"] = func(c net.Conn) { go func() { _, _ = io.Copy(io.Discard, c); _ = c.Close() }() }
			c.BaseURL = "https://api.test/"
		},
		"header": func(n *network, _ *session.Config) { n.serve("api.test:80", hang) },
		"body": func(n *network, _ *session.Config) {
			n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) {
				_ = http.NewResponseController(w).Flush()
				hang(w, r)
			})
		},
		"backoff": func(_ *network, c *session.Config) {
			c.Retry = &resilience.Retry{Attempts: 1000, Base: time.Hour, Max: time.Hour, Rand: func() float64 { return 1 }}
		},
		"hedges": func(n *network, c *session.Config) {
			n.serve("api.test:80", hang)
			c.Hedge = &session.Hedge{Delay: time.Millisecond, Max: 3}
		},
		"queue": func(n *network, c *session.Config) {
			n.serve("api.test:80", hang)
			c.Limits.Requests = 1
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, n *network) {
				c := session.Config{BaseURL: api, Dial: n.dial, Timeouts: session.Timeouts{Total: -1, Connect: -1, Header: -1, IdleRead: -1}}
				prepare(n, &c)
				err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
					s, err := session.Open(ctx, g, c)
					if err != nil {
						return err
					}
					for range 2 {
						g.Go(func(ctx context.Context) error {
							_, err := get(ctx, s, "")
							wantErr(t, err, session.ErrClosed)
							return nil
						})
					}
					must(t, braid.Sleep(ctx, time.Second))
					err = s.Close(ctx)
					if leak, ok := errors.AsType[*session.LeakError](err); ok != (name == "body") || ok && len(leak.Bodies) != 2 {
						t.Errorf("Close returned %v", err)
					}
					st := s.Statistics()
					equal(t, "connections, bodies and requests", st.Conns+st.Bodies+st.Running, 0)
					return nil
				})
				must(t, err)
			})
		})
	}
}

// A body that nobody closes is cancelled, and listed.
func TestClose_forgottenBody(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000000")
			_, _ = io.CopyN(w, zeros{}, 1_000_000)
		})
		var body io.ReadCloser
		err := session.Run(ctx, session.Config{Dial: n.dial, Name: "api"}, func(ctx context.Context, s *session.Session) error {
			resp, err := s.Get(ctx, "http://me:password@api.test/big")
			must(t, err)
			body = resp.Body
			_, err = io.ReadFull(body, make([]byte, 100))
			must(t, err)
			must(t, braid.Sleep(ctx, 3*time.Second))
			return nil
		})
		leak, ok := errors.AsType[*session.LeakError](err)
		if !ok || len(leak.Bodies) != 1 {
			t.Fatalf("error is %v", err)
		}
		equal(t, "text", leak.Error(), "session: api was closed, and the bodies of these responses were open; close each resp.Body: GET http://me:xxxxx@api.test/big (200, 3s ago, 100 bytes read)")
		_, err = body.Read(make([]byte, 1))
		wantErr(t, err, session.ErrClosed)
		must(t, body.Close())
	})
}

// A body that was read to its end need not be closed; nor one that is empty.
func TestClose_readToTheEnd(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", 10_000*len(r.URL.Query().Get("n"))))
		})
		n.with(ctx, session.Config{BaseURL: api}, func(ctx context.Context, s *session.Session) {
			resp, err := s.Get(ctx, "?n=1")
			must(t, err)
			_, err = io.Copy(io.Discard, resp.Body)
			must(t, err)
			_, err = s.Get(ctx, "")
			must(t, err)
			_, err = s.Do(newRequest(t, ctx, http.MethodHead, "?n=1", ""))
			must(t, err)
			equal(t, "bodies", s.Statistics().Bodies, 0)
		})
	})
}

// After Close there are no requests, by no way.
func TestClose_after(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(http.ResponseWriter, *http.Request) {})
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			s, err := session.Open(ctx, g, session.Config{Dial: n.dial})
			must(t, err)
			_, err = get(ctx, s, api)
			must(t, err)
			must(t, s.Close(ctx))
			must(t, s.Close(ctx)) // again
			body := &closes{}
			req, err := http.NewRequestWithContext(ctx, http.MethodPut, api, body)
			must(t, err)
			_, err = s.Do(req)
			wantErr(t, err, session.ErrClosed)
			_, err = s.Client().Do(req)
			wantErr(t, err, session.ErrClosed)
			_, err = s.RoundTrip(req)
			wantErr(t, err, session.ErrClosed)
			equal(t, "body was closed", body.n, 3)
			return nil
		})
		must(t, err)
	})
}

// The end of a ctx is that of the wait for the close, and not of the close.
func TestClose_doesNotWaitLongerThanItsCtx(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		stuck := make(chan struct{})
		n.dialing = func(context.Context, string) error { <-stuck; return errors.New("at last") }
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			s, err := session.Open(ctx, g, session.Config{Dial: n.dial, Name: "api"})
			must(t, err)
			g.Go(func(ctx context.Context) error {
				_, err := get(ctx, s, api)
				wantErr(t, err, session.ErrClosed)
				return nil
			})
			synctest.Wait()
			short, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			wantErr(t, s.Close(short), context.DeadlineExceeded)
			var names []string
			for _, u := range g.Unfinished() {
				names = append(names, u.Path)
			}
			if all := strings.Join(names, " "); !strings.Contains(all, "api/dial api.test:80") {
				t.Errorf("the tasks that hold it up are %s", all)
			}
			close(stuck)
			must(t, s.Close(ctx))
			return nil
		})
		must(t, err)
	})
}

// The end of the scope is the end of the session. What was under way then is no leak: who has it has been told, too.
func TestClose_withItsScope(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", hang)
		failure := errors.New("another task has failed")
		var s *session.Session
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			var err error
			s, err = session.Open(ctx, g, session.Config{Dial: n.dial, BaseURL: api})
			must(t, err)
			g.Go(func(context.Context) error {
				_, err := get(context.Background(), s, "") // with a ctx that is none of the scope's
				wantErr(t, err, session.ErrClosed)
				return nil
			})
			g.Go(func(ctx context.Context) error {
				_ = braid.Sleep(ctx, time.Second)
				return failure
			})
			return nil
		})
		wantErr(t, err, failure)
		if _, ok := errors.AsType[*session.LeakError](err); ok {
			t.Errorf("a leak is reported: %v", err)
		}
		equal(t, "connections", s.Statistics().Conns, 0)
		_, err = get(ctx, s, "")
		wantErr(t, err, session.ErrClosed)
	})
}

// Run gives back what its function returns, as it is.
func TestRun_result(t *testing.T) {
	inBubble(t, func(ctx context.Context, _ *network) {
		failure := errors.New("down")
		if err := session.Run(ctx, session.Config{}, func(context.Context, *session.Session) error { return failure }); !errors.Is(err, failure) {
			t.Errorf("error is %v", err)
		}
		v := panicked(func() {
			_ = braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
				return session.Run(ctx, session.Config{}, func(context.Context, *session.Session) error { panic("boom") })
			}, braid.PanicHook(func(*braid.PanicError) {}))
		})
		if p, ok := v.(*braid.PanicError); !ok || p.Value != "boom" {
			t.Errorf("panicked with %v", v)
		}
		cause := errors.New("too late")
		done, cancel := context.WithCancelCause(ctx)
		cancel(cause)
		wantErr(t, session.Run(done, session.Config{}, func(context.Context, *session.Session) error { t.Error("called"); return nil }), cause)
	})
}

// A connection that is made although the session has been closed is closed, too.
func TestClose_lateConnection(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(http.ResponseWriter, *http.Request) { t.Error("there was a request") })
		n.dialing = func(context.Context, string) error {
			time.Sleep(3 * time.Second) //nolint:forbidigo // virtual; whatever its ctx says
			return nil
		}
		must(t, braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			s, err := session.Open(ctx, g, session.Config{Dial: n.dial})
			must(t, err)
			g.Go(func(ctx context.Context) error {
				_, err := get(ctx, s, api)
				wantErr(t, err, session.ErrClosed)
				return nil
			})
			synctest.Wait()
			equal(t, "time", took(func() { must(t, s.Close(ctx)) }), 3*time.Second)
			equal(t, "connections", s.Statistics().Conns, 0)
			equal(t, "connections that were made", s.Statistics().Opened, 0)
			return nil
		}))
	})
}

// reluctant is a connection on which a Read returns only some time after it was closed.
type reluctant struct {
	net.Conn
	wait time.Duration
}

func (c *reluctant) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		time.Sleep(c.wait) //nolint:forbidigo // virtual
	}
	return n, err
}

// Close waits for net/http to let go of its connections, and says so if it does not.
func TestClose_waitsForConnections(t *testing.T) {
	for takes, want := range map[time.Duration]int{time.Second: 0, time.Minute: 1} {
		inBubble(t, func(ctx context.Context, n *network) {
			n.serve("api.test:80", hang)
			dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
				c, err := n.dial(ctx, network, addr)
				return &reluctant{Conn: c, wait: takes}, err
			}
			var err error
			took := took(func() {
				err = session.Run(ctx, session.Config{Dial: dial}, func(ctx context.Context, s *session.Session) error {
					short, cancel := context.WithTimeout(ctx, time.Millisecond)
					defer cancel()
					_, err := s.Get(short, api)
					wantErr(t, err, context.DeadlineExceeded)
					return nil
				})
			})
			left := 0
			if leak, ok := errors.AsType[*session.LeakError](err); ok {
				left = leak.Conns
			}
			if left != want || took.Truncate(time.Second) != min(takes, 10*time.Second) {
				t.Errorf("after %v the session ended with %v", took, err)
			}
			time.Sleep(takes) //nolint:forbidigo // virtual: until they have ended
		})
	}
}

// A connection that was handed over by a 101 ends with its request's ctx, and with the session, as any other body.
func TestClose_upgraded(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.raw("api.test:80", func(c net.Conn, _ string) {
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
			_, _ = c.Read(make([]byte, 1))
		})
		cause := errors.New("enough")
		err := session.Run(ctx, session.Config{Dial: n.dial}, func(ctx context.Context, s *session.Session) error {
			own, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			for _, ctx := range []context.Context{own, ctx} {
				req := newRequest(t, ctx, http.MethodGet, api, "")
				req.Header.Set("Connection", "upgrade")
				req.Header.Set("Upgrade", "echo")
				resp, err := s.Do(req)
				must(t, err)
				if ctx == own {
					time.AfterFunc(time.Second, func() { cancel(cause) })
					_, err = resp.Body.Read(make([]byte, 1))
					wantErr(t, err, cause)
				}
			}
			return nil
		})
		if leak, ok := errors.AsType[*session.LeakError](err); !ok || len(leak.Bodies) != 1 || leak.Conns != 0 {
			t.Errorf("ended with %v", err)
		}
	})
}
