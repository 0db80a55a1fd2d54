package main

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		xs   []float64
		q    float64
		want float64
	}{
		{nil, 0.5, 0},
		{[]float64{7}, 0.5, 7},
		{[]float64{7}, 1, 7},
		{[]float64{3, 1, 2}, 0.5, 2},
		{[]float64{4, 1, 3, 2}, 0.5, 2.5},
		{[]float64{5, 4, 3, 2, 1}, 0.25, 2},
		{[]float64{5, 4, 3, 2, 1}, 0, 1},
		{[]float64{5, 4, 3, 2, 1}, 1, 5},
		{[]float64{0, 10}, 0.75, 7.5},
		{[]float64{1, 1, 1, 1000}, 0.5, 1}, // one bad round does not count
	} {
		before := slices.Clone(c.xs)
		if got := quantile(c.xs, c.q); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("quantile(%v, %v) = %v, want %v", c.xs, c.q, got, c.want)
		}
		if !slices.Equal(before, c.xs) {
			t.Errorf("quantile changed %v to %v", before, c.xs)
		}
	}
}

func TestPairwise(t *testing.T) {
	for _, c := range []struct{ xs, ys, want []float64 }{
		{nil, nil, nil},
		{[]float64{2, 9}, []float64{1, 3}, []float64{2, 3}},
		{[]float64{2, 9, 4}, []float64{1, 0, 2}, []float64{2, 2}}, // nothing to divide by
		{[]float64{2, 9}, []float64{1}, []float64{2}},
	} {
		if got := pairwise(c.xs, c.ys); !slices.Equal(got, c.want) {
			t.Errorf("pairwise(%v, %v) = %v, want %v", c.xs, c.ys, got, c.want)
		}
	}
}

// The ratio is taken within rounds: a machine that is slow in one round is slow for both sides.
func TestCompare(t *testing.T) {
	var r row
	r.compare([]float64{12, 120, 11}, []float64{10, 100, 10})
	if r.Value != 12 || r.PeerValue != 10 || math.Abs(r.Ratio-1.2) > 1e-9 {
		t.Errorf("%v beside %v, ratio %v, want 12, 10, 1.2", r.Value, r.PeerValue, r.Ratio)
	}
	if math.Abs(r.Quartiles[0]-1.15) > 1e-9 || math.Abs(r.Quartiles[1]-1.2) > 1e-9 {
		t.Errorf("quartiles %v, want 1.15 and 1.2", r.Quartiles)
	}
}

func TestVerdict(t *testing.T) {
	var r row
	if r.Verdict != "" {
		t.Error("a row without bounds has the verdict", r.Verdict)
	}
	r.check(true, "1.10 x")
	if r.Verdict != "within" {
		t.Error(r.Verdict)
	}
	r.check(false, "2 allocs")
	r.check(true, "10 ns")
	if r.Verdict != "over" || !slices.Equal(r.Over, []string{"2 allocs"}) {
		t.Error(r.Verdict, r.Over)
	}
}

// Where others use the machine, wall time says more about them than about us.
func TestStarved(t *testing.T) {
	d := duel{title: "work", unit: "an item"}
	bounds := side{name: "a", maxRatio: 1.5, maxNS: 30}
	xs := []sample{{wall: 20, cpu: 20}, {wall: 20, cpu: 20}, {wall: 90, cpu: 20}}
	ys := []sample{{wall: 10, cpu: 15}, {wall: 10, cpu: 15}, {wall: 10, cpu: 15}}
	if r := d.row(bounds, xs, side{}, ys); r.ByCPU || r.Verdict != "over" || !slices.Equal(r.Over, []string{"1.50 x"}) {
		t.Errorf("one bad round: by cpu %v, verdict %q, over %q", r.ByCPU, r.Verdict, r.Over)
	}
	xs[0].wall = 90
	if r := d.row(bounds, xs, side{}, ys); !r.ByCPU || r.Verdict != "within" {
		t.Errorf("a busy machine: by cpu %v, verdict %q, over %q", r.ByCPU, r.Verdict, r.Over)
	}
}

// All sides take as many turns, each in the first place of a round by turns, and each does whole batches.
func TestDuel(t *testing.T) {
	var order []string
	spin := func(name string) func(context.Context, int) error {
		return func(_ context.Context, n int) error {
			order = append(order, name)
			if n%10 != 0 {
				t.Errorf("%d operations are no whole batches of 10", n)
			}
			for start := time.Now(); time.Since(start) < 100*time.Microsecond; {
				runtime.Gosched()
			}
			return nil
		}
	}
	d := duel{title: "spin", unit: "a turn", batch: 10, sides: []side{
		{name: "a", run: spin("a")}, {name: "b", run: spin("b"), maxRatio: 1000}, {name: "c", run: spin("c"), maxNS: 1e-9},
	}}
	rows, err := d.run(t.Context(), config{rounds: 3, slice: 100 * time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	if last := order[len(order)-9:]; !slices.Equal(last, []string{"a", "b", "c", "b", "c", "a", "c", "a", "b"}) {
		t.Error("turns were taken in the order", last)
	}
	if len(rows) != 2 || rows[0].Subject != "b" || rows[0].Peer != "a" || rows[1].Subject != "c" {
		t.Fatalf("rows %+v", rows)
	}
	if rows[0].Verdict != "within" || rows[1].Verdict != "over" {
		t.Errorf("verdicts %q and %q", rows[0].Verdict, rows[1].Verdict)
	}

	d.sides[1].run = func(context.Context, int) error { return errors.New("broken") }
	if _, err := d.run(t.Context(), config{rounds: 3, slice: time.Microsecond}); err == nil || err.Error() != "b: broken" {
		t.Error(err)
	}
}

func TestDigits(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1.668: "1.67", 24.71: "24.7", 99.99: "100", 402.4: "402", 38327: "38327"} {
		if got := digits(v); got != want {
			t.Errorf("digits(%v) = %q, want %q", v, got, want)
		}
	}
}
