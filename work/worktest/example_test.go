package worktest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid/work"
	"github.com/braid-go/braid/work/worktest"
)

// suite is what the test of an engine hands over. This one runs in virtual time; an engine behind a network
// takes a Tick of some 50 ms, calls body with t.Context(), and lists in Without what it cannot do.
func suite() worktest.Suite {
	return worktest.Suite{
		New: func(_ testing.TB, _ context.Context, s worktest.Settings) work.Engine[worktest.Payload] {
			return work.NewMemory(work.MemoryConfig[worktest.Payload]{Capacity: s.Capacity, Window: s.Window})
		},
		Run: func(t *testing.T, body func(testing.TB, context.Context)) {
			synctest.Test(t, func(t *testing.T) { body(t, t.Context()) })
		},
		Tick:    time.Second,
		Without: []worktest.Feature{worktest.Keys},
	}
}

func TestEngine(t *testing.T) { worktest.Test(t, suite()) }

// The test of an engine needs one line; suite is above.
func ExampleTest() {
	_ = func(t *testing.T) { // TestEngine
		worktest.Test(t, suite())
	}
	// Output:
}
