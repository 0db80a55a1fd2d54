package conformance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
)

// Errors that the cases cancel and fail with.
var (
	errStop  = errors.New("stop")
	errBoom  = errors.New("boom")
	errOther = errors.New("other")
)

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

// scope runs body in a scope that must succeed.
func scope(t *testing.T, ctx context.Context, body func(ctx context.Context, g *braid.Group), opts ...braid.RunOption) {
	t.Helper()
	err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		body(ctx, g)
		return nil
	}, opts...)
	if err != nil {
		t.Errorf("the scope failed: %v", err)
	}
}

// call is a blocking call in a task of its own. Its result is looked at when it has ended, and does not touch the group.
type call struct {
	h   *braid.Handle
	err error
}

func begin(g *braid.Group, fn func(ctx context.Context) error) *call {
	c := &call{}
	c.h = g.Go(func(ctx context.Context) error {
		c.err = fn(ctx)
		return nil
	})
	return c
}

// result joins the task of c and returns what the call returned.
func (c *call) result(t *testing.T, ctx context.Context) error {
	t.Helper()
	if err := c.h.Wait(context.WithoutCancel(ctx)); err != nil {
		t.Errorf("the task of a call failed: %v", err)
	}
	return c.err
}

// succeeds joins the task of c, whose call must have succeeded.
func (c *call) succeeds(t *testing.T, ctx context.Context, what string) {
	t.Helper()
	if err := c.result(t, ctx); err != nil {
		t.Errorf("%s: %v, want success", what, err)
	}
}

// fails joins the task of c, whose call must have failed with want.
func (c *call) fails(t *testing.T, ctx context.Context, what string, want error) {
	t.Helper()
	if err := c.result(t, ctx); !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// ended reports whether the call has returned.
func (c *call) ended() bool { return c.h.State().Ended() }

// elsewhere runs fn in a plain goroutine and returns the future of its result.
func elsewhere(fn func() error) *braid.Future[error] {
	p := &braid.Promise[error]{}
	go func() { p.Resolve(fn()) }()
	return p.Future()
}

// join waits for the end of an elsewhere.
func join(t *testing.T, ctx context.Context, f *braid.Future[error]) error {
	t.Helper()
	result, err := f.Wait(context.WithoutCancel(ctx))
	if err != nil {
		t.Errorf("waiting for a plain goroutine: %v", err)
	}
	return result
}

// ok checks that a step of a case succeeded.
func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("a step failed: %v", err)
	}
}

// want checks one value.
func want[T comparable](t *testing.T, what string, got, expected T) {
	t.Helper()
	if got != expected {
		t.Errorf("%s = %v, want %v", what, got, expected)
	}
}

// wantList checks a list.
func wantList[T any](t *testing.T, what string, got []T, expected ...T) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(expected) {
		t.Errorf("%s = %v, want %v", what, got, expected)
	}
}

// panics checks that f panics with a text that holds all parts.
func panics(t *testing.T, what string, f func(), parts ...string) {
	t.Helper()
	defer func() {
		t.Helper()
		v := recover()
		if v == nil {
			t.Errorf("%s did not panic", what)
			return
		}
		text := fmt.Sprint(v)
		for _, part := range append(parts, "braid: ") {
			if !strings.Contains(text, part) {
				t.Errorf("%s panicked with %q, which does not say %q", what, text, part)
			}
		}
	}()
	f()
}

// says checks that err is an error with a text that holds all parts.
func says(t *testing.T, what string, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s succeeded", what)
		return
	}
	for _, part := range append(parts, "braid: ") {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %q does not say %q", what, err, part)
		}
	}
}

type valueKey struct{}

// aTask starts a task that does nothing until release, and returns its ctx.
func aTask(t *testing.T, ctx context.Context, g *braid.Group) (taskCtx context.Context, release func()) {
	t.Helper()
	var hold braid.Event
	taskCtx, err := braid.Start(ctx, g, func(ctx context.Context, ready func(context.Context)) error {
		ready(ctx)
		return hold.Wait(context.WithoutCancel(ctx))
	})
	ok(t, err)
	return taskCtx, hold.Set
}

// aMoment is a time limit for waits that must be ended by it. One scheduler runs the cases in real time.
const aMoment = 2 * time.Millisecond

// pass lets everybody who is ready run, on schedulers with an order; on others it gives them a chance.
func pass(ctx context.Context) {
	for range 5 {
		_ = braid.Yield(context.WithoutCancel(ctx))
	}
}

// storm lets many workers make the same call again and again, each time in a task of its own that is cancelled
// after a random while; or not, unless mode says so. op is told which worker calls. The storm is over when it returns.
func storm(t *testing.T, ctx context.Context, g *braid.Group, workers, rounds int,
	op func(ctx context.Context, worker int) error, mode ...stormMode,
) {
	t.Helper()
	var all []*call
	for i := range workers {
		all = append(all, begin(g, func(ctx context.Context) error {
			rng := rand.New(rand.NewPCG(uint64(i), uint64(rounds)))
			for range rounds {
				scope(t, ctx, func(ctx context.Context, g *braid.Group) {
					c := begin(g, func(ctx context.Context) error { return op(ctx, i) })
					for range rng.IntN(8) {
						_ = braid.Yield(ctx)
					}
					if len(mode) > 0 || rng.IntN(3) > 0 {
						c.h.Cancel(errStop)
					}
					if err := c.result(t, ctx); err != nil && !errors.Is(err, errStop) {
						t.Errorf("a call in the storm: %v", err)
					}
				})
			}
			return nil
		}))
	}
	for _, c := range all {
		c.succeeds(t, ctx, "a worker of the storm")
	}
}

type stormMode int

// alwaysCancel is for calls that nobody would end otherwise.
const alwaysCancel stormMode = 1

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

// endedContexts returns contexts that are done with cause errStop, of each kind that a caller may have:
// a standard one below ctx, one with a value, and one that has no task.
func endedContexts(ctx context.Context) []context.Context {
	below, cancelBelow := context.WithCancelCause(ctx)
	cancelBelow(errStop)
	plain, cancelPlain := context.WithCancelCause(context.Background())
	cancelPlain(errStop)
	return []context.Context{below, context.WithValue(below, valueKey{}, 1), plain}
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
