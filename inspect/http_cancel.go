package inspect

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
)

// ErrClient is in the cause of a cancellation that a client has asked for.
var ErrClient = errors.New("cancelled through the inspector")

// clientError is the cause of a cancellation by a client that has said why.
type clientError struct{ text string }

func (e *clientError) Error() string { return ErrClient.Error() + ": " + e.text }
func (e *clientError) Unwrap() error { return ErrClient }

const maxCause = 1000 // bytes

// clientName says who asks. Of a unix socket there is no address: whoever may connect to it is the same user, or root.
func clientName(addr string) string {
	if addr == "" || addr == "@" {
		return "the unix socket"
	}
	return addr
}

// cancelReply is the answer to a cancel.
type cancelReply struct {
	ID        uint64 `json:"id"`
	Path      string `json:"path"`
	Cancelled bool   `json:"cancelled"`
}

func (a *api) cancel(q *question) (answer, error) {
	n, err := pathID(q)
	if err != nil {
		return answer{}, err
	}
	if a.looker == nil {
		return answer{}, problemf(http.StatusNotImplemented, "the tasks in a file cannot be cancelled; ask a process")
	}
	if !a.write || a.looker.cancel == nil {
		return answer{}, problemf(http.StatusForbidden, "this inspector is read-only; the program lets clients cancel tasks with inspect.Options.Write")
	}
	text, err := bodyCause(q.Request)
	if err != nil {
		return answer{}, err
	}
	cause := ErrClient
	if text != "" {
		cause = &clientError{text}
	}
	s, err := a.snapshot(q.Context(), false)
	if err != nil {
		return answer{}, err
	}
	path := s.Path(n) // "" if it is younger than the snapshot
	if !a.looker.cancel(n, cause) {
		return answer{}, noTask(n)
	}
	a.tell(slog.LevelWarn, "inspect: a client has cancelled a task",
		slog.Uint64("id", n), slog.String("path", path), slog.String("cause", text), slog.String("client", clientName(q.RemoteAddr)))
	return answer{v: cancelReply{n, path, true}, text: printf("cancelled: %d %s\n", n, path)}, nil
}

// bodyCause reads {"cause":"text"}.
func bodyCause(r *http.Request) (string, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return "", problemf(http.StatusRequestEntityTooLarge, "the body is longer than %d bytes", large.Limit)
		}
		return "", problemf(http.StatusBadRequest, "the body did not come: %v", err)
	}
	if len(body) == 0 {
		return "", nil
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		return "", problemf(http.StatusUnsupportedMediaType, `the body must be application/json, such as {"cause":"text"}`)
	}
	var v struct {
		Cause string `json:"cause"`
	}
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil || dec.More() {
		return "", problemf(http.StatusBadRequest, `the body must be {"cause":"text"}`)
	}
	if len(v.Cause) > maxCause {
		return "", problemf(http.StatusBadRequest, "the cause is longer than %d bytes", maxCause)
	}
	return v.Cause, nil
}
