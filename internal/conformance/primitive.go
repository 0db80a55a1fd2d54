package conformance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid"
)

// primitiveCases returns the cases of synchronisation, queues, resources and bridges.
func primitiveCases() []testCase {
	var all []testCase
	for _, file := range [][]testCase{
		operationCases(), lockCases(), sharedCases,
		semaphoreCases, limiterCases, mutexCases, rwmutexCases, eventCases, condCases, barrierCases, promiseCases, onceCases,
		queueCases, queueOrderCases, queueCancelCases, queueShutdownCases, producerCases, stormCases,
		resourceCases, offloadCases, portalCases,
	} {
		all = append(all, file...)
	}
	return all
}

// errStop is the cause with which the cases cancel.
var errStop = errors.New("stop")

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

// doneContexts returns contexts that are done with cause errStop, of each kind that a caller may have.
func doneContexts(ctx context.Context) []context.Context {
	below, cancelBelow := context.WithCancelCause(ctx)
	cancelBelow(errStop)
	plain, cancelPlain := context.WithCancelCause(context.Background())
	cancelPlain(errStop)
	return []context.Context{below, context.WithValue(below, valueKey{}, 1), plain}
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

// inVain is how long a case waits before it calls a deadlock by its name. Only a failing case waits that long.
const inVain = 10 * time.Second

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
