package braid //nolint:testpackage // names are made from program counters, which nobody outside sees

import (
	"context"
	"iter"
	"strings"
	"testing"
	"text/template/parse"
)

// What makes closures is not inlined: the compiler names a closure after the function that it ends up in.

func plainFunction()           {}
func genericFunction[T any](T) {}

//go:noinline
func genericClosure[K comparable, V any]() func() { return func() { _ = map[K]V{} } }

type named struct{}

func (named) value()    {}
func (*named) pointer() {}

//go:noinline
func (n *named) closure() func() { return func() { n.pointer() } }

//go:noinline
func (n *named) nested() func() func() { return func() func() { return func() { n.pointer() } } }

//go:noinline
func (*named) rangeBody() (f func()) {
	for range one {
		f = func() { plainFunction() }
	}
	return f
}

//go:noinline
func one(yield func(int) bool) { yield(1) }

type generic[T any] struct{ v T }

func (g *generic[T]) method() { _ = g.v }

//go:noinline
func (g *generic[T]) closure() func() { return func() { g.method() } }

type worker interface{ method() }

// A task without a name is called after its function.
func TestNameOf(t *testing.T) {
	n := &named{}
	var seq iter.Seq[int] = one
	var w worker = &generic[string]{}
	for _, c := range []struct {
		what string
		fn   any
		want string
	}{
		{"a function", plainFunction, "braid.plainFunction"},
		{"a function of another package", strings.ToUpper, "strings.ToUpper"},
		{"a function of a package further down", parse.Parse, "parse.Parse"},
		{"a closure", func() { plainFunction() }, "braid.TestNameOf.func1"},
		{"a method of a pointer", n.pointer, "braid.(*named).pointer"},
		{"a method of a value", n.value, "braid.named.value"},
		{"a method expression", (*named).pointer, "braid.(*named).pointer"},
		{"a method expression of a value", named.value, "braid.named.value"},
		{"a closure made by a method", n.closure(), "braid.(*named).closure.func1"},
		{"a closure in a closure", n.nested()(), "braid.(*named).nested.func1.1"},
		{"a function in a variable", seq, "braid.one"},
		{"a generic function", genericFunction[int], "braid.genericFunction"},
		{"a generic function with a type of another package", genericFunction[parse.Tree], "braid.genericFunction"},
		{"a closure made by a generic function", genericClosure[string, parse.Tree](), "braid.genericClosure.func1"},
		{"a method of a generic type", (&generic[[]parse.Node]{}).method, "braid.(*generic).method"},
		{"a closure made by a method of a generic type", (&generic[parse.Tree]{}).closure(), "braid.(*generic).closure.func1"},
		{"a method of an interface", w.method, "braid.worker.method"},
	} {
		if got := nameOf(entryOf(c.fn)); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
	if got := nameOf(entryOf(n.rangeBody())); !strings.HasPrefix(got, "braid.(*named).rangeBody") {
		t.Errorf("a closure made in a range over a function: %q", got)
	}
	if got := nameOf(0); got != "unknown" {
		t.Errorf("no function: %q", got)
	}
}

// Tasks get their names from the user's function, whatever braid wraps around it.
func TestDefaultNames(t *testing.T) {
	yes := func(ctx context.Context) error { return ctx.Err() }
	answer := func(context.Context) (int, error) { return 42, nil }
	err := Run(t.Context(), func(_ context.Context, g *Group) error {
		for _, c := range []struct {
			what string
			h    *Handle
			want string
		}{
			{"Group.Go", g.Go(yes), "braid.TestDefaultNames.func1"},
			{"Group.Go with a limit of time", g.Go(yes, TaskTimeout(1<<40)), "braid.TestDefaultNames.func1"},
			{"Group.Go with a name", g.Go(yes, Name("yes")), "yes"},
			{"Go", &Go(g, answer).Handle, "braid.TestDefaultNames.func2"},
			{"Submit", Submit(NewPortal(g), answer).task, "braid.TestDefaultNames.func2"},
		} {
			if got := c.h.Name(); got != c.want {
				t.Errorf("%s: %q, want %q", c.what, got, c.want)
			}
			if got, want := c.h.Path(), "here/"+c.want; got != want {
				t.Errorf("%s: path %q, want %q", c.what, got, want)
			}
		}
		return NewPortal(g).Do(t.Context(), func(ctx context.Context) error {
			if got, want := Current(ctx).Name(), "braid.TestDefaultNames.func3.1"; got != want {
				t.Errorf("Portal.Do: %q, want %q", got, want)
			}
			return nil
		})
	}, Name("here"))
	if err != nil {
		t.Error(err)
	}
	names, err := Gather(t.Context(), name, name)
	if err != nil || len(names) != 2 || names[0] != "braid.name#0" || names[1] != "braid.name#1" {
		t.Errorf("Gather: %q, %v", names, err)
	}
}

func name(ctx context.Context) (string, error) { return Current(ctx).Name(), nil }
