package inspect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/inspect"
)

// paths are all that answer about the shop, each with what stands in its text.
var paths = []struct {
	path string
	want []string
}{
	{"v1/info", []string{"shop (PID 4711)", "4: 1 active, 3 blocked"}},
	{"v1/tasks", []string{"shop/audit", "semaphore.Acquire db, 1st of 2", "blocked, cancelled"}},
	{"v1/tasks?limit=2", []string{"2 of 4", "after="}},
	{"v1/tasks?state=cancelling", []string{"<reader>"}},
	{"v1/tasks?group=state", []string{"COUNT", "blocked"}},
	{"v1/tasks/4", []string{"shop/audit", "example.com/shop.audit", "/src/audit.go:30"}},
	{"v1/tasks/5", []string{"asked to end", "secret reason"}},
	{"v1/tasks/3", []string{"holds", "semaphore db"}},
	{"v1/tasks/1", []string{"children", "shop/writer"}},
	{"v1/scopes", []string{"group", "shop"}},
	{"v1/scopes/2", []string{"group", "shop/audit"}},
	{"v1/resources", []string{"semaphore", "db"}},
	{"v1/resources/9", []string{"held by", "shop/writer", "1st semaphore.Acquire"}},
	{"v1/sites", []string{"example.com/shop.audit"}},
	{"v1/tree", []string{"writer", "audit"}},
	{"v1/tree?root=2&depth=1&fold=1&max=10", nil},
	{"v1/graph", []string{"digraph"}},
	{"v1/graph?of=all", []string{"digraph"}},
	{"v1/why?task=4", []string{"shop/audit", "shop/writer"}},
	{"v1/why?shutdown=1", nil},
	{"v1/findings", []string{"nothing found"}},
	{"v1/stacks", []string{"goroutine(s)"}},
	{"v1/series", []string{"TASKS"}},
}

// Each path answers as JSON and as text, and says so; a client that wants neither is told.
func TestAPI_formats(t *testing.T) {
	braidtest.CheckLeaks(t)
	in := start(t, inspect.Options{NoSocket: true}, inspect.Fake{})
	h := in.Handler()
	for _, c := range paths {
		r := get(h, c.path)
		if r.status != 200 || r.header.Get("Content-Type") != "application/json; charset=utf-8" || !json.Valid([]byte(r.body)) {
			t.Errorf("%s: %d %s %.200s", c.path, r.status, r.header.Get("Content-Type"), r.body)
		}
		if r.header.Get("Content-Security-Policy") == "" || r.header.Get("X-Content-Type-Options") != "nosniff" || r.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", c.path, r.header)
		}
		if r.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s lets other sites in", c.path)
		}
		r = ask(h, "GET", "/debug/tasks/"+c.path, map[string]string{"Accept": "text/plain"}, "")
		if r.status != 200 || r.header.Get("Content-Type") != "text/plain; charset=utf-8" || json.Valid([]byte(r.body)) {
			t.Errorf("%s as text: %d %s %.200s", c.path, r.status, r.header.Get("Content-Type"), r.body)
		}
		wantText(t, r.body, c.want...)
		sep := "?"
		if strings.Contains(c.path, "?") {
			sep = "&"
		}
		if again := get(h, c.path+sep+"format=text"); again.header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s with format=text is %s", c.path, again.header.Get("Content-Type"))
		}
		if r := ask(h, "GET", "/debug/tasks/"+c.path, map[string]string{"Accept": "image/png"}, ""); r.status != 406 {
			t.Errorf("%s as a picture: %d", c.path, r.status)
		}
		if r := ask(h, "HEAD", "/debug/tasks/"+c.path, nil, ""); r.status != 200 {
			t.Errorf("HEAD %s: %d", c.path, r.status)
		}
	}
	for format, kind := range map[string]string{"dot": "text/vnd.graphviz; charset=utf-8", "mermaid": "text/plain; charset=utf-8", "json": "application/json; charset=utf-8"} {
		if r := get(h, "v1/graph?format="+format); r.header.Get("Content-Type") != kind {
			t.Errorf("graph as %s: %s", format, r.header.Get("Content-Type"))
		}
	}
}

// The answers have what docs/inspector.md says, field by field where programs rely on it.
func TestAPI_answers(t *testing.T) {
	in := start(t, inspect.Options{NoSocket: true, Name: "store"}, inspect.Fake{})
	h := in.Handler()
	info := decode[inspect.Info](t, get(h, "v1/info").body)
	if info.Process.Name != "store" || info.Counts.Tasks != 4 || info.Counts.Blocked != 3 || info.Counts.Cancelling != 1 || !info.Live || info.Write ||
		info.MaxClients != inspect.MaxClients || info.IntervalUS < 500_000 || info.FreshUS < 500_000 || info.Seq == 0 || info.SnapshotSeq == 0 {
		t.Errorf("info: %+v", info)
	}
	d := decode[inspect.TaskDetail](t, get(h, "v1/tasks/4").body)
	if d.Path != "shop/audit" || d.Task.ID != 4 || d.Site.Line != 30 || d.Scope.ID != 2 || d.Wait.ID != 9 || d.Names[3] != "shop/writer" || d.Names[5] != "shop/<reader>" || d.Children == nil || d.Findings == nil {
		t.Errorf("task 4: %+v", d)
	}
	if d := decode[inspect.TaskDetail](t, get(h, "v1/tasks/3").body); len(d.Holds) != 1 || d.Holds[0].ID != 9 {
		t.Errorf("task 3: %+v", d)
	}
	if d := decode[inspect.TaskDetail](t, get(h, "v1/tasks/1").body); d.ChildrenTotal != 3 || d.Children[1].Path != "shop/audit" {
		t.Errorf("task 1: %+v", d)
	}
	if r := get(h, "v1/tasks/5").body; !strings.Contains(r, `"<reader>"`) {
		t.Errorf("names are escaped as for HTML: %s", r)
	}
	r := decode[inspect.ResourceDetail](t, get(h, "v1/resources/9").body)
	if r.Resource.ID != 9 || r.Names[3] != "shop/writer" {
		t.Errorf("resource: %+v", r)
	}
	s := decode[inspect.ScopeDetail](t, get(h, "v1/scopes/2").body)
	if s.Scope.ID != 2 || s.TasksTotal != 3 || len(s.Tasks) != 3 {
		t.Errorf("scope: %+v", s)
	}
	if f := get(h, "v1/findings").body; !strings.Contains(f, `"items":[]`) {
		t.Errorf("no findings are %s", f)
	}
}

// Lists come in pages that together are all, whatever the order in the snapshot.
func TestAPI_pages(t *testing.T) {
	in := start(t, inspect.Options{NoSocket: true}, inspect.Fake{Take: func() *inspect.Snapshot {
		s := demoShop()
		s.Resources = nil
		for i := range 250 {
			s.Resources = append(s.Resources, inspect.Resource{ID: uint64(1000 - i), Kind: "event"})
		}
		return s
	}})
	var got []uint64
	pages := 0
	for after := ""; ; pages++ {
		l := decode[inspect.List[inspect.Resource]](t, get(in.Handler(), "v1/resources?limit=100&after="+after).body)
		for _, r := range l.Items {
			got = append(got, r.ID)
		}
		if l.Total != 250 || (l.Next == "") != l.End {
			t.Fatalf("page: total %d, next %q, end %v", l.Total, l.Next, l.End)
		}
		if l.End {
			break
		}
		after = l.Next
	}
	if pages != 2 || len(got) != 250 || got[0] != 751 || got[249] != 1000 {
		t.Errorf("%d items in %d pages", len(got), pages+1)
	}
}

// What is asked wrongly gets an answer that says what is wrong with it.
func TestAPI_badRequests(t *testing.T) {
	in := start(t, inspect.Options{NoSocket: true}, inspect.Fake{})
	h := in.Handler()
	for _, c := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "v1/", 404, "there are v1/info"},
		{"GET", "v1/nothing", 404, "no such path"},
		{"GET", "v2/info", 404, ""},
		{"GET", "v1/tasks/99", 404, "no task 99"},
		{"GET", "v1/scopes/99", 404, "no scope 99"},
		{"GET", "v1/resources/99", 404, "no resource 99"},
		{"GET", "v1/tasks/0", 400, "nothing"},
		{"GET", "v1/tasks/-1", 400, `"-1"`},
		{"GET", "v1/tasks/four", 400, `"four"`},
		{"GET", "v1/tasks/18446744073709551616", 400, "no id"},
		{"GET", "v1/tree?root=99", 404, "no task or scope 99"},
		{"GET", "v1/tree?depth=-1", 400, "depth"},
		{"GET", "v1/tree?depth=deep", 400, "depth"},
		{"GET", "v1/tree?fold=yes", 400, "fold"},
		{"GET", "v1/tree?max=1000000000", 400, "max"},
		{"GET", "v1/graph?of=love", 400, "love"},
		{"GET", "v1/graph?format=png", 400, "format"},
		{"GET", "v1/info?format=dot", 400, "format"},
		{"GET", "v1/why", 400, "task=ID or shutdown=1"},
		{"GET", "v1/why?task=4&shutdown=1", 400, "task=ID or shutdown=1"},
		{"GET", "v1/why?task=99", 404, "no task 99"},
		{"GET", "v1/tasks?limit=1001", 400, "1001"},
		{"GET", "v1/tasks?limit=0x10", 400, "limit"},
		{"GET", "v1/tasks?blocked_for=soon", 400, "blocked_for"},
		{"GET", "v1/tasks?state=happy", 400, "happy"},
		{"GET", "v1/tasks?colour=red", 400, "colour"},
		{"GET", "v1/tasks?state=active&state=blocked", 400, "2 times"},
		{"GET", "v1/resources?limit=1001", 400, "limit"},
		{"GET", "v1/resources?after=x", 400, "after"},
		{"GET", "v1/info?fresh=maybe", 400, "fresh"},
		{"GET", "v1/info?x=%zz", 400, "query"},
		{"GET", "v1/info?token=secret", 400, "Authorization"},
		{"GET", "v1/events?types=point,love", 400, "love"},
		{"GET", "v1/events?since=x", 400, "since"},
		{"GET", "v1/stacks?task=99", 404, "no task 99"},
		{"GET", "v1/series?since=-2", 400, "since"},
		{"POST", "v1/info", 405, "takes GET"},
		{"DELETE", "v1/tasks/4", 405, "takes GET"},
		{"GET", "v1/tasks/4/cancel", 405, "takes POST"},
		{"POST", "index.html", 405, "only to be read"},
		{"POST", "v1/tasks/4/cancel", 403, "Options.Write"},
	} {
		r := ask(h, c.method, "/debug/tasks/"+c.path, nil, "")
		if r.status != c.status {
			t.Errorf("%s %s: %d, want %d: %.200s", c.method, c.path, r.status, c.status, r.body)
		}
		if strings.HasPrefix(c.path, "v2") {
			continue // the console's files are not part of the API
		}
		p := decode[inspect.Problem](t, r.body)
		if r.header.Get("Content-Type") != "application/problem+json" || p.Status != c.status || p.Title != http.StatusText(c.status) || p.Type != "about:blank" ||
			!strings.HasPrefix(p.Instance, "/debug/tasks/") || strings.Contains(p.Detail, "inspect: ") {
			t.Errorf("%s %s: %s", c.method, c.path, r.body)
		}
		wantText(t, p.Detail, c.want)
		if c.status == 405 && r.header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", c.method, c.path)
		}
		if strings.HasPrefix(c.path, "v1/events") {
			continue // there is no text
		}
		if r = ask(h, c.method, "/debug/tasks/"+c.path, map[string]string{"Accept": "text/plain"}, ""); !strings.HasPrefix(r.body, fmt.Sprint(c.status)) {
			t.Errorf("%s %s as text: %s", c.method, c.path, r.body)
		}
	}
	if r := ask(h, "GET", "/debug/tasks/v1/info", nil, "a body"); r.status != 400 {
		t.Errorf("GET with a body: %d", r.status)
	}
}

// The documentation names each path, and each of its parameters.
func TestAPI_documented(t *testing.T) {
	in := start(t, inspect.Options{NoSocket: true}, inspect.Fake{})
	text, err := os.ReadFile("../docs/inspector.md")
	must(t, err)
	_, doc, _ := strings.Cut(string(text), "\n## API\n")
	doc, _, _ = strings.Cut(doc, "\n## ")
	_, list, ok := strings.Cut(get(in.Handler(), "v1/none").body, "there are ")
	list, _, _ = strings.Cut(list, `"`)
	if paths := strings.Split(list, ", "); !ok || len(paths) < 15 {
		t.Fatalf("paths %q", list)
	}
	for path := range strings.SplitSeq(list, ", ") {
		if !strings.Contains(doc, path) {
			t.Errorf("docs/inspector.md does not name %s", path)
		}
		r := get(in.Handler(), strings.ReplaceAll(path, "{id}", "4")+"?none=1")
		if _, params, ok := strings.Cut(r.body, "takes "); ok && r.status == 400 {
			params, _, _ = strings.Cut(params, `"`)
			for param := range strings.SplitSeq(params, ", ") {
				if !strings.Contains(doc, param+"=") {
					t.Errorf("docs/inspector.md does not name the parameter %s of %s", param, path)
				}
			}
		} else if r.status != 405 { // of what is only sent
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
}

// Names are the program's, and may hold anything; a terminal is not to obey them, and a row stays a row.
func TestAPI_namesWithControls(t *testing.T) {
	in := start(t, inspect.Options{NoSocket: true}, inspect.Fake{Take: func() *inspect.Snapshot {
		s := demoShop()
		s.Tasks[2].Name = "a\x1b[2Jb\nc\u009bd\xff"
		s.Resources[0].Name = "r\x1b]0;x\a"
		s.Tasks[3].Cancel.Cause = "line\none\x1b[31m"
		return s
	}})
	for _, c := range paths {
		r := ask(in.Handler(), "GET", "/debug/tasks/"+c.path, map[string]string{"Accept": "text/plain"}, "")
		if i := strings.IndexFunc(r.body, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }); i >= 0 || !utf8.ValidString(r.body) {
			t.Errorf("%s: %q", c.path, r.body)
		}
	}
	if r := get(in.Handler(), "v1/tasks?format=text"); strings.Count(r.body, "\n") != 5 {
		t.Errorf("five rows are %q", r.body)
	}
	if r := get(in.Handler(), "v1/tasks"); !json.Valid([]byte(r.body)) {
		t.Errorf("%s", r.body)
	}
}

func TestAPI_console(t *testing.T) {
	in := start(t, inspect.Options{NoSocket: true}, inspect.Fake{})
	h := in.Handler()
	r := get(h, "")
	if r.status != 200 || !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") || !strings.Contains(r.body, "<html") {
		t.Errorf("the console: %d %s", r.status, r.header.Get("Content-Type"))
	}
	wantText(t, r.header.Get("Content-Security-Policy"), "default-src 'self'", "frame-ancestors 'none'")
	if r := get(h, "console.go"); r.status != 404 {
		t.Errorf("its source: %d", r.status)
	}
	if r := get(h, "../../etc/passwd"); r.status == 200 {
		t.Errorf("files of others: %s", r.body)
	}
}

// A cancel reaches the task with the client's reason, and the log.
func TestCancel(t *testing.T) {
	var log bytes.Buffer
	type call struct {
		id    uint64
		cause error
	}
	var calls []call
	in := start(t, inspect.Options{NoSocket: true, Write: true, Logger: slog.New(slog.NewTextHandler(&log, nil))}, inspect.Fake{
		Cancel: func(id uint64, cause error) bool {
			calls = append(calls, call{id, cause})
			return id == 4
		},
	})
	h := in.Handler()
	post := func(id, kind, body string) reply {
		return ask(h, "POST", "/debug/tasks/v1/tasks/"+id+"/cancel", map[string]string{"Content-Type": kind}, body)
	}
	if r := post("4", "", ""); r.status != 200 || r.body != `{"id":4,"path":"shop/audit","cancelled":true}`+"\n" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := post("4", "application/json; charset=utf-8", `{"cause":"too old"}`); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if len(calls) != 2 || calls[1].id != 4 || !errors.Is(calls[0].cause, inspect.ErrClient) || !errors.Is(calls[1].cause, inspect.ErrClient) ||
		calls[1].cause.Error() != "cancelled through the inspector: too old" {
		t.Errorf("calls: %+v", calls)
	}
	wantText(t, log.String(), "a client has cancelled a task", "id=4", "path=shop/audit", `cause="too old"`, `client="the unix socket"`)
	for _, c := range []struct {
		id, kind, body string
		status         int
	}{
		{"99", "", "", 404},
		{"x", "", "", 400},
		{"4", "text/plain", `{"cause":"x"}`, 415},
		{"4", "application/json", `{"cause":`, 400},
		{"4", "application/json", `{"cause":"x"} more`, 400},
		{"4", "application/json", `{"cause":7}`, 400},
		{"4", "application/json", `{"reason":"x"}`, 400},
		{"4", "application/json", `{"cause":"` + strings.Repeat("x", 2000) + `"}`, 400},
		{"4", "application/json", `{"cause":"` + strings.Repeat("x", 10000) + `"}`, 413},
	} {
		n := len(calls)
		if r := post(c.id, c.kind, c.body); r.status != c.status {
			t.Errorf("%s %.40s: %d, want %d: %s", c.id, c.body, r.status, c.status, r.body)
		} else if c.status != 404 && len(calls) != n {
			t.Errorf("%s %.40s was done", c.id, c.body)
		}
	}
	// A page of another site cannot do it, whoever mounts the handler.
	for _, header := range []map[string]string{
		{"Origin": "https://evil.example"},
		{"Sec-Fetch-Site": "cross-site"},
	} {
		n := len(calls)
		r := ask(h, "POST", "/debug/tasks/v1/tasks/4/cancel", header, "")
		if r.status != 403 || len(calls) != n {
			t.Errorf("%v: %d", header, r.status)
		}
		if p := decode[inspect.Problem](t, r.body); p.Status != 403 {
			t.Errorf("%v: %s", header, r.body)
		}
	}
}

// A log that is wedged, or panics, keeps no client from its answer, and takes nobody's place.
func TestCancel_wedgedLog(t *testing.T) {
	release := make(chan struct{})
	inBubbleWith(t, inspect.Options{Write: true, Logger: slog.New(wedgedLog{release: func() { <-release }})}, inspect.Fake{Cancel: func(uint64, error) bool { return true }},
		func(t *testing.T, in *inspect.Inspector, _ *pipes) {
			release = make(chan struct{})
			for range inspect.MaxRequests + 1 {
				begun := time.Now()
				r := ask(in.Handler(), "POST", "/debug/tasks/v1/tasks/4/cancel", nil, "")
				if took := time.Since(begun); r.status != 200 || took > time.Second {
					t.Errorf("%d %s after %v", r.status, r.body, took)
				}
			}
			close(release)
		})
	in := start(t, inspect.Options{NoSocket: true, Write: true, Logger: slog.New(wedgedLog{release: func() { panic("log") }})},
		inspect.Fake{Cancel: func(uint64, error) bool { return true }})
	if r := ask(in.Handler(), "POST", "/debug/tasks/v1/tasks/4/cancel", nil, ""); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

type wedgedLog struct {
	slog.Handler

	release func()
}

func (wedgedLog) Enabled(context.Context, slog.Level) bool { return true }

func (w wedgedLog) Handle(context.Context, slog.Record) error {
	w.release()
	return nil
}

// Without Write nothing is cancelled, by whatever way it is asked for.
func TestCancel_readOnly(t *testing.T) {
	in := start(t, inspect.Options{}, inspect.Fake{Cancel: func(uint64, error) bool {
		t.Error("cancelled")
		return true
	}})
	c := dial(t, in.Socket())
	var p *inspect.Problem
	if err := c.Cancel(background, 4, "why not"); !errors.As(err, &p) || p.Status != 403 {
		t.Errorf("error %v", err)
	}
}

// What the program's own functions do wrong is told to who asks, and harms nobody.
func TestAPI_panics(t *testing.T) {
	var bad atomic.Bool
	take := takeShop()
	in := start(t, inspect.Options{NoSocket: true, Logger: slog.New(slog.DiscardHandler), Interval: 1, Redact: func(s string) string {
		if bad.Load() {
			panic("redact")
		}
		return s
	}}, inspect.Fake{Take: take})
	h := in.Handler()
	must(t, in.Look(background, 1))
	bad.Store(true)
	for range 3 {
		if r := get(h, "v1/info?fresh=1"); r.status != 500 || !strings.Contains(r.body, "panicked") {
			t.Errorf("%d %.300s", r.status, r.body)
		}
	}
	bad.Store(false)
	if r := get(h, "v1/info?fresh=1"); r.status != 200 {
		t.Errorf("after that: %d %.300s", r.status, r.body)
	}
	must(t, in.Look(background, 1))
}

func TestRedact(t *testing.T) {
	in := start(t, inspect.Options{NoSocket: true, Redact: func(s string) string {
		if slices.Contains([]string{"audit", "secret reason", "db"}, s) {
			return "***"
		}
		return s
	}}, inspect.Fake{})
	for _, c := range paths {
		if strings.HasPrefix(c.path, "v1/stacks") {
			continue
		}
		for _, format := range []string{"json", "text"} {
			sep := "?"
			if strings.Contains(c.path, "?") {
				sep = "&"
			}
			body := get(in.Handler(), c.path+sep+"format="+format).body
			for _, secret := range []string{"secret reason", "/audit\"", "shop/audit", "semaphore db", `"db"`} {
				if strings.Contains(body, secret) {
					t.Errorf("%s has %q: %.500s", c.path, secret, body)
				}
			}
		}
	}
	if body := get(in.Handler(), "v1/snapshot.ndjson").body; strings.Contains(body, "secret") || strings.Contains(body, `"audit"`) {
		t.Errorf("the snapshot: %s", body)
	}
}

// After Close, and when it is switched off, the handler says so.
func TestHandler_closed(t *testing.T) {
	in := start(t, inspect.Options{NoSocket: true}, inspect.Fake{})
	must(t, in.Close())
	must(t, in.Close())
	if r := get(in.Handler(), "v1/info"); r.status != 503 || !strings.Contains(r.body, "closed") || r.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", r.status, r.body)
	}
	off := start(t, inspect.Options{TCP: "127.0.0.1:0"}, inspect.Fake{Env: map[string]string{"BRAID_INSPECT": "off"}, Take: func() *inspect.Snapshot {
		t.Error("it looks")
		return demoShop()
	}})
	if r := get(off.Handler(), "v1/info"); r.status != 503 || !strings.Contains(r.body, "BRAID_INSPECT=off") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if off.Socket() != "" || off.URL() != "" || off.Findings() != nil || !json.Valid([]byte(off.Vars().String())) {
		t.Errorf("%q %q", off.Socket(), off.URL())
	}
	must(t, off.Close())
}

func TestServe_badOptions(t *testing.T) {
	done, cancel := context.WithCancelCause(background)
	cancel(errors.New("over"))
	for _, c := range []struct {
		name string
		ctx  context.Context
		o    inspect.Options
		env  string
		want string
	}{
		{"mode", background, inspect.Options{}, "on", `"off" or "connect:"`},
		{"no path", background, inspect.Options{}, "connect:", "lacks the path"},
		{"done", done, inspect.Options{}, "", "over"},
		{"rules", background, inspect.Options{Rules: inspect.Rules{Allow: []string{"no such code"}}}, "", "no such code"},
		{"no port", background, inspect.Options{TCP: "127.0.0.1"}, "", "with a port"},
		{"all addresses", background, inspect.Options{TCP: ":0"}, "", "Options.Hosts"},
		{"another address", background, inspect.Options{TCP: "0.0.0.0:0"}, "", "other machines"},
		{"a name", background, inspect.Options{TCP: "example.com:0"}, "", "Options.Hosts"},
		{"a host with a port", background, inspect.Options{TCP: "127.0.0.1:0", Hosts: []string{"a:1"}}, "", "without a port"},
		{"an empty host", background, inspect.Options{TCP: "127.0.0.1:0", Hosts: []string{""}}, "", "without a port"},
		{"no directory", background, inspect.Options{Dir: "/nonexistent/braid"}, "", "runtime directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			braidtest.CheckLeaks(t)
			dir := shortDir(t)
			if c.o.Dir == "" {
				c.o.Dir = dir
			}
			_, err := inspect.ServeFake(c.ctx, c.o, inspect.Fake{Take: takeShop(), Env: map[string]string{"BRAID_INSPECT": c.env}})
			wantError(t, err, c.want)
			if left := files(t, dir); left != "" {
				t.Errorf("files are left: %s", left)
			}
		})
	}
}
