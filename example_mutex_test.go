package braid_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/braid-go/braid"
)

// A braid.Mutex is for critical sections that wait for something: the others wait under their ctx,
// and in the order in which they came. For a few assignments, sync.Mutex is the right one.
func ExampleMutex() {
	var mu braid.Mutex
	file := braid.NewQueue[string](10) // stands for something that takes its time
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		for range 3 {
			g.Go(func(ctx context.Context) error {
				if err := mu.Lock(ctx); err != nil {
					return err
				}
				defer mu.Unlock()
				if err := file.Put(ctx, "begin"); err != nil {
					return err
				}
				return file.Put(ctx, "end")
			})
		}
		return nil
	})
	fmt.Println(file.Shutdown(braid.Now), err)
	// Output: [begin end begin end begin end] <nil>
}

// The wait for a lock obeys ctx, and a cancelled Lock does not hold it.
func ExampleMutex_Lock() {
	var mu braid.Mutex
	ctx := context.Background()
	fmt.Println(mu.Lock(ctx))
	err := braid.Timeout(ctx, time.Millisecond, mu.Lock)
	fmt.Println(errors.Is(err, braid.ErrTimeout))
	mu.Unlock()
	fmt.Println(mu.Statistics().Locked)
	// Output:
	// <nil>
	// true
	// false
}

// A task that locks what it holds would wait for itself for ever. It gets an error instead.
func ExampleMutex_Lock_self() {
	var mu braid.Mutex
	err := braid.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		if err := mu.Lock(ctx); err != nil {
			return err
		}
		defer mu.Unlock()
		return mu.Lock(ctx)
	})
	fmt.Println(errors.Is(err, braid.ErrSelfDeadlock))
	// Output: true
}

// TryLock does not wait.
func ExampleMutex_TryLock() {
	var mu braid.Mutex
	fmt.Println(mu.TryLock(), mu.TryLock())
	mu.Unlock()
	// Output: true false
}

// Unlocking what is not locked is a mistake in the program.
func ExampleMutex_Unlock() {
	defer func() { fmt.Println(recover()) }()
	var mu braid.Mutex
	mu.Unlock()
	// Output: braid: Mutex.Unlock of a mutex that is not locked: each Unlock must follow a Lock that returned nil
}

// Statistics names the task that holds the lock.
func ExampleMutex_Statistics() {
	var mu braid.Mutex
	mu.SetName("ledger")
	err := braid.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		if err := mu.Lock(ctx); err != nil {
			return err
		}
		defer mu.Unlock()
		s := mu.Statistics()
		fmt.Println(mu.Name(), s.Locked, s.Owner.Path(), s.Waiting)
		return nil
	}, braid.Name("booking"))
	fmt.Println(err)
	// Output:
	// ledger true booking 0
	// <nil>
}

// Readers share, a writer is alone. A writer that waits is not overtaken by readers that come later.
func ExampleRWMutex() {
	var mu braid.RWMutex
	prices := map[string]int{"tea": 3}
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		if err := mu.RLock(ctx); err != nil {
			return err
		}
		g.Go(func(ctx context.Context) error {
			if err := mu.Lock(ctx); err != nil {
				return err
			}
			defer mu.Unlock()
			prices["tea"] = 4
			return nil
		})
		for mu.Statistics().Waiting == 0 { // until the writer waits
			if err := braid.Yield(ctx); err != nil {
				return err
			}
		}
		fmt.Println(prices["tea"], "- another reader may come:", mu.TryRLock())
		mu.RUnlock()
		return nil
	})
	fmt.Println(prices["tea"], err)
	// Output:
	// 3 - another reader may come: false
	// 4 <nil>
}

// RLock and Lock obey ctx. Readers that stood behind a cancelled writer go on.
func ExampleRWMutex_Lock() {
	var mu braid.RWMutex
	ctx := context.Background()
	fmt.Println(mu.RLock(ctx), mu.RLock(ctx))
	err := braid.Timeout(ctx, time.Millisecond, mu.Lock)
	fmt.Println(errors.Is(err, braid.ErrTimeout), mu.TryLock(), mu.TryRLock())
	// Output:
	// <nil> <nil>
	// true false true
}

// Statistics is a snapshot.
func ExampleRWMutex_Statistics() {
	var mu braid.RWMutex
	mu.SetName("prices")
	ctx := context.Background()
	fmt.Println(mu.RLock(ctx))
	fmt.Printf("%s %+v\n", mu.Name(), mu.Statistics())
	mu.RUnlock()
	fmt.Println(mu.TryLock())
	fmt.Printf("%s %+v\n", mu.Name(), mu.Statistics())
	mu.Unlock()
	// Output:
	// <nil>
	// prices {Readers:1 Writing:false Writer:<nil> Waiting:0}
	// true
	// prices {Readers:0 Writing:true Writer:<nil> Waiting:0}
}
