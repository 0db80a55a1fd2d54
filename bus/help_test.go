package bus_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/bus"
)

var errDown = errors.New("down")

type order struct{ ID int }

type price struct {
	Item string
	V    int
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("error: %v", err)
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s is %v, want %v", what, got, want)
	}
}

// run runs body with a bus, which must end without an error.
func run(t *testing.T, ctx context.Context, config bus.Config, body func(ctx context.Context, b *bus.Bus)) {
	t.Helper()
	must(t, bus.Run(ctx, config, func(ctx context.Context, b *bus.Bus) error {
		body(ctx, b)
		return nil
	}))
}

func subscribe[E any](t *testing.T, ctx context.Context, b *bus.Bus, handler func(context.Context, E) error, opts ...bus.SubscribeOption) *bus.Subscription {
	t.Helper()
	s, err := bus.Subscribe(ctx, b, handler, opts...)
	must(t, err)
	return s
}

// gated is a handler that waits for its gate, and keeps what it was called with.
type gated[E any] struct {
	entered, gate braid.Event
	got           []E
}

func (h *gated[E]) handle(ctx context.Context, e E) error {
	h.got = append(h.got, e)
	h.entered.Set()
	return h.gate.Wait(ctx)
}

// fill publishes an event and waits until its handler has begun, and then n more, so that they wait in the queue.
func (h *gated[E]) fill(t *testing.T, ctx context.Context, b *bus.Bus, first E, more ...E) {
	t.Helper()
	must(t, bus.Publish(ctx, b, first))
	must(t, h.entered.Wait(ctx))
	for _, e := range more {
		must(t, bus.Publish(ctx, b, e))
	}
}

// until yields until ok returns true.
func until(t *testing.T, ctx context.Context, ok func() bool) {
	t.Helper()
	for !ok() {
		must(t, braid.Yield(ctx))
	}
}

// balanced checks that every event that came is accounted for.
func balanced(t *testing.T, s *bus.Subscription) bus.SubscriptionStatistics {
	t.Helper()
	st := s.Statistics()
	sum := st.Handled + st.Failed + st.Dropped + st.Coalesced + st.Discarded + uint64(st.Queued) + uint64(st.Blocked)
	if st.Running {
		sum++
	}
	if sum != st.Received {
		t.Errorf("%d events received, %d accounted for: %+v", st.Received, sum, st)
	}
	return st
}

// wantPanic checks that f panics with a text that has part in it.
func wantPanic(t *testing.T, part string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if text, _ := recover().(string); !strings.Contains(text, part) {
			t.Fatalf("panicked with %q, want %q", text, part)
		}
	}()
	f()
}

func nothing[E any](context.Context, E) error { return nil }
