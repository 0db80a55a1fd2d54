package conformance_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/braid-go/braid/internal/conformance"
)

// Each of the fifteen semantics of docs/design.md has cases by its number, and no two cases have the same name.
func TestEverySemanticsHasCases(t *testing.T) {
	t.Parallel()
	names := conformance.Names()
	for i := range 15 {
		number := fmt.Sprintf("S%02d ", i+1)
		if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, number) }) {
			t.Errorf("no case shows %s", number)
		}
	}
	slices.Sort(names)
	if n := len(names) - len(slices.Compact(names)); n > 0 {
		t.Errorf("%d names are not unique", n)
	}
}
