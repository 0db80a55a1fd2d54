package inspect

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Stacks come from the goroutine profile with debug=1: the world stops for a moment that does not depend on the number of goroutines,
// equal stacks are folded, and the pprof labels are there.

const (
	maxStacks   = 1000        // in one answer
	stacksFresh = time.Second // a profile is good for as long

	maxProfiled = 250_000 // goroutines: the runtime notes some 300 bytes of each before it folds them
)

// How a stack was joined to a task.
const (
	matchLabel = "label"
	matchSite  = "site"
)

// stackCache shares a profile among those that ask at about the same time.
type stackCache struct {
	mu    sync.Mutex
	taken time.Time
	cost  time.Duration // of taking it
	total int
	list  []Stack
}

func (c *stackCache) get(ctx context.Context, p *pprof.Profile) (time.Time, int, []Stack, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.taken) < max(stacksFresh, clientShare*c.cost) {
		return c.taken, c.total, c.list, nil
	}
	if ctx.Err() != nil {
		return time.Time{}, 0, nil, context.Cause(ctx)
	}
	if n := runtime.NumGoroutine(); n > maxProfiled {
		return time.Time{}, 0, nil, problemf(http.StatusServiceUnavailable, "there are %d goroutines; stacks of more than %d would cost the program too much memory at once", n, maxProfiled)
	}
	at := time.Now()
	total, list, err := profileOf(p)
	if err != nil {
		return time.Time{}, 0, nil, err
	}
	c.taken, c.cost, c.total, c.list = at, time.Since(at), total, list
	return at, total, list, nil
}

// parseGoroutines reads a goroutine profile with debug=1.
func parseGoroutines(r io.Reader) (total int, list []Stack, err error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	var s *Stack
	for in.Scan() {
		line := in.Text()
		switch {
		case line == "":
			s = nil
		case strings.HasPrefix(line, "# labels: "):
			if s != nil {
				s.Labels = parseLabels(strings.TrimPrefix(line, "# labels: "))
			}
		case strings.HasPrefix(line, "#\t"):
			if s != nil {
				s.Frames = append(s.Frames, parseFrame(line))
			}
		case strings.Contains(line, " @"):
			count, _, _ := strings.Cut(line, " ")
			n, err := strconv.Atoi(count)
			if err != nil {
				return 0, nil, fmt.Errorf("inspect: the goroutine profile has a line %q", line)
			}
			list = append(list, Stack{Count: n, Frames: []Frame{}})
			s = &list[len(list)-1]
			total += n
		}
	}
	if err := in.Err(); err != nil {
		return 0, nil, fmt.Errorf("inspect: the goroutine profile: %w", err)
	}
	return total, list, nil
}

// parseLabels reads {"key":"value", "key":"value"}, in Go's quotes.
func parseLabels(text string) map[string]string {
	labels := make(map[string]string)
	text = strings.TrimPrefix(text, "{")
	for {
		key, err := strconv.QuotedPrefix(text)
		if err != nil {
			return labels
		}
		text = strings.TrimPrefix(text[len(key):], ":")
		value, err := strconv.QuotedPrefix(text)
		if err != nil {
			return labels
		}
		text = strings.TrimPrefix(text[len(value):], ", ")
		k, _ := strconv.Unquote(key)
		v, _ := strconv.Unquote(value)
		labels[k] = v
	}
}

// parseFrame reads "#\tPC\tfunction+offset\tfile:line", with any number of tabs.
func parseFrame(line string) Frame {
	parts := strings.FieldsFunc(line, func(r rune) bool { return r == '\t' })
	if len(parts) < 4 {
		return Frame{Func: strings.TrimSpace(parts[len(parts)-1])} // the PC alone
	}
	f := Frame{Func: parts[2], File: parts[3]}
	if i := strings.LastIndexByte(f.Func, '+'); i >= 0 {
		f.Func = f.Func[:i]
	}
	if i := strings.LastIndexByte(f.File, ':'); i >= 0 {
		f.Line, _ = strconv.Atoi(f.File[i+1:])
		f.File = f.File[:i]
	}
	return f
}

func (a *api) goroutines(q *question) (answer, error) {
	if a.looker == nil {
		return answer{}, noFile("where goroutines are")
	}
	task, err := idOf(paramTask, q.q.Get(paramTask))
	if err != nil {
		return answer{}, err
	}
	if task != 0 && q.snap.Task(task) == nil {
		return answer{}, noTask(task)
	}
	leaked, err := boolOf("leaked", q.q.Get("leaked"))
	if err != nil {
		return answer{}, err
	}
	cache, profile := &a.stacks, pprof.Lookup("goroutine")
	if leaked {
		if cache, profile = &a.leaks, leakProfile(); profile == nil {
			return answer{}, noLeaks()
		}
	}
	at, total, all, err := cache.get(q.Context(), profile)
	if err != nil {
		return answer{}, err
	}
	st := joinStacks(q.snap, all, task)
	st.Taken, st.Total = at, total
	if leaked && len(st.Items) == 0 {
		st.Note = "none: for every goroutine that waits there is something left in the program that may still wake it, be it the end of a ctx"
	}
	if a.looker.redact != nil {
		if err := redactStacks(st, a.looker.redact); err != nil {
			return answer{}, err
		}
	}
	return answer{v: st, text: st.text}, nil
}

// joinStacks finds the tasks of the stacks, and leaves only those of one task unless that is 0.
func joinStacks(s *Snapshot, all []Stack, task uint64) *Stacks {
	st := &Stacks{By: matchSite, Items: []Stack{}}
	entries := make(map[string]bool, len(s.Sites)) // functions of tasks
	for i := range s.Sites {
		entries[s.Sites[i].Func] = true
	}
	wanted := ""
	if t := s.Task(task); t != nil {
		if site := s.Site(t.Site); site != nil {
			wanted = site.Func
		}
	}
	exact := false
	for _, g := range all {
		if n, err := strconv.ParseUint(g.Labels[labelID], 10, 53); err == nil {
			st.By = matchLabel
			g.Task, g.Path, g.Match = n, cmp.Or(s.Path(n), g.Labels[labelTask]), matchLabel
			exact = exact || n == task
		} else if slices.ContainsFunc(g.Frames, func(f Frame) bool { return entries[f.Func] }) {
			g.Match = matchSite
		}
		of := g.Match == matchLabel && g.Task == task ||
			g.Match == matchSite && slices.ContainsFunc(g.Frames, func(f Frame) bool { return f.Func == wanted })
		if task == 0 || of {
			st.Items = append(st.Items, g)
		}
	}
	if exact { // then its site says nothing more
		st.Items = slices.DeleteFunc(st.Items, func(g Stack) bool { return task != 0 && g.Match != matchLabel })
	}
	slices.SortStableFunc(st.Items, func(a, b Stack) int { return b.Count - a.Count })
	if len(st.Items) > maxStacks {
		st.Items, st.Truncated = st.Items[:maxStacks], true
	}
	switch {
	case task != 0 && len(st.Items) == 0:
		st.Note = "no goroutine has the task's function on its stack: it may be on the event loop, or run inline, or have ended meanwhile"
	case task != 0 && !exact:
		st.Note = "these are goroutines of tasks with the same function: no label says which one is this task's"
	}
	return st
}

// redactStacks changes the values of all labels, which come from the program, but for the ids of tasks, which are braid's.
// The labels themselves are shared by all who ask at about the same time.
func redactStacks(st *Stacks, redact func(string) string) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("inspect: Options.Redact panicked: %v", v)
		}
	}()
	change := eachOnce(redact)
	for i := range st.Items {
		g := &st.Items[i]
		if g.Path != "" && g.Path == g.Labels[labelTask] { // of a task that the snapshot does not have
			g.Path = change(g.Path)
		}
		labels := make(map[string]string, len(g.Labels))
		for k, v := range g.Labels {
			if k == labelID && g.Match == matchLabel {
				labels[k] = v
			} else {
				labels[k] = change(v)
			}
		}
		if g.Labels != nil {
			g.Labels = labels
		}
	}
	return nil
}

func (st *Stacks) text(w io.Writer) error {
	out := bufio.NewWriter(w)
	if st.Note != "" {
		fmt.Fprintf(out, "%s\n\n", st.Note)
	}
	for i := range st.Items {
		g := &st.Items[i]
		fmt.Fprintf(out, "%d goroutine(s)", g.Count)
		if g.Match == matchLabel {
			fmt.Fprintf(out, " of task %d %s", g.Task, g.Path)
		}
		fmt.Fprintln(out)
		for _, f := range g.Frames {
			fmt.Fprintf(out, "  %s\n      %s:%d\n", f.Func, f.File, f.Line)
		}
		fmt.Fprintln(out)
	}
	if st.Truncated {
		fmt.Fprintf(out, "and more\n")
	}
	return out.Flush()
}
