// Package conformance says, as tests, what package braid promises on every scheduler.
//
// Each scheduler runs the same cases by handing [Test] a [Harness]. A case is named after the sentence that it shows true.
package conformance

import (
	"context"
	"slices"
	"testing"
)

// Harness runs one case on a scheduler. It calls body once, in a place from which braid.Run may be called with ctx,
// and returns when body and all that it started have ended.
type Harness func(t *testing.T, body func(ctx context.Context))

// testCase is one promise.
type testCase struct {
	name string
	run  func(t *testing.T, ctx context.Context)
}

// cases returns all cases: a slice a file.
// A name begins with the number of the semantics that it shows, as in docs/design.md, with C for a corner case,
// or with what it is about.
func cases() []testCase {
	return slices.Concat(
		// Scopes and tasks.
		scopeCases, scopeErrorCases, scopeJudgeCases, scopeCancelCases, scopePanicCases, scopeSpawnCases, scopeEndCases,
		scopeLimitCases, scopeLendCases, scopeGraceCases, scopeNameCases, scopeContextCases, scopeForeignCases,
		semanticsEntryCases(), semanticsWaitCases, semanticsCases, semanticsCornerCases,

		// Functions that run others at the same time.
		gatherCases, settleCases, raceCases(), raceEndCases, completedCases, streamEndCases(), mapCases, mapBothCases(),

		// Time limits, waits for time, and calls that outlive or precede others.
		timeLimitCases(), timeoutCases, nestedTimeoutCases, taskTimeoutCases, shieldCases, shieldLimitCases,
		sleepCases, everyCases, abandonCases, startCases, startEndCases,

		// Synchronisation, queues, resources and bridges.
		operationCases(), lockCases(), sharedCases,
		semaphoreCases, limiterCases, mutexCases, rwmutexCases, eventCases, condCases, barrierCases, promiseCases, onceCases,
		queueCases, queueOrderCases, queueCancelCases, queueShutdownCases, producerCases, stormCases,
		resourceCases, offloadCases, portalCases,
	)
}

// Test runs all cases.
func Test(t *testing.T, run Harness) {
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(ctx context.Context) { c.run(t, ctx) })
		})
	}
}
