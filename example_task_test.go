package braid_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/braid-go/braid"
)

// Go returns a handle with the type of the result. No index slots, no captured variables.
func ExampleGo() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		name := braid.Go(g, func(context.Context) (string, error) { return "Ada", nil })
		year := braid.Go(g, func(context.Context) (int, error) { return 1815, nil })

		n, err := name.Wait(ctx)
		if err != nil {
			return err
		}
		y, err := year.Wait(ctx)
		if err != nil {
			return err
		}
		fmt.Println(n, y)
		return nil
	})
	fmt.Println(err)
	// Output:
	// Ada 1815
	// <nil>
}

// The ctx of Wait ends the wait and nothing else: the task goes on, and its result can still be had.
func ExampleTask_Wait() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		var release braid.Event
		slow := braid.Go(g, func(ctx context.Context) (string, error) {
			return "late but right", release.Wait(ctx)
		})
		err := braid.Timeout(ctx, time.Millisecond, func(ctx context.Context) error {
			_, err := slow.Wait(ctx)
			return err
		})
		fmt.Println(errors.Is(err, braid.ErrTimeout), slow.State())

		release.Set()
		v, err := slow.Wait(ctx)
		fmt.Println(v, slow.State())
		return err
	})
	fmt.Println(err)
	// Output:
	// true running
	// late but right succeeded
	// <nil>
}

// Result does not wait and takes no ctx. It is for code that knows that the task has ended,
// such as a defer that runs under a ctx that is done.
func ExampleTask_Result() {
	var square *braid.Task[int]
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		var release braid.Event
		square = braid.Go(g, func(ctx context.Context) (int, error) { return 7 * 7, release.Wait(ctx) })
		_, err := square.Result()
		fmt.Println(errors.Is(err, braid.ErrNotFinished))
		release.Set()
		return nil
	})
	fmt.Println(err)
	fmt.Println(square.Result())
	// Output:
	// true
	// <nil>
	// 49 <nil>
}

// A handle is also a task that gives no value: Task is a Handle with a result.
func ExampleTask() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		copied := braid.Go(g, func(context.Context) (int64, error) { return 4096, nil }, braid.Name("copy"))
		closed := g.Go(func(context.Context) error { return nil }, braid.Name("close"))
		for _, h := range []*braid.Handle{&copied.Handle, closed} {
			if err := h.Wait(ctx); err != nil {
				return err
			}
			fmt.Println(h.Name(), h.State())
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// copy succeeded
	// close succeeded
	// <nil>
}

// Cancel ends one task. The others go on, and the group has not failed, because the task did what it was told.
func ExampleHandle_Cancel() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		watch := g.Go(func(ctx context.Context) error { return braid.Sleep(ctx, time.Hour) })
		other := g.Go(func(context.Context) error { return nil })

		watch.Cancel(errors.New("nobody watches any more"))
		fmt.Println(watch.Wait(ctx), "-", watch.State())
		fmt.Println(other.Wait(ctx), "-", other.State())
		return nil
	})
	fmt.Println(err)
	// Output:
	// nobody watches any more - cancelled
	// <nil> - succeeded
	// <nil>
}

// Wait gives the failure with the name of the task around it. KeepGoing, as the body's ctx would end with the failure.
func ExampleHandle_Wait() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		h := g.Go(func(context.Context) error { return errors.New("disk full") }, braid.Name("save"))
		fmt.Println(h.Wait(ctx))
		return nil
	}, braid.Name("main"), braid.KeepGoing())
	fmt.Println(err)
	// Output:
	// task main/save: disk full
	// task main/save: disk full
}

// A call that may block looks at its ctx before all else: Wait under a ctx that is done gives the cause,
// even if the task has ended. What must not depend on ctx has another name: Err, Result.
func ExampleHandle_Wait_ctxFirst() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		h := g.Go(func(context.Context) error { return nil })
		if err := h.Wait(ctx); err != nil {
			return err
		}
		over, cancel := context.WithCancelCause(ctx)
		cancel(errors.New("too late"))
		fmt.Println(h.Wait(over))
		fmt.Println(h.Err())
		return nil
	})
	fmt.Println(err)
	// Output:
	// too late
	// <nil> true
	// <nil>
}

// A task that waits for itself would wait for ever. It gets an error instead.
func ExampleHandle_Wait_self() {
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			err := braid.Current(ctx).Wait(ctx)
			fmt.Println(errors.Is(err, braid.ErrSelfDeadlock))
			return nil
		})
		return nil
	})
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}

// Done is a channel, for a select beside channels that are not braid's.
func ExampleHandle_Done() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		news := make(chan string, 1)
		h := g.Go(func(context.Context) error { return nil })
		select {
		case <-h.Done():
			fmt.Println("the task has ended")
		case n := <-news:
			fmt.Println(n)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// the task has ended
	// <nil>
}

// Err says how a task ended and whether it has, without a ctx and without waiting.
func ExampleHandle_Err() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		var release braid.Event
		h := g.Go(release.Wait)
		fmt.Println(h.Err())
		release.Set()
		err := h.Wait(ctx)
		fmt.Println(h.Err())
		return err
	})
	fmt.Println(err)
	// Output:
	// <nil> false
	// <nil> true
	// <nil>
}

// State tells at a glance what became of each task.
func ExampleState() {
	tasks := make(map[string]*braid.Handle)
	_ = braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		start := func(name string, fn func(context.Context) error) { tasks[name] = g.Go(fn, braid.Name(name)) }
		start("copy", func(context.Context) error { return nil })
		start("parse", func(context.Context) error { return errors.New("no header") })
		start("watch", func(ctx context.Context) error { return braid.Sleep(ctx, time.Hour) })
		start("draw", func(context.Context) error { panic("no canvas") }) // cancels the group
		start("print", func(context.Context) error { return nil })

		for tasks["watch"].Waiting() == "" { // until it is its turn
			if err := braid.Yield(ctx); err != nil {
				return err
			}
		}
		fmt.Println(tasks["watch"].State() == braid.Running, tasks["draw"].State() == braid.Queued)
		tasks["watch"].Cancel(nil)
		return nil
	}, braid.Limit(1), braid.KeepGoing(), braid.OnPanic(braid.AsError), braid.PanicHook(func(*braid.PanicError) {}))

	final := []braid.State{braid.Succeeded, braid.Failed, braid.Cancelled, braid.Panicked, braid.NotStarted}
	for i, name := range []string{"copy", "parse", "watch", "draw", "print"} {
		fmt.Println(name, tasks[name].State(), tasks[name].State() == final[i], final[i].Ended())
	}
	// Output:
	// true true
	// copy succeeded true true
	// parse failed true true
	// watch cancelled true true
	// draw panicked true true
	// print not started true true
}

// Waiting says what a task waits on, which is what one wants to know of a task that does not end.
// Primitives that have a name are named.
func ExampleHandle_Waiting() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		jobs := braid.NewQueue[int](1)
		jobs.SetName("jobs")
		worker := g.Go(func(ctx context.Context) error {
			_, err := jobs.Get(ctx)
			return err
		})
		for worker.Waiting() == "" { // until it has come so far
			if err := braid.Yield(ctx); err != nil {
				return err
			}
		}
		fmt.Println(worker.Waiting())
		return jobs.Put(ctx, 1)
	})
	fmt.Println(err)
	// Output:
	// queue.Get jobs
	// <nil>
}

// Age counts from the start of the task, not from the time when it was queued.
func ExampleHandle_Age() {
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		var release braid.Event
		g.Go(release.Wait)
		queued := g.Go(func(ctx context.Context) error {
			fmt.Println("running:", braid.Current(ctx).Age() > 0)
			return nil
		})
		fmt.Println("queued:", queued.Age())
		release.Set()
		return nil
	}, braid.Limit(1))
	fmt.Println(err)
	// Output:
	// queued: 0s
	// running: true
	// <nil>
}

// TaskTimeout bounds one task. It fails like any other task then, and names itself.
func ExampleTaskTimeout() {
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error { return braid.Sleep(ctx, time.Hour) },
			braid.Name("report"), braid.TaskTimeout(time.Millisecond))
		return nil
	}, braid.Name("main"))
	fmt.Println(err)
	fmt.Println(errors.Is(err, braid.ErrTimeout), errors.Is(err, context.DeadlineExceeded))
	// Output:
	// task main/report: braid: timeout of 1ms ran out in task main/report
	// true true
}
