package resilience_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/loop"
)

// On the event loop, in virtual time, also with children that start at once.
func TestConformanceLoop(t *testing.T) {
	for name, opts := range map[string][]loop.Option{"plain": nil, "eager": {loop.Eager()}} {
		t.Run(name, func(t *testing.T) {
			runAll(t, true, func(t *testing.T, body func(context.Context)) {
				synctest.Test(t, func(t *testing.T) {
					_ = loop.Run(t.Context(), func(ctx context.Context, _ *braid.Group) error {
						body(ctx)
						return nil
					}, opts...)
				})
			})
		})
	}
}
