package braid_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/internal/conformance"
	"github.com/braid-go/braid/internal/schedtest"
)

// The conformance suite on goroutines, in real time.
func TestConformanceGoroutines(t *testing.T) {
	conformance.Test(t, func(t *testing.T, body func(context.Context)) {
		braidtest.CheckLeaks(t)
		body(t.Context())
	})
}

// The conformance suite on goroutines, in virtual time.
func TestConformanceSynctest(t *testing.T) {
	conformance.Test(t, func(t *testing.T, body func(context.Context)) {
		braidtest.CheckLeaks(t)
		synctest.Test(t, func(t *testing.T) { body(t.Context()) })
	})
}

// The conformance suite on one thread, first in, first out.
func TestConformanceFIFO(t *testing.T) {
	conformance.Test(t, func(t *testing.T, body func(context.Context)) {
		braidtest.CheckLeaks(t)
		schedtest.New(0).Run(t.Context(), body)
	})
}

// The conformance suite on one thread, in virtual time.
func TestConformanceFIFOSynctest(t *testing.T) {
	conformance.Test(t, func(t *testing.T, body func(context.Context)) {
		braidtest.CheckLeaks(t)
		synctest.Test(t, func(t *testing.T) { schedtest.New(0).Run(t.Context(), body) })
	})
}

// The conformance suite on one thread that switches at random wherever it may.
func TestConformanceSwitching(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprintf("seed=%d", seed+1), func(t *testing.T) {
			conformance.Test(t, func(t *testing.T, body func(context.Context)) {
				braidtest.CheckLeaks(t)
				synctest.Test(t, func(t *testing.T) { schedtest.New(seed+1).Run(t.Context(), body) })
			})
		})
	}
}
