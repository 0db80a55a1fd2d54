package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/braid-go/braid/inspect"
)

// How the screen of top is drawn.

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
