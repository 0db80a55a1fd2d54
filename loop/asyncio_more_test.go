package loop_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/loop"
)

// As in asyncio_test.go: the examples of asyncio's pages on the loop, futures, synchronisation primitives and queues.

// forever is loop.run_forever: it waits for the loop to be stopped.
func forever(ctx context.Context) error { return new(braid.Event).Wait(ctx) }

// "Hello World with call_soon()".
func TestAsyncioHelloWorldWithCallSoon(t *testing.T) {
	var p printed
	bubble(t, func(ctx context.Context, _ *braid.Group) error {
		l := loop.Current(ctx)
		l.CallSoon(func() {
			p.println("Hello World")
			l.Stop()
		})
		return forever(ctx)
	})
	p.check(t, "Hello World")
}

// "Display the current date with call_later()".
func TestAsyncioDisplayDateWithCallLater(t *testing.T) {
	var p printed
	bubble(t, func(ctx context.Context, _ *braid.Group) error {
		l := loop.Current(ctx)
		end, n := l.Time().Add(seconds(5.5)), 0
		var displayDate func()
		displayDate = func() {
			n++
			p.println("date", n)
			if l.Time().Add(seconds(1)).Before(end) {
				l.CallLater(seconds(1), displayDate)
			} else {
				l.Stop()
			}
		}
		l.CallSoon(displayDate)
		return forever(ctx)
	})
	p.check(t, "date 1\ndate 2\ndate 3\ndate 4\ndate 5\ndate 6")
}

// call_soon, call_at and call_later beside each other, with a tie, a cancelled handle and a callback that calls again.
func TestAsyncioOrderOfCalls(t *testing.T) {
	var p printed
	bubble(t, func(ctx context.Context, _ *braid.Group) error {
		l := loop.Current(ctx)
		var again func(n int)
		again = func(n int) {
			p.println("call", n)
			if n < 3 {
				l.CallSoon(func() { again(n + 1) })
			}
		}
		l.CallSoon(func() { again(1) })
		l.CallSoon(func() { p.println("other") })
		now := l.Time()
		l.CallAt(now.Add(seconds(2)), func() { p.println("at 2") })
		l.CallAt(now.Add(seconds(1)), func() { p.println("at 1, first") })
		l.CallAt(now.Add(seconds(1)), func() { p.println("at 1, second") })
		handle := l.CallLater(seconds(1), func() { p.println("never") })
		handle.Cancel()
		p.println(handle.Cancelled())
		return braid.Sleep(ctx, seconds(4))
	})
	p.check(t, "true\ncall 1\nother\ncall 2\ncall 3\nat 1, first\nat 1, second\nat 2")
}

// Tasks that yield take turns, and callbacks stand in the same queue.
func TestAsyncioTasksAndCallbacksTakeTurns(t *testing.T) {
	var p printed
	bubble(t, func(ctx context.Context, g *braid.Group) error {
		l := loop.Current(ctx)
		task := func(name string) func(context.Context) error {
			return func(ctx context.Context) error {
				for i := range 3 {
					p.println(name, i)
					if err := braid.Yield(ctx); err != nil {
						return err
					}
				}
				return nil
			}
		}
		l.CallSoon(func() { p.println("soon 1") })
		a := g.Go(task("a"))
		l.CallSoon(func() { p.println("soon 2") })
		b := g.Go(task("b"))
		err := errors.Join(a.Wait(ctx), b.Wait(ctx))
		p.println("done")
		return err
	})
	p.check(t, "soon 1\na 0\nsoon 2\nb 0\na 1\nb 1\na 2\nb 2\ndone")
}

// "Future Object": set_after.
func TestAsyncioFuture(t *testing.T) {
	var p printed
	bubble(t, func(ctx context.Context, g *braid.Group) error {
		var promise braid.Promise[string]
		g.Go(func(ctx context.Context) error {
			if err := braid.Sleep(ctx, seconds(1)); err != nil {
				return err
			}
			promise.Resolve("... world")
			return nil
		})
		p.println("hello ...")
		v, err := promise.Future().Wait(ctx)
		p.println(v)
		return err
	})
	p.check(t, "hello ...\n... world")
}

// "Synchronization Primitives": Event.
func TestAsyncioEvent(t *testing.T) {
	var p printed
	bubble(t, func(ctx context.Context, g *braid.Group) error {
		var event braid.Event
		waiter := g.Go(func(ctx context.Context) error {
			p.println("waiting for it ...")
			err := event.Wait(ctx)
			p.println("... got it!")
			return err
		})
		if err := braid.Sleep(ctx, seconds(1)); err != nil {
			return err
		}
		event.Set()
		return waiter.Wait(ctx)
	})
	p.check(t, "waiting for it ...\n... got it!")
}

// "Synchronization Primitives": Semaphore, whose waiters are served in order.
func TestAsyncioSemaphore(t *testing.T) {
	var p printed
	bubble(t, func(_ context.Context, g *braid.Group) error {
		sem := braid.NewSemaphore(1)
		for i := range 3 {
			g.Go(func(ctx context.Context) error {
				if err := sem.Acquire(ctx, 1); err != nil {
					return err
				}
				defer sem.Release(1)
				p.println(i, "in")
				err := braid.Yield(ctx)
				p.println(i, "out")
				return err
			})
		}
		return nil
	})
	p.check(t, "0 in\n0 out\n1 in\n1 out\n2 in\n2 out")
}

// "Synchronization Primitives": Condition, with notify and notify_all.
func TestAsyncioCondition(t *testing.T) {
	var p printed
	bubble(t, func(ctx context.Context, g *braid.Group) error {
		var mu braid.Mutex
		cond := braid.NewCond(&mu)
		for i := range 3 {
			g.Go(func(ctx context.Context) error {
				if err := mu.Lock(ctx); err != nil {
					return err
				}
				defer mu.Unlock()
				if err := cond.Wait(ctx); err != nil {
					return err
				}
				p.println("woken", i)
				return nil
			})
		}
		notify := func(what string, f func()) error {
			if err := mu.Lock(ctx); err != nil {
				return err
			}
			defer mu.Unlock()
			f()
			p.println(what)
			return nil
		}
		err := braid.Sleep(ctx, seconds(1))
		err = errors.Join(err, notify("notified one", func() { cond.Notify(1) }))
		err = errors.Join(err, braid.Sleep(ctx, seconds(1)))
		return errors.Join(err, notify("notified all", cond.NotifyAll))
	})
	p.check(t, "notified one\nwoken 0\nnotified all\nwoken 1\nwoken 2")
}

// "Synchronization Primitives": Barrier.
func TestAsyncioBarrier(t *testing.T) {
	var p printed
	bubble(t, func(ctx context.Context, g *braid.Group) error {
		b := braid.NewBarrier(3)
		wait := func(ctx context.Context) error {
			_, err := b.Wait(ctx)
			return err
		}
		g.Go(wait)
		g.Go(wait)
		if err := braid.Yield(ctx); err != nil {
			return err
		}
		p.println(b.Statistics().Waiting, "waiting")
		if err := wait(ctx); err != nil {
			return err
		}
		p.println("barrier passed")
		if err := braid.Yield(ctx); err != nil {
			return err
		}
		p.println(b.Statistics().Waiting, "waiting")
		return nil
	})
	p.check(t, "2 waiting\nbarrier passed\n0 waiting")
}

// "Queues": three workers share the items. The original sleeps for random times; these are fixed.
func TestAsyncioQueueWorkers(t *testing.T) {
	var p printed
	bubble(t, func(ctx context.Context, g *braid.Group) error {
		queue := braid.NewQueue[int](100)
		for _, s := range []int{5, 11, 17, 3, 2, 23, 7} {
			if err := queue.Put(ctx, s); err != nil {
				return err
			}
		}
		var workers []*braid.Handle
		for i := range 3 {
			workers = append(workers, g.Go(func(ctx context.Context) error {
				for {
					s, err := queue.Get(ctx)
					if err != nil {
						return err
					}
					if err := braid.Sleep(ctx, seconds(float64(s))); err != nil {
						return err
					}
					queue.TaskDone()
					p.println(fmt.Sprintf("worker-%d has slept for %d seconds", i, s))
				}
			}))
		}
		if err := queue.Join(ctx); err != nil {
			return err
		}
		var ended []string
		for _, w := range workers {
			w.Cancel(nil)
		}
		for _, w := range workers {
			_ = w.Wait(ctx)
			ended = append(ended, w.State().String())
		}
		p.println("====", ended)
		return nil
	})
	p.check(t, `
worker-0 has slept for 5 seconds
worker-0 has slept for 3 seconds
worker-0 has slept for 2 seconds
worker-1 has slept for 11 seconds
worker-2 has slept for 17 seconds
worker-1 has slept for 7 seconds
worker-0 has slept for 23 seconds
==== [cancelled cancelled cancelled]`)
}

// Timeout.reschedule has no counterpart: a deadline is given where the scope begins. This is the nearest, a cancel at a time.
func TestAsyncioCancelAtATime(t *testing.T) {
	bubble(t, func(ctx context.Context, _ *braid.Group) error {
		start := braid.Time(ctx)
		late := errors.New("late")
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			loop.Current(ctx).CallLater(seconds(1), func() { g.Cancel(late) })
			return braid.Sleep(ctx, time.Hour)
		})
		if took := braid.Time(ctx).Sub(start); err != nil || took != seconds(1) {
			t.Errorf("err = %v after %v", err, took)
		}
		return nil
	})
}
