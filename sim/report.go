package sim

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// report is all that is said about a schedule that fails.
type report struct {
	search   *search
	found    *found
	before   cost   // of the schedule as it was found
	runs     int    // of the shrinker
	whole    string // why nothing was cut down
	written  written
	verdict  string
	saved    string // the file, or why there is none
	isRerun  bool   // the schedule was given, not found
	testName string
}

func (r *report) String() string {
	var b strings.Builder
	f := r.written.failure
	if f == nil {
		f = r.found.failure
	}
	if r.isRerun {
		fmt.Fprintf(&b, "%s fails, %s semantics\n\n", r.found.how, r.semantics())
	} else {
		fmt.Fprintf(&b, "schedule %d of %d fails (%s, seed %d, %s semantics)\n\n", r.found.index, r.search.schedules, r.found.how, r.search.seed, r.semantics())
	}
	b.WriteString(indent(f.String()))
	b.WriteString("\n")
	switch {
	case r.isRerun:
	case r.whole != "":
		b.WriteString(r.whole + "\n")
	default:
		fmt.Fprintf(&b, "shrunk from %s to %s in %d runs\n", switchesText(r.before.switches), switchesText(r.found.cost.switches), r.runs)
	}
	b.WriteString(r.verdict + "\n\n")
	b.WriteString(table(r.written.trace))
	if len(r.written.logs) > 0 {
		b.WriteString("\nlogs of this schedule:\n")
		for _, l := range r.written.logs {
			b.WriteString("    " + l + "\n")
		}
	}
	fmt.Fprintf(&b, "\n%s\n", r.search.summary())
	b.WriteString("\nto run this schedule again:\n")
	fmt.Fprintf(&b, "    BRAID_SIM_REPLAY=%s go test -run '%s'\n", r.found.rec, strings.ReplaceAll(pattern(r.testName), "'", `'\''`))
	if r.saved != "" {
		fmt.Fprintf(&b, "    %s\n", r.saved)
	}
	return b.String()
}

func (r *report) semantics() Semantics {
	if r.found.rec.loop {
		return Loop
	}
	return Parallel
}

func switchesText(n int) string {
	if n == 1 {
		return "1 switch"
	}
	return fmt.Sprintf("%d switches", n)
}

// pattern is the argument of -run that matches the test alone.
func pattern(test string) string {
	parts := strings.Split(test, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}

func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n    ") + "\n"
}

const (
	maxColumns = 6  // more tasks share one column
	maxCell    = 34 // characters
	maxOps     = 5  // lines a row
)

// table shows a schedule: a column a task, a row a switch.
func table(trace []event) string {
	list := rows(trace)
	var heads []string
	column := make(map[*task]int)
	for _, r := range list {
		if _, ok := column[r.task]; !ok && r.task != nil {
			column[r.task] = len(heads)
			heads = append(heads, lastPart(r.name))
		}
	}
	wide := len(heads) <= maxColumns
	if !wide {
		heads = []string{"what the tasks did"}
	}
	cells := make([][]string, 0, len(list)) // a row's column and lines
	cols := make([]int, 0, len(list))
	widths := make([]int, len(heads))
	for i, h := range heads {
		heads[i] = clip(h)
		widths[i] = utf8.RuneCountInString(heads[i])
	}
	for _, r := range list {
		lines := folded(r.what)
		col := 0
		switch {
		case r.task == nil:
			for i := range lines {
				lines[i] = "[" + lines[i] + "]"
			}
		case wide:
			col = column[r.task]
		default:
			for i := range lines {
				lines[i] = lastPart(r.name) + ": " + lines[i]
			}
		}
		for i := range lines {
			lines[i] = clip(lines[i])
			if len(widths) > 0 {
				widths[col] = max(widths[col], utf8.RuneCountInString(lines[i]))
			}
		}
		cells, cols = append(cells, lines), append(cols, col)
	}
	var b strings.Builder
	line := func(at string, col int, text string) {
		fmt.Fprintf(&b, "%9s", at)
		for i, w := range widths {
			s := ""
			if i == col {
				s = text
			}
			b.WriteString(" | " + s + strings.Repeat(" ", w-utf8.RuneCountInString(s)))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%9s", "time")
	for i, h := range heads {
		b.WriteString(" | " + h + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(h)))
	}
	b.WriteByte('\n')
	for i, lines := range cells {
		at := list[i].at.String()
		for j, text := range lines {
			if j > 0 {
				at = ""
			}
			line(at, cols[i], text)
		}
	}
	return strings.ReplaceAll(trimLines(b.String()), "\t", " ")
}

func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}

// folded leaves out the middle of what a task did in a row, except for what the simulator brought about.
func folded(ops []string) []string {
	if len(ops) <= maxOps {
		return slices.Clone(ops)
	}
	var lines []string
	left := 0
	flush := func() {
		if left > 0 {
			lines = append(lines, fmt.Sprintf("… %d more", left))
			left = 0
		}
	}
	for i, op := range ops {
		if i >= 2 && i < len(ops)-2 && !strings.HasPrefix(op, loud) {
			left++
			continue
		}
		flush()
		lines = append(lines, op)
	}
	return lines
}

// lastPart is the task's own name.
func lastPart(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

func clip(s string) string {
	if utf8.RuneCountInString(s) <= maxCell {
		return s
	}
	r := []rune(s)
	return string(r[:maxCell-1]) + "…"
}
