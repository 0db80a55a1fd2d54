package braid_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/braid-go/braid"
)

// First takes whatever ends first, success or failure. The losers have ended when First returns.
func ExampleFirst() {
	var waiting braid.Event
	answer, err := braid.First(context.Background(),
		func(ctx context.Context) (string, error) {
			defer fmt.Println("the slow one has stopped")
			waiting.Set()
			return "slow", braid.Sleep(ctx, time.Hour)
		},
		func(ctx context.Context) (string, error) { return "quick", waiting.Wait(ctx) },
	)
	fmt.Println(answer, err)
	// Output:
	// the slow one has stopped
	// quick <nil>
}

// A failure can be first as well. It comes as a TaskError, which names the function.
func ExampleFirst_failure() {
	_, err := braid.First(context.Background(),
		func(ctx context.Context) (int, error) { return 1, braid.Sleep(ctx, time.Hour) },
		func(context.Context) (int, error) { return 0, errors.New("refused") },
	)
	if failure, ok := errors.AsType[*braid.TaskError](err); ok {
		fmt.Println(failure.Err)
	}
	// Output: refused
}

// FirstSuccess asks several mirrors and takes the first good answer. A mirror that fails is out of the race, no more.
func ExampleFirstSuccess() {
	page, err := braid.FirstSuccess(context.Background(),
		func(context.Context) (string, error) { return "", errors.New("mirror 1: connection refused") },
		func(ctx context.Context) (string, error) { return "from mirror 2", braid.Sleep(ctx, time.Hour) },
		func(context.Context) (string, error) { return "from mirror 3", nil },
	)
	fmt.Println(page, err)
	// Output: from mirror 3 <nil>
}

// If nobody succeeds, the error holds all failures, not only the last.
func ExampleFirstSuccess_allFail() {
	errOne, errTwo := errors.New("refused"), errors.New("no route")
	_, err := braid.FirstSuccess(context.Background(),
		func(context.Context) (int, error) { return 0, errOne },
		func(context.Context) (int, error) { return 0, errTwo },
	)
	fmt.Println(errors.Is(err, errOne), errors.Is(err, errTwo))
	// Output: true true
}

// With Dispose, a result that came too late to win is not lost: the connection that nobody will use is closed.
// Dispose has been called when the race returns.
func ExampleRace() {
	var dialed braid.Event
	race := braid.Race[string]{Dispose: func(conn string) { fmt.Println("closed", conn) }}
	conn, err := race.FirstSuccess(context.Background(),
		func(ctx context.Context) (string, error) {
			dialed.Set()
			<-ctx.Done() // has lost
			return "connection over IPv4", nil
		},
		func(ctx context.Context) (string, error) { return "connection over IPv6", dialed.Wait(ctx) },
	)
	fmt.Println(conn, err)
	// Output:
	// closed connection over IPv4
	// connection over IPv6 <nil>
}

// Race.First is First with Dispose.
func ExampleRace_First() {
	var opened braid.Event
	race := braid.Race[string]{Dispose: func(file string) { fmt.Println("removed", file) }}
	_, err := race.First(context.Background(),
		func(ctx context.Context) (string, error) {
			opened.Set()
			<-ctx.Done()
			return "cache.tmp", nil
		},
		func(ctx context.Context) (string, error) {
			return "", errors.Join(opened.Wait(ctx), errors.New("cache is read-only"))
		},
	)
	fmt.Println(err != nil)
	// Output:
	// removed cache.tmp
	// true
}
