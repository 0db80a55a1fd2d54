package braid_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/braid-go/braid"
)

// Map calls a function for each element, at most n at a time, and yields results in the order of the elements.
// The sequence is read no further than needed, so it may be endless, or a query that is still being read.
func ExampleMap() {
	var running atomic.Int32
	square := func(ctx context.Context, n int) (int, error) {
		defer running.Add(-1)
		if r := running.Add(1); r > 3 {
			return 0, fmt.Errorf("%d at a time", r)
		}
		return n * n, braid.Yield(ctx)
	}
	naturals := func(yield func(int) bool) {
		for n := 0; yield(n); n++ {
		}
	}
	for v, err := range braid.Map(context.Background(), naturals, 3, square) {
		if err != nil || v > 50 {
			fmt.Println("stop at", v, err)
			break // cancels and joins what still runs
		}
		fmt.Print(v, " ")
	}
	// Output: 0 1 4 9 16 25 36 49 stop at 64 <nil>
}

// A failure is yielded in its place and cancels nobody. A loop that minds it returns, and the rest is cancelled and joined.
func ExampleMap_failure() {
	parse := func(_ context.Context, s string) (int, error) {
		if s == "x" {
			return 0, errors.New("not a number")
		}
		return len(s), nil
	}
	words := slices.Values([]string{"one", "x", "three"})
	for n, err := range braid.Map(context.Background(), words, 2, parse) {
		if failure, ok := errors.AsType[*braid.TaskError](err); ok {
			fmt.Println(failure.Err)
			continue
		}
		fmt.Println(n)
	}
	all, err := braid.Collect(braid.Map(context.Background(), words, 2, parse))
	fmt.Println(all, err != nil)
	// Output:
	// 3
	// not a number
	// 5
	// [3] true
}

// MapUnordered yields each result as soon as it is there. A slow element holds up nobody.
func ExampleMapUnordered() {
	var others braid.Event
	fetch := func(ctx context.Context, name string) (string, error) {
		if name == "huge" {
			return name, others.Wait(ctx)
		}
		return name, nil
	}
	files := slices.Values([]string{"huge", "small"})
	for name, err := range braid.MapUnordered(context.Background(), files, 2, fetch) {
		fmt.Println(name, err)
		others.Set()
	}
	// Output:
	// small <nil>
	// huge <nil>
}
