package template

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/service"
	"github.com/braid-go/braid/template/sqlite"
	"github.com/braid-go/braid/template/web"
)

// maxHeader bounds the size of a request's header, in bytes.
const maxHeader = 64 << 10

// Serve runs the service until a signal comes, or until a part of it fails, and
// then ends it in order, as the package comment says. It calls ready when all of it runs.
//
// It returns nil if it was stopped and everything has ended. An error holds a
// [*braid.StuckError] if something has not; Serve returns even so, for the
// process to exit.
//
// # Cancellation
//
// The end of ctx is the order to give up: Serve returns at once, with a
// [*braid.StuckError] that lists what ran. If ctx is done already, it starts
// nothing and returns the cause.
func Serve(ctx context.Context, cfg Config, log *slog.Logger, ready func(Places)) error {
	return newApp(cfg, log, ready).serve(ctx)
}

// Places are where a running service can be found.
type Places struct {
	URL     string // of the API
	Socket  string // where the inspector answers; "" if there is none
	Console string // the URL of its page, with the token; "" if there is none
}

// app is what the components of the service share.
type app struct {
	*service.Service

	cfg   Config
	log   *slog.Logger
	ready func(Places)

	db      *sqlite.DB
	addr    net.Addr
	socket  string                            // of the inspector
	console string                            // its URL, with the token; "" for none
	web     atomic.Pointer[service.HTTPScope] // nil until requests are answered
}

// newApp returns the service: what comes later needs what comes before, so it
// is started after it and stopped before. The extra components come last but one.
func newApp(cfg Config, log *slog.Logger, ready func(Places), extra ...service.Component) *app {
	a := &app{cfg: cfg, log: log, ready: ready}
	a.Service = service.New(service.Config{
		Name: "service", Log: log, StopTimeout: cfg.Grace, StopWithin: cfg.Grace,
		Signals: []os.Signal{os.Interrupt, syscall.SIGTERM}, // Windows has Ctrl-C, which arrives as os.Interrupt, and nothing like SIGTERM
	})
	a.Add(
		a.inspector(),
		service.Component{Name: "database", Start: a.openDB, Stop: a.closeDB},
		a.http(),
		service.Periodic(service.PeriodicConfig{Name: "heartbeat", Every: cfg.Heartbeat, Do: a.beat()}),
	)
	if cfg.Chaos {
		a.Add(a.chaos()...)
	}
	a.Add(extra...)
	a.Add(service.Component{Name: "gate", Start: a.open, Stop: a.close})
	return a
}

func (a *app) serve(ctx context.Context) (err error) {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	defer context.AfterFunc(ctx, func() {
		a.Stop(nil) // if it has not begun yet
		a.Abort(context.Cause(ctx))
	})()
	gone := ctx
	return errors.Join(braid.Run(context.WithoutCancel(ctx), func(ctx context.Context, _ *braid.Group) error {
		if err = a.Run(ctx); err == nil && a.Status().State == service.Idle {
			err = context.Cause(gone) // it has ended before anything began
		}
		return nil
	}, braid.Name("main")), err)
}

func (a *app) openDB(ctx context.Context) (err error) {
	if a.db, err = sqlite.Open(ctx, a.cfg.DB); err != nil {
		return &startError{err, "name another file with --db"}
	}
	return nil
}

func (a *app) closeDB(context.Context) error { return a.db.Close() }

func (a *app) http() service.Component {
	c := service.HTTP(service.HTTPConfig{
		Addr:     a.cfg.HTTP,
		OnListen: func(addr net.Addr) { a.addr = addr },
		Routes: func(s service.HTTPScope) http.Handler {
			a.web.Store(&s)
			return web.New(s.Work, s.Always, web.Parts{Users: a.db, Ping: a.db.Ping, Log: a.log, Stopping: s.Stopping})
		},
		Configure: func(s *http.Server) {
			s.DisableGeneralOptionsHandler = true // "OPTIONS *" is a request as others are
			s.MaxHeaderBytes = maxHeader
		},
		Log: a.log,
	})
	listen := c.Start
	c.Start = func(ctx context.Context) error {
		if err := listen(ctx); err != nil {
			return &startError{err, "choose another address with --http"}
		}
		return nil
	}
	return c
}

// beat returns the run of the heartbeat, which logs a sign of life with the
// number of requests under way. It stands for the work that a service does unasked.
func (a *app) beat() func(context.Context) error {
	beats := 0
	return func(ctx context.Context) error {
		beats++
		a.log.InfoContext(ctx, "beat", "beats", beats, "requests", a.requests())
		return nil
	}
}

// requests returns how many requests are under way.
func (a *app) requests() int { return a.web.Load().Work.Statistics().Running }

// open is the last step of the start.
func (a *app) open(ctx context.Context) error {
	url := service.URL(a.addr)
	a.log.InfoContext(ctx, "serving", "url", url, "db", a.cfg.DB, "inspector", a.socket)
	a.ready(Places{URL: url, Socket: a.socket, Console: a.console})
	return nil
}

// close is the first step of the stop: no request for new work is taken any
// more, whatever has to end before the server's turn comes.
func (a *app) close(context.Context) error {
	a.web.Load().Stopping.Set()
	return nil
}
