package sim_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/sim"
)

// pair is crew for tasks that need each other: if one is cancelled, so are all.
func pair(s *sim.T, n int, fn func(ctx context.Context, i int) error) {
	err := braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
		for i := range n {
			g.Go(func(ctx context.Context) error {
				err := fn(ctx, i)
				if err != nil && s.Injected() {
					g.Cancel(sim.ErrInjected)
				}
				return err
			}, braid.Name(fmt.Sprintf("t%d", i)))
		}
		return nil
	})
	explain(s, err)
}

// passing is a queue with half the tasks on each side; nothing is lost and nothing comes twice.
func passing(newQueue func() *braid.Queue[int]) func(s *sim.T, n int) {
	return func(s *sim.T, n int) {
		q := newQueue()
		known(s, q)
		var put, got []int
		pair(s, n, func(ctx context.Context, i int) error {
			if i == 0 { // one producer of n-1 items
				for v := 1; v < n; v++ {
					if err := q.Put(ctx, v); err != nil {
						return err
					}
					put = append(put, v) // of one task alone
				}
				return nil
			}
			v, err := q.Get(ctx)
			if err != nil {
				return err
			}
			got = append(got, v) // looked at in the end
			q.TaskDone()
			return nil
		})
		left := q.Shutdown(braid.Now)
		all := slices.Concat(got, left)
		slices.Sort(all)
		if !slices.Equal(all, put) {
			s.Errorf("put %v, got %v, left %v", put, got, left)
		}
		if st := q.Statistics(); st.Getting+st.Putting+st.Joining+st.Unfinished != 0 {
			s.Errorf("afterwards: %+v", st)
		}
	}
}

func queueSubjects() []subject {
	less := func(a, b int) bool { return a < b }
	return []subject{
		{name: "Queue of one", prog: passing(func() *braid.Queue[int] { return braid.NewQueue[int](1) })},
		{name: "Queue of none", prog: passing(func() *braid.Queue[int] { return braid.NewQueue[int](0) })},
		{name: "Queue without bound", prog: passing(func() *braid.Queue[int] { return braid.NewQueue[int](braid.Unbounded) })},
		{name: "LIFO", prog: passing(func() *braid.Queue[int] { return braid.NewLIFO[int](1) })},
		{name: "PriorityQueue", prog: passing(func() *braid.Queue[int] { return braid.NewPriorityQueue(1, less) })},
		{name: "Queue.Shutdown and Join", prog: func(s *sim.T, n int) {
			q := braid.NewQueue[int](1)
			known(s, q)
			accepted, taken := 0, 0 // each of one task alone
			pair(s, n, func(ctx context.Context, i int) error {
				switch i {
				case 0:
					for range 2 {
						err := q.Put(ctx, 1)
						if errors.Is(err, braid.ErrShutdown) {
							return nil
						}
						if err != nil {
							return err
						}
						accepted++
					}
					q.Shutdown(braid.Drain)
					return nil
				case 1:
					for _, err := range q.All(ctx) {
						if err != nil {
							return err
						}
						taken++
						q.TaskDone()
					}
					return nil
				default:
					return q.Join(ctx)
				}
			})
			taken += len(q.Shutdown(braid.Now))
			if accepted != taken {
				s.Errorf("accepted %d, taken %d", accepted, taken)
			}
		}},
		{name: "Producer", prog: func(s *sim.T, n int) {
			q := braid.NewQueue[int](1)
			known(s, q)
			producers := make([]*braid.Producer[int], n-1)
			for i := range producers {
				producers[i] = q.Producer()
			}
			accepted, taken := 0, 0
			pair(s, n, func(ctx context.Context, i int) error {
				if i < n-1 {
					p := producers[i]
					defer p.Close()
					if err := p.Put(ctx, i); err != nil {
						return err
					}
					accepted++
					return nil
				}
				for _, err := range q.All(ctx) {
					if err != nil {
						return err
					}
					taken++
				}
				return nil
			})
			if taken += len(q.Shutdown(braid.Now)); accepted != taken {
				s.Errorf("accepted %d, taken %d", accepted, taken)
			}
		}},
	}
}

func TestQueues(t *testing.T) { explored(t, queueSubjects()) }
