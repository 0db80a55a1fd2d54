package httptask_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/braid-go/braid/template/httptask"
)

// writer is the least that a handler can write to.
type writer struct{ h http.Header }

func (w writer) Header() http.Header         { return w.h }
func (w writer) Write(p []byte) (int, error) { return len(p), nil }
func (w writer) WriteHeader(int)             {}

// BenchmarkHandler measures what a task costs a request: "task" less "bare".
// As in net/http, each request has a new ctx below that of its connection.
func BenchmarkHandler(b *testing.B) {
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "Hello, Anonymous\n") })
	for name, wrap := range map[string]func(http.Handler) http.Handler{
		"bare": func(h http.Handler) http.Handler { return h },
		"task": func(h http.Handler) http.Handler {
			return httptask.New(newScope(b).Group, httptask.Options{}).Handler("GET /", h)
		},
	} {
		b.Run(name, func(b *testing.B) {
			mux := http.NewServeMux()
			mux.Handle("GET /{$}", wrap(hello))
			w := writer{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				ctx, cancel := context.WithCancel(b.Context())
				r, err := http.NewRequestWithContext(ctx, "GET", "/", nil)
				if err != nil {
					b.Fatal(err)
				}
				mux.ServeHTTP(w, r)
				cancel()
			}
		})
	}
}
