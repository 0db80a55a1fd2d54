package template

import (
	"fmt"
	"io"
	"os"
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
func greet(w io.Writer, at Places, cfg Config) {
	commands := strings.ReplaceAll(try, "localhost:8080", strings.TrimPrefix(at.URL, "http://"))
	fmt.Fprintf(w, `Serving on %s, with the users in %s

%sTry, in a second terminal:
%s

Ctrl-C stops, within %v. Ctrl-C twice stops at once.

`, at.URL, cfg.DB, see(at), indent(commands), cfg.Grace)
}

func indent(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") }

// see tells how to see what runs.
func see(at Places) string {
	if at.Socket == "" {
		return "There is no inspector: it is switched off, or the log says why.\n\n"
	}
	text := fmt.Sprintf("braid tree %d shows what runs, and braid findings %d what is wrong with it.\n", os.Getpid(), os.Getpid())
	if at.Console != "" {
		text += "So does the console, in a browser:\n  " + at.Console + "\n"
	}
	return text + "\n"
}
