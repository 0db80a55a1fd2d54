package cache_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/x/cache"
)

// A refresh that was never started, because its group had no slot for it, is forgotten when it is not wanted any more.
func TestRefreshThatQueues(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		scope(t, t.Context(), func(ctx context.Context, g *braid.Group) {
			var s source
			c := cache.New(g, s.load, with(func(c *cache.Config[int, int]) { c.RefreshAhead = 30 * time.Second }))
			get(t, ctx, c, 7, 1)
			hold := new(braid.Event)
			g.Go(func(ctx context.Context) error { return hold.Wait(ctx) })
			sleep(t, ctx, 40*time.Second)
			get(t, ctx, c, 7, 1)
			equal(t, "tasks", c.Statistics().Loading, 1)
			must(t, c.Invalidate(ctx, 7))
			synctest.Wait()
			equal(t, "tasks", c.Statistics().Loading, 0)
			hold.Set()
			get(t, ctx, c, 7, 2)
		}, braid.Limit(1))
	})
}

// OnLoad that ends its goroutine does not take the value from those who wait for it.
func TestOnLoadGoexit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		scope(t, t.Context(), func(ctx context.Context, g *braid.Group) {
			var s source
			c := cache.New(g, s.load, with(func(c *cache.Config[int, int]) { c.OnLoad = func(cache.Load[int]) { runtime.Goexit() } }))
			get(t, ctx, c, 7, 1)
			get(t, ctx, c, 7, 1)
		})
	})
}

// TaskName that ends its goroutine leaves nobody waiting.
func TestTaskNameGoexit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		scope(t, t.Context(), func(ctx context.Context, g *braid.Group) {
			var s source
			var exit atomic.Bool
			c := cache.New(g, s.load, with(func(c *cache.Config[int, int]) {
				c.TaskName = func(int) string {
					if exit.Load() {
						runtime.Goexit()
					}
					return "x"
				}
				c.RefreshAhead = 30 * time.Second
			}))
			exit.Store(true)
			gone := func(f func(ctx context.Context)) {
				err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
					g.Go(func(ctx context.Context) error { f(ctx); return nil })
					return nil
				})
				wantErr(t, err, braid.ErrGoexit)
				if _, ok := errors.AsType[*braid.PanicError](err); ok {
					t.Errorf("panicked: %v", err)
				}
			}
			gone(func(ctx context.Context) { _, _ = c.Get(ctx, 7) })
			equal(t, "tasks", c.Statistics().Loading, 0)
			exit.Store(false)
			get(t, ctx, c, 7, 1)
			sleep(t, ctx, 40*time.Second)
			exit.Store(true)
			gone(func(ctx context.Context) { _, _ = c.Get(ctx, 7) })
			equal(t, "tasks", c.Statistics().Loading, 0)
			exit.Store(false)
			must(t, c.Invalidate(ctx, 7))
			get(t, ctx, c, 7, 2)
		})
	})
}

// A Get that comes when the scope is over leaves nothing behind, and the next one is told the same.
func TestAfterScope(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c *cache.Cache[int, int]
		scope(t, t.Context(), func(_ context.Context, g *braid.Group) { c = cache.New(g, new(source).load, config()) })
		for range 3 {
			getErr(t, t.Context(), c, 7, cache.ErrClosed)
		}
		equal(t, "those that joined a load", c.Statistics().Joined, 0)
		equal(t, "tasks", c.Statistics().Loading, 0)
		must(t, c.Close(t.Context()))
	})
}

// A load that panics with an error of braid's has panicked, and the cache is not closed.
func TestPanicWithErrClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		scope(t, t.Context(), func(ctx context.Context, g *braid.Group) {
			for _, v := range []error{braid.ErrClosed, braid.ErrNotStarted} {
				c := cache.New(g, func(context.Context, int) (int, error) { panic(v) }, config())
				_, err := c.Get(ctx, 7)
				if _, ok := errors.AsType[*braid.PanicError](err); !ok || errors.Is(err, cache.ErrClosed) {
					t.Errorf("error is %v", err)
				}
			}
		})
	})
}

// TaskName that ends the goroutine of a load, when its value is to go to the tier, is a crash of that load: nothing hangs afterwards.
func TestTaskNameGoexitInLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		scope(t, t.Context(), func(ctx context.Context, g *braid.Group) {
			var s source
			calls := 0
			c := cache.New(g, s.load, with(func(c *cache.Config[int, int]) {
				c.Tier = newMemory()
				c.TaskName = func(int) string {
					if calls++; calls == 2 {
						runtime.Goexit()
					}
					return "x"
				}
			}))
			getErr(t, ctx, c, 7, braid.ErrGoexit)
			get(t, ctx, c, 7, 2)
			synctest.Wait()
			equal(t, "tasks", c.Statistics().Loading, 0)
			must(t, c.Close(ctx))
		})
	})
}

// panicking is a codec that panics when it decodes.
type panicking struct{ cache.Codec[int] }

func (panicking) Decode([]byte) (int, error) { panic("boom") }

// A codec that panics has crashed the load, as the function itself would.
func TestCodecPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		scope(t, t.Context(), func(ctx context.Context, g *braid.Group) {
			var s source
			shared := with(func(c *cache.Config[int, int]) { c.Tier, c.Codec = newMemory(), panicking{cache.JSON[int]()} })
			one, other := cache.New(g, s.load, shared), cache.New(g, s.load, shared)
			get(t, ctx, one, 7, 1)
			synctest.Wait()
			_, err := other.Get(ctx, 7)
			if p, ok := errors.AsType[*braid.PanicError](err); !ok || p.Value != "boom" {
				t.Errorf("error is %v", err)
			}
			equal(t, "tasks", other.Statistics().Loading, 0)
			must(t, other.Set(ctx, 7, 3))
			get(t, ctx, other, 7, 3)
		})
	})
}
