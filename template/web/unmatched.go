package web

import (
	"net/http"
	"path"
	"strings"

	"github.com/braid-go/braid/template/problem"
)

// hasPlainPath reports whether a request is for a path that ServeMux looks up
// as it is. It would answer others itself, and not as a task: /a//b and /a/../b
// with a redirect, which escapes an escaped path once more; "*" and CONNECT
// with an error of its own.
func hasPlainPath(r *http.Request) bool {
	p := r.URL.EscapedPath()
	clean := path.Clean(p)
	if clean != "/" && strings.HasSuffix(p, "/") {
		clean += "/"
	}
	return p == clean && strings.HasPrefix(p, "/") && r.Method != http.MethodConnect
}

// unmatched answers what no route takes. ServeMux would answer such requests
// itself, in plain text; a route for "/" takes them first, and has to find out
// what ServeMux would have known: whether another method would have matched.
func (s *site) unmatched(w http.ResponseWriter, r *http.Request) error {
	if !hasPlainPath(r) {
		return problem.New(http.StatusNotFound, "there is nothing here; ask for a plain path, such as /users")
	}
	var allow []string
	probe := *r
	for _, probe.Method = range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		if _, pattern := s.mux.Handler(&probe); pattern != everything {
			allow = append(allow, probe.Method)
		}
	}
	if allow == nil {
		return problem.New(http.StatusNotFound, "there is nothing at this path")
	}
	methods := strings.Join(allow, ", ")
	w.Header().Set("Allow", methods)
	return problem.New(http.StatusMethodNotAllowed, "this path takes "+methods)
}
