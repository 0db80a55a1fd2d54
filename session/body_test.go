package session_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid/session"
)

// sleepFor waits, or until the client has gone.
func sleepFor(r *http.Request, seconds int) {
	select {
	case <-time.After(time.Duration(seconds) * time.Second):
	case <-r.Context().Done():
	}
}

// megabyte is one of zeros, compressed to a kilobyte.
var megabyte = func() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.CopyN(z, zeros{}, 1<<20)
	_ = z.Close()
	return b.Bytes()
}()

// bomb writes a small body that becomes a large one without end.
func bomb(w http.ResponseWriter) {
	w.Header().Set("Content-Encoding", "gzip")
	for {
		if _, err := w.Write(megabyte); err != nil {
			return
		}
	}
}

// A body that is not whole is an error, and says how much there was.
func TestBody_broken(t *testing.T) {
	for name, c := range map[string]struct {
		send string
		want error
	}{
		"half a body":         {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", io.ErrUnexpectedEOF},
		"half a chunk":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhello", io.ErrUnexpectedEOF},
		"no last chunk":       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", io.ErrUnexpectedEOF},
		"a chunk of nonsense": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, n *network) {
				n.raw("api.test:80", func(conn net.Conn, _ string) { _, _ = io.WriteString(conn, c.send) })
				n.with(ctx, session.Config{}, func(ctx context.Context, s *session.Session) {
					body, err := get(ctx, s, api)
					broken, ok := errors.AsType[*session.BodyError](err)
					if !ok || broken.Read != 5 || body != "hello" {
						t.Fatalf("got %q and %v", body, err)
					}
					if c.want != nil {
						wantErr(t, err, c.want)
					}
					equal(t, "bodies", s.Statistics().Bodies, 0)
				})
			})
		})
	}
}

// No body is larger than allowed, neither 10 GiB that are announced, nor one without end, nor one that grows when it is decompressed.
func TestBody_tooLarge(t *testing.T) {
	const limit = 1 << 20
	for name, handler := range map[string]http.HandlerFunc{
		"10 GiB": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(10<<30))
			_, _ = io.CopyN(w, zeros{}, 10<<30)
		},
		"without end": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, zeros{}) },
		"a gzip bomb": func(w http.ResponseWriter, _ *http.Request) {
			bomb(w)
		},
		"one byte more": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.CopyN(w, zeros{}, limit+1) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, n *network) {
				n.serve("api.test:80", handler)
				n.with(ctx, session.Config{Limits: session.Limits{Body: limit}}, func(ctx context.Context, s *session.Session) {
					body, err := get(ctx, s, api)
					wantErr(t, err, session.ErrTooLarge)
					if len(body) > limit {
						t.Fatalf("%d bytes were read", len(body))
					}
					_, err = session.GetJSON[any](ctx, s, api)
					wantErr(t, err, session.ErrTooLarge)
				})
			})
		})
	}
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.CopyN(w, zeros{}, limit) })
		n.with(ctx, session.Config{Limits: session.Limits{Body: limit}}, func(ctx context.Context, s *session.Session) {
			body, err := get(ctx, s, api)
			must(t, err)
			equal(t, "bytes that are just allowed", len(body), limit)
			_, err = get(session.WithOptions(ctx, session.Options{Body: limit - 1}), s, api)
			wantErr(t, err, session.ErrTooLarge)
		})
	})
}

// A header without end is refused.
func TestBody_endlessHeader(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.raw("api.test:80", func(c net.Conn, _ string) {
			_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			w := bufio.NewWriter(c)
			for err == nil {
				_, err = w.WriteString("X: " + strings.Repeat("y", 1000) + "\r\n")
			}
		})
		n.with(ctx, session.Config{Limits: session.Limits{HeaderBytes: 100_000}}, func(ctx context.Context, s *session.Session) {
			_, err := get(ctx, s, api)
			if err == nil || !strings.Contains(err.Error(), "header") {
				t.Fatalf("error is %v", err)
			}
		})
	})
}

// What little is left of a body is read when it is closed, and the connection is used again; for more, it is not worth it.
func TestBody_drain(t *testing.T) {
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		conns   int
		took    time.Duration
	}{
		{"little", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.CopyN(w, zeros{}, 10_000) }, 1, 0},
		{"none", func(http.ResponseWriter, *http.Request) {}, 1, 0},
		{"much, announced", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(10<<30))
			_, _ = io.CopyN(w, zeros{}, 10<<30)
		}, 2, 0},
		{"much", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, zeros{}) }, 2, 0},
		{"a bomb", func(w http.ResponseWriter, _ *http.Request) {
			bomb(w)
		}, 2, 0},
		{"slow", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
			sleepFor(r, 100)
		}, 2, 50 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, n *network) {
				n.serve("api.test:80", c.handler)
				n.with(ctx, session.Config{}, func(ctx context.Context, s *session.Session) {
					for range 2 {
						resp, err := s.Get(ctx, api)
						must(t, err)
						equal(t, "time", took(func() { must(t, resp.Body.Close()) }), c.took)
						must(t, resp.Body.Close()) // again
						if _, err := resp.Body.Read(make([]byte, 1)); err == nil {
							t.Fatal("a closed body can be read")
						}
					}
					equal(t, "connections", n.dialed("api.test:80"), c.conns)
				})
			})
		})
	}
}

// Closing a body ends a Read of it.
func TestBody_closeEndsRead(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			hang(w, r)
		})
		n.with(ctx, session.Config{}, func(ctx context.Context, s *session.Session) {
			resp, err := s.Get(ctx, api)
			must(t, err)
			time.AfterFunc(time.Second, func() { _ = resp.Body.Close() })
			equal(t, "time", took(func() { _, err = io.ReadAll(resp.Body) }), time.Second)
			wantErr(t, err, http.ErrBodyReadAfterClose)
		})
	})
}

// A body belongs to the ctx of its request.
func TestBody_endsWithCtx(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			hang(w, r)
		})
		n.with(ctx, session.Config{}, func(ctx context.Context, s *session.Session) {
			cause := errors.New("enough")
			ctx, cancel := context.WithCancelCause(ctx)
			resp, err := s.Get(ctx, api)
			must(t, err)
			time.AfterFunc(time.Second, func() { cancel(cause) })
			_, err = io.ReadAll(resp.Body)
			wantErr(t, err, cause)
			equal(t, "bodies", s.Statistics().Bodies, 0) // although nobody has closed it
		})
	})
}

// After a 101 the connection is the caller's, in both directions, until the body is closed.
func TestBody_upgrade(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.raw("api.test:80", func(c net.Conn, _ string) {
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello")
			time.Sleep(time.Hour) //nolint:forbidigo // virtual
			_, _ = io.WriteString(c, "again")
		})
		n.with(ctx, session.Config{Timeouts: session.Timeouts{Total: time.Second}}, func(ctx context.Context, s *session.Session) {
			req := newRequest(t, ctx, http.MethodGet, api, "")
			req.Header.Set("Connection", "upgrade")
			req.Header.Set("Upgrade", "echo")
			resp, err := s.Do(req)
			must(t, err)
			w, ok := resp.Body.(io.Writer)
			if !ok {
				t.Fatalf("a body of type %T cannot be written to", resp.Body)
			}
			_, err = io.WriteString(w, "hi")
			must(t, err)
			text := make([]byte, 10)
			_, err = io.ReadFull(resp.Body, text)
			must(t, err)
			equal(t, "text", string(text), "helloagain")
			must(t, resp.Body.Close())
		})
	})
}
