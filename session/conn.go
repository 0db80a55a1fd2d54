package session

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid"
)

// conn is a connection of the session. It counts until net/http, which has two goroutines for it, has closed it
// and is neither reading from it nor writing to it any more.
type conn struct {
	net.Conn
	s     *Session
	addr  string
	state atomic.Int64 // how many calls are under way; and connClosed
}

const connClosed = 1 << 32

func (c *conn) leave() {
	if c.state.Add(-1) == connClosed {
		c.over()
	}
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	c.state.Add(1)
	defer c.leave()
	return c.Conn.Read(p)
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	c.state.Add(1)
	defer c.leave()
	return c.Conn.Write(p)
}

// ReadFrom lets what can send a file without copying it do so.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	c.state.Add(1)
	defer c.leave()
	return io.Copy(c.Conn, r)
}

// Close implements net.Conn.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.state.Add(1) // it ends with the event at the earliest
	defer c.leave()
	if c.state.Or(connClosed)&connClosed == 0 && c.s.config.OnEvent != nil {
		apart(func() { c.s.tell(context.Background(), Event{Kind: ConnClosed, Address: c.addr}) })
	}
	return err
}

// over takes c off the list. Doing so again does no harm.
func (c *conn) over() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	delete(c.s.conns, c)
	if c.s.closed && len(c.s.conns) == 0 {
		c.s.gone.Set()
	}
}

// dial is what net/http connects with.
func (s *Session) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return s.connect(ctx, network, addr, func(_ context.Context, c *conn) (net.Conn, error) { return c, nil })
}

// dialTLS is dial with a handshake, so that Timeouts.Connect is for both.
func (s *Session) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	return s.connect(ctx, network, addr, func(ctx context.Context, c *conn) (net.Conn, error) {
		config := s.direct.TLSClientConfig.Clone() // in which net/http has put the protocols
		if config.ServerName == "" {
			host, _, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			config.ServerName = host
		}
		t := tls.Client(c, config)
		return t, t.HandshakeContext(ctx)
	})
}

// connect makes a connection in a task of the session. ctx has the values of the request that needs it first, and not its end.
// The task has a goroutine of its own: a Dial that calls runtime.Goexit must not end that of net/http, which would leave the request waiting.
func (s *Session) connect(ctx context.Context, network, addr string, shake func(context.Context, *conn) (net.Conn, error)) (made net.Conn, err error) {
	err = &connectError{err: fmt.Errorf("session: connecting to %s: %w", addr, braid.ErrGoexit)}
	apart(func() { made, err = s.connectHere(ctx, network, addr, shake) })
	return made, err
}

func (s *Session) connectHere(ctx context.Context, network, addr string, shake func(context.Context, *conn) (net.Conn, error)) (made net.Conn, err error) {
	returned := false
	defer func() {
		if !returned && made != nil { // Goexit in OnEvent
			_ = made.Close()
		}
	}()
	began := time.Now()
	started := false
	err = s.portal.Do(ctx, func(ctx context.Context) error {
		started = true
		if d := s.config.Timeouts.Connect; d > 0 {
			limited, cancel := context.WithTimeoutCause(ctx, d, &TimeoutError{Phase: Connect, After: d})
			defer cancel()
			ctx = limited
		}
		raw, err := s.config.dialer()(ctx, network, addr)
		switch {
		case err == nil && raw == nil:
			err = errors.New("session: Config.Dial returned neither a connection nor an error")
		case err == nil:
			made, err = s.admit(ctx, raw, addr, shake)
		}
		if err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}, braid.Name("dial "+addr))
	if !started && (errors.Is(err, braid.ErrNotStarted) || errors.Is(err, braid.ErrClosed)) {
		err = ErrClosed
	}
	if p, ok := errors.AsType[*braid.PanicError](err); ok {
		err = fmt.Errorf("session: connecting to %s panicked: %w", addr, p)
	}
	kind := ConnOpened
	if err != nil {
		kind = ConnFailed
		err = &connectError{err: err}
	}
	s.tell(ctx, Event{Kind: kind, Address: addr, Err: err, Took: time.Since(began)})
	returned = true
	return made, err
}

// admit counts a new connection and does the handshake.
func (s *Session) admit(ctx context.Context, raw net.Conn, addr string, shake func(context.Context, *conn) (net.Conn, error)) (net.Conn, error) {
	c := &conn{Conn: raw, s: s, addr: addr}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		_ = raw.Close()
		return nil, ErrClosed
	}
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	s.opened.Add(1)
	ready := false
	defer func() {
		if !ready {
			_ = c.Close()
		}
	}()
	made, err := shake(ctx, c)
	if err != nil {
		return nil, err
	}
	ready = true
	return made, nil
}

func (c Config) dialer() func(context.Context, string, string) (net.Conn, error) {
	if c.Dial != nil {
		return c.Dial
	}
	return new(net.Dialer).DialContext
}

// connectError marks the failure to make a connection: nothing has been sent.
type connectError struct{ err error }

func (e *connectError) Error() string { return e.err.Error() }
func (e *connectError) Unwrap() error { return e.err }
