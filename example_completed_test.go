package braid_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/braid-go/braid"
)

// AsCompleted is a loop over results in the order in which they come.
// A failure is an element like others: the loop decides whether it goes on.
func ExampleAsCompleted() {
	var quick, failed braid.Event
	slow := func(ctx context.Context) (string, error) { return "slow", failed.Wait(ctx) }
	broken := func(ctx context.Context) (string, error) {
		if err := quick.Wait(ctx); err != nil {
			return "", err
		}
		return "", errors.New("broken")
	}
	fast := func(context.Context) (string, error) { return "fast", nil }

	for v, err := range braid.AsCompleted(context.Background(), slow, broken, fast) {
		if failure, ok := errors.AsType[*braid.TaskError](err); ok {
			fmt.Println("failure:", failure.Err)
			failed.Set()
			continue
		}
		fmt.Println(v, err) // an error that is no TaskError would be the end of the loop's own ctx
		quick.Set()
	}
	// Output:
	// fast <nil>
	// failure: broken
	// slow <nil>
}

// A loop that has enough breaks off. What still runs is cancelled, and has ended before the next statement.
func ExampleAsCompleted_break() {
	var started braid.Event
	search := func(ctx context.Context) (string, error) {
		defer fmt.Println("search stopped")
		started.Set()
		return "", braid.Sleep(ctx, time.Hour)
	}
	cache := func(ctx context.Context) (string, error) { return "cached answer", started.Wait(ctx) }

	for answer, err := range braid.AsCompleted(context.Background(), search, cache) {
		fmt.Println(answer, err)
		break
	}
	fmt.Println("after the loop")
	// Output:
	// cached answer <nil>
	// search stopped
	// after the loop
}

// If ctx ends, the loop gets the cause as its last element.
func ExampleAsCompleted_cancelled() {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	forever := func(ctx context.Context) (int, error) { return 0, braid.Sleep(ctx, time.Hour) }
	quick := func(context.Context) (int, error) { return 1, nil }
	var last error
	for v, err := range braid.AsCompleted(ctx, forever, quick) {
		if err == nil {
			fmt.Println(v)
			cancel(errors.New("the client has left"))
		}
		last = err
	}
	fmt.Println(last)
	// Output:
	// 1
	// the client has left
}

// Collect gathers a stream into a slice, up to its first error.
func ExampleCollect() {
	one := func(context.Context) (int, error) { return 1, nil }
	all, err := braid.Collect(braid.AsCompleted(context.Background(), one, one, one))
	fmt.Println(all, err)
	// Output: [1 1 1] <nil>
}
