package inspect_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid/inspect"
)

// TestMain looks for goroutines of this module that are left when all tests have ended.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		child(dir)
		return
	}
	code := m.Run()
	if left := goroutinesLeft(5 * time.Second); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines are left after all tests:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

func goroutinesLeft(patience time.Duration) string {
	for start := time.Now(); ; runtime.Gosched() {
		var profile bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
			return err.Error()
		}
		var left []string
		for record := range strings.SplitSeq(profile.String(), "\n\n") {
			if strings.Contains(record, "github.com/braid-go/braid") && !strings.Contains(record, "inspect_test.TestMain") {
				left = append(left, record)
			}
		}
		if len(left) == 0 || time.Since(start) > patience {
			return strings.Join(left, "\n\n")
		}
	}
}

// childVariable makes this binary a program with an inspector, instead of running tests. Its value is the runtime directory.
const childVariable = "BRAID_INSPECT_TEST_CHILD"

// child serves until its standard input ends.
func child(dir string) {
	in, err := inspect.Serve(background, inspect.Options{Name: "child", Dir: dir})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(in.Socket())
	var buf [1]byte
	os.Stdin.Read(buf[:])
	in.Close()
}
