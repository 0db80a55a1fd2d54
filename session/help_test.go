package session_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/session"
)

// network is made of pipes, so that time is virtual.
type network struct {
	t       *testing.T
	mu      sync.Mutex
	hosts   map[string]func(net.Conn)
	dials   map[string]int
	dialing func(ctx context.Context, addr string) error // called first, if not nil
	servers sync.WaitGroup                               // that may be asleep when their connection ends
}

// dial is for Config.Dial.
func (n *network) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	n.mu.Lock()
	accept, dialing := n.hosts[addr], n.dialing
	n.dials[addr]++
	n.mu.Unlock()
	if dialing != nil {
		if err := dialing(ctx, addr); err != nil {
			return nil, err
		}
	}
	if accept == nil {
		return nil, errors.New("connection refused")
	}
	near, far := net.Pipe()
	accept(far)
	return near, nil
}

func (n *network) dialed(addr string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dials[addr]
}

// serve answers at addr with handler.
func (n *network) serve(addr string, handler http.HandlerFunc) {
	l := &listener{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{ReadHeaderTimeout: time.Hour, Handler: handler}
	go func() { _ = server.Serve(l) }()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[addr] = func(c net.Conn) {
		select {
		case l.conns <- c:
		case <-l.closed:
			_ = c.Close()
		}
	}
	n.t.Cleanup(func() { _ = server.Close() })
}

// raw calls handle for each connection to addr, with the first line of the first request, and closes it then.
func (n *network) raw(addr string, handle func(c net.Conn, request string)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[addr] = func(c net.Conn) {
		n.servers.Go(func() {
			defer c.Close()
			r := bufio.NewReader(c)
			first, err := r.ReadString('\n')
			for line := first; err == nil && line != "\r\n"; {
				line, err = r.ReadString('\n')
			}
			if err == nil {
				go func() { _, _ = io.Copy(io.Discard, r) }()
				handle(c, strings.TrimSpace(first))
			}
		})
	}
}

type listener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (*listener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// inBubble runs test in virtual time, where all goroutines must have ended at its end.
func inBubble(t *testing.T, test func(ctx context.Context, n *network)) {
	t.Helper()
	braidtest.CheckLeaks(t)
	synctest.Test(t, func(t *testing.T) {
		n := &network{t: t, hosts: make(map[string]func(net.Conn)), dials: make(map[string]int)}
		test(t.Context(), n)
		n.servers.Wait()
	})
}

// with runs test with a session on n.
func (n *network) with(ctx context.Context, config session.Config, test func(ctx context.Context, s *session.Session)) {
	n.t.Helper()
	config.Dial = n.dial
	err := session.Run(ctx, config, func(ctx context.Context, s *session.Session) error {
		test(ctx, s)
		return nil
	})
	if err != nil {
		n.t.Errorf("the session ended with %v", err)
	}
}

func get(ctx context.Context, s *session.Session, url string) (string, error) {
	resp, err := s.Get(ctx, url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func newRequest(t *testing.T, ctx context.Context, method, url, body string) *http.Request {
	t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, r)
	must(t, err)
	return req
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("error: %v", err)
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
}

func wantTimeout(t *testing.T, err error, phase session.Phase) {
	t.Helper()
	timeout, ok := errors.AsType[*session.TimeoutError](err)
	if !ok || timeout.Phase != phase {
		t.Fatalf("error is %v, want the %s timeout", err, phase)
	}
	if !errors.Is(err, braid.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v is not found as a timeout", err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s is %v, want %v", what, got, want)
	}
}

// took returns how long f takes.
func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func panicked(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

// hang waits until the client has gone.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// zeros is a body that never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// slogToNowhere drops what is logged until its result is called.
func slogToNowhere(t *testing.T) (restore func()) {
	t.Helper()
	before := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	return func() { slog.SetDefault(before) }
}
