package braid_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid"
)

// Tasks may start tasks in the group that they belong to, so a tree can be walked without knowing its size.
func ExampleGroup() {
	var nodes atomic.Int32
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		var walk func(depth int) func(context.Context) error
		walk = func(depth int) func(context.Context) error {
			return func(context.Context) error {
				nodes.Add(1)
				if depth < 4 {
					g.Go(walk(depth + 1))
					g.Go(walk(depth + 1))
				}
				return nil
			}
		}
		g.Go(walk(1))
		return nil
	})
	fmt.Println(nodes.Load(), err)
	// Output: 15 <nil>
}

// Go never blocks and its handle may be dropped: the group keeps hold of the task and of its failure.
func ExampleGroup_Go() {
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(context.Context) error { return errors.New("not lost") }, braid.Name("job"))
		return nil
	}, braid.Name("main"))
	fmt.Println(err)
	// Output: task main/job: not lost
}

// A task that was started runs, even if its group is cancelled before it gets the processor:
// its defers release what it was given. Its ctx is done then, and every call that may block says so at once.
func ExampleGroup_Go_runsOnceStarted() {
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		conn := "connection"
		g.Go(func(ctx context.Context) error {
			defer fmt.Println("closed the", conn)
			return braid.Sleep(ctx, time.Hour)
		})
		g.Cancel(nil)
		return nil
	})
	fmt.Println(err)
	// Output:
	// closed the connection
	// <nil>
}

// Limit bounds how many tasks run at a time. Admission is in the order of spawning,
// and the spawning side is not held back: tasks wait, not callers.
func ExampleLimit() {
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		for i := range 3 {
			g.Go(func(context.Context) error {
				fmt.Println("task", i)
				return nil
			})
		}
		return nil
	}, braid.Limit(1))
	fmt.Println(err)
	// Output:
	// task 0
	// task 1
	// task 2
	// <nil>
}

// A task that waits for another task of its own limited group lends its slot meanwhile.
// So recursion under a limit cannot deadlock, not even under a limit of one.
func ExampleLimit_recursion() {
	var sum func(g *braid.Group, from, to int) func(context.Context) (int, error)
	sum = func(g *braid.Group, from, to int) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			if to-from == 1 {
				return from, nil
			}
			middle := (from + to) / 2
			left := braid.Go(g, sum(g, from, middle))
			right := braid.Go(g, sum(g, middle, to))
			a, err := left.Wait(ctx)
			if err != nil {
				return 0, err
			}
			b, err := right.Wait(ctx)
			return a + b, err
		}
	}
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		total, err := braid.Go(g, sum(g, 0, 101)).Wait(ctx)
		fmt.Println(total)
		return err
	}, braid.Limit(1))
	fmt.Println(err)
	// Output:
	// 5050
	// <nil>
}

// TryGo is for work that is better left out than queued: an optional refresh, say.
func ExampleGroup_TryGo() {
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		var done braid.Event
		_, first := g.TryGo(done.Wait)
		_, second := g.TryGo(done.Wait) // the limit is reached: nothing is started, nothing is queued
		fmt.Println(first, second)
		done.Set()
		return nil
	}, braid.Limit(1))
	fmt.Println(err)
	// Output:
	// true false
	// <nil>
}

// GoWait holds back the caller until there is a slot, where Go would let the queue of tasks grow.
// It is the backpressure for a loop that spawns faster than tasks end.
func ExampleGroup_GoWait() {
	var running atomic.Int32
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		for range 100 {
			_, err := g.GoWait(ctx, func(ctx context.Context) error {
				defer running.Add(-1)
				if n := running.Add(1); n > 4 {
					return fmt.Errorf("%d tasks at a time", n)
				}
				return braid.Yield(ctx)
			})
			if err != nil {
				return err
			}
			if queued := g.Statistics().Queued; queued > 0 {
				return fmt.Errorf("%d tasks queued up", queued)
			}
		}
		return nil
	}, braid.Limit(4))
	fmt.Println(err)
	// Output: <nil>
}

// The wait for a slot obeys ctx. When it ends first, the function never runs and leaves no trace.
func ExampleGroup_GoWait_cancelled() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		var done braid.Event
		g.Go(done.Wait)
		err := braid.Timeout(ctx, time.Millisecond, func(ctx context.Context) error {
			_, err := g.GoWait(ctx, func(context.Context) error {
				fmt.Println("never printed")
				return nil
			})
			return err
		})
		fmt.Println(errors.Is(err, braid.ErrTimeout))
		done.Set()
		return nil
	}, braid.Limit(1))
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}

// Cancel ends a scope early without an error: here the first match is enough.
// The tasks that return because of it have not failed.
func ExampleGroup_Cancel() {
	found := -1
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		for i := range 10 {
			g.Go(func(ctx context.Context) error {
				if i != 7 {
					return braid.Sleep(ctx, time.Hour) // goes on searching
				}
				found = i
				g.Cancel(errors.New("found"))
				return nil
			})
		}
		return nil
	})
	fmt.Println(found, err)
	// Output: 7 <nil>
}

// Cancel never hides that the parent was cancelled too. The caller asked for that, and must hear of it.
func ExampleGroup_Cancel_parent() {
	ctx, cancel := context.WithCancelCause(context.Background())
	err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error { return braid.Sleep(ctx, time.Hour) })
		cancel(errors.New("the service stops"))
		g.Cancel(errors.New("enough"))
		return nil
	})
	fmt.Println(err)
	// Output: the service stops
}

// What still waits for a slot when the group is cancelled never runs.
// Its handle says so, and OnNotStarted is told of it, for instance to hand the job to somebody else.
func ExampleOnNotStarted() {
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error { return braid.Sleep(ctx, time.Hour) }, braid.Name("a"))
		g.Go(func(context.Context) error { return nil }, braid.Name("b"))
		c := g.Go(func(context.Context) error { return nil }, braid.Name("c"))
		g.Cancel(nil)
		err, ended := c.Err()
		fmt.Println(c.State(), ended, errors.Is(err, braid.ErrNotStarted))
		return nil
	}, braid.Limit(1), braid.OnNotStarted(func(h *braid.Handle) {
		fmt.Println("give back", h.Name())
	}))
	fmt.Println(err)
	// Output:
	// not started true true
	// give back b
	// give back c
	// <nil>
}

// Statistics is a snapshot for dashboards and tests.
func ExampleGroup_Statistics() {
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		var done braid.Event
		for range 5 {
			g.Go(done.Wait)
		}
		fmt.Printf("%+v\n", g.Statistics())
		done.Set()
		return nil
	}, braid.Limit(2))
	fmt.Println(err)
	// Output:
	// {Limit:2 Running:2 Queued:3 NotStarted:0 Failures:0 Cancelled:false}
	// <nil>
}
