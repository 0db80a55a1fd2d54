package sim

import (
	"testing"
)

// runner runs schedules of one program on one engine.
type runner struct {
	eng  *engine
	t    *T
	prog func(*T)
	main func()
	play playback
}

func newRunner(tb testing.TB, c *config, prog func(*T)) *runner { // tb is nil outside tests
	e := newEngine()
	e.limits = c.limits
	e.loop = c.semantics == Loop
	e.cancels = c.cancels
	e.free = c.free
	e.allowLeft = c.left
	e.racing = c.races && raceBackend
	r := &runner{eng: e, t: &T{TB: tb, eng: e, name: c.name}, prog: prog}
	r.main = func() { r.prog(r.t) }
	return r
}

func (r *runner) close() { r.eng.close() }

// once runs one schedule and returns why it failed, or nil.
func (r *runner) once(src source) *failure {
	r.t.reset()
	r.eng.active.Store(true)
	r.eng.looking.Store(r.eng.checked && !r.eng.racing)
	r.eng.run(src, r.main)
	r.t.finish()
	r.eng.settleStrays()
	r.eng.active.Store(false)
	return r.eng.failure
}

// replay plays a tape.
func (r *runner) replay(tape []uint32) *failure {
	r.play.reset(tape)
	return r.once(&r.play)
}

// recording is one schedule as it was written down.
type written struct {
	failure *failure
	trace   []event
	logs    []string
	hash    uint64
}

// write plays a tape and writes down what happens, and who calls.
func (r *runner) write(tape []uint32) written {
	r.eng.record, r.eng.checked = true, true
	defer func() { r.eng.record, r.eng.checked = false, false }()
	f := r.replay(tape)
	return written{failure: f, trace: r.eng.trace, logs: r.t.logs, hash: r.eng.hash}
}

// maxDistinct bounds the memory of a long search. Beyond it the count is a lower bound.
const maxDistinct = 1 << 21

// stats counts schedules.
type stats struct {
	schedules int
	distinct  map[uint64]struct{}
	steps     int64
	minSteps  int
	maxSteps  int
	skipped   int
}

func (s *stats) add(e *engine) {
	if s.distinct == nil {
		s.distinct = make(map[uint64]struct{})
	}
	s.schedules++
	if len(s.distinct) < maxDistinct {
		s.distinct[e.hash] = struct{}{}
	}
	s.steps += int64(e.steps)
	if s.schedules == 1 || e.steps < s.minSteps {
		s.minSteps = e.steps
	}
	s.maxSteps = max(s.maxSteps, e.steps)
	if e.skipped {
		s.skipped++
	}
}

func (s *stats) merge(o *stats) {
	if o.schedules == 0 {
		return
	}
	if s.distinct == nil {
		s.distinct = make(map[uint64]struct{})
	}
	if s.schedules == 0 || o.minSteps < s.minSteps {
		s.minSteps = o.minSteps
	}
	s.schedules += o.schedules
	s.steps += o.steps
	s.skipped += o.skipped
	s.maxSteps = max(s.maxSteps, o.maxSteps)
	for h := range o.distinct {
		s.distinct[h] = struct{}{}
	}
}
