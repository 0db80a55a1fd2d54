package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/template/problem"
	"github.com/braid-go/braid/template/sqlite"
	"github.com/braid-go/braid/template/tasklog"
	"github.com/braid-go/braid/template/user"
	"github.com/braid-go/braid/template/web"
)

// site is the routes behind a real socket, over a real database.
type site struct {
	t     *testing.T
	url   string
	group *braid.Group
	parts web.Parts
	lines <-chan string // of the log
}

// start runs a site for the length of the test. Each change may replace parts.
func start(t *testing.T, changes ...func(*web.Parts)) *site {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	lines := make(lineWriter, 1000)
	s := &site{t: t, lines: lines, parts: web.Parts{
		Users: db, Ping: db.Ping, Stopping: new(braid.Event),
		Log: slog.New(tasklog.New(slog.NewTextHandler(lines, nil))),
	}}
	for _, change := range changes {
		change(&s.parts)
	}
	made, over, ended := make(chan *braid.Group), make(chan struct{}), make(chan error)
	go func() {
		ended <- braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
			made <- g
			<-over
			return nil
		}, braid.Name("test"))
	}()
	s.group = <-made
	srv := httptest.NewServer(web.New(s.group, s.group, s.parts))
	s.url = srv.URL
	t.Cleanup(func() {
		srv.Close()
		close(over)
		if err := <-ended; err != nil {
			t.Error("the requests' group failed:", err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// lineWriter is a log's output; each write is one line.
type lineWriter chan string

func (w lineWriter) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}

// logged returns the next line of the log that contains want.
func (s *site) logged(want string) string {
	s.t.Helper()
	late := time.After(10 * time.Second)
	for {
		select {
		case line := <-s.lines:
			if strings.Contains(line, want) {
				return line
			}
		case <-late:
			s.t.Fatalf("the log never said %q", want)
		}
	}
}

// answer is a response that has been read.
type answer struct {
	*http.Response

	body []byte
}

// do sends a request. header is "Key: value" lines.
func (s *site) do(method, path, body string, header ...string) answer {
	s.t.Helper()
	return s.send(s.t.Context(), method, path, strings.NewReader(body), header...)
}

func (s *site) send(ctx context.Context, method, path string, body io.Reader, header ...string) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range header {
		key, value, _ := strings.Cut(h, ": ")
		req.Header.Set(key, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp, b}
}

const asJSON = "Content-Type: application/json"

// want checks the status and decodes the body into v, unless v is nil.
func (s *site) want(a answer, status int, v any) {
	s.t.Helper()
	if a.StatusCode != status {
		s.t.Errorf("%s %s: status %d, want %d; body %s", a.Request.Method, a.Request.URL, a.StatusCode, status, a.body)
		return
	}
	if v == nil {
		return
	}
	if got := a.Header.Get("Content-Type"); got != "application/json" {
		s.t.Errorf("Content-Type %q", got)
	}
	dec := json.NewDecoder(bytes.NewReader(a.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		s.t.Errorf("body %s: %v", a.body, err)
	}
}

// wantProblem checks that the answer is a problem document through and through.
func (s *site) wantProblem(a answer, status int, detail string) {
	s.t.Helper()
	var p problem.Problem
	if err := json.Unmarshal(a.body, &p); err != nil {
		s.t.Errorf("body %q: %v", a.body, err)
		return
	}
	if a.StatusCode != status || p.Status != status || a.Header.Get("Content-Type") != problem.ContentType || p.Title == "" {
		s.t.Errorf("%s %s: status %d, want %d as a problem; %s, %s",
			a.Request.Method, a.Request.URL, a.StatusCode, status, a.Header.Get("Content-Type"), a.body)
	}
	if !strings.Contains(p.Detail, detail) {
		s.t.Errorf("detail %q, want %q in it", p.Detail, detail)
	}
}

func (s *site) create(email string) user.User {
	s.t.Helper()
	var u user.User
	a := s.do("POST", "/users", `{"name": "Somebody", "email": "`+email+`"}`, asJSON)
	s.want(a, http.StatusCreated, &u)
	return u
}
