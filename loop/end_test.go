package loop_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/loop"
)

var errBoom = errors.New("boom")

// Stop ends thousands of waiting tasks, in the order in which they began to wait, whatever they wait on.
func TestStopEndsThousandsOfWaitingTasksInOrder(t *testing.T) {
	const n = 5000
	var got []int
	bubble(t, func(ctx context.Context, g *braid.Group) error {
		var event braid.Event
		queue := braid.NewQueue[int](1)
		for i := range n {
			g.Go(func(ctx context.Context) (err error) {
				switch i % 4 {
				case 0:
					err = event.Wait(ctx)
				case 1:
					_, err = queue.Get(ctx)
				case 2:
					err = braid.Sleep(ctx, time.Hour)
				default:
					err = braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error { return event.Wait(ctx) })
				}
				if !errors.Is(err, loop.ErrStopped) {
					t.Errorf("task %d: %v", i, err)
				}
				got = append(got, i)
				return err
			})
		}
		l := loop.Current(ctx)
		l.CallLater(time.Second, l.Stop)
		return nil
	})
	if len(got) != n {
		t.Fatalf("%d of %d tasks have ended", len(got), n)
	}
	flat := slices.DeleteFunc(slices.Clone(got), func(i int) bool { return i%4 == 3 }) // those one scope deeper need a turn more
	deep := slices.DeleteFunc(slices.Clone(got), func(i int) bool { return i%4 != 3 })
	if !slices.IsSorted(flat) || !slices.IsSorted(deep) {
		t.Error("they did not end in order")
	}
}

func TestStopFromAnotherGoroutineAndMoreThanOnce(t *testing.T) {
	braidtest.CheckLeaks(t)
	runLoop(t, func(ctx context.Context, _ *braid.Group) error {
		l := loop.Current(ctx)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(l.Stop)
		}
		err := new(braid.Event).Wait(ctx)
		wg.Wait()
		l.Stop()
		return err
	})
}

// As with braid.Group.Cancel: a task that fails while the loop is stopped has failed.
func TestAFailureDuringStopIsReported(t *testing.T) {
	braidtest.CheckLeaks(t)
	err := loop.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			_ = new(braid.Event).Wait(ctx)
			return errBoom
		})
		loop.Current(ctx).Stop()
		return nil
	})
	if !errors.Is(err, errBoom) {
		t.Errorf("err = %v", err)
	}
}

func TestRunUnderADoneContextDoesNotCallBody(t *testing.T) {
	braidtest.CheckLeaks(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBoom)
	err := loop.Run(ctx, func(context.Context, *braid.Group) error {
		t.Error("body was called")
		return nil
	})
	if err != errBoom {
		t.Errorf("err = %v", err)
	}
}

func TestTheEndOfAForeignContextEndsTheLoop(t *testing.T) {
	braidtest.CheckLeaks(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	err := loop.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		g.Go(new(braid.Event).Wait)
		go cancel(errBoom)
		return braid.Sleep(ctx, time.Hour)
	})
	if !errors.Is(err, errBoom) {
		t.Errorf("err = %v", err)
	}
}

func TestRunInsideATaskIsRefusedAndNamesTheTask(t *testing.T) {
	bubble(t, func(_ context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			err := loop.Run(ctx, func(context.Context, *braid.Group) error {
				t.Error("body was called")
				return nil
			})
			if !errors.Is(err, loop.ErrNested) {
				t.Errorf("err = %v", err)
			}
			contains(t, "the error", err.Error(), "main/inner", "braid.Run")
			return nil
		}, braid.Name("inner"))
		return nil
	}, loop.Scope(braid.Name("main")))
}

// A function that runs through Offload is off the loop, and may have one of its own.
func TestRunInsideAnOffloadIsAnotherLoop(t *testing.T) {
	bubble(t, func(ctx context.Context, _ *braid.Group) error {
		outer := loop.Current(ctx)
		_, err := braid.Offload(ctx, braid.NewLimiter("loops", 1), func(ctx context.Context) (int, error) {
			return 0, loop.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
				if l := loop.Current(ctx); l == nil || l == outer {
					t.Error("it is the same loop")
				}
				return braid.Sleep(ctx, time.Second)
			})
		})
		return err
	})
}

func TestCurrentIsNilWhereNoLoopRuns(t *testing.T) {
	braidtest.CheckLeaks(t)
	_ = braid.Run(t.Context(), func(ctx context.Context, _ *braid.Group) error {
		if loop.Current(ctx) != nil || loop.Current(t.Context()) != nil {
			t.Error("there is a loop")
		}
		return nil
	})
}

// Run does not use its caller's goroutine, so a caller that is locked to its thread may call it.
func TestTheCallerMayBeLockedToItsThread(t *testing.T) {
	braidtest.CheckLeaks(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	n := 0
	runLoop(t, func(_ context.Context, g *braid.Group) error {
		for range 10 {
			g.Go(func(ctx context.Context) error {
				n++
				return braid.Yield(ctx)
			})
		}
		return nil
	})
	if n != 10 {
		t.Errorf("n = %d", n)
	}
}

// runsOnAGoroutine calls f on a goroutine of its own and says how that ended.
func runsOnAGoroutine(f func()) (returned bool, panicked any) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { panicked = recover() }()
		f()
		returned = true
	}()
	<-done
	return returned, panicked
}

// Goexit in the body, as t.FailNow does it, ends the tasks and then the goroutine that called Run.
func TestGoexitInTheBodyEndsTheCaller(t *testing.T) {
	braidtest.CheckLeaks(t)
	ended := false
	returned, panicked := runsOnAGoroutine(func() {
		_ = loop.Run(t.Context(), func(_ context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				defer func() { ended = true }()
				return new(braid.Event).Wait(ctx)
			})
			runtime.Goexit()
			return nil
		})
	})
	if returned || panicked != nil || !ended {
		t.Errorf("returned: %v, panic: %v, the other task has ended: %v", returned, panicked, ended)
	}
}

// Goexit in a task is a failure of that task. Its coroutine is not used again, and the loop goes on.
func TestGoexitInATaskIsAFailure(t *testing.T) {
	for name, opts := range map[string][]loop.Option{"plain": nil, "eager": {loop.Eager()}, "debug": {loop.Debug()}} {
		t.Run(name, func(t *testing.T) {
			braidtest.CheckLeaks(t)
			after := 0
			err := loop.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
				deferred := false
				bad := g.Go(func(ctx context.Context) error {
					defer func() {
						deferred = true
						_ = braid.Yield(context.WithoutCancel(ctx)) // a wait on the way out
					}()
					runtime.Goexit()
					return nil
				}, braid.Name("bad"))
				_ = bad.Wait(context.WithoutCancel(ctx))
				if err, _ := bad.Err(); !errors.Is(err, braid.ErrGoexit) || !deferred {
					t.Errorf("the task's error is %v; its defers ran: %v", err, deferred)
				}
				return braid.Shield(ctx, time.Minute, func(ctx context.Context) error {
					return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
						for range 10 {
							g.Go(func(ctx context.Context) error {
								after++
								return braid.Yield(ctx)
							})
						}
						return nil
					})
				})
			}, append(opts, loop.Scope(braid.KeepGoing()))...)
			if !errors.Is(err, braid.ErrGoexit) || after != 10 {
				t.Errorf("err = %v, tasks afterwards: %d", err, after)
			}
		})
	}
}

// A panic keeps its value, its task and its stack, and becomes one of Run when all tasks have ended.
func TestAPanicInATaskIsOneOfRun(t *testing.T) {
	braidtest.CheckLeaks(t)
	for name, opts := range map[string][]loop.Option{"plain": nil, "eager": {loop.Eager()}, "debug": {loop.Debug()}} {
		ended := false
		returned, panicked := runsOnAGoroutine(func() {
			_ = loop.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error {
					defer func() { ended = true }()
					return new(braid.Event).Wait(ctx)
				})
				g.Go(func(context.Context) error { return explode() }, braid.Name("bad"))
				return nil
			}, append(opts, loop.Scope(braid.Name("main"), braid.PanicHook(func(*braid.PanicError) {})))...)
		})
		pe, ok := panicked.(*braid.PanicError)
		if returned || !ok || pe.Value != errBoom || pe.Task != "main/bad" || !ended {
			t.Fatalf("%s: returned: %v, panic: %v, the other task has ended: %v", name, returned, panicked, ended)
		}
		contains(t, "the stack", string(pe.Stack), "explode")
	}
}

//go:noinline
func explode() error { panic(errBoom) }

// What Abandon left behind is a task of the loop like others: Run waits for it.
func TestRunWaitsForWhatWasAbandoned(t *testing.T) {
	ended := false
	bubble(t, func(ctx context.Context, _ *braid.Group) error {
		short, cancel := context.WithCancel(ctx)
		loop.Current(ctx).CallLater(time.Second, cancel)
		_, err := braid.Abandon(short, func(ctx context.Context) (int, error) {
			_ = braid.Sleep(context.WithoutCancel(ctx), time.Hour)
			ended = true
			return 0, nil
		}, nil)
		if !errors.Is(err, context.Canceled) || ended {
			t.Errorf("Abandon: %v, ended: %v", err, ended)
		}
		return nil
	})
	if !ended {
		t.Error("Run did not wait")
	}
}

// With Grace the scope gives up and says so in time, but Run leaves no coroutine behind.
func TestGraceIsToldInTimeAndRunWaitsAllTheSame(t *testing.T) {
	braidtest.CheckLeaks(t)
	synctest.Test(t, func(t *testing.T) {
		start, told := time.Now(), time.Duration(0)
		err := loop.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error { return braid.Sleep(context.WithoutCancel(ctx), time.Hour) })
			loop.Current(ctx).Stop()
			return nil
		}, loop.Scope(braid.Grace(time.Second), braid.OnStuck(func(*braid.StuckError) { told = time.Since(start) })))
		if _, ok := errors.AsType[*braid.StuckError](err); !ok || told != time.Second || time.Since(start) != time.Hour {
			t.Errorf("told after %v, Run returned after %v: %v", told, time.Since(start), err)
		}
	})
}

// Whatever is called on a loop that has ended does nothing, or says so.
func TestALoopThatHasEndedDoesNothing(t *testing.T) {
	braidtest.CheckLeaks(t)
	var l *loop.Loop
	var portal *braid.Portal
	runLoop(t, func(ctx context.Context, g *braid.Group) error {
		l, portal = loop.Current(ctx), braid.NewPortal(g)
		return nil
	})
	called := false
	l.Stop()
	l.CallSoonThreadsafe(func() { called = true })
	l.CallSoon(func() { called = true })
	l.CallLater(0, func() { called = true })
	l.OnSignal(nilSignal)()
	_ = l.Time()
	if err := portal.Do(t.Context(), func(context.Context) error { return nil }); !errors.Is(err, braid.ErrClosed) {
		t.Errorf("Do: %v", err)
	}
	if called {
		t.Error("something was called")
	}
}

func TestOptionsPrintAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]loop.Option{
		"Eager": loop.Eager(), "Debug": loop.Debug(), "SlowAfter(1s)": loop.SlowAfter(time.Second), "PortablePoller": loop.PortablePoller(),
		"OnSlow": loop.OnSlow(nil), "OnException": loop.OnException(nil), `Scope([Name("main")])`: loop.Scope(braid.Name("main")),
	} {
		if o.String() != want {
			t.Errorf("%s prints as %s", want, o)
		}
	}
}

func TestMisuseOfArgumentsPanics(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	contains(t, "a negative time", mustPanic(t, func() { loop.SlowAfter(-1) }), "SlowAfter(-1ns)")
	contains(t, "no body", mustPanic(t, func() { _ = loop.Run(t.Context(), nil) }), "needs a body")
	runLoop(t, func(ctx context.Context, _ *braid.Group) error {
		l := loop.Current(ctx)
		for name, f := range map[string]func(){
			"CallSoon":  func() { l.CallSoon(nil) },
			"CallLater": func() { l.CallLater(0, nil) },
			"CallAt":    func() { l.CallAt(time.Time{}, nil) },
			"OnSignal":  func() { l.OnSignal(nil) },
		} {
			contains(t, name, mustPanic(t, f), name+" needs a function")
		}
		return nil
	})
}

func goexit() { runtime.Goexit() }

// A loop inside a task on goroutines is a loop: its tasks run on it one at a time, and end with the task.
func TestALoopInsideATaskOnGoroutines(t *testing.T) {
	for name, opts := range map[string][]loop.Option{"plain": nil, "eager": {loop.Eager()}, "debug": {loop.Debug()}} {
		t.Run(name, func(t *testing.T) {
			braidtest.CheckLeaks(t)
			ended := 0
			var running braid.Event
			err := braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
				for range 2 {
					g.Go(func(ctx context.Context) error {
						_ = braid.Sleep(ctx, time.Microsecond) // it has waited where it belongs, before
						return loop.Run(ctx, func(ctx context.Context, g *braid.Group) error {
							l, counter := loop.Current(ctx), 0
							if l == nil {
								return errBoom
							}
							if err := listen(ctx, t, "tcp").Close(); err != nil {
								return err
							}
							err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
								for range 100 {
									g.Go(func(ctx context.Context) error {
										for range 10 {
											before := counter
											if counter++; counter != before+1 || loop.Current(ctx) != l {
												t.Error("a task is not alone, or not on its loop")
											}
											if err := braid.Yield(ctx); err != nil {
												return err
											}
										}
										return nil
									})
								}
								return nil
							})
							g.Go(func(ctx context.Context) error {
								running.Set()
								err := new(braid.Event).Wait(ctx)
								ended++
								return err
							})
							return errors.Join(err, braid.Sleep(ctx, time.Hour))
						}, opts...)
					}, braid.Name("outer"))
				}
				err := running.Wait(ctx)
				g.Cancel(errBoom)
				return err
			}, braid.Limit(1))
			if err != nil && !errors.Is(err, errBoom) || ended != 1 {
				t.Errorf("%v; %d have ended", err, ended)
			}
		})
	}
}
