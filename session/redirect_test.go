package session_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"

	"github.com/braid-go/braid/session"
)

func redirectTo(url string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, url, http.StatusFound) }
}

func TestRedirect_loop(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		requests := 0
		n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) {
			requests++
			redirectTo(map[string]string{"/a": "/b", "/b": "/a"}[r.URL.Path])(w, r)
		})
		n.with(ctx, session.Config{BaseURL: api}, func(ctx context.Context, s *session.Session) {
			_, err := get(ctx, s, "a")
			refused, ok := errors.AsType[*session.RedirectError](err)
			if !ok || !refused.Loop {
				t.Fatalf("error is %v, want a loop", err)
			}
			if !strings.Contains(err.Error(), "redirect loop: http://api.test/a -> http://api.test/b -> ") {
				t.Fatalf("the text does not show the loop: %v", err)
			}
			equal(t, "requests", requests, 4)
			equal(t, "bodies", s.Statistics().Bodies, 0)
		})
	})
}

func TestRedirect_tooMany(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) { redirectTo(r.URL.Path+"x")(w, r) })
		n.with(ctx, session.Config{BaseURL: api}, func(ctx context.Context, s *session.Session) {
			_, err := get(ctx, s, "a")
			wantErr(t, err, session.ErrRedirects)
			if !strings.Contains(err.Error(), "more than 10 redirects") {
				t.Fatalf("error is %v", err)
			}
			equal(t, "requests", s.Statistics().Requests, 11)
		})
		n.with(ctx, session.Config{BaseURL: api, Limits: session.Limits{Redirects: -1}}, func(ctx context.Context, s *session.Session) {
			resp, err := s.Get(ctx, "a")
			must(t, err)
			_ = resp.Body.Close()
			equal(t, "status", resp.StatusCode, 302)
		})
	})
}

// A page that sets a cookie and asks again is no loop.
func TestRedirect_cookieBounce(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) {
			if _, err := r.Cookie("seen"); err != nil {
				http.SetCookie(w, &http.Cookie{Name: "seen", Value: "1"})
				redirectTo("/")(w, r)
				return
			}
			_, _ = io.WriteString(w, "welcome")
		})
		jar, err := cookiejar.New(nil)
		must(t, err)
		n.with(ctx, session.Config{Jar: jar}, func(ctx context.Context, s *session.Session) {
			body, err := get(ctx, s, api)
			must(t, err)
			equal(t, "body", body, "welcome")
		})
	})
}

// Credentials go to the host that they are for, by whichever way they were given, and to no other; nor to another port or scheme.
func TestRedirect_credentials(t *testing.T) {
	for _, c := range []struct {
		name, base, from, to string
		kept                 bool
	}{
		{"same origin", "", api, "http://api.test/there", true},
		{"same origin, spelled otherwise", "", api, "http://api.test:80/there", true},
		{"another host", "", api, "http://evil.test/there", false},
		{"a subdomain", "", api, "http://sub.api.test/there", false},
		{"another port", "", api, "http://api.test:8080/there", false},
		{"another host, with a base", api, api, "http://evil.test/there", false},
		{"away and back", "", api, "http://evil.test/back", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(ctx context.Context, n *network) {
				var got http.Header
				there := func(w http.ResponseWriter, r *http.Request) {
					switch r.URL.Path {
					case "/":
						redirectTo(c.to)(w, r)
					case "/back":
						redirectTo("http://evil.test/there")(w, r)
					default:
						got = r.Header
					}
				}
				for _, addr := range []string{"api.test:80", "evil.test:80", "sub.api.test:80", "api.test:8080"} {
					n.serve(addr, there)
				}
				header := http.Header{}
				header.Set("X-Api-Key", "secret of the session")
				header.Set("User-Agent", "tests")
				for _, plain := range []bool{false, true} {
					n.with(ctx, session.Config{BaseURL: c.base, Header: header}, func(ctx context.Context, s *session.Session) {
						req := newRequest(t, ctx, http.MethodGet, c.from, "")
						req.Header.Set("Authorization", "Bearer secret")
						req.Header.Set("Cookie", "a=secret")
						req.Header.Set("X-Token", "secret")
						do := s.Do
						if plain {
							do = s.Client().Do
						}
						resp, err := do(req)
						must(t, err)
						_ = resp.Body.Close()
						for _, name := range []string{"X-Api-Key", "Authorization", "Cookie", "X-Token"} {
							if (got.Get(name) != "") != c.kept {
								t.Errorf("%s is %q (plain %v)", name, got.Get(name), plain)
							}
						}
						equal(t, "user agent", got.Get("User-Agent"), "tests")
					})
				}
			})
		})
	}
}

// Under a client that is not ours, the session's own secrets do not go to another host either.
func TestRedirect_foreignClient(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		var got []http.Header
		n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) {
			got = append(got, r.Header)
			redirectTo("http://evil.test/")(w, r)
		})
		n.serve("evil.test:80", func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.Header) })
		n.with(ctx, session.Config{Header: http.Header{"X-Api-Key": {"secret"}, "Accept": {"text/plain"}}}, func(ctx context.Context, s *session.Session) {
			resp, err := (&http.Client{Transport: s}).Do(newRequest(t, ctx, http.MethodGet, api, ""))
			must(t, err)
			_ = resp.Body.Close()
			equal(t, "key at home", got[0].Get("X-Api-Key"), "secret")
			equal(t, "key elsewhere", got[1].Get("X-Api-Key"), "")
			equal(t, "accept elsewhere", got[1].Get("Accept"), "text/plain")
		})
	})
}

// One time limit spans all redirects.
func TestRedirect_total(t *testing.T) {
	inBubble(t, func(ctx context.Context, n *network) {
		n.serve("api.test:80", func(w http.ResponseWriter, r *http.Request) {
			sleepFor(r, 2)
			redirectTo(r.URL.Path+"x")(w, r)
		})
		n.with(ctx, session.Config{Timeouts: session.Timeouts{Total: 5 * 1e9}}, func(ctx context.Context, s *session.Session) {
			var err error
			equal(t, "time", took(func() { _, err = get(ctx, s, api) }), 5*1e9)
			wantTimeout(t, err, session.Total)
		})
	})
}
