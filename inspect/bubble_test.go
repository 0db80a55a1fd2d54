package inspect_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/inspect"
)

// A test that hangs in a synctest bubble is looked at from outside. Its contexts may have ended there, and Go ends a process
// in which somebody outside waits for what is of the bubble.
func TestTake_outsideOfABubble(t *testing.T) {
	for name, derive := range map[string]func(context.Context) context.Context{
		"a standard context":             func(ctx context.Context) context.Context { return ctx },
		"a standard context with values": func(ctx context.Context) context.Context { return context.WithValue(ctx, embedding{}, 1) },
		"a context that has one inside":  func(ctx context.Context) context.Context { return embedding{ctx} },
	} {
		t.Run(name, func(t *testing.T) {
			var ready, looked atomic.Bool
			cancelled := make(chan *inspect.Cancel)
			go func() {
				for !ready.Load() {
					runtime.Gosched()
				}
				var c *inspect.Cancel
				for _, task := range inspect.Take().Tasks {
					if task.Name == "in a bubble" {
						c = task.Cancel
					}
				}
				looked.Store(true)
				cancelled <- c
			}()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				_ = braid.Run(derive(ctx), func(context.Context, *braid.Group) error {
					cancel()
					ready.Store(true)
					for !looked.Load() { // deaf
						runtime.Gosched()
					}
					return nil
				}, braid.Name("in a bubble"))
			})
			if c := <-cancelled; c == nil || c.Cause != context.Canceled.Error() {
				t.Errorf("the task is shown as cancelled by %+v", c)
			}
		})
	}
}

type embedding struct{ context.Context }
