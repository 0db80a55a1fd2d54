package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
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

// writeLooks writes a line of JSON for each look, the first at once, until there were count of them, or for ever if that is 0.
// A file does not change: then 0 is 1. If ctx is done it returns the cause.
func writeLooks(ctx context.Context, m *top, count int, out io.Writer) error {
	m.ctx = ctx
	enc := json.NewEncoder(out)
	ticks := time.NewTicker(m.every)
	defer ticks.Stop()
	for n := 1; ; n++ {
		a := m.ask(m.query(), m.fold)
		if a.err != nil {
			return a.err
		}
		if err := enc.Encode(struct {
			Info     *inspect.Info      `json:"info"`
			Findings *inspect.Findings  `json:"findings"`
			Tasks    *inspect.Page      `json:"tasks,omitempty"`
			Groups   *inspect.GroupPage `json:"groups,omitempty"`
		}{a.info, a.findings, a.page, a.groups}); err != nil {
			return err
		}
		if n == count || count == 0 && !a.info.Live {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticks.C:
		}
	}
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

var (
	bold    = lipgloss.NewStyle().Bold(true)
	faint   = lipgloss.NewStyle().Faint(true)
	red     = lipgloss.NewStyle().Foreground(lipgloss.Red)
	yellow  = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	reverse = lipgloss.NewStyle().Reverse(true)
	states  = map[string]lipgloss.Style{
		inspect.StateActive: lipgloss.NewStyle().Foreground(lipgloss.Green), inspect.StateBlocked: lipgloss.NewStyle().Foreground(lipgloss.Blue),
		inspect.StateQueued: yellow, inspect.StateFinishing: lipgloss.NewStyle().Foreground(lipgloss.Magenta),
	}
)

// View implements tea.Model.
func (m *top) View() tea.View {
	var b strings.Builder
	if m.detail != nil {
		m.writeDetail(&b)
	} else {
		m.writeList(&b)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if m.height > 0 && len(lines) > m.height {
		lines = lines[:m.height]
	}
	for i, l := range lines {
		if m.width > 0 {
			lines[i] = ansi.Truncate(l, m.width, "…")
		}
	}
	v := tea.NewView(strings.Join(lines, "\n"))
	v.AltScreen = true
	v.WindowTitle = "braid top"
	return v
}

func (m *top) writeHead(b *strings.Builder) {
	i := m.data.info
	if i == nil {
		fmt.Fprintln(b, bold.Render("braid top"), faint.Render("asking "+m.client.Name()))
		return
	}
	c := i.Counts
	status := "live"
	switch {
	case m.data.err != nil:
		status = red.Render("no answer: shown as it was last seen")
	case m.paused:
		status = yellow.Render("paused")
	case !i.Live:
		status = "a file"
	}
	if c.Findings > 0 { // not all of them are shown
		status += fmt.Sprintf("  findings: %d", c.Findings)
	}
	fmt.Fprintf(b, "%s  PID %d, for %v  %s\n", bold.Render(printable(i.Process.Name)), i.Process.PID, i.Taken.Sub(i.Process.Started).Round(time.Second), status)
	fmt.Fprintf(b, "%d tasks: %d active, %d blocked, %d queued, %d finishing; %d asked to end",
		c.Tasks, c.Active, c.Blocked, c.Queued, c.Finishing, c.Cancelling)
	if i.Live { // a file has no goroutines
		fmt.Fprintf(b, "; %d goroutines", c.Goroutines)
	}
	fmt.Fprintln(b)
}

func (m *top) writeList(b *strings.Builder) {
	m.writeHead(b)
	for _, x := range m.findings() {
		style := yellow
		if x.Severity == "error" {
			style = red
		}
		fmt.Fprintln(b, style.Render(printable(x.Code+" "+x.Title))+" "+printable(x.Text))
	}
	switch {
	case m.typing:
		fmt.Fprintf(b, "/%s▏\n", printable(m.filter))
	case m.filter != "":
		fmt.Fprintf(b, "only %s %s\n", bold.Render(printable(m.filter)), faint.Render("(Esc shows all)"))
	default:
		fmt.Fprintln(b)
	}
	if m.fold {
		m.writeGroups(b)
	} else {
		m.writeTasks(b)
	}
	if m.data.info == nil && m.data.err != nil {
		fmt.Fprintln(b, red.Render(bare(m.data.err)))
	}
	keys := "↑↓ choose  Enter task  / filter  s sort: " + m.order().name + "  f fold  p pause  q quit"
	if m.width > 0 && ansi.StringWidth(keys) > m.width {
		keys = "↑↓ Enter / filter s sort f fold q quit"
	}
	fmt.Fprint(b, faint.Render(keys))
}

// columns returns how wide the columns of numbers and of times are, and what is between columns. On a narrow screen the names come first.
func (m *top) columns() (number, span int, gap string) {
	const narrow = 60
	if m.width > 0 && m.width < narrow {
		return 5, 7, " "
	}
	return 8, 9, "  "
}

func (m *top) writeTasks(b *strings.Builder) {
	number, span, gap := m.columns()
	room := m.width - number - len(inspect.StateFinishing) - span - 3*len(gap)
	title := "TASK, AND WHAT IT WAITS ON"
	if p := m.data.page; p != nil && p.Total > len(p.Items) {
		title = fmt.Sprintf("TASK: %d OF %d; f FOLDS, / FILTERS", len(p.Items), p.Total)
	}
	fmt.Fprintln(b, faint.Render(fmt.Sprintf("%*s%s%-9s%s%*s%s%s", number, "ID", gap, "STATE", gap, span, "FOR", gap, title)))
	shown := 0
	for i := m.first; i < m.count() && shown < m.rows(); i, shown = i+1, shown+1 {
		t := m.data.page.Items[i]
		text := printable(t.Path)
		over := ansi.StringWidth(text) - room
		switch {
		case m.width > 0 && over > 0: // its end says more than its beginning
			text = ansi.TruncateLeft(text, over+1, "…")
		case t.WaitText != "":
			text += "  " + faint.Render(printable(t.WaitText))
		}
		if t.Cancel != nil {
			text += "  " + yellow.Render("asked to end")
		}
		m.writeRow(b, i, fmt.Sprintf("%*d%s%s%s%*s%s%s", number, t.ID, gap, states[t.State].Render(fmt.Sprintf("%-9s", printable(t.State))), gap, span, sinceOf(&t, m.data.info.Taken), gap, text))
	}
	m.fill(b, shown)
}

func (m *top) writeGroups(b *strings.Builder) {
	number, span, gap := m.columns()
	fmt.Fprintln(b, faint.Render(fmt.Sprintf("%*s%s%*s%s%s", number, "TASKS", gap, span, "LONGEST", gap, "NAME, AND WHAT THEY WAIT ON")))
	shown := 0
	for i := m.first; i < m.count() && shown < m.rows(); i, shown = i+1, shown+1 {
		g := m.data.groups.Items[i]
		m.writeRow(b, i, fmt.Sprintf("%*d%s%*s%s%s  %s", number, g.Count, gap, span, round(time.Duration(g.OldestUS)*time.Microsecond), gap, printable(g.Key[flagName]), faint.Render(printable(g.Key["wait"]))))
	}
	m.fill(b, shown)
}

func (m *top) writeRow(b *strings.Builder, i int, text string) {
	if i == m.at {
		text = ansi.Strip(text)
		if rest, ok := strings.CutPrefix(text, " "); ok { // terminals without reverse video show it, too
			text = ">" + rest
		}
		text = reverse.Render(text)
	}
	fmt.Fprintln(b, text)
}

// fill writes empty lines where there are no rows, so that the line of keys stays where it is.
func (m *top) fill(b *strings.Builder, shown int) {
	for ; shown < m.rows(); shown++ {
		fmt.Fprintln(b)
	}
}

func (m *top) writeDetail(b *strings.Builder) {
	m.writeHead(b)
	d := m.detail
	var text strings.Builder
	switch {
	case d.task == nil && d.err != nil:
		fmt.Fprintln(&text, red.Render(m.wrapped(bare(d.err))))
	case d.task == nil:
		fmt.Fprintln(&text, faint.Render("asking"))
	default:
		m.writeTask(&text, d)
	}
	lines := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	room := max(1, m.height-4)
	d.first = max(0, min(d.first, len(lines)-room))
	for i := range room {
		if k := d.first + i; k < len(lines) {
			fmt.Fprintln(b, lines[k])
		} else {
			fmt.Fprintln(b)
		}
	}
	fmt.Fprint(b, faint.Render("↑↓ scroll  Esc back  p pause  q quit"))
}

func (m *top) writeTask(b *strings.Builder, d *detail) {
	t := d.task.Task
	fmt.Fprintf(b, "\n%s  %s  task %d\n", bold.Render(printable(d.task.Path)), states[t.State].Render(printable(t.State)), t.ID)
	if d.err != nil {
		fmt.Fprintln(b, red.Render(bare(d.err)))
	}
	if s := d.task.Site; s != nil {
		place := s.Func
		if s.File != "" {
			place += fmt.Sprintf("  %s:%d", s.File, s.Line)
		}
		fmt.Fprintln(b, faint.Render(printable(place)))
	}
	if c := t.Cancel; c != nil {
		fmt.Fprintln(b, yellow.Render("asked to end: "+printable(c.Cause)))
	}
	if d.why != nil {
		fmt.Fprintf(b, "\n%s\n%s\n", bold.Render("Why it does not go on"), m.wrapped(printable(strings.TrimSpace(d.why.Text))))
	}
	if d.stacks != nil {
		fmt.Fprintf(b, "\n%s\n", bold.Render("Stack"))
		for _, s := range d.stacks.Items {
			for _, f := range s.Frames {
				fmt.Fprintf(b, "%s\n%s\n", printable(f.Func), faint.Render(printable("    "+f.File+":"+strconv.Itoa(f.Line))))
			}
			fmt.Fprintln(b)
		}
		if d.stacks.Note != "" {
			fmt.Fprintln(b, faint.Render(printable(d.stacks.Note)))
		}
	}
}

// wrapped breaks lines that are longer than the screen is wide.
func (m *top) wrapped(text string) string {
	if m.width <= 0 {
		return text
	}
	return ansi.Wordwrap(text, m.width, " ")
}

// sinceOf says how long t has waited, or else run.
func sinceOf(t *inspect.Item, now time.Time) string {
	at := t.Started
	if t.Wait != nil {
		at = cmp.Or(t.Wait.Since, at)
	}
	if at == nil {
		return ""
	}
	return round(now.Sub(*at))
}

func round(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < 10*time.Second:
		return d.Round(10 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}
