package conformance

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/braid-go/braid"
)

// ranked is an item whose rank alone is compared.
type ranked struct{ rank, id int }

func lower(a, b ranked) bool { return a.rank < b.rank }

var queueOrderCases = []testCase{
	{"Queue: Gets that wait are served in the order in which they came", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			for _, kind := range kinds {
				for _, capacity := range []int{0, 2, braid.Unbounded} {
					q := kind.make(capacity)
					calls := gets(t, ctx, g, q, 5)
					for i := range calls {
						ok(t, q.Put(ctx, 10-i)) // a Get that waits takes what comes, of whatever kind the queue is
					}
					for i, c := range calls {
						c.succeeds(t, ctx, "Get")
						want(t, "the item", c.item, 10-i)
					}
				}
			}
		})
	}},
	{"Queue: Puts that wait are accepted in the order in which they came", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			for _, capacity := range []int{0, 1, 3} {
				q := braid.NewQueue[int](capacity)
				for i := range capacity {
					fill(t, q, i)
				}
				calls := puts(t, ctx, g, q, 10, 11, 12, 13)
				for i := range 4 {
					want(t, "Puts that wait", q.Statistics().Putting, 4-i)
					_, is := q.TryGet()
					want(t, "TryGet", is, true)
					calls[i].succeeds(t, ctx, "the Put in turn")
				}
			}
		})
	}},
	{"Queue: items of Puts that waited come in the order in which they came", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](2)
			fill(t, q, 0, 1)
			calls := puts(t, ctx, g, q, 2, 3, 4)
			wantList(t, "the items", empty(q), 0, 1, 2, 3, 4)
			for _, c := range calls {
				c.succeeds(t, ctx, "Put")
			}
		})
	}},
	{"Queue: an item goes to the Get that waits, and whoever comes later or only tries does not overtake it", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			for _, kind := range kinds {
				q := kind.make(3)
				calls := gets(t, ctx, g, q, 1)
				fill(t, q, 1)
				_, is := q.TryGet()
				want(t, "TryGet of an item that is assigned", is, false)
				want(t, "Len", q.Len(), 0)
				later := get(g, q)
				fill(t, q, 2)
				calls[0].succeeds(t, ctx, "the first Get")
				want(t, "its item", calls[0].item, 1)
				later.succeeds(t, ctx, "the later Get")
				want(t, "its item", later.item, 2)
			}
		})
	}},
	{"Queue: room goes to the Put that waits, and whoever comes later or only tries does not overtake it", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](1)
			fill(t, q, 1)
			calls := puts(t, ctx, g, q, 2)
			v, _ := q.TryGet()
			want(t, "the item", v, 1)
			want(t, "TryPut into room that is taken", q.TryPut(3), false)
			want(t, "Len", q.Len(), 1)
			later := put(g, q, 4)
			calls[0].succeeds(t, ctx, "the Put that waited")
			v, err := q.Get(ctx)
			ok(t, err)
			want(t, "the item", v, 2)
			later.succeeds(t, ctx, "the later Put")
			wantList(t, "what is left", empty(q), 4)
		})
	}},
	{"Queue: a LIFO queue that is full takes the Put that waits on top", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewLIFO[int](2)
			fill(t, q, 1, 2)
			calls := puts(t, ctx, g, q, 3, 4)
			wantList(t, "the items", empty(q), 2, 3, 4, 1)
			for _, c := range calls {
				c.succeeds(t, ctx, "Put")
			}
		})
	}},
	{"Queue: a comparison that panics leaves a priority queue as it was, for everybody to use", func(t *testing.T, ctx context.Context) {
		broken := false
		q := braid.NewPriorityQueue(6, func(a, b int) bool {
			if broken {
				panic(errBoom)
			}
			return a < b
		})
		fill(t, q, 3, 1, 4, 0, 5)
		before := q.Statistics()
		broken = true
		for name, f := range map[string]func(){
			"Put":    func() { _ = q.Put(ctx, 2) },
			"TryPut": func() { q.TryPut(2) },
			"Get":    func() { _, _ = q.Get(ctx) },
			"TryGet": func() { q.TryGet() },
		} {
			want(t, name, caught(f), any(errBoom))
			want(t, name+": the queue afterwards", q.Statistics(), before)
		}
		broken = false
		ok(t, q.Put(ctx, 2))
		wantList(t, "items", empty(q), 0, 1, 2, 3, 4, 5)
	}},
	{"Queue: a priority queue gives equals out in the order in which they were put", func(t *testing.T, ctx context.Context) {
		rng := rand.New(rand.NewPCG(1, 2))
		q := braid.NewPriorityQueue(braid.Unbounded, lower)
		var items []ranked
		for id := range 500 {
			v := ranked{rng.IntN(10), id}
			items = append(items, v)
			ok(t, q.Put(ctx, v))
		}
		slices.SortStableFunc(items, func(a, b ranked) int { return a.rank - b.rank })
		for _, v := range items {
			got, err := q.Get(ctx)
			ok(t, err)
			want(t, "the next item", got, v)
		}
	}},
	{"Queue: a priority queue stays stable through many Puts and Gets", func(t *testing.T, ctx context.Context) {
		rng := rand.New(rand.NewPCG(3, 4))
		q := braid.NewPriorityQueue(braid.Unbounded, lower)
		var inside []ranked
		for id := range 2000 {
			if rng.IntN(5) < 3 || len(inside) == 0 {
				v := ranked{rng.IntN(4), id}
				inside = append(inside, v)
				ok(t, q.Put(ctx, v))
				continue
			}
			least := 0
			for i, v := range inside {
				if lower(v, inside[least]) {
					least = i
				}
			}
			got, err := q.Get(ctx)
			ok(t, err)
			want(t, "the next item", got, inside[least])
			inside = slices.Delete(inside, least, least+1)
		}
	}},
	{"Queue: a priority queue admits Puts that wait in the order in which they came, and then ranks them", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewPriorityQueue(2, less)
			fill(t, q, 5, 6)
			calls := puts(t, ctx, g, q, 9, 1, 2)
			wantList(t, "the items", empty(q), 5, 6, 1, 2, 9)
			for _, c := range calls {
				c.succeeds(t, ctx, "Put")
			}
		})
	}},
}
