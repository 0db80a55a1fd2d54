package web

import (
	"errors"
	"net/http"

	"github.com/braid-go/braid/template/problem"
)

// ErrGraceOver is the cause with which the service cancels the requests that
// did not finish in time when it stops.
var ErrGraceOver = errors.New("the service stops and its grace is over")

// stopping is the answer of a service that takes no new work, or that has to
// leave work unfinished.
func stopping(w http.ResponseWriter) *problem.Problem {
	h := w.Header()
	h.Set("Connection", "close") // the next request finds another instance
	h.Set("Retry-After", "1")
	return problem.New(http.StatusServiceUnavailable, "the service is stopping; try again")
}

// refuseWhenStopping lets h see only what comes before the service stops. What
// h has begun by then goes on.
func (s *site) refuseWhenStopping(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if s.Stopping.IsSet() {
			return stopping(w)
		}
		return h(w, r)
	}
}
