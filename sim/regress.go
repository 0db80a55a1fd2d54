package sim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A regression is a file with one schedule that has failed: lines that begin with # are for people,
// the first other one is the replay string.

const regressionSuffix = ".tape"

// saveRegression writes f into the directory of the test and returns a line for the report.
func (s *search) saveRegression(f *found) string {
	dir := s.regressions()
	if dir == "" {
		return ""
	}
	text := f.rec.String()
	first, _, _ := strings.Cut(f.failure.String(), "\n")
	path := filepath.Join(dir, fmt.Sprintf("%08x%s", uint32(hashOf(text)), regressionSuffix))
	content := fmt.Sprintf("# %s\n# found by %s\n%s\n", first, f.how, text)
	err := os.MkdirAll(dir, 0o750)
	if err == nil {
		err = os.WriteFile(path, []byte(content), 0o600)
	}
	if err != nil {
		return fmt.Sprintf("(it could not be saved: %v)", err)
	}
	return "saved as " + filepath.ToSlash(path) + ", which is run first from now on"
}

// readRegression reads a file.
func readRegression(path string) (recording, error) {
	b, err := os.ReadFile(path) //nolint:gosec // the test's own directory
	if err != nil {
		return recording{}, err
	}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		return parseRecording(line)
	}
	return recording{}, errBrokenTape
}

// rerun runs the regressions of the test, and returns the first that fails.
func (s *search) rerun(r *runner) (f *found, err error) {
	dir := s.regressions()
	if dir == "" {
		return nil, nil //nolint:nilnil // none are kept
	}
	entries, err := os.ReadDir(dir) // not Glob: the name of a subtest may look like a pattern
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("sim: regressions: %w", err)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), regressionSuffix) {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		rec, err := readRegression(path)
		if err != nil {
			return nil, fmt.Errorf("sim: regression %s: %w", filepath.ToSlash(path), err)
		}
		if f := r.playRecording(rec); f != nil {
			s.stats.add(r.eng)
			found := r.take(f, 0, "regression "+filepath.ToSlash(path))
			r.restore(s.config)
			return found, nil
		}
		note := "no longer fails: what it found is mended"
		if r.play.misfits > 0 {
			note = fmt.Sprintf("no longer fails, and no longer fits the program: choice %d has %d answers now, and the tape says %d. It may be deleted", r.play.first+1, r.play.n, r.play.found)
		}
		s.logf("sim: regression %s %s", filepath.ToSlash(path), note)
		r.restore(s.config)
	}
	return nil, nil //nolint:nilnil // none fails
}

// playRecording plays a recording as it was made.
func (r *runner) playRecording(rec recording) *failure {
	r.eng.loop, r.eng.cancels, r.eng.free = rec.loop, rec.cancels, rec.free
	return r.replay(rec.tape)
}

func (r *runner) restore(c *config) {
	r.eng.loop, r.eng.cancels, r.eng.free = c.semantics == Loop, c.cancels, c.free
}
