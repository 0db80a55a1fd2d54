package braid_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/braid-go/braid"
)

// Run returns when body and tasks have ended. What they wrote can then be read without a lock.
func ExampleRun() {
	var a, b int
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(context.Context) error { a = 40; return nil })
		g.Go(func(context.Context) error { b = 2; return nil })
		return nil // the body may return early: Run waits for the tasks
	})
	fmt.Println(a+b, err)
	// Output: 42 <nil>
}

// A task that fails ends its siblings and the body, which is a member of the scope like them.
// So a body that waits for something cannot be left waiting for a task that is gone.
func ExampleRun_taskFails() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			<-ctx.Done()
			fmt.Println("reader stops because of:", context.Cause(ctx))
			return ctx.Err() // its own cancellation: not a failure, not in Run's error
		}, braid.Name("reader"))
		g.Go(func(context.Context) error { return errors.New("disk full") }, braid.Name("writer"))

		return braid.Sleep(ctx, time.Hour)
	}, braid.Name("backup"))
	fmt.Println("Run:", err)
	// Output:
	// reader stops because of: task backup/writer: disk full
	// Run: task backup/writer: disk full
}

// The body's error ends the tasks, and Run still waits for them.
func ExampleRun_bodyFails() {
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			defer fmt.Println("task cleaned up")
			return braid.Sleep(ctx, time.Hour)
		})
		return errors.New("no configuration")
	}, braid.Name("main"))
	fmt.Println(err)
	// Output:
	// task cleaned up
	// task main: no configuration
}

// When the ctx given to Run ends and nothing has failed, Run returns the cause itself, not a group error:
// being cancelled is no failure of the scope.
func ExampleRun_cancelled() {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error { return braid.Sleep(ctx, time.Hour) })
		cancel(errors.New("the client has left"))
		return nil
	})
	fmt.Println(err)
	// Output: the client has left
}

// A scope whose members all did their work is a success, even if its ctx ended meanwhile: the work is done.
func ExampleRun_succeededAnyway() {
	ctx, cancel := context.WithCancel(context.Background())
	err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
		g.Go(func(context.Context) error {
			cancel()
			return nil // did its work and does not mind
		})
		return nil
	})
	fmt.Println(err, ctx.Err())
	// Output: <nil> context canceled
}

// Run looks at ctx first, as every call that may block: under a ctx that is done, the body is not entered.
func ExampleRun_doneContext() {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("shutting down"))
	err := braid.Run(ctx, func(context.Context, *braid.Group) error {
		fmt.Println("never printed")
		return nil
	})
	fmt.Println(err)
	// Output: shutting down
}

// Scopes nest. What fails in an inner scope is an error of the task that runs it,
// and that task decides whether it goes further up: here one bad shop does not end the tour.
func ExampleRun_nested() {
	visit := func(ctx context.Context, shop string) error {
		return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			g.Go(func(context.Context) error {
				if shop == "bakery" {
					return errors.New("closed")
				}
				return nil
			}, braid.Name("buy"))
			return nil
		}, braid.Name(shop))
	}
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			for _, shop := range []string{"bakery", "butcher"} {
				if err := visit(ctx, shop); err != nil {
					fmt.Println("skipped:", err)
				}
			}
			return nil
		}, braid.Name("tour"))
		return nil
	}, braid.Name("main"))
	fmt.Println(err)
	// Output:
	// skipped: task main/tour/bakery/buy: closed
	// <nil>
}

// With KeepGoing a failure ends nobody else: all tasks come to their own end, and all failures are reported.
// It is for work whose parts have nothing to do with each other.
func ExampleKeepGoing() {
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		for _, city := range []string{"Rome", "Atlantis", "Oslo", "Eldorado"} {
			g.Go(func(context.Context) error {
				if city == "Atlantis" || city == "Eldorado" {
					return errors.New("not on the map")
				}
				return nil
			}, braid.Name(city))
		}
		return nil
	}, braid.Name("trip"), braid.KeepGoing(), braid.Limit(1)) // a limit of one, so that this output is in order
	fmt.Println(err)
	// Output: 2 failures: task trip/Atlantis: not on the map; task trip/Eldorado: not on the map
}
