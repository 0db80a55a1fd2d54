package braid_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/braid-go/braid"
)

// A graceful shutdown: when the ctx of the program ends, nothing new is taken in, what is in hand is finished,
// background tasks end, and what is not done by the end of the grace is reported by name.
//
// A program takes the ctx from signal.NotifyContext.
func ExampleGrace_shutdown() {
	stop, signal := context.WithCancelCause(context.Background())
	requests := braid.NewQueue[string](10)

	// A worker stays on under a shield until the queue is empty; the shield's limit is within the grace.
	worker := func(ctx context.Context) error {
		return braid.Shield(ctx, 5*time.Second, func(ctx context.Context) error {
			for r, err := range requests.All(ctx) {
				if err != nil {
					return err
				}
				fmt.Println("answered", r)
				if r == "first" {
					signal(errors.New("SIGTERM"))
				}
			}
			return nil
		})
	}
	heartbeat := func(ctx context.Context) error {
		defer fmt.Println("heartbeat ended")
		return braid.Every(ctx, time.Minute, func(context.Context) error { return nil })
	}

	err := braid.Run(stop, func(ctx context.Context, g *braid.Group) error {
		beat := g.Go(heartbeat, braid.Name("heartbeat"))
		for _, r := range []string{"first", "second", "third"} {
			if err := requests.Put(ctx, r); err != nil {
				return err
			}
		}
		work := g.Go(worker, braid.Name("worker"))

		<-ctx.Done()
		last := context.WithoutCancel(ctx) // Grace bounds what follows
		if err := beat.Wait(last); !errors.Is(err, context.Cause(ctx)) {
			return err
		}
		requests.Shutdown(braid.Drain)
		fmt.Println("stopping:", requests.Put(last, "fourth"))
		if err := work.Wait(last); err != nil {
			return err
		}
		return context.Cause(ctx)
	}, braid.Name("server"), braid.Grace(10*time.Second))

	fmt.Println("ended because of", err)
	// Unordered output:
	// answered first
	// heartbeat ended
	// stopping: braid: the queue has been shut down
	// answered second
	// answered third
	// ended because of SIGTERM
}
