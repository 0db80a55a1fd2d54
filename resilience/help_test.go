package resilience_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
)

var errDown = errors.New("down")

func succeed(context.Context) (int, error) { return 1, nil }

func fail(context.Context) (int, error) { return 0, errDown }

// never ends before its ctx does.
func never(ctx context.Context) (int, error) {
	err := new(braid.Event).Wait(ctx)
	return 0, err
}

// lasting returns a function that takes d, whatever its ctx says.
func lasting(d time.Duration) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) { return 1, braid.Sleep(context.WithoutCancel(ctx), d) }
}

// none is a Rand without chance: the shortest jitter of a retry, the longest open time.
func none() float64 { return 0 }

// most is a Rand that draws the most there is.
func most() float64 { return 1 }

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

// calls makes n calls of fn under b.
func calls(ctx context.Context, b *resilience.Breaker, n int, fn func(context.Context) (int, error)) {
	for range n {
		_, _ = resilience.Do(ctx, b, fn)
	}
}

// sleep lets time pass.
func sleep(t *testing.T, ctx context.Context, d time.Duration) {
	t.Helper()
	must(t, braid.Sleep(ctx, d))
}

// took returns how long f takes on the clock of ctx.
func took(ctx context.Context, f func()) time.Duration {
	start := braid.Time(ctx)
	f()
	return braid.Time(ctx).Sub(start)
}

// panicked returns what f panics with, or nil.
func panicked(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

// wantPanic checks that f panics with a text that has part in it.
func wantPanic(t *testing.T, part string, f func()) {
	t.Helper()
	if text, _ := panicked(f).(string); !strings.Contains(text, part) {
		t.Fatalf("panicked with %q, want %q", text, part)
	}
}

// inTask runs f in a task of its own and returns what became of it. Panics are errors.
func inTask(ctx context.Context, f func(context.Context)) error {
	return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error { f(ctx); return nil })
		return nil
	}, braid.OnPanic(braid.AsError), braid.PanicHook(func(*braid.PanicError) {}))
}

func goexit(context.Context) (int, error) { runtime.Goexit(); return 0, nil }

func explode(context.Context) (int, error) { panic("boom") }

// cancelled is a function whose caller cancels it while it runs, given cancel.
func cancelled(cancel func(error), cause error) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		cancel(cause)
		<-ctx.Done()
		return 0, context.Cause(ctx)
	}
}
