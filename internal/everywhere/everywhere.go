// Package everywhere runs what a part of the library promises on every scheduler: goroutines in real and in virtual time,
// one thread first in first out, one that switches wherever it may, and the event loop.
package everywhere

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/internal/conformance"
	"github.com/braid-go/braid/internal/schedtest"
	"github.com/braid-go/braid/loop"
)

// Case is one promise. Names are unique.
type Case struct {
	Name  string
	Waits bool // time must pass in it: it runs in virtual time only
	Run   func(t *testing.T, ctx context.Context)
}

// Test runs all cases everywhere.
func Test(t *testing.T, cases []Case) {
	t.Helper()
	seen := make(map[string]bool, len(cases))
	for _, c := range cases {
		if seen[c.Name] {
			t.Errorf("two cases are called %q", c.Name)
		}
		seen[c.Name] = true
	}
	t.Run("goroutines", func(t *testing.T) {
		all(t, cases, false, func(t *testing.T, body func(context.Context)) { body(t.Context()) })
	})
	t.Run("synctest", func(t *testing.T) {
		all(t, cases, true, func(t *testing.T, body func(context.Context)) {
			synctest.Test(t, func(t *testing.T) { body(t.Context()) })
		})
	})
	for seed := range uint64(6) { // 0: first in, first out
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			all(t, cases, true, func(t *testing.T, body func(context.Context)) {
				synctest.Test(t, func(t *testing.T) { schedtest.New(seed).Run(t.Context(), body) })
			})
		})
	}
	for name, opts := range map[string][]loop.Option{"loop": nil, "eager": {loop.Eager()}} {
		t.Run(name, func(t *testing.T) {
			all(t, cases, true, func(t *testing.T, body func(context.Context)) {
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

func all(t *testing.T, cases []Case, virtual bool, run conformance.Harness) {
	for _, c := range cases {
		if c.Waits && !virtual {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			braidtest.CheckLeaks(t)
			run(t, func(ctx context.Context) { c.Run(t, ctx) })
		})
	}
}
