package service

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/braid-go/braid"
)

// HealthError says why a service is not ready, or not alive.
type HealthError struct {
	Service string
	What    string   // "ready" or "alive"
	Reasons []string // at least one; those of a component begin with its name
}

// Error says it in one line.
func (e *HealthError) Error() string {
	name := e.Service
	if name == "" {
		name = "the service"
	}
	return fmt.Sprintf("%s is not %s: %s", name, e.What, strings.Join(e.Reasons, "; "))
}

// Ready returns nil if new work should be sent to this service: it runs, all of its components do, and their Ready checks say so.
// It turns to an error before the first component is stopped, and Config.Drain earlier. Otherwise the error is a [*HealthError].
// It tells what was last found out and never blocks: a check that hangs is one that fails.
func (s *Service) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := &HealthError{Service: s.cfg.Name, What: "ready"}
	r := s.last
	switch {
	case r == nil || r.clock == nil || !s.running:
		e.Reasons = []string{"it does not run"}
		return e
	case r.ending() || r.state == Stopping:
		e.Reasons = []string{"it stops"}
		return e
	}
	now := braid.Time(r.clock)
	for _, m := range r.members {
		if m.state != Running && m.state != Done {
			e.Reasons = append(e.Reasons, m.Name+" is "+m.state.String())
			continue
		}
		if m.state == Running && m.life.work != nil && m.life.work.ended && (genuine(m.life.work.err) != nil || m.Restart == Always) {
			e.Reasons = append(e.Reasons, m.Name+" has ended")
			continue
		}
		if err := m.life.ready.says(now, s.cfg.CheckTimeout); err != nil {
			e.Reasons = append(e.Reasons, m.Name+": "+err.Error())
		}
	}
	if e.Reasons == nil {
		return nil
	}
	return e
}

// Alive returns nil unless the Alive check of a component says that the process should be replaced; then a [*HealthError].
// It has nothing to do with whether the service is ready: one that starts, stops or waits for its database is alive.
// It never blocks, as Ready.
func (s *Service) Alive() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := &HealthError{Service: s.cfg.Name, What: "alive"}
	r := s.last
	if r == nil || r.clock == nil {
		return nil
	}
	now := braid.Time(r.clock)
	for _, m := range r.members {
		if m.life == nil {
			continue
		}
		if err := m.life.alive.says(now, s.cfg.CheckTimeout); err != nil {
			e.Reasons = append(e.Reasons, m.Name+": "+err.Error())
		}
	}
	if e.Reasons == nil {
		return nil
	}
	return e
}

// ReadyHandler answers with status 200 if the service is Ready, otherwise with 503 and the reasons, a line each.
// It never blocks, whatever the components do.
func (s *Service) ReadyHandler() http.Handler { return healthHandler("ready", s.Ready) }

// AliveHandler answers with status 200 if the service is Alive, otherwise with 503 and the reasons, a line each. It never blocks either.
func (s *Service) AliveHandler() http.Handler { return healthHandler("alive", s.Alive) }

func healthHandler(what string, ask func() error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		err := ask()
		if err == nil {
			_, _ = io.WriteString(w, what+"\n")
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "not "+what+"\n")
		if e, ok := err.(*HealthError); ok { //nolint:errorlint // Ready and Alive return no other
			for _, reason := range e.Reasons {
				_, _ = io.WriteString(w, strings.ReplaceAll(reason, "\n", " ")+"\n")
			}
		}
	})
}
