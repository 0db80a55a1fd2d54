package braid_test

import (
	"testing"
	"testing/synctest"

	"github.com/braid-go/braid/braidtest"
)

// bubble runs f in virtual time and checks that no goroutine is left of it.
// Tests in real time call braidtest.CheckLeaks themselves.
//
// The bubble alone would notice too, but only by never ending, or as a deadlock that does not say whose goroutine it is.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	braidtest.CheckLeaks(t)
	synctest.Test(t, f)
}
