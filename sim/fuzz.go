package sim

import (
	"fmt"
	"os"
	"testing"
)

// Fuzz makes prog a fuzz target of "go test -fuzz" whose input is the schedule: each choice takes a byte, and those after the end are 0.
// The fuzzer's guidance by coverage looks for schedules that reach new code, its minimiser shortens the one that fails,
// and what it finds is kept under testdata/fuzz and run with the ordinary tests.
func Fuzz(f *testing.F, prog func(s *T), opts ...Option) {
	f.Helper()
	f.Add([]byte{})
	f.Add([]byte{1, 1, 1, 1, 1, 1, 1, 1})
	f.Fuzz(func(t *testing.T, tape []byte) {
		c, err := newConfig(t.Name(), testing.Short(), os.Getenv, opts)
		if err != nil {
			t.Fatal(err)
		}
		s := &search{config: c, tb: t, prog: prog, guard: newGuard()}
		err = s.guarded(func() error { return s.fuzzed(tape) })
		if err != nil {
			t.Fatal(err)
		}
	})
}

// fuzzed runs the schedule of one input.
func (s *search) fuzzed(tape []byte) error {
	r := s.runner()
	defer r.close()
	if s.replay != "" {
		return s.replayOnly(r) // the report says how
	}
	f := r.once(&bytesSource{tape: tape})
	if f == nil {
		return nil
	}
	s.stats.add(r.eng)
	rep := &report{search: s, found: r.take(f, 0, "the schedule of the fuzzer"), isRerun: true, testName: s.name}
	if err := s.tell(r, rep); err != nil {
		return err
	}
	return fmt.Errorf("sim: %s", f)
}

// bytesSource reads a byte for each choice.
type bytesSource struct {
	tape []byte
	at   int
}

func (b *bytesSource) task(c *candidates) int { return b.take(c.len()) }

func (b *bytesSource) other(_ kind, n int) int { return b.take(n) }

func (b *bytesSource) take(n int) int {
	if b.at >= len(b.tape) {
		return 0
	}
	v := int(b.tape[b.at]) % n
	b.at++
	return v
}
