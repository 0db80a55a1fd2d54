package gen_test

import (
	"bytes"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/gen"
)

// lockedBuffer is a log that may be written and read at the same time.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// logs sets the default logger for the time of a test, which must not be parallel.
func logs(t *testing.T) *lockedBuffer {
	t.Helper()
	b := &lockedBuffer{}
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(b, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return b
}

// A generator's body that fails when the loop has been left, and no ctx is around, is logged.
func TestSeqCleanupFails(t *testing.T) {
	braidtest.CheckLeaks(t)
	log := logs(t)
	for range gen.Seq(func(y *gen.Yielder[none, int]) error {
		_, _ = y.Yield(1)
		return errBoom
	}) {
		break
	}
	if !strings.Contains(log.String(), "boom") {
		t.Errorf("the log says %q", log)
	}
}

// A coroutine that is dropped is logged if nobody has asked to hear of it.
func TestDroppedIsLogged(t *testing.T) {
	braidtest.CheckLeaks(t)
	log := logs(t)
	cleaned := false
	drop(&cleaned, errBoom)
	for !strings.Contains(log.String(), "gen_test.drop.func1") {
		runtime.GC()
	}
	if text := log.String(); !strings.Contains(text, "closing it now failed: boom") {
		t.Errorf("the log says %q", text)
	}
}
