package template

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/template/sqlite"
	"github.com/braid-go/braid/template/web"
)

const (
	// headerTimeout bounds how long a client may take to send a request's
	// header, idleTimeout how long a connection is kept that sends none.
	headerTimeout = 5 * time.Second
	idleTimeout   = 2 * time.Minute

	// lastMoment is what cancelled requests have to tell their clients.
	lastMoment = time.Second
)

// server is the service's HTTP side.
type server struct {
	db       *sqlite.DB
	listener net.Listener
	log      *slog.Logger

	http     http.Server
	stopping braid.Event
	requests *braid.Group
}

// run serves until ctx ends, then takes no new requests and returns when those
// under way have been answered. It calls ready with its URL.
func (s *server) run(ctx context.Context, ready func(url string)) error {
	// The requests' scope hangs below this task, where it is seen and waited
	// for, but does not end with its ctx: what has begun may finish.
	return braid.Run(context.WithoutCancel(ctx), func(requests context.Context, g *braid.Group) error {
		s.requests = g
		s.http.Handler = web.New(g, web.Parts{Users: s.db, Ping: s.db.Ping, Log: s.log, Stopping: &s.stopping})
		s.http.ReadHeaderTimeout = headerTimeout
		s.http.IdleTimeout = idleTimeout
		s.http.ErrorLog = log.New(logWriter{ctx, s.log}, "", 0)
		accept := g.Go(func(context.Context) error {
			if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		}, braid.Name("accept"))
		ready(url(s.listener.Addr()))

		_ = accept.Wait(ctx) // until it fails, which the group reports, or until the service stops
		s.stopping.Set()
		s.log.InfoContext(ctx, "draining", "requests", s.running())
		return s.http.Shutdown(requests)
	})
}

// running returns how many requests are under way.
func (s *server) running() int {
	return s.requests.Statistics().Running - 1 // the other one is "accept"
}

// giveUp cancels the requests and waits a last moment for their answers to
// leave. ctx gives values only.
func (s *server) giveUp(ctx context.Context) {
	if s.requests == nil { // it was not even up
		return
	}
	s.requests.Cancel(web.ErrGraceOver)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastMoment)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
}

// url is where a browser on this machine finds addr.
func url(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "http://" + addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// logWriter lets net/http's own messages appear under the task that serves.
type logWriter struct {
	ctx context.Context
	log *slog.Logger
}

func (w logWriter) Write(p []byte) (int, error) {
	w.log.WarnContext(w.ctx, "net/http", "message", strings.TrimSpace(string(p)))
	return len(p), nil
}
