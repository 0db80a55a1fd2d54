package braid_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/braid-go/braid"
)

// Timeout bounds whatever is called inside it. It runs in the calling task, so results go through captured variables,
// and it returns when the function has: nothing of it goes on in the background.
func ExampleTimeout() {
	ctx := context.Background()
	answers := braid.NewQueue[string](1)
	err := braid.Timeout(ctx, time.Millisecond, func(ctx context.Context) error {
		defer fmt.Println("the call has ended")
		_, err := answers.Get(ctx) // nobody answers
		return err
	})
	fmt.Println(err)
	fmt.Println(errors.Is(err, braid.ErrTimeout), errors.Is(err, context.DeadlineExceeded))
	// Output:
	// the call has ended
	// braid: timeout of 1ms ran out
	// true true
}

// A result that was there in time counts, even if the time has run out before it could be handed over.
func ExampleTimeout_result() {
	var answer int
	err := braid.Timeout(context.Background(), time.Millisecond, func(ctx context.Context) error {
		answer = 42
		<-ctx.Done() // the time runs out
		return nil
	})
	fmt.Println(answer, err)
	// Output: 42 <nil>
}

// If the function fails for a reason of its own when the time has run out, the error holds both reasons.
func ExampleTimeout_otherError() {
	errRollback := errors.New("rollback failed")
	err := braid.Timeout(context.Background(), time.Millisecond, func(ctx context.Context) error {
		<-ctx.Done()
		return errRollback
	})
	fmt.Println(errors.Is(err, braid.ErrTimeout), errors.Is(err, errRollback))
	// Output: true true
}

// The end of the surrounding ctx is not a timeout. Timeout then returns what its function returns.
func ExampleTimeout_cancelled() {
	ctx, cancel := context.WithCancelCause(context.Background())
	err := braid.Timeout(ctx, time.Hour, func(ctx context.Context) error {
		cancel(errors.New("the user left"))
		return braid.Sleep(ctx, time.Hour)
	})
	fmt.Println(err, errors.Is(err, braid.ErrTimeout))
	// Output: the user left false
}

// A time limit that has passed already does not call the function: there is nothing left to do it in.
func ExampleTimeout_zero() {
	err := braid.Timeout(context.Background(), 0, func(context.Context) error {
		fmt.Println("never printed")
		return nil
	})
	fmt.Println(errors.Is(err, braid.ErrTimeout))
	// Output: true
}

// Deadline is Timeout with a point in time: one deadline for several steps, say, or one that came with a request.
func ExampleDeadline() {
	ctx := context.Background()
	at := braid.Time(ctx).Add(time.Millisecond)
	step := func(ctx context.Context) error { return braid.Sleep(ctx, time.Hour) }
	for range 2 {
		err := braid.Deadline(ctx, at, step)
		fmt.Println(errors.Is(err, braid.ErrTimeout))
	}
	// Output:
	// true
	// true
}

// A TimeoutError says which limit it was. It also satisfies the Timeout method that errors of package net have.
func ExampleTimeoutError() {
	err := braid.Timeout(context.Background(), time.Millisecond, func(ctx context.Context) error {
		return braid.Sleep(ctx, time.Hour)
	})
	if timeout, ok := errors.AsType[*braid.TimeoutError](err); ok {
		fmt.Println(timeout.Op, timeout.After, timeout.Timeout())
	}
	// Output: timeout 1ms true
}

// Shield is for cleanup that must be done although ctx is done: a rollback, a last message, a lease to give back.
// It runs in the same task, so the group waits for it, and it has a limit, so it cannot keep the group waiting for ever.
func ExampleShield() {
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) (err error) {
			defer func() {
				cleanup := braid.Shield(ctx, time.Minute, func(ctx context.Context) error {
					fmt.Println("roll back, ctx.Err() is", ctx.Err())
					return braid.Yield(ctx) // what blocks, works
				})
				fmt.Println("rolled back:", cleanup, "- and outside ctx.Err() is", ctx.Err())
			}()
			return braid.Sleep(ctx, time.Hour)
		}, braid.Name("tx"))
		g.Cancel(errors.New("shutdown"))
		return nil
	})
	fmt.Println(err)
	// Output:
	// roll back, ctx.Err() is <nil>
	// rolled back: <nil> - and outside ctx.Err() is context canceled
	// <nil>
}

// The limit of a shield is a timeout. Of nested shields, the smaller limit rules.
func ExampleShield_limit() {
	err := braid.Shield(context.Background(), time.Millisecond, func(ctx context.Context) error {
		return braid.Shield(ctx, time.Hour, func(ctx context.Context) error {
			return braid.Sleep(ctx, time.Hour)
		})
	})
	timeout, ok := errors.AsType[*braid.TimeoutError](err)
	fmt.Println(ok, timeout.Op)
	// Output: true shield
}

// Abandon is the one call that may leave a function running: one that obeys no ctx and that nobody can wait for.
// What it brings too late is handed to the dispose function.
func ExampleAbandon() {
	ctx, cancel := context.WithCancelCause(context.Background())
	disposed := make(chan string)
	answer := make(chan string)
	open := func(context.Context) (string, error) {
		cancel(errors.New("the user has left")) // meanwhile
		return <-answer, nil                    // a device that takes its time
	}

	_, err := braid.Abandon(ctx, open, func(handle string) { disposed <- handle })
	fmt.Println(err)

	answer <- "handle 7"
	fmt.Println("closed", <-disposed)
	// Output:
	// the user has left
	// closed handle 7
}

// As long as ctx lasts, Abandon is a plain call.
func ExampleAbandon_inTime() {
	v, err := braid.Abandon(context.Background(), func(context.Context) (string, error) {
		return "", fs.ErrNotExist
	}, nil)
	fmt.Printf("%q %v\n", v, err)
	// Output: "" file does not exist
}
