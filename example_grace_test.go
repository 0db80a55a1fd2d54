package braid_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/braid-go/braid"
)

// Without Grace a task that ignores its ctx holds Run for ever. With it Run returns when the time is over
// and says who is stuck: in which call of braid, or outside of braid. The tasks still run, as nothing can stop a goroutine.
func ExampleGrace() {
	release := make(chan struct{})
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(context.Context) error {
			<-release // looks at no ctx
			return nil
		}, braid.Name("uploader"))
		g.Cancel(errors.New("shutdown"))
		return nil
	}, braid.Name("main"), braid.Grace(time.Millisecond))

	if stuck, ok := errors.AsType[*braid.StuckError](err); ok {
		for _, t := range stuck.Tasks {
			if t.Path == "main/uploader" {
				fmt.Printf("%v after the end of %s: %s waits on %q\n", stuck.Grace, stuck.Group, t.Path, t.Waiting)
			}
		}
	}
	close(release)
	// Output: 1ms after the end of main: main/uploader waits on ""
}

// A stuck task that waits inside braid is listed with what it waits on: here a shielded Put into a queue that nobody reads.
func ExampleStuckError() {
	outbox := braid.NewQueue[string](0)
	outbox.SetName("outbox")
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		mailer := g.Go(func(ctx context.Context) error {
			return braid.Shield(ctx, time.Hour, func(ctx context.Context) error {
				return outbox.Put(ctx, "goodbye")
			})
		}, braid.Name("mailer"))
		for mailer.Waiting() == "" {
			if err := braid.Yield(ctx); err != nil {
				return err
			}
		}
		g.Cancel(errors.New("shutdown"))
		return nil
	}, braid.Name("main"), braid.Grace(time.Millisecond))

	if stuck, ok := errors.AsType[*braid.StuckError](err); ok {
		for _, t := range stuck.Tasks {
			if t.Path == "main/mailer" {
				fmt.Println(t.Path, "waits in", t.Waiting)
			}
		}
	}
	outbox.Shutdown(braid.Now)
	// Output: main/mailer waits in queue.Put outbox
}

// A StuckTask prints itself as one line of a report.
func ExampleStuckTask() {
	fmt.Println(braid.StuckTask{Path: "shop/mailer", Age: 12 * time.Second, Waiting: "queue.Put outbox"})
	fmt.Println(braid.StuckTask{Path: "shop/resize", Age: 3 * time.Second})
	// Output:
	// shop/mailer (12s old, waits in queue.Put outbox)
	// shop/resize (3s old, busy or blocked outside braid)
}

// OnStuck hears the list even if it is the body that does not return, which Run cannot leave behind.
// A program that must end prints the list there and exits.
func ExampleOnStuck() {
	release := make(chan struct{})
	_ = braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Cancel(errors.New("shutdown"))
		<-release // a body that looks at no ctx
		return nil
	}, braid.Name("main"), braid.Grace(time.Millisecond), braid.OnStuck(func(e *braid.StuckError) {
		for _, t := range e.Tasks {
			fmt.Println("stuck:", t.Path)
		}
		close(release) // a program would call os.Exit(1)
	}))
	// Output: stuck: main (the body of Run)
}

// Unfinished tells at any time who is still there, for a program that is asked to end at once.
func ExampleGroup_Unfinished() {
	_ = braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		var gate braid.Event
		gate.SetName("gate")
		visitor := g.Go(gate.Wait, braid.Name("visitor"))
		for visitor.Waiting() == "" {
			if err := braid.Yield(ctx); err != nil {
				return err
			}
		}
		for _, t := range g.Unfinished() {
			fmt.Printf("%s: %q\n", t.Path, t.Waiting)
		}
		gate.Set()
		return nil
	}, braid.Name("main"))
	// Output:
	// main (the body of Run): ""
	// main/visitor: "event.Wait gate"
}
