package braid_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/braid-go/braid"
)

// Sleep ends with its ctx, and says why. time.Sleep would keep a shutdown waiting.
func ExampleSleep() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		h := g.Go(func(ctx context.Context) error { return braid.Sleep(ctx, time.Hour) })
		h.Cancel(errors.New("wake up"))
		fmt.Println(h.Wait(ctx))
		return nil
	})
	fmt.Println(err)
	// Output:
	// wake up
	// <nil>
}

// Every is a periodic task: a heartbeat, a refresh. It ends when its function fails or its ctx ends.
// Calls do not overlap and do not drift.
func ExampleEvery() {
	errEnough := errors.New("enough")
	beats := 0
	err := braid.Every(context.Background(), time.Millisecond, func(context.Context) error {
		if beats++; beats == 3 {
			return errEnough
		}
		return nil
	})
	fmt.Println(beats, err)
	// Output: 3 enough
}

// As a task of a group, a periodic job needs no stop function: it ends with its scope.
func ExampleEvery_heartbeat() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		var beat braid.Event
		g.Go(func(ctx context.Context) error {
			return braid.Every(ctx, time.Millisecond, func(context.Context) error {
				beat.Set()
				return nil
			})
		}, braid.Name("heartbeat"))
		if err := beat.Wait(ctx); err != nil {
			return err
		}
		fmt.Println("alive")
		g.Cancel(nil)
		return nil
	})
	fmt.Println(err)
	// Output:
	// alive
	// <nil>
}

// Yield makes a long computation a good neighbour, and a place where it can be cancelled.
func ExampleYield() {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	for n := 0; ; n++ {
		if err := braid.Yield(ctx); err != nil {
			fmt.Println(n, err)
			return
		}
		if n == 2 {
			cancel(errors.New("no longer needed"))
		}
	}
	// Output: 3 no longer needed
}

// Time reads the clock that Sleep, Timeout and Deadline go by. With goroutines that is time.Now.
func ExampleTime() {
	ctx := context.Background()
	start := braid.Time(ctx)
	err := braid.Sleep(ctx, time.Millisecond)
	fmt.Println(braid.Time(ctx).Sub(start) >= time.Millisecond, err)
	// Output: true <nil>
}
