// Package conformance says, as tests, what package braid promises on every scheduler.
//
// Each scheduler runs the same cases by handing [Test] a [Harness]. A case is named after the sentence that it shows true.
package conformance

import (
	"context"
	"testing"

	"github.com/braid-go/braid"
)

// Harness runs one case on a scheduler. It calls body once, in a place from which braid.Run may be called with ctx,
// and returns when body and all that it started have ended.
type Harness func(t *testing.T, body func(ctx context.Context))

// testCase is one promise.
type testCase struct {
	name string
	run  func(t *testing.T, ctx context.Context)
}

// cases is filled by the files of this package, each in its own init order independent way: a slice a file.
func cases() []testCase {
	var all []testCase
	for _, file := range [][]testCase{scopeSuite(), designCases, cornerCases} {
		all = append(all, file...)
	}
	all = append(all, togetherCases()...)
	all = append(all, timeCases()...)
	return append(all, primitiveCases()...)
}

// Test runs all cases.
func Test(t *testing.T, run Harness) {
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(ctx context.Context) { c.run(t, ctx) })
		})
	}
}

// until yields until cond holds. It is how a case waits for others to have got somewhere:
// cond looks at Statistics or State, never at the clock, and needs no time to pass.
func until(t *testing.T, ctx context.Context, what string, cond func() bool) {
	t.Helper()
	for range 10_000_000 {
		if cond() {
			return
		}
		if err := braid.Yield(context.WithoutCancel(ctx)); err != nil {
			t.Fatalf("waiting until %s: %v", what, err)
		}
	}
	t.Fatalf("waited in vain until %s", what)
}
