package main

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/hedgepolicy"
	"github.com/sony/gobreaker/v2"

	"github.com/braid-go/braid/resilience"
)

// What docs/parts.md says about the peers is true of the versions in go.mod. Each test first shows what the peer does,
// then that package resilience does otherwise. A peer that has been mended fails its test; then the page has to change.

var errDown = errors.New("down")

func down() (int, error) { return 0, errDown }

func up() (int, error) { return 1, nil }

func exits() (int, error) { runtime.Goexit(); return 0, nil }

// inGoroutine calls f and returns when the goroutine has ended, in whatever way.
func inGoroutine(f func()) {
	var wg sync.WaitGroup
	wg.Go(func() {
		defer func() { _ = recover() }()
		f()
	})
	wg.Wait()
}

func openGobreaker() *gobreaker.CircuitBreaker[int] {
	b := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{
		Timeout: time.Second, ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 1 },
	})
	_, _ = b.Execute(down)
	time.Sleep(2 * time.Second) //nolint:forbidigo // in a bubble
	return b
}

func openFailsafe() circuitbreaker.CircuitBreaker[int] {
	b := circuitbreaker.NewBuilder[int]().WithFailureThreshold(1).WithDelay(time.Second).Build()
	_, _ = failsafe.With(b).Get(down)
	time.Sleep(2 * time.Second) //nolint:forbidigo // in a bubble
	return b
}

func openResilience(ctx context.Context) *resilience.Breaker {
	b := resilience.NewBreaker(resilience.BreakerConfig{Consecutive: 1, OpenFor: time.Second})
	_, _ = resilience.Do(ctx, b, func(context.Context) (int, error) { return down() })
	time.Sleep(2 * time.Second) //nolint:forbidigo // in a bubble
	return b
}

// A probe that ends by runtime.Goexit, or hangs, keeps gobreaker half-open for ever.
func TestPeers_gobreakerStuckHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openGobreaker()
		inGoroutine(func() { _, _ = b.Execute(exits) })
		time.Sleep(24 * time.Hour) //nolint:forbidigo // in a bubble
		if _, err := b.Execute(up); !errors.Is(err, gobreaker.ErrTooManyRequests) {
			t.Errorf("gobreaker after a day: %v", err)
		}
		recovers(t, func(b *resilience.Breaker) {
			inGoroutine(func() {
				_, _ = resilience.Do(t.Context(), b, func(context.Context) (int, error) { return exits() })
			})
		})
	})
}

// A probe that panics keeps failsafe-go half-open for ever.
func TestPeers_failsafeStuckHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openFailsafe()
		inGoroutine(func() { _, _ = failsafe.With(b).Get(func() (int, error) { panic("boom") }) })
		time.Sleep(24 * time.Hour) //nolint:forbidigo // in a bubble
		if _, err := failsafe.With(b).Get(up); !errors.Is(err, circuitbreaker.ErrOpen) {
			t.Errorf("failsafe-go after a day: %v", err)
		}
		recovers(t, func(b *resilience.Breaker) {
			inGoroutine(func() {
				_, _ = resilience.Do(t.Context(), b, func(context.Context) (int, error) { panic("boom") })
			})
		})
	})
}

// recovers checks that a breaker of ours closes again after a probe.
func recovers(t *testing.T, probe func(*resilience.Breaker)) {
	t.Helper()
	b := openResilience(t.Context())
	probe(b)
	time.Sleep(time.Minute) //nolint:forbidigo // in a bubble
	if _, err := resilience.Do(t.Context(), b, noError); err != nil {
		t.Errorf("resilience after a minute: %v", err)
	}
}

// A success of a call from before the outage closes failsafe-go's half-open breaker.
func TestPeers_failsafeCountsStaleResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := circuitbreaker.NewBuilder[int]().WithFailureThreshold(1).WithDelay(time.Second).Build()
		release, probe := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = failsafe.With(b).Get(func() (int, error) { <-release; return up() }) })
		synctest.Wait()
		_, _ = failsafe.With(b).Get(down)
		time.Sleep(2 * time.Second) //nolint:forbidigo // in a bubble
		wg.Go(func() { _, _ = failsafe.With(b).Get(func() (int, error) { <-probe; return down() }) })
		synctest.Wait()
		if !b.IsHalfOpen() {
			t.Errorf("failsafe-go is not half-open")
		}
		close(release)
		synctest.Wait()
		if !b.IsClosed() {
			t.Errorf("failsafe-go does not count the stale success")
		}
		close(probe)
		wg.Wait()
	})
}

// failsafe-go returns from a hedged call while the loser still runs.
func TestPeers_failsafeDoesNotJoinHedges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		running := 0
		var mu sync.Mutex
		attempt := func(n int, add func(int)) (int, error) {
			add(1)
			defer add(-1)
			if n == 0 {
				time.Sleep(time.Hour) //nolint:forbidigo // ignores its cancellation, in a bubble
			}
			return 1, nil
		}
		add := func(d int) {
			mu.Lock()
			defer mu.Unlock()
			running += d
		}
		policy := hedgepolicy.NewBuilderWithDelay[int](time.Second).WithMaxHedges(1).Build()
		_, _ = failsafe.With(policy).GetWithExecution(func(exec failsafe.Execution[int]) (int, error) { return attempt(exec.Hedges(), add) })
		synctest.Wait()
		if mu.Lock(); running != 1 {
			t.Errorf("failsafe-go: %d attempts still run", running)
		}
		mu.Unlock()
		time.Sleep(2 * time.Hour) //nolint:forbidigo // in a bubble

		n := -1
		h := &resilience.Hedge[int]{Delay: time.Second}
		_, _ = h.Do(t.Context(), func(context.Context) (int, error) {
			mu.Lock()
			n++
			i := n
			mu.Unlock()
			return attempt(i, add)
		})
		if running != 0 {
			t.Errorf("resilience: %d attempts still run", running)
		}
	})
}

// gobreaker takes a call that its own caller has cancelled for a failure of the dependency, and so does failsafe-go.
func TestPeers_callersCancelIsAFailure(t *testing.T) {
	gone := func(ctx context.Context, cancel context.CancelFunc) (int, error) {
		cancel()
		return 0, ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	g := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 1 }})
	_, _ = g.Execute(func() (int, error) { return gone(ctx, cancel) })
	if g.State() != gobreaker.StateOpen {
		t.Errorf("gobreaker is %v", g.State())
	}

	ctx, cancel = context.WithCancel(t.Context())
	f := circuitbreaker.NewBuilder[int]().WithFailureThreshold(1).Build()
	_, _ = failsafe.With(f).WithContext(ctx).Get(func() (int, error) { return gone(ctx, cancel) })
	if !f.IsOpen() {
		t.Errorf("failsafe-go is %v", f.State())
	}

	ctx, cancel = context.WithCancel(t.Context())
	b := resilience.NewBreaker(resilience.BreakerConfig{Consecutive: 1})
	_, _ = resilience.Do(ctx, b, func(ctx context.Context) (int, error) { return gone(ctx, cancel) })
	if b.State() != resilience.Closed {
		t.Errorf("resilience is %v", b.State())
	}
}
