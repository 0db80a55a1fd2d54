package inspect_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid/inspect"
)

var background = context.Background()

// taken is when the snapshots of these tests are taken.
var taken = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// demoShop is a snapshot of a small program: a writer holds what two others wait for, and one was asked to end.
func demoShop() *inspect.Snapshot { return demoShopAt(taken) }

func demoShopAt(taken time.Time) *inspect.Snapshot {
	past := func(d time.Duration) *time.Time {
		t := taken.Add(-d)
		return &t
	}
	return &inspect.Snapshot{
		Process: inspect.Process{FormatVersion: inspect.FormatVersion, Instance: "0123", PID: 4711, Name: "shop", Started: taken.Add(-time.Hour), Go: "go1.26"},
		Seq:     7, Taken: taken, TookUS: 12, CoarseUS: 1000,
		Sites: []inspect.Site{{ID: 1, Func: "example.com/shop.audit", File: "/src/audit.go", Line: 30}, {ID: 2, Func: "main.main", File: "/src/main.go", Line: 1}},
		Scopes: []inspect.Scope{
			{ID: 2, Parent: 1, Owner: 1, Kind: inspect.ScopeGroup, Live: 4, Body: true},
		},
		Tasks: []inspect.Task{
			{ID: 1, Name: "shop", Site: 2, State: inspect.StateActive, Started: past(time.Hour), Seq: 1},
			{
				ID: 3, Parent: 2, Owner: 1, Name: "writer", Site: 2, State: inspect.StateBlocked, Started: past(time.Minute), Seq: 2,
				Wait:  &inspect.Wait{Op: "sleep", Timed: true, Since: past(3 * time.Second)},
				Holds: []inspect.Hold{{Resource: 9, Amount: 1}},
			},
			{
				ID: 4, Parent: 2, Owner: 1, Name: "audit", Site: 1, State: inspect.StateBlocked, Started: past(time.Minute), Seq: 3,
				Wait: &inspect.Wait{Op: "semaphore.Acquire", Resource: 9, Target: "db", Amount: 1, Pos: 1, Since: past(2 * time.Second)},
			},
			{
				ID: 5, Parent: 2, Owner: 1, Name: "<reader>", Site: 1, State: inspect.StateBlocked, Started: past(time.Minute), Seq: 4,
				Wait:   &inspect.Wait{Op: "semaphore.Acquire", Resource: 9, Target: "db", Amount: 1, Pos: 2, Since: past(time.Second)},
				Cancel: &inspect.Cancel{Cause: "secret reason", Kind: "call", At: past(time.Second)},
			},
		},
		Resources: []inspect.Resource{{
			ID: 9, Kind: "semaphore", Name: "db", Capacity: 1, InUse: 1, Holders: []inspect.Hold{{Task: 3, Amount: 1}},
			Waiters: []inspect.Waiter{{Task: 4, Op: "semaphore.Acquire", Amount: 1}, {Task: 5, Op: "semaphore.Acquire", Amount: 1}}, Waiting: 2,
		}},
	}
}

// takeShop returns a function that takes a new snapshot of the shop each time.
func takeShop() func() *inspect.Snapshot {
	var seq atomic.Uint64
	return func() *inspect.Snapshot {
		s := demoShopAt(time.Now()) // nobody waits for so long that it would be a finding
		s.Seq = seq.Add(1)
		return s
	}
}

// shortDir is a directory whose path is short enough for sockets, and that is this user's alone.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "braid") //nolint:usetesting // t.TempDir has a mode and a length that are not good for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// start serves what f shows in a directory of its own, until the test ends.
func start(t testing.TB, o inspect.Options, f inspect.Fake) *inspect.Inspector {
	t.Helper()
	if f.Take == nil {
		f.Take = takeShop()
	}
	if o.Dir == "" && (!o.NoSocket || o.TCP != "") {
		o.Dir = shortDir(t)
	}
	if o.Rules.Wait == 0 { // the waits of the shop are as old as this file
		o.Rules.Wait, o.Rules.Ignore, o.Rules.Hold = -1, -1, -1
	}
	in, err := inspect.ServeFake(background, o, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	return in
}

// dial connects to target until the test ends.
func dial(t testing.TB, target string) *inspect.Client {
	t.Helper()
	c, err := inspect.Dial(background, target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// reply is an answer that has been read.
type reply struct {
	status int
	header http.Header
	body   string
}

// ask sends a request to a handler, as a server would.
func ask(h http.Handler, method, path string, header map[string]string, body string) reply {
	var send io.Reader
	if body != "" {
		send = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(background, method, "http://127.0.0.1"+path, send)
	if err != nil {
		panic(err)
	}
	for k, v := range header {
		if k == "Host" {
			r.Host = v
			continue
		}
		r.Header.Set(k, v)
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := &recorder{header: make(http.Header)}
	h.ServeHTTP(w, r)
	return reply{max(w.status, 200), w.header, w.body.String()}
}

type recorder struct {
	header http.Header
	status int
	body   strings.Builder
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *recorder) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

func get(h http.Handler, path string) reply {
	return ask(h, http.MethodGet, "/debug/tasks/"+path, nil, "")
}

// decode reads JSON.
func decode[T any](t testing.TB, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %.300s", err, text)
	}
	return v
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantText fails unless all parts are in text.
func wantText(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is not in:\n%.2000s", p, text)
		}
	}
}

// wantError fails unless err has all parts in its text.
func wantError(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	wantText(t, err.Error(), parts...)
}

// connect opens a connection to a socket.
func connect(t testing.TB, path string) net.Conn {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

func write(t testing.TB, path, text string) string {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func files(t testing.TB, dir string) string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"))
	must(t, err)
	for i := range list {
		list[i] = filepath.Base(list[i])
	}
	return strings.Join(list, " ")
}

// pass lets time pass in a bubble.
func pass(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // it takes no time
