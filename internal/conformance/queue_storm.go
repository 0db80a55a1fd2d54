package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/braid-go/braid"
)

// ledger notes what went into a queue and what came out of it. It is guarded by a mutex of the primitives themselves,
// which is never waited for long and obeys no ctx here.
type ledger struct {
	mu      braid.Mutex
	in, out []int
}

func (l *ledger) note(ctx context.Context, list *[]int, v ...int) {
	_ = l.mu.Lock(context.WithoutCancel(ctx))
	*list = append(*list, v...)
	l.mu.Unlock()
}

// balance checks that what came out is what went in.
func (l *ledger) balance(t *testing.T, what string) {
	t.Helper()
	slices.Sort(l.in)
	slices.Sort(l.out)
	if !slices.Equal(l.in, l.out) {
		t.Errorf("%s: %v went in, %v came out", what, l.in, l.out)
	}
}

var stormCases = []testCase{
	{"Queue: a storm of cancelled Puts and Gets loses no item and doubles none", func(t *testing.T, ctx context.Context) {
		for _, kind := range kinds {
			for _, capacity := range []int{0, 1, 4, braid.Unbounded} {
				scope(t, ctx, func(ctx context.Context, g *braid.Group) {
					queueStorm(t, ctx, g, kind.make(capacity), fmt.Sprintf("%s of %d", kind.name, capacity))
				})
			}
		}
	}},
	{"Queue: a storm of cancelled Puts and Gets that ends in Shutdown loses no item and doubles none", func(t *testing.T, ctx context.Context) {
		for _, kind := range kinds {
			for _, mode := range []braid.ShutdownMode{braid.Drain, braid.Now} {
				for _, capacity := range []int{0, 1, 4} {
					scope(t, ctx, func(ctx context.Context, g *braid.Group) {
						shutdownStorm(t, ctx, g, kind.make(capacity), mode, fmt.Sprintf("%s of %d", kind.name, capacity))
					})
				}
			}
		}
	}},
	{"Queue: each producer's items come in its order through a storm of cancelled Gets", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](3)
			p := q.Producer()
			begin(g, func(ctx context.Context) error {
				defer p.Close()
				for i := range 60 {
					ok(t, p.Put(ctx, i))
					if i%3 == 0 {
						_ = braid.Yield(ctx)
					}
				}
				return nil
			})
			// One Get at a time, so that the order in which items are got is known.
			var items []int
			for over := false; !over; {
				c := get(g, q)
				if len(items)%2 == 0 {
					_ = braid.Yield(ctx)
				}
				c.h.Cancel(errStop)
				switch err := c.result(t, ctx); {
				case err == nil:
					items = append(items, c.item)
				case errors.Is(err, braid.ErrShutdown):
					over = true
				case !errors.Is(err, errStop):
					t.Errorf("Get: %v", err)
				default:
					if v, err := q.Get(ctx); err == nil {
						items = append(items, v)
					}
				}
			}
			want(t, "items", len(items), 60)
			want(t, "in order", slices.IsSorted(items), true)
		})
	}},
}

func queueStorm(t *testing.T, ctx context.Context, g *braid.Group, q *braid.Queue[int], what string) {
	t.Helper()
	var l ledger
	next := make([]int, 8)
	storm(t, ctx, g, len(next), 8, func(ctx context.Context, worker int) error {
		next[worker]++
		id := worker*1000 + next[worker]
		switch {
		case worker%2 == 0:
			err := q.Put(ctx, id)
			if err == nil {
				l.note(ctx, &l.in, id)
			}
			return err
		case id%5 == 0:
			if v, is := q.TryGet(); is {
				l.note(ctx, &l.out, v)
				q.TaskDone()
			}
			return nil
		default:
			v, err := q.Get(ctx)
			if err == nil {
				l.note(ctx, &l.out, v)
				q.TaskDone()
			}
			return err
		}
	}, alwaysCancel)
	s := q.Statistics()
	want(t, what+": waiting afterwards", s.Getting+s.Putting, 0)
	want(t, what+": unfinished afterwards", s.Unfinished, s.Len)
	l.out = append(l.out, empty(q)...)
	l.balance(t, what)
}

func shutdownStorm(t *testing.T, ctx context.Context, g *braid.Group, q *braid.Queue[int], mode braid.ShutdownMode, what string) {
	t.Helper()
	var l ledger
	end := begin(g, func(ctx context.Context) error {
		for range 12 {
			_ = braid.Yield(ctx)
		}
		l.note(ctx, &l.out, q.Shutdown(mode)...)
		return nil
	})
	next := make([]int, 8)
	storm(t, ctx, g, len(next), 5, func(ctx context.Context, worker int) error {
		next[worker]++
		id := worker*1000 + next[worker]
		var err error
		if worker%2 == 0 {
			if err = q.Put(ctx, id); err == nil {
				l.note(ctx, &l.in, id)
			}
		} else {
			var v int
			if v, err = q.Get(ctx); err == nil {
				l.note(ctx, &l.out, v)
				q.TaskDone()
			}
		}
		if errors.Is(err, braid.ErrShutdown) {
			return nil
		}
		return err
	}, alwaysCancel)
	end.succeeds(t, ctx, "the one that shuts down")
	l.out = append(l.out, empty(q)...)
	l.balance(t, what)
	isOver(t, ctx, q)
	for range q.Statistics().Unfinished { // what was left inside after a Drain
		q.TaskDone()
	}
	want(t, what+": afterwards", q.Statistics(), braid.QueueStatistics{Capacity: q.Cap(), Shutdown: true})
	ok(t, q.Join(ctx))
}
