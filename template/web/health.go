package web

import (
	"context"
	"net/http"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/template/problem"
)

// pingTimeout bounds how long /readyz waits for the store.
const pingTimeout = time.Second

// healthz says that the process serves requests. It looks at nothing else: a
// service is not restarted because its database is slow.
func (s *site) healthz(w http.ResponseWriter, _ *http.Request) error {
	text(w, "ok\n")
	return nil
}

// readyz says whether new requests should be sent here: not while the service
// stops, and not while the store does not answer.
func (s *site) readyz(w http.ResponseWriter, r *http.Request) error {
	if s.Stopping.IsSet() {
		return problem.Stopping(w.Header())
	}
	err := braid.Timeout(r.Context(), pingTimeout, func(ctx context.Context) error {
		return s.Ping(ctx)
	})
	if err != nil {
		s.Log.WarnContext(r.Context(), "not ready", "err", err)
		return problem.New(http.StatusServiceUnavailable, "the database does not answer")
	}
	text(w, "ready\n")
	return nil
}
