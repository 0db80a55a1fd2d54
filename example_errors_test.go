package braid_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"time"

	"github.com/braid-go/braid"
)

// A scope that failed gives a GroupError, always, even for a single failure. It holds all failures in the order
// in which they came, each with its task's name. A caller has one shape to handle, whatever the load.
func ExampleGroupError() {
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(context.Context) error { return errors.New("timeout of the peer") }, braid.Name("mirror-1"))
		g.Go(func(context.Context) error { return errors.New("disk full") }, braid.Name("mirror-2"))
		return nil
	}, braid.Name("sync"), braid.KeepGoing(), braid.Limit(1))

	if failed, ok := errors.AsType[*braid.GroupError](err); ok {
		fmt.Println(len(failed.Unwrap()), "failures in", failed.Group)
		for _, e := range failed.Unwrap() {
			fmt.Println("-", e)
		}
	}
	// Output:
	// 2 failures in sync
	// - task sync/mirror-1: timeout of the peer
	// - task sync/mirror-2: disk full
}

// errors.Is and errors.As look through groups and tasks, however deep, so code that tests for an error
// does not have to know that the work was done by tasks.
func ExampleGroupError_is() {
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(func(context.Context) error {
					return &fs.PathError{Op: "open", Path: "prices.csv", Err: fs.ErrNotExist}
				}, braid.Name("open"))
				return nil
			})
		}, braid.Name("load"))
		return nil
	}, braid.Name("main"))

	path, ok := errors.AsType[*fs.PathError](err)
	fmt.Println(errors.Is(err, fs.ErrNotExist), ok, path.Path)
	fmt.Println(err)
	// Output:
	// true true prices.csv
	// task main/load/open: open prices.csv: file does not exist
}

// The error says how many tasks never ran because of the failure: work that nobody has done, and nobody has begun.
func ExampleGroupError_notStarted() {
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		var all braid.Event
		g.Go(func(ctx context.Context) error {
			if err := all.Wait(ctx); err != nil {
				return err
			}
			return errors.New("bad header")
		}, braid.Name("part-0"))
		for i := range 5 {
			g.Go(func(context.Context) error { return nil }, braid.Name(fmt.Sprintf("part-%d", i+1)))
		}
		all.Set()
		return nil
	}, braid.Name("upload"), braid.Limit(1))
	fmt.Println(err)

	failed, ok := errors.AsType[*braid.GroupError](err)
	fmt.Println(ok, failed.NotStarted)
	// Output:
	// task upload/part-0: bad header (5 tasks were not started)
	// true 5
}

// When a scope was cancelled from outside, and something failed besides, the failures come first
// and the reason of the cancellation last: neither hides the other.
func ExampleGroupError_parent() {
	errStop := errors.New("the service stops")
	ctx, cancel := context.WithCancelCause(context.Background())
	err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			<-ctx.Done()
			return errors.New("could not save the draft")
		}, braid.Name("editor"))
		cancel(errStop)
		return nil
	}, braid.Name("main"))
	fmt.Println(err)
	fmt.Println(errors.Is(err, errStop))
	// Output:
	// task main/editor: could not save the draft; the service stops
	// true
}

// TaskError names the task whose failure it is; inside is what the task returned.
func ExampleTaskError() {
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(context.Context) error { return fs.ErrPermission }, braid.Name("open"))
		return nil
	}, braid.Name("main"))

	if failure, ok := errors.AsType[*braid.TaskError](err); ok {
		fmt.Println(failure.Task)
		fmt.Println(failure.Unwrap())
	}
	// Output:
	// main/open
	// permission denied
}

// Whether a task was cancelled is judged by its own ctx, not by the error's look.
// A context error of some other context, here of a client whose own time ran out, is a failure like any other.
func ExampleTaskError_foreignContext() {
	client, cancel := context.WithCancel(context.Background())
	cancel()
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(context.Context) error { return client.Err() }, braid.Name("call"))
		return nil
	}, braid.Name("main"))
	fmt.Println(err)
	// Output: task main/call: context canceled
}

// A task that returns its cancellation together with something real has failed: the real part must not be lost.
func ExampleTaskError_joined() {
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			err := braid.Sleep(ctx, time.Hour)
			return errors.Join(err, errors.New("rollback failed"))
		}, braid.Name("tx"))
		g.Cancel(errors.New("stop"))
		return nil
	}, braid.Name("main"))
	fmt.Printf("%q\n", err.Error())
	// Output: "task main/tx: stop\nrollback failed"
}

// A spawn into a group that is cancelled already is not started. Its handle tells, and nobody waits for it in vain.
func ExampleHandle_Wait_notStarted() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		g.Cancel(nil)
		h := g.Go(func(context.Context) error {
			fmt.Println("never printed")
			return nil
		})
		err := h.Wait(context.WithoutCancel(ctx)) // ctx itself is done
		fmt.Println(h.State(), errors.Is(err, braid.ErrNotStarted))
		return nil
	})
	fmt.Println(err)
	// Output:
	// not started true
	// <nil>
}

// runtime.Goexit, which t.FailNow calls, ends a goroutine without a return or a panic.
// In a task it is a failure. It never leaves Run waiting.
func ExampleTaskError_goexit() {
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(context.Context) error {
			runtime.Goexit()
			return nil
		}, braid.Name("check"))
		return nil
	}, braid.Name("test"))
	fmt.Println(errors.Is(err, braid.ErrGoexit))
	fmt.Println(err)
	// Output:
	// true
	// task test/check: braid: the task called runtime.Goexit (or t.FailNow) and never returned
}
