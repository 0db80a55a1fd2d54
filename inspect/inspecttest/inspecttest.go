// Package inspecttest lets tests look at the tasks of the program that they test: whether anything is wrong with them,
// and, if a test hangs, what all of them wait for.
//
// It looks at all tasks of the process. Those of tests that run at the same time, in parallel, are not told apart.
//
// Errors that nobody has seen (L4) are left out unless [Rules] has a time for Unseen: the garbage collector decides when they are noticed,
// which may be in a later test.
package inspecttest

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/inspect"
)

// Option is an option of [NoFindings], [Findings] and [DumpOnTimeout].
type Option interface{ apply(c *config) }

type config struct {
	rules inspect.Rules
	after time.Duration
	to    io.Writer
}

type option func(c *config)

func (o option) apply(c *config) { o(c) }

// Rules sets thresholds, and what is allowed.
func Rules(r inspect.Rules) Option { return option(func(c *config) { c.rules = r }) }

// After makes [DumpOnTimeout] wait that long, instead of until shortly before the test's deadline.
func After(d time.Duration) Option { return option(func(c *config) { c.after = d }) }

// To makes [DumpOnTimeout] write to w instead of to the standard error output. It must be possible to write to w from another goroutine.
func To(w io.Writer) Option { return option(func(c *config) { c.to = w }) }

func configOf(opts []Option) *config {
	c := &config{to: os.Stderr}
	for _, o := range opts {
		o.apply(c)
	}
	if c.rules.Unseen == 0 {
		c.rules.Unseen = -1
	}
	return c
}

// NoFindings fails the test, when it ends, if something is wrong with the tasks that live then that was not wrong when NoFindings was called:
// a deadlock, say, or a lock whose owner has ended. The failure has the findings and the tree of the tasks in it.
//
// It looks in a cleanup of the test, and cleanups run in the opposite order: what an earlier cleanup ends is looked at while it lives.
// What takes time to be found, such as a long wait, is found only if the tasks have been at it long enough already. A test that hangs never comes
// to its end; for that there is [DumpOnTimeout].
//
// NoFindings works inside a synctest bubble.
func NoFindings(t testing.TB, opts ...Option) {
	t.Helper()
	c := configOf(opts)
	if _, err := inspect.NewMonitor(c.rules); err != nil {
		t.Fatal(err)
		return // a testing.TB of somebody's may go on
	}
	before := make(map[string]bool)
	_, found := c.look()
	for _, f := range found {
		before[key(f)] = true
	}
	t.Cleanup(func() {
		t.Helper()
		s, found := c.look()
		var mine []string
		for _, f := range found {
			if !before[key(f)] {
				mine = append(mine, describe(f))
			}
		}
		if len(mine) > 0 {
			t.Errorf("inspecttest: something is wrong at the end of the test:\n\n%s\n\nThe tasks:\n%s", strings.Join(mine, "\n"), tree(s))
		}
	})
}

// key is the same for two findings of the same about the same.
func key(f inspect.Finding) string {
	var b strings.Builder
	b.WriteString(f.Code)
	for _, s := range f.Subjects {
		fmt.Fprintf(&b, " %s%d", s.Kind, s.ID)
		if s.ID == 0 { // as of a promise
			b.WriteString(s.Name)
		}
	}
	return b.String()
}

// Findings looks at the tasks of this process and returns what is wrong, with the snapshot that it was found in.
// Where it takes two looks to be sure, it takes them, a tenth of a second apart.
// It panics if rules are given that make no sense.
func Findings(opts ...Option) (*inspect.Snapshot, []inspect.Finding) { return configOf(opts).look() }

// looksApart is the time between two looks. A task that is about to go on has done so by then.
const looksApart = 100 * time.Millisecond

func (c *config) look() (*inspect.Snapshot, []inspect.Finding) {
	m, err := inspect.NewMonitor(c.rules)
	if err != nil {
		panic(err)
	}
	s := inspect.Take()
	found := m.Update(s, time.Now())
	for range 3 { // a third time if meanwhile something else is suspected
		if m.Suspected() == 0 {
			break
		}
		_ = braid.Sleep(context.Background(), looksApart) // cannot fail
		s = inspect.Take()
		found = m.Update(s, time.Now())
	}
	return s, found
}

// DumpOnTimeout writes all tasks, what they wait for and what is wrong to the standard error output if the test has not ended
// shortly before its deadline, which go test sets with -timeout: a twentieth of the time that is left, and at most five seconds, before it.
// Without a deadline it does nothing. The test goes on.
//
// In a test that uses synctest, call it outside of the bubble: there is no deadline inside.
func DumpOnTimeout(t testing.TB, opts ...Option) {
	t.Helper()
	c := configOf(opts)
	if _, err := inspect.NewMonitor(c.rules); err != nil {
		t.Fatal(err)
	}
	if c.after == 0 {
		test, ok := t.(interface{ Deadline() (time.Time, bool) })
		if !ok {
			return
		}
		deadline, ok := test.Deadline()
		if !ok {
			return
		}
		left := time.Until(deadline)
		c.after = left - min(left/20, 5*time.Second)
	}
	name, begun := t.Name(), time.Now()
	done := make(chan struct{})
	timer := time.AfterFunc(c.after, func() {
		defer close(done)
		var b strings.Builder
		fmt.Fprintf(&b, "\ninspecttest: %s has not ended after %s.\n", name, time.Since(begun).Round(time.Millisecond))
		c.dump(&b)
		_, _ = io.WriteString(c.to, b.String()) // in one piece; there is nobody to be told of an error
	})
	t.Cleanup(func() {
		if !timer.Stop() {
			<-done
		}
	})
}

// Dump writes all tasks of this process to w, what they wait for, and what is wrong.
func Dump(w io.Writer, opts ...Option) error {
	var b strings.Builder
	configOf(opts).dump(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (c *config) dump(b *strings.Builder) {
	s, found := c.look()
	noun := "tasks"
	if len(s.Tasks) == 1 {
		noun = "task"
	}
	fmt.Fprintf(b, "%d %s:\n%s", len(s.Tasks), noun, tree(s))
	for _, f := range found {
		b.WriteString("\n" + describe(f) + "\n")
	}
	if why := s.WhyShutdown(); why.Left > 0 {
		b.WriteString("\n" + why.Text + "\n")
	}
}

func describe(f inspect.Finding) string {
	return fmt.Sprintf("%s %s (%s, %s): %s. %s", f.Code, f.Title, f.Severity, f.Confidence, f.Text, f.Hint)
}

func tree(s *inspect.Snapshot) string {
	t, err := s.Tree(inspect.TreeOptions{Fold: true, Max: 1000})
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	_ = t.WriteText(&b) // a Builder takes everything
	return b.String()
}
