// Command braid is braid's own tool:
//
//	braid demo                       run a small HTTP service whose every request is a task
//	braid ps                         list the processes that can be asked what runs in them
//	braid ps, tree, top PROCESS      the tasks of one, in a list, as a tree, and live
//	braid why PROCESS TASK           why that task does not go on; --shutdown: why the process does not end
//	braid findings PROCESS           what looks wrong
//	braid dump PROCESS               all of it, as a file that stands for the process later
//
// Run it with --help for more, and each of its commands too.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/urfave/cli/v3"

	"github.com/braid-go/braid/template"
)

func main() {
	os.Exit(template.Main(context.Background(), command(), os.Args, os.Stdout, os.Stderr))
}

func command() *cli.Command {
	// A wrong flag is one line, not all of the help.
	wrong := func(_ context.Context, _ *cli.Command, err error, _ bool) error { return err }
	commands := append([]*cli.Command{template.Command("demo")}, inspectCommands()...)
	for _, c := range commands {
		c.OnUsageError = wrong
	}
	return &cli.Command{
		Name:  "braid",
		Usage: "structured concurrency for Go: tasks with names, owners and limits",
		Description: `Start with the demo, a small HTTP service with a database:

  braid demo
  braid demo --help

In a second terminal, ask what runs in it:

  braid ps
  braid tree PID
  braid why PID --shutdown`,
		HideHelpCommand: true,
		OnUsageError:    wrong,
		Commands:        commands,
		Action: func(_ context.Context, cmd *cli.Command) error {
			if cmd.Args().Present() {
				return fmt.Errorf("there is no command %q", cmd.Args().First())
			}
			return cli.ShowRootCommandHelp(cmd)
		},
	}
}
