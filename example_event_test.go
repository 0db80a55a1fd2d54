package braid_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/braid-go/braid"
)

// An Event is a flag that any number of tasks can wait for. Who comes later finds it set and goes through.
func ExampleEvent() {
	var open braid.Event
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		for range 3 {
			g.Go(open.Wait)
		}
		open.Set()
		g.Go(open.Wait)
		return nil
	})
	fmt.Println(open.IsSet(), err)
	// Output: true <nil>
}

// Wait obeys ctx, which comes first: under a ctx that is done, it returns the cause even if the event is set.
func ExampleEvent_Wait() {
	var ready braid.Event
	err := braid.Timeout(context.Background(), time.Millisecond, ready.Wait)
	fmt.Println(errors.Is(err, braid.ErrTimeout))

	ready.Set()
	fmt.Println(ready.Wait(context.Background()))

	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("too late"))
	fmt.Println(ready.Wait(ctx))
	// Output:
	// true
	// <nil>
	// too late
}

// Clear takes the flag back. Whoever waited when it was set goes through all the same.
func ExampleEvent_Clear() {
	var tick braid.Event
	tick.SetName("tick")
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		h := g.Go(tick.Wait)
		for tick.Statistics().Waiting == 0 {
			if err := braid.Yield(ctx); err != nil {
				return err
			}
		}
		tick.Set()
		tick.Clear()
		return h.Wait(ctx)
	})
	fmt.Printf("%v %s %+v\n", err, tick.Name(), tick.Statistics())
	// Output: <nil> tick {Set:false Waiting:0}
}
