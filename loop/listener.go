package loop

import (
	"context"
	"net"
	"time"

	"github.com/braid-go/braid"
)

// Listener accepts connections onto its loop. It is a net.Listener. [Listen] makes one.
type Listener struct {
	s    socket
	addr net.Addr
	busy time.Duration // how long Accept waits after the system had no descriptor left
}

// Accept waits for the next connection. See [Listener.AcceptContext].
func (ln *Listener) Accept() (net.Conn, error) {
	ctx, err := ln.s.ctx("listener.Accept")
	if err != nil {
		return nil, ln.err("accept", err)
	}
	c, err := ln.AcceptContext(ctx)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// AcceptContext waits for the next connection.
//
// If the process or the system has no descriptor left, AcceptContext waits a little, up to a second, and tries again:
// the connection stays in the system's queue meanwhile and is not lost.
//
// # Cancellation
//
// If ctx ends first, or is done already, AcceptContext returns its cause in a *net.OpError. No connection is lost.
func (ln *Listener) AcceptContext(ctx context.Context) (*Conn, error) {
	for {
		var t transport
		var remote net.Addr
		err := ln.s.do(ctx, &ln.s.r, func() (err error) {
			t, remote, err = ln.s.t.accept()
			return err
		})
		if err == nil {
			ln.busy = 0
			c := newConn(ln.s.loop, t, ln.local(t), remote)
			if err := ln.s.loop.adopt(&c.s); err != nil {
				return nil, ln.err("accept", err)
			}
			return c, nil
		}
		if !exhausted(err) {
			return nil, ln.err("accept", err)
		}
		ln.busy = min(max(2*ln.busy, 5*time.Millisecond), time.Second)
		ln.pause(ctx)
	}
}

// pause waits a little. The end of ctx, Close and the deadline end it too, and are then found by the next try.
func (ln *Listener) pause(ctx context.Context) {
	s := &ln.s
	s.mu.Lock()
	idle := s.closed == nil && !s.r.expired
	if idle {
		s.r.event.Clear()
	}
	s.mu.Unlock()
	if idle {
		_ = braid.Timeout(ctx, ln.busy, s.r.event.Wait)
	}
}

// local returns the address of t, which has just been accepted. If the listener has one address it is that one, and the system need not be asked.
func (ln *Listener) local(t transport) net.Addr {
	if a, ok := ln.addr.(*net.TCPAddr); ok && a.IP.IsUnspecified() {
		return t.localAddr()
	}
	return ln.addr
}

// Close stops listening. A call that waits in Accept returns net.ErrClosed. Connections that have been accepted stay.
// It may be called from any goroutine, and does not wait.
func (ln *Listener) Close() error {
	return ln.err("close", ln.s.end(net.ErrClosed))
}

// Addr returns the address that the listener has.
func (ln *Listener) Addr() net.Addr { return ln.addr }

// SetDeadline sets until when Accept waits. A zero time means for ever.
func (ln *Listener) SetDeadline(t time.Time) error {
	return ln.err("set", ln.s.setDeadline(true, false, t))
}

func (ln *Listener) err(op string, err error) error {
	return opError(op, nil, ln.addr, err)
}
