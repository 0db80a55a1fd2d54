package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/inspect"
	"github.com/braid-go/braid/internal/columns"
	"github.com/braid-go/braid/template"
)

// The commands that ask a process, or a file, what runs in it.

// Flags of the commands. flagName is a parameter of the API, too, and flagJSON one of its formats.
const (
	flagName = "name"
	flagJSON = "json"
)

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
TASK is its id, its path, or a part of the path, best its end, that no other task has.

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
				jsonFlag(),
			},
			Action: func(ctx context.Context, cmd *cli.Command) error {
				format := cmd.String("format")
				switch {
				case cmd.Bool(flagJSON) && cmd.IsSet("format") && format != flagJSON:
					return fmt.Errorf("--json and --format %s: these are two formats; give one", format)
				case cmd.Bool(flagJSON):
					format = flagJSON
				}
				return ask(ctx, cmd, 1, func(c *inspect.Client, _ []string) error {
					q := url.Values{"of": {cmd.String("of")}, "format": {format}, fresh: {yes}}
					if format == flagJSON {
						return c.Get(ctx, "graph", q, false, cmd.Root().Writer)
					}
					return c.Get(ctx, "graph", q, true, &printer{w: cmd.Root().Writer})
				})
			},
		},
		{
			Name: "stacks", Usage: "show the stacks of goroutines, with the tasks that they are of", ArgsUsage: "PROCESS [TASK]",
			Description: targets,
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "leaked", Usage: "only goroutines that nothing can wake any more, which takes a garbage collection; the program must be built with GOEXPERIMENT=goroutineleakprofile"},
				jsonFlag(),
			},
			Action: func(ctx context.Context, cmd *cli.Command) error {
				return ask(ctx, cmd, 2, func(c *inspect.Client, args []string) error {
					q := url.Values{}
					if cmd.Bool("leaked") {
						q.Set("leaked", yes)
					}
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
			Flags:       []cli.Flag{&cli.BoolFlag{Name: flagJSON, Usage: "changes nothing: a dump is JSON, a record on each line"}},
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
			Flags:       []cli.Flag{&cli.StringFlag{Name: "cause", Usage: "tell the task why: `TEXT`"}, jsonFlag()},
			Action:      cancelTask,
		},
	}
}

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: flagJSON, Usage: "write JSON, as the API has it"}
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

func cancelTask(ctx context.Context, cmd *cli.Command) error {
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
		path := "" // stays so if it is younger than what the process has last seen
		if t, err := c.Task(ctx, id); err == nil {
			path = t.Path
		}
		if err := c.Cancel(ctx, id, cmd.String("cause")); err != nil {
			return err
		}
		out := cmd.Root().Writer
		if cmd.Bool(flagJSON) { // as the API has it
			return json.NewEncoder(out).Encode(struct {
				ID        uint64 `json:"id"`
				Path      string `json:"path"`
				Cancelled bool   `json:"cancelled"`
			}{id, path, true})
		}
		_, err = fmt.Fprintf(out, "task %s has been asked to end\n", strings.TrimSpace(text+" "+printable(path)))
		return err
	})
}

// ask connects to the process that the first of at most n arguments names, and calls f with the others.
func ask(ctx context.Context, cmd *cli.Command, n int, f func(c *inspect.Client, args []string) error) error {
	args := cmd.Args().Slice()
	switch {
	case len(args) == 0:
		return fmt.Errorf("%s needs a process: its id, its socket, its URL or a file; braid ps lists what there is", cmd.Name)
	case len(args) > n:
		return fmt.Errorf("%s takes %s, not also %q", cmd.Name, cmd.ArgsUsage, args[n])
	}
	c, damage, err := dial(ctx, args[0])
	if err != nil {
		return failed(err)
	}
	defer func() { _ = c.Close() }()
	return failed(errors.Join(f(c, args[1:]), damage))
}

// dial connects to target. Of a damaged file it returns what could be read, and beside it the damage, which is told behind the answer.
func dial(ctx context.Context, target string) (c *inspect.Client, damage, err error) {
	c, err = inspect.Dial(ctx, target)
	if c == nil {
		return nil, nil, err
	}
	if bad, ok := errors.AsType[*inspect.SnapshotError](err); ok {
		damage = fmt.Errorf("%s is damaged, and the answer is of what could be read: %s", target, bare(bad))
	}
	return c, damage, nil
}

func show(ctx context.Context, cmd *cli.Command, c *inspect.Client, path string, q url.Values) error {
	if cmd.Bool(flagJSON) {
		return c.Get(ctx, path, q, false, cmd.Root().Writer)
	}
	return c.Get(ctx, path, q, true, &printer{w: cmd.Root().Writer})
}

func ps(ctx context.Context, cmd *cli.Command) error {
	if cmd.Args().Len() == 0 {
		for _, name := range cmd.LocalFlagNames() {
			if name != flagJSON {
				return fmt.Errorf("--%s is about the tasks of a process; say of which: braid ps PROCESS", name)
			}
		}
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
	if cmd.Bool(flagJSON) {
		if list == nil {
			list = []inspect.Running{}
		}
		return failed(json.NewEncoder(out).Encode(list))
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "No process of this user serves package inspect. Try: braid demo")
		return failed(err)
	}
	rows := [][]string{{"PID", "NAME", "TASKS", "FINDINGS", "UP", "CONSOLE"}}
	for row, err := range askAll(ctx, list) {
		if err != nil {
			return failed(err)
		}
		rows = append(rows, row)
	}
	return failed(columns.Write(out, rows))
}

const (
	askedAtATime = 8               // processes
	patience     = 2 * time.Second // with each
)

// askAll asks processes at the same time, since each that hangs takes its time, and returns their rows in the order of the list.
func askAll(ctx context.Context, list []inspect.Running) iter.Seq2[[]string, error] {
	return braid.Map(ctx, slices.Values(list), askedAtATime, func(ctx context.Context, p inspect.Running) ([]string, error) {
		return row(ctx, p), nil
	})
}

// row is the line of a process in the list. What only the process knows, it is asked itself.
func row(ctx context.Context, p inspect.Running) []string {
	without := func(text string) []string {
		return []string{strconv.Itoa(p.PID), p.Name, "-", "-", "-", text}
	}
	if p.Error != "" {
		return without(p.Error)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it does not answer within %v", patience))
	defer cancel()
	c, err := inspect.Dial(ctx, cmp.Or(p.Socket, strconv.Itoa(p.PID)))
	if err != nil {
		return without(bare(err))
	}
	defer func() { _ = c.Close() }()
	info, err := c.Info(ctx)
	if err != nil {
		return without(bare(err))
	}
	up := info.Taken.Sub(info.Process.Started).Round(time.Second)
	return []string{strconv.Itoa(p.PID), p.Name, strconv.Itoa(info.Counts.Tasks), strconv.Itoa(info.Counts.Findings), up.String(), p.URL}
}

// taskID finds the task that text means: an id, a path, the end of one that no other task has, or else a part that no other task has.
func taskID(ctx context.Context, c *inspect.Client, text string) (string, error) {
	if _, err := strconv.ParseUint(text, 10, 64); err == nil {
		return text, nil
	}
	page, err := c.Tasks(ctx, url.Values{flagName: {text}, "limit": {"1000"}, fresh: {yes}})
	if err != nil {
		return "", failed(err)
	}
	var exact, ends []string
	for _, t := range page.Items {
		switch id := strconv.FormatUint(t.ID, 10); {
		case t.Path == text:
			exact = append(exact, id)
		case strings.HasSuffix(t.Path, "/"+text):
			ends = append(ends, id)
		}
	}
	switch {
	case len(exact) == 1:
		return exact[0], nil
	case len(exact) > 1:
		return "", fmt.Errorf("%d tasks have the path %q; say which one by its id: %s", len(exact), text, some(exact))
	case len(ends) == 1:
		return ends[0], nil
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
	var damages [2]error
	for i, arg := range args {
		c, damage, err := dial(ctx, arg)
		if err != nil {
			return failed(err)
		}
		damages[i] = damage
		both[i], err = c.Snapshot(ctx)
		_ = c.Close()
		if err != nil {
			return failed(fmt.Errorf("%s: %w", arg, err))
		}
	}
	d := inspect.Diff(both[0], both[1])
	var err error
	if cmd.Bool(flagJSON) {
		err = json.NewEncoder(cmd.Root().Writer).Encode(d)
	} else {
		err = writeDiff(cmd.Root().Writer, d)
	}
	return failed(errors.Join(err, damages[0], damages[1]))
}

func writeDiff(out io.Writer, d *inspect.Difference) error {
	var b strings.Builder // no write to it fails, and the lists are bounded
	section := func(title string, rows [][]string) {
		if len(rows) > 0 && title != "" {
			fmt.Fprintf(&b, "\n%s:\n", title)
		}
		_ = columns.Write(&b, rows)
	}
	list := func(title string, items []inspect.Item) { // equal ones once, with the id of the first and their number
		var rows [][]string
		at, count := make(map[[3]string]int), make([]int, 0, len(items))
		for _, t := range items {
			key := [3]string{t.Path, t.State, placeInLine.ReplaceAllString(t.WaitText, "")}
			i, known := at[key]
			if !known {
				i, at[key] = len(rows), len(rows)
				rows, count = append(rows, []string{strconv.FormatUint(t.ID, 10), t.Path, t.State, t.WaitText}), append(count, 0)
			}
			count[i]++
		}
		for i, n := range count {
			if n > 1 {
				rows[i][1] += fmt.Sprintf(" ×%d", n)
			}
		}
		section(title, rows)
	}
	fmt.Fprintf(&b, "%d tasks before, %d after", d.Counts[0], d.Counts[1])
	if !d.Same {
		b.WriteString("; these are two runs of a program, so only numbers can be compared")
	}
	b.WriteString("\n")
	groups, changed := make([][]string, 0, len(d.Groups)), make([][]string, 0, len(d.Changed))
	for _, g := range d.Groups {
		groups = append(groups, []string{fmt.Sprintf("%+d", g.After-g.Before), g.Path, fmt.Sprintf("%d before, %d after", g.Before, g.After)})
	}
	for _, c := range d.Changed {
		changed = append(changed, []string{strconv.FormatUint(c.After.ID, 10), c.After.Path, doing(c.Before), "-> " + doing(c.After)})
	}
	section("", groups)
	list("new", d.Started)
	list("ended", d.Ended)
	section("changed", changed)
	list("in the same wait all the time", d.Stuck)
	if d.Truncated {
		b.WriteString("\nand more: long lists are cut\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// placeInLine is the end of a wait's text that differs between tasks in one line.
var placeInLine = regexp.MustCompile(`, \d+(st|nd|rd|th) of \d+$`)

// doing says what a task was seen to do.
func doing(t inspect.Item) string {
	text := strings.TrimSpace(t.State + " " + t.WaitText)
	if t.Cancel != nil {
		text += ", asked to end"
	}
	return text
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
	if p, ok := errors.AsType[*inspect.Problem](err); ok && p.Status == http.StatusBadRequest {
		return misuse(bare(err)) // only who is asked knows which values a flag may have
	}
	if err == nil || errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return template.Failed(errors.New(bare(err)))
}

// bare is the text of err for a terminal, and for somebody who need not know from which package it comes.
func bare(err error) string {
	text := strings.TrimPrefix(err.Error(), "inspect: ")
	return printable(strings.Replace(text, ": inspect: ", ": ", 1)) // behind the name of a file
}
