package template

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/service"
)

// accepting is the name of the task that accepts connections.
const accepting = "accept"

// startError says why the service could not start, and what to do about it.
type startError struct {
	err  error
	hint string
}

func (e *startError) Error() string { return e.err.Error() + "; " + e.hint }
func (e *startError) Unwrap() error { return e.err }

// failure marks an error of the work itself. All others that a command returns
// come from its flags.
type failure struct{ err error }

func (e *failure) Error() string { return e.err.Error() }
func (e *failure) Unwrap() error { return e.err }

// Failed returns err as a failure of the work itself, for [Main]; nil if it is nil.
func Failed(err error) error {
	if err == nil {
		return nil
	}
	return &failure{err}
}

// Main runs cmd with the arguments args, the program's name first, and returns
// the exit status: 0, 1 if the work failed, 2 if the command was called wrongly.
func Main(ctx context.Context, cmd *cli.Command, args []string, stdout, stderr io.Writer) int {
	cmd.Writer, cmd.ErrWriter = stdout, stderr
	err := cmd.Run(ctx, args)
	if err == nil {
		return 0
	}
	if f, ok := errors.AsType[*failure](err); ok {
		fmt.Fprintf(stderr, "%s: %s\n", cmd.Name, explain(f.err))
		return 1
	}
	fmt.Fprintf(stderr, "%s: %v (see --help)\n", cmd.Name, err)
	return 2
}

// explain puts err into words for the person who started the program, a line
// for each thing that went wrong.
func explain(err error) string {
	var lines []string
	for _, e := range causes(err) {
		if stuck, ok := errors.AsType[*braid.StuckError](e); ok {
			lines = append(lines, listStuck(stuck))
		} else {
			lines = append(lines, e.Error())
		}
	}
	return strings.Join(lines, "\n")
}

// causes returns what went wrong in the innermost tasks. Each scope on the way
// out has put its own wrapping around it, which a tool may want and a person
// does not.
func causes(err error) (all []error) {
	if start, ok := errors.AsType[*startError](err); ok {
		return []error{start} // in which task it happened is of no interest
	}
	switch e := err.(type) { // takes off one wrapping at a time
	case *braid.PanicError: // holds others too, but speaks for itself
		return []error{e}
	case *service.ComponentError:
		if e.Within == 0 { // its tasks' paths name the component
			return causes(e.Err)
		}
	case *braid.TaskError:
		if _, scope := errors.AsType[*braid.GroupError](e.Err); scope {
			return causes(e.Err)
		}
	case interface{ Unwrap() []error }: // a GroupError, or joined errors
		for _, member := range e.Unwrap() {
			all = append(all, causes(member)...)
		}
		return all
	}
	return []error{err}
}

// listStuck says who was still running. Tasks of one path that wait in the same place are one line.
func listStuck(e *braid.StuckError) string {
	type kind struct{ path, waiting string }
	count := make(map[kind]int)
	var kinds []braid.StuckTask // the oldest of each
	for _, t := range stuckThemselves(e.Tasks) {
		k := kind{t.Path, t.Waiting}
		if count[k]++; count[k] == 1 {
			kinds = append(kinds, t)
			continue
		}
		i := slices.IndexFunc(kinds, func(o braid.StuckTask) bool { return kind{o.Path, o.Waiting} == k })
		kinds[i].Age = max(kinds[i].Age, t.Age)
	}
	var b strings.Builder
	b.WriteString("gave up; this was still running:")
	for _, t := range kinds {
		on, many, upTo := "is busy, or blocked outside braid", "", ""
		if t.Waiting != "" {
			on = "waits in " + t.Waiting
		}
		if n := count[kind{t.Path, t.Waiting}]; n > 1 {
			many, upTo = fmt.Sprintf(" ×%d", n), "up to "
		}
		fmt.Fprintf(&b, "\n  %s%s, %s%v old, %s", t.Path, many, upTo, t.Age.Round(time.Millisecond), on)
	}
	return b.String()
}

// stuckThemselves leaves out the tasks that only wait for others in the list:
// those with others below them, and the one that accepts connections for as
// long as there are requests.
func stuckThemselves(all []braid.StuckTask) []braid.StuckTask {
	above := make(map[string]bool) // the paths that lead to others
	for _, t := range all {
		for i, c := range t.Path {
			if c == '/' {
				above[t.Path[:i]] = true
			}
		}
	}
	var some []braid.StuckTask
	for _, t := range all {
		if !above[t.Path] && !strings.HasSuffix(t.Path, "/"+accepting) {
			some = append(some, t)
		}
	}
	if some == nil {
		return all
	}
	return some
}
