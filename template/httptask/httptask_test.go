package httptask_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/template/httptask"
	"github.com/braid-go/braid/template/problem"
	"github.com/braid-go/braid/template/tasklog"
)

// scope is a group for the length of a test.
type scope struct {
	*braid.Group

	end func() error // lets Run return, and gives what it returned
}

func newScope(t testing.TB) *scope {
	t.Helper()
	made, over, result := make(chan *braid.Group), make(chan struct{}), make(chan error, 1)
	go func() {
		result <- braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
			made <- g
			<-over
			return nil
		}, braid.Name("test"))
	}()
	s := &scope{Group: <-made}
	s.end = sync.OnceValue(func() error {
		close(over)
		return <-result
	})
	t.Cleanup(func() {
		if err := s.end(); err != nil {
			t.Error("the group failed:", err)
		}
	})
	return s
}

// finished is what Options.Done was called with.
type finished struct {
	path   string
	status int
	took   time.Duration
}

// serve runs h as a task "route" of g behind a real socket.
func serve(t *testing.T, g *braid.Group, h http.HandlerFunc) (url string, done <-chan finished, log *lockedBuffer) {
	t.Helper()
	log = &lockedBuffer{}
	ended := make(chan finished, 100)
	tasks := httptask.New(g, httptask.Options{
		Log: slog.New(tasklog.New(slog.NewTextHandler(log, nil))),
		Done: func(ctx context.Context, _ *http.Request, status int, took time.Duration) {
			f := finished{status: status, took: took}
			if h := braid.Current(ctx); h != nil {
				f.path = h.Path()
			}
			ended <- f
		},
	})
	srv := httptest.NewServer(tasks.Handler("route", h))
	t.Cleanup(srv.Close)
	return srv.URL, ended, log
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func wantProblem(t *testing.T, resp *http.Response, body string, status int) {
	t.Helper()
	var p problem.Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Errorf("body %q: %v", body, err)
	}
	if resp.StatusCode != status || p.Status != status || resp.Header.Get("Content-Type") != problem.ContentType {
		t.Errorf("status %d, %s, body %s, want a problem with status %d", resp.StatusCode, resp.Header.Get("Content-Type"), body, status)
	}
}

func TestRequestIsATask(t *testing.T) {
	g := newScope(t)
	url, done, _ := serve(t, g.Group, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, braid.Current(r.Context()).Path())
		if n := g.Statistics().Running; n != 1 {
			t.Errorf("%d tasks run, want 1", n)
		}
	})
	if resp, body := get(t, url); resp.StatusCode != 200 || body != "test/route" {
		t.Errorf("status %d, body %q", resp.StatusCode, body)
	}
	if f := <-done; f.path != "test/route" || f.status != 200 || f.took <= 0 {
		t.Errorf("Done heard %+v", f)
	}
	if n := g.Statistics().Running; n != 0 {
		t.Errorf("%d tasks run afterwards, want 0", n)
	}
}

// A child of the request's task is joined before the request ends.
func TestScopeInsideARequest(t *testing.T) {
	g := newScope(t)
	url, _, _ := serve(t, g.Group, func(w http.ResponseWriter, r *http.Request) {
		paths, err := braid.Gather(r.Context(), func(ctx context.Context) (string, error) {
			return braid.Current(ctx).Path(), nil
		})
		if err != nil || !strings.HasPrefix(paths[0], "test/route/") {
			t.Errorf("child %q, %v", paths, err)
		}
	})
	get(t, url)
}

func TestClientGoesAway(t *testing.T) {
	g := newScope(t)
	entered := make(chan struct{})
	url, done, _ := serve(t, g.Group, func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		if err := braid.Sleep(r.Context(), time.Hour); !errors.Is(err, context.Canceled) {
			t.Errorf("Sleep: %v", err)
		}
	})
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-entered
		leave()
	}()
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
		t.Error("the client got an answer")
	}
	<-done
	if n := g.Statistics().Running; n != 0 {
		t.Errorf("%d tasks run, want 0", n)
	}
}

func TestGroupIsCancelled(t *testing.T) {
	g := newScope(t)
	cause := errors.New("the house is on fire")
	entered := make(chan struct{})
	url, _, _ := serve(t, g.Group, func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		_ = braid.Sleep(r.Context(), time.Hour)
		io.WriteString(w, context.Cause(r.Context()).Error())
	})
	go func() {
		<-entered
		g.Cancel(cause)
	}()
	if _, body := get(t, url); body != cause.Error() {
		t.Errorf("the handler saw %q, want %q", body, cause)
	}
	resp, body := get(t, url) // the handler would close entered again, which panics
	wantProblem(t, resp, body, http.StatusServiceUnavailable)
}

func TestGroupHasEnded(t *testing.T) {
	g := newScope(t)
	url, done, _ := serve(t, g.Group, func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })
	if err := g.end(); err != nil {
		t.Fatal(err)
	}
	resp, body := get(t, url)
	wantProblem(t, resp, body, http.StatusServiceUnavailable)
	if resp.Header.Get("Retry-After") == "" || !resp.Close {
		t.Errorf("headers %v, want Retry-After and Connection: close", resp.Header)
	}
	if f := <-done; f.path != "" || f.status != http.StatusServiceUnavailable {
		t.Errorf("Done heard %+v", f)
	}
}

// The group's Run waits for a request as for any other task.
func TestRunWaitsForRequests(t *testing.T) {
	g := newScope(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	url, _, _ := serve(t, g.Group, func(http.ResponseWriter, *http.Request) {
		close(entered)
		<-leave
	})
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		get(t, url)
	}()
	<-entered
	ended := make(chan error, 1)
	go func() { ended <- g.end() }()
	for range 100 {
		if err := braid.Yield(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-ended:
		t.Error("Run returned while a request ran")
	default:
	}
	close(leave)
	<-answered
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestPanic(t *testing.T) {
	g := newScope(t)
	url, done, log := serve(t, g.Group, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/well" {
			return
		}
		w.Header().Set("Content-Type", "text/html")
		panic("a very bad day")
	})
	resp, body := get(t, url)
	wantProblem(t, resp, body, http.StatusInternalServerError)
	if f := <-done; f.path != "test/route" || f.status != http.StatusInternalServerError {
		t.Errorf("Done heard %+v", f)
	}
	for _, want := range []string{"task=test/route", "a very bad day", "stack=", "TestPanic"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %q: %s", want, log)
		}
	}
	if strings.Contains(body, "bad day") {
		t.Error("the client was told the panic's value:", body)
	}
	if resp, _ := get(t, url+"/well"); resp.StatusCode != 200 {
		t.Error("after the panic:", resp.Status)
	}
}

// The log names the task that panicked, which may be one inside the request.
func TestPanicInAChild(t *testing.T) {
	g := newScope(t)
	url, _, log := serve(t, g.Group, func(_ http.ResponseWriter, r *http.Request) {
		_ = braid.Run(r.Context(), func(_ context.Context, g *braid.Group) error {
			g.Go(func(context.Context) error { panic("a very bad day") }, braid.Name("child"))
			return nil
		}, braid.PanicHook(func(*braid.PanicError) {}))
	})
	resp, body := get(t, url)
	wantProblem(t, resp, body, http.StatusInternalServerError)
	for _, want := range []string{"task=test/route/child", "TestPanicInAChild"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %q: %s", want, log)
		}
	}
}

// A client must not take the half of an answer for the whole.
func TestPanicAfterWrite(t *testing.T) {
	g := newScope(t)
	url, done, log := serve(t, g.Group, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "the first half")
		http.NewResponseController(w).Flush()
		panic("a very bad day")
	})
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("the client read %q and no error", body)
	}
	if f := <-done; f.status != 200 {
		t.Errorf("Done heard %+v", f)
	}
	if !strings.Contains(log.String(), "a very bad day") {
		t.Error("not logged:", log)
	}
}

func TestErrAbortHandler(t *testing.T) {
	g := newScope(t)
	url, done, log := serve(t, g.Group, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if resp, err := http.Get(url); err == nil {
		resp.Body.Close()
		t.Error("the client got an answer:", resp.Status)
	}
	if f := <-done; f.status != 0 {
		t.Errorf("Done heard %+v", f)
	}
	if log.String() != "" {
		t.Error("logged:", log)
	}
}

// What net/http's writer can do besides writing is still there, for
// ResponseController and for code that asserts the older interfaces.
func TestResponseWriter(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file.txt")
	if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		h      http.HandlerFunc
		status int
		body   string
	}{
		"nothing":      {func(http.ResponseWriter, *http.Request) {}, 200, ""},
		"write string": {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }, 200, "ok"},
		"write bytes":  {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok")) }, 200, "ok"},
		"status": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			io.WriteString(w, "ok")
		}, http.StatusTeapot, "ok"},
		"information first": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusAccepted)
		}, http.StatusAccepted, ""},
		"file": {func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) }, 200, "from a file"},
		"flusher": {func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			io.WriteString(w, "ok")
		}, 200, "ok"},
		"deadline": {func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Hour)); err != nil {
				w.WriteHeader(500)
			}
		}, 200, ""},
		"hijacker": {func(w http.ResponseWriter, _ *http.Request) {
			conn, rw, err := w.(http.Hijacker).Hijack()
			if err != nil {
				w.WriteHeader(500)
				return
			}
			defer conn.Close()
			rw.WriteString("HTTP/1.1 204 No Content\r\n\r\n")
			rw.Flush()
		}, http.StatusSwitchingProtocols, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := newScope(t)
			url, done, _ := serve(t, g.Group, c.h)
			resp, body := get(t, url)
			if want := c.status; name != "hijacker" && resp.StatusCode != want || body != c.body {
				t.Errorf("status %d, body %q, want %d, %q", resp.StatusCode, body, want, c.body)
			}
			if f := <-done; f.status != c.status {
				t.Errorf("Done heard %+v, want status %d", f, c.status)
			}
		})
	}
}

// Two requests on one connection, the second sent before the first was
// answered: each is a task of its own.
func TestPipelined(t *testing.T) {
	g := newScope(t)
	url, _, _ := serve(t, g.Group, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) })
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET /one HTTP/1.1\r\nHost: x\r\n\r\nGET /two HTTP/1.1\r\nHost: x\r\n\r\n")
	in := bufio.NewReader(conn)
	for _, want := range []string{"/one", "/two"} {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || string(body) != want {
			t.Errorf("%q, %v, want %q", body, err, want)
		}
	}
}
