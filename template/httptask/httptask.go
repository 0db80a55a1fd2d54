// Package httptask makes each HTTP request a task of a braid group.
//
// The request's handler runs as a task under the name of its route, on the
// goroutine on which net/http called it. It is seen in the tree beside all
// other tasks, and its ctx, which the handler finds in r.Context(), ends when
// the client goes away or the group is cancelled, whichever is first.
//
// # Lifetime
//
// A handler made by [Tasks.Handler] returns when the task has ended, as
// net/http requires. The group's Run waits for the requests that are under way;
// a request that comes when the group is cancelled or has ended is refused with
// status 503.
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
	// that was sent: 0 if the connection was cut instead, 101 if it was taken
	// over. Nil costs nothing, not even a look at the clock.
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

// exchange is one request on its way through a task. It is made once a request,
// with all that would otherwise be allocated piece by piece; and it is not used
// again, because a handler may keep its ResponseWriter for too long.
type exchange struct {
	response

	next http.Handler
	req  *http.Request
	task context.Context // set when the handler runs
}

// run is the task's function.
func (x *exchange) run(ctx context.Context) error {
	x.task = ctx
	x.next.ServeHTTP(&x.response, x.req.WithContext(ctx))
	return nil
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := h.tasks
	var start time.Time
	if t.done != nil {
		start = time.Now()
	}
	x := &exchange{response: response{ResponseWriter: w}, next: h.next, req: r}
	err := t.portal.Do(r.Context(), x.run, h.opts...)

	cut := false
	p, panicked := errors.AsType[*braid.PanicError](err)
	switch {
	case x.task == nil:
		// There will be no task: the group ends, or the client has gone already
		// and reads no answer.
		x.task = r.Context()
		problem.Stopping(x.Header()).Write(x)
	case panicked:
		cut = t.panicked(x, p)
	case x.status == 0:
		x.status = http.StatusOK // which net/http sends when we return
	}
	if t.done != nil {
		t.done(x.task, r, x.status, time.Since(start))
	}
	if cut {
		panic(http.ErrAbortHandler)
	}
}

// panicked answers a request whose handler has panicked, or reports that the
// connection must be cut instead.
func (t *Tasks) panicked(x *exchange, p *braid.PanicError) (cut bool) {
	if v, ok := p.Value.(error); ok && errors.Is(v, http.ErrAbortHandler) {
		return true
	}
	// p.Task is the request's task, or one inside it.
	t.log.LogAttrs(x.task, slog.LevelError, "panic in a handler",
		slog.String("task", p.Task), slog.Any("panic", p.Value), slog.String("stack", string(p.Stack)))
	if x.status != 0 {
		return true
	}
	problem.New(http.StatusInternalServerError, "the service could not do this; its log says why").Write(x)
	return false
}
