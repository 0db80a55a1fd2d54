package gen

import (
	"context"
	"iter"
	"sync"
	"unsafe"
)

// How the end of a loop reaches a source that waits.
//
// A stream is a function, and waits under the ctx that it was made with. If an operator reads it in a task of its own
// and the loop over the operator is left, the source may wait for its next element, perhaps for ever,
// and nothing that the operator can do ends a ctx that is not its own.
// So operators announce the loops with which they read a source, and a stream of this package looks whether the loop
// that it is given is such a one; then it ends with the operator's task, too.
//
// Streams as objects, with a method that takes the reader's ctx, were rejected: a stream is an iter.Seq2,
// and can be written, wrapped and ranged over by code that knows nothing of this package.

// readers holds the ctx of each task that is reading a source, by the identity of its loop. An entry lives as long as the loop.
var readers sync.Map // of uintptr to reader

type reader struct {
	ctx  taskContext
	loop any // keeps the function where it is, so that no other can have its identity
}

// taskContext is the ctx of a task or of the body of a scope, as package braid makes it.
type taskContext interface {
	context.Context

	// AfterFunc calls f when the ctx ends, on the goroutine that ends it; context.AfterFunc would start one that no scheduler knows.
	AfterFunc(f func()) (stop func() bool)
}

// read ranges over src in the name of ctx, which is that of a task.
func read[T any](ctx context.Context, src iter.Seq2[T, error], each func(T, error) bool) {
	loop := func(v T, err error) bool { return each(v, err) } // a function of its own even if each is none
	id := identity(loop)
	readers.Store(id, reader{ctx.(taskContext), loop}) //nolint:forcetypeassert // another ctx would be a bug here
	defer readers.Delete(id)
	src(loop)
}

// readerOf returns the ctx of the task that runs the loop, if the loop has been announced; else nil.
func readerOf[T any](loop func(T, error) bool) taskContext {
	if r, ok := readers.Load(identity(loop)); ok {
		return r.(reader).ctx //nolint:forcetypeassert // nothing else is stored
	}
	return nil
}

// identity tells closures apart: a function value is a pointer to its closure.
func identity[T any](loop func(T, error) bool) uintptr {
	return *(*uintptr)(unsafe.Pointer(&loop)) //nolint:gosec // only compared, and never made a pointer again
}

// through ranges over src on behalf of the loop that yield belongs to, for operators that have no task of their own.
func through[In, Out any](src iter.Seq2[In, error], yield func(Out, error) bool, each func(In, error) bool) {
	if ctx := readerOf(yield); ctx != nil {
		read(ctx, src, each)
		return
	}
	src(each)
}

// onEnd calls f when ctx ends, at once if it has.
func onEnd(ctx taskContext, f func()) (stop func() bool) {
	if ctx.Err() != nil {
		f() // AfterFunc would start a goroutine for it
		return func() bool { return false }
	}
	return ctx.AfterFunc(f)
}

// Values makes a stream of a plain sequence. Nothing fails in it.
func Values[T any](seq iter.Seq[T]) iter.Seq2[T, error] {
	if seq == nil {
		panic("gen: Values needs a sequence; the one given is nil")
	}
	return func(yield func(T, error) bool) {
		for v := range seq {
			if !yield(v, nil) {
				return
			}
		}
	}
}
