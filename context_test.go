package braid_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
)

// context.Cause asks a context for its cause by a key that it does not export. Braid has learned it; see causeKey.
// If a later Go asks otherwise, this test says so.
func TestContext_causeOfStandardChildren(t *testing.T) {
	bubble(t, func(t *testing.T) {
		reason := errors.New("reason")
		err := braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
			h := g.Go(func(ctx context.Context) error {
				early, stop := context.WithCancel(context.WithValue(ctx, ctxKey(1), "v"))
				defer stop()
				<-ctx.Done()
				late, stop := context.WithTimeout(ctx, time.Hour)
				defer stop()
				synctest.Wait()
				for name, ctx := range map[string]context.Context{
					"the task's": ctx, "a child made before": early, "a child made after": late,
					"a value": context.WithValue(ctx, ctxKey(2), "v"),
				} {
					if err := ctx.Err(); err != context.Canceled {
						t.Errorf("%s: Err %v", name, err)
					}
					if cause := context.Cause(ctx); cause != reason {
						t.Errorf("%s: Cause %v, want %v", name, cause, reason)
					}
				}
				if cause := context.Cause(context.WithoutCancel(ctx)); cause != nil {
					t.Errorf("WithoutCancel: Cause %v, want none", cause)
				}
				return ctx.Err()
			})
			h.Cancel(reason)
			_ = h.Wait(ctx)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// Who cancels a standard context sees the very next call fail, with no goroutine in between;
// also through scopes and contexts that hang on each other.
func TestContext_standardParentIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(ctx context.Context) error{
		"Run": func(ctx context.Context) error {
			return braid.Run(ctx, func(context.Context, *braid.Group) error { return nil })
		},
		"Timeout": func(ctx context.Context) error {
			return braid.Timeout(ctx, time.Hour, func(context.Context) error { return nil })
		},
		"Yield":     braid.Yield,
		"Sleep":     func(ctx context.Context) error { return braid.Sleep(ctx, time.Hour) },
		"Event":     func(ctx context.Context) error { return new(braid.Event).Wait(ctx) },
		"Semaphore": func(ctx context.Context) error { return braid.NewSemaphore(1).Acquire(ctx, 1) },
		"Mutex":     func(ctx context.Context) error { return new(braid.Mutex).Lock(ctx) },
		"Put":       func(ctx context.Context) error { return braid.NewQueue[int](1).Put(ctx, 1) },
		"Err":       context.Context.Err,
		"Cause":     context.Cause,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			braidtest.CheckLeaks(t)
			reason := errors.New("reason")
			outer, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			expect := func(where string, ctx context.Context) {
				t.Helper()
				want := reason
				if name == "Err" {
					want = context.Canceled
				}
				if err := call(ctx); err != want {
					t.Errorf("%s: %v, want %v", where, err, want)
				}
			}
			_ = braid.Run(outer, func(ctx context.Context, _ *braid.Group) error {
				between, stop := context.WithCancel(ctx)
				defer stop()
				return braid.Run(between, func(ctx context.Context, g *braid.Group) error {
					return braid.Timeout(ctx, time.Hour, func(ctx context.Context) error {
						valued := context.WithValue(ctx, ctxKey(0), "v")
						return braid.Timeout(valued, time.Hour, func(ctx context.Context) error {
							cancel(reason)
							expect("innermost", ctx)
							expect("above", valued)
							if h := g.Go(func(context.Context) error { return nil }); h.State() != braid.NotStarted {
								t.Errorf("a task of the cancelled group is %v", h.State())
							}
							return nil
						})
					})
				})
			})
			expect("outermost", outer)
		})
	}
}

// A context that outlives its scope is done, and whoever waits with it is let go.
func TestContext_endsWithItsScope(t *testing.T) {
	for name, open := range map[string]func(ctx context.Context, fn func(context.Context) error) error{
		"Run": func(ctx context.Context, fn func(context.Context) error) error {
			return braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error { return fn(ctx) })
		},
		"task": func(ctx context.Context, fn func(context.Context) error) error {
			return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(fn)
				return nil
			})
		},
		"Timeout": func(ctx context.Context, fn func(context.Context) error) error {
			return braid.Timeout(ctx, time.Hour, fn)
		},
		"Shield": func(ctx context.Context, fn func(context.Context) error) error {
			return braid.Shield(ctx, time.Hour, fn)
		},
	} {
		for _, waiters := range []int{0, 1, 3} {
			t.Run(fmt.Sprintf("%s/waiters=%d", name, waiters), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					var never braid.Event
					var kept context.Context
					var waited atomic.Int32
					err := open(t.Context(), func(ctx context.Context) error {
						kept = ctx
						for range waiters {
							go func() {
								if err := never.Wait(ctx); plain(err) == errScopeOver.Error() {
									waited.Add(1)
								}
							}()
						}
						synctest.Wait()
						return nil
					})
					if err != nil {
						t.Error(err)
					}
					synctest.Wait()
					if got := int(waited.Load()); got != waiters {
						t.Errorf("%d calls were let go, want %d", got, waiters)
						never.Set() // lets the others go
					}
					if kept.Err() != context.Canceled || plain(context.Cause(kept)) != errScopeOver.Error() || !isClosed(kept.Done()) {
						t.Errorf("Err %v, Cause %v, Done closed %v", kept.Err(), context.Cause(kept), isClosed(kept.Done()))
					}
					if err := braid.Yield(kept); plain(err) != errScopeOver.Error() {
						t.Errorf("Yield: %v", err)
					}
				})
			})
		}
	}
}

// Functions of context.AfterFunc run outside of all locks: they may use the contexts and the group.
func TestContext_afterFuncMayCallBack(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	err := braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
		called := make(chan struct{})
		context.AfterFunc(ctx, func() {
			defer close(called)
			g.Cancel(nil)
			_ = g.Statistics()
			_ = g.Go(func(context.Context) error { return nil })
			context.AfterFunc(ctx, func() {})()
			_ = braid.Timeout(ctx, time.Hour, func(context.Context) error { return nil })
		})
		g.Cancel(nil)
		<-called
		return nil
	})
	if err != nil && !errors.Is(err, braid.ErrNotStarted) {
		t.Error(err)
	}
}

// Scopes open and close, and are looked at, while the scope around them is cancelled.
// Under the race detector this is a test of the tree's locks; without it, of its invariants:
// no scope below a cancelled one stays open to a wait.
func TestContext_cancelDuringAttachAndDetach(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	rounds := 300
	if testing.Short() {
		rounds = 50
	}
	reason := errors.New("reason")
	for round := range rounds {
		parent, cancelParent := context.WithCancelCause(t.Context())
		var never braid.Event
		var opened atomic.Int32
		err := braid.Run(parent, func(ctx context.Context, g *braid.Group) error {
			for i := range 8 {
				g.Go(func(ctx context.Context) error {
					for opened.Load() < 64 {
						err := churn(ctx, i+round, &never)
						opened.Add(1)
						if err != nil {
							return err
						}
					}
					switch {
					case i > 0:
						return braid.Timeout(ctx, time.Hour, never.Wait) // opens while task 0 cancels
					case round%2 == 0:
						cancelParent(reason)
					default:
						g.Cancel(reason)
					}
					return never.Wait(ctx)
				})
			}
			return never.Wait(ctx)
		})
		cancelParent(nil)
		if want := map[bool]error{true: reason, false: nil}[round%2 == 0]; err != want {
			t.Fatalf("round %d: %v, want %v", round, err, want)
		}
	}
}

// churn opens a scope of some kind and closes it. Its error is the cause of ctx.
func churn(ctx context.Context, i int, never *braid.Event) error {
	inner := func(ctx context.Context) error {
		if i%3 == 0 {
			_ = ctx.Done()
		}
		return braid.Yield(ctx)
	}
	switch i % 6 {
	case 0:
		return braid.Timeout(ctx, time.Hour, inner)
	case 1:
		below, stop := context.WithCancel(ctx)
		defer stop()
		return braid.Timeout(below, time.Hour, inner)
	case 2:
		return braid.Timeout(context.WithValue(ctx, ctxKey(0), i), time.Hour, func(ctx context.Context) error {
			return braid.Timeout(ctx, time.Hour, inner)
		})
	case 3:
		stop := context.AfterFunc(ctx, func() {})
		defer stop()
		return braid.Yield(ctx)
	case 4:
		err := braid.Shield(ctx, time.Hour, func(ctx context.Context) error {
			return braid.Timeout(ctx, time.Hour, braid.Yield) // the parent's end does not come through
		})
		if err != nil {
			panic(fmt.Sprintf("a shield let %v through", err))
		}
		return braid.Yield(ctx)
	default:
		// The inner limit ends the wait if the outer scope does not.
		err := braid.Timeout(ctx, 10*time.Microsecond, never.Wait)
		if errors.Is(err, braid.ErrTimeout) {
			return nil
		}
		return err
	}
}

// A cancellation of many scopes that look at each other's contexts comes to an end.
func TestContext_concurrentCancels(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	for range 100 {
		causes := []error{errors.New("a"), errors.New("b"), errors.New("c")}
		var seen sync.Map
		err := braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
			for _, cause := range causes {
				g.Go(func(context.Context) error {
					g.Cancel(cause)
					return nil
				})
			}
			for range 4 {
				g.Go(func(ctx context.Context) error {
					<-ctx.Done()
					seen.Store(context.Cause(ctx), true)
					child, stop := context.WithCancel(ctx)
					defer stop()
					seen.Store(context.Cause(child), true)
					return nil
				})
			}
			<-ctx.Done()
			seen.Store(context.Cause(ctx), true)
			return nil
		})
		if err != nil && !errors.Is(err, braid.ErrNotStarted) {
			t.Fatal(err)
		}
		n := 0
		seen.Range(func(cause, _ any) bool {
			n++
			if cause != causes[0] && cause != causes[1] && cause != causes[2] {
				t.Errorf("cause %v is nobody's", cause)
			}
			return true
		})
		if n != 1 {
			t.Errorf("%d causes seen in one scope, want one", n)
		}
	}
}

// What ended first is the cause, even if nobody looked before something else ended the scope too.
func TestContext_firstEndCounts(t *testing.T) {
	first, second := errors.New("first"), errors.New("second")
	for name, end := range map[string]func(ctx context.Context, g *braid.Group, cancel func(error)) error{
		"Group.Cancel": func(ctx context.Context, g *braid.Group, cancel func(error)) error {
			cancel(first)
			g.Cancel(second)
			return context.Cause(ctx)
		},
		"Handle.Cancel": func(_ context.Context, g *braid.Group, cancel func(error)) error {
			var cause error
			h := g.Go(func(ctx context.Context) error {
				synctest.Wait()
				cause = context.Cause(ctx)
				return nil
			})
			cancel(first)
			h.Cancel(second)
			_ = h.Wait(context.Background())
			return cause
		},
		"Timeout": func(ctx context.Context, g *braid.Group, cancel func(error)) (cause error) {
			_ = braid.Timeout(ctx, time.Minute, func(ctx context.Context) error {
				cancel(first)
				<-time.After(time.Hour)
				cause = context.Cause(ctx)
				return nil
			})
			return cause
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				parent, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				_ = braid.Run(parent, func(ctx context.Context, g *braid.Group) error {
					if cause := end(ctx, g, cancel); cause != first {
						t.Errorf("Cause %v, want %v", cause, first)
					}
					return nil
				})
			})
		})
	}
}
