package cache_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/x/cache"
)

var errDown = errors.New("down")

func none() float64 { return 0 }

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

// wantPanic checks that f panics with a text that has part in it.
func wantPanic(t *testing.T, part string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if text, _ := recover().(string); !strings.Contains(text, part) {
			t.Errorf("panicked with %q, want %q", text, part)
		}
	}()
	f()
}

// sleep lets time pass.
func sleep(t *testing.T, ctx context.Context, d time.Duration) {
	t.Helper()
	must(t, braid.Sleep(ctx, d))
}

// scope runs body in a scope of its own, whose panics are errors that nobody logs, and expects no failure of it.
func scope(t *testing.T, ctx context.Context, body func(context.Context, *braid.Group), opts ...braid.RunOption) {
	t.Helper()
	opts = append(opts, braid.PanicHook(func(*braid.PanicError) {}))
	must(t, braid.Run(ctx, func(ctx context.Context, g *braid.Group) error { body(ctx, g); return nil }, opts...))
}

// config is a cache of a minute without jitter.
func config() cache.Config[int, int] {
	return cache.Config[int, int]{Name: "numbers", Size: 1000, TTL: time.Minute, Jitter: -1, Rand: none}
}

// with is config with changes.
func with(change func(*cache.Config[int, int])) cache.Config[int, int] {
	c := config()
	change(&c)
	return c
}

// source is what a cache loads from. Its answers count up, so that each is known by its number.
type source struct {
	calls atomic.Int32
	down  atomic.Bool  // whether calls fail
	gone  atomic.Bool  // whether they find nothing
	hold  *braid.Event // if not nil, what calls wait for
	begun braid.Event  // a call has begun
	deaf  bool         // whether calls wait whatever their ctx says

	running atomic.Int32
	cause   atomic.Pointer[error] // with which the latest call was cancelled
}

func (s *source) load(ctx context.Context, _ int) (int, error) {
	n := int(s.calls.Add(1))
	s.running.Add(1)
	defer s.running.Add(-1)
	s.begun.Set()
	if s.hold != nil {
		wait := ctx
		if s.deaf {
			wait = context.WithoutCancel(ctx)
		}
		if err := s.hold.Wait(wait); err != nil {
			s.cause.Store(&err)
			return 0, err
		}
	}
	switch {
	case s.gone.Load():
		return 0, cache.ErrNotFound
	case s.down.Load():
		return 0, errDown
	}
	return n, nil
}

// get checks what a Get of key gives.
func get(t *testing.T, ctx context.Context, c *cache.Cache[int, int], key, want int) {
	t.Helper()
	v, err := c.Get(ctx, key)
	must(t, err)
	equal(t, "the value", v, want)
}

// getErr checks what a Get of key fails with.
func getErr(t *testing.T, ctx context.Context, c *cache.Cache[int, int], key int, want error) {
	t.Helper()
	_, err := c.Get(ctx, key)
	wantErr(t, err, want)
}

// answer is what a Get in a task of its own has given.
type answer struct {
	task  *braid.Handle
	value int
	err   error
}

// asking starts a Get of key and returns when it waits.
func asking(t *testing.T, ctx context.Context, g *braid.Group, c *cache.Cache[int, int], key int) *answer {
	t.Helper()
	a := &answer{}
	before := c.Statistics().Misses
	a.task = g.Go(func(ctx context.Context) error {
		a.value, a.err = c.Get(ctx, key)
		return nil
	}, braid.Name("asking"))
	for c.Statistics().Misses == before {
		must(t, braid.Yield(ctx))
	}
	return a
}

// wants checks the answer.
func (a *answer) wants(t *testing.T, ctx context.Context, value int, err error) {
	t.Helper()
	must(t, a.task.Wait(ctx))
	if a.value != value || !errors.Is(a.err, err) {
		t.Fatalf("got %d and %v, want %d and %v", a.value, a.err, value, err)
	}
}

// until lets others run until ok.
func until(t *testing.T, ctx context.Context, ok func() bool) {
	t.Helper()
	for !ok() {
		must(t, braid.Yield(ctx))
	}
}

func goexit() (int, error) { runtime.Goexit(); return 0, nil }
