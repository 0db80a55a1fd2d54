package session_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
	"github.com/braid-go/braid/session"
)

// Many tasks use a session in every way, cancel and forget, while the servers do what they like, and then it is closed under them.
// Whatever happens: nobody hangs, every request ends in one of the ways that there are, and nothing is left.
func TestStress(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			inBubble(t, func(ctx context.Context, n *network) {
				var mu sync.Mutex
				source := rand.New(rand.NewPCG(seed, 1))
				draw := func(k int) int {
					mu.Lock()
					defer mu.Unlock()
					return source.IntN(k)
				}
				for host := range 3 {
					n.serve(fmt.Sprintf("host%d.test:80", host), func(w http.ResponseWriter, r *http.Request) {
						nap := time.NewTimer(time.Duration(draw(300)) * time.Millisecond)
						defer nap.Stop()
						select {
						case <-nap.C:
						case <-r.Context().Done():
						}
						switch draw(8) {
						case 0:
							w.WriteHeader(http.StatusServiceUnavailable)
						case 1:
							panic(http.ErrAbortHandler)
						case 2:
							w.Header().Set("Content-Length", "1000000")
							_, _ = io.CopyN(w, zeros{}, 5000)
							panic(http.ErrAbortHandler)
						case 3:
							hang(w, r)
						default:
							_, _ = io.CopyN(w, zeros{}, int64(draw(200_000)))
						}
					})
				}
				n.dialing = func(ctx context.Context, _ string) error {
					if draw(10) == 0 {
						return braid.Sleep(ctx, time.Hour)
					}
					return nil
				}
				gone := errors.New("gone")
				err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
					s, err := session.Open(ctx, g, session.Config{
						Dial:     n.dial,
						Timeouts: session.Timeouts{Total: 20 * time.Second, Connect: 2 * time.Second, Header: time.Second, Try: 5 * time.Second},
						Limits:   session.Limits{Requests: 5, Conns: 4, Queue: 20},
						Retry:    &resilience.Retry{Base: 50 * time.Millisecond, Budget: new(resilience.Budget)},
						Breaker:  &resilience.BreakerConfig{OpenFor: time.Second},
						Hedge:    &session.Hedge{Delay: 100 * time.Millisecond, Max: 2},
					})
					must(t, err)
					use := func(ctx context.Context) {
						ctx, cancel := context.WithCancelCause(ctx)
						defer cancel(nil)
						if draw(3) == 0 {
							leave := time.AfterFunc(time.Duration(draw(2000))*time.Millisecond, func() { cancel(gone) })
							defer leave.Stop()
						}
						resp, err := s.Get(ctx, fmt.Sprintf("http://host%d.test/", draw(3)))
						if err != nil {
							if errors.Is(err, context.Canceled) && !errors.Is(err, gone) {
								t.Errorf("cancelled by nobody: %v", err)
							}
							return
						}
						if draw(4) > 0 { // others forget it, and end their ctx
							defer resp.Body.Close()
						}
						if draw(2) == 0 {
							_, _ = io.Copy(io.Discard, resp.Body)
						}
					}
					for range 30 {
						g.Go(func(ctx context.Context) error {
							for range 20 {
								use(ctx)
							}
							return nil
						})
					}
					must(t, braid.Sleep(ctx, time.Duration(1+draw(20))*time.Second))
					err = s.Close(ctx)
					if leak, ok := errors.AsType[*session.LeakError](err); ok && leak.Conns > 0 {
						t.Errorf("closed with %v", err)
					}
					st := s.Statistics()
					equal(t, "left", st.Conns+st.Bodies+st.Running, 0)
					return nil
				})
				must(t, err)
			})
		})
	}
}
