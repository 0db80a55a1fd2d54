package loop_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/loop"
)

// Tasks of a loop run one at a time, in the order in which they became ready, so counter needs no lock.
func ExampleRun() {
	counter := 0
	err := loop.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		for i := range 3 {
			g.Go(func(ctx context.Context) error {
				fmt.Println("task", i, "starts")
				counter++
				if err := braid.Yield(ctx); err != nil { // the others run
					return err
				}
				fmt.Println("task", i, "ends, counter is", counter)
				return nil
			})
		}
		fmt.Println("the body ends, and Run waits")
		return nil
	})
	fmt.Println(err)
	// Output:
	// the body ends, and Run waits
	// task 0 starts
	// task 1 starts
	// task 2 starts
	// task 0 ends, counter is 3
	// task 1 ends, counter is 3
	// task 2 ends, counter is 3
	// <nil>
}

// Run inside a task of a loop would hold the outer loop, and is refused.
func ExampleRun_nested() {
	_ = loop.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		err := loop.Run(ctx, func(context.Context, *braid.Group) error { return nil })
		fmt.Println(errors.Is(err, loop.ErrNested))
		fmt.Println(err)
		return nil
	}, loop.Scope(braid.Name("main")))
	// Output:
	// true
	// loop: Run inside a task of a loop: task main runs on a loop already and would hold it for all others; start a task with Go, or open a scope with braid.Run
}

// Several loops run side by side, one a core for example. They share nothing but what the program gives them.
func ExampleRun_several() {
	results := braid.NewQueue[string](10)
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		for i := range 2 {
			g.Go(func(ctx context.Context) error {
				return loop.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
					return results.Put(ctx, fmt.Sprintf("loop %d was here", i))
				})
			})
		}
		return nil
	})
	for range 2 {
		s, _ := results.TryGet()
		fmt.Println(s)
	}
	fmt.Println(err)
	// Unordered output:
	// loop 0 was here
	// loop 1 was here
	// <nil>
}

// Code finds its loop in its ctx. Where none runs, Current is nil.
func ExampleCurrent() {
	ctx := context.Background()
	fmt.Println(loop.Current(ctx) == nil)
	_ = loop.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
		fmt.Println(loop.Current(ctx) != nil)
		return nil
	})
	// Output:
	// true
	// true
}

// What becomes ready in a turn runs in the next one.
func ExampleLoop_CallSoon() {
	_ = loop.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		l := loop.Current(ctx)
		l.CallSoon(func() {
			fmt.Println("first")
			l.CallSoon(func() { fmt.Println("third, in the next turn") })
		})
		l.CallSoon(func() { fmt.Println("second") })
		return braid.Sleep(ctx, time.Millisecond)
	})
	// Output:
	// first
	// second
	// third, in the next turn
}

// The clock of asyncio's documentation: a callback that calls itself again, and stops the loop in the end.
func ExampleLoop_CallLater() {
	err := loop.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		l, n := loop.Current(ctx), 0
		var tick func()
		tick = func() {
			if n++; n > 3 {
				l.Stop()
				return
			}
			fmt.Println("tick", n)
			l.CallLater(time.Millisecond, tick)
		}
		l.CallSoon(tick)
		return new(braid.Event).Wait(ctx) // until the loop is stopped
	})
	fmt.Println(err)
	// Output:
	// tick 1
	// tick 2
	// tick 3
	// <nil>
}

// Calls with the same time keep their order.
func ExampleLoop_CallAt() {
	_ = loop.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		l := loop.Current(ctx)
		at := l.Time().Add(2 * time.Millisecond)
		l.CallAt(at, func() { fmt.Println("second") })
		l.CallAt(at, func() { fmt.Println("third") })
		l.CallAt(at.Add(-time.Millisecond), func() { fmt.Println("first") })
		return braid.Sleep(ctx, 5*time.Millisecond)
	})
	// Output:
	// first
	// second
	// third
}

// The clock of a loop is the one of its timers.
func ExampleLoop_Time() {
	_ = loop.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		l := loop.Current(ctx)
		start := l.Time()
		_ = braid.Sleep(ctx, 3*time.Millisecond)
		fmt.Println(l.Time().Sub(start) >= 3*time.Millisecond)
		return nil
	})
	// Output: true
}

// A handle cancels its call, and says what became of it.
func ExampleCallback() {
	_ = loop.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		l := loop.Current(ctx)
		call := l.CallLater(time.Millisecond, func() { fmt.Println("never") })
		fmt.Println(call.Cancel(), call.Cancelled())
		fmt.Println("again:", call.Cancel())
		return braid.Sleep(ctx, 2*time.Millisecond)
	})
	// Output:
	// true true
	// again: false
}

// Stop ends all that waits, in order. It is no failure.
func ExampleLoop_Stop() {
	err := loop.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		for i := range 3 {
			g.Go(func(ctx context.Context) error {
				err := braid.Sleep(ctx, time.Hour)
				fmt.Println("task", i, "ends:", err)
				return err
			})
		}
		l := loop.Current(ctx)
		l.CallLater(time.Millisecond, l.Stop)
		return nil
	})
	fmt.Println("Run returns", err)
	// Output:
	// task 0 ends: loop: the loop has been stopped
	// task 1 ends: loop: the loop has been stopped
	// task 2 ends: loop: the loop has been stopped
	// Run returns <nil>
}

// An eager loop runs a new task at once, to its first wait.
func ExampleEager() {
	_ = loop.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			fmt.Println("the child runs to its first wait")
			err := braid.Yield(ctx)
			fmt.Println("the child ends")
			return err
		})
		fmt.Println("the parent goes on")
		return nil
	}, loop.Eager())
	// Output:
	// the child runs to its first wait
	// the parent goes on
	// the child ends
}

// The root scope of a loop takes the options of braid.Run.
func ExampleScope() {
	err := loop.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		g.Go(func(context.Context) error { return errors.New("out of paper") }, braid.Name("printer"))
		return nil
	}, loop.Scope(braid.Name("office"), braid.KeepGoing()))
	fmt.Println(err)
	// Output: task office/printer: out of paper
}

// Options print as they are written.
func ExampleOption() {
	for _, o := range []loop.Option{loop.Eager(), loop.SlowAfter(time.Second), loop.Scope(braid.Limit(10))} {
		fmt.Println(o)
	}
	// Output:
	// Eager
	// SlowAfter(1s)
	// Scope([Limit(10)])
}

// The watchdog reports what holds the loop while it does, with its stack.
func ExampleOnSlow() {
	reported := make(chan loop.Slow, 1)
	_ = loop.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(context.Context) error {
			s := <-reported // blocks the thread until the watchdog has noticed
			fmt.Println(s.Task)
			fmt.Println("its stack shows where:", strings.Contains(s.Stack, "ExampleOnSlow"))
			return nil
		}, braid.Name("thumbnails"))
		return nil
	}, loop.Scope(braid.Name("main")), loop.SlowAfter(5*time.Millisecond), loop.OnSlow(func(s loop.Slow) { reported <- s }))
	// Output:
	// task main/thumbnails
	// its stack shows where: true
}

// A panic in a callback goes to the handler, and the loop goes on.
func ExampleOnException() {
	_ = loop.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		l := loop.Current(ctx)
		l.CallSoon(func() { panic("a mistake") })
		l.CallSoon(func() { fmt.Println("the next callback") })
		return braid.Yield(ctx)
	}, loop.OnException(func(pe *braid.PanicError) { fmt.Println("heard:", pe.Value) }))
	// Output:
	// heard: a mistake
	// the next callback
}

// Debug mode finds a wait that uses a ctx of the loop on a goroutine of its own.
func ExampleDebug() {
	_ = loop.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		found := make(chan string)
		go func() {
			defer func() { found <- fmt.Sprint(recover()) }()
			_ = braid.Sleep(ctx, time.Second)
		}()
		text := <-found
		fmt.Println(strings.HasPrefix(text, "loop: braid.Sleep on goroutine "))
		fmt.Println(strings.Contains(text, "while task main of the loop runs on goroutine "))
		return nil
	}, loop.Scope(braid.Name("main")), loop.Debug())
	// Output:
	// true
	// true
}

// The portable poller is what other systems than Linux use; here it is for tests.
func ExamplePortablePoller() {
	err := loop.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		ln, err := loop.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		return ln.Close()
	}, loop.PortablePoller())
	fmt.Println(err)
	// Output: <nil>
}
