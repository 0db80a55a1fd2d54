package sim_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/braid-go/braid/sim"
)

var update = flag.Bool("update", false, "write the statistics into docs/sim.md")

// The statistics in docs/sim.md are those of this simulator: all seeds are given, so they are the same on every machine.
//
//	go test ./sim -run TestStatisticsInTheDocs -update
func TestStatisticsInTheDocs(t *testing.T) {
	if testing.Short() && !*update {
		t.Skip("some seconds")
	}
	t.Parallel()
	inDocs(t, "statistics: go test ./sim -run TestStatisticsInTheDocs -update", "end of statistics", statistics(t))
}

func statistics(t *testing.T) string {
	var b strings.Builder
	names := make([]string, 0, len(zoo))
	for name := range zoo {
		names = append(names, name)
	}
	slices.Sort(names)
	strategies := []sim.Strategy{sim.Portfolio, sim.Random, sim.PCT1, sim.PCT2, sim.PCT3, sim.POS, sim.URW, sim.Bounded}

	b.WriteString("Schedules to the first failure, median of 100 seeds; in brackets, how many seeds miss it within 200 schedules.\n\n")
	b.WriteString("| bug, 4 tasks |")
	for _, st := range strategies {
		fmt.Fprintf(&b, " %v |", st)
	}
	b.WriteString(" fewest switches | after shrinking |\n|---|" + strings.Repeat("---|", len(strategies)+2) + "\n")
	for _, name := range names {
		fmt.Fprintf(&b, "| %s |", name)
		worst := 0
		for _, st := range strategies {
			var tries []int
			missed := 0
			for seed := range uint64(100) {
				r := sim.Hunt(t, zoo[name], seed, 200, st)
				if !r.Found {
					missed++
				}
				tries = append(tries, r.Schedules)
				if st == sim.Portfolio {
					worst = max(worst, r.Switches)
				}
			}
			slices.Sort(tries)
			fmt.Fprintf(&b, " %d", tries[50])
			if missed > 0 {
				fmt.Fprintf(&b, " (%d)", missed)
			}
			b.WriteString(" |")
		}
		fmt.Fprintf(&b, " %d | at most %d |\n", sim.Shortest(t, zoo[name]), worst)
	}

	b.WriteString("\nA bug that needs one task to run 20 steps before another takes its second, figure 5 of the PCT paper:\nhow many of 1,000 schedules find it.\n\n| random | pct1 | pct2 | pct3 | pos | urw | bounded |\n|---|---|---|---|---|---|---|\n|")
	for _, st := range strategies[1:] {
		n := 0
		for order, k := range sim.Sample(t, st, 7, 1000, []int{2, 20}) {
			if deep(order) {
				n += k
			}
		}
		fmt.Fprintf(&b, " %d |", n)
	}
	b.WriteString("\n\nExhaustive search of n tasks with k steps each, which have (nk)!/(k!)^n interleavings.\n\n| n | k | schedules | different orders |\n|---|---|---|---|\n")
	for _, c := range [][2]int{{2, 3}, {2, 6}, {3, 3}, {4, 2}, {3, 4}} {
		steps := slices.Repeat([]int{c[1]}, c[0])
		schedules, orders, _ := sim.Interleavings(t, steps)
		fmt.Fprintf(&b, "| %d | %d | %d | %d |\n", c[0], c[1], schedules, orders)
	}
	b.WriteString("\nTwo tasks of 2 and 5 steps have 21 interleavings. Chi-square of 21,000 schedules against all being equally likely,\nwith 20 degrees of freedom: below 45.3 in 999 of 1,000 cases if they are.\n\n| random | urw |\n|---|---|\n|")
	for _, st := range []sim.Strategy{sim.Random, sim.URW} {
		sum := 0.0
		seen := sim.Sample(t, st, 11, 21_000, []int{2, 5})
		for _, k := range seen {
			sum += (float64(k) - 1000) * (float64(k) - 1000) / 1000
		}
		fmt.Fprintf(&b, " %.0f |", sum+float64(21-len(seen))*1000)
	}
	b.WriteString("\n")
	return b.String()
}
