package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/term"
	"github.com/urfave/cli/v3"

	"github.com/braid-go/braid/inspect"
)

func topCommand() *cli.Command {
	return &cli.Command{
		Name: "top", Usage: "show the tasks of a process, live", ArgsUsage: "PROCESS",
		Description: targets + `

Keys: up and down choose, Enter shows one task, Esc goes back, / filters by a part of the path,
s sorts, f folds equal tasks, p pauses, q ends.

With --json there is no screen: each look is a line of JSON, {"info": ..., "findings": ..., "tasks": ...}, with what the API has
under these names, and "groups" in place of "tasks" with --fold. It goes on until it is interrupted, the process ends,
or --count is reached. Of a file, which does not change, there is one line.

  braid top 4711
  braid top 4711 --json --count 10 --every 5s > looks.ndjson`,
		Flags: []cli.Flag{
			&cli.DurationFlag{Name: "every", Value: time.Second, Usage: "look again every `DURATION`"},
			&cli.StringFlag{Name: flagName, Usage: "begin with the filter `PART`"},
			&cli.BoolFlag{Name: "fold", Usage: "begin with equal tasks folded"},
			&cli.IntFlag{Name: "count", Aliases: []string{"n"}, Usage: "with --json, end after `N` looks"},
			&cli.BoolFlag{Name: flagJSON, Usage: "write a line of JSON for each look, and no screen"},
		},
		Action: func(ctx context.Context, cmd *cli.Command) error {
			every := cmd.Duration("every")
			count, lines, out := cmd.Int("count"), cmd.Bool(flagJSON), cmd.Root().Writer
			switch {
			case every < 100*time.Millisecond:
				return fmt.Errorf("--every %v: must be 100ms or longer", every)
			case cmd.IsSet("count") && !lines:
				return errors.New("--count goes with --json: the screen ends with q")
			case cmd.IsSet("count") && count < 1:
				return fmt.Errorf("--count %d: must be 1 or more", count)
			case !lines && !isTerminal(out):
				return errors.New("the screen of top needs a terminal, and the output goes elsewhere; use top --json, or ps")
			case !lines && !isTerminal(cmd.Root().Reader):
				return errors.New("the screen of top takes keys from a terminal, and the input comes from elsewhere; use top --json, or ps")
			case !lines && os.Getenv("TERM") == "dumb":
				return errors.New("the screen of top needs a terminal whose cursor can be moved, and TERM is dumb; use top --json, or ps")
			}
			return ask(ctx, cmd, 1, func(c *inspect.Client, _ []string) error {
				m := &top{client: c, every: every, filter: cmd.String(flagName), fold: cmd.Bool("fold")}
				if !lines {
					return runTop(ctx, m, cmd.Root().Reader, out)
				}
				ctx, stop := signal.NotifyContext(ctx, os.Interrupt) // so that the last line is whole
				defer stop()
				if err := writeLooks(ctx, m, count, out); err != nil && ctx.Err() == nil {
					return err
				}
				return nil
			})
		},
	}
}

// isTerminal says whether the reader or writer is one.
func isTerminal(of any) bool {
	f, ok := of.(term.File)
	return ok && term.IsTerminal(f.Fd())
}

func runTop(ctx context.Context, m *top, in io.Reader, out io.Writer, opts ...tea.ProgramOption) error {
	ctx, cancel := context.WithCancel(ctx) // what is being asked ends with the screen
	defer cancel()
	m.ctx = ctx
	_, err := tea.NewProgram(m, append(opts, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out))...).Run()
	if errors.Is(err, tea.ErrInterrupted) { // by a signal; the key is q
		return nil
	}
	return err
}

// top is the live screen: what it has been told, and how it is to be shown.
type top struct {
	ctx    context.Context //nolint:containedctx // of the commands that a Model gives away; it has no other way to take one
	client *inspect.Client
	every  time.Duration

	width, height int
	paused        bool
	typing        bool // the filter is being written
	filter        string
	sort          [2]int // in sorts, of tasks and of groups
	fold          bool

	data   answers
	at     int // the chosen row
	first  int // the first row that is shown
	detail *detail
}

// answers are those of one look.
type answers struct {
	info     *inspect.Info
	page     *inspect.Page
	groups   *inspect.GroupPage
	findings *inspect.Findings
	err      error
}

// detail is the page of one task.
type detail struct {
	id     uint64
	task   *inspect.TaskDetail
	why    *inspect.Why
	stacks *inspect.Stacks
	err    error
	first  int // line
}

type order struct{ key, name string }

// sorts are the orders of tasks and of groups, as the API knows them, and what they are called.
var sorts = [2][]order{
	{{"since", "longest first"}, {"name", "name"}, {"wait", "wait"}, {"state", "state"}, {"id", "id"}},
	{{"-count", "most first"}, {"-oldest", "longest first"}},
}

// kind is the index of what the rows are in sort and sorts.
func (m *top) kind() int {
	if m.fold {
		return 1
	}
	return 0
}

func (m *top) order() order { return sorts[m.kind()][m.sort[m.kind()]] }

type tickMsg struct{}

// extra and extraDetail are answers that were asked for between two ticks.
type (
	extra       struct{ answers }
	extraDetail struct{ *detail }
)

func (m *top) Init() tea.Cmd { return m.look() }

// look asks for what is to be shown.
func (m *top) look() tea.Cmd {
	q, fold, open := m.query(), m.fold, m.detail
	return func() tea.Msg {
		if open != nil {
			return m.lookAt(open.id)
		}
		return m.ask(q, fold)
	}
}

// query is what the list asks for.
func (m *top) query() url.Values {
	q := url.Values{"limit": {"1000"}}
	set(q, flagName, m.filter != "", m.filter)
	set(q, "group", m.fold, "name,wait")
	q.Set("sort", m.order().key)
	return q
}

// ask asks for the list. It may run beside Update, and so looks at nothing that Update changes.
func (m *top) ask(q url.Values, fold bool) (a answers) {
	if a.info, a.err = m.client.Info(m.ctx); a.err != nil {
		return a
	}
	if a.findings, a.err = m.client.Findings(m.ctx); a.err != nil {
		return a
	}
	if fold {
		a.groups, a.err = m.client.Groups(m.ctx, q)
	} else {
		a.page, a.err = m.client.Tasks(m.ctx, q)
	}
	return a
}

func (m *top) lookAt(id uint64) *detail {
	d := &detail{id: id}
	if d.task, d.err = m.client.Task(m.ctx, id); d.err != nil {
		return d
	}
	d.why, _ = m.client.Why(m.ctx, id)
	d.stacks, _ = m.client.Stacks(m.ctx, id)
	return d
}

func (m *top) next() tea.Cmd {
	return tea.Tick(m.every, func(time.Time) tea.Msg { return tickMsg{} })
}

// Update implements tea.Model.
func (m *top) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		return m, m.key(msg)
	case tickMsg:
		if m.paused {
			return m, m.next()
		}
		return m, m.look()
	case answers:
		m.take(msg)
		return m, m.next()
	case *detail:
		m.takeDetail(msg)
		return m, m.next()
	case extra:
		m.take(msg.answers)
	case extraDetail:
		m.takeDetail(msg.detail)
	}
	return m, nil
}

// take shows a. If that is an error, what was seen last stays.
func (m *top) take(a answers) {
	if a.err != nil && m.data.info != nil {
		m.data.err = a.err
	} else {
		m.data = a
	}
	m.keepInside()
}

func (m *top) takeDetail(d *detail) {
	switch open := m.detail; {
	case open == nil || open.id != d.id: // it has been left
	case d.err != nil && open.task != nil:
		open.err = d.err
	default:
		d.first, m.detail = open.first, d
	}
}

func (m *top) key(k tea.KeyPressMsg) tea.Cmd {
	if m.typing {
		return m.typed(k)
	}
	switch k.String() {
	case "q", "ctrl+c":
		return tea.Quit
	case "p", "space":
		m.paused = !m.paused
	case "ctrl+z":
		return tea.Suspend
	}
	if d := m.detail; d != nil {
		switch k.String() {
		case "esc", "backspace", "left":
			m.detail = nil
		case "up", "k":
			d.first = max(0, d.first-1)
		case "down", "j":
			d.first++
		case "pgup":
			d.first = max(0, d.first-m.height/2)
		case "pgdown":
			d.first += m.height / 2
		}
		return nil
	}
	switch k.String() {
	case "up", "k":
		m.at--
	case "down", "j":
		m.at++
	case "pgup":
		m.at -= m.rows()
	case "pgdown":
		m.at += m.rows()
	case "home", "g":
		m.at = 0
	case "end", "G":
		m.at = m.count() - 1
	case "/":
		m.typing = true
	case "s":
		at := &m.sort[m.kind()]
		*at = (*at + 1) % len(sorts[m.kind()])
		return m.once()
	case "f":
		m.fold, m.at = !m.fold, 0
		return m.once()
	case "esc":
		if m.filter != "" {
			m.filter = ""
			return m.once()
		}
	case "enter", "right":
		if id := m.chosen(); id != 0 {
			m.detail = &detail{id: id}
			return m.once()
		}
	}
	m.keepInside()
	return nil
}

// once is look that does not wait for the next tick, and starts no second series of them.
func (m *top) once() tea.Cmd {
	look := m.look()
	return func() tea.Msg {
		switch msg := look().(type) {
		case answers:
			return extra{msg}
		case *detail:
			return extraDetail{msg}
		default:
			return msg
		}
	}
}

func (m *top) typed(k tea.KeyPressMsg) tea.Cmd {
	switch s := k.String(); s {
	case "enter":
		m.typing = false
	case "esc":
		m.typing, m.filter = false, ""
	case "ctrl+c":
		return tea.Quit
	case "backspace":
		if r := []rune(m.filter); len(r) > 0 {
			m.filter = string(r[:len(r)-1])
		}
	default:
		m.filter += k.Text
	}
	m.at = 0
	return m.once()
}

// count returns the number of rows that there are.
func (m *top) count() int {
	switch {
	case m.fold && m.data.groups != nil:
		return len(m.data.groups.Items)
	case !m.fold && m.data.page != nil:
		return len(m.data.page.Items)
	default:
		return 0
	}
}

// rows returns the number of rows that fit on the screen.
func (m *top) rows() int { return max(1, m.height-6-len(m.findings())) }

// findings returns those that are shown: on a low screen the rows come first.
func (m *top) findings() []inspect.Finding {
	const most, rows = 3, 3
	if m.data.findings == nil {
		return nil
	}
	list := m.data.findings.Items
	return list[:max(0, min(len(list), most, m.height-6-rows))]
}

func (m *top) keepInside() {
	m.at = max(0, min(m.at, m.count()-1))
	m.first = max(0, min(m.first, m.at), m.at-m.rows()+1)
}

// chosen returns the task of the chosen row.
func (m *top) chosen() uint64 {
	switch {
	case m.at >= m.count():
		return 0
	case m.fold:
		return m.data.groups.Items[m.at].Example
	default:
		return m.data.page.Items[m.at].ID
	}
}
