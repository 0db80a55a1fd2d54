package gen

import (
	"fmt"
	"runtime/debug"
)

// PanicError is a panic in the body of a coroutine, as its caller sees it.
//
// It keeps the stack of the body: the stack that Go prints for a panic is the one of whoever called Next.
// A panic that goes through several coroutines keeps the stack of the innermost one.
type PanicError struct {
	Body  string // the name of the body's function, and where the coroutine was made
	Value any    // what panic was called with
	Stack []byte // the stack of the body, as printed by debug.Stack
}

// Error names the body and the value; the stack follows.
func (e *PanicError) Error() string {
	return fmt.Sprintf("gen: the coroutine %s panicked: %v\n\n%s", e.Body, e.Value, e.Stack)
}

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// asPanic makes a PanicError of a recovered value. It is called in the deferred function.
//
// braid.PanicError was rejected: a group takes one for a panic that it has heard of, and would not tell the PanicHook.
// As the value of a braid.PanicError this one is reported like any other, with both stacks.
func asPanic(v any, body string) *PanicError {
	if pe, ok := v.(*PanicError); ok && pe != nil {
		return pe
	}
	return &PanicError{Body: body, Value: v, Stack: debug.Stack()}
}
