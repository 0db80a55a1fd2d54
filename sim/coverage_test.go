package sim_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/braid-go/braid/sim"
)

// heavy lists what takes more than a second or so for three tasks; with -short these are left to longer runs,
// and under the race detector, for which one order is as good as another, all of three tasks and the largest of two.
var heavy = map[string]bool{
	"Cond": true, "Map": true, "each waits from inside a nested scope": true, "each starts a server": true, "nested timeouts": true,
	"Timeout": true, "a group that is cancelled while it starts tasks": true, "each waits with a time limit": true,
}

// All schedules of two tasks and of three, of each primitive and combinator, one for all that are the same;
// docs/sim.md says how many that are.
//
//	go test ./sim -run TestAllSchedules -update
func TestAllSchedules(t *testing.T) {
	subjects := allSubjects()
	results := make([][2]sim.Result, len(subjects))
	t.Run("search", func(t *testing.T) {
		for i, sub := range subjects {
			for n := 2; n <= 3; n++ {
				if testing.Short() && heavy[sub.name] && (n == 3 || sim.RaceBackend) || testing.Short() && sim.RaceBackend && n == 3 {
					continue
				}
				t.Run(fmt.Sprintf("%s/%d tasks", sub.name, n), func(t *testing.T) {
					t.Parallel()
					r := sim.Explore(t.Name(), sub.exhaustive(n), sim.Reduce(), sim.Schedules(1_000_000), sim.Complete(), sim.Regressions("testdata/sim"))
					if r.Err != nil {
						t.Fatal(r.Err)
					}
					results[i][n-2] = r
				})
			}
		}
	})
	if t.Failed() || testing.Short() {
		return
	}
	var b strings.Builder
	b.WriteString("| subject | 2 tasks | 3 tasks |\n|---|---|---|\n")
	for i, sub := range subjects {
		name := sub.name
		if sub.all != nil {
			name += " *"
		}
		fmt.Fprintf(&b, "| %s |", name)
		for _, r := range results[i] {
			fmt.Fprintf(&b, " %d (%d) |", r.Schedules-1, r.GivenUp) // without the canonical one, which comes first
		}
		b.WriteString("\n")
	}
	inDocs(t, "schedules: go test ./sim -run TestAllSchedules -update", "end of schedules", b.String())
}

// inDocs checks, or updates, what stands between two comments of docs/sim.md.
func inDocs(t *testing.T, begin, end, text string) {
	t.Helper()
	const path = "../docs/sim.md"
	begin, end = "<!-- "+begin+" -->\n", "<!-- "+end+" -->\n"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(b), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place %q", path, begin)
	}
	text = head + begin + "\n" + text + "\n" + end + tail
	switch {
	case text == string(b):
	case *update:
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("what stands after %q in %s is not what this simulator says; run the test with -update", strings.TrimSpace(begin), path)
	}
}
