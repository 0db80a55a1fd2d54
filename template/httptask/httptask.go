// Package httptask makes each HTTP request a task of a braid group.
//
// The request's handler runs as a task under the name of its route, on the
// goroutine on which net/http called it. It is seen in the tree beside all
// other tasks, and its ctx, which the handler finds in r.Context(), ends when
// the client goes away or the group is cancelled, whichever is first.
//
// # Lifetime
//
// [Tasks.Handler] returns when the task has ended, as net/http requires. The
// group's Run waits for the requests that are under way; a request that comes
// when the group is cancelled or has ended is refused with status 503.
//
// # Panics
//
// A panic ends its request alone. It is logged with the task's path and the
// stack, and the client gets status 500 as a problem document. If the handler
// had begun its answer, the connection is cut instead, so that the client does
// not take a part for the whole. A panic with [http.ErrAbortHandler] means
// what it means to net/http: cut the connection and log nothing.
package httptask

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/template/problem"
)

// Options configures [New]. The zero value works.
type Options struct {
	// Log receives the panics. Nil means slog.Default().
	Log *slog.Logger

	// Done is called after each request with the task's ctx and the status
	// that was sent: 0 if there was no answer because the connection was cut
	// or taken over. Nil costs nothing, not even a look at the clock.
	Done func(ctx context.Context, r *http.Request, status int, took time.Duration)
}

// Tasks runs requests as tasks of one group.
type Tasks struct {
	portal *braid.Portal
	log    *slog.Logger
	done   func(context.Context, *http.Request, int, time.Duration)
}

// New returns Tasks that runs requests in g.
func New(g *braid.Group, opts Options) *Tasks {
	log := opts.Log
	if log == nil {
		log = slog.Default()
	}
	return &Tasks{portal: braid.NewPortal(g), log: log, done: opts.Done}
}

// Handler returns a handler that runs h as a task called name for each
// request. A route's pattern, such as "GET /users/{id}", is a good name: there
// are few of them and they hold nothing that a caller made up.
func (t *Tasks) Handler(name string, h http.Handler) http.Handler {
	return &handler{tasks: t, next: h, opts: []braid.TaskOption{braid.Name(name)}}
}

type handler struct {
	tasks *Tasks
	next  http.Handler
	opts  []braid.TaskOption // made once; a request allocates none
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := h.tasks
	x := response{ResponseWriter: w}
	var start time.Time
	if t.done != nil {
		start = time.Now()
	}
	var task context.Context // set when the handler runs
	err := t.portal.Do(r.Context(), func(ctx context.Context) error {
		task = ctx
		h.next.ServeHTTP(&x, r.WithContext(ctx))
		return nil
	}, h.opts...)

	cut := false
	p, panicked := errors.AsType[*braid.PanicError](err)
	switch {
	case task == nil:
		task = r.Context()
		refuse(&x)
	case panicked:
		cut = t.panicked(task, &x, p)
	case x.status == 0:
		x.status = http.StatusOK // which net/http sends when we return
	}
	if t.done != nil {
		t.done(task, r, x.status, time.Since(start))
	}
	if cut {
		panic(http.ErrAbortHandler)
	}
}

// refuse answers a request that cannot become a task, because the group ends.
func refuse(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	w.Header().Set("Retry-After", "1")
	problem.New(http.StatusServiceUnavailable, "the service is stopping; try again").Write(w)
}

// panicked answers a request whose handler has panicked, or reports that the
// connection must be cut instead.
func (t *Tasks) panicked(ctx context.Context, w *response, p *braid.PanicError) (cut bool) {
	if errors.Is(p, http.ErrAbortHandler) {
		return true
	}
	t.log.LogAttrs(ctx, slog.LevelError, "panic in a handler",
		slog.Any("panic", p.Value), slog.String("stack", string(p.Stack)))
	if w.status != 0 {
		return true
	}
	problem.New(http.StatusInternalServerError, "the service could not do this; its log says why").Write(w)
	return false
}
