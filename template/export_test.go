package template

import (
	"context"
	"log/slog"

	"github.com/braid-go/braid"
)

// Service is what Serve runs.
type Service = service

// NewService returns the service that Serve runs, with one more background task.
func NewService(stop *braid.Event, cfg Config, log *slog.Logger, ready func(string), name string, run func(context.Context) error) *Service {
	s := &service{cfg: cfg, log: log, stop: stop, ready: ready}
	s.background = []background{{"heartbeat", s.heartbeat}, {name, run}}
	return s
}

// ServeService runs s as Serve does.
func ServeService(ctx context.Context, s *Service) error { return s.serve(ctx) }

// Requests returns how many requests are under way.
func Requests(s *Service) int { return s.web.running() }

// Explain is what Main prints of an error.
var Explain = explain
