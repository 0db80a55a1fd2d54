package sim

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// T is what a program that runs under the simulator is given. It is a [testing.TB] for one schedule:
// what it records counts for this schedule alone, and its logs are shown only if the schedule fails.
//
// Its methods may be called from any task. FailNow, Fatal and Skip end the task that calls them, and with it the schedule.
type T struct {
	testing.TB // of the test around

	eng  *engine
	name string

	mu       sync.Mutex
	errors   []string
	first    *failure
	logs     []string
	cleanups []func()
	balances []any
	skipped  bool
	dir      string
}

func (t *T) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.errors, t.first, t.logs, t.skipped, t.dir = nil, nil, nil, false, ""
	clear(t.cleanups)
	t.cleanups = t.cleanups[:0]
	clear(t.balances)
	t.balances = t.balances[:0]
}

// Context returns the context to start tasks under. It ends when the schedule is over, before the functions given to Cleanup are called.
func (t *T) Context() context.Context { return t.eng.ctx }

// Name returns the name of the test around.
func (t *T) Name() string { return t.name }

// Now returns the time on the virtual clock.
func (t *T) Now() time.Time { return t.eng.Now() }

// Injected reports whether the simulator has cancelled something, made a fault or a crash in this schedule so far.
//
//go:norace
func (t *T) Injected() bool { return t.eng.injected > 0 }

// Invariant adds a condition that must hold after each step: whenever a task is about to begin an operation, or waits, or has ended.
// With [Loop], only when no task runs. holds must not wait, and may be called often.
func (t *T) Invariant(name string, holds func() error) {
	t.eng.addCheck(check{name: name, invariant: holds})
}

// Eventually adds a condition that must have held after some step when the schedule ends.
func (t *T) Eventually(name string, holds func() bool) {
	t.eng.addCheck(check{name: name, ever: holds})
}

func (e *engine) addCheck(c check) {
	if e.racing {
		return // it would itself race with the tasks
	}
	e.checks = append(e.checks, c)
	e.slow = true
}

// Balanced checks, when all tasks have ended, that what was taken from the objects has been given back:
// no permit of a semaphore or limiter is in use, no mutex is locked, no item of a queue is unfinished, and nobody waits.
// The objects are those of package braid that have Statistics.
func (t *T) Balanced(objects ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.balances = append(t.balances, objects...)
}

// IntN returns a value below n from the tape: 0 in the canonical schedule. It panics if n is not positive.
func (t *T) IntN(n int) int {
	if n <= 0 {
		panic(fmt.Sprintf("sim: IntN(%d): the argument must be positive", n))
	}
	return t.eng.draw(kindValue, n)
}

// Rand returns a source of random values whose seed is on the tape.
func (t *T) Rand() *rand.Rand {
	return rand.New(rand.NewPCG(uint64(t.eng.draw(kindValue, 1<<16)), 1))
}

// draw is choose by a task.
//
//go:norace
func (e *engine) draw(k kind, n int) (v int) {
	if !raceBackend || !e.remote(func() { v = e.choose(k, n) }) {
		v = e.choose(k, n)
	}
	return v
}

func (t *T) report(text string) {
	site := userFrame(4)
	t.mu.Lock()
	defer t.mu.Unlock()
	text = site + ": " + strings.TrimSuffix(text, "\n")
	if t.first == nil {
		t.first = &failure{kind: failError, site: site}
	}
	t.errors = append(t.errors, text)
	t.first.text = strings.Join(t.errors, "\n")
}

// Error records a failure of this schedule, which goes on.
func (t *T) Error(args ...any) { t.report(fmt.Sprintln(args...)) }

// Errorf records a failure of this schedule, which goes on.
func (t *T) Errorf(format string, args ...any) { t.report(fmt.Sprintf(format, args...)) }

// Fail records a failure of this schedule, which goes on.
func (t *T) Fail() { t.report("failed") }

// Fatal records a failure, and ends the task and the schedule.
func (t *T) Fatal(args ...any) { t.report(fmt.Sprintln(args...)); t.stop() }

// Fatalf records a failure, and ends the task and the schedule.
func (t *T) Fatalf(format string, args ...any) { t.report(fmt.Sprintf(format, args...)); t.stop() }

// FailNow ends the task and the schedule, which has failed.
func (t *T) FailNow() {
	if !t.Failed() {
		t.report("failed")
	}
	t.stop()
}

func (t *T) stop() {
	t.mu.Lock()
	f := t.first
	t.mu.Unlock()
	if !outsider() { // on any other goroutine the schedule goes on, and fails at its end
		t.eng.fail(f)
	}
	runtime.Goexit()
}

// Failed reports whether this schedule has failed so far.
func (t *T) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.first != nil
}

// Log writes to the log of this schedule.
func (t *T) Log(args ...any) { t.log(func() string { return fmt.Sprintln(args...) }) }

// Logf writes to the log of this schedule.
func (t *T) Logf(format string, args ...any) {
	t.log(func() string { return fmt.Sprintf(format, args...) })
}

func (t *T) log(text func() string) {
	if !t.eng.record {
		return // a schedule that fails is run again
	}
	site := userFrame(4)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.logs = append(t.logs, site+": "+strings.TrimSuffix(text(), "\n"))
}

// Output returns a writer to the log of this schedule.
func (t *T) Output() io.Writer { return (*output)(t) }

type output T

func (o *output) Write(p []byte) (int, error) {
	(*T)(o).log(func() string { return string(p) })
	return len(p), nil
}

// Skip leaves this schedule out. It counts as one that has passed.
func (t *T) Skip(args ...any) { t.Log(args...); t.SkipNow() }

// Skipf leaves this schedule out. It counts as one that has passed.
func (t *T) Skipf(format string, args ...any) { t.Logf(format, args...); t.SkipNow() }

// SkipNow leaves this schedule out. It counts as one that has passed.
func (t *T) SkipNow() {
	t.mu.Lock()
	t.skipped = true
	t.mu.Unlock()
	t.eng.skip()
	runtime.Goexit()
}

// skip ends the schedule without a failure.
func (e *engine) skip() {
	if raceBackend && e.remote(e.skip) {
		return
	}
	e.skipped = true
	if !e.ending {
		e.over()
	}
}

// Skipped reports whether this schedule is left out.
func (t *T) Skipped() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.skipped
}

// Helper does nothing: failures are reported where the caller's own code is.
func (t *T) Helper() {}

// Attr does nothing: there would be one for each schedule.
func (t *T) Attr(string, string) {}

// Cleanup calls f when all tasks of the schedule have ended, the last one given first. f must not wait.
func (t *T) Cleanup(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleanups = append(t.cleanups, f)
}

// TempDir returns a directory that is removed when the schedule is over.
func (t *T) TempDir() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dir == "" {
		dir, err := os.MkdirTemp("", "sim")
		if err != nil {
			panic(fmt.Sprintf("sim: TempDir: %v", err))
		}
		t.dir = dir
		t.cleanups = append(t.cleanups, func() { _ = os.RemoveAll(dir) })
	}
	return t.dir
}

// ArtifactDir is TempDir: each schedule has one of its own.
func (t *T) ArtifactDir() string { return t.TempDir() }

// Setenv fails the test: schedules run side by side in one process.
func (t *T) Setenv(key, _ string) {
	t.Fatalf("sim: Setenv(%q) inside a schedule: schedules share the process; call it on the testing.T, before sim.Test", key)
}

// Chdir fails the test: schedules run side by side in one process.
func (t *T) Chdir(dir string) {
	t.Fatalf("sim: Chdir(%q) inside a schedule: schedules share the process; call it on the testing.T, before sim.Test", dir)
}

// finish ends the schedule: it looks at what must hold at the end, and cleans up.
func (t *T) finish() {
	e := t.eng
	t.mu.Lock()
	first := t.first
	t.mu.Unlock()
	if first != nil && !e.ending {
		e.fail(first)
	}
	e.checkEnd()
	if !e.ending {
		t.checkBalances()
	}
	for len(t.cleanups) > 0 {
		last := len(t.cleanups) - 1
		f := t.cleanups[last]
		t.cleanups = t.cleanups[:last]
		e.call(func() { // a frame of ours, by which the guard knows the goroutine
			e.callback.Store(goroutineID())
			defer e.callback.Store(0)
			f()
		})
	}
	if t.first != nil && !e.ending { // by a cleanup
		e.fail(t.first)
	}
}
