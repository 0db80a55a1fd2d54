package session

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// prepare returns a copy of req that can be sent: with a whole URL, and the fields of Config.Header.
func (s *Session) prepare(req *http.Request) (*http.Request, error) {
	u, err := s.resolve(req.URL)
	if err != nil {
		return nil, err
	}
	out := *req
	out.URL = u
	if len(s.config.Header) == 0 {
		return &out, nil
	}
	out.Header = req.Header.Clone()
	if out.Header == nil {
		out.Header = make(http.Header, len(s.config.Header))
	}
	trusted := originOf(u) == s.homeOf(req, u)
	for name, values := range s.config.Header {
		if _, own := out.Header[name]; !own && (trusted || tellsNoSecret(name)) {
			out.Header[name] = append([]string(nil), values...)
		}
	}
	return &out, nil
}

// resolve makes u absolute.
func (s *Session) resolve(u *url.URL) (*url.URL, error) {
	if s.base != nil {
		u = s.base.ResolveReference(u)
	}
	switch {
	case u.Scheme == "" && u.Host == "":
		return nil, fmt.Errorf("session: the URL %q is relative, and Config.BaseURL is empty", u.Redacted())
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("session: the URL %q is neither http nor https", u.Redacted())
	case u.Host == "":
		return nil, fmt.Errorf("session: the URL %q has no host", u.Redacted())
	default:
		return u, nil
	}
}

// homeOf returns the origin that the fields of Config.Header are for. u is the URL of req.
func (s *Session) homeOf(req *http.Request, u *url.URL) string {
	if s.base != nil {
		return originOf(s.base)
	}
	if first := firstOf(req); first != req && first.URL != nil {
		return originOf(first.URL)
	}
	return originOf(u)
}

// firstOf returns the request whose redirects have led to req.
func firstOf(req *http.Request) *http.Request {
	for req.Response != nil && req.Response.Request != nil {
		req = req.Response.Request
	}
	return req
}

// originOf returns scheme, host and port, each in one form.
func originOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// tellsNoSecret reports whether a field of a header may go to a host that it was not meant for: those that describe a message, and no others.
func tellsNoSecret(name string) bool {
	for _, prefix := range []string{"Accept", "Content-", "If-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return name == "User-Agent" || name == "Range" || name == "Cache-Control"
}

// checkRedirect is that of the http.Client.
func (s *Session) checkRedirect(req *http.Request, via []*http.Request) error {
	most := s.config.Limits.Redirects
	if most < 0 {
		return http.ErrUseLastResponse
	}
	seen := 0
	for _, r := range via {
		if r.Method == req.Method && r.URL.String() == req.URL.String() {
			seen++
		}
	}
	// Once is what a page does that sets a cookie and asks again.
	if seen > 1 || len(via) > most {
		e := &RedirectError{Loop: seen > 1}
		for _, r := range append(via, req) {
			e.Via = append(e.Via, r.URL.Redacted())
		}
		return e
	}
	if originOf(req.URL) != originOf(via[0].URL) {
		for name := range req.Header {
			if !tellsNoSecret(name) {
				req.Header.Del(name)
			}
		}
	}
	s.tell(req.Context(), Event{Kind: Redirected, Method: req.Method, URL: req.URL.Redacted()})
	return nil
}

// isSafe reports whether a request asks for something and changes nothing (RFC 9110, 9.2.1).
func isSafe(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	default:
		return false
	}
}

// isIdempotent reports whether a request says that it may be executed more than once.
func isIdempotent(req *http.Request) bool {
	return isSafe(req) || req.Method == http.MethodPut || req.Method == http.MethodDelete ||
		req.Header.Get("Idempotency-Key") != "" || req.Header.Get("X-Idempotency-Key") != ""
}

// retryAfter returns for how long a response asks to be left alone.
// A point in time is taken from the server's own clock, if it tells what time it is there.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(v, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(max(seconds, 0), 1<<33)) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(0, at.Sub(now))
}
