package web

import (
	"io"
	"net/http"
	"strings"
)

// hello greets the caller by the name in the path, or as Anonymous.
func hello(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	if name == "" {
		name = "Anonymous"
	}
	text(w, "Hello, "+strings.ToValidUTF8(name, "\uFFFD")+"\n")
	return nil
}

// text answers with plain text. The header keeps browsers from seeing HTML in
// what is an echo of the caller's words.
func text(w http.ResponseWriter, s string) {
	boundAnswer(w)
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = io.WriteString(w, s) // fails only if the client has gone
}
