// Package problem writes errors as RFC 9457 problem details, the
// application/problem+json that a program can read as well as a person.
package problem

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// ContentType is the media type of a written [Problem].
const ContentType = "application/problem+json"

// Problem is one answer that is an error. It has no "type" member, which
// RFC 9457 reads as "about:blank": the status says which kind it is. It is an
// error too, so that a handler can return it.
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	// Detail says what happened this time and what to do about it. Callers see
	// it: it must not carry the text of an inner error.
	Detail string `json:"detail,omitempty"`
	// Errors is the extension member that lists what is wrong with the parts
	// of a request, one entry a part; nil when there is no such list.
	Errors any `json:"errors,omitempty"`
}

// New returns a Problem with the given status, titled by the status's phrase.
func New(status int, detail string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Detail: detail}
}

// Stopping returns the Problem of a service that takes no new work, or that has
// to leave work unfinished, and puts into h what a client should know with it.
func Stopping(h http.Header) *Problem {
	h.Set("Connection", "close") // the next request finds another instance
	h.Set("Retry-After", "1")
	return New(http.StatusServiceUnavailable, "the service is stopping; try again")
}

// Error implements error.
func (p *Problem) Error() string {
	return strconv.Itoa(p.Status) + " " + p.Title + ": " + p.Detail
}

// Write answers with p. Headers that describe a body which is not sent
// anymore are taken back; others, such as Allow, stay.
//
// A failed write is not reported: the only one who could be told is the
// caller that has gone.
func (p *Problem) Write(w http.ResponseWriter) {
	body, err := json.Marshal(p)
	if err != nil { // Errors holds what JSON cannot say
		body, _ = json.Marshal(New(p.Status, p.Detail))
	}
	h := w.Header()
	h.Del("Content-Encoding")
	h.Del("ETag")
	h.Del("Last-Modified")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", ContentType)
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n'))
}
