package gen_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/gen"
)

// aMoment is a time that has to pass. Some schedulers run the cases in real time.
const aMoment = 2 * time.Millisecond

// pass lets everybody who is ready run, on schedulers with an order; on others it gives them a chance.
func pass(ctx context.Context) {
	for range 5 {
		_ = braid.Yield(context.WithoutCancel(ctx))
	}
}

// until yields until cond holds.
func until(t *testing.T, ctx context.Context, what string, cond func() bool) {
	t.Helper()
	for range 10_000_000 {
		if cond() {
			return
		}
		_ = braid.Yield(context.WithoutCancel(ctx))
	}
	t.Fatalf("waited in vain until %s", what)
}

// never waits until ctx ends, and returns its cause.
func never(ctx context.Context) error { return new(braid.Event).Wait(ctx) }

// source is a producer that emits the numbers from 0 up to n, and then does what last says.
type source struct {
	n       int
	last    func(ctx context.Context) error // nil: ends
	running atomic.Int32
	emitted atomic.Int32
	started atomic.Int32
	stopped atomic.Pointer[error] // what the last run returned
}

func (s *source) produce(ctx context.Context, emit func(int) error) (err error) {
	s.started.Add(1)
	s.running.Add(1)
	defer func() {
		s.stopped.Store(&err)
		s.running.Add(-1)
	}()
	for i := range s.n {
		if err := emit(i); err != nil {
			return err
		}
		s.emitted.Add(1)
	}
	if s.last != nil {
		return s.last(ctx)
	}
	return nil
}

func (s *source) stream(ctx context.Context, buffer int) iter.Seq2[int, error] {
	return gen.Stream(ctx, buffer, s.produce)
}

// err returns what the last run returned.
func (s *source) err() error {
	if p := s.stopped.Load(); p != nil {
		return *p
	}
	return nil
}

// gone checks that the producer has run and has ended.
func (s *source) gone(t *testing.T) {
	t.Helper()
	if s.started.Load() == 0 || s.running.Load() != 0 {
		t.Errorf("the producer was started %d times, and %d run", s.started.Load(), s.running.Load())
	}
}

func failing(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// collect gathers values and the errors, which should be one at most, and the last element.
func collect[T any](t *testing.T, seq iter.Seq2[T, error]) (values []T, last error) {
	t.Helper()
	for v, err := range seq {
		if last != nil {
			t.Errorf("after the error %v there is %v %v", last, v, err)
		}
		if last = err; err == nil {
			values = append(values, v)
		}
	}
	return values, last
}

// numbers returns the first n.
func numbers(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// hushed keeps a panic that a case means to raise out of the test's output.
var hushed = braid.PanicHook(func(*braid.PanicError) {})

// quietly runs body in a scope whose hook says nothing.
func quietly(t *testing.T, ctx context.Context, body func(ctx context.Context)) {
	t.Helper()
	scope(t, ctx, func(ctx context.Context, _ *braid.Group) { body(ctx) }, hushed)
}

// scope runs body in a scope that must succeed.
func scope(t *testing.T, ctx context.Context, body func(ctx context.Context, g *braid.Group), opts ...braid.RunOption) {
	t.Helper()
	err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		body(ctx, g)
		return nil
	}, opts...)
	if err != nil {
		t.Errorf("the scope failed: %v", err)
	}
}

// taskPanic calls f, which must panic with a *braid.PanicError.
func taskPanic(t *testing.T, f func()) *braid.PanicError {
	t.Helper()
	v := caught(f)
	pe, ok := v.(*braid.PanicError)
	if !ok {
		t.Errorf("panicked with %v (%T), want a *braid.PanicError", v, v)
		return &braid.PanicError{}
	}
	return pe
}

// taskError checks that err is the failure of a task whose path ends with the given part.
func taskError(t *testing.T, err error, path string, expected error) {
	t.Helper()
	te, ok := errors.AsType[*braid.TaskError](err)
	if !ok || !strings.HasSuffix(te.Task, path) || !errors.Is(te.Err, expected) {
		t.Errorf("err = %v, want %v of a task %s", err, expected, path)
	}
}

// lateFailures runs body below a hook, and returns the errors that were reported because nobody could be given them:
// to the hook, or to the scope, if that is what package braid offers.
func lateFailures(ctx context.Context, body func(ctx context.Context)) (late []error) {
	heard := braid.NewQueue[error](braid.Unbounded)
	hook := braid.PanicHook(func(pe *braid.PanicError) {
		err, _ := pe.Value.(error)
		heard.TryPut(err)
	})
	err := braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
		body(ctx)
		return nil
	}, hook)
	late = heard.Shutdown(braid.Now)
	if err != nil {
		late = append(late, err)
	}
	return late
}
