package loop_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/internal/conformance"
	"github.com/braid-go/braid/loop"
)

// The conformance suite on the loop, in real time.
func TestConformance(t *testing.T) {
	conformance.Test(t, func(t *testing.T, body func(context.Context)) {
		braidtest.CheckLeaks(t)
		loop.RunBare(t.Context(), body)
	})
}

// The conformance suite on the loop, in virtual time.
func TestConformanceSynctest(t *testing.T) {
	conformance.Test(t, func(t *testing.T, body func(context.Context)) {
		braidtest.CheckLeaks(t)
		synctest.Test(t, func(t *testing.T) { loop.RunBare(t.Context(), body) })
	})
}

// The conformance suite on a loop that starts children at once.
func TestConformanceEager(t *testing.T) {
	conformance.Test(t, func(t *testing.T, body func(context.Context)) {
		if strings.HasSuffix(t.Name(), "by_a_goroutine_that_is_no_task") {
			t.Skip("with Eager, Go must not be called from such a goroutine: that is its contract")
		}
		braidtest.CheckLeaks(t)
		synctest.Test(t, func(t *testing.T) { loop.RunBare(t.Context(), body, loop.Eager()) })
	})
}

// The conformance suite on a loop that looks at who calls it.
func TestConformanceDebug(t *testing.T) {
	conformance.Test(t, func(t *testing.T, body func(context.Context)) {
		braidtest.CheckLeaks(t)
		synctest.Test(t, func(t *testing.T) { loop.RunBare(t.Context(), body, loop.Debug()) })
	})
}
