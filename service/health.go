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
func (s *Service) Ready() error { return s.health("ready", s.unready()) }

// Alive returns nil unless the Alive check of a component says that the process should be replaced; then a [*HealthError].
// It has nothing to do with whether the service is ready: one that starts, stops or waits for its database is alive.
// It never blocks, as Ready.
func (s *Service) Alive() error { return s.health("alive", s.dying()) }

// reason is why something is not ready, or not alive.
type reason struct {
	what string
	err  error // nil if what says all
}

func (s *Service) health(what string, reasons []reason) error {
	if len(reasons) == 0 {
		return nil
	}
	e := &HealthError{Service: s.cfg.Name, What: what}
	for _, r := range reasons {
		text := r.what
		if r.err != nil {
			text += ": " + r.err.Error() // which is not ours, so mu is not held
		}
		e.Reasons = append(e.Reasons, text)
	}
	return e
}

func (s *Service) unready() (reasons []reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.last
	switch {
	case r == nil || r.clock == nil || !s.running:
		return []reason{{what: "it does not run"}}
	case r.ending() || r.state == Stopping:
		return []reason{{what: "it stops"}}
	}
	now := braid.Time(r.clock)
	for _, m := range r.members {
		if m.state != Running && m.state != Done {
			reasons = append(reasons, reason{what: m.Name + " is " + m.state.String()})
			continue
		}
		if m.state == Running && m.life.work != nil && m.life.work.ended && (genuine(m.life.work.err) != nil || m.Restart == Always) {
			reasons = append(reasons, reason{what: m.Name + " has ended"})
			continue
		}
		if err := m.life.ready.says(now, s.cfg.CheckTimeout); err != nil {
			reasons = append(reasons, reason{m.Name, err})
		}
	}
	return reasons
}

func (s *Service) dying() (reasons []reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
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
			reasons = append(reasons, reason{m.Name, err})
		}
	}
	return reasons
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
