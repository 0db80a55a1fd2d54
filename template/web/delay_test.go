package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/template/web"
)

func TestDelayNonsense(t *testing.T) {
	s := start(t)
	for _, ms := range []string{"soon", "-1", "+1", "1.5", "0x10", "1e3", "3600001", "99999999999999999999", "%20"} {
		s.wantProblem(s.do("GET", "/delay/"+ms, ""), http.StatusBadRequest, "3600000")
	}
}

// awaitRequests returns when n requests are under way.
func (s *site) awaitRequests(n int) {
	for s.group.Statistics().Running != n {
		if err := braid.Yield(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
	}
}

// A client that goes away frees its task at once, not when the delay is over.
func TestDelayDisconnect(t *testing.T) {
	for name, body := range map[string]string{"plain": "", "with a body": "some words"} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			ctx, leave := context.WithCancel(t.Context())
			req, err := http.NewRequestWithContext(ctx, "GET", s.url+"/delay/3600000", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			left := make(chan struct{})
			go func() {
				defer close(left)
				if resp, err := http.DefaultClient.Do(req); err == nil {
					resp.Body.Close()
					t.Error("an answer came:", resp.Status)
				}
			}()
			s.awaitRequests(1)
			leave()
			<-left
			line := s.logged("msg=request")
			if !strings.Contains(line, "status=499") || !strings.Contains(line, `task="test/GET /delay/{ms}"`) {
				t.Error(line)
			}
			if n := s.group.Statistics().Running; n != 0 {
				t.Errorf("%d tasks run, want 0", n)
			}
		})
	}
}

// When the grace is over, requests are told so.
func TestDelayCancelled(t *testing.T) {
	s := start(t)
	go func() {
		s.awaitRequests(1)
		s.group.Cancel(web.ErrGraceOver)
	}()
	a := s.do("GET", "/delay/3600000", "")
	s.wantProblem(a, http.StatusServiceUnavailable, "stopping")
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}
