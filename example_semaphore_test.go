package braid_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid"
)

// A semaphore bounds how much of something is in use, wherever the tasks come from.
// To bound the tasks of one group, Limit is simpler; to bound a loop over data, Map is.
func ExampleSemaphore() {
	connections := braid.NewSemaphore(2)
	var open atomic.Int32
	fetch := func(ctx context.Context) error {
		if err := connections.Acquire(ctx, 1); err != nil {
			return err
		}
		defer connections.Release(1)
		defer open.Add(-1)
		if n := open.Add(1); n > 2 {
			return fmt.Errorf("%d connections", n)
		}
		return braid.Yield(ctx)
	}
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		for range 50 {
			g.Go(fetch)
		}
		return nil
	})
	fmt.Println(err)
	// Output: <nil>
}

// Requests have a weight. The queue is fair: a small request does not overtake a large one that came first,
// so the large one is not starved.
func ExampleSemaphore_Acquire() {
	memory := braid.NewSemaphore(10)
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		if err := memory.Acquire(ctx, 6); err != nil {
			return err
		}
		take := func(name string, n int64) {
			waiting := memory.Statistics().Waiting
			g.Go(func(ctx context.Context) error {
				if err := memory.Acquire(ctx, n); err != nil {
					return err
				}
				fmt.Println(name)
				memory.Release(n)
				return nil
			})
			for memory.Statistics().Waiting == waiting {
				_ = braid.Yield(ctx) // until the task stands in the queue
			}
		}
		take("large", 9)
		take("small", 2) // 4 are free, but large is ahead
		memory.Release(6)
		return nil
	})
	fmt.Println(err)
	// Output:
	// large
	// small
	// <nil>
}

// A request that can never succeed is an error at once, not a wait for ever.
func ExampleSemaphore_Acquire_tooMuch() {
	fmt.Println(braid.NewSemaphore(10).Acquire(context.Background(), 11))
	// Output: braid: Semaphore.Acquire(11) on a semaphore of 10 permits could never succeed
}

// A cancelled Acquire has taken nothing.
func ExampleSemaphore_Acquire_cancelled() {
	s := braid.NewSemaphore(1)
	ctx := context.Background()
	err := s.Acquire(ctx, 1)
	late := braid.Timeout(ctx, time.Millisecond, func(ctx context.Context) error { return s.Acquire(ctx, 1) })
	s.Release(1)
	fmt.Println(err, errors.Is(late, braid.ErrTimeout), s.Statistics().InUse)
	// Output: <nil> true 0
}

// TryAcquire needs no ctx, as it never waits. It does not overtake those who wait, either.
func ExampleSemaphore_TryAcquire() {
	s := braid.NewSemaphore(2)
	fmt.Println(s.TryAcquire(2), s.TryAcquire(1))
	s.Release(1)
	fmt.Println(s.TryAcquire(1))
	// Output:
	// true false
	// true
}

// Releasing more than is held is a mistake in the program, and is told at once.
func ExampleSemaphore_Release() {
	defer func() { fmt.Println(recover()) }()
	s := braid.NewSemaphore(3)
	s.Release(1)
	// Output: braid: Semaphore.Release(1) with only 0 of 3 permits held: each Release must follow an Acquire of the same weight that succeeded
}

// Statistics is a snapshot.
func ExampleSemaphore_Statistics() {
	s := braid.NewSemaphore(8)
	s.SetName("connections")
	if err := s.Acquire(context.Background(), 3); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%s %+v\n", s.Name(), s.Statistics())
	// Output: connections {Size:8 InUse:3 Waiting:0}
}
