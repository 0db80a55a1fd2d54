package sim_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/braid-go/braid/sim"
)

// interleavings is (nk)!/(k!)^n.
func interleavings(n, k int) int {
	total := 1
	for i := range n { // the product of binomials of (i+1)k over k stays small
		b := 1
		for j := 1; j <= k; j++ {
			b = b * (i*k + j) / j
		}
		total *= b
	}
	return total
}

func TestExhaustiveCounts(t *testing.T) {
	for _, c := range []struct{ n, k int }{{1, 5}, {2, 1}, {2, 3}, {2, 6}, {3, 2}, {3, 3}, {4, 2}, {3, 4}} {
		if testing.Short() && c.k == 4 {
			continue
		}
		t.Run(fmt.Sprintf("%d tasks of %d steps", c.n, c.k), func(t *testing.T) {
			steps := make([]int, c.n)
			for i := range steps {
				steps[i] = c.k
			}
			schedules, orders, complete := sim.Interleavings(t, steps)
			want := interleavings(c.n, c.k)
			if schedules != want || orders != want || !complete {
				t.Errorf("%d schedules, %d orders, complete: %v; want %d", schedules, orders, complete, want)
			}
		})
	}
}

// deep is the shape of figure 5 of the PCT paper: task b must run all its steps before a makes its second one.
// The random walk lets a wait so long with a probability of 2^-20; PCT decides with one coin.
func deep(order string) bool {
	return strings.HasPrefix(order, "a"+strings.Repeat("b", 20)) || strings.HasPrefix(order, strings.Repeat("b", 20))
}

func TestPCTFindsWhatIsDeep(t *testing.T) {
	hits := func(s sim.Strategy, n int) int {
		total := 0
		for order, k := range sim.Sample(t, s, 7, n, []int{2, 20}) {
			if deep(order) {
				total += k
			}
		}
		return total
	}
	if n := hits(sim.Random, 100); n > 1 {
		t.Errorf("the random walk found it %d times of 100", n)
	}
	for _, s := range []sim.Strategy{sim.PCT1, sim.PCT2, sim.PCT3} {
		n := hits(s, 1000)
		t.Logf("%v: %d of 1000", s, n)
		// The bound of the paper is 1/(n·k^(d-1)) for a bug of depth d; this one has depth 1, so d = 1 finds it with 1/2.
		want := map[sim.Strategy]float64{sim.PCT1: 0.5, sim.PCT2: 1.0 / (2 * 21), sim.PCT3: 1.0 / (2 * 21 * 21)}[s]
		if got := float64(n) / 1000; got < want-3*math.Sqrt(want*(1-want)/1000) {
			t.Errorf("%v: found with probability %.3f, want at least %.3f", s, got, want)
		}
	}
}

// A bug of depth 2: b's first step must come between a's 10th and 11th. PCT with depth 2 finds it with at least 1/(n·k).
func TestPCTOfDepthTwo(t *testing.T) {
	n := 0
	const runs = 4000
	for order, k := range sim.Sample(t, sim.PCT2, 3, runs, []int{20, 1}) {
		if strings.HasPrefix(order, strings.Repeat("a", 10)+"b") {
			n += k
		}
	}
	want := 1.0 / (2 * 20)
	if got := float64(n) / runs; got < want-3*math.Sqrt(want*(1-want)/runs) {
		t.Errorf("found with probability %.4f, want at least %.4f", got, want)
	}
}

// URW on two tasks of uneven length: all interleavings are equally likely, by chi-square.
func TestURWIsUniform(t *testing.T) {
	steps := []int{2, 5}
	const cells, runs = 21, 21_000 // 7 over 2
	chi := func(s sim.Strategy) (float64, int) {
		seen := sim.Sample(t, s, 11, runs, steps)
		sum := 0.0
		for _, k := range seen {
			d := float64(k) - runs/cells
			sum += d * d / (runs / cells)
		}
		sum += float64(cells-len(seen)) * runs / cells
		return sum, len(seen)
	}
	x, n := chi(sim.URW)
	t.Logf("urw: chi-square %.1f with %d degrees of freedom, %d of %d orders", x, cells-1, n, cells)
	if x > 45.3 || n != cells { // the 99.9th percentile for 20 degrees
		t.Errorf("urw: chi-square %.1f over %d orders", x, n)
	}
	if x, _ := chi(sim.Random); x < 45.3 {
		t.Errorf("the random walk passes the test, too: chi-square %.1f", x)
	}
}
