package gen_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/loop"
)

// The loop's own root scope is a task above each case, which the other schedulers do not have.
func onLoop(ctx context.Context, body func(context.Context), opts ...loop.Option) {
	_ = loop.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
		body(ctx)
		return nil
	}, opts...)
}

// On the event loop, in real time.
func TestConformanceLoop(t *testing.T) {
	runAll(t, func(t *testing.T, body func(context.Context)) { onLoop(t.Context(), body) })
}

// On the event loop, in virtual time.
func TestConformanceLoopSynctest(t *testing.T) {
	runAll(t, func(t *testing.T, body func(context.Context)) {
		synctest.Test(t, func(t *testing.T) { onLoop(t.Context(), body) })
	})
}

// On an event loop that starts children at once.
func TestConformanceLoopEager(t *testing.T) {
	runAll(t, func(t *testing.T, body func(context.Context)) {
		synctest.Test(t, func(t *testing.T) { onLoop(t.Context(), body, loop.Eager()) })
	})
}

// A body of a coroutine runs on a goroutine of its own, which the loop's debug mode must not take for a stranger's.
func TestConformanceLoopDebug(t *testing.T) {
	runAll(t, func(t *testing.T, body func(context.Context)) {
		synctest.Test(t, func(t *testing.T) { onLoop(t.Context(), body, loop.Debug()) })
	})
}
