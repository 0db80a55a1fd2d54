package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxConns    = 64                     // of a listener, idle ones included
	maxRefusing = 16                     // that are being told why they are refused
	refuseTime  = 250 * time.Millisecond // for that
)

// listenSocket opens a unix socket that is closed to other users.
func listenSocket(path string) (net.Listener, error) {
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("inspect: open the socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = ln.Close()
		return nil, fmt.Errorf("inspect: open the socket: %w", err)
	}
	return ln, nil
}

// limited is a listener that refuses other users, and more than so many connections at a time, and says so.
type limited struct {
	net.Listener

	works    *sync.WaitGroup // its user is in it
	open     atomic.Int32
	refusing atomic.Int32
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if u, ok := peerOf(c); ok {
			if err := checkPeer(u); err != nil {
				l.refuse(c, problemf(http.StatusForbidden, "%v", err))
				continue
			}
		}
		if l.open.Add(1) > maxConns {
			l.open.Add(-1)
			l.refuse(c, problemf(http.StatusServiceUnavailable, "there are %d connections already; try again later", maxConns))
			continue
		}
		return &counted{Conn: c, left: sync.OnceFunc(func() { l.open.Add(-1) })}, nil
	}
}

func peerOf(c net.Conn) (*net.UnixConn, bool) {
	if d, ok := c.(*dialed); ok {
		c = d.Conn
	}
	u, ok := c.(*net.UnixConn)
	return u, ok
}

// counted is a connection that counts until it is closed.
type counted struct {
	net.Conn

	left func()
}

func (c *counted) Close() error {
	c.left()
	return c.Conn.Close()
}

// refuse answers whatever a connection asks, and closes it. Clients expect no answer before they have asked,
// and what has come must be read before the end, for else the peer may see a reset instead of the answer.
func (l *limited) refuse(c net.Conn, p *Problem) {
	if l.refusing.Add(1) > maxRefusing {
		l.refusing.Add(-1)
		_ = c.Close()
		return
	}
	l.works.Go(func() {
		defer l.refusing.Add(-1)
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(refuseTime))
		buf := make([]byte, 4096)
		if _, err := c.Read(buf); err != nil {
			return
		}
		body, _ := json.Marshal(p)
		fmt.Fprintf(c, "HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\nContent-Length: %s\r\nRetry-After: 2\r\nConnection: close\r\n\r\n%s",
			p.Status, p.Title, strconv.Itoa(len(body)), body)
		if w, ok := c.(interface{ CloseWrite() error }); ok {
			_ = w.CloseWrite()
		}
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
		}
	})
}

// dialer is a listener whose connections are made by itself: it dials a socket where a tool listens,
// and again as soon as the tool uses the connection, so that there is always one more.
type dialer struct {
	ctx   context.Context
	stop  context.CancelFunc
	path  string
	ready chan struct{} // holds a token when the next connection is wanted
}

const (
	dialPause    = 100 * time.Millisecond // between two connections that nobody has used
	maxDialPause = 5 * time.Second
)

func newDialer(ctx context.Context, path string) *dialer {
	ctx, stop := context.WithCancel(ctx)
	d := &dialer{ctx: ctx, stop: stop, path: path, ready: make(chan struct{}, 1)}
	d.ready <- struct{}{}
	return d
}

func (d *dialer) Accept() (net.Conn, error) {
	select {
	case <-d.ready:
	case <-d.ctx.Done():
		return nil, net.ErrClosed
	}
	for pause := dialPause; ; pause = min(2*pause, maxDialPause) {
		var nd net.Dialer
		c, err := nd.DialContext(d.ctx, "unix", d.path)
		if err == nil {
			return &dialed{Conn: c, d: d}, nil
		}
		if !d.sleep(pause) {
			return nil, net.ErrClosed
		}
	}
}

func (d *dialer) sleep(pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-d.ctx.Done():
		return false
	}
}

// next asks for the next connection.
func (d *dialer) next() {
	select {
	case d.ready <- struct{}{}:
	default:
	}
}

func (d *dialer) Close() error {
	d.stop()
	return nil
}

func (d *dialer) Addr() net.Addr { return &net.UnixAddr{Name: d.path, Net: "unix"} }

// dialed is a connection of a dialer.
type dialed struct {
	net.Conn

	d    *dialer
	used sync.Once
}

func (c *dialed) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.used.Do(c.d.next)
	}
	return n, err
}

func (c *dialed) Close() error {
	err := c.Conn.Close()
	c.used.Do(func() { // nobody has used it: the tool may be going, or has turned us away
		timer := time.AfterFunc(dialPause, c.d.next)
		context.AfterFunc(c.d.ctx, func() { timer.Stop() })
	})
	return err
}
