package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// Problem is the answer to a request that cannot be answered, as RFC 9457 has it. It is the error of a [Client].
type Problem struct { //nolint:errname // RFC 9457 calls it a problem
	Type     string `json:"type"` // "about:blank": the status says it all
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitempty"` // what happened, and what to do
	Instance string `json:"instance,omitempty"`
}

func (p *Problem) Error() string { return "inspect: " + p.Detail }

func problemf(status int, format string, args ...any) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
}

// bad is for an error in what was asked.
func bad(err error) *Problem {
	return problemf(http.StatusBadRequest, "%s", strings.TrimPrefix(err.Error(), "inspect: "))
}

// fail answers with err. One that is no Problem is the inspector's own fault.
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	var p *Problem
	switch {
	case errors.As(err, &p):
	case r.Context().Err() != nil:
		p = problemf(http.StatusServiceUnavailable, "you have gone, or the inspector has been closed")
	default:
		a.tell(slog.LevelError, "inspect: a request failed", slog.String("path", r.URL.Path), slog.Any("error", err))
		p = problemf(http.StatusInternalServerError, "%v", err)
	}
	h := w.Header()
	switch p.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "2")
	}
	if wantsText(r) {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(p.Status)
		fmt.Fprintf(w, "%d %s: %s\n", p.Status, p.Title, strings.Map(printable, p.Detail))
		return
	}
	told := *p
	told.Instance = r.URL.Path
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(&told)
}

const logTime = time.Second // to write to the program's log

// tell writes to the program's log. That is code of the program's, which may be wedged, as it is when nobody reads what the log is written to:
// then the client has its answer all the same, a little later.
func (a *api) tell(level slog.Level, text string, attrs ...slog.Attr) {
	told := make(chan struct{})
	go func() {
		defer close(told)
		defer func() { _ = recover() }()
		a.logger().LogAttrs(context.Background(), level, text, attrs...)
	}()
	late := time.NewTimer(logTime)
	defer late.Stop()
	select {
	case <-told:
	case <-late.C:
	}
}
