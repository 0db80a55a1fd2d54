package service_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/service"
)

// dice is a chooser for tests outside of the simulator.
type dice struct {
	*testing.T

	mu   sync.Mutex
	rand *rand.Rand
}

func (c *dice) IntN(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rand.IntN(n)
}

// What the simulations check, on goroutines that run in parallel, for the race detector; while others look on.
func TestStress(t *testing.T) {
	braidtest.CheckLeaks(t)
	rounds := 100
	if testing.Short() {
		rounds = 20
	}
	for seed := range uint64(rounds) {
		synctest.Test(t, func(t *testing.T) {
			d := &dice{T: t, rand: rand.New(rand.NewPCG(seed, 1))}
			strategy := service.Strategy(d.IntN(3))
			w := newWorld(d, 4, strategy)
			svc := newService(service.Config{Strategy: strategy, MaxRestarts: 1 + d.IntN(3), CheckEvery: time.Second})
			for i := range w.held {
				svc.Add(w.component(i))
			}
			w.aborts = d.IntN(5) == 0
			must(t, braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
				over := make(chan struct{})
				g.Go(func(ctx context.Context) error {
					defer close(over)
					_ = svc.Run(ctx)
					return nil
				})
				for range 2 {
					g.Go(func(ctx context.Context) error {
						_ = braid.Sleep(ctx, time.Duration(d.IntN(8))*time.Second)
						svc.Stop(nil)
						if w.aborts {
							svc.Abort(nil)
						}
						return nil
					})
				}
				g.Go(func(ctx context.Context) error {
					for {
						select {
						case <-over:
							return nil
						default:
						}
						_, _, _ = svc.Ready(), svc.Alive(), svc.Status()
						_ = braid.Sleep(ctx, 10*time.Millisecond)
					}
				})
				return nil
			}))
			w.wantOver(svc)
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
