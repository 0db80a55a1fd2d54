package braid_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid"
)

// A value that is expensive to make is made once, by the first task that needs it; the others wait under their own ctx.
func ExampleOnceValue() {
	var calls atomic.Int32
	token := braid.NewOnceValue(func(ctx context.Context) (string, error) {
		calls.Add(1)
		return "token", braid.Yield(ctx) // asks a server
	})
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		for range 10 {
			g.Go(func(ctx context.Context) error {
				_, err := token.Get(ctx)
				return err
			})
		}
		return nil
	})
	fmt.Println(calls.Load(), err)
	// Output: 1 <nil>
}

// A caller whose time runs out while it makes the value leaves nothing behind: the next one makes it.
// With sync.OnceValue, or a cached error, one caller's deadline would be everybody's answer.
func ExampleOnceValue_Get() {
	var slow atomic.Bool
	slow.Store(true)
	rates := braid.NewOnceValue(func(ctx context.Context) (float64, error) {
		if slow.Load() {
			return 0, braid.Sleep(ctx, time.Hour)
		}
		return 1.17, nil
	})
	rates.SetName("rates")
	ctx := context.Background()
	err := braid.Timeout(ctx, time.Millisecond, func(ctx context.Context) error {
		_, err := rates.Get(ctx)
		return err
	})
	fmt.Println(errors.Is(err, braid.ErrTimeout))
	fmt.Printf("%s %+v\n", rates.Name(), rates.Statistics())

	slow.Store(false)
	fmt.Println(rates.Get(ctx))
	fmt.Println(rates.Get(ctx))
	// Output:
	// true
	// rates {Done:false Running:false Waiting:0}
	// 1.17 <nil>
	// 1.17 <nil>
}

// A failure of the function itself is kept like a value, as with sync.OnceValues.
func ExampleNewOnceValue() {
	calls := 0
	config := braid.NewOnceValue(func(context.Context) (string, error) {
		calls++
		return "", errors.New("no such file")
	})
	for range 2 {
		_, err := config.Get(context.Background())
		fmt.Println(err, calls)
	}
	// Output:
	// no such file 1
	// no such file 1
}
