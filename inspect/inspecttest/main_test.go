package inspecttest_test

import (
	"os"
	"testing"

	"github.com/braid-go/braid/internal/leakcheck"
)

// TestMain looks for goroutines of this module that are left when all tests have ended.
func TestMain(m *testing.M) {
	os.Exit(leakcheck.Main(m))
}
