package session_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
	"github.com/braid-go/braid/session"
)

// serveFor serves on this machine for the time of one example, and returns the config of a session for it.
func serveFor(handler http.HandlerFunc) (server *httptest.Server, config session.Config) {
	server = httptest.NewServer(handler)
	config.BaseURL = server.URL
	return server, config
}

// A session is a scope: when Run returns, nothing is left of it.
func Example() {
	server, config := serveFor(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"name": "Ada", "for": %q}`, r.Header.Get("X-App"))
	})
	defer server.Close()

	type user struct {
		Name string `json:"name"`
		For  string `json:"for"`
	}
	config.Header = http.Header{"X-App": {"shop"}}
	config.Retry = &resilience.Retry{}
	config.Breaker = &resilience.BreakerConfig{}
	err := session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		u, err := session.GetJSON[user](ctx, s, "users/42")
		fmt.Println(u.Name, "for", u.For)
		return err
	})
	fmt.Println(err)
	// Output:
	// Ada for shop
	// <nil>
}

// A body that was forgotten is broken off when the session ends, and the report says which one.
func ExampleRun() {
	server, config := serveFor(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 1_000_000))
	})
	defer server.Close()
	err := session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		resp, err := s.Get(ctx, "big")
		if err != nil {
			return err
		}
		fmt.Println(resp.Status) // and no resp.Body.Close()
		return nil
	})
	if leak, ok := errors.AsType[*session.LeakError](err); ok {
		for _, b := range leak.Bodies {
			fmt.Println("forgotten:", b.Method, strings.TrimPrefix(b.URL, server.URL))
		}
	}
	// Output:
	// 200 OK
	// forgotten: GET /big
}

// In a scope that is there already, a session is one more task.
func ExampleOpen() {
	server, config := serveFor(func(http.ResponseWriter, *http.Request) {})
	defer server.Close()
	config.Name = "users"
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		users, err := session.Open(ctx, g, config)
		if err != nil {
			return err
		}
		for _, task := range g.Unfinished() {
			fmt.Println(task.Path)
		}
		return users.Close(ctx)
	}, braid.Name("shop"))
	fmt.Println(err)
	// Output:
	// shop (the body of Run)
	// shop/users
	// <nil>
}

// What is under way when a session is closed is cancelled, and joined.
func ExampleSession_Close() {
	arrived := make(chan struct{})
	server, config := serveFor(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	defer server.Close()
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		s, err := session.Open(ctx, g, config)
		if err != nil {
			return err
		}
		g.Go(func(ctx context.Context) error {
			_, err := s.Get(ctx, "slow")
			fmt.Println(errors.Is(err, session.ErrClosed))
			return nil
		})
		<-arrived
		return s.Close(ctx)
	})
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}

// A session is an http.RoundTripper, and has an http.Client for whatever wants one.
func ExampleSession_Client() {
	server, config := serveFor(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
	defer server.Close()
	err := session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		plain := s.Client() // an *http.Client
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/plain", nil)
		if err != nil {
			return err
		}
		resp, err := plain.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		fmt.Println(string(body))
		return err
	})
	fmt.Println(err)
	// Output:
	// /plain
	// <nil>
}

// RoundTrip is one request without redirects and cookies; retries, limits and the breaker are there.
func ExampleSession_RoundTrip() {
	server, config := serveFor(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/else", http.StatusFound) })
	defer server.Close()
	_ = session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		var transport http.RoundTripper = s // for http.Client, or package oauth2
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "x", nil)
		if err != nil {
			return err
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		fmt.Println(resp.Status)
		return nil
	})
	// Output: 302 Found
}

// Cookies are kept in a jar, as with http.Client.
func ExampleSession_Do() {
	server, config := serveFor(func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("visitor"); err == nil {
			fmt.Fprint(w, "welcome back, ", c.Value)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "visitor", Value: "Ada"})
		fmt.Fprint(w, "welcome")
	})
	defer server.Close()
	config.Jar, _ = cookiejar.New(nil)
	_ = session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		for range 2 {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "", nil)
			if err != nil {
				return err
			}
			resp, err := s.Do(req)
			if err != nil {
				return err
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				return err
			}
			fmt.Println(string(body))
		}
		return nil
	})
	// Output:
	// welcome
	// welcome back, Ada
}

// The error of a time limit says which one it was.
func ExampleTimeouts() {
	server, config := serveFor(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "the beginning")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done() // and nothing more
	})
	defer server.Close()
	config.Timeouts = session.Timeouts{Total: time.Hour, IdleRead: 10 * time.Millisecond}
	_ = session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		resp, err := s.Get(ctx, "")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		fmt.Printf("%q\n", body)
		if timeout, ok := errors.AsType[*session.TimeoutError](err); ok {
			switch timeout.Phase {
			case session.Connect, session.Header:
				fmt.Println("the server does not answer")
			case session.IdleRead:
				fmt.Println("the server has stopped in the middle:", timeout)
			case session.Try, session.Total:
				fmt.Println("the server is slow")
			}
			fmt.Println(errors.Is(err, braid.ErrTimeout))
		}
		return nil
	})
	// Output:
	// "the beginning"
	// the server has stopped in the middle: session: idle read timeout of 10ms ran out
	// true
}

// A GET is tried again, a POST is not, unless it says that it may be.
func ExampleConfig_retry() {
	var requests atomic.Int32
	server, config := serveFor(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	defer server.Close()
	config.Retry = &resilience.Retry{Attempts: 3, Base: time.Millisecond}
	_ = session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		try := func(method, key string) error {
			requests.Store(0)
			req, err := http.NewRequestWithContext(ctx, method, "orders", strings.NewReader("order"))
			if err != nil {
				return err
			}
			if key != "" {
				req.Header.Set("Idempotency-Key", key)
			}
			resp, err := s.Do(req)
			if err != nil {
				return err
			}
			fmt.Println(method, key, requests.Load(), resp.Status)
			return resp.Body.Close()
		}
		return errors.Join(try(http.MethodPut, ""), try(http.MethodPost, ""), try(http.MethodPost, "order-42"))
	})
	// Output:
	// PUT  3 503 Service Unavailable
	// POST  1 503 Service Unavailable
	// POST order-42 3 503 Service Unavailable
}

// One host that is down is left alone.
func ExampleSession_Breaker() {
	server, config := serveFor(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	defer server.Close()
	config.Breaker = &resilience.BreakerConfig{Consecutive: 2}
	_ = session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		for range 3 {
			resp, err := s.Get(ctx, "")
			if err != nil {
				fmt.Println(errors.Is(err, resilience.ErrOpen))
				continue
			}
			fmt.Println(resp.Status)
			_ = resp.Body.Close()
		}
		fmt.Println(s.Breaker("").State(), s.Statistics().Requests)
		return nil
	})
	// Output:
	// 500 Internal Server Error
	// 500 Internal Server Error
	// true
	// open 3
}

// A request that is slow is sent a second time, and the answer that comes first is taken, with all of its body.
func ExampleHedge() {
	var requests atomic.Int32
	server, config := serveFor(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 1 {
			<-r.Context().Done() // this replica hangs
			return
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 512<<10))
	})
	defer server.Close()
	config.Hedge = &session.Hedge{Delay: 5 * time.Millisecond, Budget: new(resilience.Budget)}
	_ = session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		resp, err := s.Get(ctx, "")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		fmt.Println(len(body), "bytes,", s.Statistics().Hedges, "hedge")
		return err
	})
	// Output: 524288 bytes, 1 hedge
}

func ExampleStatusError() {
	server, config := serveFor(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no such user", http.StatusNotFound)
	})
	defer server.Close()
	config.StatusErrors = true
	_ = session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		_, err := s.Get(ctx, "users/42")
		if status, ok := errors.AsType[*session.StatusError](err); ok {
			fmt.Printf("%d %q\n", status.StatusCode, strings.TrimSpace(string(status.Body)))
		}
		return nil
	})
	// Output: 404 "no such user"
}

// It says when to come back, which a retry around it heeds, and a work queue in whose handler it happens.
func ExampleStatusError_RetryAfter() {
	server, config := serveFor(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	defer server.Close()
	_ = session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		_, err := session.GetJSON[int](ctx, s, "quota")
		if status, ok := errors.AsType[*session.StatusError](err); ok {
			fmt.Println(status.RetryAfter())
		}
		return nil
	})
	// Output: 2m0s
}

// No body is larger than allowed, whatever it was on the wire.
func ExampleBodyError() {
	server, config := serveFor(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, strings.Repeat("x", 1000))
		}
	})
	defer server.Close()
	config.Limits.Body = 100_000
	_ = session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		resp, err := s.Get(ctx, "endless")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.ReadAll(resp.Body)
		if broken, ok := errors.AsType[*session.BodyError](err); ok {
			fmt.Println(broken.Read, errors.Is(err, session.ErrTooLarge))
		}
		return nil
	})
	// Output: 100000 true
}

func ExampleRedirectError() {
	server, config := serveFor(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, map[string]string{"/a": "/b", "/b": "/a"}[r.URL.Path], http.StatusFound)
	})
	defer server.Close()
	_ = session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		_, err := s.Get(ctx, "a")
		if refused, ok := errors.AsType[*session.RedirectError](err); ok {
			fmt.Println(strings.ReplaceAll(refused.Error(), server.URL, ""), errors.Is(err, session.ErrRedirects))
		}
		return nil
	})
	// Output: session: redirect loop: /a -> /b -> /a -> /b -> /a true
}

// Options are for the requests of one ctx.
func ExampleWithOptions() {
	server, config := serveFor(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "a long report") })
	defer server.Close()
	config.Limits.Body = 5
	_ = session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		long := session.WithOptions(ctx, session.Options{Timeouts: session.Timeouts{Total: time.Hour}, Body: 1 << 30})
		for _, ctx := range []context.Context{ctx, long} {
			resp, err := s.Get(ctx, "report")
			if err != nil {
				return err
			}
			body, err := io.ReadAll(resp.Body)
			fmt.Printf("%q %v\n", body, err != nil)
		}
		return nil
	})
	// Output:
	// "" true
	// "a long report" false
}

func ExampleGetJSON() {
	server, config := serveFor(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `[1, 2, 3]`) })
	defer server.Close()
	_ = session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		numbers, err := session.GetJSON[[]int](ctx, s, "numbers")
		fmt.Println(numbers, err)
		return nil
	})
	// Output: [1 2 3] <nil>
}

func ExampleSendJSON() {
	server, config := serveFor(func(w http.ResponseWriter, r *http.Request) {
		in, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, `{"method": %q, "got": %s}`, r.Method, in)
	})
	defer server.Close()
	_ = session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		out, err := session.SendJSON[map[string]any](ctx, s, http.MethodPost, "orders", map[string]int{"item": 42})
		fmt.Println(out, err)
		return nil
	})
	// Output: map[got:map[item:42] method:POST] <nil>
}

// A download that breaks off goes on from where it was.
func ExampleSession_Download() {
	const data = "0123456789"
	server, config := serveFor(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		from := 0
		if rng := r.Header.Get("Range"); rng != "" {
			_, _ = fmt.Sscanf(rng, "bytes=%d-", &from)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-9/10", from))
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(data)-from))
		if from > 0 {
			w.WriteHeader(http.StatusPartialContent)
		}
		_, _ = io.WriteString(w, data[from:min(from+6, len(data))]) // then it breaks off
	})
	defer server.Close()
	config.Retry = &resilience.Retry{Base: time.Millisecond}
	_ = session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		var out strings.Builder
		n, err := s.Download(ctx, session.Download{URL: "data", Progress: func(done, total int64) { fmt.Println(done, "of", total) }}, &out)
		fmt.Println(out.String(), n, err)
		return nil
	})
	// Output:
	// 6 of 10
	// 10 of 10
	// 0123456789 10 <nil>
}

// A file is there as a whole, or not at all.
func ExampleSession_DownloadFile() {
	server, config := serveFor(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		if r.URL.Path == "/good" {
			_, _ = io.WriteString(w, "0123456789")
		}
	})
	defer server.Close()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	_ = session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		for _, name := range []string{"good", "bad"} {
			_, err := s.DownloadFile(ctx, session.Download{URL: name}, filepath.Join(dir, name))
			fmt.Println(name, err == nil)
		}
		return nil
	})
	files, err := os.ReadDir(dir)
	fmt.Println(len(files), "file", err)
	// Output:
	// good true
	// bad false
	// 1 file <nil>
}

func ExampleSession_UploadFile() {
	server, config := serveFor(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s with %d bytes", r.Method, len(body))
	})
	defer server.Close()
	file, err := os.CreateTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.Remove(file.Name())
	_, _ = file.WriteString("0123456789")
	_ = file.Close()
	_ = session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		resp, err := s.UploadFile(ctx, http.MethodPut, "files/1", file.Name(), func(done, total int64) { fmt.Println(done, "of", total) })
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		fmt.Println(string(body))
		return err
	})
	// Output:
	// 10 of 10
	// PUT with 10 bytes
}

func ExampleWithProgress() {
	server, config := serveFor(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	defer server.Close()
	_ = session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "", strings.NewReader("hello"))
		if err != nil {
			return err
		}
		resp, err := s.Do(session.WithProgress(req, func(done, total int64) { fmt.Println(done, "of", total) }))
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
	// Output: 5 of 5
}

// Events are for logs, metrics and traces.
func ExampleEvent() {
	server, config := serveFor(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	defer server.Close()
	config.OnEvent = func(_ context.Context, e session.Event) {
		switch e.Kind {
		case session.TryEnded:
			fmt.Println(e.Kind, e.Method, e.Attempt, e.Status)
		case session.BodyEnded:
			fmt.Println(e.Kind, e.Bytes, e.Err)
		default:
		}
	}
	_ = session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		resp, err := s.Get(ctx, "")
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	})
	// Output:
	// try ended GET 1 200
	// body ended 5 <nil>
}

// At most so many at a time to one host. A place is held until the body has ended.
func ExampleLimits() {
	server, config := serveFor(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 10_000)) })
	defer server.Close()
	config.Limits = session.Limits{Requests: 1, Queue: -1} // and nobody waits
	_ = session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		first, err := s.Get(ctx, "")
		if err != nil {
			return err
		}
		_, err = s.Get(ctx, "")
		fmt.Println(errors.Is(err, resilience.ErrFull))
		_ = first.Body.Close()
		second, err := s.Get(ctx, "")
		if err != nil {
			return err
		}
		fmt.Println(second.Status)
		return second.Body.Close()
	})
	// Output:
	// true
	// 200 OK
}

func ExampleSession_Post() {
	server, config := serveFor(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s: %s", r.Header.Get("Content-Type"), body)
	})
	defer server.Close()
	_ = session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		resp, err := s.Post(ctx, "notes", "text/plain", strings.NewReader("hello"))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		fmt.Println(string(body))
		return err
	})
	// Output: text/plain: hello
}

func ExampleSession_Statistics() {
	server, config := serveFor(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	defer server.Close()
	_ = session.Run(context.Background(), config, func(ctx context.Context, s *session.Session) error {
		for range 3 {
			resp, err := s.Get(ctx, "")
			if err != nil {
				return err
			}
			_, _ = io.Copy(io.Discard, resp.Body)
		}
		st := s.Statistics()
		fmt.Println(st.Requests, "requests,", st.Opened, "connection,", st.Bodies, "open bodies")
		return nil
	})
	// Output: 3 requests, 1 connection, 0 open bodies
}
