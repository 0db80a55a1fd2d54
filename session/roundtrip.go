package session

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
)

// RoundTrip sends one request, as net/http describes it for an [http.RoundTripper]: it follows no redirects and keeps no cookies,
// and any status is a response, also with Config.StatusErrors. Everything else that the config says it does.
// The caller must close the response's body, or read it to its end.
// The time limit for all of it begins here, unless the request comes from [Session.Do].
//
// # Cancellation
//
// If the request's ctx is done already, or ends before the response is there, RoundTrip returns its cause,
// when all that it had begun has been cancelled and joined, except for a connection that is being made, which may be of use to others.
// If it ends later, the body breaks off.
func (s *Session) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := checkRequest(req); err != nil {
		return nil, err
	}
	if c := s.callOf(req.Context()); c != nil {
		return s.send(c, req)
	}
	c := s.newCall(req.Context())
	over := false
	defer func() {
		if !over {
			c.end()
		}
	}()
	resp, err := s.send(c, req)
	if err != nil {
		return nil, err
	}
	over = true
	bodyOf(resp).finally(c.end)
	return resp, nil
}

func checkRequest(req *http.Request) error {
	switch {
	case req == nil:
		return errors.New("session: the request is nil; make one with http.NewRequestWithContext")
	case req.URL == nil:
		closeBody(req)
		return errors.New("session: the request has no URL; make one with http.NewRequestWithContext")
	default:
		return nil
	}
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// send makes a task of the session send req.
func (s *Session) send(c *call, req *http.Request) (*http.Response, error) {
	if c.ctx.Err() != nil {
		closeBody(req)
		return nil, context.Cause(c.ctx)
	}
	out, err := s.prepare(req)
	if err != nil {
		closeBody(req)
		return nil, err
	}
	out = out.WithContext(c.ctx)
	return inGoroutines(c.ctx, s.outside, func(ctx context.Context) (*http.Response, error) {
		return s.sendHere(ctx, c, out)
	})
}

func (s *Session) sendHere(ctx context.Context, c *call, req *http.Request) (resp *http.Response, err error) {
	started, returned := false, false
	err = s.portal.Do(ctx, func(ctx context.Context) error {
		started = true
		s.requests.Add(1)
		s.running.Add(1)
		defer s.running.Add(-1)
		var err error
		resp, err = s.retried(ctx, c, req) //nolint:bodyclose // the caller does
		returned = true
		return err
	}, braid.Name(or(req.Method, http.MethodGet)+" "+req.URL.Host))
	switch {
	case err == nil:
		return resp, nil
	case !started:
		closeBody(req)
		if errors.Is(err, braid.ErrNotStarted) || errors.Is(err, braid.ErrClosed) {
			err = ErrClosed
		}
	case !returned:
		if p, ok := errors.AsType[*braid.PanicError](err); ok {
			panic(p)
		}
	}
	return nil, err
}

// statusRetryError is the error of a try whose response is the result all the same if no other try follows.
type statusRetryError struct {
	err   *StatusError
	resp  *http.Response
	after time.Duration
}

func (e *statusRetryError) Error() string             { return e.err.Error() }
func (e *statusRetryError) Unwrap() error             { return e.err }
func (e *statusRetryError) RetryAfter() time.Duration { return e.after }

// retried makes as many tries as it takes.
func (s *Session) retried(ctx context.Context, c *call, req *http.Request) (*http.Response, error) {
	attempt := 0
	var refused *http.Response // of the last try, if its status is one that is retried
	taken := false
	defer func() {
		if refused != nil && !taken {
			bodyOf(refused).close() // a function of Retry has panicked
		}
	}()
	try := func(ctx context.Context) (*http.Response, error) {
		this := req
		if attempt++; attempt > 1 {
			var err error
			if this, err = replay(req); err != nil {
				return nil, final(err)
			}
		}
		resp, err := s.limited(ctx, c, this, attempt)
		if err != nil && s.config.Retry != nil {
			err = marked(err)
		}
		if err == nil && s.config.Retry != nil && slices.Contains(s.config.RetryStatus, resp.StatusCode) {
			refused = resp
			return nil, &statusRetryError{err: statusError(resp), resp: resp, after: retryAfter(resp.Header, time.Now())}
		}
		return resp, err
	}
	if s.config.Retry == nil && s.config.Expect <= 0 {
		return try(ctx)
	}
	resp, err := resilience.Compose(resilience.Parts[*http.Response]{Retry: s.retryOf(c, req), Expect: s.config.Expect}).Do(ctx, try)
	if bad, ok := errors.AsType[*statusRetryError](err); ok {
		taken = true
		return bad.resp, nil
	}
	if err != nil && attempt == 0 {
		closeBody(req) // it was not even tried
	}
	return resp, plain(err)
}

// retryOf returns the policy for one request; nil if there is none.
func (s *Session) retryOf(c *call, req *http.Request) *resilience.Retry {
	if s.config.Retry == nil {
		return nil
	}
	retry := *s.config.Retry
	retry.Idempotent = c.again || isIdempotent(req)
	if hasBody(req) && req.GetBody == nil {
		retry.Attempts = 1
	}
	retry.OnRetry = func(n int, err error, wait time.Duration) {
		if bad, ok := errors.AsType[*statusRetryError](err); ok {
			bodyOf(bad.resp).close() // it waits without a place in the limit of the host, and without a connection
		}
		s.tell(c.caller, Event{Kind: Retrying, Method: req.Method, URL: req.URL.Redacted(), Attempt: n, Err: err, Wait: wait})
		if s.config.Retry.OnRetry != nil {
			s.config.Retry.OnRetry(n, err, wait)
		}
	}
	return &retry
}

func hasBody(req *http.Request) bool { return req.Body != nil && req.Body != http.NoBody }

// replay returns req with its body from the beginning.
func replay(req *http.Request) (*http.Request, error) {
	if !hasBody(req) {
		return req, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	again := *req
	again.Body = body
	return &again, nil
}

// marked tells the retry what it should know of an error.
func marked(err error) error {
	_, distrusted := errors.AsType[*tls.CertificateVerificationError](err)
	_, panicked := errors.AsType[*braid.PanicError](err)
	if distrusted || panicked || errors.Is(err, braid.ErrGoexit) || errors.Is(err, ErrClosed) || isRequestError(err) {
		return final(err)
	}
	if _, ok := errors.AsType[*connectError](err); ok {
		return resilience.Unsent(err)
	}
	return err
}

// limited makes a try when there is room for it and the breaker admits it.
func (s *Session) limited(ctx context.Context, c *call, req *http.Request, n int) (resp *http.Response, err error) {
	host := originOf(req.URL)
	release, err := s.slot(ctx, host)
	if err != nil {
		closeBody(req)
		return nil, err
	}
	taken, returned := false, false
	defer func() {
		switch {
		case returned:
		case !taken: // a hook of the breaker has called runtime.Goexit
			closeBody(req)
			release()
		case resp != nil:
			bodyOf(resp).close()
		}
	}()
	if s.breakers == nil {
		taken = true
		resp, err = s.hedged(ctx, c, req, n, host, release)
		returned = true
		return resp, err
	}
	permit, err := s.breakers.Get(host).Allow(ctx)
	if err != nil {
		closeBody(req)
		release()
		returned = true
		return nil, err
	}
	ended := false
	defer func() {
		if !ended {
			permit.Done(ctx, braid.ErrGoexit) // or a panic
		}
	}()
	taken = true
	resp, err = s.hedged(ctx, c, req, n, host, release)
	ended = true
	switch {
	case errors.Is(err, ErrClosed), errors.Is(err, resilience.ErrRejected), isRequestError(err):
		permit.Cancel(ctx) // it says nothing about the host
	case err == nil && resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented:
		permit.Done(ctx, statusError(resp))
	default:
		permit.Done(ctx, err)
	}
	returned = true
	return resp, err
}

// slot takes a place in the limit of the host.
func (s *Session) slot(ctx context.Context, host string) (release func(), err error) {
	if s.slots == nil {
		return func() {}, nil
	}
	b := s.slots.Get(host)
	if err := b.Acquire(ctx); err != nil {
		return nil, err
	}
	return b.Release, nil
}

// hedged makes a try, and more of them while it is slow, if the request is one for that. It takes over the place that release gives back.
func (s *Session) hedged(ctx context.Context, c *call, req *http.Request, n int, host string, release func()) (*http.Response, error) {
	parts := resilience.Parts[*http.Response]{Expect: s.config.Expect}
	if s.config.Hedge == nil || !isSafe(req) || hasBody(req) {
		if parts.Expect <= 0 {
			return s.try(context.Background(), c, req, n, false, release)
		}
	} else {
		parts.Hedge = &resilience.Hedge[*http.Response]{
			Delay: s.config.Hedge.Delay, Max: s.config.Hedge.Max, Budget: s.config.Hedge.Budget,
			Dispose: func(late *http.Response) { bodyOf(late).close() },
		}
	}
	h := hedging{s: s, call: c, req: req, n: n, host: host, release: release}
	defer func() {
		if h.made.Load() == 0 { // there was no time for it
			closeBody(req)
			release()
		}
	}()
	resp, err := resilience.Compose(parts).Do(ctx, h.try)
	if err != nil && len(h.errs) > 0 {
		return nil, errors.Join(h.errs...)
	}
	return resp, err
}

// hedging is a request that may be sent several times at once.
type hedging struct {
	s       *Session
	call    *call
	req     *http.Request
	n       int
	host    string
	release func()
	made    atomic.Int32

	mu   sync.Mutex
	errs []error // of tries that were sent
}

// errNoPlace is the end of a hedge that has found no place in the limit of its host: it is not worth waiting for one.
var errNoPlace = errors.New("session: there is no place for a hedge")

func (h *hedging) try(ctx context.Context) (*http.Response, error) {
	hedge, release := h.made.Add(1) > 1, h.release
	if hedge && h.s.slots != nil {
		slots := h.s.slots.Get(h.host)
		if !slots.TryAcquire() {
			return nil, errNoPlace
		}
		release = slots.Release
	}
	resp, err := h.s.try(ctx, h.call, h.req, h.n, hedge, release)
	if err != nil {
		h.mu.Lock()
		h.errs = append(h.errs, err)
		h.mu.Unlock()
	}
	return resp, err
}

// try sends req once. The end of until ends it, too, until the response is there.
func (s *Session) try(until context.Context, c *call, req *http.Request, n int, hedge bool, release func()) (resp *http.Response, err error) {
	x, err := s.begin(c, req, n, hedge, release)
	answered := false
	defer func() {
		if !answered {
			x.finish(err)
		}
	}()
	if err != nil {
		closeBody(req)
		return nil, err
	}
	resp, err = x.send(until)
	answered = err == nil
	return resp, err
}
