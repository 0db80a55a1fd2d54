package inspecttest_test

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

// TestMain looks for goroutines of this module that are left when all tests have ended.
func TestMain(m *testing.M) {
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
			if strings.Contains(record, "github.com/braid-go/braid") && !strings.Contains(record, "inspecttest_test.TestMain") {
				left = append(left, record)
			}
		}
		if len(left) == 0 || time.Since(start) > patience {
			return strings.Join(left, "\n\n")
		}
	}
}
