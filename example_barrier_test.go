package braid_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/braid-go/braid"
)

// A barrier keeps a computation in rounds: nobody begins a round before all have finished the one before.
func ExampleBarrier() {
	const workers, rounds = 4, 3
	barrier := braid.NewBarrier(workers)
	var done [rounds]atomic.Int32
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		for range workers {
			g.Go(func(ctx context.Context) error {
				for r := range rounds {
					done[r].Add(1)
					if _, err := barrier.Wait(ctx); err != nil {
						return err
					}
					if n := done[r].Load(); n != workers {
						return fmt.Errorf("round %d ended with %d", r, n)
					}
				}
				return nil
			})
		}
		return nil
	})
	fmt.Println(err)
	// Output: <nil>
}

// Wait gives each party its place in the order of arrival. So one of them, the last say, can do what has to be done once a round.
func ExampleBarrier_Wait() {
	barrier := braid.NewBarrier(3)
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		for range 3 {
			g.Go(func(ctx context.Context) error {
				place, err := barrier.Wait(ctx)
				if place == 2 {
					fmt.Println("the last one switches on the light")
				}
				return err
			})
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// the last one switches on the light
	// <nil>
}

// A party that gives up breaks the barrier for all: they would wait for somebody who never comes.
func ExampleBarrier_Wait_cancelled() {
	barrier := braid.NewBarrier(3)
	arrive := func(ctx context.Context) (int, error) { return barrier.Wait(ctx) }
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		a, b := braid.Go(g, arrive), braid.Go(g, arrive)
		for barrier.Statistics().Waiting < 2 {
			if err := braid.Yield(ctx); err != nil {
				return err
			}
		}
		b.Cancel(errors.New("no time"))
		_, err := b.Wait(ctx)
		fmt.Println(err, "- broken:", barrier.Broken())
		_, err = a.Wait(ctx)
		fmt.Println(errors.Is(err, braid.ErrBarrierBroken))
		return nil
	}, braid.KeepGoing())
	fmt.Println(errors.Is(err, braid.ErrBarrierBroken)) // the failure of a; b did what it was told
	// Output:
	// no time - broken: true
	// true
	// true
}

// Abort sends everybody away, until Reset makes the barrier as new.
func ExampleBarrier_Abort() {
	barrier := braid.NewBarrier(1)
	barrier.SetName("rounds")
	ctx := context.Background()

	barrier.Abort()
	_, err := barrier.Wait(ctx)
	fmt.Println(err)
	fmt.Printf("%s %+v\n", barrier.Name(), barrier.Statistics())

	barrier.Reset()
	fmt.Println(barrier.Wait(ctx))
	// Output:
	// braid: the barrier is broken
	// rounds {Parties:1 Waiting:0 Broken:true}
	// 0 <nil>
}
