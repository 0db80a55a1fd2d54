package service_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/loop"
	"github.com/braid-go/braid/service"
)

// memory is a listener whose connections are in memory, so that time can be virtual.
type memory struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newMemory() *memory { return &memory{make(chan net.Conn), make(chan struct{})} }

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error {
	select {
	case <-m.closed:
		return net.ErrClosed
	default:
		close(m.closed)
		return nil
	}
}

func (m *memory) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4zero, Port: 80} }

// client is a connection on which requests are sent.
type client struct {
	net.Conn

	t  *testing.T
	in *bufio.Reader
}

func (m *memory) dial(t *testing.T) *client {
	t.Helper()
	ours, theirs := net.Pipe()
	select {
	case m.conns <- theirs:
	case <-m.closed:
		t.Fatal("the listener is closed")
	}
	return &client{ours, t, bufio.NewReader(ours)}
}

func (c *client) get(path string) *client {
	c.t.Helper()
	_, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
	must(c.t, err)
	return c
}

// answer returns the status and the body of the next answer; 0 if the connection was cut.
func (c *client) answer() (int, string) {
	c.t.Helper()
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(c.t, err)
	return resp.StatusCode, string(body)
}

// web is a service with an HTTP server in a bubble of virtual time.
func web(t *testing.T, c service.HTTPConfig, parts func(*service.Service), test func(t *testing.T, s *service.Service, m *memory, end func() error)) {
	t.Helper()
	braidtest.CheckLeaks(t)
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		c.Listener, c.Log = m, slogTo(&diary{})
		s := newService(service.Config{})
		if parts != nil {
			parts(s)
		}
		part := service.HTTP(c)
		part.StopTimeout = 10 * time.Second
		s.Add(part)
		result := make(chan error, 1)
		go func() { result <- s.Run(t.Context()) }()
		synctest.Wait()
		test(t, s, m, func() error { return <-result })
	})
}

// routes are of a server whose requests tell where they run, and wait.
func routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello/{name}", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, braid.Current(r.Context()).Path()+" "+r.PathValue("name"))
	})
	mux.HandleFunc("GET /slow", func(w http.ResponseWriter, r *http.Request) {
		if err := braid.Sleep(r.Context(), 5*time.Second); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "done")
	})
	mux.HandleFunc("GET /long", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, untilDone(r.Context()).Error(), http.StatusServiceUnavailable)
	})
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("boom") })
	return mux
}

func TestHTTPRequestsAreTasks(t *testing.T) {
	web(t, service.HTTPConfig{Handler: routes()}, nil, func(t *testing.T, s *service.Service, m *memory, end func() error) {
		c := m.dial(t)
		status, body := c.get("/hello/Ada").answer()
		equal(t, "status", status, 200)
		contains(t, body, "shop/http/GET /hello/{name} Ada")
		status, _ = m.dial(t).get("/panic").answer()
		equal(t, "status of what panicked", status, 0)
		s.Stop(nil)
		must(t, end())
	})
}

// A request that is under way is answered, while others are refused, and health is told to the last.
func TestHTTPDrains(t *testing.T) {
	var s *service.Service
	always := map[string]http.Handler{"GET /readyz": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.ReadyHandler().ServeHTTP(w, r) })}
	web(t, service.HTTPConfig{Handler: routes(), Always: always}, func(made *service.Service) { s = made }, func(t *testing.T, s *service.Service, m *memory, end func() error) {
		slow := m.dial(t).get("/slow")
		if status, _ := m.dial(t).get("/readyz").answer(); status != 200 {
			t.Fatalf("status %d", status)
		}
		synctest.Wait() // until the slow request is under way
		s.Stop(nil)
		synctest.Wait()
		if status, body := m.dial(t).get("/hello/Ada").answer(); status != 503 || !strings.Contains(body, "stopping") {
			t.Fatalf("%d, %s", status, body)
		}
		if status, body := m.dial(t).get("/readyz").answer(); status != 503 || !strings.Contains(body, "it stops") {
			t.Fatalf("%d, %s", status, body)
		}
		begin := time.Now()
		if status, body := slow.answer(); status != 200 || body != "done" {
			t.Fatalf("%d, %s", status, body)
		}
		must(t, end())
		equal(t, "time", time.Since(begin) < 7*time.Second, true)
	})
}

// Connections on which nothing is under way hold up nobody.
func TestHTTPIdleConnections(t *testing.T) {
	web(t, service.HTTPConfig{Handler: routes()}, nil, func(t *testing.T, s *service.Service, m *memory, end func() error) {
		m.dial(t)
		_, _ = io.WriteString(m.dial(t), "GET /hello/A")
		m.dial(t).get("/hello/Ada").answer()
		begin := time.Now()
		s.Stop(nil)
		must(t, end())
		equal(t, "time", time.Since(begin) <= time.Second, true)
	})
}

// When the time to stop is over, requests are named and cancelled, and tell their clients.
func TestHTTPStopTimeout(t *testing.T) {
	web(t, service.HTTPConfig{Handler: routes()}, nil, func(t *testing.T, s *service.Service, m *memory, end func() error) {
		c := m.dial(t).get("/long")
		synctest.Wait()
		s.Stop(nil)
		begin := time.Now()
		status, body := c.answer()
		equal(t, "status", status, 503)
		contains(t, body, service.ErrStopTimeout.Error())
		equal(t, "time", time.Since(begin), 10*time.Second)
		e := failureOf(t, end(), "http", service.InStop)
		contains(t, e.Error(), "shop/http/GET /long (10s old, waits in event.Wait")
		equal(t, "state", stateOf(s, "http"), service.Stopped)
	})
}

// An abort cancels the requests at once.
func TestHTTPAbort(t *testing.T) {
	web(t, service.HTTPConfig{Handler: routes()}, nil, func(t *testing.T, s *service.Service, m *memory, end func() error) {
		c := m.dial(t).get("/long")
		synctest.Wait()
		s.Abort(errDown)
		status, _ := c.answer()
		equal(t, "status", status, 503)
		err := end()
		wantErr(t, err, service.ErrAborted)
		contains(t, err.Error(), "shop/http/GET /long (0s old")
	})
}

// A client that goes away ends its request.
func TestHTTPClientGone(t *testing.T) {
	d := &diary{}
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		d.add(braid.Current(r.Context()).Path())
		_ = untilDone(r.Context())
		d.add("gone")
	})
	web(t, service.HTTPConfig{Handler: handler}, nil, func(t *testing.T, s *service.Service, m *memory, end func() error) {
		c := m.dial(t).get("/")
		synctest.Wait()
		must(t, c.Close())
		synctest.Wait()
		contains(t, d.all(), "shop/http/request gone")
		s.Stop(nil)
		must(t, end())
	})
}

// The failure of its listener is one of the component, after the requests have been answered.
func TestHTTPListenerFails(t *testing.T) {
	web(t, service.HTTPConfig{Handler: routes()}, nil, func(t *testing.T, _ *service.Service, m *memory, end func() error) {
		slow := m.dial(t).get("/slow")
		synctest.Wait()
		must(t, m.Close())
		if status, _ := slow.answer(); status != 200 {
			t.Fatalf("status %d", status)
		}
		wantErr(t, failureOf(t, end(), "http", service.InRun), net.ErrClosed)
	})
}

// A listener that fails under a request without an end: the service is not ready, and the request has the time of a stop.
func TestHTTPListenerFailsUnderAStream(t *testing.T) {
	web(t, service.HTTPConfig{Handler: routes()}, nil, func(t *testing.T, s *service.Service, m *memory, end func() error) {
		c := m.dial(t).get("/long")
		synctest.Wait()
		must(t, s.Ready())
		must(t, m.Close())
		begin := time.Now()
		must(t, braid.Sleep(t.Context(), service.DefaultCheckEvery+service.DefaultCheckTimeout+time.Millisecond))
		if s.Ready() == nil {
			t.Error("it is ready, and accepts nothing")
		}
		status, body := c.answer()
		equal(t, "status", status, 503)
		contains(t, body, net.ErrClosed.Error())
		wantErr(t, failureOf(t, end(), "http", service.InRun), net.ErrClosed)
		equal(t, "time", time.Since(begin).Round(time.Second), 10*time.Second)
	})
}

// Who reads a body that does not come does not see the end of the ctx, and is cut off.
func TestHTTPHalfABody(t *testing.T) {
	for name, stop := range map[string]func(s *service.Service, m *memory){
		"stop": func(s *service.Service, _ *memory) { s.Stop(nil) }, "abort": func(s *service.Service, _ *memory) { s.Abort(nil) },
		"listener": func(_ *service.Service, m *memory) { _ = m.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			d := &diary{}
			handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if _, err := io.ReadAll(r.Body); err == nil {
					t.Error("no error")
				}
				d.add("cut")
			})
			web(t, service.HTTPConfig{Handler: handler}, nil, func(t *testing.T, s *service.Service, m *memory, end func() error) {
				_, err := io.WriteString(m.dial(t), "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
				must(t, err)
				synctest.Wait()
				stop(s, m)
				if end() == nil {
					t.Error("no error")
				}
				equal(t, "what has happened", d.all(), "cut")
				equal(t, "state", stateOf(s, "http"), service.Stopped)
			})
		})
	}
}

// Nor does who writes to a client that does not read.
func TestHTTPClientDoesNotRead(t *testing.T) {
	d := &diary{}
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				d.add("cut")
				return
			}
		}
	})
	web(t, service.HTTPConfig{Handler: handler}, nil, func(t *testing.T, s *service.Service, m *memory, end func() error) {
		m.dial(t).get("/")
		synctest.Wait()
		s.Stop(nil)
		failureOf(t, end(), "http", service.InStop)
		equal(t, "what has happened", d.all(), "cut")
		equal(t, "state", stateOf(s, "http"), service.Stopped)
	})
}

// A handler that calls runtime.Goexit has not succeeded.
func TestHTTPGoexit(t *testing.T) {
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { runtime.Goexit() })
	web(t, service.HTTPConfig{Handler: handler}, nil, func(t *testing.T, s *service.Service, m *memory, end func() error) {
		status, _ := m.dial(t).get("/").answer()
		equal(t, "status", status, 0)
		s.Stop(nil)
		must(t, end())
	})
}

// A server without a Log has that of its service.
func TestHTTPLogsToTheService(t *testing.T) {
	braidtest.CheckLeaks(t)
	synctest.Test(t, func(t *testing.T) {
		log := &diary{}
		m := newMemory()
		s := newService(service.Config{Log: slogTo(log)}, service.HTTP(service.HTTPConfig{Listener: m, Handler: routes()}))
		result := make(chan error, 1)
		go func() { result <- s.Run(t.Context()) }()
		synctest.Wait()
		m.dial(t).get("/panic").answer()
		s.Stop(nil)
		must(t, <-result)
		contains(t, log.all(), "listening http", "panic in a handler with a stack", "draining http")
	})
}

// A start that fails leaves no listener behind.
func TestHTTPOnListenPanics(t *testing.T) {
	braidtest.CheckLeaks(t)
	for name, how := range map[string]func(context.Context) error{"panic": explode, "goexit": goexit} {
		var addr string
		s := newService(service.Config{}, service.HTTP(service.HTTPConfig{
			Addr: "127.0.0.1:0", Handler: routes(), OnListen: func(a net.Addr) { addr = a.String(); _ = how(t.Context()) },
		}))
		failureOf(t, s.Run(t.Context()), "http", service.InStart)
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			t.Errorf("%s: somebody still listens", name)
		}
	}
}

func TestHTTPListens(t *testing.T) {
	braidtest.CheckLeaks(t)
	addrs := make(chan net.Addr, 1)
	mux := routes()
	s := newService(service.Config{}, service.HTTP(service.HTTPConfig{
		Addr: "127.0.0.1:0", Handler: mux, OnListen: func(a net.Addr) { addrs <- a }, Log: slogTo(&diary{}),
		Configure: func(s *http.Server) { s.SetKeepAlivesEnabled(false) },
	}))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error, 1)
	go func() { result <- s.Run(ctx) }()
	addr := <-addrs

	taken := newService(service.Config{}, service.HTTP(service.HTTPConfig{Addr: addr.String(), Handler: mux}))
	err := taken.Run(t.Context())
	if _, ok := errors.AsType[*net.OpError](failureOf(t, err, "http", service.InStart)); !ok {
		t.Errorf("error is %v", err)
	}

	resp, err := http.Get(service.URL(addr) + "/hello/Ada")
	must(t, err)
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	_ = resp.Body.Close()
	equal(t, "body", string(body), "shop/http/GET /hello/{name} Ada")
	cancel()
	must(t, <-result)
}

// On the event loop, requests are tasks of the loop.
func TestHTTPOnTheLoop(t *testing.T) {
	braidtest.CheckLeaks(t)
	must(t, loop.Run(t.Context(), func(ctx context.Context, _ *braid.Group) error {
		var inLoop bool
		addrs := make(chan net.Addr, 1)
		s := newService(service.Config{})
		s.Add(service.HTTP(service.HTTPConfig{Addr: "127.0.0.1:0", Log: slogTo(&diary{}), OnListen: func(a net.Addr) { addrs <- a },
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				inLoop = true // no lock is needed
				io.WriteString(w, braid.Current(r.Context()).Path())
			}),
		}), service.Component{Name: "client", Run: func(ctx context.Context) error {
			defer s.Stop(nil)
			lim := braid.NewLimiter("client", 1)
			body, err := braid.Offload(ctx, lim, func(context.Context) (string, error) {
				resp, err := http.Get("http://" + (<-addrs).String())
				if err != nil {
					return "", err
				}
				defer resp.Body.Close()
				defer http.DefaultClient.CloseIdleConnections()
				body, err := io.ReadAll(resp.Body)
				return string(body), err
			})
			if err != nil {
				return err
			}
			contains(t, body, "shop/http/request")
			equal(t, "it has run in the loop", inLoop, true)
			return err
		}})
		return s.Run(ctx)
	}))
}

// A service without a name has one in paths, unless it is in a task.
func TestNoName(t *testing.T) {
	t.Parallel()
	paths := make(chan string, 1)
	s := service.New(service.Config{Log: slogTo(&diary{})})
	s.Add(service.Component{Name: "a", Run: func(ctx context.Context) error { paths <- braid.Current(ctx).Path(); return nil }})
	must(t, s.Run(t.Context()))
	equal(t, "path", <-paths, "service/a")
	must(t, braid.Run(t.Context(), func(ctx context.Context, _ *braid.Group) error { return s.Run(ctx) }, braid.Name("main")))
	equal(t, "path", <-paths, "main/a")
}

// A server with a listener that was given can be started only once, and says so.
func TestHTTPGivenListenerOnce(t *testing.T) {
	braidtest.CheckLeaks(t)
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		part := service.HTTP(service.HTTPConfig{Listener: m, Handler: routes(), Log: slogTo(&diary{})})
		part.Restart = service.OnFailure
		s := newService(service.Config{MaxRestarts: 1}, part)
		result := make(chan error, 1)
		go func() { result <- s.Run(t.Context()) }()
		synctest.Wait()
		must(t, m.Close())
		err := <-result
		contains(t, err.Error(), "after 1 restarts", "cannot be started again: give it an Addr instead")
	})
}

func TestURL(t *testing.T) {
	t.Parallel()
	for want, addr := range map[string]net.Addr{
		"http://localhost:80": &net.TCPAddr{IP: net.IPv4zero, Port: 80},
		"http://[::1]:80":     &net.TCPAddr{IP: net.IPv6loopback, Port: 80},
		"http:///tmp/x":       &net.UnixAddr{Name: "/tmp/x", Net: "unix"},
	} {
		equal(t, "URL", service.URL(addr), want)
	}
}
