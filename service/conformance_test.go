package service_test

import (
	"context"
	"slices"
	"testing"

	"github.com/braid-go/braid/internal/everywhere"
)

// What a service promises, as cases that run on every scheduler, in virtual time; see internal/conformance.

type testCase struct {
	name string
	run  func(t *testing.T, ctx context.Context)
}

func cases() []testCase {
	return slices.Concat(startCases, stopCases, stuckCases, abortCases, restartCases, checkCases, periodicCases, serveCases, treeCases)
}

// Each case on every scheduler.
func TestConformance(t *testing.T) {
	var list []everywhere.Case
	for _, c := range cases() {
		list = append(list, everywhere.Case{Name: c.name, Waits: true, Run: c.run})
	}
	everywhere.Test(t, list)
}
