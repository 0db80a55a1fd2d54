package inspect_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/inspect"
)

// Clients that send garbage, too much, or nothing are answered or let go, and the others do not notice.
func TestServe_garbage(t *testing.T) {
	braidtest.CheckLeaks(t)
	in := start(t, inspect.Options{}, inspect.Fake{})
	c := dial(t, in.Socket())
	for _, send := range []string{
		"\x00\x01\x02\x03\r\n\r\n",
		"GET\r\n\r\n",
		"GET /debug/tasks/v1/info HTTP/9.9\r\n\r\n",
		"GET /debug/tasks/v1/info HTTP/1.1\r\n\r\n", // without a host
		"GET /debug/tasks/v1/info HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n",
		"POST /debug/tasks/v1/tasks/4/cancel HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET /debug/tasks/v1/info HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
	} {
		conn := connect(t, in.Socket())
		go func() {
			io.WriteString(conn, send) // may fail in the middle: the server need not read it all
			conn.(*net.UnixConn).CloseWrite()
		}()
		status, _ := bufio.NewReader(conn).ReadString('\n')
		if status != "" && !strings.HasPrefix(status, "HTTP/1.1 4") && !strings.HasPrefix(status, "HTTP/1.1 5") {
			t.Errorf("%.40q: %q", send, status)
		}
		conn.Close()
		if _, err := c.Info(background); err != nil {
			t.Errorf("after %.40q: %v", send, err)
		}
	}
}

// A client that is slow to ask, slow to send its body, or does not ask at all, is let go.
func TestServe_slowClients(t *testing.T) {
	inBubble(t, inspect.Fake{}, func(t *testing.T, _ *inspect.Inspector, p *pipes) {
		for _, c := range []struct {
			send string
			most time.Duration
		}{
			{"", 5 * time.Second},
			{"GET /debug/tasks/v1/in", 5 * time.Second},
			{"POST /debug/tasks/v1/tasks/4/cancel HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{", 6 * time.Second},
			{"GET /debug/tasks/v1/info HTTP/1.1\r\nHost: x\r\n\r\n", 61 * time.Second}, // and then nothing
			{"GET /debug/tasks/v1/info HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", 6 * time.Second},
		} {
			begun := time.Now()
			conn := p.dial()
			go io.WriteString(conn, c.send)
			io.Copy(io.Discard, conn)
			if took := time.Since(begun); took > c.most {
				t.Errorf("%.60q was let go after %v", c.send, took)
			}
			conn.Close()
		}
	})
}

// One that does not read its answer, whatever that is, is let go, too, and takes nobody's place meanwhile.
func TestServe_neverReads(t *testing.T) {
	for _, path := range []string{"v1/tasks", "v1/snapshot.ndjson", "v1/none", "v1/info?x=1", "", "console.js", "../.."} {
		t.Run(path, func(t *testing.T) {
			inBubble(t, inspect.Fake{}, func(t *testing.T, in *inspect.Inspector, p *pipes) {
				var conns []net.Conn
				for range 2 * inspect.MaxRequests {
					conn := p.dial()
					io.WriteString(conn, "GET /debug/tasks/"+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
					conns = append(conns, conn)
				}
				synctest.Wait()
				if r := get(in.Handler(), "v1/tasks"); r.status != 200 {
					t.Errorf("another client: %d %s", r.status, r.body)
				}
				pass(time.Minute)
				for _, conn := range conns {
					if n, err := io.Copy(io.Discard, conn); n > 0 || err != nil && !errors.Is(err, io.ErrClosedPipe) {
						t.Errorf("%d bytes after a minute, %v", n, err)
					}
					conn.Close()
				}
			})
		})
	}
}

// Those who read a whole snapshot, as slowly as they like, take nobody's place but of others who do.
func TestServe_slowDumps(t *testing.T) {
	take := takeShop()
	inBubble(t, inspect.Fake{Take: func() *inspect.Snapshot {
		s := take()
		for i := range uint64(1000) { // more than buffers on the way hold
			s.Tasks = append(s.Tasks, inspect.Task{ID: 1000 + i, Parent: 2, Owner: 1, Name: "clerk", State: inspect.StateActive})
		}
		return s
	}}, func(t *testing.T, in *inspect.Inspector, p *pipes) {
		for range inspect.MaxDumps {
			conn := p.dial()
			defer conn.Close()
			io.WriteString(conn, "GET /debug/tasks/v1/snapshot.ndjson HTTP/1.1\r\nHost: x\r\n\r\n")
			io.ReadFull(conn, make([]byte, 10))
		}
		synctest.Wait()
		if r := get(in.Handler(), "v1/snapshot.ndjson"); r.status != 503 || !strings.Contains(r.body, "4 clients read a snapshot") {
			t.Errorf("one more: %d %s", r.status, r.body)
		}
		for range inspect.MaxRequests {
			if r := get(in.Handler(), "v1/tasks"); r.status != 200 {
				t.Errorf("another client: %d %s", r.status, r.body)
			}
		}
		pass(inspect.ChunkTime)
		if r := get(in.Handler(), "v1/snapshot.ndjson"); r.status != 200 {
			t.Errorf("when they have been let go: %d %s", r.status, r.body)
		}
	})
}

// More connections than there may be are told so, and closed; there is room again when others go.
func TestServe_tooManyConnections(t *testing.T) {
	braidtest.CheckLeaks(t)
	in := start(t, inspect.Options{}, inspect.Fake{})
	var conns []net.Conn
	for range inspect.MaxConns {
		conns = append(conns, connect(t, in.Socket()))
	}
	over := connect(t, in.Socket())
	io.WriteString(over, "GET /debug/tasks/v1/info HTTP/1.1\r\nHost: x\r\n\r\n")
	text, err := io.ReadAll(over)
	must(t, err)
	wantText(t, string(text), "HTTP/1.1 503", "64 connections already", "Retry-After", "application/problem+json")
	_, err = inspect.Dial(background, in.Socket())
	var p *inspect.Problem
	if !errors.As(err, &p) || p.Status != 503 {
		t.Errorf("a client: %v", err)
	}
	conns[0].Close()
	for {
		c, err := inspect.Dial(background, in.Socket())
		if err == nil {
			c.Close()
			break
		}
		if !errors.As(err, &p) || p.Status != 503 {
			t.Fatal(err)
		}
	}
}

// Eight requests are worked on at a time. One more waits, and is told after a second; it is the snapshots that take long here.
func TestServe_tooManyRequests(t *testing.T) {
	var slow atomic.Bool
	release := make(chan struct{})
	inBubble(t, inspect.Fake{Take: func() *inspect.Snapshot {
		if slow.Load() {
			<-release
		}
		s := demoShop()
		s.Taken = time.Now()
		return s
	}}, func(t *testing.T, in *inspect.Inspector, _ *pipes) {
		pass(100 * time.Millisecond)
		slow.Store(true)
		var works sync.WaitGroup
		bubbled := make(chan struct{})
		release = bubbled
		for range inspect.MaxRequests {
			works.Go(func() {
				if r := get(in.Handler(), "v1/info?fresh=1"); r.status != 200 {
					t.Errorf("%d %s", r.status, r.body)
				}
			})
		}
		synctest.Wait()
		begun := time.Now()
		r := get(in.Handler(), "v1/info")
		if took := time.Since(begun); r.status != 503 || took != time.Second || !strings.Contains(r.body, "8 requests") {
			t.Errorf("the ninth: %d %s after %v", r.status, r.body, took)
		}
		slow.Store(false)
		close(bubbled)
		works.Wait()
		if r := get(in.Handler(), "v1/info"); r.status != 200 {
			t.Errorf("afterwards: %d", r.status)
		}
	})
}
