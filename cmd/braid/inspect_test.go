package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/urfave/cli/v3"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/inspect"
	"github.com/braid-go/braid/template"
)

// braids runs the command and returns its exit status and what it has written.
func braids(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = template.Main(t.Context(), command(), append([]string{"braid"}, args...), &out, &errs)
	return status, out.String(), errs.String()
}

// wedged runs tasks of this process that wait for each other, and an inspector. It returns the PID.
func wedged(t *testing.T, o inspect.Options) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "braid") //nolint:usetesting // short: the path of a socket has a limit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Setenv("BRAID_RUNTIME_DIR", filepath.Join(dir, "run"))

	ctx, cancel := context.WithCancel(t.Context())
	waiting, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		_ = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			var a, b braid.Mutex
			a.SetName("left")
			b.SetName("right")
			both, _ := braid.NewBarrier(2), 0
			cross := func(mine, other *braid.Mutex) func(context.Context) error {
				return func(ctx context.Context) error {
					if err := mine.Lock(ctx); err != nil {
						return err
					}
					defer mine.Unlock()
					if _, err := both.Wait(ctx); err != nil {
						return err
					}
					return other.Lock(ctx)
				}
			}
			first := g.Go(cross(&a, &b), braid.Name("first"))
			second := g.Go(cross(&b, &a), braid.Name("second"))
			g.Go(func(ctx context.Context) error { return new(braid.Event).Wait(ctx) }, braid.Name("bad\x1b[31mname\u202e"))
			for !strings.HasPrefix(first.Waiting(), "mutex.Lock") || !strings.HasPrefix(second.Waiting(), "mutex.Lock") {
				if err := braid.Yield(ctx); err != nil {
					return err
				}
			}
			close(waiting)
			return nil
		}, braid.Name("shop"))
	}()
	<-waiting
	in, err := inspect.Serve(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		cancel()
		<-ended
	})
	return strconv.Itoa(os.Getpid())
}

func TestInspectCommands(t *testing.T) {
	pid := wedged(t, inspect.Options{Name: "shop"})
	dump := filepath.Join(t.TempDir(), "wedged.ndjson")
	status, out, errs := braids(t, "dump", pid)
	if status != 0 || errs != "" {
		t.Fatalf("dump: %d %s", status, errs)
	}
	if err := os.WriteFile(dump, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}

	for _, where := range []string{pid, dump} {
		for _, c := range []struct {
			args []string
			want []string
		}{
			{[]string{"ps", where}, []string{"shop/first", "mutex.Lock right", "blocked"}},
			{[]string{"ps", where, "--state", "finishing"}, []string{"shop", "run.Join"}},
			{[]string{"ps", where, "--group", "wait"}, []string{"mutex.Lock left"}},
			{[]string{"tree", where}, []string{"shop", "├─", "first"}},
			{[]string{"tree", where, "shop/first"}, []string{"first"}},
			{[]string{"why", where, "shop/first"}, []string{"held by shop/second", "deadlock of 2"}},
			{[]string{"why", where, "--shutdown"}, []string{"othing"}},
			{[]string{"info", where}, []string{"shop", pid}},
			{[]string{"graph", where}, []string{"digraph", "first"}},
			{[]string{"graph", where, "--format", "mermaid"}, []string{"first"}},
		} {
			t.Run(strings.Join(c.args, " "), func(t *testing.T) {
				status, out, errs := braids(t, c.args...)
				if status != 0 || errs != "" {
					t.Errorf("status %d, %s", status, errs)
				}
				for _, want := range c.want {
					if !strings.Contains(out, want) {
						t.Errorf("%q is missing", want)
					}
				}
				if strings.ContainsAny(out, "\x1b\u202e") {
					t.Error("the name of a task can steer the terminal")
				}
				if t.Failed() {
					t.Log(out)
				}
			})
		}
		for _, args := range [][]string{{"ps", where}, {"tree", where}, {"why", where, "shop/first"}, {"findings", where}, {"info", where}} {
			if status, out, errs := braids(t, append(args, "--json")...); status != 0 || !json.Valid([]byte(out)) {
				t.Errorf("%v --json: %d %s %s", args, status, out, errs)
			}
		}
	}

	for args, want := range map[string]string{
		"ps":                                     pid,
		"ps --json":                              `"pid":` + pid,
		"stacks " + pid + " shop/first":          "Mutex).Lock",
		"diff " + dump + " " + pid:               "in the same wait all the time",
		"diff --json " + dump + " " + dump:       `"same_instance":true`,
		"ps " + dump + " --blocked-for 1h":       "",
		"ps " + pid + " --name *first --limit 1": "shop/first",
	} {
		if status, out, errs := braids(t, strings.Fields(args)...); status != 0 || !strings.Contains(out, want) {
			t.Errorf("%s: status %d, %q, %s", args, status, out, errs)
		}
	}
}

// Every command that asks takes --json, and then writes nothing else.
func TestInspectCommandsJSON(t *testing.T) {
	pid := wedged(t, inspect.Options{Name: "shop", Write: true, Logger: slog.New(slog.DiscardHandler)})
	dump := filepath.Join(t.TempDir(), "wedged.ndjson")
	if _, out, errs := braids(t, "dump", pid); os.WriteFile(dump, []byte(out), 0o600) != nil {
		t.Fatal(errs)
	}
	more := map[string][]string{ // the arguments behind the process
		"why": {"shop/first"}, "diff": {dump}, "cancel": {"shop/first"}, "top": {"--count", "1"},
	}
	for _, c := range inspectCommands() {
		t.Run(c.Name, func(t *testing.T) {
			has := slices.ContainsFunc(c.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), "json") })
			if !has {
				t.Fatal("it has no --json")
			}
			for _, where := range []string{pid, dump} {
				if where == dump && (c.Name == "stacks" || c.Name == "cancel") {
					continue // they need a process
				}
				status, out, errs := braids(t, append([]string{c.Name, "--json", where}, more[c.Name]...)...)
				if status != 0 || errs != "" || out == "" {
					t.Errorf("status %d, %q, stderr %q", status, out, errs)
				}
				for line := range strings.Lines(out) {
					if !json.Valid([]byte(line)) {
						t.Errorf("this is no JSON: %.300s", line)
					}
				}
			}
		})
	}
}

// Two ways to say the same may be given together; two formats may not.
func TestGraphJSON(t *testing.T) {
	pid := wedged(t, inspect.Options{})
	for _, args := range [][]string{{"--json"}, {"--format", "json"}, {"--json", "--format", "json"}} {
		var g inspect.Graph
		if status, out, errs := braids(t, append([]string{"graph", pid}, args...)...); status != 0 || json.Unmarshal([]byte(out), &g) != nil || len(g.Nodes) == 0 {
			t.Errorf("%v: %d %s %s", args, status, out, errs)
		}
	}
}

// A damaged file answers with what is left of it, and the command fails, so that nobody takes a part for the whole.
func TestDamagedDump(t *testing.T) {
	pid := wedged(t, inspect.Options{})
	_, out, _ := braids(t, "dump", pid)
	dir := t.TempDir()
	whole, part := filepath.Join(dir, "whole"), filepath.Join(dir, "part")
	for path, text := range map[string]string{whole: out, part: out[:len(out)-20]} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for args, want := range map[string]string{
		"ps " + part:                   "shop/first",
		"tree --json " + part:          `"roots":`,
		"diff " + part + " " + whole:   "tasks before",
		"diff " + whole + " " + part:   "tasks before",
		"top --json " + part:           `"tasks":`,
		"why " + part + " shop/nobody": "",
	} {
		status, out, errs := braids(t, strings.Fields(args)...)
		if status != 1 || !strings.Contains(out, want) || !strings.Contains(errs, "part is damaged, and the answer is of what could be read") {
			t.Errorf("%s: status %d, %q, stderr %q", args, status, out, errs)
		}
	}
}

// Processes that hang are asked at the same time: none is given up before all have been asked.
func TestProcessesThatHang(t *testing.T) {
	dir, err := os.MkdirTemp("", "braid") //nolint:usetesting // short: the path of a socket has a limit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	var hung []inspect.Running
	var asked, works sync.WaitGroup
	all := make(chan struct{}) // closed when all have been asked
	for i := range askedAtATime {
		r := inspect.Running{PID: i + 1, Name: fmt.Sprint("hung", i), Socket: filepath.Join(dir, fmt.Sprint(i))}
		hung = append(hung, r)
		ln, err := net.Listen("unix", r.Socket)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ln.Close() })
		asked.Add(1)
		works.Go(func() {
			c, err := ln.Accept()
			asked.Done()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				_, _ = io.Copy(io.Discard, c) // the question, and then no more until the other side closes
			}()
			select {
			case <-all:
			case <-gone:
				t.Errorf("%s was given up before all were asked", r.Name)
			}
		})
	}
	go func() {
		asked.Wait()
		close(all)
	}()
	n := 0
	for row, err := range askAll(t.Context(), hung) {
		if err != nil {
			t.Fatal(err)
		}
		if row[1] != hung[n].Name || row[2] != "-" || row[5] == "" {
			t.Errorf("row %d is %q", n, row)
		}
		n++
	}
	works.Wait()
	if n != len(hung) {
		t.Errorf("%d rows", n)
	}
}

func TestInspectCommandsCalledWrongly(t *testing.T) {
	pid := wedged(t, inspect.Options{})
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]struct {
		status int
		text   string
	}{
		"tree":                           {2, "needs a process"},
		"tree --nonsense":                {2, "nonsense"},
		"ps --state blocked":             {2, "--state is about the tasks of a process"},
		"ps --json --limit 5":            {2, "--limit is about the tasks of a process"},
		"graph --json --format dot 1":    {2, "two formats"},
		"top --json --count 0 " + pid:    {2, "1 or more"},
		"top --count 3 " + pid:           {2, "--json"},
		"top " + pid:                     {2, "needs a terminal"},
		"tree 1 2 3":                     {2, `takes PROCESS [TASK], not also "3"`},
		"tree nothing-like-that":         {1, "nothing-like-that"},
		"tree 2147483000":                {1, "2147483000"},
		"why " + pid:                     {2, "needs a task"},
		"why " + pid + " nobody":         {1, "nobody"},
		"why " + pid + " 99999999":       {1, "99999999"},
		"why " + pid + " s":              {1, "say which one"},
		"ps " + pid + " --state dancing": {2, "dancing"},
		"ps " + pid + " --limit 100000":  {2, "limit"},
		"ps " + empty:                    {1, empty + ": line 1 of the snapshot: the file is empty"},
		"diff " + pid:                    {2, "two"},
		"cancel " + pid + " shop/first":  {1, "read-only"},
		"cancel " + pid:                  {2, "needs a task"},
		"top " + pid + " --every 1ms":    {2, "100ms"},
		"findings " + pid + " more":      {2, "more"},
	} {
		status, out, errs := braids(t, strings.Fields(args)...)
		if status != want.status || !strings.Contains(errs, want.text) || out != "" {
			t.Errorf("%s: status %d, stdout %q, stderr %q; want %d and %q", args, status, out, errs, want.status, want.text)
		}
		if strings.ContainsAny(errs, "\x1b\u202e") {
			t.Errorf("%s: the name of a task can steer the terminal: %q", args, errs)
		}
	}
	if pprof.Lookup("goroutineleak") == nil {
		if status, out, errs := braids(t, "stacks", pid, "--leaked"); status != 1 || out != "" || !strings.Contains(errs, "GOEXPERIMENT=goroutineleakprofile") {
			t.Errorf("stacks --leaked: status %d, %q, %s", status, out, errs)
		}
	}
}

func TestCancelCommand(t *testing.T) {
	pid := wedged(t, inspect.Options{Write: true, Logger: slog.New(slog.DiscardHandler)})
	status, out, errs := braids(t, "cancel", pid, "shop/first", "--cause", "enough")
	if status != 0 || !strings.Contains(out, "shop/first has been asked to end") {
		t.Fatalf("status %d, %q, %q", status, out, errs)
	}
	status, out, errs = braids(t, "cancel", pid, "shop", "--json")
	if status != 0 || !strings.Contains(out, `"path":"shop","cancelled":true`) {
		t.Fatalf("status %d, %q, %q", status, out, errs)
	}
}

// screen is what a live screen writes to, and tells when something stands there.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(b)
	select {
	case s.more <- struct{}{}:
	default:
	}
	return len(b), nil
}

// await waits until each of the words has been written since the last call.
func (s *screen) await(t *testing.T, words ...string) {
	t.Helper()
	for {
		s.mu.Lock()
		text := s.text.String()
		missing := 0
		for _, w := range words {
			if !strings.Contains(text, w) {
				missing++
			}
		}
		if missing == 0 {
			s.text.Reset()
		}
		s.mu.Unlock()
		if missing == 0 {
			return
		}
		select {
		case <-s.more:
		case <-t.Context().Done():
			t.Fatalf("%q were not shown; the screen got %q", words, text)
		}
	}
}

func TestTop(t *testing.T) {
	pid := wedged(t, inspect.Options{Name: "shop"})
	c, err := inspect.Dial(t.Context(), pid)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	keys, typed := io.Pipe()
	out := &screen{more: make(chan struct{}, 1)}
	done := make(chan error, 1)
	go func() {
		done <- runTop(t.Context(), &top{client: c, every: 100_000_000}, keys, out, tea.WithWindowSize(100, 24))
	}()
	press := func(s string) { _, _ = fmt.Fprint(typed, s) }
	out.await(t, "shop", "mutex.Lock right")
	press("f")
	out.await(t, "LONGEST")
	press("f")
	out.await(t, "STATE")
	press("/")
	press("second")
	out.await(t, "/second")
	press("\r")
	press("\r")
	out.await(t, "Why", "deadlock of 2")
	press("q")
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Without a screen there is a line for each look, the first at once.
func TestTopJSON(t *testing.T) {
	wedged(t, inspect.Options{Name: "shop"})
	file := inspect.Take().Client() // answers inside of the bubble
	synctest.Test(t, func(t *testing.T) {
		looks := func(m *top, count int) (lines []string, took time.Duration) {
			t.Helper()
			m.client, m.every = file, time.Minute
			var out strings.Builder
			begin := time.Now()
			if err := writeLooks(t.Context(), m, count, &out); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				lines = append(lines, line)
			}
			return lines, time.Since(begin)
		}
		if lines, took := looks(&top{}, 3); len(lines) != 3 || took != 2*time.Minute {
			t.Errorf("%d lines in %v", len(lines), took)
		}
		lines, took := looks(&top{filter: "first"}, 0) // of a file
		if len(lines) != 1 || took != 0 {
			t.Fatalf("%d lines in %v", len(lines), took)
		}
		var v struct {
			Info     *inspect.Info
			Findings *inspect.Findings
			Tasks    *inspect.Page
			Groups   *inspect.GroupPage
		}
		if err := json.Unmarshal([]byte(lines[0]), &v); err != nil || v.Info.Process.PID != os.Getpid() || v.Findings == nil || v.Groups != nil ||
			len(v.Tasks.Items) != 1 || v.Tasks.Items[0].Path != "shop/first" {
			t.Errorf("%v: %s", err, lines[0])
		}
		lines, _ = looks(&top{fold: true}, 1)
		if !strings.Contains(lines[0], `"groups":{`) || strings.Contains(lines[0], `"tasks":{"snapshot_seq"`) {
			t.Errorf("folded: %s", lines[0])
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := writeLooks(ctx, &top{client: file, every: time.Minute}, 0, io.Discard); !errors.Is(err, context.Canceled) {
			t.Errorf("interrupted: %v", err)
		}
	})
}

// The keys change what is asked for, and the order is that of what is shown.
func TestTopKeys(t *testing.T) {
	wedged(t, inspect.Options{})
	m := &top{ctx: t.Context(), client: inspect.Take().Client()}
	m.Update(tea.WindowSizeMsg{Width: 100, Height: 24})
	for _, step := range []struct{ keys, group, sort, name string }{
		{"", "", "since", "longest first"},
		{"s", "", "name", "name"},
		{"f", "name,wait", "-count", "most first"},
		{"s", "name,wait", "-oldest", "longest first"},
		{"s", "name,wait", "-count", "most first"},
		{"f", "", "name", "name"},
		{"ssss", "", "since", "longest first"},
	} {
		for _, r := range step.keys {
			m.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
		}
		m.Update(m.look()())
		q := m.query()
		if m.data.err != nil || q.Get("group") != step.group || q.Get("sort") != step.sort || !strings.Contains(m.View().Content, "s sort: "+step.name+" ") {
			t.Errorf("after %q: %v, %v, %s", step.keys, q, m.data.err, m.View().Content)
		}
	}
	if _, cmd := m.Update(tea.KeyPressMsg{Code: 'z', Mod: tea.ModCtrl}); cmd == nil {
		t.Error("Ctrl-Z does nothing")
	} else if msg, ok := cmd().(tea.SuspendMsg); !ok {
		t.Errorf("Ctrl-Z: %T", msg)
	}
}

// Where there are more tasks than are asked for it says so, wherever the list is scrolled to.
func TestTopMore(t *testing.T) {
	wedged(t, inspect.Options{})
	m := &top{ctx: t.Context(), client: inspect.Take().Client()}
	m.Update(tea.WindowSizeMsg{Width: 100, Height: 8})
	m.Update(m.look()())
	if text := m.View().Content; strings.Contains(text, " OF ") {
		t.Error(text)
	}
	m.data.page.Total = 5000
	m.Update(tea.KeyPressMsg{Code: 'G', Text: "G"})
	if text := m.View().Content; !strings.Contains(text, "4 OF 5000") {
		t.Error(text)
	}
}

// On a narrow screen tasks can be told from each other, the keys are there, and the chosen row is seen without colours.
func TestTopNarrow(t *testing.T) {
	wedged(t, inspect.Options{})
	m := &top{ctx: t.Context(), client: inspect.Take().Client()}
	m.Update(tea.WindowSizeMsg{Width: 40, Height: 24})
	m.Update(m.look()())
	m.data.info.Counts.Findings = 12 // more than are shown
	for i := range m.data.page.Items {
		m.data.page.Items[i].Path = "shop/a/long/way/down/" + m.data.page.Items[i].Name
	}
	m.Update(tea.KeyPressMsg{Code: tea.KeyDown})
	text := ansi.Strip(m.View().Content)
	for _, want := range []string{"/first", "/second", "…", "q quit", "\n>"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	m.Update(tea.WindowSizeMsg{Width: 100, Height: 24})
	if text := ansi.Strip(m.View().Content); strings.Contains(text, "goroutines") || !strings.Contains(text, "findings: 12") { // a file has no goroutines
		t.Error(text)
	}
}

// What the screen shows of answers, whatever the size of the terminal.
func TestTopFitsTheScreen(t *testing.T) {
	wedged(t, inspect.Options{})
	c := inspect.Take().Client()
	for _, size := range [][2]int{{1, 1}, {20, 5}, {100, 8}, {100, 24}, {300, 100}, {0, 0}} {
		m := &top{ctx: t.Context(), client: c}
		m.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		for _, keys := range []string{"", "f", "/x", "\x1bs", "jjjkG", "\r"} {
			for _, r := range keys {
				m.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
			}
			m.Update(m.look()())
			if m.data.findings != nil {
				m.data.findings.Items = make([]inspect.Finding, 5)
			}
			view := m.View().Content
			lines := strings.Split(view, "\n")
			if size[1] > 0 && len(lines) > size[1] {
				t.Errorf("%v after %q: %d lines", size, keys, len(lines))
			}
			if size[1] > 6 && !strings.Contains(lines[len(lines)-1], "quit") && size[0] >= 100 {
				t.Errorf("%v after %q: the line of keys is not there: %q", size, keys, lines)
			}
		}
	}
}

// Of equal tasks there is one line, so that a leak does not hide what else is new; and what has changed can be seen.
func TestDiffText(t *testing.T) {
	item := func(id uint64, path, wait string) inspect.Item {
		return inspect.Item{Task: inspect.Task{ID: id, State: inspect.StateBlocked}, Path: path, WaitText: wait}
	}
	ended := item(4, "shop/deaf", "")
	ended.Cancel = new(inspect.Cancel)
	var b strings.Builder
	err := writeDiff(&b, &inspect.Difference{Same: true, Started: []inspect.Item{
		item(5, "shop/order", "queue.Put orders"), item(6, "shop/clerk", "queue.Get orders"), item(7, "shop/order", "queue.Put orders, 1st of 2"),
		item(8, "shop/order", "braid.Sleep"), item(9, "shop/order", "queue.Put orders, 12th of 20"),
	}, Changed: []inspect.TaskChange{{Before: item(4, "shop/deaf", ""), After: ended}}})
	const want = "0 tasks before, 0 after\n\nnew:\n" +
		"5  shop/order ×3  blocked  queue.Put orders\n6  shop/clerk     blocked  queue.Get orders\n8  shop/order     blocked  braid.Sleep\n" +
		"\nchanged:\n4  shop/deaf  blocked  -> blocked, asked to end\n"
	if err != nil || b.String() != want {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestPrinter(t *testing.T) {
	var b bytes.Buffer
	p := &printer{w: &b}
	for _, c := range []byte("héllo → \x1b[31mwörld\u202e\x00 \U0001f9f5\n") {
		_, _ = p.Write([]byte{c})
	}
	if got := b.String(); got != "héllo → ·[31mwörld·· \U0001f9f5\n" {
		t.Errorf("%q", got)
	}
}
