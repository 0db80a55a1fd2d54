package service_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/service"
)

var errDown = errors.New("down")

// diary notes what happens, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) all() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.lines, " ")
}

func (d *diary) count(line string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.lines {
		if l == line {
			n++
		}
	}
	return n
}

// note returns a function that writes line.
func (d *diary) note(line string) func(context.Context) error {
	return func(context.Context) error { d.add(line); return nil }
}

// part returns a component that notes what is called, and runs until it is told to stop.
func (d *diary) part(name string) service.Component {
	return service.Component{
		Name:  name,
		Start: d.note("+" + name),
		Run: func(ctx context.Context) error {
			d.add(name)
			defer d.add(name + ".")
			return untilDone(ctx)
		},
		Stop: d.note("-" + name),
	}
}

// begun returns a component as part does, which is ready when its Run has begun: one that is cancelled before is never called.
func (d *diary) begun(name string) service.Component {
	c := d.part(name)
	c.Ready = func(context.Context) error {
		if d.count(name) == 0 {
			return errDown
		}
		return nil
	}
	return c
}

// untilDone waits until ctx ends.
func untilDone(ctx context.Context) error { return new(braid.Event).Wait(ctx) }

// never waits, whatever its ctx says, until leave is set.
func never(leave *braid.Event) func(context.Context) error {
	return func(ctx context.Context) error { return leave.Wait(context.WithoutCancel(ctx)) }
}

func goexit(context.Context) error { runtime.Goexit(); return nil }

func explode(context.Context) error { panic("boom") }

func fail(context.Context) error { return errDown }

// quiet is a config that logs to nobody.
func quiet(c service.Config) service.Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Name == "" {
		c.Name = "shop"
	}
	return c
}

func newService(c service.Config, parts ...service.Component) *service.Service {
	s := service.New(quiet(c))
	s.Add(parts...)
	return s
}

// under is a Run in a task of its own, which does not end with the test's.
type under struct {
	*service.Service

	task *braid.Task[error]
}

// begin runs s in g.
func begin(g *braid.Group, s *service.Service) *under {
	return &under{s, braid.Go(g, func(ctx context.Context) (error, error) { return s.Run(ctx), nil }, braid.Name("main"))}
}

// end waits for the Run and returns its result.
func (u *under) end(t *testing.T, ctx context.Context) error {
	t.Helper()
	err, wait := u.task.Wait(ctx)
	must(t, wait)
	return err
}

// with runs f with a group; everything in it must have ended in the end.
func with(t *testing.T, ctx context.Context, f func(ctx context.Context, g *braid.Group)) {
	t.Helper()
	must(t, braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		f(ctx, g)
		return nil
	}, braid.Name("test")))
}

// until lets time pass until holds does. The clock is virtual.
func until(t *testing.T, ctx context.Context, what string, holds func() bool) {
	t.Helper()
	for range 100_000 {
		if holds() {
			return
		}
		must(t, braid.Sleep(ctx, time.Millisecond))
	}
	t.Fatalf("never: %s", what)
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

// contains checks that text has all parts in it.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Fatalf("no %q in %q", p, text)
		}
	}
}

// failureOf returns the error of a component; it must be the only one of that phase.
func failureOf(t *testing.T, err error, name string, phase service.Phase) *service.ComponentError {
	t.Helper()
	var found []*service.ComponentError
	e, ok := errors.AsType[*service.Error](err)
	if !ok {
		t.Fatalf("error is %v, want a *service.Error", err)
	}
	for _, member := range e.Unwrap() {
		if ce, ok := errors.AsType[*service.ComponentError](member); ok && ce.Component == name && ce.Phase == phase {
			found = append(found, ce)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d errors of %s in %v in %v, want 1", len(found), name, phase, err)
	}
	return found[0]
}

// took returns how long f takes on the clock of ctx.
func took(ctx context.Context, f func()) time.Duration {
	start := braid.Time(ctx)
	f()
	return braid.Time(ctx).Sub(start)
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

func stateOf(s *service.Service, name string) service.State {
	list := s.Status().Components
	i := slices.IndexFunc(list, func(c service.ComponentStatus) bool { return c.Name == name })
	return list[i].State
}

// listOf returns what is in the error of a service.
func listOf(err error) []error {
	if e, ok := errors.AsType[*service.Error](err); ok {
		return e.Unwrap()
	}
	return nil
}

func slogTo(d *diary) *slog.Logger { return slog.New(&lines{d: d}) }
