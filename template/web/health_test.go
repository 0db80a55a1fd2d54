package web_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/braid-go/braid/template/web"
)

func TestStopping(t *testing.T) {
	s := start(t)
	s.want(s.do("GET", "/readyz", ""), http.StatusOK, nil)
	s.parts.Stopping.Set()
	for _, path := range []string{"/readyz", "/", "/Ada", "/delay/1", "/users", "/users/1", "/no/such/path"} {
		a := s.do("GET", path, "")
		s.wantProblem(a, http.StatusServiceUnavailable, "stopping")
		if a.Header.Get("Retry-After") == "" || !a.Close {
			t.Errorf("GET %s: headers %v, want Retry-After and Connection: close", path, a.Header)
		}
	}
	s.want(s.do("GET", "/healthz", ""), http.StatusOK, nil)
}

func TestNotReadyWithoutDatabase(t *testing.T) {
	s := start(t, func(p *web.Parts) {
		p.Ping = func(context.Context) error { return errors.New("gone fishing") }
	})
	s.wantProblem(s.do("GET", "/readyz", ""), http.StatusServiceUnavailable, "database")
	s.logged("gone fishing")
	s.want(s.do("GET", "/healthz", ""), http.StatusOK, nil)
}

// A database that hangs must not hang the question.
func TestNotReadyWhenDatabaseHangs(t *testing.T) {
	s := start(t, func(p *web.Parts) {
		p.Ping = func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}
	})
	s.wantProblem(s.do("GET", "/readyz", ""), http.StatusServiceUnavailable, "database")
}
