package sched_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid/internal/sched"
)

// recorder is a scheduler that only writes down what it is asked.
type recorder struct {
	sched.Scheduler // Spawn and Yield are called by nobody here

	self  sched.Scheduler
	asked []string
}

func (r *recorder) Ref() *sched.Scheduler { r.self = r; return &r.self }

func (r *recorder) notef(format string, args ...any) {
	r.asked = append(r.asked, fmt.Sprintf(format, args...))
}
func (r *recorder) Park(_ *sched.Parker, f context.Context) { r.notef("Park %v", f != nil) }
func (r *recorder) Unpark(*sched.Parker)                    { r.notef("Unpark") }
func (r *recorder) Point(op sched.Op)                       { r.notef("Point %s %v", op.Name, op.Object) }
func (r *recorder) Now() time.Time                          { r.notef("Now"); return time.Unix(1, 0) }

func (r *recorder) After(d time.Duration, f func()) sched.Timer {
	r.notef("After %v", d)
	f()
	return stopped{}
}

type stopped struct{}

func (stopped) Stop() bool { return false }

func TestSchedulerIsAsked(t *testing.T) {
	r := &recorder{}
	var p sched.Parker
	p.Bind(r)
	sched.Park(&p, nil)
	sched.Park(&p, t.Context())
	sched.Unpark(&p)
	sched.Point(r, "queue.Get", 7)
	if now := sched.Now(r); !now.Equal(time.Unix(1, 0)) {
		t.Errorf("Now = %v", now)
	}
	called := false
	if sched.After(r, time.Second, func() { called = true }).Stop() || !called {
		t.Error("After did not ask the scheduler")
	}
	want := []string{"Park false", "Park true", "Unpark", "Point queue.Get 7", "Now", "After 1s"}
	if !slices.Equal(r.asked, want) {
		t.Errorf("asked %q, want %q", r.asked, want)
	}
}

func TestSchedulerOfAContext(t *testing.T) {
	if s := sched.From(t.Context()); s != nil {
		t.Errorf("a plain context has scheduler %v", s)
	}
	r := &recorder{}
	ctx := sched.With(t.Context(), r)
	if s := sched.From(context.WithoutCancel(ctx)); s != r {
		t.Errorf("From = %v", s)
	}
	if s := sched.From(sched.With(ctx, nil)); s != nil {
		t.Errorf("From after With(nil) = %v", s)
	}
}

func TestGoroutinesUseTheClockOfPackageTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := sched.Now(nil)
		var p sched.Parker
		sched.After(nil, time.Hour, func() { sched.Unpark(&p) })
		sched.Park(&p, nil)
		if d := sched.Now(nil).Sub(start); d != time.Hour {
			t.Errorf("woken after %v", d)
		}
		never := sched.After(nil, time.Hour, func() { t.Error("a stopped timer fired") })
		if !never.Stop() || never.Stop() {
			t.Error("Stop does not say whether it prevented the call")
		}
		time.Sleep(2 * time.Hour) //nolint:forbidigo // the bubble's clock
		sched.Point(nil, "queue.Get", nil)
	})
}

type task string

func (t task) Name() string { return string(t) }
func (t task) Path() string { return "main/" + string(t) }

func TestWaitSaysWhat(t *testing.T) {
	for want, w := range map[string]*sched.Wait{
		"braid.Sleep":          {Op: "braid.Sleep"},
		"queue.Get jobs":       {Op: "queue.Get", Object: &sched.Object{Kind: "queue", Name: "jobs", ID: 3}},
		"queue.Get":            {Op: "queue.Get", Object: &sched.Object{Kind: "queue", ID: 3}},
		"task.Wait main/fetch": {Op: "task.Wait", Object: &sched.Object{Kind: sched.KindTask, Of: task("fetch")}},
	} {
		if got := w.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
