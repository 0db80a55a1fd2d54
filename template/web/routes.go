// Package web is the service's HTTP face: routes, what they read and write,
// and how errors become answers. Every request is a task, see package
// httptask; every error is a problem document, see package problem.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/template/httptask"
)

// Parts is what the routes need. All fields are required.
type Parts struct {
	Users Users
	Ping  func(context.Context) error // whether the store answers
	Log   *slog.Logger

	// Stopping is set when the service begins to stop: from then on /readyz
	// says 503 and new requests are refused.
	Stopping *braid.Event
}

// everything is the pattern that matches what no other does.
const everything = "/"

type site struct {
	Parts
	mux *http.ServeMux

	work   *httptask.Tasks // for what a stopping service waits for
	always *httptask.Tasks // for what it answers to the last
}

// New returns the handler of all routes. Requests for work are tasks of work,
// which ends when a stopping service has done what it had begun. Requests about
// the service's health are tasks of always, and so are the refusals of more
// work: however many of them come, they hold up nobody.
func New(work, always *braid.Group, p Parts) http.Handler {
	opts := httptask.Options{Log: p.Log, Done: logged(p.Log)}
	s := &site{
		Parts:  p,
		mux:    http.NewServeMux(),
		work:   httptask.New(work, opts),
		always: httptask.New(always, opts),
	}
	s.route("GET /{$}", hello)
	s.route("GET /{name}", hello)
	s.route("GET /delay/{ms}", delay)
	s.route("POST /users", s.createUser)
	s.route("GET /users", s.listUsers)
	s.route("GET /users/{id}", s.getUser)
	s.route("PUT /users/{id}", s.replaceUser)
	s.route("DELETE /users/{id}", s.deleteUser)
	unmatched := s.worker("unmatched", s.unmatched)
	s.mux.Handle(everything, unmatched)
	s.mux.Handle("GET /healthz", s.always.Handler("GET /healthz", s.handler(s.healthz)))
	s.mux.Handle("GET /readyz", s.always.Handler("GET /readyz", s.handler(s.readyz)))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !hasPlainPath(r) {
			unmatched.ServeHTTP(w, r)
			return
		}
		s.mux.ServeHTTP(w, r)
	})
}

// route adds a route for work. Each request is a task named by the pattern.
func (s *site) route(pattern string, h handler) {
	s.mux.Handle(pattern, s.worker(strings.TrimSuffix(pattern, "{$}"), h))
}

// worker makes requests for work tasks of the given name, and refuses them
// when the service stops.
func (s *site) worker(name string, h handler) http.Handler {
	work := s.work.Handler(name, s.handler(skipBody(h)))
	refuse := s.always.Handler(name, s.handler(refuse))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Stopping.IsSet() {
			refuse.ServeHTTP(w, r)
			return
		}
		work.ServeHTTP(w, r)
	})
}
