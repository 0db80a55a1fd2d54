package web

import (
	"net/http"
	"strings"

	"github.com/braid-go/braid/template/problem"
)

// unmatched answers what no route takes. ServeMux would answer such requests
// itself, in plain text; a route for "/" takes them first, and has to find out
// what ServeMux would have known: whether another method would have matched.
func (s *site) unmatched(w http.ResponseWriter, r *http.Request) error {
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
