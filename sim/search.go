package sim

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// search is one call of Test.
type search struct {
	*config

	tb    testing.TB // nil outside tests
	prog  func(*T)
	guard *guard
	prof  *profile
	stats stats
	start time.Time
	took  time.Duration // of the search, without shrinking
	how   string        // for the summary: what an exhaustive search has covered

	// For Result.

	replayed string // the schedule that failed
	switches int
	complete bool
	given    int // schedules that were given up half-way, as the same as others
}

// found is a schedule that failed.
type found struct {
	failure *failure
	rec     recording
	index   int    // the number of the schedule
	how     string // who chose it
	cost    cost
}

// take makes a found of the schedule that r has just run.
func (r *runner) take(f *failure, index int, how string) *found {
	e := r.eng
	return &found{
		failure: f, index: index, how: how,
		rec:  recording{tape: values(e.tape), loop: e.loop, cancels: e.cancels, free: e.free},
		cost: e.cost(),
	}
}

// runner makes a runner that the guard watches.
func (s *search) runner() *runner {
	r := newRunner(s.tb, s.config, s.prog)
	s.guard.add(r.eng)
	return r
}

// explore looks for a schedule that fails. r runs what is run alone.
func (s *search) explore(r *runner) *found {
	r.eng.checked = true
	f := r.once(canonical{})
	r.eng.checked = false
	s.stats.add(r.eng)
	if f != nil {
		return r.take(f, 0, "the canonical schedule")
	}
	if s.guard.tripped.Load() {
		return nil
	}
	s.prof = r.eng.profile()
	if s.sweep {
		if f := s.sweepAll(r); f != nil {
			return f
		}
	}
	if s.strategy == Exhaustive {
		return s.exhaust(r)
	}
	return s.walk(r)
}

// walk tries random schedules on several engines. Of those that fail it returns the one with the lowest number:
// the result does not depend on the number of workers, nor on their speed.
func (s *search) walk(r *runner) *found {
	var (
		wg    sync.WaitGroup
		next  atomic.Int64
		limit atomic.Int64
		mu    sync.Mutex
		best  *found
	)
	limit.Store(int64(s.schedules))
	work := func(r *runner) {
		var own stats
		var walkers [len(strategyNames)]walker
		for {
			i := next.Add(1)
			if i >= limit.Load() || s.guard.tripped.Load() {
				break
			}
			how := s.strategy
			if how == Portfolio {
				how = portfolio[int(i-1)%len(portfolio)]
			}
			if walkers[how] == nil {
				walkers[how] = newWalker(how)
			}
			w := walkers[how]
			w.begin(mix(s.seed, uint64(i)), s.prof)
			f := r.once(w)
			own.add(r.eng)
			if f == nil {
				continue
			}
			mu.Lock()
			if best == nil || int(i) < best.index {
				best = r.take(f, int(i), how.String())
				limit.Store(i)
			}
			mu.Unlock()
		}
		mu.Lock()
		s.stats.merge(&own)
		mu.Unlock()
	}
	for range min(s.workers, s.schedules/16) - 1 {
		wg.Go(func() {
			r := s.runner()
			defer r.close()
			work(r)
		})
	}
	work(r)
	wg.Wait()
	return best
}

// mix makes the seed of a schedule (the finisher of splitmix64).
func mix(seed, i uint64) uint64 {
	z := seed + i*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// logf writes to the log of the test.
func (s *search) logf(format string, args ...any) {
	if s.tb != nil {
		s.tb.Logf(format, args...)
	}
}

// summary is the line of counters.
func (s *search) summary() string {
	st := &s.stats
	line := fmt.Sprintf("%d schedules", st.schedules)
	if s.how != "" {
		line += " (" + s.how + ")"
	}
	line += fmt.Sprintf(", %d distinct, steps %d/%d/%d min/mean/max", len(st.distinct), st.minSteps, st.steps/int64(max(1, st.schedules)), st.maxSteps)
	if st.skipped > 0 {
		line += fmt.Sprintf(", %d skipped", st.skipped)
	}
	if d := s.took.Seconds(); d > 0 {
		line += fmt.Sprintf(", %.0f schedules/s", float64(st.schedules)/d)
	}
	return line
}
