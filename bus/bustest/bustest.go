// Package bustest is the contract of an event bus as a test: what programs may rely on whichever [bus.Engine] carries their events.
//
// The module of an engine calls [Test] in a test of its own:
//
//	func TestContract(t *testing.T) {
//		bustest.Test(t, func(t *testing.T) bus.Config { return bus.Config{Engine: newEngine(t)} })
//	}
package bustest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/bus"
)

// Case is one promise. A bus without an engine, a strict one, and one on any engine keep it.
type Case struct {
	Name string

	// Run runs the case. All buses that it makes have config, perhaps with another OnError, Name or Drain,
	// and so share its engine. No other case may use that.
	Run func(ctx context.Context, t *testing.T, config bus.Config)
}

// Limit is how long [Test] lets a case take.
const Limit = 30 * time.Second

// Test runs all cases, each as a subtest with what config returns for it. Engines that cases are given must not share their events.
func Test(t *testing.T, config func(t *testing.T) bus.Config) {
	t.Helper()
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			err := braid.Timeout(t.Context(), Limit, func(ctx context.Context) error {
				c.Run(ctx, t, config(t))
				return ctx.Err()
			})
			if err != nil {
				t.Errorf("the case did not end in time: %v", err)
			}
		})
	}
}

// copies reports whether handlers get copies of events.
func copies(c bus.Config) bool { return c.Strict || c.Engine != nil }

// run runs body with a bus, which must end without an error.
func run(ctx context.Context, t *testing.T, config bus.Config, body func(ctx context.Context, b *bus.Bus)) {
	t.Helper()
	must(t, bus.Run(ctx, config, func(ctx context.Context, b *bus.Bus) error {
		body(ctx, b)
		return nil
	}))
}

// inbox is what a handler has got.
type inbox[E any] struct{ q *braid.Queue[E] }

func newInbox[E any]() inbox[E] { return inbox[E]{braid.NewQueue[E](braid.Unbounded)} }

func (in inbox[E]) handle(ctx context.Context, e E) error {
	return in.q.Put(context.WithoutCancel(ctx), e)
}

func (in inbox[E]) next(ctx context.Context, t *testing.T) E {
	t.Helper()
	e, err := in.q.Get(ctx)
	must(t, err)
	return e
}

// subscribe subscribes an inbox.
func subscribe[E any](ctx context.Context, t *testing.T, b *bus.Bus, opts ...bus.SubscribeOption) (inbox[E], *bus.Subscription) {
	t.Helper()
	in := newInbox[E]()
	s, err := bus.Subscribe(ctx, b, in.handle, opts...)
	must(t, err)
	return in, s
}

func publish[E any](ctx context.Context, t *testing.T, b *bus.Bus, e E, opts ...bus.PublishOption) {
	t.Helper()
	must(t, bus.Publish(ctx, b, e, opts...))
}

// received waits until n events have come to s: an engine may still have them under way when Publish has returned.
func received(ctx context.Context, t *testing.T, s *bus.Subscription, n uint64) {
	t.Helper()
	for s.Statistics().Received < n {
		must(t, braid.Yield(ctx))
	}
}

// waits reports whether the engine hears from handlers. If it does not, it must say so and send nothing.
func waits(ctx context.Context, t *testing.T, b *bus.Bus) bool {
	t.Helper()
	in, s := subscribe[probe](ctx, t, b)
	err := bus.Publish(ctx, b, probe{1}, bus.WaitAll)
	if err == nil {
		equal(t, "probe", in.next(ctx, t), probe{1})
		must(t, s.Unsubscribe(ctx))
		return true
	}
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Fatalf("WaitAll: the error is %v, want nil or errors.ErrUnsupported", err)
	}
	publish(ctx, t, b, probe{2})
	equal(t, "the first probe that came", in.next(ctx, t), probe{2})
	must(t, s.Unsubscribe(ctx))
	return false
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("error: %v", err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s is %v, want %v", what, got, want)
	}
}
