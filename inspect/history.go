package inspect

import (
	"slices"
	"sync"
	"time"
)

const (
	historyPoints = 1200
	historyTime   = 10 * time.Minute
)

// history keeps the points of the last ten minutes.
type history struct {
	mu     sync.Mutex
	points []Point
}

func (h *history) add(p Point) {
	h.mu.Lock()
	defer h.mu.Unlock()
	old := 0
	for old < len(h.points) && (len(h.points)-old >= historyPoints || p.At.Sub(h.points[old].At) > historyTime) {
		old++
	}
	h.points = append(slices.Delete(h.points, 0, old), p)
}

// after returns the points with a larger seq.
func (h *history) after(seq uint64) []Point {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := len(h.points)
	for i > 0 && h.points[i-1].Seq > seq {
		i--
	}
	return append([]Point{}, h.points[i:]...)
}

// quantiles sorts us and returns some of its quantiles.
func quantiles(us []int64) Quantiles {
	if len(us) == 0 {
		return Quantiles{}
	}
	slices.Sort(us)
	at := func(percent int) int64 { return us[(len(us)*percent+99)/100-1] } // the least that so many percent do not exceed
	return Quantiles{P50: at(50), P90: at(90), P99: at(99), Max: us[len(us)-1]}
}

// countsOf counts what is in s. Goroutines and findings are for others to fill in.
func countsOf(s *Snapshot) Counts {
	c := Counts{Tasks: len(s.Tasks), Scopes: len(s.Scopes), Resources: len(s.Resources), Findings: len(s.Findings)}
	for i := range s.Tasks {
		t := &s.Tasks[i]
		switch t.State {
		case StateQueued:
			c.Queued++
		case StateActive:
			c.Active++
		case StateBlocked:
			c.Blocked++
		case StateFinishing:
			c.Finishing++
		}
		if t.Cancel != nil {
			c.Cancelling++
		}
	}
	return c
}

// maxWaits bounds the work that a look spends on the quantiles. Beyond it they are those of a part of the tasks.
const maxWaits = 20_000

// waitsOf returns for how long the tasks have waited that wait.
func waitsOf(s *Snapshot) Quantiles {
	step := 1 + len(s.Tasks)/maxWaits
	var us []int64
	for i := 0; i < len(s.Tasks); i += step {
		if w := s.Tasks[i].Wait; w != nil && w.Since != nil {
			us = append(us, max(s.Taken.Sub(*w.Since).Microseconds(), 0))
		}
	}
	return quantiles(us)
}
