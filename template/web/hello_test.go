package web_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHello(t *testing.T) {
	s := start(t)
	for path, want := range map[string]string{
		"/":              "Hello, Anonymous\n",
		"/Ada":           "Hello, Ada\n",
		"/J%C3%BCrgen":   "Hello, Jürgen\n",
		"/%3Cb%3EAda":    "Hello, <b>Ada\n",
		"/%FF":           "Hello, \uFFFD\n",
		"/delay":         "Hello, delay\n",
		"/healthz":       "ok\n",
		"/readyz":        "ready\n",
		"/delay/0":       "waited 0 ms\n",
		"/delay/1":       "waited 1 ms\n",
		"/A%20b?c=d#fff": "Hello, A b\n",
	} {
		a := s.do("GET", path, "")
		if a.StatusCode != http.StatusOK || string(a.body) != want {
			t.Errorf("GET %s: status %d, body %q, want %q", path, a.StatusCode, a.body, want)
		}
		if got := a.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
			t.Errorf("GET %s: Content-Type %q", path, got)
		}
		if got := a.Header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("GET %s: X-Content-Type-Options %q", path, got)
		}
	}
}

func TestHead(t *testing.T) {
	if a := start(t).do("HEAD", "/Ada", ""); a.StatusCode != http.StatusOK || a.ContentLength != 11 {
		t.Errorf("status %d, length %d", a.StatusCode, a.ContentLength)
	}
}

func TestUnmatched(t *testing.T) {
	s := start(t)
	for path, want := range map[string]int{
		"/no/such/path":  http.StatusNotFound,
		"/users/1/":      http.StatusNotFound,
		"/users/1/posts": http.StatusNotFound,
		"/Ada/":          http.StatusNotFound,
		"/delay/":        http.StatusNotFound,
	} {
		s.wantProblem(s.do("GET", path, ""), want, "")
	}
	for _, c := range []struct{ method, path, allow string }{
		{"POST", "/", "GET, HEAD"},
		{"DELETE", "/Ada", "GET, HEAD"},
		{"OPTIONS", "/Ada", "GET, HEAD"},
		{"POST", "/healthz", "GET, HEAD"},
		{"PUT", "/users", "GET, HEAD, POST"},
		{"PATCH", "/users/1", "GET, HEAD, PUT, DELETE"},
		{"BREW", "/users/1", "GET, HEAD, PUT, DELETE"},
		{"POST", "/delay/1", "GET, HEAD"},
	} {
		a := s.do(c.method, c.path, "")
		s.wantProblem(a, http.StatusMethodNotAllowed, c.allow)
		if got := a.Header.Get("Allow"); got != c.allow {
			t.Errorf("%s %s: Allow %q, want %q", c.method, c.path, got, c.allow)
		}
	}
	s.logged("task=test/unmatched")
}

// Requests for what is no path, or no plain one, which ServeMux would answer
// by itself, are tasks too, with a problem document for an answer.
func TestNoPlainPath(t *testing.T) {
	s := start(t)
	for _, line := range []string{
		"GET //", "GET //Ada", "GET /users//1", "GET /a/../b", "GET /./Ada", "GET //J%C3%BCrgen", "POST //users",
		"GET *", "CONNECT example.com:443", "CONNECT /Ada",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, line+" HTTP/1.1\r\nHost: x\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		resp.Request = httptest.NewRequest("GET", "/", nil)
		s.wantProblem(answer{resp, body}, http.StatusNotFound, "plain path")
		conn.Close()
		s.logged("task=test/unmatched")
	}
}
