package template_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/template"
	"github.com/braid-go/braid/template/tasklog"
)

// served is a service in this process, where a task can be put into it.
type served struct {
	url  string
	stop *braid.Event
	db   string
	log  *logBuffer
	end  func() error // waits for Serve and returns its error

	service *template.Service
}

// serve starts the service with one more background task and returns when it
// serves.
func serve(ctx context.Context, t *testing.T, grace time.Duration, name string, run func(context.Context) error) *served {
	t.Helper()
	s := &served{stop: new(braid.Event), db: filepath.Join(t.TempDir(), "test.db"), log: new(logBuffer)}
	log := slog.New(tasklog.New(slog.NewTextHandler(s.log, nil)))
	cfg := template.Config{HTTP: "127.0.0.1:0", DB: s.db, Grace: grace, Heartbeat: time.Hour}
	urls, result := make(chan string, 1), make(chan error, 1)
	s.service = template.NewService(s.stop, cfg, log, func(at template.Places) { urls <- at.URL }, name, run)
	go func() { result <- template.ServeService(ctx, s.service) }()
	s.end = sync.OnceValue(func() error { return <-result })
	select {
	case s.url = <-urls:
	case err := <-result:
		t.Fatal("it never served:", err)
	}
	return s
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// wantClosed checks that the database was closed in order: SQLite removes its
// log then.
func (s *served) wantClosed(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(s.db + "-wal"); !os.IsNotExist(err) {
		t.Errorf("the database was not closed: %v", err)
	}
}

// wantNoneLeft checks that no goroutine of the service is left. Those of other
// tests and of closed database pools may take a moment.
func wantNoneLeft(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	buf := make([]byte, 1<<20)
	for {
		left := ""
		for i, stack := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if i > 0 && !strings.Contains(stack, "TestMain") && (strings.Contains(stack, "braid-go/braid") || strings.Contains(stack, "database/sql")) {
				left = stack
			}
		}
		if left == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("a goroutine is left:\n", left)
		}
		runtime.Gosched()
	}
}

func idle(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestServe(t *testing.T) {
	s := serve(t.Context(), t, time.Hour, "idle", idle)
	resp, err := http.Get(s.url + "/Ada")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || string(body) != "Hello, Ada\n" {
		t.Errorf("%q, %v", body, err)
	}
	s.stop.Set()
	if err := s.end(); err != nil {
		t.Error(err)
	}
	s.wantClosed(t)
	wantNoneLeft(t)
	for line := range strings.Lines(s.log.String()) {
		if !strings.Contains(line, "task=") || strings.Contains(line, "task=-") {
			t.Error("a line without a task:", line)
		}
	}
}

// What net/http would answer by itself, or take without a limit.
func TestRequestsOutOfTheOrdinary(t *testing.T) {
	s := serve(t.Context(), t, time.Hour, "idle", idle)
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"options of everything": {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", http.StatusNotFound},
		"a header of 100 kB":    {"GET /Ada HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 100_000) + "\r\n\r\n", http.StatusRequestHeaderFieldsTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, c.request); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != c.status {
				t.Errorf("status %s, want %d", resp.Status, c.status)
			}
		})
	}
	s.stop.Set()
	if err := s.end(); err != nil {
		t.Error(err)
	}
}

// A background task that fails ends the service as a signal does, and the error
// says which one it was.
func TestBackgroundFails(t *testing.T) {
	broken := errors.New("the clock has stopped")
	fail := make(chan struct{})
	s := serve(t.Context(), t, time.Hour, "clock", func(context.Context) error {
		<-fail
		return broken
	})
	close(fail)
	err := s.end()
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if got, want := template.Explain(err), "task main/service/clock: the clock has stopped"; got != want {
		t.Errorf("it is explained as\n%s\nwant\n%s", got, want)
	}
	s.wantClosed(t)
}

func TestBackgroundPanics(t *testing.T) {
	s := serve(t.Context(), t, time.Hour, "clock", func(context.Context) error { panic("the clock has exploded") })
	err := s.end()
	if p, ok := errors.AsType[*braid.PanicError](err); !ok || p.Task != "main/service/clock" {
		t.Errorf("got %v", err)
	}
	if got, want := template.Explain(err), "task main/service/clock panicked: the clock has exploded"; got != want {
		t.Errorf("it is explained as\n%s\nwant\n%s", got, want)
	}
	for _, want := range []string{"level=ERROR", "task=main/service/clock", "exploded", "TestBackgroundPanics"} {
		if !strings.Contains(s.log.String(), want) {
			t.Errorf("the log has no %q:\n%s", want, s.log)
		}
	}
	s.wantClosed(t)
}

// A task that ignores its ctx is listed when the grace is over, and Serve
// returns without it.
func TestBackgroundIsStuck(t *testing.T) {
	leave := make(chan struct{})
	s := serve(t.Context(), t, 10*time.Millisecond, "mule", func(context.Context) error {
		<-leave
		return nil
	})
	s.stop.Set()
	err := s.end()
	close(leave)
	stuck, ok := errors.AsType[*braid.StuckError](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	if len(stuck.Tasks) != 1 || stuck.Tasks[0].Path != "main/service/mule" || stuck.Tasks[0].Age <= 0 {
		t.Errorf("stuck: %+v", stuck.Tasks)
	}
	want := "gave up; this was still running:\n  main/service/mule, "
	if got := template.Explain(err); !strings.HasPrefix(got, want) {
		t.Errorf("it is explained as\n%s\nwant\n%s...", got, want)
	}
}

// Where there is no inspector, nobody is told to use it.
func TestSee_without(t *testing.T) {
	if got := template.See(template.Places{Socket: "/run/x.sock"}); !strings.Contains(got, "braid tree") || strings.Contains(got, "console") {
		t.Errorf("without a console: %q", got)
	}
	if got := template.See(template.Places{}); strings.Contains(got, "braid tree") {
		t.Errorf("without an inspector: %q", got)
	}
}

// Tasks of one path that wait in one place are one line, with the age of the oldest. Those that only wait for others are left out.
func TestExplain_manyAreStuck(t *testing.T) {
	stuck := &braid.StuckError{Group: "main/service", Grace: time.Second}
	stuck.Tasks = append(stuck.Tasks, braid.StuckTask{Path: "main/service/leak", Age: time.Minute, Waiting: "run.Join"})
	for i := range 3 {
		stuck.Tasks = append(stuck.Tasks, braid.StuckTask{Path: "main/service/leak/order", Age: time.Duration(i+1) * time.Second, Waiting: "queue.Put orders"})
	}
	stuck.Tasks = append(stuck.Tasks, braid.StuckTask{Path: "main/service/leak/order", Age: time.Second})
	want := `gave up; this was still running:
  main/service/leak/order ×3, up to 3s old, waits in queue.Put orders
  main/service/leak/order, 1s old, is busy, or blocked outside braid`
	if got := template.Explain(stuck); got != want {
		t.Errorf("it is explained as\n%s\nwant\n%s", got, want)
	}
}

// What failed is told beside who is stuck because of it.
func TestBackgroundFailsAndRequestIsStuck(t *testing.T) {
	fail := make(chan struct{})
	s := serve(t.Context(), t, 10*time.Millisecond, "clock", func(context.Context) error {
		<-fail
		return errors.New("the clock has stopped")
	})
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		if resp, err := http.Get(s.url + "/delay/3600000"); err == nil {
			_ = resp.Body.Close()
		}
	}()
	for template.Requests(s.service) == 0 {
		runtime.Gosched()
	}
	close(fail)
	got := template.Explain(s.end())
	<-answered
	for _, want := range []string{"task main/service/clock: the clock has stopped\n", "main/service/http/GET /delay/{ms}, "} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// Under a ctx that is done nothing is started, and that is no success.
func TestGoneBefore(t *testing.T) {
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	for range 50 {
		cfg := template.Config{HTTP: "127.0.0.1:0", DB: filepath.Join(t.TempDir(), "test.db"), Grace: time.Hour, Heartbeat: time.Hour}
		err := template.Serve(ctx, cfg, slog.New(slog.DiscardHandler), func(template.Places) { t.Error("it serves") })
		if !errors.Is(err, gone) {
			t.Fatalf("got %v", err)
		}
	}
}

// The end of ctx is the order to give up: no grace.
func TestGiveUp(t *testing.T) {
	leave := make(chan struct{})
	defer close(leave)
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(ctx, t, time.Hour, "mule", func(context.Context) error {
		<-leave
		return nil
	})
	cancel()
	err := s.end()
	stuck, ok := errors.AsType[*braid.StuckError](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	found := false
	for _, task := range stuck.Tasks {
		found = found || task.Path == "main/service/mule"
	}
	if !found {
		t.Errorf("stuck: %+v", stuck.Tasks)
	}
}
