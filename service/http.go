package service

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/internal/sched"
)

// What an [HTTPConfig] sets of an http.Server, which has no limits by itself.
const (
	DefaultReadHeaderTimeout = 5 * time.Second
	DefaultIdleTimeout       = 2 * time.Minute
)

// leaving is how long connections on which nothing is under way, and answers that are being sent, may hold up a server that has nothing else to do.
const leaving = time.Second

// accepting is the name of the task that accepts connections.
const accepting = "accept"

// HTTPConfig is an HTTP server; see [HTTP].
type HTTPConfig struct {
	// Name is that of the component; "" means "http".
	Name string

	// Addr is where to listen, host:port; port 0 takes a free one. Or else Listener is listened on already:
	// then the component can be started only once, since its end closes it.
	Addr     string
	Listener net.Listener

	// Handler answers the requests. Each of them is a task of the component, named after its pattern if Handler is a *http.ServeMux, and
	// "request" otherwise; its ctx ends when the client goes away, or when the time to stop is over. A panic is logged with its stack,
	// and cuts the connection. When the server stops, requests that come are refused with status 503, and those that are under way are waited for.
	Handler http.Handler

	// Always are further handlers by their patterns, which are called to the last, are no tasks, and hold up nobody: those about health.
	Always map[string]http.Handler

	// Routes, instead of Handler and Always, makes the handler when the server starts: for one that makes its requests tasks by itself.
	Routes func(HTTPScope) http.Handler

	// Configure, if not nil, may change the server before it serves: limits, for example. Its Handler and BaseContext are set already.
	// With a TLSConfig, which must hold the certificates, it serves TLS.
	Configure func(*http.Server)

	// OnListen, if not nil, hears of the address when the server listens, before it serves. The log has it too.
	OnListen func(net.Addr)

	// Log hears of what net/http says, of panics and of the stop; nil means that of the service.
	Log *slog.Logger
}

// HTTPScope is what a handler needs that makes its requests tasks by itself.
type HTTPScope struct {
	// Work holds the requests that a stop waits for. It is cancelled with [ErrStopTimeout] when the time is over.
	Work *braid.Group

	// Always holds requests that a stop does not wait for: those about health, and refusals. It ends after Work.
	Always *braid.Group

	// Stopping is set when the server stops. The handler should refuse work from then on, for requests still arrive.
	// A program that wants work to be refused even earlier, when others are being stopped, may set it by itself.
	Stopping *braid.Event
}

func (c *HTTPConfig) check() string {
	switch {
	case c.Addr == "" && c.Listener == nil:
		return "HTTPConfig needs an Addr, such as \"localhost:8080\", or a Listener"
	case c.Addr != "" && c.Listener != nil:
		return "HTTPConfig has both an Addr and a Listener: leave one out"
	case (c.Handler == nil) == (c.Routes == nil):
		return "HTTPConfig needs either a Handler or Routes"
	case c.Routes != nil && c.Always != nil:
		return "HTTPConfig has both Routes and Always: let Routes have all handlers"
	}
	return c.checkPatterns()
}

// checkPatterns says what is wrong with the patterns of Always: what http.ServeMux panics with, and now, not when the server starts.
func (c *HTTPConfig) checkPatterns() (wrong string) {
	defer func() {
		if v := recover(); v != nil {
			wrong = fmt.Sprintf("HTTPConfig.Always: %v", v)
		}
	}()
	c.beside(http.NotFoundHandler())
	return ""
}

// HTTP returns a server as a component, whose Restart and timeouts may be set.
//
// Its Start listens: an address that is taken is a failure of the start, and the next component starts when connections are accepted.
// When it is told to stop, it refuses new requests, on a listener that is still open, until those that are under way have been answered, and then closes.
// Connections on which nothing is under way get no more than a second. When the StopTimeout is over, the requests are cancelled, and have a part of the
// last moment to tell their clients; then the connections are closed, for who reads a body, or writes to a client that does not read.
// A connection that a handler has taken over is the handler's to close.
//
// If the listener fails, the component is not ready any more, and has failed when the requests under way have been answered; they have the StopTimeout for that.
//
// HTTP panics if c makes no sense. The connections are those of net/http, each with its goroutine. On the event loop the requests are tasks of the loop.
func HTTP(c HTTPConfig) Component {
	if wrong := c.check(); wrong != "" {
		panic("service: " + wrong)
	}
	if c.Name == "" {
		c.Name = "http"
	}
	h := &httpServer{cfg: c, given: c.Listener}
	h.serving.SetName(c.Name + " serves")
	return Component{Name: c.Name, Start: h.listen, Run: h.run, Stop: h.close, Ready: h.serving.Wait}
}

type httpServer struct {
	cfg      HTTPConfig
	given    net.Listener // nil when it has been used
	listener net.Listener
	serving  braid.Event // set when it is about to accept connections
}

func (h *httpServer) listen(ctx context.Context) (err error) {
	h.serving.Clear()
	switch {
	case h.given != nil:
		h.listener, h.given = h.given, nil
	case h.cfg.Addr == "":
		return errors.New("service: the listener that was given has been closed, so the server cannot be started again: give it an Addr instead")
	default:
		var lc net.ListenConfig
		if h.listener, err = lc.Listen(ctx, "tcp", h.cfg.Addr); err != nil {
			return err
		}
	}
	told := false
	defer func() {
		if !told { // a panic, so that the start has failed, and close will not be called
			_ = h.listener.Close()
		}
	}()
	logOf(ctx, h.cfg.Log).InfoContext(ctx, "listening", "component", h.cfg.Name, "addr", h.listener.Addr())
	if h.cfg.OnListen != nil {
		h.cfg.OnListen(h.listener.Addr())
	}
	told = true
	return nil
}

// close closes what Start has opened; the server has done so already, if it has served.
func (h *httpServer) close(context.Context) error {
	if err := h.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// run serves until ctx ends, then takes no new work and returns when what has begun has been answered.
//
// Its two scopes hang below the component's task but do not end with its ctx. The inner one holds the requests, and ends
// when the last has been answered; the outer one answers meanwhile those who ask for more.
func (h *httpServer) run(ctx context.Context) error {
	l := lifeOf(ctx)
	logger := logOf(ctx, h.cfg.Log)
	lim := braid.NewLimiter(h.cfg.Name, 2) // to serve and to shut down
	var failed error
	err := braid.Run(context.WithoutCancel(ctx), func(serving context.Context, always *braid.Group) error {
		var stopping braid.Event
		stopping.SetName(h.cfg.Name + " stops")
		srv := &http.Server{ReadHeaderTimeout: DefaultReadHeaderTimeout, IdleTimeout: DefaultIdleTimeout}
		var impatient *braid.Handle
		forget := func() {}
		err := braid.Run(serving, func(_ context.Context, work *braid.Group) error {
			forget = l.onKill(hook{ // which goes on when this function has returned
				kill: func() { work.Cancel(ErrStopTimeout) },
				cut:  func() { _ = srv.Close() }, // for who reads from a client, or writes to it
			})
			srv.Handler = h.handler(HTTPScope{Work: work, Always: always, Stopping: &stopping}, logger)
			srv.BaseContext = func(net.Listener) context.Context { return serving }
			srv.ErrorLog = log.New(logWriter{serving, logger}, "", 0)
			if h.cfg.Configure != nil {
				h.cfg.Configure(srv)
			}
			accept := always.Go(func(ctx context.Context) error {
				// A failure is kept, not returned: it would cancel the requests, and there is no need for that.
				failed = blocking(ctx, lim, func(outside context.Context) error {
					if sched.From(ctx) != nil { // whose tasks the goroutines of net/http are not
						srv.BaseContext = func(net.Listener) context.Context { return outside }
					}
					return serve(srv, h.listener)
				})
				return nil
			}, braid.Name(accepting))
			h.serving.Set()
			if accept.Wait(ctx) == nil { // it has failed, and nobody has told the component to stop
				h.serving.Clear()
				logger.ErrorContext(ctx, "no longer accepting", "component", h.cfg.Name, "err", failed)
				impatient = always.Go(func(ctx context.Context) error {
					if err := braid.Sleep(ctx, l.patience()); err != nil {
						return err
					}
					work.Cancel(failed)
					if err := braid.Sleep(ctx, l.lastMoment()/4); err != nil {
						return err
					}
					_ = srv.Close() // for who reads from a client, or writes to it, and does not see a cancel
					return nil
				}, braid.Name("impatient"))
			}
			stopping.Set()
			logger.InfoContext(ctx, "draining", "component", h.cfg.Name, "requests", work.Statistics().Running)
			return nil
		})
		forget()
		if impatient != nil {
			impatient.Cancel(nil)
		}
		return errors.Join(err, blocking(serving, lim, func(context.Context) error { return shut(serving, srv, l) }))
	})
	return errors.Join(err, failed)
}

// serve accepts connections until the server is shut down.
func serve(srv *http.Server, listener net.Listener) (err error) {
	if srv.TLSConfig != nil {
		err = srv.ServeTLS(listener, "", "")
	} else {
		err = srv.Serve(listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// blocking calls fn, which blocks its goroutine. Its ctx has no task.
func blocking(ctx context.Context, lim *braid.Limiter, fn func(context.Context) error) error {
	_, err := braid.Offload(ctx, lim, func(ctx context.Context) (struct{}, error) { return struct{}{}, fn(ctx) })
	return err
}

// shut closes the listener and the connections. Connections on which nothing is under way, which Shutdown would give up to 5 s to begin something,
// have no more than a second.
func shut(ctx context.Context, srv *http.Server, l *lived) error {
	limit := leaving
	left, killed := l.left(ctx)
	if l != nil && killed {
		left = l.lastMoment() / 2
	}
	limit = min(limit, left/2)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	if srv.Shutdown(ctx) == nil {
		return nil
	}
	return srv.Close()
}

// handler returns the handler of a server that serves in s.
func (h *httpServer) handler(s HTTPScope, logger *slog.Logger) http.Handler {
	if h.cfg.Routes != nil {
		return h.cfg.Routes(s)
	}
	tasks := &requestTasks{next: h.cfg.Handler, scope: s, portal: braid.NewPortal(s.Work), log: logger}
	tasks.mux, _ = h.cfg.Handler.(interface {
		Handler(r *http.Request) (http.Handler, string)
	})
	if len(h.cfg.Always) == 0 {
		return tasks
	}
	return h.cfg.beside(tasks)
}

// beside returns the handlers of Always, with h for everything else.
func (c *HTTPConfig) beside(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", h)
	for pattern, handler := range c.Always {
		mux.Handle(pattern, handler)
	}
	return mux
}

// requestTasks makes each request a task.
type requestTasks struct {
	next http.Handler
	mux  interface { // next, if it knows patterns
		Handler(r *http.Request) (http.Handler, string)
	}
	scope  HTTPScope
	portal *braid.Portal
	log    *slog.Logger
}

// ServeHTTP implements http.Handler.
func (t *requestTasks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if t.scope.Stopping.IsSet() {
		refuse(w)
		return
	}
	name := "request"
	if t.mux != nil {
		if _, pattern := t.mux.Handler(r); pattern != "" {
			name = pattern
		}
	}
	began := false
	err := t.portal.Do(r.Context(), func(ctx context.Context) error {
		began = true
		t.next.ServeHTTP(w, r.WithContext(ctx))
		return nil
	}, braid.Name(name))
	if !began { // the scope has ended in the same moment, or the client has gone
		refuse(w)
		return
	}
	p, panicked := errors.AsType[*braid.PanicError](err)
	if !panicked {
		return
	}
	if v, ok := p.Value.(error); !ok || !errors.Is(v, http.ErrAbortHandler) {
		t.log.ErrorContext(r.Context(), "panic in a handler", "task", p.Task, "panic", p.Value, "stack", string(p.Stack))
	}
	panic(http.ErrAbortHandler) // cuts the connection, lest the client takes a part of the answer for the whole
}

func refuse(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	w.Header().Set("Retry-After", "5")
	http.Error(w, "the service is stopping", http.StatusServiceUnavailable)
}

// logWriter lets net/http's own messages appear under the task that serves.
type logWriter struct {
	ctx context.Context
	log *slog.Logger
}

// Write implements io.Writer.
func (w logWriter) Write(p []byte) (int, error) {
	w.log.WarnContext(w.ctx, "net/http", "message", strings.TrimSpace(string(p)))
	return len(p), nil
}

// URL returns where a browser on this machine finds an HTTP server that listens on addr.
func URL(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "http://" + addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}
