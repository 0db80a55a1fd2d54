package braid_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/braid-go/braid"
)

// A condition variable waits for a change of state that a Mutex guards. WaitFor has the loop built in
// that is easily forgotten: a notification says "look again", not "it is so".
func ExampleCond() {
	var mu braid.Mutex
	changed := braid.NewCond(&mu)
	stock := 0

	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			if err := mu.Lock(ctx); err != nil {
				return err
			}
			defer mu.Unlock()
			if err := changed.WaitFor(ctx, func() bool { return stock >= 3 }); err != nil {
				return err
			}
			stock -= 3
			fmt.Println("packed a box of three")
			return nil
		})
		for range 4 {
			if err := mu.Lock(ctx); err != nil {
				return err
			}
			stock++
			changed.NotifyAll()
			mu.Unlock()
		}
		return nil
	})
	fmt.Println(stock, err)
	// Output:
	// packed a box of three
	// 1 <nil>
}

// Wait gives up the mutex while it waits, and holds it again whenever it returns, also when it was cancelled.
func ExampleCond_Wait() {
	var mu braid.Mutex
	cond := braid.NewCond(&mu)
	ctx := context.Background()

	fmt.Println(mu.Lock(ctx))
	err := braid.Timeout(ctx, time.Millisecond, cond.Wait) // nobody notifies
	fmt.Println(errors.Is(err, braid.ErrTimeout), mu.Statistics().Locked)
	mu.Unlock()
	// Output:
	// <nil>
	// true true
}

// Notify wakes those first that came first.
func ExampleCond_Notify() {
	var mu braid.Mutex
	cond := braid.NewCond(&mu)
	cond.SetName("news")
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		for i := range 3 {
			g.Go(func(ctx context.Context) error {
				if err := mu.Lock(ctx); err != nil {
					return err
				}
				defer mu.Unlock()
				err := cond.Wait(ctx)
				fmt.Println("woken:", i)
				return err
			})
			for cond.Statistics().Waiting <= i {
				if err := braid.Yield(ctx); err != nil {
					return err
				}
			}
		}
		cond.Notify(2)
		fmt.Println("still waiting for", cond.Name()+":", cond.Statistics().Waiting)
		if err := mu.Lock(ctx); err != nil { // behind the two
			return err
		}
		mu.Unlock()
		cond.NotifyAll()
		return nil
	})
	fmt.Println(err)
	// Unordered output:
	// still waiting for news: 1
	// woken: 0
	// woken: 1
	// woken: 2
	// <nil>
}
