package sim

import (
	"context"

	"github.com/braid-go/braid/internal/sched"
)

// Var is a plain variable that tasks share, with a point before each read and write, so that the simulator can
// let another task come between them. It is not safe for use by several goroutines: it stands for one that may not be either.
// The zero value holds the zero value of T.
type Var[T any] struct {
	name  string
	value T
}

// NewVar returns a variable with a name for reports.
func NewVar[T any](name string, value T) *Var[T] { return &Var[T]{name: name, value: value} }

// Name returns the name, or "".
func (v *Var[T]) Name() string { return v.name }

// Load reads the variable.
//
//go:norace
func (v *Var[T]) Load(ctx context.Context) T {
	v.point(ctx, "var.Load")
	return v.value
}

// Store writes the variable.
//
//go:norace
func (v *Var[T]) Store(ctx context.Context, value T) {
	v.point(ctx, "var.Store")
	v.value = value
}

// Peek reads the variable without a point, for invariants and for the end of a test.
func (v *Var[T]) Peek() T { return v.value }

func (v *Var[T]) point(ctx context.Context, op string) {
	if e := engineOf(ctx); e != nil {
		e.Point(sched.Op{Name: op, Object: v})
	}
}
