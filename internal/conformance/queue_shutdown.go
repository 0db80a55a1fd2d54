package conformance

import (
	"context"
	"errors"
	"testing"

	"github.com/braid-go/braid"
)

// isDown checks that nothing can be put into q any more.
func isDown(t *testing.T, ctx context.Context, q *braid.Queue[int]) {
	t.Helper()
	want(t, "Put after Shutdown", q.Put(ctx, 99), braid.ErrShutdown)
	want(t, "TryPut after Shutdown", q.TryPut(99), false)
	want(t, "Shutdown in the statistics", q.Statistics().Shutdown, true)
}

// isOver checks that nothing can be got from q any more.
func isOver(t *testing.T, ctx context.Context, q *braid.Queue[int]) {
	t.Helper()
	isDown(t, ctx, q)
	v, err := q.Get(ctx)
	want(t, "Get after all", err, braid.ErrShutdown)
	want(t, "its item", v, 0)
	_, is := q.TryGet()
	want(t, "TryGet after all", is, false)
	for range q.All(ctx) {
		t.Error("a loop over a queue that is over")
	}
	want(t, "Len", q.Len(), 0)
}

var queueShutdownCases = []testCase{
	{"Queue: Shutdown(Drain) sends Puts away, lets what is inside be got, and then ends Gets", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			for _, kind := range kinds {
				q := kind.make(3)
				fill(t, q, 3, 1, 2)
				waits := puts(t, ctx, g, q, 8, 9)
				if left := q.Shutdown(braid.Drain); left != nil {
					t.Errorf("Shutdown(Drain) returned %v", left)
				}
				for _, c := range waits {
					c.fails(t, ctx, "a Put that waited", braid.ErrShutdown)
				}
				isDown(t, ctx, q)
				want(t, "meanwhile", q.Statistics(), braid.QueueStatistics{Capacity: 3, Len: 3, Unfinished: 3, Shutdown: true})
				v, err := q.Get(ctx)
				ok(t, err)
				want(t, "the first item", v, kind.order[0])
				wantList(t, "the rest", empty(q), kind.order[1:]...)
				isOver(t, ctx, q)
			}
		})
	}},
	{"Queue: Shutdown of either kind ends Gets that wait for an empty queue", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			for _, mode := range []braid.ShutdownMode{braid.Drain, braid.Now} {
				for _, capacity := range []int{0, 3} {
					q := braid.NewQueue[int](capacity)
					calls := gets(t, ctx, g, q, 3)
					wantList(t, "what Shutdown returned", q.Shutdown(mode))
					for _, c := range calls {
						c.fails(t, ctx, "a Get that waited", braid.ErrShutdown)
					}
					isOver(t, ctx, q)
				}
			}
		})
	}},
	{"Queue: after Shutdown(Drain) Join waits for what is inside and in hand", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](3)
			fill(t, q, 1, 2)
			v, _ := q.TryGet()
			want(t, "the item in hand", v, 1)
			joins := begin(g, q.Join)
			until(t, ctx, "it waits", func() bool { return q.Statistics().Joining == 1 })
			q.Shutdown(braid.Drain)
			q.TaskDone()
			later := begin(g, q.Join)
			until(t, ctx, "a later one waits", func() bool { return q.Statistics().Joining == 2 })
			wantList(t, "what is inside", empty(q), 2)
			want(t, "Join has returned with an item in hand", joins.ended(), false)
			q.TaskDone()
			joins.succeeds(t, ctx, "Join")
			later.succeeds(t, ctx, "the later Join")
		})
	}},
	{"Queue: Shutdown(Now) returns what is inside in the order of Get, and sends all away", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			for _, kind := range kinds {
				q := kind.make(3)
				fill(t, q, 3, 1, 2)
				waits := puts(t, ctx, g, q, 8, 9)
				wantList(t, "what Shutdown returned", q.Shutdown(braid.Now), kind.order[:]...)
				for _, c := range waits {
					c.fails(t, ctx, "a Put that waited, whose item stays with it", braid.ErrShutdown)
				}
				isOver(t, ctx, q)
				ok(t, q.Join(ctx))
				panics(t, "TaskDone of an item that Shutdown returned", q.TaskDone, "TaskDone")
				want(t, "afterwards", q.Statistics(), braid.QueueStatistics{Capacity: 3, Shutdown: true})
			}
		})
	}},
	{"Queue: after Shutdown(Now) Join waits only for items in hand", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](3)
			fill(t, q, 1, 2, 3)
			empties := begin(g, q.Join)
			until(t, ctx, "it waits", func() bool { return q.Statistics().Joining == 1 })
			v, _ := q.TryGet()
			want(t, "the item in hand", v, 1)
			wantList(t, "what Shutdown returned", q.Shutdown(braid.Now), 2, 3)
			want(t, "unfinished", q.Statistics().Unfinished, 1)
			pass(ctx)
			want(t, "Join has returned with an item in hand", empties.ended(), false)
			q.TaskDone()
			empties.succeeds(t, ctx, "Join")

			q = braid.NewQueue[int](3)
			fill(t, q, 1, 2)
			joins := begin(g, q.Join)
			until(t, ctx, "it waits", func() bool { return q.Statistics().Joining == 1 })
			q.Shutdown(braid.Now)
			joins.succeeds(t, ctx, "Join with nothing in hand")
		})
	}},
	{"Queue: Shutdown again goes on from Drain to Now, and otherwise does nothing", func(t *testing.T, ctx context.Context) {
		q := braid.NewQueue[int](3)
		fill(t, q, 1, 2, 3)
		wantList(t, "Drain", q.Shutdown(braid.Drain))
		wantList(t, "Drain again", q.Shutdown(braid.Drain))
		v, err := q.Get(ctx)
		ok(t, err)
		want(t, "the item", v, 1)
		wantList(t, "Now after Drain", q.Shutdown(braid.Now), 2, 3)
		wantList(t, "Now again", q.Shutdown(braid.Now))
		wantList(t, "Drain after Now", q.Shutdown(braid.Drain))
		want(t, "unfinished", q.Statistics().Unfinished, 1)
		q.TaskDone()
		isOver(t, ctx, q)
		ok(t, q.Join(ctx))
	}},
	{"Queue: Shutdown of a queue of capacity 0 gives the items back to the Puts that wait", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			for _, mode := range []braid.ShutdownMode{braid.Drain, braid.Now} {
				q := braid.NewQueue[int](0)
				waits := puts(t, ctx, g, q, 1, 2)
				wantList(t, "what Shutdown returned", q.Shutdown(mode))
				for _, c := range waits {
					c.fails(t, ctx, "a Put that waited", braid.ErrShutdown)
				}
				ok(t, q.Join(ctx))
				isOver(t, ctx, q)
			}
		})
	}},
	{"Queue: a done ctx comes before the news of a Shutdown", func(t *testing.T, ctx context.Context) {
		q := braid.NewQueue[int](1)
		q.Shutdown(braid.Now)
		for _, done := range endedContexts(ctx) {
			if err := q.Put(done, 1); !errors.Is(err, errStop) {
				t.Errorf("Put: %v", err)
			}
			if _, err := q.Get(done); !errors.Is(err, errStop) {
				t.Errorf("Get: %v", err)
			}
		}
	}},
	{"Queue: many loops over All share the items and all end after Shutdown", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](2)
			counts := make([]int, 4)
			var loops []*call
			for i := range counts {
				loops = append(loops, begin(g, func(ctx context.Context) error {
					for _, err := range q.All(ctx) {
						if err != nil {
							return err
						}
						counts[i]++
						_ = braid.Yield(ctx)
						q.TaskDone()
					}
					return nil
				}))
			}
			for i := range 50 {
				ok(t, q.Put(ctx, i))
			}
			q.Shutdown(braid.Drain)
			ok(t, q.Join(ctx))
			sum := 0
			for i, c := range loops {
				c.succeeds(t, ctx, "a loop")
				sum += counts[i]
			}
			want(t, "items seen", sum, 50)
		})
	}},
}

var producerCases = []testCase{
	{"Producer: the queue drains when the last producer is closed, and none cuts off another", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](2)
			a, b := q.Producer(), q.Producer()
			want(t, "producers", q.Statistics().Producers, 2)
			ok(t, a.Put(ctx, 1))
			a.Close()
			a.Close()
			want(t, "producers", q.Statistics().Producers, 1)
			want(t, "Put of a closed producer", a.Put(ctx, 2), braid.ErrShutdown)
			want(t, "shut down", q.Statistics().Shutdown, false)
			ok(t, b.Put(ctx, 3))
			c := q.Producer() // one from another that is open
			b.Close()
			waits := begin(g, func(ctx context.Context) error { return c.Put(ctx, 4) })
			until(t, ctx, "it waits", func() bool { return q.Statistics().Putting == 1 })
			v, err := q.Get(ctx)
			ok(t, err)
			want(t, "the item", v, 1)
			waits.succeeds(t, ctx, "Put")
			c.Close()
			isDown(t, ctx, q)
			wantList(t, "what is left", empty(q), 3, 4)
			isOver(t, ctx, q)
		})
	}},
	{"Producer: a Put that waits is sent away when its own, last producer is closed", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](0)
			p := q.Producer()
			waits := begin(g, func(ctx context.Context) error { return p.Put(ctx, 1) })
			until(t, ctx, "it waits", func() bool { return q.Statistics().Putting == 1 })
			p.Close()
			waits.fails(t, ctx, "Put", braid.ErrShutdown)
			isOver(t, ctx, q)
		})
	}},
	{"Producer: Put fails after a Shutdown by somebody else, and Close is harmless then", func(t *testing.T, ctx context.Context) {
		q := braid.NewQueue[int](1)
		p := q.Producer()
		ok(t, p.Put(ctx, 1))
		wantList(t, "what Shutdown returned", q.Shutdown(braid.Now), 1)
		want(t, "Put", p.Put(ctx, 2), braid.ErrShutdown)
		p.Close()
		want(t, "producers", q.Statistics().Producers, 0)
	}},
	{"Producer: a done ctx comes first, for a closed producer too", func(t *testing.T, ctx context.Context) {
		q := braid.NewQueue[int](1)
		p := q.Producer()
		q.Producer()
		p.Close()
		for _, done := range endedContexts(ctx) {
			if err := p.Put(done, 1); !errors.Is(err, errStop) {
				t.Errorf("Put: %v", err)
			}
		}
	}},
	{"Producer: one that is made too late panics with a text that says what to do", func(t *testing.T, ctx context.Context) {
		q := braid.NewQueue[int](1)
		q.Producer().Close()
		panics(t, "Producer", func() { q.Producer() }, "Producer after Shutdown", "make all producers before")
		isOver(t, ctx, q)
	}},
	{"Producer: many producers and consumers end by themselves", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			const producers, items = 4, 15
			q := braid.NewQueue[int](2)
			for i := range producers {
				p := q.Producer()
				begin(g, func(ctx context.Context) error {
					defer p.Close()
					for j := range items {
						ok(t, p.Put(ctx, i*items+j))
					}
					return nil
				})
			}
			var counts [3]int
			var loops []*call
			for i := range counts {
				loops = append(loops, begin(g, func(ctx context.Context) error {
					for _, err := range q.All(ctx) {
						if err != nil {
							return err
						}
						counts[i]++
					}
					return nil
				}))
			}
			sum := 0
			for i, c := range loops {
				c.succeeds(t, ctx, "a consumer")
				sum += counts[i]
			}
			want(t, "items seen", sum, producers*items)
		})
	}},
}
