package gen_test

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/braid-go/braid/gen"
)

// forgetful starts a coroutine and forgets it.
//
//go:noinline
func forgetful() {
	c := gen.New(func(y *gen.Yielder[struct{}, int]) (struct{}, error) {
		_, err := y.Yield(1)
		return struct{}{}, err
	})
	c.Next()
}

// A coroutine that is dropped while it is suspended is found, closed and reported.
func ExampleOnUnclosed() {
	found := make(chan *gen.UnclosedError)
	gen.OnUnclosed(func(e *gen.UnclosedError) { found <- e })
	defer gen.OnUnclosed(nil)

	forgetful()
	for {
		runtime.GC()
		select {
		case e := <-found:
			fmt.Println(e.Err, strings.Contains(e.Error(), "gen_test.forgetful.func1 (made at example_unclosed_test.go:"))
			return
		default:
			runtime.Gosched()
		}
	}
	// Output: <nil> true
}

func ExampleUnclosedError() {
	e := &gen.UnclosedError{Body: "main.walk (made at main.go:7)"}
	fmt.Println(e)
	// Output: gen: the coroutine main.walk (made at main.go:7) was dropped while it was suspended; close it, with defer c.Close() after New
}
