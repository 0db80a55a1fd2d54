package template

import (
	"context"
	"log/slog"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/service"
)

// Service is what Serve runs.
type Service = app

// NewService returns the service that Serve runs, with one more background task.
// It stops when stop is set.
func NewService(stop *braid.Event, cfg Config, log *slog.Logger, ready func(Places), name string, run func(context.Context) error) *Service {
	var a *app
	a = newApp(cfg, log, ready, service.Component{Name: name, Run: run}, service.Component{Name: "until", Run: func(ctx context.Context) error {
		err := stop.Wait(ctx)
		a.Stop(nil)
		return err
	}})
	return a
}

// ServeService runs s as Serve does.
func ServeService(ctx context.Context, s *Service) error { return s.serve(ctx) }

// Requests returns how many requests are under way.
func Requests(s *Service) int { return s.requests() }

// Explain is what Main prints of an error.
var Explain = explain

// See is what tells how to see what runs.
var See = see
