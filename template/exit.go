package template

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/braid-go/braid"
)

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

// explain puts err into words for the person who started the program.
func explain(err error) string {
	if e, ok := errors.AsType[*startError](err); ok {
		return e.Error() // in which task it happened is of no interest
	}
	if e, ok := errors.AsType[*braid.StuckError](err); ok {
		return listStuck(e)
	}
	return err.Error()
}

// listStuck says who was still running. A task that only waits for those below
// it is left out.
func listStuck(e *braid.StuckError) string {
	var b strings.Builder
	b.WriteString("gave up; this was still running:")
	for _, t := range e.Tasks {
		if hasInner(t.Path, e.Tasks) {
			continue
		}
		on := "is busy, or blocked outside braid"
		if t.Waiting != "" {
			on = "waits in " + t.Waiting
		}
		fmt.Fprintf(&b, "\n  %s, %v old, %s", t.Path, t.Age.Round(time.Millisecond), on)
	}
	return b.String()
}

func hasInner(path string, tasks []braid.StuckTask) bool {
	for _, t := range tasks {
		if strings.HasPrefix(t.Path, path+"/") {
			return true
		}
	}
	return false
}
