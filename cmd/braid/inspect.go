package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/braid-go/braid/inspect"
	"github.com/braid-go/braid/template"
)

// The commands that ask a process, or a file, what runs in it.

// flagName is a flag of the commands, and a parameter of the API.
const flagName = "name"

const targets = `PROCESS is the id of a process that serves package inspect, the path of its socket,
the URL of its console, or a file written by "braid dump".`

func inspectCommands() []*cli.Command {
	return []*cli.Command{
		{
			Name: "ps", Usage: "list processes, or the tasks of one", ArgsUsage: "[PROCESS]",
			Description: "Without PROCESS it lists the processes that can be asked.\n\n" + targets + `

  braid ps 4711
  braid ps 4711 --state blocked --blocked-for 10s
  braid ps 4711 --group site,wait`,
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "state", Usage: "only tasks in these `STATES`: queued, active, blocked, finishing, cancelling"},
				&cli.StringFlag{Name: flagName, Usage: "only tasks whose path has `PART` in it, or matches it if it has * or ?"},
				&cli.StringFlag{Name: "site", Usage: "only tasks whose function or file has `PART` in its name"},
				&cli.StringFlag{Name: "scope", Usage: "only tasks in the scope `ID` or below"},
				&cli.StringFlag{Name: "kind", Usage: "only tasks that wait on this `KIND` of thing, such as queue, or in this operation, such as queue.Get"},
				&cli.DurationFlag{Name: "blocked-for", Usage: "only tasks that have waited for `DURATION` or longer"},
				&cli.StringFlag{Name: "group", Usage: "count tasks by `KEYS`: site, name, wait, state, scope"},
				&cli.StringFlag{Name: "sort", Usage: "sort by `KEY`: id, name, state, wait, since, started; -KEY for descending"},
				&cli.IntFlag{Name: "limit", Value: 100, Usage: "show at most `N`, 1 to 1000"},
				&cli.StringFlag{Name: "after", Usage: "go on after `NEXT`, which the page before has said"},
				jsonFlag(),
			},
			Action: ps,
		},
		{
			Name: "tree", Usage: "show who owns whom", ArgsUsage: "PROCESS [TASK]",
			Description: targets,
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "fold", Value: true, Usage: "show equal subtrees once, with their number; --fold=false shows all"},
				&cli.IntFlag{Name: "depth", Usage: "go `N` levels down; 0 means all"},
				jsonFlag(),
			},
			Action: func(ctx context.Context, cmd *cli.Command) error {
				return ask(ctx, cmd, 2, func(c *inspect.Client, args []string) error {
					q := url.Values{"fold": {bit(cmd.Bool("fold"))}, fresh: {yes}}
					set(q, "depth", cmd.IsSet("depth"), strconv.Itoa(cmd.Int("depth")))
					if len(args) > 0 {
						id, err := taskID(ctx, c, args[0])
						if err != nil {
							return err
						}
						q.Set("root", id)
					}
					return show(ctx, cmd, c, "tree", q)
				})
			},
		},
		{
			Name: "why", Usage: "say why a task, or the shutdown, does not go on", ArgsUsage: "PROCESS TASK | PROCESS --shutdown",
			Description: targets + `
TASK is its id or its path, or a part of the path that no other task has.

  braid why 4711 shop/audit
  braid why 4711 --shutdown`,
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "shutdown", Usage: "what was asked to end and has not"},
				jsonFlag(),
			},
			Action: func(ctx context.Context, cmd *cli.Command) error {
				return ask(ctx, cmd, 2, func(c *inspect.Client, args []string) error {
					q := url.Values{fresh: {yes}}
					switch shutdown := cmd.Bool("shutdown"); {
					case shutdown && len(args) == 0:
						q.Set("shutdown", "1")
					case !shutdown && len(args) == 1:
						id, err := taskID(ctx, c, args[0])
						if err != nil {
							return err
						}
						q.Set("task", id)
					default:
						return misuse("why needs a task, or --shutdown, and not both: braid why PROCESS TASK")
					}
					return show(ctx, cmd, c, "why", q)
				})
			},
		},
		topCommand(),
		simple("findings", "say what looks wrong: deadlocks, leaks, what ignores its cancellation", "findings"),
		simple("info", "say what process it is, and how much is in it", "info"),
		{
			Name: "graph", Usage: "draw who waits for whom", ArgsUsage: "PROCESS",
			Description: targets + "\n\n  braid graph 4711 | dot -Tsvg > waits.svg",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "of", Value: "wait,hold,await", Usage: "show these `EDGES`: wait, hold, await, spawn, cancel, all"},
				&cli.StringFlag{Name: "format", Value: "dot", Usage: "`FORMAT`: dot, mermaid, json"},
			},
			Action: func(ctx context.Context, cmd *cli.Command) error {
				return ask(ctx, cmd, 1, func(c *inspect.Client, _ []string) error {
					format := cmd.String("format")
					q := url.Values{"of": {cmd.String("of")}, "format": {format}, fresh: {yes}}
					if format == "json" {
						return c.Get(ctx, "graph", q, false, cmd.Root().Writer)
					}
					return c.Get(ctx, "graph", q, true, &printer{w: cmd.Root().Writer})
				})
			},
		},
		{
			Name: "stacks", Usage: "show the stacks of goroutines, with the tasks that they are of", ArgsUsage: "PROCESS [TASK]",
			Description: targets,
			Flags:       []cli.Flag{jsonFlag()},
			Action: func(ctx context.Context, cmd *cli.Command) error {
				return ask(ctx, cmd, 2, func(c *inspect.Client, args []string) error {
					q := url.Values{}
					if len(args) > 0 {
						id, err := taskID(ctx, c, args[0])
						if err != nil {
							return err
						}
						q.Set("task", id)
					}
					return show(ctx, cmd, c, "stacks", q)
				})
			},
		},
		{
			Name: "dump", Usage: "write the state of a process, to be looked at later", ArgsUsage: "PROCESS",
			Description: targets + "\n\n  braid dump 4711 > wedged.ndjson\n  braid why wedged.ndjson --shutdown",
			Action: func(ctx context.Context, cmd *cli.Command) error {
				return ask(ctx, cmd, 1, func(c *inspect.Client, _ []string) error {
					return c.Get(ctx, "snapshot.ndjson", url.Values{fresh: {yes}}, false, cmd.Root().Writer)
				})
			},
		},
		{
			Name: "diff", Usage: "say what is different between two dumps, or a dump and now", ArgsUsage: "BEFORE AFTER",
			Description: targets,
			Flags:       []cli.Flag{jsonFlag()},
			Action:      diff,
		},
		{
			Name: "cancel", Usage: "cancel a task, if the process allows it", ArgsUsage: "PROCESS TASK",
			Description: targets,
			Flags:       []cli.Flag{&cli.StringFlag{Name: "cause", Usage: "tell the task why: `TEXT`"}},
			Action: func(ctx context.Context, cmd *cli.Command) error {
				return ask(ctx, cmd, 2, func(c *inspect.Client, args []string) error {
					if len(args) != 1 {
						return misuse("cancel needs a task: braid cancel PROCESS TASK")
					}
					text, err := taskID(ctx, c, args[0])
					if err != nil {
						return err
					}
					id, err := strconv.ParseUint(text, 10, 64)
					if err != nil {
						return fmt.Errorf("%q is not the id of a task", text)
					}
					if err := c.Cancel(ctx, id, cmd.String("cause")); err != nil {
						return err
					}
					_, err = fmt.Fprintf(cmd.Root().Writer, "task %d has been asked to end\n", id)
					return err
				})
			},
		},
	}
}

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "write JSON, as the API has it"}
}

// simple is a command that shows one answer of the API.
func simple(name, usage, path string) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, ArgsUsage: "PROCESS", Description: targets,
		Flags: []cli.Flag{jsonFlag()},
		Action: func(ctx context.Context, cmd *cli.Command) error {
			return ask(ctx, cmd, 1, func(c *inspect.Client, _ []string) error {
				return show(ctx, cmd, c, path, url.Values{})
			})
		},
	}
}

// ask connects to the process that the first of at most n arguments names, and calls f with the others.
func ask(ctx context.Context, cmd *cli.Command, n int, f func(c *inspect.Client, args []string) error) error {
	args := cmd.Args().Slice()
	switch {
	case len(args) == 0:
		return fmt.Errorf("%s needs a process: its id, its socket, its URL or a file; braid ps lists what there is", cmd.Name)
	case len(args) > n:
		return fmt.Errorf("%s takes at most %d arguments, not also %q", cmd.Name, n, args[n])
	}
	c, err := inspect.Dial(ctx, args[0])
	if err != nil {
		return failed(err)
	}
	defer func() { _ = c.Close() }()
	return failed(f(c, args[1:]))
}

func show(ctx context.Context, cmd *cli.Command, c *inspect.Client, path string, q url.Values) error {
	if cmd.Bool("json") {
		return c.Get(ctx, path, q, false, cmd.Root().Writer)
	}
	return c.Get(ctx, path, q, true, &printer{w: cmd.Root().Writer})
}

func ps(ctx context.Context, cmd *cli.Command) error {
	if cmd.Args().Len() == 0 {
		return processes(ctx, cmd)
	}
	return ask(ctx, cmd, 1, func(c *inspect.Client, _ []string) error {
		q := url.Values{"limit": {strconv.Itoa(cmd.Int("limit"))}, fresh: {yes}}
		for _, name := range []string{"state", flagName, "site", "scope", "kind", "group", "sort", "after"} {
			set(q, name, cmd.IsSet(name), cmd.String(name))
		}
		set(q, "blocked_for", cmd.IsSet("blocked-for"), cmd.Duration("blocked-for").String())
		return show(ctx, cmd, c, "tasks", q)
	})
}

// processes lists what can be asked.
func processes(ctx context.Context, cmd *cli.Command) error {
	list, err := inspect.Processes(ctx, "")
	if err != nil {
		return failed(err)
	}
	out := cmd.Root().Writer
	if cmd.Bool("json") {
		if list == nil {
			list = []inspect.Running{}
		}
		return failed(json.NewEncoder(out).Encode(list))
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "No process of this user serves package inspect. Try: braid demo")
		return failed(err)
	}
	w := tabwriter.NewWriter(&printer{w: out}, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "PID\tNAME\tTASKS\tFINDINGS\tUP\tCONSOLE")
	for _, p := range list {
		row := row{pid: p.PID, name: p.Name, tasks: "-", findings: "-", up: "-", console: p.URL}
		row.ask(ctx, p)
		_, _ = fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", row.pid, row.name, row.tasks, row.findings, row.up, row.console)
	}
	return failed(w.Flush())
}

// row is a line of the list of processes.
type row struct {
	pid                                int
	name, tasks, findings, up, console string
}

// ask asks the process itself what only it knows, for no longer than a moment.
func (r *row) ask(ctx context.Context, p inspect.Running) {
	if p.Error != "" {
		r.console = p.Error
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := inspect.Dial(ctx, p.Socket)
	if err != nil {
		r.console = err.Error()
		return
	}
	defer func() { _ = c.Close() }()
	info, err := c.Info(ctx)
	if err != nil {
		r.console = err.Error()
		return
	}
	r.tasks, r.findings = strconv.Itoa(info.Counts.Tasks), strconv.Itoa(info.Counts.Findings)
	r.up = info.Taken.Sub(info.Process.Started).Round(time.Second).String()
}

// taskID finds the task that text means: an id, a path, or a part of one that no other task has.
func taskID(ctx context.Context, c *inspect.Client, text string) (string, error) {
	if _, err := strconv.ParseUint(text, 10, 64); err == nil {
		return text, nil
	}
	page, err := c.Tasks(ctx, url.Values{flagName: {text}, "limit": {"1000"}, fresh: {yes}})
	if err != nil {
		return "", failed(err)
	}
	var exact []string
	for _, t := range page.Items {
		if t.Path == text {
			exact = append(exact, strconv.FormatUint(t.ID, 10))
		}
	}
	switch {
	case len(exact) == 1:
		return exact[0], nil
	case len(exact) > 1:
		return "", fmt.Errorf("%d tasks have the path %q; say which one by its id: %s", len(exact), text, some(exact))
	case len(page.Items) == 1:
		return strconv.FormatUint(page.Items[0].ID, 10), nil
	case len(page.Items) == 0:
		return "", fmt.Errorf("no task has %q in its path", text)
	}
	var paths []string
	for _, t := range page.Items {
		paths = append(paths, fmt.Sprintf("%d (%s)", t.ID, t.Path))
	}
	return "", fmt.Errorf("%d tasks have %q in their paths; say which one by its id: %s", page.Total, text, some(paths))
}

// some lists the first few.
func some(list []string) string {
	const few = 5
	if len(list) > few {
		return strings.Join(list[:few], ", ") + ", ..."
	}
	return strings.Join(list, ", ")
}

func diff(ctx context.Context, cmd *cli.Command) error {
	args := cmd.Args().Slice()
	if len(args) != 2 {
		return errors.New("diff needs two processes or files: braid diff BEFORE AFTER")
	}
	var both [2]*inspect.Snapshot
	for i, arg := range args {
		c, err := inspect.Dial(ctx, arg)
		if err != nil {
			return failed(err)
		}
		both[i], err = c.Snapshot(ctx)
		_ = c.Close()
		if err != nil {
			return failed(fmt.Errorf("%s: %w", arg, err))
		}
	}
	d := inspect.Diff(both[0], both[1])
	if cmd.Bool("json") {
		return failed(json.NewEncoder(cmd.Root().Writer).Encode(d))
	}
	return failed(writeDiff(cmd.Root().Writer, d))
}

func writeDiff(out io.Writer, d *inspect.Difference) error {
	w := tabwriter.NewWriter(&printer{w: out}, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "%d tasks before, %d after", d.Counts[0], d.Counts[1])
	if !d.Same {
		_, _ = fmt.Fprint(w, "; these are two runs of a program, so only numbers can be compared")
	}
	_, _ = fmt.Fprintln(w)
	for _, g := range d.Groups {
		_, _ = fmt.Fprintf(w, "%+d\t%s\t%d before, %d after\n", g.After-g.Before, g.Path, g.Before, g.After)
	}
	list := func(title string, items []inspect.Item) {
		if len(items) > 0 {
			_, _ = fmt.Fprintf(w, "\n%s:\n", title)
		}
		for _, t := range items {
			_, _ = fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", t.ID, t.Path, t.State, t.WaitText)
		}
	}
	list("new", d.Started)
	list("ended", d.Ended)
	if len(d.Changed) > 0 {
		_, _ = fmt.Fprint(w, "\nchanged:\n")
	}
	for _, c := range d.Changed {
		_, _ = fmt.Fprintf(w, "%d\t%s\t%s %s\t-> %s %s\n", c.After.ID, c.After.Path, c.Before.State, c.Before.WaitText, c.After.State, c.After.WaitText)
	}
	list("in the same wait all the time", d.Stuck)
	if d.Truncated {
		_, _ = fmt.Fprintln(w, "\nand more: long lists are cut")
	}
	return w.Flush()
}

// misuse is an error in how a command was called that shows only when it runs.
type misuse string

func (m misuse) Error() string { return string(m) }

func set(q url.Values, name string, given bool, value string) {
	if given {
		q.Set(name, value)
	}
}

func bit(b bool) string {
	if b {
		return yes
	}
	return "0"
}

// fresh is the parameter that asks for a snapshot that is not shared with who asked before, and yes how it is given.
const (
	fresh = "fresh"
	yes   = "1"
)

// failed marks an error as one that is not the caller's: the command was right, and did not work.
func failed(err error) error {
	if wrong, ok := errors.AsType[misuse](err); ok {
		return wrong
	}
	if err == nil || errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return template.Failed(err)
}
