package inspect_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/braid-go/braid/inspect"
	"github.com/braid-go/braid/internal/leakcheck"
)

// TestMain looks for goroutines of this module that are left when all tests have ended.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		child(dir)
		return
	}
	os.Exit(leakcheck.Main(m))
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
