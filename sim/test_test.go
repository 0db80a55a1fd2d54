package sim_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/sim"
)

func TestReplay(t *testing.T) {
	for name, prog := range zoo {
		t.Run(name, func(t *testing.T) {
			braidtest.CheckLeaks(t)
			report := fails(t, prog, nil, "REPRODUCED", "to run this schedule again")
			tape := replayString(t, report)
			says(t, fails(t, prog, []sim.Option{sim.Replay(tape)}), "the schedule of the replay string fails", tape)
			err := sim.Find(t, prog, map[string]string{"BRAID_SIM_REPLAY": tape})
			if err == nil {
				t.Error("the environment is not heard")
			}
		})
	}
}

func TestSameSeedSameFailure(t *testing.T) {
	find := func(workers int) string {
		return replayString(t, fails(t, timeoutRace, []sim.Option{sim.Seed(5), sim.Workers(workers)}))
	}
	if a, b := find(1), find(3); a != b {
		t.Errorf("one worker finds %s, three find %s", a, b)
	}
}

func TestRegressions(t *testing.T) {
	dir := t.TempDir()
	var broken atomic.Bool
	broken.Store(true)
	prog := func(s *sim.T) {
		if broken.Load() {
			abba(s)
		} else {
			together(s, nothing)
		}
	}
	keep := sim.Regressions(dir)
	fails(t, prog, []sim.Option{keep}, "saved as", "is run first from now on")
	files, _ := filepath.Glob(filepath.Join(dir, t.Name(), "*.tape"))
	if len(files) != 1 {
		t.Fatalf("saved: %v", files)
	}
	fails(t, prog, []sim.Option{keep, sim.Schedules(1)}, "regression ", "fails", "deadlock")

	broken.Store(false)
	tb := &recorder{TB: t}
	if err := sim.Find(tb, prog, nil, keep); err != nil {
		t.Error(err)
	}
	says(t, tb.text(), "no longer fails")

	if err := os.WriteFile(files[0], []byte("# a comment\n1p:nonsense!\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, prog, []sim.Option{keep}, files[0], "broken")
}

// The name of a subtest may be anything, what a pattern of files, a regular expression or the shell has a use for too.
func TestAnyNameOfASubtest(t *testing.T) {
	for name, pattern := range map[string]string{
		"a[b":     `/^a\[b$'`,
		"case[1]": `/^case\[1\]$'`,
		"a+b":     `/^a\+b$'`,
		"it's":    `/^it'\''s$'`,
	} {
		t.Run(name, func(t *testing.T) {
			keep := sim.Regressions(filepath.Join(t.TempDir(), "kept"))
			fails(t, abba, []sim.Option{keep}, "saved as", "go test -run '^TestAnyNameOfASubtest$"+pattern)
			fails(t, abba, []sim.Option{keep}, "regression ", "1 schedules, 1 distinct", "go test -run '^TestAnyNameOfASubtest$"+pattern)
		})
	}
}

func TestUnknownStrategy(t *testing.T) {
	fails(t, func(*sim.T) {}, []sim.Option{sim.Strategy(99)}, "there is no Strategy(99)")
	fails(t, func(*sim.T) {}, []sim.Option{sim.Strategy(-1)}, "there is no Strategy(-1)")
}

// recorder keeps the logs of a test.
type recorder struct {
	testing.TB

	logs []string
}

func (r *recorder) Logf(format string, args ...any) {
	r.logs = append(r.logs, sprintf(format, args...))
}
func (r *recorder) text() string { return strings.Join(r.logs, "\n") }

func TestBadInput(t *testing.T) {
	tape := replayString(t, fails(t, abba, nil))
	for name, c := range map[string]struct {
		key, value string
		parts      []string
	}{
		"no replay string":      {"BRAID_SIM_REPLAY", "nonsense", []string{"broken"}},
		"a torn replay string":  {"BRAID_SIM_REPLAY", tape[:len(tape)-1], []string{"broken"}},
		"a changed one":         {"BRAID_SIM_REPLAY", strings.Replace(tape, "1p:", "1l:", 1), []string{"broken"}},
		"an older version":      {"BRAID_SIM_REPLAY", "0" + tape[1:], []string{"version 0", "reads version 1", "seed"}},
		"one for another test":  {"BRAID_SIM_REPLAY", sim.Encode(200, 200, 200), []string{"does not fit this program", "choice 1 "}},
		"a seed":                {"BRAID_SIM_SEED", "-1", []string{"BRAID_SIM_SEED", "number"}},
		"a number of schedules": {"BRAID_SIM_SCHEDULES", "many", []string{"BRAID_SIM_SCHEDULES", "positive"}},
		"a strategy":            {"BRAID_SIM_STRATEGY", "luck", []string{"luck", "portfolio, random, pct1"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := sim.Find(t, func(s *sim.T) { together(s, nothing, nothing, nothing) }, map[string]string{c.key: c.value})
			if err == nil {
				t.Fatal("accepted")
			}
			says(t, err.Error(), c.parts...)
		})
	}
}

func TestEnvironment(t *testing.T) {
	tb := &recorder{TB: t}
	err := sim.Find(tb, func(s *sim.T) { together(s, nothing, nothing) }, map[string]string{
		"BRAID_SIM_SCHEDULES": "17", "BRAID_SIM_STRATEGY": "pct2", "BRAID_SIM_SEED": "random",
	})
	if err != nil {
		t.Error(err)
	}
	says(t, tb.text(), "17 schedules")
}

// A program that depends on more than the tape is told so.
func TestNotDeterministic(t *testing.T) {
	runs := 0
	fails(t, func(s *sim.T) {
		runs++
		together(s, func(ctx context.Context) error {
			for range runs % 7 {
				_ = braid.Yield(ctx)
			}
			return nil
		}, nothing)
		s.Error("always")
	}, []sim.Option{sim.Workers(1)}, "NOT DETERMINISTIC", "differs at step")
}

func TestOptionsPrint(t *testing.T) {
	for _, o := range []sim.Option{
		sim.Loop, sim.Parallel, sim.Exhaustive, sim.Schedules(1), sim.Seed(1), sim.Workers(1), sim.MaxSteps(1), sim.Advances(1),
		sim.Cancels(), sim.Sweep(), sim.AllowLeft(), sim.Replay("x"), sim.Regressions("d"),
	} {
		if o.String() == "" {
			t.Errorf("%T does not print", o)
		}
	}
	if sim.Strategy(99).String() != "Strategy(99)" {
		t.Error("an unknown strategy")
	}
}
