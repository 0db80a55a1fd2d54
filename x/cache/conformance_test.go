package cache_test

import (
	"context"
	"slices"
	"testing"

	"github.com/braid-go/braid/internal/everywhere"
)

// What the cache promises, as cases that run on every scheduler.

type testCase struct {
	name string
	run  func(t *testing.T, ctx context.Context)

	// waits says that time must pass in the case. It does so in virtual time only.
	waits bool
}

func cases() []testCase {
	return slices.Concat(lifeCases, flightCases, scopeCases, writeCases, nestedCases, tierCases, memoCases)
}

// Each case on every scheduler.
func TestConformance(t *testing.T) {
	var list []everywhere.Case
	for _, c := range cases() {
		list = append(list, everywhere.Case{Name: c.name, Waits: c.waits, Run: c.run})
	}
	everywhere.Test(t, list)
}
