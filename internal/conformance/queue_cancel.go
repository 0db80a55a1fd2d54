package conformance

import (
	"context"
	"errors"
	"testing"

	"github.com/braid-go/braid"
)

// stopped checks the result of a call that was served and cancelled in the same moment, and reports whether the service won.
// On schedulers that run tasks in parallel, or switch at any point, either may.
func (c *call) stopped(t *testing.T, ctx context.Context, what string) (served bool) {
	t.Helper()
	err := c.result(t, ctx)
	if err != nil && !errors.Is(err, errStop) {
		t.Errorf("%s: %v, want success or the cause", what, err)
	}
	return err == nil
}

var queueCancelCases = []testCase{
	{"Queue: an item assigned to a Get that is cancelled in the same moment goes to the next Get that waits", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			for _, kind := range kinds {
				q := kind.make(1)
				calls := gets(t, ctx, g, q, 2)
				fill(t, q, 1)
				calls[0].h.Cancel(errStop)
				if calls[0].stopped(t, ctx, "the first Get") {
					want(t, "its item", calls[0].item, 1)
					fill(t, q, 1)
				} else {
					want(t, "the item of a cancelled Get", calls[0].item, 0)
				}
				calls[1].succeeds(t, ctx, "the second Get")
				want(t, "its item", calls[1].item, 1)
				want(t, "Len", q.Len(), 0)
			}
		})
	}},
	{"Queue: an item assigned to a Get that is cancelled in the same moment goes back to the front", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			for _, kind := range kinds {
				q := kind.make(3)
				calls := gets(t, ctx, g, q, 1)
				fill(t, q, 5, 5, 5)
				calls[0].h.Cancel(errStop)
				n := 3
				if calls[0].stopped(t, ctx, "the Get") {
					n = 2
				}
				want(t, "afterwards", q.Statistics(), braid.QueueStatistics{Capacity: 3, Len: n, Unfinished: 3})
				want(t, "items", len(empty(q)), n)
			}
			q := braid.NewQueue[int](3)
			calls := gets(t, ctx, g, q, 1)
			fill(t, q, 1, 2, 3)
			calls[0].h.Cancel(errStop)
			if calls[0].stopped(t, ctx, "the Get") {
				wantList(t, "what is left", empty(q), 2, 3)
			} else {
				wantList(t, "what is left", empty(q), 1, 2, 3)
			}
		})
	}},
	{"Queue: an item that goes back to a priority queue comes before its equals, and after what is less", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewPriorityQueue(5, lower)
			first := begin(g, func(ctx context.Context) error { _, err := q.Get(ctx); return err })
			until(t, ctx, "it waits", func() bool { return q.Statistics().Getting == 1 })
			for id, rank := range []int{7, 7, 3, 9} {
				ok(t, q.Put(ctx, ranked{rank, id}))
			}
			first.h.Cancel(errStop)
			expected := []ranked{{3, 2}, {7, 0}, {7, 1}, {9, 3}}
			if first.stopped(t, ctx, "the Get") {
				expected = []ranked{{3, 2}, {7, 1}, {9, 3}}
			}
			for _, v := range expected {
				got, err := q.Get(ctx)
				ok(t, err)
				want(t, "the next item", got, v)
			}
		})
	}},
	{"Queue: items assigned to several Gets that are cancelled in the same moment go back in their order", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](5)
			calls := gets(t, ctx, g, q, 3)
			fill(t, q, 1, 2, 3, 4)
			for _, c := range calls {
				c.h.Cancel(errStop)
			}
			var expected []int
			for i, c := range calls {
				if !c.stopped(t, ctx, "a Get") {
					expected = append(expected, i+1)
				}
			}
			wantList(t, "what is left", empty(q), append(expected, 4)...)
		})
	}},
	{"Queue: items assigned to several Gets that are cancelled in the same moment keep their order among equals", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewPriorityQueue(5, lower)
			var calls []*call
			for i := range 3 {
				calls = append(calls, begin(g, func(ctx context.Context) error { _, err := q.Get(ctx); return err }))
				until(t, ctx, "one more waits", func() bool { return q.Statistics().Getting == i+1 })
			}
			for id := range 4 {
				ok(t, q.Put(ctx, ranked{7, id}))
			}
			for _, c := range calls {
				c.h.Cancel(errStop)
			}
			var expected []int
			for i, c := range calls {
				if !c.stopped(t, ctx, "a Get") {
					expected = append(expected, i)
				}
			}
			for _, id := range append(expected, 3) {
				got, err := q.Get(ctx)
				ok(t, err)
				want(t, "the next item", got, ranked{7, id})
			}
		})
	}},
	{"Queue: an item that goes back may exceed the capacity, and no Put is accepted until there is room again", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](2)
			calls := gets(t, ctx, g, q, 1)
			fill(t, q, 1, 2, 3) // one for the Get, two inside
			calls[0].h.Cancel(errStop)
			waits := begin(g, func(ctx context.Context) error { return q.Put(ctx, 4) })
			if calls[0].stopped(t, ctx, "the Get") {
				until(t, ctx, "Put waits", func() bool { return q.Statistics().Putting == 1 })
				wantList(t, "the items", empty(q), 2, 3, 4)
				waits.succeeds(t, ctx, "Put")
				return
			}
			until(t, ctx, "Put waits", func() bool { return q.Statistics().Putting == 1 })
			want(t, "Len", q.Len(), 3)
			v, _ := q.TryGet()
			want(t, "the item", v, 1)
			want(t, "Puts that wait when the queue is just full", q.Statistics().Putting, 1)
			v, _ = q.TryGet()
			want(t, "the item", v, 2)
			waits.succeeds(t, ctx, "Put")
			wantList(t, "what is left", empty(q), 3, 4)
		})
	}},
	{"Queue: an item handed over directly stays inside if its Get is cancelled in the same moment", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](0)
			calls := gets(t, ctx, g, q, 1)
			ok(t, q.Put(ctx, 1))
			calls[0].h.Cancel(errStop)
			n := 1
			if calls[0].stopped(t, ctx, "the Get") {
				n = 0
			}
			want(t, "afterwards", q.Statistics(), braid.QueueStatistics{Len: n, Unfinished: 1})
			waits := put(g, q, 2)
			until(t, ctx, "Put waits", func() bool { return q.Statistics().Putting == 1 })
			if n == 1 {
				v, err := q.Get(ctx)
				ok(t, err)
				want(t, "the item", v, 1)
			}
			v, err := q.Get(ctx)
			ok(t, err)
			want(t, "the item of the Put that waits", v, 2)
			waits.succeeds(t, ctx, "Put")
		})
	}},
	{"Queue: an item that was accepted stays, although its Put is cancelled in the same moment", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](1)
			fill(t, q, 1)
			calls := puts(t, ctx, g, q, 2)
			v, _ := q.TryGet()
			want(t, "the item", v, 1)
			calls[0].h.Cancel(errStop)
			calls[0].succeeds(t, ctx, "the Put that was accepted")
			wantList(t, "what is inside", empty(q), 2)

			calls = puts(t, ctx, g, braid.NewQueue[int](0), 3) // nobody takes this one
			calls[0].h.Cancel(errStop)
			calls[0].fails(t, ctx, "the Put that was not accepted", errStop)
		})
	}},
	{"Queue: Puts and Gets behind one that is cancelled go on in their order", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](1)
			fill(t, q, 0)
			waits := puts(t, ctx, g, q, 1, 2, 3)
			waits[1].h.Cancel(errStop)
			waits[1].fails(t, ctx, "the Put in the middle", errStop)
			wantList(t, "the items", empty(q), 0, 1, 3)
			waits[0].succeeds(t, ctx, "the first Put")
			waits[2].succeeds(t, ctx, "the last Put")
			calls := gets(t, ctx, g, q, 3)
			calls[0].h.Cancel(errStop)
			calls[0].fails(t, ctx, "the first Get", errStop)
			ok(t, q.Put(ctx, 4))
			ok(t, q.Put(ctx, 5))
			calls[1].succeeds(t, ctx, "the second Get")
			want(t, "its item", calls[1].item, 4)
			calls[2].succeeds(t, ctx, "the last Get")
			want(t, "its item", calls[2].item, 5)
		})
	}},
	{"Queue: Shutdown(Now) between assignment and cancellation loses no item", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			for _, kind := range kinds {
				for _, capacity := range []int{0, 2} {
					for _, shutdownFirst := range []bool{true, false} {
						q := kind.make(capacity)
						calls := gets(t, ctx, g, q, 1)
						fill(t, q, 1)
						var left []int
						if shutdownFirst {
							left = q.Shutdown(braid.Now)
							calls[0].h.Cancel(errStop)
						} else {
							calls[0].h.Cancel(errStop)
							left = q.Shutdown(braid.Now)
						}
						if calls[0].stopped(t, ctx, "the Get") {
							want(t, "the item of the Get", calls[0].item, 1)
							wantList(t, "what Shutdown returned", left)
							want(t, "unfinished", q.Statistics().Unfinished, 1)
							q.TaskDone()
						} else {
							wantList(t, "what Shutdown returned", left, 1)
						}
						ok(t, q.Join(ctx))
						want(t, "afterwards", q.Statistics(), braid.QueueStatistics{Capacity: capacity, Shutdown: true})
					}
				}
			}
		})
	}},
	{"Queue: Shutdown(Drain) between assignment and cancellation leaves the item inside, to be got", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](1)
			calls := gets(t, ctx, g, q, 2)
			fill(t, q, 1)
			q.Shutdown(braid.Drain)
			calls[0].h.Cancel(errStop)
			joins := begin(g, q.Join)
			calls[1].fails(t, ctx, "the Get that has no item", braid.ErrShutdown)
			if !calls[0].stopped(t, ctx, "the Get that had one") {
				v, err := q.Get(ctx)
				ok(t, err)
				want(t, "the item", v, 1)
			}
			_, err := q.Get(ctx)
			want(t, "a Get of nothing", err, braid.ErrShutdown)
			q.TaskDone()
			joins.succeeds(t, ctx, "Join")
		})
	}},
	{"Queue: a Put or Get that Shutdown sends away and that is cancelled in the same moment changes nothing", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](1)
			fill(t, q, 1)
			waits := puts(t, ctx, g, q, 2)
			q.Shutdown(braid.Drain)
			waits[0].h.Cancel(errStop)
			if err := waits[0].result(t, ctx); !errors.Is(err, errStop) && !errors.Is(err, braid.ErrShutdown) {
				t.Errorf("Put: %v", err)
			}
			wantList(t, "what is inside", empty(q), 1)
			q = braid.NewQueue[int](1)
			calls := gets(t, ctx, g, q, 1)
			q.Shutdown(braid.Drain)
			calls[0].h.Cancel(errStop)
			if err := calls[0].result(t, ctx); !errors.Is(err, errStop) && !errors.Is(err, braid.ErrShutdown) {
				t.Errorf("Get: %v", err)
			}
			want(t, "afterwards", q.Statistics(), braid.QueueStatistics{Capacity: 1, Shutdown: true})
		})
	}},
}
