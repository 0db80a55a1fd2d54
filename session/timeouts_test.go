package session_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid/resilience"
	"github.com/braid-go/braid/session"
)

const api = "http://api.test/"

// Each limit ends its phase, in its time, and says which it was.
func TestTimeouts(t *testing.T) {
	short := func(set func(*session.Timeouts)) session.Config {
		c := session.Config{Timeouts: session.Timeouts{Total: -1, Connect: -1, Header: -1, IdleRead: -1}}
		set(&c.Timeouts)
		return c
	}
	dribble := func(line string) func(net.Conn, string) { // a header a second
		return func(c net.Conn, _ string) {
			_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for i := 0; err == nil; i++ {
				time.Sleep(time.Second) //nolint:forbidigo // virtual
				_, err = fmt.Fprintf(c, line, i)
			}
		}
	}
	trickle := func(c net.Conn, _ string) { // a byte a second
		_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
		for err == nil {
			_, err = io.WriteString(c, "x")
			time.Sleep(time.Second) //nolint:forbidigo // virtual
		}
	}
	stall := func(c net.Conn, _ string) { // half a body, and silence
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
		_, _ = c.Read(make([]byte, 1)) // until the client has gone
	}
	silent := func(c net.Conn, _ string) { _, _ = c.Read(make([]byte, 1)) }
	for _, c := range []struct {
		name   string
		config session.Config
		server func(net.Conn, string)
		phase  session.Phase
		after  time.Duration
	}{
		{"header, silence", short(func(t *session.Timeouts) { t.Header = 3 * time.Second }), silent, session.Header, 3 * time.Second},
		{"header, a line a second", short(func(t *session.Timeouts) { t.Header = 3500 * time.Millisecond }), dribble("X-%d: y\r\n"), session.Header, 3500 * time.Millisecond},
		{"idle read", short(func(t *session.Timeouts) { t.IdleRead = 2 * time.Second }), stall, session.IdleRead, 2 * time.Second},
		{"total, silence", short(func(t *session.Timeouts) { t.Total = 4 * time.Second }), silent, session.Total, 4 * time.Second},
		{"total, a byte a second", short(func(t *session.Timeouts) { t.Total, t.IdleRead = 10500*time.Millisecond, 2*time.Second }), trickle, session.Total, 10500 * time.Millisecond},
		{"try, silence", short(func(t *session.Timeouts) { t.Try = 4 * time.Second }), silent, session.Try, 4 * time.Second},
		{"try, a byte a second", short(func(t *session.Timeouts) { t.Try = 4500 * time.Millisecond }), trickle, session.Try, 4500 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, n *network) {
				n.raw("api.test:80", c.server)
				n.with(ctx, c.config, func(ctx context.Context, s *session.Session) {
					var err error
					equal(t, "time", took(func() { _, err = get(ctx, s, api) }), c.after)
					wantTimeout(t, err, c.phase)
				})
			})
		})
	}
}

// A connect that hangs is bounded, also when nobody waits for it any more.
func TestTimeouts_connect(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.dialing = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
		n.with(ctx, session.Config{Timeouts: session.Timeouts{Connect: 5 * time.Second}}, func(ctx context.Context, s *session.Session) {
			var err error
			equal(t, "time", took(func() { _, err = get(ctx, s, api) }), 5*time.Second)
			wantTimeout(t, err, session.Connect)
		})
	})
}

// A TLS handshake that hangs counts as connecting.
func TestTimeouts_handshake(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.hosts["api.test:443"] = func(c net.Conn) {
			go func() { _, _ = io.Copy(io.Discard, c); _ = c.Close() }()
		}
		n.with(ctx, session.Config{Timeouts: session.Timeouts{Connect: 5 * time.Second}}, func(ctx context.Context, s *session.Session) {
			var err error
			equal(t, "time", took(func() { _, err = get(ctx, s, "https://api.test/") }), 5*time.Second)
			wantTimeout(t, err, session.Connect)
			equal(t, "connections", s.Statistics().Conns, 0)
		})
	})
}

// The total limit spans retries and the waits between them; the header's limit is for each try.
func TestTimeouts_totalSpansRetries(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", hang)
		n.with(ctx, session.Config{
			Timeouts: session.Timeouts{Total: 10 * time.Second, Header: 3 * time.Second},
			Retry:    &resilience.Retry{Attempts: 100, Base: time.Second, Max: time.Second, Rand: func() float64 { return 1 }},
		}, func(ctx context.Context, s *session.Session) {
			var err error
			equal(t, "time", took(func() { _, err = get(ctx, s, api) }), 10*time.Second)
			wantTimeout(t, err, session.Total)
			equal(t, "tries", s.Statistics().Attempts, 3) // at 0, 4 and 8 s
		})
	})
}

// The time limit of a try lives as long as its body: it does not end the body early, and does not last for ever.
func TestTimeouts_tryLivesWithItsBody(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) {
			for range 5 {
				_, _ = io.WriteString(w, "x")
				_ = http.NewResponseController(w).Flush()
				sleepFor(r, 1)
			}
		})
		n.with(ctx, session.Config{Timeouts: session.Timeouts{Try: 6 * time.Second}}, func(ctx context.Context, s *session.Session) {
			body, err := get(ctx, s, api)
			must(t, err)
			equal(t, "body", body, "xxxxx")
		})
		n.with(ctx, session.Config{Timeouts: session.Timeouts{Try: 2500 * time.Millisecond}}, func(ctx context.Context, s *session.Session) {
			body, err := get(ctx, s, api)
			wantTimeout(t, err, session.Try)
			equal(t, "body", body, "xxx")
		})
	})
}

// What the reader does between two reads is not held against the server.
func TestTimeouts_slowReader(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 10_000)) })
		n.with(ctx, session.Config{Timeouts: session.Timeouts{IdleRead: time.Second}}, func(ctx context.Context, s *session.Session) {
			resp, err := s.Get(ctx, api)
			must(t, err)
			defer resp.Body.Close()
			for range 100 {
				time.Sleep(2 * time.Second) //nolint:forbidigo // virtual
				_, err := io.ReadFull(resp.Body, make([]byte, 100))
				must(t, err)
			}
		})
	})
}

// Options replace limits for one request.
func TestTimeouts_options(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", hang)
		n.with(ctx, session.Config{}, func(ctx context.Context, s *session.Session) {
			var err error
			ctx = session.WithOptions(ctx, session.Options{Timeouts: session.Timeouts{Header: time.Millisecond}})
			equal(t, "time", took(func() { _, err = get(ctx, s, api) }), time.Millisecond)
			wantTimeout(t, err, session.Header)
		})
	})
}

// The caller's cancel ends every phase at once, with its cause, and is no timeout.
func TestCancel_inEachPhase(t *testing.T) {
	cause := errors.New("the user has left")
	phases := map[string]func(n *network, c *session.Config){
		"connect": func(n *network, _ *session.Config) {
			n.dialing = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
		},
		"header": func(n *network, _ *session.Config) { n.serve("api.test:80", hang) },
		"body": func(n *network, _ *session.Config) {
			n.raw("api.test:80", func(c net.Conn, _ string) {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
				_, _ = c.Read(make([]byte, 1))
			})
		},
		"backoff": func(_ *network, c *session.Config) {
			c.Retry = &resilience.Retry{Attempts: 1000, Base: time.Hour, Max: time.Hour, Rand: func() float64 { return 1 }}
			c.Timeouts.Total = -1
		},
		"hedge": func(n *network, c *session.Config) {
			n.serve("api.test:80", hang)
			c.Hedge = &session.Hedge{Delay: 10 * time.Millisecond, Max: 3}
		},
	}
	for name, prepare := range phases {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, n *network) {
				var c session.Config
				prepare(n, &c)
				n.with(ctx, c, func(ctx context.Context, s *session.Session) {
					ctx, cancel := context.WithCancelCause(ctx)
					defer cancel(nil)
					time.AfterFunc(time.Second, func() { cancel(cause) })
					var err error
					equal(t, "time", took(func() { _, err = get(ctx, s, api) }), time.Second)
					wantErr(t, err, cause)
					equal(t, "running", s.Statistics().Running, 0)
					equal(t, "bodies", s.Statistics().Bodies, 0)
				})
			})
		})
	}
}

// A ctx that is done makes no request.
func TestCancel_before(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", hang)
		n.with(ctx, session.Config{}, func(ctx context.Context, s *session.Session) {
			cause := errors.New("too late")
			ctx, cancel := context.WithCancelCause(ctx)
			cancel(cause)
			body := &closes{}
			req, err := http.NewRequestWithContext(ctx, http.MethodPut, api, body)
			must(t, err)
			_, err = s.Do(req)
			wantErr(t, err, cause)
			_, err = s.RoundTrip(req)
			wantErr(t, err, cause)
			_, err = s.Download(ctx, session.Download{URL: api}, io.Discard)
			wantErr(t, err, cause)
			_, err = s.UploadFile(ctx, http.MethodPut, api, "/nowhere", nil)
			wantErr(t, err, cause)
			equal(t, "body was closed", body.n, 2)
			equal(t, "dials", n.dialed("api.test:80"), 0)
		})
	})
}

// closes counts how often it was closed.
type closes struct{ n int }

func (*closes) Read([]byte) (int, error) { return 0, io.EOF }
func (c *closes) Close() error           { c.n++; return nil }
