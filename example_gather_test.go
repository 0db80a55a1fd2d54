package braid_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/braid-go/braid"
)

// Gather fans out and gives the results in the order of the functions, whichever ends first.
func ExampleGather() {
	var second braid.Event
	results, err := braid.Gather(context.Background(),
		func(ctx context.Context) (string, error) { return "first", second.Wait(ctx) },
		func(context.Context) (string, error) {
			defer second.Set()
			return "second", nil
		},
	)
	fmt.Println(results, err)
	// Output: [first second] <nil>
}

// Fan-out over data: a slice of functions, one for each element.
// For many elements use Map, which bounds how many run at a time.
func ExampleGather_fanOut() {
	shops := map[string]int{"north": 3, "south": 4, "west": 5}
	stock := func(name string) func(context.Context) (int, error) {
		return func(context.Context) (int, error) { return shops[name], nil }
	}
	var asks []func(context.Context) (int, error)
	for _, name := range []string{"north", "south", "west"} {
		asks = append(asks, stock(name))
	}
	counts, err := braid.Gather(context.Background(), asks...)
	fmt.Println(counts, err)
	// Output: [3 4 5] <nil>
}

// If one fails, the others are cancelled and joined before Gather returns. Nothing goes on behind the caller's back.
func ExampleGather_failure() {
	var waiting braid.Event
	results, err := braid.Gather(context.Background(),
		func(ctx context.Context) (int, error) {
			defer fmt.Println("the other one has stopped")
			waiting.Set()
			return 1, braid.Sleep(ctx, time.Hour)
		},
		func(ctx context.Context) (int, error) {
			return 0, errors.Join(waiting.Wait(ctx), errors.New("no connection"))
		},
	)
	fmt.Println(results, err != nil)
	// Output:
	// the other one has stopped
	// [] true
}

// Settle lets each function come to its own end and gives an outcome for each. It fails only if ctx ends:
// what an outcome is worth is for the caller to say.
func ExampleSettle() {
	outcomes, err := braid.Settle(context.Background(),
		func(context.Context) (string, error) { return "42.7 KB", nil },
		func(context.Context) (string, error) { return "", errors.New("not found") },
	)
	for i, o := range outcomes {
		if failure, ok := errors.AsType[*braid.TaskError](o.Err); ok {
			fmt.Println(i, "failed:", failure.Err)
			continue
		}
		fmt.Println(i, "succeeded:", o.Value)
	}
	fmt.Println(err)
	// Output:
	// 0 succeeded: 42.7 KB
	// 1 failed: not found
	// <nil>
}

// Unlike asyncio's return_exceptions=True, which has hidden the cancellation of its caller in the list of results,
// Settle returns the cause of its own ctx beside the outcomes.
func ExampleOutcome() {
	ctx, cancel := context.WithCancelCause(context.Background())
	var done braid.Event
	outcomes, err := braid.Settle(ctx,
		func(context.Context) (int, error) {
			defer done.Set()
			return 1, nil
		},
		func(ctx context.Context) (int, error) {
			if err := done.Wait(ctx); err != nil {
				return 0, err
			}
			cancel(errors.New("the user left"))
			return 0, braid.Sleep(ctx, time.Hour)
		},
	)
	fmt.Println(outcomes[0].Value, outcomes[0].Err)
	fmt.Println(outcomes[1].Value, outcomes[1].Err)
	fmt.Println(err)
	// Output:
	// 1 <nil>
	// 0 the user left
	// the user left
}
