package template

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/template/sqlite"
)

// atOnce is the shortest grace: whoever has not ended by then is listed.
const atOnce = time.Millisecond

// Serve runs the service until stop is set, or until a part of it fails, and
// then ends it in order, as the package comment says. It calls ready with the
// service's URL when requests are being accepted.
//
// It returns nil if it was stopped and everything has ended. An error holds a
// [*braid.StuckError] if something has not; Serve returns even so, for the
// process to exit.
//
// # Cancellation
//
// The end of ctx is the order to give up: Serve returns at once, with a
// [*braid.StuckError] that lists what ran.
func Serve(ctx context.Context, stop *braid.Event, cfg Config, log *slog.Logger, ready func(url string)) error {
	s := &service{cfg: cfg, log: log, stop: stop, ready: ready}
	s.background = []background{{"heartbeat", s.heartbeat}}
	return s.serve(ctx)
}

type service struct {
	cfg   Config
	log   *slog.Logger
	stop  *braid.Event
	ready func(url string)
	web   *server

	background []background
}

// background is a task that runs beside the requests, from when they are
// accepted until the service stops.
type background struct {
	name string
	run  func(context.Context) error
}

func (s *service) serve(ctx context.Context) error {
	return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
		// Not in the body: Run can leave a task behind, but not its body.
		g.Go(s.run, braid.Name("service"))
		return nil
	}, braid.Name("main"), braid.Grace(atOnce), braid.OnPanic(braid.AsError), braid.PanicHook(s.logPanic))
}

// errStopped is the cause with which the service cancels itself.
var errStopped = errors.New("the service was asked to stop")

// run opens what the service needs, runs its tasks, and closes in the reverse
// order.
func (s *service) run(ctx context.Context) (err error) {
	db, err := sqlite.Open(ctx, s.cfg.DB)
	if err != nil {
		return &startError{err, "name another file with --db"}
	}
	defer func() {
		err = errors.Join(err, db.Close())
		if err == nil {
			s.log.InfoContext(ctx, "stopped")
		}
	}()

	listener, err := net.Listen("tcp", s.cfg.HTTP)
	if err != nil {
		return &startError{err, "choose another address with --http"}
	}
	defer func() { _ = listener.Close() }() // again, as a rule
	s.web = &server{db: db, listener: listener, log: s.log}
	err = braid.Run(ctx, s.tasks, braid.Grace(s.cfg.Grace), braid.OnPanic(braid.AsError))
	if _, stuck := errors.AsType[*braid.StuckError](err); stuck {
		s.web.giveUp(ctx)
	}
	return err
}

// tasks starts the tasks of the service, in the order in which they need each
// other.
func (s *service) tasks(ctx context.Context, g *braid.Group) error {
	url, err := braid.Start(ctx, g, s.web.run, braid.Name("http"))
	if err != nil {
		return err
	}
	for _, b := range s.background {
		g.Go(b.run, braid.Name(b.name))
	}
	g.Go(func(ctx context.Context) error {
		if err := s.stop.Wait(ctx); err != nil {
			return err
		}
		s.log.InfoContext(ctx, "stopping")
		g.Cancel(errStopped)
		return nil
	}, braid.Name("stop"))
	s.log.InfoContext(ctx, "serving", "url", url, "db", s.cfg.DB)
	s.ready(url)
	return nil
}

// logPanic logs the panic of a task that is not a request; those are logged by
// package httptask.
func (s *service) logPanic(p *braid.PanicError) {
	s.log.Error("panic", "task", p.Task, "panic", p.Value, "stack", string(p.Stack))
}
