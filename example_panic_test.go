package braid_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/braid-go/braid"
)

// A panic in a task does not end the process from a goroutine where nobody could have recovered it.
// Run panics with it when all tasks have ended, with the value, the task, and the stack of where it began.
func ExamplePanicError() {
	defer func() {
		if caught, ok := recover().(*braid.PanicError); ok {
			fmt.Println("recovered:", caught.Task, "-", caught.Value)
			fmt.Println(bytes.Contains(caught.Stack, []byte("ExamplePanicError")))
		}
	}()
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			defer fmt.Println("sibling cleaned up")
			return braid.Sleep(ctx, time.Hour)
		})
		g.Go(func(context.Context) error { panic("out of paper") }, braid.Name("printer"))
		return nil
	}, braid.Name("office"), braid.PanicHook(func(*braid.PanicError) {})) // the default hook would log it
	fmt.Println("never printed", err)
	// Output:
	// sibling cleaned up
	// recovered: office/printer - out of paper
	// true
}

// What else failed is not lost behind a panic: it is in Others, and errors.Is finds it, as well as a value that is an error.
func ExamplePanicError_Unwrap() {
	defer func() {
		err, _ := recover().(error)
		fmt.Println(errors.Is(err, fs.ErrClosed), errors.Is(err, fs.ErrInvalid))
		if caught, ok := errors.AsType[*braid.PanicError](err); ok {
			fmt.Println(caught.Others)
		}
	}()
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			<-ctx.Done()
			return fs.ErrInvalid
		}, braid.Name("b"))
		g.Go(func(context.Context) error { panic(fs.ErrClosed) }, braid.Name("a"))
		return nil
	}, braid.Name("main"), braid.PanicHook(func(*braid.PanicError) {}))
	fmt.Println("never printed", err)
	// Output:
	// true true
	// [task main/b: invalid argument]
}

// AsError makes a panic a failure like others, for code that has to go on: a server whose request handler panicked.
func ExampleOnPanic() {
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(context.Context) error { panic("nil map") }, braid.Name("request"))
		return nil
	}, braid.Name("server"), braid.OnPanic(braid.AsError), braid.PanicHook(func(*braid.PanicError) {}))

	caught, ok := errors.AsType[*braid.PanicError](err)
	fmt.Println(ok, caught.Value)
	fmt.Println(err)
	// Output:
	// true nil map
	// task server/request panicked: nil map
}

// The policies are Repanic, the default, AsError, and Crash, which ends the process at once with the original stack:
// for programs that must not run on for even a moment with a broken state.
func ExamplePanicPolicy() {
	for _, p := range []braid.PanicPolicy{braid.Repanic, braid.AsError, braid.Crash} {
		fmt.Println(p, braid.OnPanic(p))
	}
	// Output:
	// Repanic OnPanic(Repanic)
	// AsError OnPanic(AsError)
	// Crash OnPanic(Crash)
}

// The hook hears of a panic at once. Run's own panic comes when all tasks have ended,
// and a task that ignores its ctx can delay that for as long as it likes.
func ExamplePanicHook() {
	var heard braid.Event
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			return heard.Wait(context.WithoutCancel(ctx)) // ignores that it is cancelled
		})
		g.Go(func(context.Context) error { panic("overheated") }, braid.Name("oven"))
		return nil
	}, braid.Name("kitchen"), braid.OnPanic(braid.AsError), braid.PanicHook(func(e *braid.PanicError) {
		fmt.Println("alarm:", e.Task, e.Value)
		heard.Set()
	}))
	fmt.Println("Run:", err)
	// Output:
	// alarm: kitchen/oven overheated
	// Run: task kitchen/oven panicked: overheated
}
