package braid_test

import (
	"context"
	"fmt"

	"github.com/braid-go/braid"
)

// A value that is put into a ctx is seen by all tasks below, however deep, and by nobody else.
// It is the place for what belongs to a request, such as its id.
func ExampleRun_values() {
	type requestID struct{}
	ctx := context.WithValue(context.Background(), requestID{}, 17)

	err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			_, err := braid.Gather(ctx, func(ctx context.Context) (int, error) {
				fmt.Println("request", ctx.Value(requestID{}))
				return 0, nil
			})
			return err
		})
		return nil
	})
	fmt.Println(err)
	// Output:
	// request 17
	// <nil>
}
