package session_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
	"github.com/braid-go/braid/session"
)

// A config that makes no sense is refused when the session is opened, with a text that says what and why.
func TestConfig_invalid(t *testing.T) {
	for want, c := range map[string]session.Config{
		"Limits.Hosts is -1":         {Limits: session.Limits{Hosts: -1}},
		"Limits.HeaderBytes is -1":   {Limits: session.Limits{HeaderBytes: -1}},
		"no request would ever":      {Expect: time.Hour, Timeouts: session.Timeouts{Total: time.Minute}},
		"Parts.Expect is -1s":        {Expect: -time.Second},
		"which is no status code":    {RetryStatus: []int{42}},
		"Retry.Attempts is -1":       {Retry: &resilience.Retry{Attempts: -1}},
		"Budget.Ratio is NaN":        {Retry: &resilience.Retry{Budget: &resilience.Budget{Ratio: math.NaN()}}},
		"BreakerConfig.Lease is -1s": {Breaker: &resilience.BreakerConfig{Lease: -time.Second}},
		"Hedge.Delay is 0s":          {Hedge: &session.Hedge{}},
		"Hedge.Max is -1":            {Hedge: &session.Hedge{Delay: 1, Max: -1}},
		`the field "x-api-key"`:      {Header: http.Header{"x-api-key": {"1"}}},
		`the field "Host"`:           {Header: http.Header{"Host": {"api.test"}}},
		"Config.Wrap returned nil":   {Wrap: func(http.RoundTripper) http.RoundTripper { return nil }},
		"needs a function":           {Name: "nil"},
	} {
		t.Run(want, func(t *testing.T) {
			fn := func(context.Context, *session.Session) error { t.Error("was called"); return nil }
			if c.Name == "nil" {
				fn = nil
			}
			v := panicked(func() {
				_ = braid.Run(t.Context(), func(ctx context.Context, _ *braid.Group) error { return session.Run(ctx, c, fn) },
					braid.PanicHook(func(*braid.PanicError) {}))
			})
			if p, ok := v.(*braid.PanicError); !ok || !strings.Contains(fmt.Sprint(p.Value), want) {
				t.Errorf("panicked with %v", v)
			}
		})
	}
	for want, base := range map[string]string{
		"must be absolute":    "/v1/",
		"neither query":       "http://api.test/?a=b",
		"must end in a slash": "http://api.test/v1",
		"BaseURL":             "http://[::1",
		"https://api.example": "ftp://api.test/",
	} {
		t.Run(want, func(t *testing.T) {
			err := session.Run(t.Context(), session.Config{BaseURL: base}, func(context.Context, *session.Session) error { t.Error("was called"); return nil })
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

// A request that makes no sense is an error, and its body is closed.
func TestRequest_invalid(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.with(ctx, session.Config{}, func(ctx context.Context, s *session.Session) {
			for want, req := range map[string]*http.Request{
				"is nil":           nil,
				"has no URL":       {Method: "GET"},
				"is relative":      newRequest(t, ctx, "GET", "users", ""),
				"neither http":     newRequest(t, ctx, "GET", "ftp://api.test/", ""),
				"neither http nor": newRequest(t, ctx, "GET", "file:///etc/passwd", ""),
				"has no host":      newRequest(t, ctx, "GET", "http:///x", ""),
			} {
				body := &closes{}
				if req != nil {
					req.Body = body
				}
				for name, do := range map[string]func(*http.Request) (*http.Response, error){"Do": s.Do, "RoundTrip": s.RoundTrip} {
					_, err := do(req)
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("%s: error is %v, want %q", name, err, want)
					}
				}
				if req != nil && body.n != 2 {
					t.Errorf("%s: the body was closed %d times", want, body.n)
				}
			}
			if _, err := s.Get(ctx, "http://a b/"); err == nil {
				t.Error("a URL that is none was asked for")
			}
			if _, err := session.SendJSON[int](ctx, s, "POST", api, func() {}); err == nil {
				t.Error("a function was sent as JSON")
			}
			if s.Breaker("users") != nil {
				t.Error("there is a breaker for no host")
			}
		})
	})
}

func TestBaseURL(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		var got []string
		n.serve("api.test:80", func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.URL.String()) })
		n.with(ctx, session.Config{BaseURL: "http://api.test/v1/"}, func(ctx context.Context, s *session.Session) {
			for _, u := range []string{"users?a=b", "./users", "/v2/users", "http://api.test/", ""} {
				_, err := get(ctx, s, u)
				must(t, err)
			}
			equal(t, "asked for", strings.Join(got, " "), "/v1/users?a=b /v1/users /v2/users / /v1/")
			resp, err := s.RoundTrip(newRequest(t, ctx, http.MethodGet, "x", ""))
			must(t, err)
			equal(t, "URL of the response's request", resp.Request.URL.String(), "http://api.test/v1/x")
			_ = resp.Body.Close()
		})
	})
}

// A request is not changed, whatever is added to it on the way.
func TestRequest_isLeftAlone(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		var got http.Header
		n.serve("api.test:80", func(_ http.ResponseWriter, r *http.Request) { got = r.Header })
		header := http.Header{"X-Default": {"1"}, "X-Own": {"default"}}
		n.with(ctx, session.Config{BaseURL: api, Header: header}, func(ctx context.Context, s *session.Session) {
			header.Set("X-Late", "1") // the session has a copy
			req := newRequest(t, ctx, http.MethodGet, "x", "")
			req.Header.Set("X-Own", "mine")
			resp, err := s.Do(req)
			must(t, err)
			_ = resp.Body.Close()
			equal(t, "URL", req.URL.String(), "x")
			equal(t, "fields", len(req.Header), 1)
			equal(t, "default field", got.Get("X-Default"), "1")
			equal(t, "own field", got.Get("X-Own"), "mine")
			equal(t, "late field", got.Get("X-Late"), "")
		})
	})
}
