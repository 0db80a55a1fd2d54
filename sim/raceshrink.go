package sim

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// How a schedule with a data race is cut down.
//
// The race detector reports each race once in a process, and what it does not report cannot be counted. So the schedule is cut down
// in another process: the test's own binary, which runs this test alone, with the detector told to report the same race as often as
// it is seen (GORACE). There the reports go to a file, and the two places that race are the signature.

// raceVar names, in the process that cuts down, the directory where the two leave each other messages.
const raceVar = "BRAID_SIM_RACE"

const (
	raceTask   = "task"   // the name of the test, and the replay string
	raceAnswer = "answer" // the replay string of what is left, and how many runs that took
	raceLog    = "report" // the detector adds the number of the process
)

// raceTime is how long the other process may take, the beginning of the test included.
const raceTime = time.Minute

// shrinkRace cuts f down in another process, and returns how many schedules that took.
func (s *search) shrinkRace(r *runner, f *found) (*found, int, error) {
	if s.tb == nil || os.Getenv(raceVar) != "" {
		return nil, 0, errors.New("only a test can be run again in another process")
	}
	dir, err := os.MkdirTemp("", "sim")
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.WriteFile(filepath.Join(dir, raceTask), []byte(s.name+"\n"+f.rec.String()), 0o600); err != nil {
		return nil, 0, err
	}
	if err := runAlone(s.name, dir); err != nil {
		return nil, 0, err
	}
	answer, err := os.ReadFile(filepath.Join(dir, raceAnswer)) //nolint:gosec // our own directory
	if err != nil {
		return nil, 0, errors.New("run alone in another process, the test did not come to the race again")
	}
	tape, count, _ := strings.Cut(string(answer), "\n")
	rec, err := parseRecording(tape)
	if err != nil {
		return nil, 0, err
	}
	runs, _ := strconv.Atoi(count)
	r.playRecording(rec)
	best := r.take(f.failure, f.index, f.how)
	best.rec = rec
	return best, runs, nil
}

// runAlone runs one test of this binary in another process. Its other flags are those that this one was given.
func runAlone(test, dir string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{"-test.run=" + pattern(test), "-test.timeout=" + raceTime.String()}
	flag.Visit(func(f *flag.Flag) {
		if f.Name == "test.short" || !strings.HasPrefix(f.Name, "test.") {
			args = append(args, "-"+f.Name+"="+f.Value.String())
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), raceTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, append(args, flag.Args()...)...) //nolint:gosec // the test itself
	cmd.Env = append(os.Environ(), raceVar+"="+dir, fmt.Sprintf("GORACE=%s suppress_equal_stacks=0 suppress_equal_addresses=0 halt_on_error=0 atexit_sleep_ms=0 log_path=\"%s\"",
		os.Getenv("GORACE"), filepath.Join(dir, raceLog)))
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) { // the test has failed, of course
		return err
	}
	return nil
}

// shrinkRaceHere is what the other process does: nothing, if it is not this test that is asked for, or does not race.
func (s *search) shrinkRaceHere(r *runner, dir string) error {
	task, err := os.ReadFile(filepath.Join(dir, raceTask)) //nolint:gosec // the directory is that of the process that has started this one
	name, tape, _ := strings.Cut(string(task), "\n")
	if err != nil || name != s.name || !r.eng.racing {
		return err
	}
	rec, err := parseRecording(tape)
	if err != nil {
		return err
	}
	reports := &raceReports{path: filepath.Join(dir, fmt.Sprintf("%s.%d", raceLog, os.Getpid()))}
	r.eng.raceSite = reports.site
	f := r.playRecording(rec)
	if f == nil || f.kind != failRace {
		return nil
	}
	best, runs := r.shrink(r.take(f, 0, ""), s.guard.tripped.Load)
	for range 2 { // it must come again
		if f := r.playRecording(best.rec); f == nil || f.signature() != best.failure.signature() {
			return nil
		}
	}
	return os.WriteFile(filepath.Join(dir, raceAnswer), []byte(best.rec.String()+"\n"+strconv.Itoa(runs)), 0o600) //nolint:gosec // as above
}

// raceReports reads what the detector writes.
type raceReports struct {
	path string
	read int64
	want string // the first race that was seen
}

// site returns the places of the race that was seen first, if it has been reported since the last call, or those of another one.
func (r *raceReports) site() string {
	b, err := os.ReadFile(r.path)
	if err != nil || int64(len(b)) < r.read {
		return ""
	}
	sites := raceSites(string(b[r.read:]))
	r.read = int64(len(b))
	if len(sites) == 0 {
		return ""
	}
	if r.want == "" {
		r.want = sites[0]
	}
	if slices.Contains(sites, r.want) {
		return r.want
	}
	return sites[0]
}

// raceSites returns, for each report, what was done and where, in an order that does not say which came first.
func raceSites(text string) []string {
	reports := strings.Split(text, "WARNING: DATA RACE\n")[1:]
	sites := make([]string, 0, len(reports))
	for _, report := range reports {
		var ends []string
		for _, block := range strings.Split(report, "\n\n")[:min(2, strings.Count(report, "\n\n")+1)] {
			lines := strings.Split(block, "\n")
			if len(lines) < 3 {
				continue
			}
			how, _, _ := strings.Cut(strings.ToLower(strings.TrimPrefix(lines[0], "Previous ")), " at ")
			where, _, _ := strings.Cut(strings.TrimSpace(lines[2]), " ")
			ends = append(ends, how+" at "+where)
		}
		slices.Sort(ends)
		sites = append(sites, strings.Join(ends, " and "))
	}
	return sites
}
