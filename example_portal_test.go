package braid_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/braid-go/braid"
)

// A portal lets plain goroutines and callbacks of other libraries run tasks in a scope, and wait for their results.
// What is called through it belongs to the scope, which waits for it and cancels it, but reports to its caller alone.
func ExamplePortal() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		portal := braid.NewPortal(g)
		answered := make(chan string)

		go func() { // a goroutine that braid does not know
			f := braid.Submit(portal, func(ctx context.Context) (string, error) {
				return "ran as " + braid.Current(ctx).Path(), nil
			}, braid.Name("request"))
			v, err := f.Wait(context.Background())
			answered <- fmt.Sprint(v, " ", err)
		}()
		fmt.Println(<-answered)

		f := braid.Submit(portal, func(context.Context) (int, error) { return 0, errors.New("bad request") })
		_, err := f.Wait(ctx)
		if failure, ok := errors.AsType[*braid.TaskError](err); ok {
			fmt.Println(failure.Err, "- and the scope goes on:", ctx.Err())
		}
		return nil
	}, braid.Name("server"))
	fmt.Println(err)
	// Output:
	// ran as server/request <nil>
	// bad request - and the scope goes on: <nil>
	// <nil>
}

// A portal outlives its group, harmlessly: who comes too late gets an error.
func ExampleSubmit() {
	var portal *braid.Portal
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		portal = braid.NewPortal(g)
		return nil
	})
	fmt.Println(err)
	_, err = braid.Submit(portal, func(context.Context) (int, error) { return 1, nil }).Result()
	fmt.Println(errors.Is(err, braid.ErrClosed))
	// Output:
	// <nil>
	// true
}

// Cancel of a future that Submit returned cancels the task that brings the value.
func ExampleFuture_Cancel() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		f := braid.Submit(braid.NewPortal(g), func(ctx context.Context) (int, error) {
			return 0, braid.Sleep(ctx, time.Hour)
		})
		f.Cancel(errors.New("not needed any more"))
		_, err := f.Wait(ctx)
		fmt.Println(err)
		return nil
	})
	fmt.Println(err)
	// Output:
	// not needed any more
	// <nil>
}

// Do makes the calling goroutine itself a task until the function returns. A server that has a goroutine
// for each request puts the request into the tree this way: named, cancelled, waited for, without a second goroutine.
// A panic comes back as an error.
func ExamplePortal_Do() {
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		portal := braid.NewPortal(g)
		ended := make(chan struct{})
		go func() { // a connection of net/http
			defer close(ended)
			handle := func(text string) func(context.Context) error {
				return func(ctx context.Context) error {
					if text == "" {
						panic("nothing to say")
					}
					fmt.Println(braid.Current(ctx).Path(), text)
					return nil
				}
			}
			ctx := context.Background() // that of the request
			fmt.Println(portal.Do(ctx, handle("hello"), braid.Name("GET /")))
			err := portal.Do(ctx, handle(""), braid.Name("GET /empty"))
			_, panicked := errors.AsType[*braid.PanicError](err)
			fmt.Println(panicked, err)
		}()
		<-ended
		return nil
	}, braid.Name("server"))
	fmt.Println(err)
	// Output:
	// server/GET / hello
	// <nil>
	// true task server/GET /empty panicked: nothing to say
	// <nil>
}
