package session_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid/resilience"
	"github.com/braid-go/braid/session"
)

// patient is a Retry without chance: it waits for its whole Base, or for what the server asks and no more.
func patient(base time.Duration) *resilience.Retry {
	return &resilience.Retry{Base: base, Max: base, Rand: func() float64 { return 1 }}
}

// failing answers with these status codes, one after another, and with 200 then. It counts what came to it.
type failing struct {
	codes  []int
	header http.Header
	bodies []string
	n      atomic.Int32
}

func (f *failing) handle(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.bodies = append(f.bodies, string(body))
	i := int(f.n.Add(1)) - 1
	if i < len(f.codes) {
		maps.Copy(w.Header(), f.header)
		w.WriteHeader(f.codes[i])
		_, _ = io.WriteString(w, strings.Repeat("no ", 1000))
		return
	}
	_, _ = io.WriteString(w, "done")
}

// What may be executed twice is tried again, and nothing else.
func TestRetry_whatIsRetried(t *testing.T) {
	for _, c := range []struct {
		name, method, body, key string
		noGetBody, again        bool
		codes                   []int
		tries                   int
		status                  int
	}{
		{name: "GET", method: "GET", codes: []int{503, 502}, tries: 3, status: 200},
		{name: "DELETE", method: "DELETE", codes: []int{429}, tries: 2, status: 200},
		{name: "PUT with a body", method: "PUT", body: "hello", codes: []int{503, 504}, tries: 3, status: 200},
		{name: "PUT whose body cannot be had again", method: "PUT", body: "hello", noGetBody: true, codes: []int{503}, tries: 1, status: 503},
		{name: "POST", method: "POST", body: "hello", codes: []int{503}, tries: 1, status: 503},
		{name: "PATCH", method: "PATCH", body: "hello", codes: []int{429}, tries: 1, status: 429},
		{name: "POST with a key", method: "POST", body: "hello", key: "42", codes: []int{503}, tries: 2, status: 200},
		{name: "POST by option", method: "POST", body: "hello", again: true, codes: []int{503}, tries: 2, status: 200},
		{name: "a status that is final", method: "GET", codes: []int{500}, tries: 1, status: 500},
		{name: "404", method: "GET", codes: []int{404}, tries: 1, status: 404},
		{name: "for ever", method: "GET", codes: []int{503, 503, 503, 503, 503}, tries: 3, status: 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, n *network) {
				f := &failing{codes: c.codes}
				n.serve("api.test:80", f.handle)
				n.with(ctx, session.Config{Retry: patient(time.Second)}, func(ctx context.Context, s *session.Session) {
					if c.again {
						ctx = session.WithOptions(ctx, session.Options{Idempotent: true})
					}
					req := newRequest(t, ctx, c.method, api, c.body)
					if c.key != "" {
						req.Header.Set("Idempotency-Key", c.key)
					}
					if c.noGetBody {
						req.GetBody = nil
					}
					resp, err := s.Do(req)
					must(t, err)
					_ = resp.Body.Close()
					equal(t, "status", resp.StatusCode, c.status)
					equal(t, "tries", int(f.n.Load()), c.tries)
					if !slices.Equal(f.bodies, slices.Repeat([]string{c.body}, c.tries)) {
						t.Fatalf("the server has got %q", f.bodies)
					}
				})
			})
		})
	}
}

// A server that takes a POST and dies may have executed it.
func TestRetry_lostAnswer(t *testing.T) {
	for method, tries := range map[string]int{"GET": 3, "POST": 1} {
		t.Run(method, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, n *network) {
				var got atomic.Int32
				n.raw("api.test:80", func(net.Conn, string) { got.Add(1) })
				n.with(ctx, session.Config{Retry: patient(time.Second)}, func(ctx context.Context, s *session.Session) {
					body := ""
					if method == "POST" {
						body = "hello"
					}
					_, err := s.Do(newRequest(t, ctx, method, api, body))
					if err == nil {
						t.Fatal("there was an answer")
					}
					equal(t, "requests", int(got.Load()), tries)
					if tries > 1 {
						wantErr(t, err, resilience.ErrAttemptsSpent)
					}
				})
			})
		})
	}
}

// What could not be sent has not been executed, so it is tried again even if it is a POST.
func TestRetry_refused(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		f := &failing{}
		n.serve("api.test:80", f.handle)
		dials := 0
		n.dialing = func(context.Context, string) error {
			if dials++; dials < 3 {
				return errors.New("connection refused")
			}
			return nil
		}
		n.with(ctx, session.Config{Retry: patient(time.Second)}, func(ctx context.Context, s *session.Session) {
			resp, err := s.Post(ctx, api, "text/plain", strings.NewReader("hello"))
			must(t, err)
			_ = resp.Body.Close()
			equal(t, "dials", dials, 3)
			equal(t, "body", f.bodies[0], "hello")
		})
	})
}

// A Retry-After is heeded, in both forms and whatever the server's clock says, and capped.
func TestRetry_after(t *testing.T) {
	const capped = 30 * time.Second
	for _, c := range []struct {
		name   string
		header func() http.Header
		wait   time.Duration
	}{
		{"seconds", func() http.Header { return http.Header{"Retry-After": {"7"}} }, 7 * time.Second},
		{"a day", func() http.Header { return http.Header{"Retry-After": {"86400"}} }, capped},
		{"for ever", func() http.Header { return http.Header{"Retry-After": {"99999999999999999999999999"}} }, capped},
		{"negative", func() http.Header { return http.Header{"Retry-After": {"-5"}} }, 0},
		{"nonsense", func() http.Header { return http.Header{"Retry-After": {"soon"}} }, 0},
		{"a date", func() http.Header {
			return http.Header{"Retry-After": {time.Now().Add(9 * time.Second).UTC().Format(http.TimeFormat)}}
		}, 9 * time.Second},
		{"a date in the past", func() http.Header {
			return http.Header{"Retry-After": {time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)}}
		}, 0},
		{"a clock that is a year ahead", func() http.Header {
			now := time.Now().Add(365 * 24 * time.Hour).UTC()
			return http.Header{"Date": {now.Format(http.TimeFormat)}, "Retry-After": {now.Add(5 * time.Second).Format(http.TimeFormat)}}
		}, 5 * time.Second},
		{"a date in a day", func() http.Header {
			return http.Header{"Retry-After": {time.Now().Add(24 * time.Hour).UTC().Format(http.TimeFormat)}}
		}, capped},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, status := range []int{429, 503} {
				inBubble(t, func(ctx context.Context, n *network) {
					f := &failing{codes: []int{status}, header: c.header()}
					n.serve("api.test:80", f.handle)
					n.with(ctx, session.Config{Retry: &resilience.Retry{Rand: func() float64 { return 0 }}}, func(ctx context.Context, s *session.Session) {
						equal(t, "wait", took(func() {
							_, err := get(ctx, s, api)
							must(t, err)
						}), c.wait)
					})
				})
			}
		})
	}
}

// A wait that would not end before the deadline is not begun: the caller gets the response that there is, now.
func TestRetry_noTime(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		f := &failing{codes: []int{503, 503}, header: http.Header{"Retry-After": {"10"}}}
		n.serve("api.test:80", f.handle)
		n.with(ctx, session.Config{Retry: patient(time.Second), StatusErrors: true}, func(ctx context.Context, s *session.Session) {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			equal(t, "time", took(func() {
				_, err := get(ctx, s, api)
				status, ok := errors.AsType[*session.StatusError](err)
				if !ok || status.StatusCode != 503 {
					t.Fatalf("error is %v, want a 503", err)
				}
			}), 0)
		})
		n.with(ctx, session.Config{Expect: 3 * time.Second}, func(ctx context.Context, s *session.Session) {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			_, err := get(ctx, s, api)
			wantErr(t, err, resilience.ErrNoTime)
		})
		equal(t, "requests", int(f.n.Load()), 1)
	})
}

// A budget that is spent ends the retrying, for all who share it.
func TestRetry_budget(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		f := &failing{codes: slices.Repeat([]int{503}, 1000)}
		n.serve("api.test:80", f.handle)
		retry := patient(time.Millisecond)
		retry.Budget = &resilience.Budget{Burst: 5}
		n.with(ctx, session.Config{Retry: retry}, func(ctx context.Context, s *session.Session) {
			for range 100 {
				_, err := get(ctx, s, api)
				must(t, err)
			}
		})
		equal(t, "requests", int(f.n.Load()), 114)
	})
}

// A response that is given up for another try holds no connection during the wait.
func TestRetry_waitHoldsNothing(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		f := &failing{codes: []int{503}}
		n.serve("api.test:80", f.handle)
		var s *session.Session
		retry := patient(time.Minute)
		checked := false
		n.with(ctx, session.Config{
			Retry: retry, Limits: session.Limits{Requests: 1}, Timeouts: session.Timeouts{Total: -1},
			OnEvent: func(ctx context.Context, e session.Event) {
				if e.Kind != session.Retrying || checked {
					return
				}
				checked = true
				equal(t, "bodies", s.Statistics().Bodies, 0)
				_, err := get(ctx, s, api) // there is room for it
				must(t, err)
			},
		}, func(ctx context.Context, opened *session.Session) {
			s = opened
			_, err := get(ctx, s, api)
			must(t, err)
			equal(t, "connections", n.dialed("api.test:80"), 1)
		})
		equal(t, "checked", checked, true)
	})
}

// A request that cannot be sent will be no better the next time, and says nothing about the host.
func TestRetry_wrongRequest(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(http.ResponseWriter, *http.Request) {})
		n.with(ctx, session.Config{Retry: patient(time.Hour), Breaker: &resilience.BreakerConfig{Consecutive: 1}}, func(ctx context.Context, s *session.Session) {
			req := newRequest(t, ctx, http.MethodGet, api, "")
			req.Header["X"] = []string{"a\nb"}
			_, err := s.Do(req)
			if err == nil || !strings.Contains(err.Error(), "invalid header field") {
				t.Fatalf("error is %v", err)
			}
			equal(t, "tries", s.Statistics().Attempts, 1)
			equal(t, "state", s.Breaker(api).State(), resilience.Closed)
		})
	})
}
