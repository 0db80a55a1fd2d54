package inspecttest_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/inspect"
	"github.com/braid-go/braid/inspect/inspecttest"
)

// A test calls NoFindings when what it tests is running. Here the test is one that only records its failures.
func ExampleNoFindings() {
	t := &recorder{}
	_ = braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		inspecttest.NoFindings(t, inspecttest.Rules(inspect.Rules{Allow: []string{"T1"}}))
		var ready braid.Event
		g.Go(ready.Wait)
		ready.Set()
		t.end() // go test does this
		return nil
	})
	fmt.Println("failures:", len(t.failures))
	// Output: failures: 0
}

// Findings is for a look in the middle of a test.
func ExampleFindings() {
	_, found := inspecttest.Findings()
	fmt.Println(len(found))
	// Output: 0
}

// DumpOnTimeout is the first line of a test that has been seen to hang. It writes nothing as long as the test ends in time.
func ExampleDumpOnTimeout() {
	t := &recorder{deadline: time.Now().Add(time.Hour)}
	inspecttest.DumpOnTimeout(t)
	t.end() // go test does this
	inspecttest.DumpOnTimeout(t, inspecttest.After(time.Minute), inspecttest.To(os.Stdout))
	t.end()
	// Output:
}

// Dump shows what a program is at.
func ExampleDump() {
	_ = braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		var b strings.Builder
		err := inspecttest.Dump(&b)
		fmt.Print(b.String())
		return err
	}, braid.Name("shop"))
	// Output:
	// 1 task:
	// shop  active
}
