package sim

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"
)

// Test runs prog under many schedules and fails t if one of them fails.
//
// First come the regressions kept under testdata/sim, then the canonical schedule, then those that the [Strategy] chooses;
// at the first failure the search ends. The schedule is cut down to what matters, run twice more to see whether it can be
// repeated, reported and kept as a regression.
//
// prog is called once for each schedule, on a task of its own, with a [T] that stands for that schedule.
// It must start from nothing each time, and must not share state between calls: they run at the same time, unless [Workers] is 1.
// What it starts must have ended when it returns.
//
// The environment changes the search of all tests, see [Seed], [Schedules] and [Replay]; BRAID_SIM_STRATEGY names a [Strategy].
//
// Test itself may be called in a test that is parallel, and in a subtest. It must not be called inside prog,
// and t.Parallel and t.Run must not either.
func Test(t *testing.T, prog func(s *T), opts ...Option) {
	t.Helper()
	if err := run(t, prog, os.Getenv, opts); err != nil {
		t.Fatal(err)
	}
}

// run is Test that returns what it finds.
func run(tb testing.TB, prog func(*T), env func(string) string, opts []Option) error {
	if prog == nil {
		panic("sim: Test needs a program; the one given is nil")
	}
	c, err := newConfig(tb.Name(), testing.Short(), env, opts)
	if err != nil {
		return err
	}
	forbidParallel(tb)
	s := &search{config: c, tb: tb, prog: prog, guard: newGuard(), start: time.Now()}
	return s.guarded(s.run)
}

// forbidParallel makes t.Parallel panic from now on. In the middle of a schedule it would stop all others for as long as
// the test around is stopped, and that may be for ever. The panic is the one that testing has for tests that use Setenv.
func forbidParallel(tb testing.TB) {
	defer func() { _ = recover() }() // Setenv does the same if the test is parallel already, and then t.Parallel panics anyway
	tb.Setenv("BRAID_SIM_TEST", tb.Name())
}

// guarded calls f on a goroutine of its own and returns what it returns, or what the guard finds.
func (s *search) guarded(f func() error) error {
	done := make(chan error, 1)
	go func() {
		err := errors.New("sim: the search has been ended by runtime.Goexit")
		defer func() { done <- err }()
		err = f()
	}()
	go s.guard.watch()
	defer close(s.guard.stop)
	select {
	case err := <-done:
		return err
	case f := <-s.guard.hung:
		return fmt.Errorf("sim: %s\n%s", s.name, indent(f.String()))
	}
}

func (s *search) run() error {
	r := s.runner()
	defer r.close()
	if dir := os.Getenv(raceVar); dir != "" && s.tb != nil {
		return s.shrinkRaceHere(r, dir)
	}
	if s.replay != "" {
		return s.replayOnly(r)
	}
	f, err := s.rerun(r)
	switch {
	case err != nil:
		return err
	case f != nil:
		rep := &report{search: s, found: f, isRerun: true, testName: s.name}
		return s.tell(r, rep)
	}
	f = s.explore(r)
	s.took = time.Since(s.start)
	if s.guard.tripped.Load() {
		return nil // the test has ended without us
	}
	if f == nil {
		s.logf("sim: %s", s.summary())
		if s.whole && s.strategy == Exhaustive && !s.complete {
			return fmt.Errorf("sim: %s: not all schedules were tried: %s; allow more with sim.Schedules, or make the program smaller", s.name, s.how)
		}
		return nil
	}
	rep := &report{search: s, found: f, before: f.cost, testName: s.name}
	r.eng.cancels, r.eng.free = f.rec.cancels, f.rec.free
	if f.failure.kind != failRace {
		rep.found, rep.runs = r.shrink(f, s.guard.tripped.Load)
	} else if best, runs, err := s.shrinkRace(r, f); err != nil {
		rep.whole = fmt.Sprintf("not shrunk: %v", err)
	} else {
		rep.found, rep.runs = best, runs
	}
	rep.saved = s.saveRegression(rep.found)
	s.replayed, s.switches = rep.found.rec.String(), rep.found.cost.switches
	return s.tell(r, rep)
}

// tell runs the schedule of rep twice more, and makes the report an error.
func (s *search) tell(r *runner, rep *report) error {
	f := rep.found
	r.eng.loop, r.eng.cancels, r.eng.free = f.rec.loop, f.rec.cancels, f.rec.free
	a := r.write(f.rec.tape)
	b := r.write(f.rec.tape)
	rep.written = a
	if f.failure.kind == failRace {
		rep.written.failure = f.failure
	}
	rep.verdict = rep.judge(a, b)
	return fmt.Errorf("sim: %s: %s", s.name, rep)
}

// judge says whether the schedule, written down twice, fails each time in the same way.
func (r *report) judge(a, b written) string {
	f := r.found.failure
	if at := differ(a.trace, b.trace); at >= 0 {
		return fmt.Sprintf("NOT DETERMINISTIC: run twice, the same schedule differs at %s; the program depends on something that is not on the tape", where(at, a.trace, b.trace))
	}
	switch {
	case f.kind != failRace:
	case r.isRerun || r.whole != "":
		return "not repeated: the race detector reports a race only once in a process"
	default:
		return "REPRODUCED: run twice more in another process, the same schedule has the same race"
	}
	for _, w := range []written{a, b} {
		switch {
		case w.failure == nil:
			return "NOT DETERMINISTIC: run again, the same schedule passes; the program depends on something that is not on the tape"
		case w.failure.signature() != f.signature():
			return "NOT DETERMINISTIC: run again, the same schedule fails differently: first with " + f.signature() + ", then with " + w.failure.signature()
		}
	}
	return "REPRODUCED: run twice more, the same schedule fails in the same way"
}

func where(at int, a, b []event) string {
	text := func(list []event) string {
		if at < len(list) {
			return list[at].String()
		}
		return "the end"
	}
	return text(a) + ", and then " + text(b)
}

// replayOnly runs the schedule of a replay string.
func (s *search) replayOnly(r *runner) error {
	rec, err := parseRecording(s.replay)
	if err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	f := r.playRecording(rec)
	s.stats.add(r.eng)
	if f == nil {
		if r.play.misfits > 0 {
			return fmt.Errorf("sim: the replay string does not fit this program: choice %d has %d answers, and the string says %d; it was made for another test, or for an earlier form of this one", r.play.first+1, r.play.n, r.play.found)
		}
		s.logf("sim: the schedule of the replay string passes")
		return nil
	}
	rep := &report{search: s, found: r.take(f, 0, "the schedule of the replay string"), isRerun: true, testName: s.name}
	return s.tell(r, rep)
}
