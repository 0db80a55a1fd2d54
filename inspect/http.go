package inspect

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/braid-go/braid/inspect/console"
)

// prefix is where the API and the console are. docs/inspector.md describes them.
const prefix = "/debug/tasks/"

const (
	writeTime = 30 * time.Second // for an answer
	chunkTime = 10 * time.Second // for each part of a stream
	readTime  = 5 * time.Second  // for the body of a request

	answerShare = 4                      // answers take one in so many seconds of a processor, and
	answerCost  = 100 * time.Microsecond // is what each of them takes beside working it out
)

// Names of parameters.
const (
	paramTask  = "task"
	paramSince = "since"
)

// instanceHeader says in each answer who gives it. Ids of one instance mean nothing in another one.
const instanceHeader = "Braid-Instance"

// api answers for a process or for a file.
type api struct {
	log     *slog.Logger // nil means slog.Default()
	gate    *gate
	closing <-chan struct{} // closed when no more is answered; nil for a file
	off     string          // why nothing is answered, if so

	// For a process.
	looker *looker // nil for a file
	write  bool
	turns  chan struct{} // holds a token while an answer is worked out
	purse  purse         // for that
	stacks stackCache
	leaks  stackCache

	file *Snapshot
}

func (a *api) logger() *slog.Logger {
	if a.log != nil {
		return a.log
	}
	return slog.Default()
}

// closed returns an error if nothing is answered any more.
func (a *api) closed() error {
	if a.off != "" {
		return problemf(http.StatusServiceUnavailable, "%s", a.off)
	}
	select {
	case <-a.closing:
		return problemf(http.StatusServiceUnavailable, "the inspector has been closed")
	default:
		return nil
	}
}

// snapshot returns what to answer from. anew asks for a snapshot that begins after the request.
func (a *api) snapshot(ctx context.Context, anew bool) (*Snapshot, error) {
	if a.looker == nil {
		return a.file, nil
	}
	return a.looker.snapshot(ctx, anew)
}

// question is a request that has passed the checks.
type question struct {
	*http.Request

	q    url.Values
	text bool
	snap *Snapshot // for routes that want one
}

// answer is what a route returns: v as JSON, and the same as text, or something of a media type of its own.
type answer struct {
	v    any
	text func(w io.Writer) error
	kind string // media type of text, if there is no JSON
}

// route is a path of the API.
type route struct {
	pattern string
	method  string                                                 // "" means GET
	params  []string                                               // in the query
	bare    bool                                                   // wants no snapshot
	answer  func(a *api, q *question) (answer, error)              // or
	stream  func(a *api, w http.ResponseWriter, q *question) error // writes by itself; an error only before it has written anything
	kind    string                                                 // media type of a stream
}

func routes() []route {
	return []route{
		{pattern: "v1/info", answer: (*api).info},
		{pattern: "v1/tasks", params: queryParams, answer: (*api).tasks},
		{pattern: "v1/tasks/{id}", answer: (*api).task},
		{pattern: "v1/tasks/{id}/cancel", method: http.MethodPost, bare: true, answer: (*api).cancel},
		{pattern: "v1/scopes", params: []string{"limit", "after"}, answer: (*api).scopes},
		{pattern: "v1/scopes/{id}", answer: (*api).scope},
		{pattern: "v1/resources", params: []string{"limit", "after"}, answer: (*api).resources},
		{pattern: "v1/resources/{id}", answer: (*api).resource},
		{pattern: "v1/sites", params: []string{"limit", "after"}, answer: (*api).sites},
		{pattern: "v1/tree", params: []string{"root", "depth", "fold", "max"}, answer: (*api).tree},
		{pattern: "v1/graph", params: []string{"of", "root", "max"}, answer: (*api).graph},
		{pattern: "v1/why", params: []string{paramTask, "shutdown"}, answer: (*api).why},
		{pattern: "v1/findings", answer: (*api).findings},
		{pattern: "v1/stacks", params: []string{paramTask, "leaked"}, answer: (*api).goroutines},
		{pattern: "v1/ended", params: []string{paramSince}, bare: true, answer: (*api).ended},
		{pattern: "v1/series", params: []string{paramSince}, bare: true, answer: (*api).series},
		{pattern: "v1/events", params: []string{paramSince, "types"}, bare: true, stream: (*api).events, kind: "text/event-stream"},
		{pattern: "v1/snapshot.ndjson", stream: (*api).ndjson, kind: "application/x-ndjson"},
	}
}

// handler returns the API and the console.
func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	known := make([]string, 0, 20)
	for _, rt := range routes() {
		mux.Handle(prefix+rt.pattern, a.serve(rt))
		known = append(known, rt.pattern)
	}
	mux.HandleFunc(prefix+"v1/", func(w http.ResponseWriter, r *http.Request) {
		a.fail(w, r, problemf(http.StatusNotFound, "there is no such path; there are %s", strings.Join(known, ", ")))
	})
	files := http.StripPrefix(prefix, http.FileServerFS(withoutSource{console.FS}))
	mux.HandleFunc(prefix, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			a.fail(w, r, problemf(http.StatusMethodNotAllowed, "the console is only to be read"))
			return
		}
		files.ServeHTTP(w, r)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" && r.Method == http.MethodGet {
			http.Redirect(w, r, prefix, http.StatusTemporaryRedirect)
			return
		}
		a.fail(w, r, problemf(http.StatusNotFound, "the inspector is at %s", prefix))
	})
	foreign := http.NewCrossOriginProtection()
	foreign.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.fail(w, r, problemf(http.StatusForbidden, "a page of another site must not do this"))
	}))
	own := foreign.Handler(mux)
	instance := process().Instance
	if a.file != nil {
		instance = a.file.Process.Instance
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		h.Set(instanceHeader, instance)
		bound(w, r)
		if r.ContentLength != 0 && r.Method != http.MethodPost { // nobody would read it, and it could be slow to come
			h.Set("Connection", "close")
			a.fail(w, r, problemf(http.StatusBadRequest, "a %s has no body here", r.Method))
			return
		}
		own.ServeHTTP(w, r)
	})
}

// bound bounds the time that a client may take to read the answer to r, whatever that is, and to send the body:
// the server waits for it, whether a handler reads it or not.
func bound(w http.ResponseWriter, r *http.Request) {
	c := http.NewResponseController(w)
	_ = c.SetWriteDeadline(time.Now().Add(writeTime))
	if r.ContentLength != 0 {
		_ = c.SetReadDeadline(time.Now().Add(readTime))
	}
}

// withoutSource is the console's files without those of its package, and without listings of directories.
type withoutSource struct{ fs.FS }

func (f withoutSource) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, ".go") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	file, err := f.FS.Open(name)
	if err != nil || name == "." {
		return file, err
	}
	if info, err := file.Stat(); err != nil || info.IsDir() {
		_ = file.Close()
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return file, nil
}

// serve does for each route what all have in common.
func (a *api) serve(rt route) http.Handler {
	method := rt.method
	if method == "" {
		method = http.MethodGet
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != method && (r.Method != http.MethodHead || method != http.MethodGet) {
			w.Header().Set("Allow", method)
			a.fail(w, r, problemf(http.StatusMethodNotAllowed, "%s takes %s, not %s", rt.pattern, method, r.Method))
			return
		}
		q, err := ask(rt, r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		if err := a.closed(); err != nil {
			a.fail(w, r, err)
			return
		}
		if method == http.MethodPost {
			r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
		}
		if rt.stream != nil {
			if err := rt.stream(a, w, q); err != nil {
				a.fail(w, r, err)
			}
			return
		}
		a.reply(w, q, rt)
	})
}

// reply works out the answer while it has a place in the gate, and writes it without: a slow reader takes nobody's place.
func (a *api) reply(w http.ResponseWriter, q *question, rt route) {
	kind := "application/json; charset=utf-8"
	body, err := func() (*bytes.Buffer, error) {
		leave, err := a.gate.request(q.Context())
		if err != nil {
			return nil, err
		}
		defer leave()
		if !rt.bare {
			if q.snap, err = a.snapshot(q.Context(), q.q.Get("fresh") == "1"); err != nil {
				return nil, err
			}
		}
		if a.looker != nil && rt.method == "" { // a file takes nothing from anybody, and a cancel has to come through
			done, err := a.turn(q.Context(), rt.bare)
			if err != nil {
				return nil, err
			}
			defer done()
		}
		ans, err := rt.answer(a, q)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		switch {
		case ans.kind != "":
			kind = ans.kind
			err = ans.text(&b)
		case q.text:
			kind = "text/plain; charset=utf-8"
			err = ans.text(&b)
			b = *bytes.NewBuffer(bytes.Map(printable, b.Bytes()))
		default:
			enc := json.NewEncoder(&b)
			enc.SetEscapeHTML(false)
			err = enc.Encode(ans.v)
		}
		return &b, err
	}()
	if err != nil {
		a.fail(w, q.Request, err)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	_, _ = w.Write(body.Bytes()) // in case of an error the client has gone
}

// turn waits until an answer may be worked out, and returns what says that it is. They are worked out one after another,
// since several at a time would take more of the program's processors, but for quick ones, which have nothing to do with a snapshot.
func (a *api) turn(ctx context.Context, quick bool) (done func(), err error) {
	if !quick {
		select {
		case a.turns <- struct{}{}:
			defer func() {
				if err != nil {
					<-a.turns
				}
			}()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if err := a.purse.wait(ctx); err != nil {
		return nil, err
	}
	begun := time.Now()
	return func() {
		a.purse.spend(time.Since(begun) + answerCost)
		if !quick {
			<-a.turns
		}
	}, nil
}

// printable replaces what a terminal would obey: the names and texts are those of the program, which may have them from anywhere.
func printable(r rune) rune {
	if r == '\n' || r == '\t' || !unicode.IsControl(r) {
		return r
	}
	return unicode.ReplacementChar
}

// ask checks the query and what the client accepts.
func ask(rt route, r *http.Request) (*question, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, problemf(http.StatusBadRequest, "the query cannot be read: %v", err)
	}
	for name, values := range q {
		switch {
		case name == "token" || name == "access_token":
			return nil, problemf(http.StatusBadRequest, "a token does not belong into the query, which ends up in logs; send it as the header Authorization: Bearer TOKEN")
		case name != "format" && name != "fresh" && !slices.Contains(rt.params, name):
			return nil, problemf(http.StatusBadRequest, "there is no parameter %q; %s takes %s", name, rt.pattern, strings.Join(append(slices.Clone(rt.params), "format", "fresh"), ", "))
		case len(values) != 1:
			return nil, problemf(http.StatusBadRequest, "parameter %q is there %d times; a list has commas", name, len(values))
		}
	}
	if v := q.Get("fresh"); v != "" && v != "0" && v != "1" {
		return nil, problemf(http.StatusBadRequest, "fresh=%q must be 0 or 1", v)
	}
	formats := []string{"", "json", "text"}
	if rt.pattern == "v1/graph" {
		formats = append(formats, "dot", "mermaid")
	}
	if v := q.Get("format"); !slices.Contains(formats, v) {
		return nil, problemf(http.StatusBadRequest, "format=%q must be one of %s", v, strings.Join(formats[1:], ", "))
	}
	if !accepts(r, rt.kind) {
		return nil, problemf(http.StatusNotAcceptable, "this path has %s", cmp.Or(rt.kind, "application/json and text/plain"))
	}
	return &question{Request: r, q: q, text: wantsText(r)}, nil
}

// accepted returns the media types that r asks for, without their parameters.
func accepted(r *http.Request) []string {
	var list []string
	for _, v := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(v, ",") {
			kind, _, _ := strings.Cut(part, ";")
			list = append(list, strings.ToLower(strings.TrimSpace(kind)))
		}
	}
	return list
}

// accepts says whether r accepts what is there: kind, or JSON and text if that is "".
func accepts(r *http.Request, kind string) bool {
	list := accepted(r)
	if len(list) == 0 || slices.Contains(list, "*/*") {
		return true
	}
	kinds := []string{kind}
	if kind == "" {
		kinds = []string{"application/json", "text/plain"}
	}
	return slices.ContainsFunc(kinds, func(kind string) bool {
		family, _, _ := strings.Cut(kind, "/")
		return slices.Contains(list, kind) || slices.Contains(list, family+"/*")
	})
}

// wantsText says whether the answer is for people.
func wantsText(r *http.Request) bool {
	switch r.URL.Query().Get("format") {
	case "text":
		return true
	case "json":
		return false
	}
	list := accepted(r)
	return slices.Contains(list, "text/plain") && !slices.Contains(list, "application/json")
}

// idOf reads a parameter that is an id; "" is 0.
func idOf(name, text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	id, err := strconv.ParseUint(text, 10, 53)
	if err != nil {
		return 0, problemf(http.StatusBadRequest, "%s=%q is no id: it must be a whole number", name, text)
	}
	return id, nil
}

// numberOf reads a parameter that is a number from 0 to most; "" is 0.
func numberOf(name, text string, most int) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return 0, problemf(http.StatusBadRequest, "%s=%q must be a whole number from 0 to %d", name, text, most)
	}
	return n, nil
}

// boolOf reads a parameter that is 0 or 1; "" is 0.
func boolOf(name, text string) (bool, error) {
	switch text {
	case "", "0":
		return false, nil
	case "1":
		return true, nil
	}
	return false, problemf(http.StatusBadRequest, "%s=%q must be 0 or 1", name, text)
}
