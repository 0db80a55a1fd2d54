package braid_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/braid-go/braid"
)

// Names are given where something is started. They make up the paths that errors, panics and tools show.
func ExampleName() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		h := g.Go(func(ctx context.Context) error {
			return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(func(context.Context) error { return errors.New("no such article") }, braid.Name("row-7"))
				return nil
			}, braid.Name("batch")) // a group has a place in the path if it has a name
		}, braid.Name("import"))
		fmt.Println(h.Name(), h.Path())
		return h.Wait(ctx)
	}, braid.Name("shop"))
	fmt.Println(err)
	// Output:
	// import shop/import
	// task shop/import/batch/row-7: no such article
}

// Current finds the task in its ctx, however deep in the calls: a log line needs nothing else to say whose it is.
// Code that runs in no task gets nil.
func ExampleCurrent() {
	logf := func(ctx context.Context, text string) {
		if t := braid.Current(ctx); t != nil {
			text = "[" + t.Path() + "] " + text
		}
		fmt.Println(text)
	}
	logf(context.Background(), "starting")
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		logf(ctx, "in the body, which belongs to the task that called Run")
		return g.Go(func(ctx context.Context) error {
			inner, cancel := context.WithCancel(ctx) // still the same task
			defer cancel()
			logf(inner, "connecting")
			return nil
		}, braid.Name("db")).Wait(ctx)
	}, braid.Name("shop"))
	fmt.Println(err)
	// Output:
	// starting
	// [shop] in the body, which belongs to the task that called Run
	// [shop/db] connecting
	// <nil>
}

func fetchRates(context.Context) (float64, error) { return 1.17, nil }

// A task without a name is called after its function; in a combinator its index follows.
func ExampleHandle_Name() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		fmt.Println(braid.Go(g, fetchRates).Name())
		_, err := braid.Gather(ctx, fetchRates, func(ctx context.Context) (float64, error) {
			t := braid.Current(ctx)
			fmt.Println(t.Name() != "", t.Group().Name())
			return fetchRates(ctx)
		})
		return err
	})
	fmt.Println(err)
	// Output:
	// braid_test.fetchRates
	// true gather
	// <nil>
}

// A path leads from the outermost scope to the task.
func ExampleHandle_Path() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		_, err := braid.Gather(ctx, func(ctx context.Context) (int, error) {
			return braid.Go(g, func(ctx context.Context) (int, error) {
				fmt.Println(braid.Current(ctx).Path()) // of its group, whoever started it
				return 0, nil
			}, braid.Name("child")).Wait(ctx)
		})
		return err
	}, braid.Name("main"))
	fmt.Println(err)
	// Output:
	// main/child
	// <nil>
}

// Group tells where a task belongs. The task of an outermost Run belongs to no group.
func ExampleHandle_Group() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		fmt.Println(braid.Current(ctx).Group() == nil)
		h := g.Go(func(context.Context) error { return nil })
		fmt.Println(h.Group() == g)
		return h.Wait(ctx)
	})
	fmt.Println(err)
	// Output:
	// true
	// true
	// <nil>
}

// The name of an outermost Run names its task. A Run inside a task adds a name of its own to the path, if it has one.
func ExampleGroup_Path() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		fmt.Println(g.Path())
		return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			fmt.Println(g.Path(), g.Name())
			return nil
		}, braid.Name("workers"))
	}, braid.Name("main"))
	fmt.Println(err)
	// Output:
	// main
	// main/workers workers
	// <nil>
}

// Options can be kept, passed on and printed, so a program can log how it was set up.
func ExampleRunOption() {
	pool := []braid.RunOption{braid.Name("pool"), braid.Limit(4), braid.Grace(5 * time.Second), braid.OnPanic(braid.AsError)}
	fmt.Println(pool)
	fmt.Println(braid.Run(context.Background(), func(context.Context, *braid.Group) error { return nil }, pool...))
	// Output:
	// [Name("pool") Limit(4) Grace(5s) OnPanic(AsError)]
	// <nil>
}

// The same options serve many tasks.
func ExampleTaskOption() {
	request := []braid.TaskOption{braid.Name("request"), braid.TaskTimeout(2 * time.Second)}
	fmt.Println(request)
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		for range 2 {
			g.Go(func(context.Context) error { return nil }, request...)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// [Name("request") TaskTimeout(2s)]
	// <nil>
}

// Name fits both a scope and a task, so its type is exported: both kinds of option can be made from one value.
func ExampleNameOption() {
	name := braid.Name("import")
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		h := g.Go(func(context.Context) error { return nil }, name)
		fmt.Println(h.Path(), name)
		return nil
	}, name)
	fmt.Println(err)
	// Output:
	// import/import Name("import")
	// <nil>
}
