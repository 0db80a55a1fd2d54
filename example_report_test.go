package braid_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/braid-go/braid"
)

// A callback has nobody to return its failure to. Report makes it one of the scope.
func ExampleReport() {
	err := braid.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		onClose := func() { braid.Report(ctx, errors.New("the log could not be flushed")) }
		onClose()
		return nil
	}, braid.Name("server"))
	fmt.Println(err)
	// Output: task server: the log could not be flushed
}
