package sched_test

import (
	"context"
	"slices"
	"testing"

	"github.com/braid-go/braid/internal/sched"
)

// closed is a recorder that does itself what others leave to goroutines.
type closed struct{ recorder }

func (c *closed) AfterFunc(_ context.Context, f func()) (stop func() bool) {
	c.notef("AfterFunc")
	f()
	return func() bool { return false }
}

func (c *closed) Go(f func()) {
	c.notef("Go")
	f()
}

func (c *closed) Panicked(task string, _ any, _ []byte) bool {
	c.notef("Panicked %s", task)
	return true
}

func TestClosedSchedulerIsAsked(t *testing.T) {
	c := &closed{}
	calls := 0
	if sched.AfterFunc(c, t.Context(), func() { calls++ })() {
		t.Error("stop is not the scheduler's")
	}
	sched.Go(c, func() { calls++ })
	if want := []string{"AfterFunc", "Go"}; calls != 2 || !slices.Equal(c.asked, want) {
		t.Errorf("%d calls, asked %q, want %q", calls, c.asked, want)
	}
}

func TestOthersLeaveItToGoroutines(t *testing.T) {
	for _, s := range []sched.Scheduler{nil, &recorder{}} {
		ctx, cancel := context.WithCancel(t.Context())
		ended, ran := make(chan struct{}), make(chan struct{})
		stop := sched.AfterFunc(s, ctx, func() { close(ended) })
		cancel()
		<-ended
		if stop() {
			t.Error("stopped what has happened")
		}
		sched.Go(s, func() { close(ran) })
		<-ran
	}
}
