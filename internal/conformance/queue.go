package conformance

import (
	"context"
	"errors"
	"testing"

	"github.com/braid-go/braid"
)

// getting is a call that gets one item and keeps it.
type getting struct {
	*call
	item int
}

func get(g *braid.Group, q *braid.Queue[int]) *getting {
	c := &getting{}
	c.call = begin(g, func(ctx context.Context) (err error) {
		c.item, err = q.Get(ctx)
		return err
	})
	return c
}

func put(g *braid.Group, q *braid.Queue[int], v int) *call {
	return begin(g, func(ctx context.Context) error { return q.Put(ctx, v) })
}

// gets makes n tasks wait in Get, one after another.
func gets(t *testing.T, ctx context.Context, g *braid.Group, q *braid.Queue[int], n int) []*getting {
	t.Helper()
	var all []*getting
	for i := range n {
		all = append(all, get(g, q))
		until(t, ctx, "one more waits in Get", func() bool { return q.Statistics().Getting == i+1 })
	}
	return all
}

// puts makes a task for each item wait in Put, one after another.
func puts(t *testing.T, ctx context.Context, g *braid.Group, q *braid.Queue[int], items ...int) []*call {
	t.Helper()
	var all []*call
	for i, v := range items {
		all = append(all, put(g, q, v))
		until(t, ctx, "one more waits in Put", func() bool { return q.Statistics().Putting == i+1 })
	}
	return all
}

// fill puts items in; there is room for them.
func fill(t *testing.T, q *braid.Queue[int], items ...int) {
	t.Helper()
	for _, v := range items {
		want(t, "TryPut", q.TryPut(v), true)
	}
}

// empty takes out what is inside.
func empty(q *braid.Queue[int]) []int {
	var all []int
	for v, is := q.TryGet(); is; v, is = q.TryGet() {
		all = append(all, v)
	}
	return all
}

func less(a, b int) bool { return a < b }

// kinds makes a queue of each kind, with the order in which it gives 3, 1, 2 out.
var kinds = []struct {
	name  string
	make  func(capacity int) *braid.Queue[int]
	order [3]int
}{
	{"FIFO", braid.NewQueue[int], [3]int{3, 1, 2}},
	{"LIFO", braid.NewLIFO[int], [3]int{2, 1, 3}},
	{"priority", func(capacity int) *braid.Queue[int] { return braid.NewPriorityQueue(capacity, less) }, [3]int{1, 2, 3}},
}

var queueCases = []testCase{
	{"Queue: counts what is inside, what is unfinished and who waits", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			for _, kind := range kinds {
				q := kind.make(2)
				want(t, "new", q.Statistics(), braid.QueueStatistics{Capacity: 2})
				want(t, "Cap", q.Cap(), 2)
				ok(t, q.Put(ctx, 1))
				want(t, "TryPut", q.TryPut(1), true)
				want(t, "TryPut into a full queue", q.TryPut(1), false)
				want(t, "Len", q.Len(), 2)
				c := put(g, q, 1)
				joins := begin(g, q.Join)
				until(t, ctx, "both wait", func() bool {
					return q.Statistics() == braid.QueueStatistics{Capacity: 2, Len: 2, Unfinished: 2, Putting: 1, Joining: 1}
				})
				v, err := q.Get(ctx)
				ok(t, err)
				want(t, "the item", v, 1)
				c.succeeds(t, ctx, "Put")
				want(t, "after a Get", q.Statistics(), braid.QueueStatistics{Capacity: 2, Len: 2, Unfinished: 3, Joining: 1})
				want(t, "items left", len(empty(q)), 2)
				_, is := q.TryGet()
				want(t, "TryGet of nothing", is, false)
				takes := get(g, q)
				until(t, ctx, "it waits", func() bool {
					return q.Statistics() == braid.QueueStatistics{Capacity: 2, Unfinished: 3, Getting: 1, Joining: 1}
				})
				fill(t, q, 7)
				takes.succeeds(t, ctx, "Get")
				want(t, "the item", takes.item, 7)
				for range 4 {
					q.TaskDone()
				}
				joins.succeeds(t, ctx, "Join")
				want(t, "at the end", q.Statistics(), braid.QueueStatistics{Capacity: 2})
			}
		})
	}},
	{"Queue: gives items out in the order of its kind", func(t *testing.T, ctx context.Context) {
		for _, kind := range kinds {
			q := kind.make(braid.Unbounded)
			fill(t, q, 3, 1, 2)
			for _, v := range kind.order {
				got, err := q.Get(ctx)
				ok(t, err)
				want(t, "the next item of a "+kind.name+" queue", got, v)
			}
		}
	}},
	{"Queue: without a bound it takes everything at once", func(t *testing.T, ctx context.Context) {
		q := braid.NewQueue[int](braid.Unbounded)
		want(t, "Cap", q.Cap(), braid.Unbounded)
		for i := range 5000 {
			ok(t, q.Put(ctx, i))
		}
		for i := range 5000 {
			v, err := q.Get(ctx)
			ok(t, err)
			want(t, "the item", v, i)
		}
		want(t, "Len", q.Len(), 0)
	}},
	{"Queue: with a capacity of 0 Put waits for the Get that takes the item", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			for _, kind := range kinds {
				q := kind.make(0)
				want(t, "TryPut without a Get", q.TryPut(1), false)
				calls := puts(t, ctx, g, q, 1, 2)
				want(t, "with two that put", q.Statistics(), braid.QueueStatistics{Putting: 2})
				v, is := q.TryGet()
				want(t, "TryGet", is, true)
				want(t, "the item", v, 1)
				calls[0].succeeds(t, ctx, "the first Put")
				v, err := q.Get(ctx)
				ok(t, err)
				want(t, "the item", v, 2)
				calls[1].succeeds(t, ctx, "the second Put")
				_, is = q.TryGet()
				want(t, "TryGet without a Put", is, false)
				waits := gets(t, ctx, g, q, 2)
				want(t, "TryPut to one that gets", q.TryPut(3), true)
				ok(t, q.Put(ctx, 4))
				for i, c := range waits {
					c.succeeds(t, ctx, "Get")
					want(t, "the item", c.item, 3+i)
				}
				want(t, "Len", q.Len(), 0)
			}
		})
	}},
	{"Queue: Join waits until each item has been reported done", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](5)
			ok(t, q.Join(ctx))
			fill(t, q, 1, 2)
			joins := []*call{begin(g, q.Join), begin(g, q.Join)}
			until(t, ctx, "both wait", func() bool { return q.Statistics().Joining == 2 })
			empty(q)
			q.TaskDone()
			fill(t, q, 3)
			q.TaskDone()
			pass(ctx)
			want(t, "Join has returned with an item unfinished", joins[0].ended() || joins[1].ended(), false)
			empty(q)
			q.TaskDone()
			for _, c := range joins {
				c.succeeds(t, ctx, "Join")
			}
			ok(t, q.Join(ctx))
		})
	}},
	{"Queue: a Join that is cancelled in the moment in which it would end leaves nothing behind", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](1)
			fill(t, q, 1)
			empty(q)
			c := begin(g, q.Join)
			until(t, ctx, "it waits", func() bool { return q.Statistics().Joining == 1 })
			q.TaskDone()
			c.h.Cancel(errStop)
			if err := c.result(t, ctx); err != nil && !errors.Is(err, errStop) {
				t.Errorf("Join: %v", err)
			}
			want(t, "afterwards", q.Statistics(), braid.QueueStatistics{Capacity: 1})
		})
	}},
	{"Queue: misuse panics with a text that says what to do, and changes nothing", func(t *testing.T, ctx context.Context) {
		panics(t, "NewQueue(-1)", func() { braid.NewQueue[int](-1) }, "-1", "0", "Unbounded")
		panics(t, "NewLIFO(-1)", func() { braid.NewLIFO[int](-1) }, "-1", "Unbounded")
		panics(t, "NewPriorityQueue(-1)", func() { braid.NewPriorityQueue(-1, less) }, "-1", "Unbounded")
		panics(t, "NewPriorityQueue(nil)", func() { braid.NewPriorityQueue[int](1, nil) }, "compares", "nil")
		q := braid.NewQueue[int](1)
		panics(t, "TaskDone of nothing", q.TaskDone, "TaskDone", "once for each item")
		ok(t, q.Put(ctx, 1))
		q.TaskDone()
		panics(t, "TaskDone twice", q.TaskDone, "TaskDone", "once for each item")
		want(t, "afterwards", q.Statistics(), braid.QueueStatistics{Capacity: 1, Len: 1})
		panics(t, "Shutdown(7)", func() { braid.NewQueue[int](1).Shutdown(7) }, "Shutdown(7)", "Drain or Now")
	}},
	{"Queue: All gives every item, and ends when the queue is shut down and empty", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](2)
			var items []int
			consumer := begin(g, func(ctx context.Context) error {
				for v, err := range q.All(ctx) {
					if err != nil {
						return err
					}
					items = append(items, v)
					q.TaskDone()
				}
				return nil
			})
			for i := range 5 {
				ok(t, q.Put(ctx, i))
			}
			q.Shutdown(braid.Drain)
			consumer.succeeds(t, ctx, "the loop")
			wantList(t, "the items", items, 0, 1, 2, 3, 4)
			ok(t, q.Join(ctx))
			for range q.All(ctx) {
				t.Error("a loop over a queue that is shut down and empty")
			}
		})
	}},
	{"Queue: All gives the cause once and ends when its ctx ends, and takes nothing with it", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](2)
			fill(t, q, 1)
			var items []int
			var causes []error
			consumer := begin(g, func(ctx context.Context) error {
				for v, err := range q.All(ctx) {
					if err != nil {
						causes = append(causes, err)
						continue
					}
					items = append(items, v)
				}
				return nil
			})
			until(t, ctx, "it waits", func() bool { return q.Statistics().Getting == 1 })
			consumer.h.Cancel(errStop)
			consumer.succeeds(t, ctx, "the loop")
			wantList(t, "the items", items, 1)
			wantList(t, "the causes", causes, errStop)
			fill(t, q, 2)
			for _, done := range endedContexts(ctx) {
				n := 0
				for v, err := range q.All(done) {
					n++
					want(t, "the item with a done ctx", v, 0)
					want(t, "the cause", err, errStop)
				}
				want(t, "rounds with a done ctx", n, 1)
			}
			want(t, "Len", q.Len(), 1)
		})
	}},
	{"Queue: a loop over All that breaks takes no more than it was given", func(t *testing.T, ctx context.Context) {
		q := braid.NewQueue[int](5)
		fill(t, q, 1, 2, 3)
		for v, err := range q.All(ctx) {
			ok(t, err)
			if v == 2 {
				break
			}
		}
		wantList(t, "what is left", empty(q), 3)
	}},
}
