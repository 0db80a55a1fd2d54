package session

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// exchange is one try: a request that is sent, and its response until the body has ended.
//
// Its ctx is that of the call, with the time limit of the try, and not that of the task that sends it: the body outlives the task.
// It ends with the exchange.
type exchange struct {
	s        *Session
	call     *call
	req      *http.Request // as it was sent, with the ctx of the call
	attempt  int
	hedge    bool
	began    time.Time
	ctx      context.Context
	cancel   context.CancelCauseFunc
	release  func() // gives the place in the limit of the host back
	body     atomic.Pointer[body]
	asked    atomic.Bool // for a connection
	reused   atomic.Bool
	source   atomic.Pointer[error] // what the request's body has failed with
	patience patience              // for the header
	once     sync.Once
}

// begin registers a try, which must be ended with finish.
func (s *Session) begin(c *call, req *http.Request, n int, hedge bool, release func()) (*exchange, error) {
	x := &exchange{s: s, call: c, req: req, attempt: n, hedge: hedge, began: time.Now(), release: release}
	ctx, cancel := context.WithCancelCause(c.ctx)
	x.ctx, x.cancel = ctx, cancel
	if d := c.timeouts.Try; d > 0 {
		var stop context.CancelFunc
		x.ctx, stop = context.WithTimeoutCause(ctx, d, &TimeoutError{Phase: Try, After: d})
		x.cancel = func(cause error) { cancel(cause); stop() }
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		x.cancel(ErrClosed)
		return x, ErrClosed
	}
	s.open[x] = struct{}{}
	return x, nil
}

// finish ends the exchange, with err if it broke off. Only the first call counts.
func (x *exchange) finish(err error) {
	x.once.Do(func() {
		x.patience.stop()
		x.cancel(errOver)
		x.s.mu.Lock()
		delete(x.s.open, x)
		x.s.mu.Unlock()
		if x.release != nil {
			x.release()
		}
		if b := x.body.Load(); b != nil {
			x.tell(Event{Kind: BodyEnded, Status: b.status, Err: err, Bytes: b.read.Load(), Took: time.Since(x.began)})
		}
	})
}

func (x *exchange) tell(e Event) {
	e.Method, e.URL, e.Attempt, e.Hedge = x.req.Method, x.req.URL.Redacted(), x.attempt, x.hedge
	x.s.tell(x.call.caller, e)
}

// leaked returns the body if the response is there and the body has not ended.
func (x *exchange) leaked() (OpenBody, bool) {
	b := x.body.Load()
	if b == nil {
		return OpenBody{}, false
	}
	return OpenBody{Method: x.req.Method, URL: x.req.URL.Redacted(), Status: b.status, Age: time.Since(x.began), Read: b.read.Load()}, true
}

// breakOff ends the exchange from outside. The caller of the request, or the reader of its body, hears of the cause.
// A body that comes from Wrap may panic or exit, and OnEvent is told: whoever breaks off must go on.
func (x *exchange) breakOff(cause error) {
	x.cancel(cause)
	b := x.body.Load()
	if b == nil {
		return
	}
	apart(func() {
		defer func() {
			v := recover()
			if v != nil {
				slog.Error("session: the body of a response panicked when it was closed", "session", x.s.config.Name, "url", x.req.URL.Redacted(), "panic", v, "stack", string(debug.Stack()))
			}
			x.finish(cause) // as it is if the body could be closed
		}()
		b.breakOff(cause)
	})
}

// send sends the request and returns its response. The end of until ends the exchange, too, until the response is there.
func (x *exchange) send(until context.Context) (*http.Response, error) {
	stop := func() bool { return true }
	if until.Done() != nil {
		stop = context.AfterFunc(until, func() { x.cancel(context.Cause(until)) })
	}
	defer stop()
	trace := &httptrace.ClientTrace{
		GetConn: func(string) { x.asked.Store(true) },
		GotConn: func(info httptrace.GotConnInfo) { x.reused.Store(info.Reused) },
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if d := x.call.timeouts.Header; d > 0 && info.Err == nil {
				x.patience.start(d, func() { x.cancel(&TimeoutError{Phase: Header, After: d}) })
			}
		},
	}
	sent := x.watched(x.req.WithContext(httptrace.WithClientTrace(x.ctx, trace)))
	x.s.attempts.Add(1)
	if x.hedge {
		x.s.hedges.Add(1)
	} else if x.attempt > 1 {
		x.s.retries.Add(1)
	}
	x.tell(Event{Kind: TryStarted})
	resp, err := x.s.tries.RoundTrip(sent)
	x.patience.stop()
	switch {
	case err == nil && resp == nil:
		err = errNoResponse
	case x.ctx.Err() != nil || !stop(): // the response may be there, but its body is not
		if err == nil && resp.Body != nil {
			_ = resp.Body.Close()
		}
		<-x.ctx.Done() // stop says that the function has been started, which is not to say that it has come far
		err = context.Cause(x.ctx)
	case err != nil && x.source.Load() != nil:
		err = &requestError{err: *x.source.Load()}
	case err != nil && !x.asked.Load() && x.s.config.Wrap == nil: // net/http would not take it: a header that is none, for instance
		err = &requestError{err: err}
	}
	if err != nil {
		x.tell(Event{Kind: TryEnded, Err: err, Took: time.Since(x.began), Reused: x.reused.Load()})
		return nil, err
	}
	resp.Request = x.req
	if resp.Body == nil { // Wrap is free to leave it out, as with an http.Client
		resp.Body = http.NoBody
	}
	x.tell(Event{Kind: TryEnded, Status: resp.StatusCode, Took: time.Since(x.began), Reused: x.reused.Load()})
	x.wrap(resp)
	return resp, nil
}

// wrap puts the body of the exchange around that of resp.
func (x *exchange) wrap(resp *http.Response) {
	b := newBody(x, resp)
	x.body.Store(b)
	w, upgraded := resp.Body.(io.ReadWriteCloser)
	upgraded = upgraded && resp.StatusCode == http.StatusSwitchingProtocols
	if upgraded {
		b.limit, b.idle = -1, -1 // a conversation, which is nobody's body
		resp.Body = &conversation{body: b, w: w}
		caller := x.call.caller
		stop := context.AfterFunc(caller, func() { x.breakOff(context.Cause(caller)) }) // net/http does not look at it any more
		b.finally(func() { stop() })
	} else {
		resp.Body = b
	}
	if x.s.isClosed() { // which may have looked for a body when there was none yet
		b.breakOff(ErrClosed)
		return
	}
	if !upgraded && (x.req.Method == http.MethodHead || resp.ContentLength == 0 ||
		resp.StatusCode == http.StatusNoContent || resp.StatusCode == http.StatusNotModified) {
		b.none()
	}
}

// requestError marks a request that cannot be sent, to whomever.
type requestError struct{ err error }

func (e *requestError) Error() string { return e.err.Error() }
func (e *requestError) Unwrap() error { return e.err }

func isRequestError(err error) bool {
	_, ok := errors.AsType[*requestError](err)
	return ok
}

func (s *Session) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// patience is a timer that may be started by a goroutine of net/http and is stopped for good by ours.
type patience struct {
	mu    sync.Mutex
	timer *time.Timer
	over  bool
}

func (p *patience) start(d time.Duration, f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.over:
	case p.timer == nil:
		p.timer = time.AfterFunc(d, f)
	default:
		p.timer.Reset(d) // net/http sends again what a connection that died has not taken
	}
}

func (p *patience) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	if p.timer != nil {
		p.timer.Stop()
	}
}
