package gen_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/braid-go/braid/gen"
)

var (
	errBoom  = errors.New("boom")
	errOther = errors.New("other")
	errStop  = errors.New("stop")
)

type none = struct{}

// want checks one value.
func want[T comparable](t testing.TB, what string, got, expected T) {
	t.Helper()
	if got != expected {
		t.Errorf("%s = %v, want %v", what, got, expected)
	}
}

// wantList checks a list.
func wantList[T any](t testing.TB, what string, got []T, expected ...T) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(expected) {
		t.Errorf("%s = %v, want %v", what, got, expected)
	}
}

// isErr checks that err is expected or wraps it.
func isErr(t testing.TB, what string, err, expected error) {
	t.Helper()
	if !errors.Is(err, expected) {
		t.Errorf("%s = %v, want %v", what, err, expected)
	}
}

// yields checks what a step gave.
func yields[T comparable](t testing.TB, what string, expected T) func(T, bool) {
	return func(v T, ok bool) {
		t.Helper()
		if !ok || v != expected {
			t.Errorf("%s: %v %t, want %v", what, v, ok, expected)
		}
	}
}

// ends checks that a step found the end.
func ends[T comparable](t testing.TB, what string) func(T, bool) {
	return func(v T, ok bool) {
		t.Helper()
		var zero T
		if ok || v != zero {
			t.Errorf("%s: %v %t, want the end", what, v, ok)
		}
	}
}

// caught calls f and returns what it panics with; nil if it does not.
func caught(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

// panics checks that f panics with a text that holds all parts.
func panics(t testing.TB, what string, f func(), parts ...string) {
	t.Helper()
	v := caught(f)
	if v == nil {
		t.Errorf("%s did not panic", what)
		return
	}
	for _, part := range append(parts, "gen: ") {
		if !strings.Contains(fmt.Sprint(v), part) {
			t.Errorf("%s panicked with %q, which does not say %q", what, v, part)
		}
	}
}

// caughtPanic calls f, which must panic with a *gen.PanicError.
func caughtPanic(t testing.TB, f func()) *gen.PanicError {
	t.Helper()
	v := caught(f)
	pe, ok := v.(*gen.PanicError)
	if !ok {
		t.Errorf("panicked with %v (%T), want a *gen.PanicError", v, v)
		return &gen.PanicError{}
	}
	return pe
}

// exited calls f on a goroutine of its own and reports whether that ended by runtime.Goexit.
func exited(f func()) bool {
	returned := false
	done := make(chan none)
	go func() {
		defer close(done)
		f()
		returned = true
	}()
	<-done
	return !returned
}
