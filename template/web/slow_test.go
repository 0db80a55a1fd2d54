package web_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/template/user"
	"github.com/braid-go/braid/template/web"
)

// bubble is the routes in a bubble of virtual time, over connections in memory
// that hold nothing: what one side writes, the other one must take.
type bubble struct {
	group *braid.Group
	parts web.Parts
	conns listener
}

// inBubble runs test with the routes. Whoever waits without a limit fails it:
// the bubble finds that nothing can happen any more.
func inBubble(t *testing.T, test func(t *testing.T, b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
			b := &bubble{group: g, conns: make(listener), parts: web.Parts{
				Users: everybody{}, Stopping: new(braid.Event), Log: slog.New(slog.DiscardHandler),
			}}
			srv := &http.Server{Handler: web.New(g, g, b.parts)}
			defer srv.Close()
			go func() { _ = srv.Serve(b.conns) }()
			test(t, b)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// dial sends text on a new connection and returns what comes back.
func (b *bubble) dial(t *testing.T, text string) *bufio.Reader {
	t.Helper()
	client, server := net.Pipe()
	b.conns <- server
	if _, err := io.WriteString(client, text); err != nil {
		t.Fatal(err)
	}
	return bufio.NewReader(client)
}

// listener accepts what is sent to it.
type listener chan net.Conn

func (l listener) Accept() (net.Conn, error) {
	if c, ok := <-l; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (l listener) Close() error {
	close(l)
	return nil
}

func (l listener) Addr() net.Addr { return &net.TCPAddr{} }

// everybody is a store with more users than fit into any buffer.
type everybody struct{ users }

func (everybody) Users(context.Context, int, int64) (user.Page, error) {
	return user.Page{Users: make([]user.User, 10_000)}, nil
}

// A client that announces a body and does not send it is answered, and let go.
func TestBodyNeverComes(t *testing.T) {
	for name, c := range map[string]struct {
		head   string
		status int
	}{
		"wanted":            {"POST /users HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 10", http.StatusRequestTimeout},
		"wanted, chunked":   {"POST /users HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked", http.StatusRequestTimeout},
		"not wanted":        {"GET /Ada HTTP/1.1\r\nContent-Length: 10", http.StatusRequestTimeout},
		"of the wrong type": {"POST /users HTTP/1.1\r\nContent-Length: 10", http.StatusUnsupportedMediaType},
		"expected":          {"POST /users HTTP/1.1\r\nContent-Length: 10\r\nExpect: 100-continue", http.StatusUnsupportedMediaType},
		"for nobody":        {"POST /no/such/path HTTP/1.1\r\nTransfer-Encoding: chunked", http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				start := time.Now()
				in := b.dial(t, c.head+"\r\nHost: x\r\n\r\n")
				resp, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatal(err)
				}
				if resp.StatusCode != c.status {
					t.Errorf("status %s, want %d", resp.Status, c.status)
				}
				if _, err := io.ReadAll(in); err != nil { // to the end of the connection
					t.Error(err)
				}
				if took := time.Since(start); took > time.Minute {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// A body that comes in time, for a route that has no use for it, does no harm.
func TestBodyNobodyWants(t *testing.T) {
	s := start(t)
	if a := s.do("GET", "/Ada", "some words"); a.StatusCode != http.StatusOK || string(a.body) != "Hello, Ada\n" {
		t.Errorf("status %d, body %q", a.StatusCode, a.body)
	}
	s.wantProblem(s.do("GET", "/Ada", strings.Repeat("x", 1<<20+1)), http.StatusRequestEntityTooLarge, "1 MiB")
}

// A client that does not take its answer is let go.
func TestAnswerIsNotTaken(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		start := time.Now()
		b.dial(t, "GET /users HTTP/1.1\r\nHost: x\r\n\r\n")
		synctest.Wait()
		if n := b.group.Statistics().Running; n != 1 {
			t.Errorf("%d tasks run, want 1", n)
		}
		for b.group.Statistics().Running > 0 {
			if time.Since(start) > time.Minute {
				t.Fatal("the task still runs")
			}
			if err := braid.Sleep(t.Context(), time.Second); err != nil {
				t.Fatal(err)
			}
		}
	})
}
