package session_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
	"github.com/braid-go/braid/session"
)

// At most so many are under way to one host, until their bodies have ended; the others wait in their order, and leave with their ctx.
func TestLimit_requests(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		var mu sync.Mutex
		var order []string
		held, most := 0, 0
		n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, r.URL.Path)
			_, _ = io.WriteString(w, strings.Repeat("x", 5000))
		})
		hold := func(by int) {
			mu.Lock()
			defer mu.Unlock()
			held += by
			most = max(most, held)
		}
		n.with(ctx, session.Config{BaseURL: api, Limits: session.Limits{Requests: 2, Queue: 5}}, func(ctx context.Context, s *session.Session) {
			err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				for i := range 6 {
					g.Go(func(ctx context.Context) error {
						if i == 3 {
							short, cancel := context.WithTimeout(ctx, time.Second/2)
							defer cancel()
							equal(t, "time until it leaves", took(func() {
								_, err := get(short, s, "left")
								wantErr(t, err, context.DeadlineExceeded)
							}), time.Second/2)
							return nil
						}
						resp, err := s.Get(ctx, fmt.Sprint(i))
						if err != nil {
							return err
						}
						defer resp.Body.Close() // it holds its place for as long as it holds its body
						hold(1)
						defer hold(-1)
						return braid.Sleep(ctx, time.Second+time.Duration(i)*10*time.Millisecond)
					})
					synctest.Wait()
				}
				return nil
			})
			must(t, err)
			equal(t, "order", strings.Join(order, " "), "/0 /1 /2 /4 /5")
			equal(t, "bodies at a time", most, 2)
		})
	})
}

func TestLimit_queue(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 5000)) })
		n.serve("other.test:80", func(http.ResponseWriter, *http.Request) {})
		n.with(ctx, session.Config{Limits: session.Limits{Requests: 1, Queue: -1}}, func(ctx context.Context, s *session.Session) {
			resp, err := s.Get(ctx, api)
			must(t, err)
			_, err = get(ctx, s, api)
			wantErr(t, err, resilience.ErrFull)
			_, err = get(ctx, s, "http://other.test/") // is no concern of theirs
			must(t, err)
			must(t, resp.Body.Close())
			_, err = get(ctx, s, api)
			must(t, err)
		})
	})
}

func TestLimit_conns(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(_ http.ResponseWriter, r *http.Request) { sleepFor(r, 1) })
		n.with(ctx, session.Config{Limits: session.Limits{Conns: 2}}, func(ctx context.Context, s *session.Session) {
			took := took(func() {
				_, err := braid.Gather(ctx, func() (fns []func(context.Context) (string, error)) {
					for range 6 {
						fns = append(fns, func(ctx context.Context) (string, error) { return get(ctx, s, api) })
					}
					return fns
				}()...)
				must(t, err)
			})
			equal(t, "time", took, 3*time.Second)
			equal(t, "connections", n.dialed("api.test:80"), 2)
		})
	})
}

// Hosts do not pile up.
func TestLimit_hosts(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.with(ctx, session.Config{Breaker: &resilience.BreakerConfig{Consecutive: 1}, Limits: session.Limits{Hosts: 10, Requests: 1}},
			func(ctx context.Context, s *session.Session) {
				for i := range 100 {
					_, _ = get(ctx, s, fmt.Sprintf("http://host%d.test/", i))
				}
				st := s.Statistics()
				equal(t, "breakers", st.Breakers.Len, 10)
				equal(t, "open ones that were forgotten", st.Breakers.EvictedActive, 90)
				equal(t, "queues", st.Limits.Len, 10)
			})
	})
}

// A breaker for each host: one that is down is left alone, the others are not.
func TestBreaker(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		f := &failing{codes: []int{500, 503}}
		n.serve("api.test:80", f.handle)
		n.serve("other.test:80", func(http.ResponseWriter, *http.Request) {})
		breaker := &resilience.BreakerConfig{Consecutive: 2, OpenFor: time.Minute, OpenJitter: -1}
		n.with(ctx, session.Config{BaseURL: api, Breaker: breaker, Retry: patient(time.Second)}, func(ctx context.Context, s *session.Session) {
			post := func() error {
				resp, err := s.Post(ctx, "", "text/plain", strings.NewReader("x"))
				if err == nil {
					_ = resp.Body.Close()
				}
				return err
			}
			must(t, post()) // 500
			must(t, post()) // 503
			err := post()
			open, ok := errors.AsType[*resilience.OpenError](err)
			if !ok || open.Breaker != "http://api.test:80" || open.RetryAfter() != time.Minute {
				t.Fatalf("error is %v", err)
			}
			_, err = get(ctx, s, "")
			wantErr(t, err, resilience.ErrOpen)
			equal(t, "requests", int(f.n.Load()), 2)
			_, err = get(ctx, s, "http://other.test/")
			must(t, err)
			must(t, braid.Sleep(ctx, time.Minute))
			must(t, post())
			equal(t, "state", s.Breaker("").State(), resilience.Closed)
		})
	})
}

// What the caller has cancelled does not count, nor does 4xx; a time limit does.
func TestBreaker_whatCounts(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/404" {
				w.WriteHeader(404)
				return
			}
			hang(w, r)
		})
		n.with(ctx, session.Config{BaseURL: api, Breaker: &resilience.BreakerConfig{Consecutive: 1}}, func(ctx context.Context, s *session.Session) {
			cancelled, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(time.Second, func() { cancel(errors.New("the user has left")) })
			_, _ = get(cancelled, s, "")
			equal(t, "state after a cancel", s.Breaker("").State(), resilience.Closed)
			_, err := get(ctx, s, "404")
			must(t, err)
			equal(t, "state after a 404", s.Breaker("").State(), resilience.Closed)
			_, err = get(ctx, s, "")
			wantTimeout(t, err, session.Header)
			equal(t, "state after a timeout", s.Breaker("").State(), resilience.Open)
		})
	})
}

// The winner of a hedge keeps its body, all of it; the loser has been cancelled and joined.
func TestHedge_winnersBody(t *testing.T) {
	const size = 512 << 10
	inBubble(t, func(ctx context.Context, n *network) {
		var got, gone atomic.Int32
		n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) {
			if got.Add(1) == 1 {
				hang(w, r)
				gone.Add(1)
				return
			}
			w.Header().Set("Content-Length", fmt.Sprint(size))
			_ = http.NewResponseController(w).Flush()
			sleepFor(r, 5)
			_, _ = io.CopyN(w, zeros{}, size)
		})
		n.with(ctx, session.Config{Hedge: &session.Hedge{Delay: time.Second}, Limits: session.Limits{Requests: 2}}, func(ctx context.Context, s *session.Session) {
			var resp *http.Response
			equal(t, "time to the header", took(func() {
				var err error
				resp, err = s.Get(ctx, api)
				must(t, err)
			}), time.Second)
			synctest.Wait()
			equal(t, "losers that ended", gone.Load(), 1)
			body, err := io.ReadAll(resp.Body)
			must(t, err)
			equal(t, "bytes", len(body), size)
			equal(t, "hedges", s.Statistics().Hedges, 1)
			resp, err = s.Post(ctx, api, "", bytes.NewReader(nil)) // no hedge
			must(t, err)
			_, err = io.Copy(io.Discard, resp.Body)
			must(t, err)
			equal(t, "hedges", s.Statistics().Hedges, 1)
		})
	})
}

// A response that comes too late to win is closed.
func TestHedge_lateResponse(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		var got atomic.Int32
		n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) {
			if got.Add(1) == 1 {
				sleepFor(r, 2)
			} else {
				sleepFor(r, 1)
			}
			_, _ = io.CopyN(w, zeros{}, 100_000)
		})
		n.with(ctx, session.Config{Hedge: &session.Hedge{Delay: time.Second}}, func(ctx context.Context, s *session.Session) {
			for range 20 { // both in the same moment
				got.Store(0)
				body, err := get(ctx, s, api)
				must(t, err)
				equal(t, "bytes", len(body), 100_000)
				equal(t, "bodies", s.Statistics().Bodies, 0)
			}
		})
	})
}

func TestHedge_budget(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(_ http.ResponseWriter, r *http.Request) { sleepFor(r, 2) })
		n.with(ctx, session.Config{Hedge: &session.Hedge{Delay: time.Second, Budget: &resilience.Budget{Burst: 2, Ratio: 0.001}}}, func(ctx context.Context, s *session.Session) {
			for range 10 {
				_, err := get(ctx, s, api)
				must(t, err)
			}
			equal(t, "hedges", s.Statistics().Hedges, 2)
		})
	})
}

func TestStatusErrors(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Reason", "because")
			w.Header().Set("Content-Length", "3000001")
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, strings.Repeat("no ", 1_000_000)+"!")
		})
		n.with(ctx, session.Config{StatusErrors: true, BaseURL: api, Limits: session.Limits{Body: 10_000}}, func(ctx context.Context, s *session.Session) {
			_, err := get(ctx, s, "tea")
			status, ok := errors.AsType[*session.StatusError](err)
			if !ok {
				t.Fatalf("error is %v", err)
			}
			equal(t, "status", status.StatusCode, 418)
			equal(t, "header", status.Header.Get("X-Reason"), "because")
			equal(t, "bytes of the body", len(status.Body), 4096)
			if text := err.Error(); !strings.HasPrefix(text, `session: GET http://api.test/tea: 418 I'm a teapot: "no no`) || len(text) > 300 {
				t.Fatalf("text is %q", text)
			}
			resp, err := s.Client().Get(api + "tea") // the rule of net/http there
			must(t, err)
			_ = resp.Body.Close()
			equal(t, "bodies", s.Statistics().Bodies, 0)
		})
	})
}

// A hedge takes a place that is free, and waits for none. Not to have found one is no failure of the host, and no reason not to try again.
func TestHedge_noPlace(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		var got atomic.Int32
		n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) {
			sleepFor(r, 2)
			if got.Add(1) == 1 {
				panic(http.ErrAbortHandler)
			}
		})
		n.with(ctx, session.Config{
			Hedge: &session.Hedge{Delay: 900 * time.Millisecond, Max: 5}, Limits: session.Limits{Requests: 1}, Retry: patient(time.Second),
			Breaker: &resilience.BreakerConfig{Consecutive: 5},
		}, func(ctx context.Context, s *session.Session) {
			_, err := get(ctx, s, api)
			must(t, err)
			equal(t, "hedges", s.Statistics().Hedges, 0)
			equal(t, "retries", s.Statistics().Retries, 1)
			equal(t, "calls that did not count", s.Breaker(api).Statistics().Neutral, 0)
			equal(t, "tries", s.Statistics().Attempts, 2)

			got.Store(0)
			resp, err := s.Client().Do(newRequest(t, session.WithOptions(ctx, session.Options{Timeouts: session.Timeouts{Total: 3 * time.Second}}), http.MethodGet, api, ""))
			if err == nil {
				_ = resp.Body.Close()
			}
			if err == nil || strings.Contains(err.Error(), "no place") {
				t.Errorf("error is %v", err)
			}
		})
	})
}

// Two responses that come at once: one wins, the other is closed.
func TestHedge_bothSucceed(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		var open atomic.Int32
		var both sync.WaitGroup
		c := session.Config{
			Hedge: &session.Hedge{Delay: time.Second},
			Wrap: func(http.RoundTripper) http.RoundTripper {
				return roundTripper(func(*http.Request) (*http.Response, error) {
					open.Add(1)
					return &http.Response{StatusCode: 200, ContentLength: -1, Body: &counted{open: &open}}, nil
				})
			},
			OnEvent: func(_ context.Context, e session.Event) {
				if e.Kind == session.TryEnded && e.Err == nil { // it has its response, and nothing has been decided
					both.Done()
					both.Wait()
				}
			},
		}
		n.with(ctx, c, func(ctx context.Context, s *session.Session) {
			for range 20 {
				both.Add(2)
				_, err := get(ctx, s, api)
				must(t, err)
				equal(t, "open bodies", open.Load(), 0)
				equal(t, "bodies", s.Statistics().Bodies, 0)
			}
		})
	})
}

// counted is an empty body that counts as open until it is closed.
type counted struct {
	open *atomic.Int32
	once sync.Once
}

func (*counted) Read([]byte) (int, error) { return 0, io.EOF }
func (c *counted) Close() error           { c.once.Do(func() { c.open.Add(-1) }); return nil }

// Whoever gets a place when there is no time left for a try gives it back at once.
func TestLimit_noTimeLeft(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 5000)) })
		n.with(ctx, session.Config{Limits: session.Limits{Requests: 1}, Expect: time.Second}, func(ctx context.Context, s *session.Session) {
			first, err := s.Get(ctx, api)
			must(t, err)
			time.AfterFunc(1500*time.Millisecond, func() { _ = first.Body.Close() })
			short, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			body := &closes{}
			req, err := http.NewRequestWithContext(short, http.MethodPut, api, body)
			must(t, err)
			_, err = s.Do(req)
			wantErr(t, err, resilience.ErrNoTime)
			equal(t, "times its body was closed", body.n, 1)
			_, err = get(ctx, s, api)
			must(t, err)
		})
	})
}
