package session

import (
	"context"
	"io"
	"net/http"
)

// statusBody is how much of a body a StatusError has.
const statusBody = 4 << 10

// Client returns an http.Client on the session, with its cookies and its rules for redirects, for what wants one.
// Each request and each redirect has the total time limit for itself. Its own Timeout is not set, and has no use.
// Any status is a response, also with Config.StatusErrors.
func (s *Session) Client() *http.Client {
	return &http.Client{Transport: s, Jar: s.config.Jar, CheckRedirect: s.checkRedirect}
}

// Do makes a request and returns the response of the last redirect. Its URL may be relative to the BaseURL.
// The caller must close the body, or read it to its end.
//
// A redirect to another origin carries nothing that may be a secret: of the request's header only what describes a message,
// Accept, Content-Type and their like, and of Config.Header the same. The Jar decides about cookies.
// A redirect that comes to the same URL for the third time, or is one too many, fails with a [*RedirectError].
//
// # Cancellation
//
// If the request's ctx is done already, or ends before the response is there, the error has its cause; what had begun has been cancelled and joined,
// except for a connection that is being made, which may be of use to others.
// If it ends later, the body breaks off.
func (s *Session) Do(req *http.Request) (*http.Response, error) {
	if err := checkRequest(req); err != nil {
		return nil, err
	}
	if req.Context().Err() != nil {
		closeBody(req)
		return nil, context.Cause(req.Context())
	}
	u, err := s.resolve(req.URL)
	if err != nil {
		closeBody(req)
		return nil, err
	}
	c := s.newCall(req.Context())
	over := false
	defer func() {
		if !over {
			c.end()
		}
	}()
	req = req.WithContext(c.ctx)
	req.URL = u
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	over = true
	bodyOf(resp).finally(c.end)
	if s.config.StatusErrors && resp.StatusCode >= 400 {
		return nil, readStatus(resp)
	}
	return resp, nil
}

// Get is [Session.Do] of a GET.
//
// # Cancellation
//
// As with Do: the request and its body end with ctx.
func (s *Session) Get(ctx context.Context, rawURL string) (*http.Response, error) {
	return s.request(ctx, http.MethodGet, rawURL, "", nil)
}

// Post is [Session.Do] of a POST. It is not repeated, unless [Options] say that it may be, or nothing has been sent.
//
// # Cancellation
//
// As with Do: the request and its body end with ctx.
func (s *Session) Post(ctx context.Context, rawURL, contentType string, body io.Reader) (*http.Response, error) {
	return s.request(ctx, http.MethodPost, rawURL, contentType, body)
}

func (s *Session) request(ctx context.Context, method, rawURL, contentType string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, rawURL, body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return s.Do(req)
}

// statusError describes a response. Its body is left alone.
func statusError(resp *http.Response) *StatusError {
	e := &StatusError{StatusCode: resp.StatusCode, Status: resp.Status, Header: resp.Header}
	if resp.Request != nil {
		e.Method, e.URL = resp.Request.Method, resp.Request.URL.Redacted()
	}
	if b := bodyOf(resp); b != nil {
		e.Attempts = b.x.attempt
	}
	return e
}

// readStatus makes an error of a response, and closes it.
func readStatus(resp *http.Response) error {
	e := statusError(resp)
	if b := bodyOf(resp); b != nil {
		b.limit = -1 // a beginning can be had of any body
	}
	e.Body, _ = io.ReadAll(io.LimitReader(resp.Body, statusBody)) // what cannot be read is not there
	_ = resp.Body.Close()
	return e
}

var _ http.RoundTripper = (*Session)(nil)
