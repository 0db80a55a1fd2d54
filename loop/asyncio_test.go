package loop_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/loop"
)

// The examples of asyncio's documentation, translated line by line, print on the loop what they print under CPython.
// Each expected text is the output of the Python original, run under CPython 3.13; seconds are milliseconds there and here.
// See asyncio_more_test.go for the examples of primitives and of the loop's own calls.

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }

func sayAfter(ctx context.Context, p *printed, delay float64, what string) error {
	if err := braid.Sleep(ctx, seconds(delay)); err != nil {
		return err
	}
	p.println(what)
	return nil
}

// "Coroutines": two awaits, one after the other.
func TestAsyncioSequentialAwaits(t *testing.T) {
	var p printed
	bubble(t, func(ctx context.Context, _ *braid.Group) error {
		p.println("started")
		if err := sayAfter(ctx, &p, 1, "hello"); err != nil {
			return err
		}
		if err := sayAfter(ctx, &p, 2, "world"); err != nil {
			return err
		}
		p.println("finished")
		return nil
	})
	p.check(t, "started\nhello\nworld\nfinished")
}

// "Coroutines": asyncio.create_task and an await on each task.
func TestAsyncioCreateTask(t *testing.T) {
	var p printed
	bubble(t, func(ctx context.Context, g *braid.Group) error {
		task1 := g.Go(func(ctx context.Context) error { return sayAfter(ctx, &p, 1, "hello") })
		task2 := g.Go(func(ctx context.Context) error { return sayAfter(ctx, &p, 2, "world") })
		p.println("started")
		if err := errors.Join(task1.Wait(ctx), task2.Wait(ctx)); err != nil {
			return err
		}
		p.println("finished")
		return nil
	})
	p.check(t, "started\nhello\nworld\nfinished")
}

// "Coroutines": asyncio.TaskGroup.
func TestAsyncioTaskGroup(t *testing.T) {
	var p printed
	bubble(t, func(ctx context.Context, _ *braid.Group) error {
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error { return sayAfter(ctx, &p, 1, "hello") })
			g.Go(func(ctx context.Context) error { return sayAfter(ctx, &p, 2, "world") })
			p.println("started")
			return nil
		})
		p.println("finished")
		return err
	})
	p.check(t, "started\nhello\nworld\nfinished")
}

// "Running Tasks Concurrently": the factorials.
func TestAsyncioGatherFactorials(t *testing.T) {
	var p printed
	factorial := func(name string, number int) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			f := 1
			for i := 2; i <= number; i++ {
				p.println(fmt.Sprintf("Task %s: Compute factorial(%d), currently i=%d...", name, number, i))
				if err := braid.Sleep(ctx, seconds(1)); err != nil {
					return 0, err
				}
				f *= i
			}
			p.println(fmt.Sprintf("Task %s: factorial(%d) = %d", name, number, f))
			return f, nil
		}
	}
	bubble(t, func(ctx context.Context, _ *braid.Group) error {
		all, err := braid.Gather(ctx, factorial("A", 2), factorial("B", 3), factorial("C", 4))
		p.println(all)
		return err
	})
	p.check(t, `
Task A: Compute factorial(2), currently i=2...
Task B: Compute factorial(3), currently i=2...
Task C: Compute factorial(4), currently i=2...
Task A: factorial(2) = 2
Task B: Compute factorial(3), currently i=3...
Task C: Compute factorial(4), currently i=3...
Task B: factorial(3) = 6
Task C: Compute factorial(4), currently i=4...
Task C: factorial(4) = 24
[2 6 24]`)
}

// "Timeouts": asyncio.timeout around a long operation.
func TestAsyncioTimeout(t *testing.T) {
	var p printed
	bubble(t, func(ctx context.Context, _ *braid.Group) error {
		err := braid.Timeout(ctx, seconds(10), func(ctx context.Context) error { return braid.Sleep(ctx, time.Hour) })
		if errors.Is(err, braid.ErrTimeout) {
			p.println("The long operation timed out, but we've handled it.")
		}
		p.println("This statement will run regardless.")
		return nil
	})
	p.check(t, "The long operation timed out, but we've handled it.\nThis statement will run regardless.")
}

// "Timeouts": asyncio.wait_for with a coroutine that takes an hour.
func TestAsyncioWaitFor(t *testing.T) {
	var p printed
	bubble(t, func(ctx context.Context, _ *braid.Group) error {
		eternity := func(ctx context.Context) error {
			if err := braid.Sleep(ctx, time.Hour); err != nil {
				return err
			}
			p.println("yay!")
			return nil
		}
		if err := braid.Timeout(ctx, seconds(1), eternity); errors.Is(err, braid.ErrTimeout) {
			p.println("timeout!")
		}
		return nil
	})
	p.check(t, "timeout!")
}

// "Waiting Primitives": asyncio.as_completed gives results as they come.
func TestAsyncioAsCompleted(t *testing.T) {
	var p printed
	after := func(n float64) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) { return n, braid.Sleep(ctx, seconds(n)) }
	}
	bubble(t, func(ctx context.Context, _ *braid.Group) error {
		for n, err := range braid.AsCompleted(ctx, after(3), after(1), after(2)) {
			if err != nil {
				return err
			}
			p.println(n)
		}
		return nil
	})
	p.check(t, "1\n2\n3")
}

// "Running in Threads": asyncio.to_thread beside asyncio.sleep. The blocking call is on a goroutine of its own.
func TestAsyncioToThread(t *testing.T) {
	var p printed
	bubble(t, func(ctx context.Context, _ *braid.Group) error {
		threads := braid.NewLimiter("threads", 4)
		p.println("started main")
		_, err := braid.Gather(ctx, func(ctx context.Context) (any, error) {
			return braid.Offload(ctx, threads, func(context.Context) (any, error) {
				p.println("start blocking_io")
				<-time.After(seconds(1)) // blocks its goroutine, and the loop goes on
				p.println("blocking_io complete")
				return nil, nil
			})
		}, func(ctx context.Context) (any, error) { return nil, braid.Sleep(ctx, seconds(2)) })
		p.println("finished main")
		return err
	})
	p.check(t, "started main\nstart blocking_io\n"+"blocking_io complete\nfinished main")
}

// "Task Object": a task is cancelled and cleans up.
func TestAsyncioCancel(t *testing.T) {
	var p printed
	cancelMe := func(ctx context.Context) error {
		p.println("cancel_me(): before sleep")
		defer p.println("cancel_me(): after sleep")
		err := braid.Sleep(ctx, time.Hour)
		if err != nil {
			p.println("cancel_me(): cancel sleep")
		}
		return err
	}
	bubble(t, func(ctx context.Context, g *braid.Group) error {
		task := g.Go(cancelMe)
		if err := braid.Sleep(ctx, seconds(1)); err != nil {
			return err
		}
		task.Cancel(nil)
		if err := task.Wait(ctx); err != nil && task.State() == braid.Cancelled {
			p.println("main(): cancel_me is cancelled now")
		}
		return nil
	})
	p.check(t, "cancel_me(): before sleep\ncancel_me(): cancel sleep\ncancel_me(): after sleep\nmain(): cancel_me is cancelled now")
}

// "Shielding From Cancellation": who waits is cancelled, and what it waits for goes on.
func TestAsyncioShield(t *testing.T) {
	var p printed
	bubble(t, func(ctx context.Context, g *braid.Group) error {
		work := g.Go(func(ctx context.Context) error {
			err := braid.Sleep(ctx, seconds(2))
			p.println("work done")
			return err
		})
		outer := g.Go(func(ctx context.Context) error {
			err := work.Wait(ctx)
			if err != nil {
				p.println("outer cancelled")
			}
			return err
		})
		if err := braid.Sleep(ctx, seconds(1)); err != nil {
			return err
		}
		outer.Cancel(nil)
		return work.Wait(ctx)
	})
	p.check(t, "outer cancelled\nwork done")
}

// "Eager Task Factory": children run before create_task returns.
func TestAsyncioEagerTaskFactory(t *testing.T) {
	children := func(p *printed) func(ctx context.Context, g *braid.Group) error {
		return func(ctx context.Context, _ *braid.Group) error {
			err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				for i := range 3 {
					g.Go(func(ctx context.Context) error {
						p.println("child", i, "starts")
						err := braid.Yield(ctx)
						p.println("child", i, "ends")
						return err
					})
					p.println("created", i)
				}
				p.println("body ends")
				return nil
			})
			p.println("group ends")
			return err
		}
	}
	var eager, plain printed
	bubble(t, children(&eager), loop.Eager())
	eager.check(t, `
child 0 starts
created 0
child 1 starts
created 1
child 2 starts
created 2
body ends
child 0 ends
child 1 ends
child 2 ends
group ends`)
	bubble(t, children(&plain))
	plain.check(t, `
created 0
created 1
created 2
body ends
child 0 starts
child 1 starts
child 2 starts
child 0 ends
child 1 ends
child 2 ends
group ends`)
}
