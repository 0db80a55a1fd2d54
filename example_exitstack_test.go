package braid_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/braid-go/braid"
)

// An ExitStack releases in reverse order what was acquired, however the function ends.
// Its cleanup has a ctx that works although the ctx around is done, and errors of cleanup are not lost.
func ExampleExitStack() {
	ctx, cancel := context.WithCancelCause(context.Background())
	err := braid.WithExitStack(ctx, time.Minute, func(ctx context.Context, s *braid.ExitStack) error {
		for _, name := range []string{"database", "cache", "socket"} {
			s.Push(func(ctx context.Context) error {
				fmt.Println("close", name, ctx.Err())
				if name == "cache" {
					return errors.New("cache: flush failed")
				}
				return nil
			})
		}
		cancel(errors.New("shutdown"))
		return braid.Sleep(ctx, time.Hour)
	})
	fmt.Printf("%q\n", err.Error())
	// Output:
	// close socket <nil>
	// close cache <nil>
	// close database <nil>
	// "shutdown\ncache: flush failed"
}

// PopAll is for a function that acquires several things and keeps them only if it got all:
// on the way out with an error all is released, on success the caller gets the stack.
func ExampleExitStack_PopAll() {
	open := func(ctx context.Context, names ...string) (keep *braid.ExitStack, err error) {
		err = braid.WithExitStack(ctx, time.Minute, func(_ context.Context, s *braid.ExitStack) error {
			for _, name := range names {
				if name == "broken" {
					return errors.New("cannot open " + name)
				}
				s.Push(func(context.Context) error {
					fmt.Println("close", name)
					return nil
				})
			}
			keep = s.PopAll()
			return nil
		})
		return keep, err
	}
	ctx := context.Background()
	_, err := open(ctx, "a", "broken")
	fmt.Println(err)

	files, err := open(ctx, "a", "b")
	fmt.Println(files.Len(), err)
	fmt.Println(files.Close(ctx))
	// Output:
	// close a
	// cannot open broken
	// 2 <nil>
	// close b
	// close a
	// <nil>
}

// NewExitStack is for an owner whose life is not a function call, such as a server with a Close method.
func ExampleNewExitStack() {
	s := braid.NewExitStack(time.Minute)
	s.Push(func(context.Context) error {
		fmt.Println("listener closed")
		return nil
	})
	ctx := context.Background()
	fmt.Println(s.Close(ctx))
	fmt.Println(s.Close(ctx)) // does nothing
	// Output:
	// listener closed
	// <nil>
	// <nil>
}

// Using acquires, uses and releases one thing. It is asyncio's "async with" for code that has no stack of them.
func ExampleUsing() {
	err := braid.Using(context.Background(),
		func(context.Context) (string, error) { return "transaction", nil },
		func(_ context.Context, tx string) error {
			fmt.Println("end of", tx)
			return nil
		},
		func(_ context.Context, tx string) error {
			fmt.Println("in", tx)
			return fs.ErrExist
		},
	)
	fmt.Println(err)
	// Output:
	// in transaction
	// end of transaction
	// file already exists
}
