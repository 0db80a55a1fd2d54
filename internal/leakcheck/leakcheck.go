// Package leakcheck looks for goroutines of this module that are left when all tests of a package are over:
// those that timers have started, and what examples leave behind, which no test's own check sees.
package leakcheck

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"
)

// Main runs the tests and returns the exit status: that of a failure if goroutines are left. It is for TestMain.
func Main(m *testing.M) int {
	code := m.Run()
	if left := left(5 * time.Second); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines of braid are left after all tests:\n%s\n", left)
		code = 1
	}
	return code
}

// left returns the stacks of goroutines that run code of this module, if they do not end within patience.
func left(patience time.Duration) string {
	for start := time.Now(); ; runtime.Gosched() {
		var profile bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
			return err.Error()
		}
		var left []string
		for record := range strings.SplitSeq(profile.String(), "\n\n") {
			if strings.Contains(record, "github.com/braid-go/braid") && !strings.Contains(record, ".TestMain") {
				left = append(left, record)
			}
		}
		if len(left) == 0 || time.Since(start) > patience {
			return strings.Join(left, "\n\n")
		}
	}
}
