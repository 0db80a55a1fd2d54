package loop_test

import (
	"context"
	"fmt"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/loop"
)

// Other goroutines hand functions to the loop.
func ExampleLoop_CallSoonThreadsafe() {
	_ = loop.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		l := loop.Current(ctx)
		var done braid.Event
		go l.CallSoonThreadsafe(func() {
			fmt.Println("on the loop")
			done.Set()
		})
		return done.Wait(ctx)
	})
	// Output: on the loop
}

// A portal runs tasks on the loop for goroutines outside: they may wait there, and have results.
func ExampleRun_portal() {
	visits := 0 // only tasks of the loop touch it
	_ = loop.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		portal := braid.NewPortal(g)
		done := braid.NewSemaphore(10)
		_ = done.Acquire(ctx, 10)
		for range 10 {
			go func() { // such as a handler of net/http
				defer done.Release(1)
				_ = portal.Do(context.Background(), func(ctx context.Context) error {
					before := visits
					visits = before + 1
					return braid.Yield(ctx)
				})
			}()
		}
		return done.Acquire(ctx, 10)
	})
	fmt.Println(visits)
	// Output: 10
}

// What blocks or computes runs through Offload, on a goroutine of its own. The loop goes on meanwhile.
func ExampleRun_offload() {
	_ = loop.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		lim := braid.NewLimiter("disk", 2)
		loopRan := make(chan struct{})
		g.Go(func(ctx context.Context) error {
			text, err := braid.Offload(ctx, lim, func(context.Context) (string, error) {
				<-loopRan // blocks this goroutine, and no other task
				return "back on the loop", nil
			})
			fmt.Println(text)
			return err
		})
		g.Go(func(context.Context) error {
			fmt.Println("another task runs")
			close(loopRan)
			return nil
		})
		return nil
	})
	// Output:
	// another task runs
	// back on the loop
}

// Tasks of a loop and ordinary goroutines share queues, semaphores, events and the like.
func ExampleRun_shared() {
	queue := braid.NewQueue[int](1)
	go func() {
		for i := range 3 {
			_ = queue.Put(context.Background(), i)
		}
		queue.Shutdown(braid.Drain)
	}()
	_ = loop.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		for i := range queue.All(ctx) {
			fmt.Println("got", i)
		}
		return nil
	})
	// Output:
	// got 0
	// got 1
	// got 2
}
