package conformance

import (
	"context"
	"fmt"
	"testing"

	"github.com/braid-go/braid"
)

// both runs fn in n tasks of g and in n plain goroutines at the same time, and returns when all have returned.
func both(t *testing.T, ctx context.Context, g *braid.Group, n int, fn func(ctx context.Context, worker int) error) {
	t.Helper()
	var calls []*call
	var plain []*braid.Future[error]
	for i := range n {
		calls = append(calls, begin(g, func(ctx context.Context) error { return fn(ctx, i) }))
		plain = append(plain, elsewhere(func() error { return fn(context.Background(), n+i) }))
	}
	for i := range n {
		calls[i].succeeds(t, ctx, "a task")
		ok(t, join(t, ctx, plain[i]))
	}
}

// What primitives do for tasks and plain goroutines at the same time. Each of them guards an int that is not atomic:
// the race detector says whether they order their users.
var sharedCases = []testCase{
	{"Semaphore, Limiter, Mutex and RWMutex: exclude tasks and plain goroutines from each other", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			s, l := braid.NewSemaphore(1), braid.NewLimiter("tokens", 1)
			var m braid.Mutex
			var rwm braid.RWMutex
			var n [4]int
			const workers, rounds = 4, 25
			both(t, ctx, g, workers, func(ctx context.Context, worker int) error {
				for range rounds {
					ok(t, s.Acquire(ctx, 1))
					n[0]++
					s.Release(1)
					ok(t, l.AcquireFor(ctx, worker))
					n[1]++
					l.ReleaseFor(worker)
					ok(t, m.Lock(ctx))
					n[2]++
					m.Unlock()
					ok(t, rwm.Lock(ctx))
					n[3]++
					rwm.Unlock()
				}
				return nil
			})
			for i := range n {
				want(t, fmt.Sprint("counter ", i), n[i], 2*workers*rounds)
			}
		})
	}},
	{"Queue: passes items between tasks and plain goroutines, each exactly once", func(t *testing.T, ctx context.Context) {
		for _, capacity := range []int{0, 1, 3, braid.Unbounded} {
			scope(t, ctx, func(ctx context.Context, g *braid.Group) {
				const workers, rounds = 3, 20
				q := braid.NewQueue[int](capacity)
				results := braid.NewQueue[int](braid.Unbounded)
				consumers := begin(g, func(ctx context.Context) error {
					both(t, ctx, g, workers, func(ctx context.Context, _ int) error {
						for v, err := range q.All(ctx) {
							if err != nil {
								return err
							}
							results.TryPut(v)
							q.TaskDone()
						}
						return nil
					})
					return nil
				})
				both(t, ctx, g, workers, func(ctx context.Context, worker int) error {
					for i := range rounds {
						ok(t, q.Put(ctx, worker*rounds+i))
					}
					return nil
				})
				ok(t, q.Join(ctx))
				q.Shutdown(braid.Drain)
				consumers.succeeds(t, ctx, "the consumers")
				seen := map[int]int{}
				for range 2 * workers * rounds {
					v, is := results.TryGet()
					want(t, "there is a result", is, true)
					seen[v]++
				}
				want(t, "results left", results.Len(), 0)
				want(t, "different results", len(seen), 2*workers*rounds)
			})
		}
	}},
	{"Event, Barrier and Promise: bring tasks and plain goroutines together", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			const workers, rounds = 3, 10
			var start braid.Event
			var p braid.Promise[int]
			b := braid.NewBarrier(2 * workers)
			var at [2 * workers]int
			starter := begin(g, func(ctx context.Context) error {
				until(t, ctx, "all wait for the start", func() bool { return start.Statistics().Waiting == 2*workers })
				start.Set()
				return nil
			})
			both(t, ctx, g, workers, func(ctx context.Context, worker int) error {
				ok(t, start.Wait(ctx))
				for r := range rounds {
					at[worker] = r
					i, err := b.Wait(ctx)
					ok(t, err)
					for _, other := range at {
						want(t, "the round of a party", other, r)
					}
					if i == 0 && r == rounds-1 {
						p.Resolve(r)
					}
					_, err = b.Wait(ctx)
					ok(t, err)
				}
				v, err := p.Future().Wait(ctx)
				want(t, "the value", v, rounds-1)
				return err
			})
			starter.succeeds(t, ctx, "the starter")
		})
	}},
	{"Cond: brings tasks and plain goroutines together", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			const workers, rounds = 3, 15
			var m braid.Mutex
			c := braid.NewCond(&m)
			stock, sold := 0, 0
			both(t, ctx, g, workers, func(ctx context.Context, worker int) error {
				for range rounds {
					ok(t, m.Lock(ctx))
					if worker%2 == 0 {
						stock++
						c.Notify(1)
					} else {
						ok(t, c.WaitFor(ctx, func() bool { return stock > 0 }))
						stock--
						sold++
					}
					m.Unlock()
				}
				return nil
			})
			want(t, "sold", sold, workers*rounds)
			want(t, "stock", stock, 0)
		})
	}},
	{"OnceValue: one value for tasks and plain goroutines", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			calls := 0
			o := braid.NewOnceValue(func(ctx context.Context) (int, error) {
				calls++
				return calls, braid.Yield(ctx)
			})
			both(t, ctx, g, 4, func(ctx context.Context, _ int) error {
				v, err := o.Get(ctx)
				want(t, "the value", v, 1)
				return err
			})
		})
	}},
	{"SetName: names a primitive for those who look at what waits", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](1)
			want(t, "no name", q.Name(), "")
			q.SetName("jobs")
			want(t, "the name", q.Name(), "jobs")
			c := begin(g, func(ctx context.Context) error { _, err := q.Get(ctx); return err })
			until(t, ctx, "it waits", func() bool { return c.h.Waiting() == "queue.Get jobs" })
			q.TryPut(1)
			c.succeeds(t, ctx, "Get")
		})
	}},
}
