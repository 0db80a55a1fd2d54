package loop_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/loop"
)

// 100,000 calls from 8 goroutines: each is made, once, and those of a goroutine in their order.
func TestCallSoonThreadsafeLosesNothingAndKeepsEachOrder(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		const goroutines, each = 8, 12_500
		var next [goroutines]int
		calls := 0
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			l := loop.Current(ctx)
			ln := listen(ctx, t, "tcp") // so that the loop sleeps in its poller
			defer ln.Close()
			var done braid.Event
			var wg sync.WaitGroup
			for g := range goroutines {
				wg.Go(func() {
					for i := range each {
						l.CallSoonThreadsafe(func() {
							if next[g] != i {
								t.Errorf("goroutine %d: call %d comes, where %d is next", g, i, next[g])
							}
							next[g] = i + 1
							if calls++; calls == goroutines*each {
								done.Set()
							}
						})
					}
				})
			}
			err := done.Wait(ctx)
			wg.Wait()
			return err
		}, opts...)
		if calls != goroutines*each {
			t.Errorf("%d of %d calls", calls, goroutines*each)
		}
	})
}

// Handles are cancelled from other goroutines while the loop calls: each is called or cancelled, never both, never neither.
func TestCallbacksAreCancelledFromOtherGoroutines(t *testing.T) {
	braidtest.CheckLeaks(t)
	var called, cancelled atomic.Int64
	const n = 5000
	runLoop(t, func(ctx context.Context, _ *braid.Group) error {
		l := loop.Current(ctx)
		var wg sync.WaitGroup
		for i := range n {
			soon := l.CallSoon(func() { called.Add(1) })
			later := l.CallLater(time.Duration(i)*time.Nanosecond, func() { called.Add(1) })
			wg.Go(func() {
				for _, c := range []*loop.Callback{soon, later} {
					if c.Cancel() {
						cancelled.Add(1)
					}
				}
			})
			if i%100 == 0 {
				if err := braid.Yield(ctx); err != nil {
					return err
				}
			}
		}
		wg.Wait()
		return braid.Sleep(ctx, time.Millisecond)
	})
	if called.Load()+cancelled.Load() != 2*n {
		t.Errorf("%d were called and %d cancelled, of %d", called.Load(), cancelled.Load(), 2*n)
	}
}

// The first socket is opened while other goroutines wake the loop: it changes the way in which it sleeps under their hands.
func TestALoopIsWokenWhileItGetsItsPoller(t *testing.T) {
	braidtest.CheckLeaks(t)
	for range 100 {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			l := loop.Current(ctx)
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					for range 100 {
						l.CallSoonThreadsafe(func() {})
						runtime.Gosched()
					}
				})
			}
			err := braid.Sleep(ctx, 50*time.Microsecond)
			err = errors.Join(err, listen(ctx, t, "tcp").Close(), braid.Sleep(ctx, 50*time.Microsecond))
			wg.Wait()
			return err
		})
	}
}

// Offload runs on another goroutine, lets the loop go on, and returns onto the loop.
func TestOffloadReturnsOntoTheLoop(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		counter, others := 0, 0
		runLoop(t, func(_ context.Context, g *braid.Group) error {
			lim := braid.NewLimiter("work", 4)
			release := make(chan struct{})
			g.Go(func(ctx context.Context) error {
				for range 100 {
					others++
					if err := braid.Yield(ctx); err != nil {
						return err
					}
				}
				close(release)
				return nil
			})
			for range 20 {
				g.Go(func(ctx context.Context) error {
					inside, err := braid.Offload(ctx, lim, func(ctx context.Context) (*loop.Loop, error) {
						<-release // holds its goroutine, and nobody else
						return loop.Current(ctx), nil
					})
					if inside != nil {
						t.Error("inside an Offload there is a loop")
					}
					counter++ // no lock: it is on the loop again
					return errors.Join(err, braid.Yield(ctx))
				})
			}
			return nil
		}, opts...)
		if counter != 20 || others != 100 {
			t.Errorf("%d offloads returned, the other task ran %d times", counter, others)
		}
	})
}

func TestAPortalSubmitsFromOtherGoroutines(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		const goroutines, each = 8, 200
		counter := 0
		task := func(ctx context.Context) error {
			before := counter
			counter++
			if counter != before+1 {
				t.Error("it is not alone")
			}
			return braid.Yield(ctx)
		}
		runLoop(t, func(ctx context.Context, g *braid.Group) error {
			portal := braid.NewPortal(g)
			_, err := braid.Offload(ctx, braid.NewLimiter("outside", 1), func(ctx context.Context) (int, error) {
				var wg sync.WaitGroup
				for range goroutines {
					wg.Go(func() {
						for i := range each {
							var err error
							if i%2 == 0 {
								err = portal.Do(ctx, task)
							} else {
								_, err = braid.Submit(portal, func(ctx context.Context) (int, error) { return 1, task(ctx) }).Wait(ctx)
							}
							if err != nil {
								t.Error(err)
							}
						}
					})
				}
				wg.Wait()
				return 0, portal.Do(ctx, func(context.Context) error { return errBoom })
			})
			if !errors.Is(err, errBoom) {
				t.Errorf("the failure of a call through the portal: %v", err)
			}
			return nil
		}, opts...)
		if counter != goroutines*each {
			t.Errorf("counter = %d", counter)
		}
	})
}

// What comes through a portal is on the portal's loop, whatever its caller's ctx says of another one, or of none.
func TestATaskOfAPortalIsOnThePortalsLoop(t *testing.T) {
	braidtest.CheckLeaks(t)
	runLoop(t, func(ctx context.Context, g *braid.Group) error {
		l, portal := loop.Current(ctx), braid.NewPortal(g)
		onLoop := func(ctx context.Context) error {
			if loop.Current(ctx) != l {
				t.Error("the task does not know its loop")
			}
			if err := loop.Run(ctx, func(context.Context, *braid.Group) error { return nil }); !errors.Is(err, loop.ErrNested) {
				t.Errorf("a loop inside the task: %v", err)
			}
			return listen(ctx, t, "tcp").Close()
		}
		lim := braid.NewLimiter("outside", 2)
		_, err := braid.Offload(ctx, lim, func(ctx context.Context) (int, error) {
			return 0, errors.Join(portal.Do(ctx, onLoop), portal.Do(context.Background(), onLoop), loop.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				other := loop.Current(ctx)
				back := braid.NewPortal(g)
				return errors.Join(portal.Do(ctx, onLoop), portal.Do(ctx, func(ctx context.Context) error {
					return back.Do(ctx, func(ctx context.Context) error {
						if loop.Current(ctx) != other {
							t.Error("back on the other loop, the task does not know it")
						}
						return nil
					})
				}))
			}))
		})
		return err
	})
}

// Tasks of two loops and ordinary goroutines share primitives. Nothing is lost, and a mutex excludes them all.
func TestPrimitivesAreSharedByLoopsAndGoroutines(t *testing.T) {
	braidtest.CheckLeaks(t)
	const workers, rounds = 5, 200 // in each of the three worlds
	var (
		mu       braid.Mutex
		start    braid.Event
		sem      = braid.NewSemaphore(3)
		queue    = braid.NewQueue[int](7)
		counter  int
		inside   atomic.Int64
		got, sum atomic.Int64
	)
	work := func(ctx context.Context, g *braid.Group) error {
		for w := range workers {
			g.Go(func(ctx context.Context) error {
				if err := start.Wait(ctx); err != nil {
					return err
				}
				for i := range rounds {
					if err := mu.Lock(ctx); err != nil {
						return err
					}
					counter++
					if i%10 == 0 {
						if err := braid.Yield(ctx); err != nil {
							return err
						}
					}
					mu.Unlock()
					if err := sem.Acquire(ctx, 1); err != nil {
						return err
					}
					if n := inside.Add(1); n > 3 {
						t.Errorf("%d hold one of 3 permits", n)
					}
					if err := braid.Yield(ctx); err != nil {
						return err
					}
					inside.Add(-1)
					sem.Release(1)
					if err := queue.Put(ctx, w*rounds+i); err != nil {
						return err
					}
					v, err := queue.Get(ctx)
					if err != nil {
						return err
					}
					got.Add(1)
					sum.Add(int64(v))
				}
				return nil
			})
		}
		return start.Wait(ctx)
	}
	var wg sync.WaitGroup
	wg.Go(func() { runLoop(t, work) })
	wg.Go(func() { runLoop(t, work, loop.Eager()) })
	wg.Go(func() {
		if err := braid.Run(t.Context(), work); err != nil {
			t.Error(err)
		}
	})
	start.Set()
	wg.Wait()
	const n = workers * rounds
	if counter != 3*n || got.Load() != 3*n || sum.Load() != 3*n*(n-1)/2 {
		t.Errorf("counter = %d, %d items with a sum of %d", counter, got.Load(), sum.Load())
	}
	if queue.Len() != 0 || !sem.TryAcquire(3) || !mu.TryLock() {
		t.Error("something is left in the queue, of the permits or of the lock")
	}
}

// Any number of loops run side by side, each with its own clock, tasks and sockets.
func TestLoopsRunSideBySide(t *testing.T) {
	braidtest.CheckLeaks(t)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			runLoop(t, func(ctx context.Context, g *braid.Group) error {
				l := loop.Current(ctx)
				for range 10 {
					g.Go(func(ctx context.Context) error {
						a, b := pair(ctx, t, "tcp")
						defer a.Close()
						defer b.Close()
						if loop.Current(ctx) != l {
							t.Error("a task is on another loop")
						}
						if _, err := a.Write([]byte("x")); err != nil {
							return err
						}
						_, err := b.Read(make([]byte, 1))
						return err
					})
				}
				return nil
			})
		})
	}
	wg.Wait()
}
