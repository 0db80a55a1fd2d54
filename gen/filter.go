package gen

import (
	"fmt"
	"iter"
)

// Filter passes on the elements of src for which keep is true, in their order.
//
// It runs in the goroutine of the loop and reads nothing ahead. An error of src ends the stream.
func Filter[T any](src iter.Seq2[T, error], keep func(T) bool) iter.Seq2[T, error] {
	mustHave("Filter", "a source", src != nil)
	mustHave("Filter", "a function", keep != nil)
	return func(yield func(T, error) bool) {
		through(src, yield, func(v T, err error) bool {
			if err != nil {
				yield(v, err)
				return false
			}
			return !keep(v) || yield(v, nil)
		})
	}
}

// Take passes on the first n elements of src and then breaks off src, without reading another one.
//
// It runs in the goroutine of the loop and reads nothing ahead. An error of src among the first n ends the stream.
// Take panics if n is negative. With 0 it does not begin to read src.
func Take[T any](src iter.Seq2[T, error], n int) iter.Seq2[T, error] {
	mustHave("Take", "a source", src != nil)
	if n < 0 {
		panic(fmt.Sprintf("gen: Take(%d): the number must not be negative", n))
	}
	return func(yield func(T, error) bool) {
		if n == 0 {
			return
		}
		left := n
		through(src, yield, func(v T, err error) bool {
			left--
			return yield(v, err) && err == nil && left > 0
		})
	}
}
