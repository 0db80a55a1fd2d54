package template

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
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

	// maxHeader bounds the header's size, in bytes.
	maxHeader = 64 << 10

	// lastMoment is what answers have to leave the house when nothing else
	// is to be done.
	lastMoment = time.Second
)

// accepting is the name of the task that accepts connections.
const accepting = "accept"

// server is the service's HTTP side.
type server struct {
	db       *sqlite.DB
	listener net.Listener
	log      *slog.Logger

	http     http.Server
	stopping braid.Event
	work     atomic.Pointer[braid.Group] // the requests; nil until the service is up
	failed   error                       // why no more connections are accepted; read when the accepting task has ended
}

// run serves until ctx ends, then takes no new work and returns when what has
// begun has been answered. It calls ready with its URL.
//
// Its two scopes hang below the calling task, where they are seen and waited
// for, but do not end with its ctx. The inner one holds the requests, and ends
// when the last has been answered; the outer one answers meanwhile those who
// ask for more.
func (s *server) run(ctx context.Context, ready func(url string)) error {
	err := braid.Run(context.WithoutCancel(ctx), func(serving context.Context, g *braid.Group) error {
		err := braid.Run(serving, func(_ context.Context, work *braid.Group) error {
			s.open(ctx, work, g)
			accept := g.Go(s.accept, braid.Name(accepting))
			ready(url(s.listener.Addr()))

			_ = accept.Wait(ctx) // until it fails, or the service stops
			s.stopping.Set()
			s.log.InfoContext(ctx, "draining", "requests", s.running())
			return nil
		})
		return errors.Join(err, s.close(serving))
	})
	return errors.Join(err, s.failed)
}

func (s *server) open(ctx context.Context, work, always *braid.Group) {
	s.work.Store(work)
	s.http.Handler = web.New(work, always, web.Parts{Users: s.db, Ping: s.db.Ping, Log: s.log, Stopping: &s.stopping})
	s.http.DisableGeneralOptionsHandler = true // "OPTIONS *" is a request as others are
	s.http.MaxHeaderBytes = maxHeader
	s.http.ReadHeaderTimeout = headerTimeout
	s.http.IdleTimeout = idleTimeout
	s.http.ErrorLog = log.New(logWriter{ctx, s.log}, "", 0)
}

// accept takes connections until Shutdown. Its failure is kept, not returned:
// it would cancel the requests, and there is no need for that.
func (s *server) accept(context.Context) error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		s.failed = err
	}
	return nil
}

// running returns how many requests are under way.
func (s *server) running() int { return s.work.Load().Statistics().Running }

// close closes the listener and the connections. Answers that are on their way
// have a last moment; connections on which nothing is under way, which
// Shutdown would give up to 5 s to begin something, have no more than that.
// ctx gives values only.
func (s *server) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastMoment)
	defer cancel()
	if s.http.Shutdown(ctx) == nil {
		return nil
	}
	return s.http.Close()
}

// giveUp cancels the requests and closes when their answers have left.
func (s *server) giveUp(ctx context.Context) {
	work := s.work.Load()
	if work == nil { // it was not even up
		return
	}
	work.Cancel(web.ErrGraceOver)
	_ = s.close(ctx)
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
