package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// A duel measures several sides at the same work, round by round in turn,
// so that a machine that is slow for a second is slow for all of them.
// All sides are compared with the first one, unless there is only that.
type duel struct {
	title string
	unit  string // what one operation is, such as "a task"
	sides []side

	// batch is the least number of operations that a side can do, and all it does is a multiple of it. 0 means 1.
	batch int
}

// side is one way to do the work of a duel.
type side struct {
	name string
	run  func(ctx context.Context, n int) error // does n operations

	// around does what must be done before run and after it, and is not measured. nil means nothing.
	around func(ctx context.Context, f func() error) error

	// The project's own bounds; 0 means that there is none.
	maxRatio  float64
	maxNS     float64
	maxAllocs float64
}

const (
	// none is the maxAllocs of what must not allocate.
	none = -1
	// slack allows for what the set-up of a run allocates, spread over its operations.
	slack = 0.05
)

// sample is what one operation took, as the average over a slice of time.
type sample struct {
	wall, cpu float64 // ns
	allocs    float64
}

func (x sample) wallNS() float64      { return x.wall }
func (x sample) cpuNS() float64       { return x.cpu }
func (x sample) allocsPerOp() float64 { return x.allocs }

// run measures all sides in turn and returns a row for each, or for each but the peer.
func (d duel) run(ctx context.Context, c config) ([]row, error) {
	counts := make([]int, len(d.sides))
	for i, s := range d.sides {
		n, err := calibrate(ctx, s, max(d.batch, 1), c.slice)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		counts[i] = n
	}
	samples := make([][]sample, len(d.sides)) // side, round
	for round := range c.rounds {
		for k := range d.sides {
			i := (k + round) % len(d.sides) // each side comes first, and after each other one, equally often
			x, err := measure(ctx, d.sides[i], counts[i])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", d.sides[i].name, err)
			}
			samples[i] = append(samples[i], x)
		}
	}
	if len(d.sides) == 1 {
		return []row{d.row(d.sides[0], samples[0], side{}, nil)}, nil
	}
	var rows []row
	for i := 1; i < len(d.sides); i++ {
		rows = append(rows, d.row(d.sides[i], samples[i], d.sides[0], samples[0]))
	}
	return rows, nil
}

// prepared calls f between what s has to do before and after.
func (s side) prepared(ctx context.Context, f func() error) error {
	if s.around == nil {
		return f()
	}
	return s.around(ctx, f)
}

// calibrate returns how many operations take about as long as a slice.
func calibrate(ctx context.Context, s side, batch int, slice time.Duration) (int, error) {
	for n := batch; ; n *= 4 {
		var took time.Duration
		err := s.prepared(ctx, func() error {
			start := time.Now()
			defer func() { took = time.Since(start) }()
			return s.run(ctx, n)
		})
		if err != nil {
			return 0, err
		}
		if took < slice/4 {
			continue
		}
		n = int(float64(n) * float64(slice) / float64(took))
		return max(n/batch, 1) * batch, nil
	}
}

// measure runs a side once. It collects garbage first, so that no side pays for what another one left.
func measure(ctx context.Context, s side, n int) (x sample, err error) {
	err = s.prepared(ctx, func() error {
		x, err = s.measure(ctx, n)
		return err
	})
	return x, err
}

func (s side) measure(ctx context.Context, n int) (sample, error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu := cpuTime()
	start := time.Now()
	err := s.run(ctx, n)
	wall := time.Since(start)
	cpu = cpuTime() - cpu
	runtime.ReadMemStats(&after)
	return sample{
		wall:   float64(wall) / float64(n),
		cpu:    float64(cpu) / float64(n),
		allocs: float64(after.Mallocs-before.Mallocs) / float64(n),
	}, err
}

func (d duel) row(s side, xs []sample, peer side, ys []sample) row {
	r := row{Benchmark: d.title, Unit: "ns " + d.unit, Subject: s.name, Peer: peer.name}
	r.compare(figures(xs, sample.wallNS), figures(ys, sample.wallNS))
	r.CPU, r.PeerCPU = median(figures(xs, sample.cpuNS)), median(figures(ys, sample.cpuNS))
	r.CPURatio = median(pairwise(figures(xs, sample.cpuNS), figures(ys, sample.cpuNS)))
	allocs := median(figures(xs, sample.allocsPerOp))
	r.Allocs = &allocs
	ratio, ns := r.Ratio, r.Value
	if starved(xs) || starved(ys) {
		r.ByCPU = true
		ratio, ns = r.CPURatio, r.CPU
	}
	if s.maxRatio > 0 {
		r.check(ratio <= s.maxRatio, fmt.Sprintf("%.2f x", s.maxRatio))
	}
	if s.maxNS > 0 {
		r.check(ns <= s.maxNS, fmt.Sprintf("%.0f ns", s.maxNS))
	}
	switch {
	case s.maxAllocs == none:
		r.check(allocs <= slack, "0 allocs")
	case s.maxAllocs > 0:
		r.check(allocs <= s.maxAllocs+slack, fmt.Sprintf("%.0f allocs", s.maxAllocs))
	}
	return r
}

// starved reports whether others have used the processors meanwhile. The sides of a duel never sleep,
// so on a machine of their own they use at least as much processor time as time passes.
func starved(xs []sample) bool {
	return xs != nil && median(pairwise(figures(xs, sample.cpuNS), figures(xs, sample.wallNS))) < 0.9
}

// figures takes one figure out of each sample.
func figures[T any](xs []T, figure func(T) float64) []float64 {
	if xs == nil {
		return nil
	}
	out := make([]float64, len(xs))
	for i, x := range xs {
		out[i] = figure(x)
	}
	return out
}

// median returns the middle of xs, or the mean of the two in the middle. xs is not changed.
func median(xs []float64) float64 { return quantile(xs, 0.5) }

// quantile returns the figure below which the part q of xs lies, between two of them if need be.
func quantile(xs []float64, q float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	xs = slices.Sorted(slices.Values(xs))
	at := q * float64(len(xs)-1)
	i := int(at)
	if i == len(xs)-1 {
		return xs[i]
	}
	return xs[i] + (at-float64(i))*(xs[i+1]-xs[i])
}

// pairwise returns the ratio of xs to ys, round by round. A round without a figure to divide by is left out.
func pairwise(xs, ys []float64) []float64 {
	var out []float64
	for i := range min(len(xs), len(ys)) {
		if ys[i] != 0 {
			out = append(out, xs[i]/ys[i])
		}
	}
	return out
}
