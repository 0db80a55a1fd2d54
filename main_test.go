package braid_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/internal/leakcheck"
)

// TestMain looks for goroutines of braid that are left when all is over. Each test has a check of its own, which
// names the culprit; this one also sees what those cannot: what timers have started, and what examples leave behind.
func TestMain(m *testing.M) {
	crashIfAsked()
	os.Exit(leakcheck.Main(m))
}

// crashVariable asks the test binary to crash with OnPanic(Crash) instead of running tests.
const crashVariable = "BRAID_TEST_CRASH"

func crashIfAsked() {
	if os.Getenv(crashVariable) == "" {
		return
	}
	hook := braid.PanicHook(func(*braid.PanicError) { os.Stderr.WriteString("the hook has heard\n") })
	_ = braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error { // would keep Run waiting for ever
			return new(braid.Event).Wait(context.WithoutCancel(ctx))
		})
		g.Go(func(context.Context) error { return explodeForCrash() }, braid.Name("bad"))
		return nil
	}, braid.Name("main"), braid.OnPanic(braid.Crash), hook)
	os.Stderr.WriteString("still alive\n")
}

//go:noinline
func explodeForCrash() error { panic("boom") }

// OnPanic(Crash) ends the process at once, after the hook, with task, value and original stack.
// It is no case of the conformance suite because nobody would be left to report it.
func TestCrashEndsTheProcessAtOnce(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), crashVariable+"=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("the process ended with %v", err)
	}
	for _, part := range []string{"the hook has heard", "task main/bad panicked: boom", "explodeForCrash"} {
		if !strings.Contains(string(out), part) {
			t.Errorf("the output lacks %q:\n%s", part, out)
		}
	}
	if strings.Contains(string(out), "still alive") {
		t.Errorf("Run went on:\n%s", out)
	}
}

// Scopes of all kinds open and close while everything above them is cancelled. Under the race detector this looks at the
// locking of the tree; otherwise at what nobody may ever see.
func TestScopesOpenAndCloseWhileEverythingAboveIsCancelled(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	rounds := 300
	if testing.Short() {
		rounds = 50
	}
	for round := range rounds {
		cause := fmt.Errorf("round %d", round)
		ctx, cancel := context.WithCancelCause(t.Context())
		var outer atomic.Pointer[braid.Group]
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				for range round % 50 {
					_ = context.Cause(ctx)
				}
				if g := outer.Load(); i == 0 && g != nil && round%2 == 0 {
					g.Cancel(cause)
				} else {
					cancel(cause)
				}
			})
		}
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			outer.Store(g)
			for i := range 8 {
				g.Go(func(ctx context.Context) error { return busy(ctx, i, 3) })
			}
			return busy(ctx, 0, 3)
		}, braid.Limit(4), braid.Grace(time.Hour), braid.PanicHook(func(*braid.PanicError) {}))
		if err != nil && !errors.Is(err, cause) {
			t.Errorf("round %d: %v", round, err)
		}
		cancel(nil)
		wg.Wait()
	}
}

type stressKey struct{}

// busy opens scopes in each other until ctx ends, and returns its cause.
func busy(ctx context.Context, i, depth int) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if depth == 0 {
			return nil
		}
		var err error
		switch i % 7 {
		case 0:
			err = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error { return busy(ctx, i+1, depth-1) })
				return nil
			}, braid.Grace(time.Hour), braid.PanicHook(func(*braid.PanicError) {}))
		case 1:
			err = braid.Timeout(ctx, time.Hour, func(ctx context.Context) error { return busy(ctx, i+1, depth-1) })
		case 2:
			err = braid.Shield(ctx, time.Hour, func(inner context.Context) error {
				if err := busy(inner, i+1, 0); err != nil {
					return fmt.Errorf("the shield let through %w", err)
				}
				return busy(ctx, i+1, depth-1)
			})
		case 3:
			below, cancel := context.WithCancel(ctx)
			stop := context.AfterFunc(below, func() {})
			err = braid.Run(below, func(ctx context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error { return busy(ctx, i+1, depth-1) })
				_ = g.Statistics()
				return nil
			}, braid.Limit(1))
			stop()
			cancel()
		case 4:
			err = braid.Run(context.WithValue(ctx, stressKey{}, i), func(ctx context.Context, g *braid.Group) error {
				h := g.Go(func(ctx context.Context) error { return busy(ctx, i+1, depth-1) })
				if err := h.Wait(ctx); err != nil && ctx.Err() == nil {
					return err
				}
				return nil
			})
		case 5:
			select {
			case <-ctx.Done():
			default:
			}
			err = braid.Yield(ctx)
		case 6:
			var event braid.Event
			err = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				h := g.Go(event.Wait)
				h.Cancel(nil)
				return nil
			})
		}
		if err != nil {
			return err
		}
		i++
		depth--
	}
}

// The first failure of a group is the one that cancelled it, also when several come at the same time, panics among them.
func TestFirstFailureIsTheCause(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	rounds := 2000
	if testing.Short() {
		rounds = 200
	}
	for range rounds {
		var cause error
		err := braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
			var start braid.Event
			for i := range 4 {
				g.Go(func(ctx context.Context) error {
					_ = start.Wait(context.WithoutCancel(ctx))
					if i%2 == 0 {
						panic(i)
					}
					return fmt.Errorf("failure %d", i)
				})
			}
			start.Set()
			_ = new(braid.Event).Wait(ctx)
			cause = context.Cause(ctx)
			return nil
		}, braid.OnPanic(braid.AsError), braid.PanicHook(func(*braid.PanicError) {}))
		var ge *braid.GroupError
		if !errors.As(err, &ge) || len(ge.Unwrap()) != 4 {
			t.Fatalf("err = %v", err)
		}
		if first := ge.Unwrap()[0]; first != cause {
			t.Fatalf("the first failure is %v, but the group was cancelled by %v", first, cause)
		}
	}
}
