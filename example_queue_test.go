package braid_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/braid-go/braid"
)

// A worker pool over a queue. The capacity is the backpressure: Put waits while ten jobs lie there.
// Shutdown(Drain) ends the workers' loops when the queue is empty; there is no sentinel and no channel to close twice.
func ExampleQueue() {
	var sums [3]int
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		jobs := braid.NewQueue[int](10)
		for i := range sums {
			g.Go(func(ctx context.Context) error {
				for n, err := range jobs.All(ctx) {
					if err != nil {
						return err
					}
					sums[i] += n
				}
				return nil
			}, braid.Name(fmt.Sprintf("worker-%d", i)))
		}
		for n := range 100 {
			if err := jobs.Put(ctx, n); err != nil {
				return err
			}
		}
		jobs.Shutdown(braid.Drain)
		return nil
	})
	fmt.Println(sums[0]+sums[1]+sums[2], err)
	// Output: 4950 <nil>
}

// A worker pool as asyncio's documentation has it: workers that never end, TaskDone for each item,
// and Join to know when everything is worked off. Here the group is cancelled then.
func ExampleQueue_Join() {
	jobs := braid.NewQueue[int](5)
	results := braid.NewQueue[int](braid.Unbounded)
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		for range 3 {
			g.Go(func(ctx context.Context) error {
				for {
					n, err := jobs.Get(ctx)
					if err != nil {
						return err
					}
					if err := results.Put(ctx, n*n); err != nil {
						return err
					}
					jobs.TaskDone()
				}
			})
		}
		for n := range 20 {
			if err := jobs.Put(ctx, n); err != nil {
				return err
			}
		}
		if err := jobs.Join(ctx); err != nil {
			return err
		}
		g.Cancel(errors.New("all done"))
		return nil
	})
	fmt.Println(results.Len(), err)
	// Output: 20 <nil>
}

// TaskDone more often than items came in is a mistake in the program, and is told at once.
func ExampleQueue_TaskDone() {
	defer func() { fmt.Println(recover()) }()
	braid.NewQueue[int](1).TaskDone()
	// Output: braid: Queue.TaskDone called more often than there were items: call it once for each item that Get returned
}

// First in, first out, up to a capacity that must be given. Unbounded is one that has to be asked for.
func ExampleNewQueue() {
	q := braid.NewQueue[string](2)
	fmt.Println(q.TryPut("a"), q.TryPut("b"), q.TryPut("c"))
	fmt.Println(q.Len(), q.Cap())
	v, ok := q.TryGet()
	fmt.Println(v, ok)
	// Output:
	// true true false
	// 2 2
	// a true
}

// With a capacity of zero a Put returns when a Get has taken its item: both know that the other was there.
func ExampleNewQueue_handover() {
	q := braid.NewQueue[string](0)
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error { return q.Put(ctx, "baton") })
		v, err := q.Get(ctx)
		fmt.Println(v)
		return err
	})
	fmt.Println(err)
	// Output:
	// baton
	// <nil>
}

// Last in, first out: for work where the newest item counts most.
func ExampleNewLIFO() {
	q := braid.NewLIFO[int](3)
	for i := range 3 {
		q.TryPut(i)
	}
	fmt.Println(q.Shutdown(braid.Now))
	// Output: [2 1 0]
}

// The smallest item comes first, and among equal ones the one that was put first.
func ExampleNewPriorityQueue() {
	type job struct {
		priority int
		name     string
	}
	q := braid.NewPriorityQueue(10, func(a, b job) bool { return a.priority < b.priority })
	for _, j := range []job{{2, "sweep"}, {1, "answer"}, {3, "archive"}, {1, "log"}} {
		q.TryPut(j)
	}
	q.Shutdown(braid.Drain)
	for j, err := range q.All(context.Background()) {
		fmt.Println(j.priority, j.name, err)
	}
	// Output:
	// 1 answer <nil>
	// 1 log <nil>
	// 2 sweep <nil>
	// 3 archive <nil>
}

// Put waits for room, and a cancelled Put has put nothing.
func ExampleQueue_Put() {
	q := braid.NewQueue[string](1)
	ctx := context.Background()
	fmt.Println(q.Put(ctx, "one"))
	err := braid.Timeout(ctx, time.Millisecond, func(ctx context.Context) error { return q.Put(ctx, "two") })
	fmt.Println(errors.Is(err, braid.ErrTimeout), q.Len())
	// Output:
	// <nil>
	// true 1
}

// Get waits for an item, and a cancelled Get has taken none: nothing is lost by a timeout.
func ExampleQueue_Get() {
	q := braid.NewQueue[string](1)
	ctx := context.Background()
	err := braid.Timeout(ctx, time.Millisecond, func(ctx context.Context) error {
		_, err := q.Get(ctx)
		return err
	})
	fmt.Println(errors.Is(err, braid.ErrTimeout))
	fmt.Println(q.Put(ctx, "late"))
	fmt.Println(q.Get(ctx))
	// Output:
	// true
	// <nil>
	// late <nil>
}

// Drain lets what is inside be worked off. Nothing new comes in.
func ExampleQueue_Shutdown() {
	q := braid.NewQueue[int](10)
	ctx := context.Background()
	fmt.Println(q.Put(ctx, 1), q.Put(ctx, 2))
	q.Shutdown(braid.Drain)
	fmt.Println(q.Put(ctx, 3))
	for range 3 {
		fmt.Println(q.Get(ctx))
	}
	// Output:
	// <nil> <nil>
	// braid: the queue has been shut down
	// 1 <nil>
	// 2 <nil>
	// 0 braid: the queue has been shut down
}

// Now takes out what is inside and returns it, so that it can be stored or handed on. Nothing vanishes,
// and Join waits only for what workers have in hand.
func ExampleShutdownMode() {
	q := braid.NewQueue[string](10)
	ctx := context.Background()
	for _, s := range []string{"a", "b", "c"} {
		q.TryPut(s)
	}
	inHand, err := q.Get(ctx)
	fmt.Println(inHand, err)
	fmt.Println("left over:", q.Shutdown(braid.Now))
	q.TaskDone() // for a
	fmt.Println(q.Join(ctx))
	_, err = q.Get(ctx)
	fmt.Println(errors.Is(err, braid.ErrShutdown))
	// Output:
	// a <nil>
	// left over: [b c]
	// <nil>
	// true
}

// All ends when the queue was shut down and is empty. If the ctx ends first, the loop gets the cause, once.
func ExampleQueue_All() {
	q := braid.NewQueue[int](10)
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	q.TryPut(1)
	for n, err := range q.All(ctx) {
		fmt.Println(n, err)
		cancel(errors.New("the service stops"))
	}
	// Output:
	// 1 <nil>
	// 0 the service stops
}

// Statistics is a snapshot: how full, how much unfinished, who waits.
func ExampleQueue_Statistics() {
	q := braid.NewQueue[int](10)
	q.SetName("jobs")
	q.TryPut(1)
	q.TryPut(2)
	if _, ok := q.TryGet(); !ok {
		fmt.Println("empty")
	}
	fmt.Printf("%s %+v\n", q.Name(), q.Statistics())
	// Output: jobs {Capacity:10 Len:1 Unfinished:2 Getting:0 Putting:0 Joining:0 Producers:0 Shutdown:false}
}

// Each producer closes its own end. The queue is shut down when the last one has,
// so no producer needs to know of the others, and none can cut them off.
func ExampleProducer() {
	q := braid.NewQueue[string](1)
	sum := 0
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		for range 3 {
			p := q.Producer() // all of them before the first may close
			g.Go(func(ctx context.Context) error {
				defer p.Close()
				for range 10 {
					if err := p.Put(ctx, "x"); err != nil {
						return err
					}
				}
				return nil
			})
		}
		for s, err := range q.All(ctx) { // ends with the last producer
			if err != nil {
				return err
			}
			sum += len(s)
		}
		return nil
	})
	fmt.Println(sum, err)
	// Output: 30 <nil>
}

// A closed producer puts no more, though others may.
func ExampleProducer_Close() {
	q := braid.NewQueue[int](10)
	a, b := q.Producer(), q.Producer()
	ctx := context.Background()
	a.Close()
	a.Close() // does nothing
	fmt.Println(errors.Is(a.Put(ctx, 1), braid.ErrShutdown), b.Put(ctx, 2))
	b.Close()
	fmt.Println(q.Statistics().Shutdown, q.Len())
	// Output:
	// true <nil>
	// true 1
}
