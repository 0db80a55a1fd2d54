package braid_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/braid-go/braid"
)

// The whole library in one scope: a typed result, a background task, and a failure.
// The failure ends the body and the other task, Run waits for both, and the error says whose failure it was.
func Example() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		price := braid.Go(g, func(context.Context) (int, error) { return 42, nil })
		v, err := price.Wait(ctx)
		if err != nil {
			return err
		}
		fmt.Println("price:", v)

		g.Go(func(ctx context.Context) error {
			defer fmt.Println("heartbeat stopped")
			return braid.Every(ctx, time.Minute, func(context.Context) error { return nil })
		}, braid.Name("heartbeat"))
		g.Go(func(context.Context) error { return errors.New("disk full") }, braid.Name("audit"))

		return braid.Sleep(ctx, time.Hour) // ends when audit fails
	}, braid.Name("shop"))
	fmt.Println(err)
	// Output:
	// price: 42
	// heartbeat stopped
	// task shop/audit: disk full
}
