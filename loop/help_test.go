package loop_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/loop"
)

// bubble runs body on a loop in virtual time and fails the test if it fails.
func bubble(t *testing.T, body func(ctx context.Context, g *braid.Group) error, opts ...loop.Option) {
	t.Helper()
	braidtest.CheckLeaks(t)
	synctest.Test(t, func(t *testing.T) { runLoop(t, body, opts...) })
}

// printed collects lines, and compares them with what was expected.
type printed struct {
	mu    sync.Mutex
	lines []string
}

func (p *printed) println(args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, strings.TrimSuffix(fmt.Sprintln(args...), "\n"))
}

func (p *printed) check(t *testing.T, want string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if got := strings.Join(p.lines, "\n"); got != strings.TrimSpace(want) {
		t.Errorf("printed:\n%s\nwant:\n%s", got, strings.TrimSpace(want))
	}
}

// mustPanic calls f and returns the text of its panic.
func mustPanic(t *testing.T, f func()) (text string) {
	t.Helper()
	defer func() {
		if v := recover(); v != nil {
			text = fmt.Sprint(v)
		} else {
			t.Error("there was no panic")
		}
	}()
	f()
	return ""
}

// contains fails the test unless text has all parts.
func contains(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s lacks %q:\n%s", what, part, text)
		}
	}
}

// logged returns what f puts into the default log.
func logged(t *testing.T, f func()) string {
	t.Helper()
	var mu sync.Mutex
	var text strings.Builder
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return text.Write(p)
	}), nil)))
	f()
	mu.Lock()
	defer mu.Unlock()
	return text.String()
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
