package braidtest_test

import (
	"fmt"
	"strings"

	"github.com/braid-go/braid/braidtest"
)

// A test calls CheckLeaks first. Here the test is one that only records its failures,
// and it forgets to stop what it started.
func ExampleCheckLeaks() {
	test := func(t *recorder, stop chan struct{}) {
		braidtest.CheckLeaks(t)
		go serve(stop)
	}

	t := &recorder{name: "TestServe"}
	stop := make(chan struct{})
	close(stop) // without this line:
	// braidtest: the test has ended, and a goroutine that it started has not:
	//
	// goroutine:
	// example.com/project.serve
	// 	/home/me/project/serve.go:12
	test(t, stop)
	t.end()
	fmt.Println("failures:", strings.Join(t.failures, "\n"))
	// Output:
	// failures:
}

func serve(stop <-chan struct{}) { <-stop }
