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
	mux   *http.ServeMux
	tasks *httptask.Tasks
}

// New returns the handler of all routes. It runs each request as a task of g.
func New(g *braid.Group, p Parts) http.Handler {
	s := &site{
		Parts: p,
		mux:   http.NewServeMux(),
		tasks: httptask.New(g, httptask.Options{Log: p.Log, Done: logged(p.Log)}),
	}
	s.work("GET /{$}", hello)
	s.work("GET /{name}", hello)
	s.work("GET /delay/{ms}", delay)
	s.work("POST /users", s.createUser)
	s.work("GET /users", s.listUsers)
	s.work("GET /users/{id}", s.getUser)
	s.work("PUT /users/{id}", s.replaceUser)
	s.work("DELETE /users/{id}", s.deleteUser)
	s.work(everything, s.unmatched)
	s.route("GET /healthz", s.healthz)
	s.route("GET /readyz", s.readyz)
	return s.mux
}

// work adds a route that takes no new requests when the service stops.
func (s *site) work(pattern string, h handler) { s.route(pattern, s.refuseWhenStopping(h)) }

// route adds a route whose requests are tasks named by its pattern.
func (s *site) route(pattern string, h handler) {
	name := strings.TrimSuffix(pattern, "{$}")
	if pattern == everything {
		name = "unmatched"
	}
	s.mux.Handle(pattern, s.tasks.Handler(name, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	})))
}
