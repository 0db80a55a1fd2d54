package conformance

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
)

// scopeSuite returns the cases of scopes and tasks, of the semantics that all calls share, and of the combinators.
// A name begins with the number of the semantics that it shows, as in docs/design.md, or with C for a corner case.
func scopeSuite() []testCase {
	var all []testCase
	for _, file := range [][]testCase{
		scopeCases, scopeErrorCases, scopeJudgeCases, scopeCancelCases, scopePanicCases, scopeSpawnCases, scopeEndCases,
		scopeLimitCases, scopeLendCases, scopeGraceCases, scopeNameCases, scopeContextCases, scopeForeignCases,
		semanticsEntryCases(), semanticsWaitCases, semanticsCases, semanticsCornerCases,
	} {
		all = append(all, file...)
	}
	return all
}

var (
	errBoom  = errors.New("boom")
	errOther = errors.New("other")
)

// long is a time limit that does not run out unless something hangs. In virtual time it costs nothing.
const long = 30 * time.Second

// never waits until ctx ends, and returns its cause.
func never(ctx context.Context) error { return new(braid.Event).Wait(ctx) }

// returns makes a function that returns v at once.
func returns[T any](v T) func(context.Context) (T, error) {
	return func(context.Context) (T, error) { return v, nil }
}

// failing makes a function that fails at once.
func failing[T any](err error) func(context.Context) (T, error) {
	return func(context.Context) (v T, _ error) { return v, err }
}

// neverDone makes a function that waits until its ctx ends.
func neverDone[T any]() func(context.Context) (T, error) {
	return func(ctx context.Context) (v T, err error) { return v, never(ctx) }
}

// hushed keeps a panic that a case means to raise out of the test's output.
var hushed = braid.PanicHook(func(*braid.PanicError) {})

// caught calls f and returns what it panics with; nil if it does not.
func caught(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

// caughtPanic calls f, which must panic with a *PanicError.
func caughtPanic(t *testing.T, f func()) *braid.PanicError {
	t.Helper()
	v := caught(f)
	pe, _ := v.(*braid.PanicError)
	if pe == nil {
		t.Errorf("panicked with %v (%T), want a *PanicError", v, v)
		return &braid.PanicError{}
	}
	return pe
}

// isErr checks that err is expected or wraps it.
func isErr(t *testing.T, what string, err, expected error) {
	t.Helper()
	if !errors.Is(err, expected) {
		t.Errorf("%s = %v, want %v", what, err, expected)
	}
}

// members returns what stands in err, which must be a *GroupError itself.
func members(t *testing.T, err error) []error {
	t.Helper()
	ge, isGroup := err.(*braid.GroupError)
	if !isGroup {
		t.Errorf("err = %v (%T), want a *GroupError", err, err)
		return nil
	}
	return ge.Unwrap()
}

// holds checks that err is a *GroupError with the expected failures, in their order.
func holds(t *testing.T, err error, expected ...error) {
	t.Helper()
	list := members(t, err)
	if len(list) != len(expected) {
		t.Errorf("err = %v with %d members, want %d: %v", err, len(list), len(expected), expected)
		return
	}
	for i, e := range list {
		if !errors.Is(e, expected[i]) {
			t.Errorf("member %d = %v, want %v", i, e, expected[i])
		}
	}
}

// count returns how many errors that are(e) stand in the tree of err.
func count(err error, are func(error) bool) int {
	if err == nil {
		return 0
	}
	n := 0
	if are(err) {
		n++
	}
	switch x := err.(type) {
	case interface{ Unwrap() error }:
		n += count(x.Unwrap(), are)
	case interface{ Unwrap() []error }:
		for _, e := range x.Unwrap() {
			n += count(e, are)
		}
	}
	return n
}

// exactly makes a condition for count.
func exactly(err error) func(error) bool { return func(e error) bool { return e == err } }

// endedContexts returns contexts that are done with cause errStop, of each kind that a caller may have.
func endedContexts(ctx context.Context) map[string]context.Context {
	below, cancelBelow := context.WithCancelCause(ctx)
	cancelBelow(errStop)
	plain, cancelPlain := context.WithCancelCause(context.Background())
	cancelPlain(errStop)
	return map[string]context.Context{
		"that is standard": below, "with a value": context.WithValue(below, valueKey{}, 1), "that has no task": plain,
	}
}

// inEndedTask runs fn in a task that has been cancelled with errStop, under the task's very own ctx.
func inEndedTask(t *testing.T, ctx context.Context, fn func(ctx context.Context)) {
	t.Helper()
	scope(t, ctx, func(_ context.Context, g *braid.Group) {
		g.Go(func(ctx context.Context) error {
			braid.Current(ctx).Cancel(errStop)
			fn(ctx)
			return nil
		})
	})
}

// bounded runs fn, which hangs if the promise that it tests is broken.
func bounded(t *testing.T, ctx context.Context, fn func(ctx context.Context) error) error {
	t.Helper()
	return braid.Timeout(ctx, long, func(ctx context.Context) error {
		err := fn(ctx)
		if ctx.Err() != nil {
			t.Errorf("it hung until %v; then it returned %v", context.Cause(ctx), err)
		}
		return err
	})
}

// yieldUntil is until for tasks, which cannot end the test.
func yieldUntil(t *testing.T, ctx context.Context, what string, cond func() bool) {
	t.Helper()
	for range 1_000_000 {
		if cond() {
			return
		}
		_ = braid.Yield(context.WithoutCancel(ctx))
	}
	t.Errorf("waited in vain until %s", what)
}

// parkedIn reports whether h waits in op.
func parkedIn(h *braid.Handle, op string) func() bool {
	return func() bool { return strings.HasPrefix(h.Waiting(), op) }
}

// gauge counts how many are in at a time.
type gauge struct{ in, peak, total atomic.Int64 }

func (g *gauge) enter() {
	g.total.Add(1)
	n := g.in.Add(1)
	for {
		p := g.peak.Load()
		if n <= p || g.peak.CompareAndSwap(p, n) {
			return
		}
	}
}

func (g *gauge) leave() { g.in.Add(-1) }
