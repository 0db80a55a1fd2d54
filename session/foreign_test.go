package session_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
	"github.com/braid-go/braid/session"
)

// A response without a body is one with an empty body, as for an http.Client.
func TestChain_noBody(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		c := session.Config{Wrap: func(http.RoundTripper) http.RoundTripper {
			return roundTripper(func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, nil })
		}}
		n.with(ctx, c, func(ctx context.Context, s *session.Session) {
			body, err := get(ctx, s, api)
			must(t, err)
			equal(t, "body", body, "")
		})
	})
}

// reader is a request body whose Read is a function.
type reader func(p []byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }

// A request body is read by a goroutine of net/http. What happens there belongs to the request.
func TestRequestBody_panics(t *testing.T) {
	for name, read := range map[string]func([]byte) (int, error){
		"panic":  func([]byte) (int, error) { panic("boom") },
		"goexit": func([]byte) (int, error) { runtime.Goexit(); return 0, nil },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, n *network) {
				n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
				n.with(ctx, session.Config{Retry: &resilience.Retry{Idempotent: true}}, func(ctx context.Context, s *session.Session) {
					_, err := s.Post(ctx, api, "text/plain", reader(read))
					if name == "goexit" {
						wantErr(t, err, braid.ErrGoexit)
						return
					}
					p, ok := errors.AsType[*braid.PanicError](err)
					if !ok || !strings.Contains(p.Error(), "boom") || !strings.Contains(string(p.Stack), "_test.go") {
						t.Fatalf("the panic became %v", err)
					}
				})
			})
		})
	}
}

func TestProgress_panics(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
		n.with(ctx, session.Config{}, func(ctx context.Context, s *session.Session) {
			req := session.WithProgress(newRequest(t, ctx, http.MethodPost, api, "hello"), func(int64, int64) { panic("boom") })
			_, err := s.Do(req)
			if p, ok := errors.AsType[*braid.PanicError](err); !ok || !strings.Contains(p.Error(), "boom") {
				t.Fatalf("the panic became %v", err)
			}
		})
	})
}

// A Dial that ends its goroutine has failed to connect.
func TestDial_goexit(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.dialing = func(context.Context, string) error { runtime.Goexit(); return nil }
		n.with(ctx, session.Config{}, func(ctx context.Context, s *session.Session) {
			var err error
			equal(t, "time", took(func() { _, err = get(ctx, s, api) }), 0)
			wantErr(t, err, braid.ErrGoexit)
		})
	})
}

// Hooks of the retry that panic leave neither a body open nor a place taken.
func TestRetry_hooksPanic(t *testing.T) {
	for name, retry := range map[string]*resilience.Retry{
		"If":      {If: func(error) bool { panic("boom") }},
		"OnRetry": {OnRetry: func(int, error, time.Duration) { panic("boom") }},
		"Rand":    {Rand: func() float64 { panic("boom") }},
		"exit":    {If: func(error) bool { runtime.Goexit(); return true }},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, n *network) {
				n.serve("api.test:80", func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(503)
					_, _ = io.Copy(w, io.LimitReader(zeros{}, 1<<20))
				})
				n.with(ctx, session.Config{Retry: retry, Limits: session.Limits{Requests: 1}}, func(ctx context.Context, s *session.Session) {
					done := make(chan any)
					go func() {
						var v any
						defer func() { done <- v }()
						v = panicked(func() { _, _ = get(ctx, s, api) })
					}()
					if v := <-done; v == nil && name != "exit" {
						t.Error("no panic")
					}
					equal(t, "bodies", s.Statistics().Bodies, 0)
					equal(t, "running", s.Statistics().Running, 0)
				})
			})
		})
	}
}

// OnEvent may do what it likes.
func TestEvents_goexit(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(http.ResponseWriter, *http.Request) {})
		n.with(ctx, session.Config{OnEvent: func(context.Context, session.Event) { runtime.Goexit() }}, func(ctx context.Context, s *session.Session) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = get(ctx, s, api)
			}()
			<-done
			equal(t, "bodies", s.Statistics().Bodies, 0)
			equal(t, "running", s.Statistics().Running, 0)
		})
	})
}

// So do those of connections, which net/http makes on goroutines of its own.
func TestEvents_goexitWhileConnecting(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(http.ResponseWriter, *http.Request) {})
		n.with(ctx, session.Config{OnEvent: func(_ context.Context, e session.Event) {
			if e.Kind == session.ConnOpened {
				runtime.Goexit()
			}
		}}, func(ctx context.Context, s *session.Session) {
			var err error
			equal(t, "time", took(func() { _, err = get(ctx, s, api) }), 0)
			wantErr(t, err, braid.ErrGoexit)
			equal(t, "conns", s.Statistics().Conns, 0)
		})
	})
}

// A body that cannot be read to be sent says nothing about the host, and is not read again.
func TestRequestBody_fails(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
		disk := errors.New("the disk is broken")
		c := session.Config{Retry: &resilience.Retry{}, Breaker: &resilience.BreakerConfig{Consecutive: 1}}
		n.with(ctx, c, func(ctx context.Context, s *session.Session) {
			reads := 0
			body := func() (io.ReadCloser, error) {
				return io.NopCloser(reader(func([]byte) (int, error) { reads++; return 0, disk })), nil
			}
			req := newRequest(t, ctx, http.MethodPut, api, "")
			req.Body, _ = body()
			req.GetBody = body
			_, err := s.Do(req)
			wantErr(t, err, disk)
			equal(t, "reads", reads, 1)
			equal(t, "state", s.Breaker(api).State(), resilience.Closed)
		})
	})
}

// A body that waits for whoever writes it does not outlast its request, and is not at fault when that fails.
func TestRequestBody_blocks(t *testing.T) {
	for name, server := range map[string]func(c net.Conn, _ string){
		"cut":   func(net.Conn, string) {},
		"hangs": func(c net.Conn, _ string) { _, _ = c.Read(make([]byte, 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, n *network) {
				n.raw("api.test:80", server)
				c := session.Config{Breaker: &resilience.BreakerConfig{Consecutive: 1}, Timeouts: session.Timeouts{Total: time.Second}}
				n.with(ctx, c, func(ctx context.Context, s *session.Session) {
					r, w := io.Pipe()
					defer w.Close()
					var err error
					equal(t, "time", took(func() { _, err = s.Post(ctx, api, "text/plain", r) }), time.Second)
					wantTimeout(t, err, session.Total)
					equal(t, "state", s.Breaker(api).State(), resilience.Open)
				})
			})
		})
	}
}

// Nor does it hold up Close.
func TestClose_requestBody(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.raw("api.test:80", func(c net.Conn, _ string) { _, _ = c.Read(make([]byte, 1)) })
		n.with(ctx, session.Config{}, func(ctx context.Context, s *session.Session) {
			r, w := io.Pipe()
			defer w.Close()
			time.AfterFunc(time.Second, func() { _ = s.Close(ctx) })
			var err error
			equal(t, "time", took(func() { _, err = s.Post(ctx, api, "text/plain", r) }), time.Second)
			wantErr(t, err, session.ErrClosed)
		})
	})
}

// A server may give less than the range that it was asked for. That is not the end.
func TestDownload_shortRange(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		requests := 0
		n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) {
			requests++
			w.Header().Set("ETag", `"1"`)
			var from int
			if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err != nil {
				w.Header().Set("Content-Length", fmt.Sprint(len(pages)))
				_, _ = io.WriteString(w, pages[:40_000])
				return
			}
			to := min(from+40_000, len(pages))
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(pages)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = io.WriteString(w, pages[from:to])
		})
		n.with(ctx, session.Config{Retry: patient(time.Second)}, func(ctx context.Context, s *session.Session) {
			var out strings.Builder
			done, err := s.Download(ctx, session.Download{URL: api}, &out)
			must(t, err)
			equal(t, "bytes", done, int64(len(pages)))
			equal(t, "all of it", out.String() == pages, true)
			equal(t, "requests", requests, 3)
		})
	})
}

// Nothing to load into is a mistake in the program, and told before anything is asked for.
func TestDownload_nowhere(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.with(ctx, session.Config{}, func(ctx context.Context, s *session.Session) {
			v := panicked(func() { _, _ = s.Download(ctx, session.Download{URL: api}, nil) })
			if !strings.Contains(fmt.Sprint(v), "needs a writer") {
				t.Errorf("panicked with %v", v)
			}
			equal(t, "requests", s.Statistics().Requests, 0)
		})
	})
}

// A file has the permissions of any other that the program makes, or of the one that it replaces.
func TestDownloadFile_permissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	dir := t.TempDir()
	made, err := os.Create(filepath.Join(dir, "made"))
	must(t, err)
	must(t, made.Close())
	mode := func(path string) os.FileMode {
		info, err := os.Stat(path)
		must(t, err)
		return info.Mode()
	}
	old := filepath.Join(dir, "old")
	must(t, os.WriteFile(old, nil, 0o640))
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
		n.with(ctx, session.Config{}, func(ctx context.Context, s *session.Session) {
			fresh := filepath.Join(dir, "fresh")
			_, err := s.DownloadFile(ctx, session.Download{URL: api}, fresh)
			must(t, err)
			equal(t, "mode", mode(fresh), mode(made.Name()))
			_, err = s.DownloadFile(ctx, session.Download{URL: api}, old)
			must(t, err)
			equal(t, "mode", mode(old), 0o640)
			if _, err := s.DownloadFile(ctx, session.Download{URL: api}, dir); err == nil {
				t.Error("a directory was replaced")
			}
		})
	})
}

// What the session does not repeat itself, others may: its errors forbid nothing to a policy or a work queue around it.
func TestErrors_areNotMarked(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.raw("cut.test:80", func(net.Conn, string) {})
		n.serve("api.test:80", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
		var closed *session.Session
		full := errors.New("the disk is full")
		for _, retry := range []*resilience.Retry{nil, patient(time.Second)} {
			n.with(ctx, session.Config{Retry: retry}, func(ctx context.Context, s *session.Session) {
				closed = s
				for name, f := range map[string]func() error{
					"download": func() error {
						_, err := s.Download(ctx, session.Download{URL: "http://cut.test/"}, io.Discard)
						return err
					},
					"writer": func() error {
						_, err := s.Download(ctx, session.Download{URL: api}, writer(func([]byte) (int, error) { return 0, full }))
						wantErr(t, err, full)
						return err
					},
					"header": func() error {
						req := newRequest(t, ctx, http.MethodGet, api, "")
						req.Header["bad name"] = []string{""}
						_, err := s.Do(req)
						return err
					},
					"get": func() error { _, err := get(ctx, s, "http://cut.test/"); return err },
				} {
					if err := f(); err == nil || isPermanent(err) {
						t.Errorf("%s: %v, permanent: %t", name, err, isPermanent(err))
					}
				}
			})
			_, err := get(ctx, closed, api)
			wantErr(t, err, session.ErrClosed)
			equal(t, "permanent", isPermanent(err), false)
		}
	})
}

func isPermanent(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if p, ok := err.(interface{ Permanent() bool }); ok && p.Permanent() {
			return true
		}
	}
	return false
}

// A StatusError says when to come back, to policies and work queues.
func TestStatusError_retryAfter(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusTooManyRequests)
		})
		n.with(ctx, session.Config{StatusErrors: true}, func(ctx context.Context, s *session.Session) {
			_, err := s.Get(ctx, api)
			status, ok := errors.AsType[*session.StatusError](err)
			if !ok {
				t.Fatalf("error is %v", err)
			}
			equal(t, "after", status.RetryAfter(), time.Minute)
			equal(t, "after", (&session.StatusError{}).RetryAfter(), 0)
		})
	})
}

// A hook of the breaker that ends its goroutine leaves neither a body open nor a place taken.
func TestBreaker_hookExits(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		status := 503
		n.serve("api.test:80", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.Copy(w, io.LimitReader(zeros{}, 1<<20))
		})
		c := session.Config{Limits: session.Limits{Requests: 1}, Breaker: &resilience.BreakerConfig{
			Consecutive: 1, OnChange: func(resilience.Change) { runtime.Goexit() },
		}}
		n.with(ctx, c, func(ctx context.Context, s *session.Session) {
			for _, next := range []int{503, 503, 200, 200} {
				status = next
				done := make(chan struct{})
				go func() {
					defer close(done)
					_, _ = get(ctx, s, api)
				}()
				<-done
				equal(t, "bodies", s.Statistics().Bodies, 0)
				equal(t, "running", s.Statistics().Running, 0)
				_ = braid.Sleep(ctx, time.Hour)
			}
		})
	})
}

// The largest numbers are as good as no limit.
func TestConfig_large(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/again" {
				http.Redirect(w, r, "/", http.StatusFound)
				return
			}
			_, _ = io.WriteString(w, "hello")
		})
		const long, many = math.MaxInt64, math.MaxInt
		c := session.Config{
			Timeouts: session.Timeouts{Total: long, Connect: long, Header: long, IdleRead: long, Try: long},
			Limits: session.Limits{
				Conns: many, IdleConns: many, IdleTime: long, Requests: many, Queue: many, Hosts: many,
				Body: long, HeaderBytes: long, Drain: long, Redirects: many,
			},
		}
		n.with(ctx, c, func(ctx context.Context, s *session.Session) {
			for range 3 {
				body, err := get(ctx, s, api+"again")
				must(t, err)
				equal(t, "body", body, "hello")
				resp, err := s.Get(ctx, api)
				must(t, err)
				must(t, resp.Body.Close()) // drains it
			}
			equal(t, "connections", s.Statistics().Opened, 1)
		})
	})
}

// So do those of the last things that happen.
func TestEvents_goexitWhileClosing(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, io.LimitReader(zeros{}, 1<<20)) })
		told := make(map[session.EventKind]bool)
		var mu sync.Mutex
		c := session.Config{Dial: n.dial, OnEvent: func(_ context.Context, e session.Event) {
			if e.Kind == session.BodyEnded || e.Kind == session.ConnClosed {
				mu.Lock()
				told[e.Kind] = true
				mu.Unlock()
				runtime.Goexit()
			}
		}}
		err := session.Run(ctx, c, func(ctx context.Context, s *session.Session) error {
			_, err := s.Get(ctx, api) // and forgotten
			return err
		})
		leak, ok := errors.AsType[*session.LeakError](err)
		if !ok || len(leak.Bodies) != 1 || leak.Conns != 0 {
			t.Errorf("the session ended with %v", err)
		}
		equal(t, "events", len(told), 2)
	})
}

// A server that does not take what it is sent is only noticed by the limits of the try and of all of it.
func TestTimeouts_sending(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		var far net.Conn
		n.hosts["api.test:80"] = func(c net.Conn) { far = c }
		c := session.Config{Timeouts: session.Timeouts{Header: time.Second, Try: time.Minute}}
		n.with(ctx, c, func(ctx context.Context, s *session.Session) {
			var err error
			equal(t, "time", took(func() { _, err = s.Post(ctx, api, "text/plain", io.LimitReader(zeros{}, 1<<20)) }), time.Minute)
			wantTimeout(t, err, session.Try)
			_ = far.Close()
		})
	})
}

// hostile is a body of a response, from Wrap, that cannot even be closed.
type hostile struct{ close func() error }

func (hostile) Read([]byte) (int, error) { return 0, nil }
func (h hostile) Close() error           { return h.close() }

// A forgotten body that cannot be closed is reported like any other, and holds up nothing.
func TestClose_hostileBody(t *testing.T) {
	for name, fail := range map[string]func() error{"panic": func() error { panic("boom") }, "exit": func() error { runtime.Goexit(); return nil }} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, n *network) {
				quiet := slogToNowhere(t)
				defer quiet()
				n.serve("api.test:80", func(http.ResponseWriter, *http.Request) {})
				c := session.Config{Dial: n.dial, Wrap: func(next http.RoundTripper) http.RoundTripper {
					return roundTripper(func(r *http.Request) (*http.Response, error) {
						resp, err := next.RoundTrip(r)
						if r.URL.Path == "/bad" && err == nil {
							resp.ContentLength, resp.Body = -1, hostile{close: fail}
						}
						return resp, err
					})
				}}
				err := session.Run(ctx, c, func(ctx context.Context, s *session.Session) error {
					for _, path := range []string{"bad", "good", "bad"} {
						if _, err := s.Get(ctx, api+path); err != nil {
							return err
						}
					}
					return nil
				})
				leak, ok := errors.AsType[*session.LeakError](err)
				if !ok || len(leak.Bodies) != 2 || leak.Conns != 0 {
					t.Errorf("the session ended with %v", err)
				}
			})
		})
	}
}
