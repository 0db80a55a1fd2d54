package web

import (
	"context"
	"net/http"
	"time"
)

// patience bounds how long a client may take to send a request's body, and how
// long to take the answer.
//
// These are limits for the body and the answer alone. Those for the whole
// request, http.Server's ReadTimeout and WriteTimeout, would cut off slow
// handlers too. Writers that are no connection, as a recorder in a test, have
// no deadlines, which is no reason to fail.
const patience = 30 * time.Second

// boundBody makes reads from the client end after some time, and when the
// request's ctx ends, which a read does not look at. The caller calls undo.
func boundBody(w http.ResponseWriter, r *http.Request) (undo func()) {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(patience))
	stop := context.AfterFunc(r.Context(), func() { _ = rc.SetReadDeadline(time.Now()) })
	return func() {
		if stop() {
			_ = rc.SetReadDeadline(time.Time{})
		}
	}
}

// boundAnswer makes writes to the client end after some time. The caller is
// about to begin the answer.
func boundAnswer(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience))
}

// boundRest bounds what net/http does when the handler has returned: it reads
// what has been left of the body, and then writes what is left of the answer.
func boundRest(w http.ResponseWriter, r *http.Request) {
	rc := http.NewResponseController(w)
	now := time.Now()
	if r.ContentLength != 0 {
		_ = rc.SetReadDeadline(now.Add(patience))
	}
	_ = rc.SetWriteDeadline(now.Add(2 * patience))
}
