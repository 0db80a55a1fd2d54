package session_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid/resilience"
	"github.com/braid-go/braid/session"
)

// flaky serves data by ranges, and breaks off after so many bytes each time.
type flaky struct {
	data    string
	tag     string
	piece   int
	ranges  []string
	changes bool // the data is another one with each request
	ignores bool // ranges
}

func (f *flaky) handle(w http.ResponseWriter, r *http.Request) {
	f.ranges = append(f.ranges, r.Header.Get("Range"))
	if f.changes {
		f.tag = fmt.Sprintf(`"%d"`, len(f.ranges))
	}
	if f.tag != "" {
		w.Header().Set("ETag", f.tag)
	}
	from := 0
	if rng := r.Header.Get("Range"); rng != "" && r.Header.Get("If-Range") == f.tag && !f.ignores {
		_, _ = fmt.Sscanf(rng, "bytes=%d-", &from)
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(f.data)-1, len(f.data)))
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(f.data)-from))
	if from > 0 {
		w.WriteHeader(http.StatusPartialContent)
	}
	_, _ = io.WriteString(w, f.data[from:min(from+f.piece, len(f.data))])
}

var pages = strings.Repeat("0123456789", 10_000)

// A download that breaks off goes on from where it was, if that is safe.
func TestDownload_resumes(t *testing.T) {
	for _, c := range []struct {
		name  string
		f     flaky
		retry *resilience.Retry
		want  error
		parts int
	}{
		{"in one piece", flaky{tag: `"1"`, piece: 1 << 30}, nil, nil, 1},
		{"in three", flaky{tag: `"1"`, piece: 40_000}, patient(time.Second), nil, 3},
		{"in too many", flaky{tag: `"1"`, piece: 10_000}, patient(time.Second), resilience.ErrAttemptsSpent, 3},
		{"without a retry", flaky{tag: `"1"`, piece: 40_000}, nil, io.ErrUnexpectedEOF, 1},
		{"without a tag", flaky{piece: 40_000}, patient(time.Second), io.ErrUnexpectedEOF, 1},
		{"with a weak tag", flaky{tag: `W/"1"`, piece: 40_000}, patient(time.Second), io.ErrUnexpectedEOF, 1},
		{"changed", flaky{changes: true, piece: 40_000}, patient(time.Second), session.ErrChanged, 2},
		{"without ranges", flaky{tag: `"1"`, ignores: true, piece: 40_000}, patient(time.Second), session.ErrChanged, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, n *network) {
				c.f.data = pages
				n.serve("api.test:80", c.f.handle)
				n.with(ctx, session.Config{Retry: c.retry}, func(ctx context.Context, s *session.Session) {
					var out strings.Builder
					last, total := int64(0), int64(0)
					n, err := s.Download(ctx, session.Download{URL: api, Progress: func(done, of int64) {
						if done <= last {
							t.Errorf("progress went from %d to %d", last, done)
						}
						last, total = done, of
					}}, &out)
					if c.want != nil {
						wantErr(t, err, c.want)
					} else {
						must(t, err)
						equal(t, "all of it", out.String() == pages, true)
					}
					if !strings.HasPrefix(pages, out.String()) {
						t.Error("what was written is not the beginning of it")
					}
					equal(t, "bytes", n, int64(out.Len()))
					equal(t, "progress", last, n)
					equal(t, "total", total, int64(len(pages)))
					equal(t, "requests", len(c.f.ranges), c.parts)
				})
			})
		})
	}
}

func TestDownload_bounds(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/announced":
				w.Header().Set("Content-Length", fmt.Sprint(10<<30))
			case "/404":
				http.Error(w, "no such page", http.StatusNotFound)
				return
			case "/204":
				w.WriteHeader(http.StatusNoContent)
				return
			}
			_, _ = io.Copy(w, zeros{})
		})
		n.with(ctx, session.Config{Limits: session.Limits{Body: 1000}, Retry: patient(time.Second)}, func(ctx context.Context, s *session.Session) {
			for path, written := range map[string]int64{"announced": 0, "endless": 1 << 20} {
				n, err := s.Download(ctx, session.Download{URL: api + path, Max: 1 << 20}, io.Discard)
				wantErr(t, err, session.ErrTooLarge)
				if n > written {
					t.Errorf("%d bytes were written", n)
				}
			}
			_, err := s.Download(ctx, session.Download{URL: api + "404"}, io.Discard)
			if status, ok := errors.AsType[*session.StatusError](err); !ok || status.StatusCode != 404 {
				t.Errorf("error is %v", err)
			}
			if _, err = s.Download(ctx, session.Download{URL: api + "204"}, io.Discard); err == nil {
				t.Error("nothing was loaded, and that is no error")
			}
			full := errors.New("the disk is full")
			_, err = s.Download(ctx, session.Download{URL: api}, writer(func([]byte) (int, error) { return 0, full }))
			wantErr(t, err, full)
			_, err = s.Download(ctx, session.Download{URL: api}, writer(func(p []byte) (int, error) { return len(p) - 1, nil }))
			wantErr(t, err, io.ErrShortWrite)
			_, err = s.Download(ctx, session.Download{URL: "://"}, io.Discard)
			if err == nil {
				t.Error("a URL that is none was loaded")
			}
			equal(t, "bodies", s.Statistics().Bodies, 0)
		})
	})
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// A file is there as a whole or not at all.
func TestDownloadFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pages")
	inBubble(t, func(ctx context.Context, n *network) {
		f := &flaky{data: pages, tag: `"1"`, piece: 40_000}
		n.serve("api.test:80", f.handle)
		n.with(ctx, session.Config{Retry: patient(time.Second)}, func(ctx context.Context, s *session.Session) {
			n, err := s.DownloadFile(ctx, session.Download{URL: api}, path)
			must(t, err)
			equal(t, "bytes", n, int64(len(pages)))
			text, err := os.ReadFile(path)
			must(t, err)
			equal(t, "all of it", string(text) == pages, true)

			f.piece = 1000
			_, err = s.DownloadFile(ctx, session.Download{URL: api}, path)
			wantErr(t, err, resilience.ErrAttemptsSpent)
			_, err = s.DownloadFile(ctx, session.Download{URL: api}, filepath.Join(dir, "no", "where"))
			wantErr(t, err, os.ErrNotExist)
			names, err := os.ReadDir(dir)
			must(t, err)
			equal(t, "files", len(names), 1)
			text, err = os.ReadFile(path)
			must(t, err)
			equal(t, "still all of it", string(text) == pages, true)
		})
	})
}

func TestUploadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pages")
	must(t, os.WriteFile(path, []byte(pages), 0o600))
	inBubble(t, func(ctx context.Context, n *network) {
		f := &failing{codes: []int{503}}
		n.serve("api.test:80", f.handle)
		n.with(ctx, session.Config{Retry: patient(time.Second)}, func(ctx context.Context, s *session.Session) {
			var marks []int64
			resp, err := s.UploadFile(ctx, http.MethodPut, api, path, func(done, total int64) {
				equal(t, "total", total, int64(len(pages)))
				if done == total {
					marks = append(marks, done)
				}
			})
			must(t, err)
			_ = resp.Body.Close()
			equal(t, "times it was complete", len(marks), 2)
			equal(t, "first body", f.bodies[0] == pages, true)
			equal(t, "second body", f.bodies[1] == pages, true)

			must(t, os.WriteFile(path, nil, 0o600))
			resp, err = s.UploadFile(ctx, http.MethodPut, api, path, nil)
			must(t, err)
			_ = resp.Body.Close()
			equal(t, "empty file", f.bodies[2], "")
			_, err = s.UploadFile(ctx, http.MethodPut, api, filepath.Dir(path), nil)
			if err == nil {
				t.Error("a directory was sent")
			}
			_, err = s.UploadFile(ctx, http.MethodPut, api, path+"?", nil)
			wantErr(t, err, os.ErrNotExist)
		})
	})
	if panicked(func() { session.WithProgress(nil, nil) }) == nil {
		t.Error("WithProgress takes nil")
	}
}

// What a request's body says of itself is not lost by watching it.
func TestWithProgress(t *testing.T) {
	req := newRequest(t, t.Context(), http.MethodPut, api, "hello")
	watched := session.WithProgress(req, func(int64, int64) {})
	equal(t, "length", watched.ContentLength, 5)
	equal(t, "can be had again", watched.GetBody != nil, true)
	none := session.WithProgress(newRequest(t, t.Context(), http.MethodGet, api, ""), func(int64, int64) {})
	equal(t, "no body", none.Body == nil, true)
}

func TestJSON(t *testing.T) {
	type user struct {
		Name string `json:"name"`
	}
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/users":
				body, _ := io.ReadAll(r.Body)
				equal(t, "sent", string(body)+r.Header.Get("Content-Type"), `{"name":"Ada"}application/json`)
				_, _ = io.WriteString(w, `{"name":"Grace"}`)
			case "/none":
				w.WriteHeader(http.StatusNoContent)
			case "/empty":
			case "/html":
				w.Header().Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, "<html>")
			case "/bad":
				http.Error(w, "bad", http.StatusBadRequest)
			}
		})
		n.with(ctx, session.Config{BaseURL: api}, func(ctx context.Context, s *session.Session) {
			out, err := session.SendJSON[user](ctx, s, http.MethodPost, "users", user{Name: "Ada"})
			must(t, err)
			equal(t, "answer", out.Name, "Grace")
			for _, path := range []string{"none", "empty"} {
				_, err = session.SendJSON[user](ctx, s, http.MethodPut, path, 1)
				must(t, err)
			}
			_, err = session.GetJSON[user](ctx, s, "none")
			must(t, err)
			for _, path := range []string{"empty", "html", "bad"} {
				if _, err = session.GetJSON[user](ctx, s, path); err == nil {
					t.Errorf("%s was decoded", path)
				}
			}
			if _, ok := errors.AsType[*session.StatusError](err); !ok {
				t.Errorf("error is %v", err)
			}
		})
	})
}
