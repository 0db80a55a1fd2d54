package template

import (
	"fmt"
	"io"
	"strings"
)

// The commands to try, for the default address.
const try = `curl localhost:8080/Ada
curl -i localhost:8080/users -H 'Content-Type: application/json' -d '{"name": "Ada", "email": "ada@example.com"}'
curl 'localhost:8080/users?limit=10'
curl -i -X PUT localhost:8080/users/1 -H 'Content-Type: application/json' -d '{"name": "Ada L", "email": "ada@example.com"}'
curl -i -X DELETE localhost:8080/users/1
curl localhost:8080/delay/60000     # break it off with Ctrl-C: its task ends at once
curl -i localhost:8080/readyz`

// greet tells the person who started the service where it is and what to try.
func greet(w io.Writer, url string, cfg Config) {
	commands := strings.ReplaceAll(try, "localhost:8080", strings.TrimPrefix(url, "http://"))
	fmt.Fprintf(w, `Serving on %s, with the users in %s

Try, in a second terminal:
%s

Ctrl-C stops, within %v. Ctrl-C twice stops at once.

`, url, cfg.DB, indent(commands), cfg.Grace)
}

func indent(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") }
