package braid_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/braid-go/braid"
)

// A promise connects code that calls back with code that waits.
func ExamplePromise() {
	lookUp := func(name string, found func(string), failed func(error)) { // a library with callbacks
		if name == "" {
			go failed(errors.New("no name"))
			return
		}
		go found("address of " + name)
	}
	ask := func(ctx context.Context, name string) (string, error) {
		var p braid.Promise[string]
		lookUp(name, func(s string) { p.Resolve(s) }, func(err error) { p.Reject(err) })
		return p.Future().Wait(ctx)
	}
	ctx := context.Background()
	fmt.Println(ask(ctx, "ada"))
	_, err := ask(ctx, "")
	fmt.Println(err)
	// Output:
	// address of ada <nil>
	// no name
}

// The first to settle a promise wins, and the others learn that they were late.
func ExamplePromise_Resolve() {
	var p braid.Promise[int]
	p.SetName("winner")
	fmt.Println(p.Resolve(1), p.Resolve(2), p.Reject(errors.New("too late")))
	fmt.Println(p.Future().Result())
	fmt.Printf("%s %+v\n", p.Future().Name(), p.Statistics())
	// Output:
	// true false false
	// 1 <nil>
	// winner {Settled:true Waiting:0}
}

// The ctx of Wait ends the wait only: the next one who asks gets the value.
func ExampleFuture_Wait() {
	var p braid.Promise[int]
	f := p.Future()
	ctx := context.Background()
	err := braid.Timeout(ctx, time.Millisecond, func(ctx context.Context) error {
		_, err := f.Wait(ctx)
		return err
	})
	fmt.Println(errors.Is(err, braid.ErrTimeout))
	p.Resolve(7)
	fmt.Println(f.Wait(ctx))
	// Output:
	// true
	// 7 <nil>
}

// A future can be looked at without waiting, and waited for in a select.
func ExampleFuture() {
	var p braid.Promise[string]
	f := p.Future()
	f.SetName("configuration")
	_, err := f.Result()
	fmt.Println(errors.Is(err, braid.ErrNotFinished))

	p.Resolve("dark mode")
	select {
	case <-f.Done():
		fmt.Println(f.Result())
	case <-time.After(time.Hour):
	}
	fmt.Printf("%s %+v\n", f.Name(), f.Statistics())
	// Output:
	// true
	// dark mode <nil>
	// configuration {Settled:true Waiting:0}
}
