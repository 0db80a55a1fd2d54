package loop

import (
	"context"
	"net"
	"time"

	"github.com/braid-go/braid"
)

// Conn is a stream connection, TCP or Unix, whose calls let the loop run other tasks while they wait.
// It is a net.Conn, so bufio, crypto/tls and http.ReadRequest work on it. [Dial] and [Listener.Accept] make one.
//
// Its calls that wait are for tasks of its loop. Close and the deadlines may be called from any goroutine.
// A read and a write may wait at the same time, in two tasks. When its loop ends, a connection is closed.
//
// Calls without a ctx obey the ctx of the task that makes them: if the task is cancelled, they return its cause in a *net.OpError.
// They do not know of a [braid.Timeout] inside the task; use the calls that take a ctx there, or [Conn.WithContext].
type Conn struct {
	s      socket
	remote net.Addr
	local  net.Addr
}

func newConn(l *Loop, t transport, local, remote net.Addr) *Conn {
	c := &Conn{remote: remote, local: local}
	c.s.init(l, t)
	c.s.name("conn.Read", "conn.Write")
	return c
}

// Read reads what has arrived, waiting until something has. See [Conn.ReadContext].
func (c *Conn) Read(p []byte) (int, error) {
	ctx, err := c.s.ctx("conn.Read")
	if err != nil {
		return 0, c.err("read", err)
	}
	return c.ReadContext(ctx, p)
}

// ReadContext reads what has arrived, up to len(p) bytes, waiting until something has.
// At the end of the stream it returns io.EOF.
//
// # Cancellation
//
// If ctx ends first, or is done already, ReadContext returns its cause in a *net.OpError. It has taken nothing:
// what arrives is there for the next read. A deadline that passes does the same with os.ErrDeadlineExceeded.
func (c *Conn) ReadContext(ctx context.Context, p []byte) (n int, err error) {
	for {
		if ctx.Err() != nil {
			return 0, c.err("read", context.Cause(ctx))
		}
		n, err = c.tryRead(p)
		switch err {
		case errAgain:
			err = c.s.r.event.Wait(ctx)
		case errOthers:
			err = braid.Yield(ctx)
		default:
			return n, c.err("read", err)
		}
		if err != nil {
			return 0, c.err("read", err)
		}
	}
}

// tryRead is a case of socket.try without its closure: reading is what servers do most.
func (c *Conn) tryRead(p []byte) (int, error) {
	s := &c.s
	s.mu.Lock()
	n, err := 0, s.usable(&s.r)
	if err == nil {
		if err = errAgain; s.r.ready {
			n, err = s.t.read(p)
		}
		if err == errAgain {
			s.r.wait()
		}
	}
	s.mu.Unlock()
	return n, err
}

// Write writes all of p. See [Conn.WriteContext].
func (c *Conn) Write(p []byte) (int, error) {
	ctx, err := c.s.ctx("conn.Write")
	if err != nil {
		return 0, c.err("write", err)
	}
	return c.WriteContext(ctx, p)
}

// WriteContext writes all of p, waiting while the system's buffer is full. Writes of several tasks may mix with each other.
//
// # Cancellation
//
// If ctx ends first, or is done already, WriteContext returns its cause in a *net.OpError, and how many bytes it has written:
// those are on their way. A deadline that passes does the same with os.ErrDeadlineExceeded.
func (c *Conn) WriteContext(ctx context.Context, p []byte) (n int, err error) {
	for {
		if ctx.Err() != nil {
			return n, c.err("write", context.Cause(ctx))
		}
		m, err := c.tryWrite(p[n:])
		n += m
		switch err {
		case errAgain:
			err = c.s.w.event.Wait(ctx)
		case errOthers:
			err = braid.Yield(ctx)
		default:
			return n, c.err("write", err)
		}
		if err != nil {
			return n, c.err("write", err)
		}
	}
}

func (c *Conn) tryWrite(p []byte) (n int, err error) {
	s := &c.s
	s.mu.Lock()
	if err = s.usable(&s.w); err == nil {
		if err = errAgain; s.w.ready {
			for n, err = s.t.write(p); err == nil && n < len(p); {
				var m int
				m, err = s.t.write(p[n:])
				n += m
			}
		}
		if err == errAgain {
			s.w.wait()
		}
	}
	s.mu.Unlock()
	return n, err
}

// Close closes the connection. Calls that wait on it return net.ErrClosed. It may be called from any goroutine, and does not wait.
func (c *Conn) Close() error { return c.err("close", c.s.end(net.ErrClosed)) }

// CloseWrite tells the other side that nothing more will come; reading goes on.
func (c *Conn) CloseWrite() error {
	return c.half((transport).closeWrite)
}

// CloseRead gives up reading; writing goes on. Reads return io.EOF.
func (c *Conn) CloseRead() error {
	err := c.half((transport).closeRead)
	c.s.readable()
	return err
}

func (c *Conn) half(f func(transport) error) error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.s.closed != nil {
		return c.err("close", c.s.closed)
	}
	return c.err("close", f(c.s.t))
}

// LocalAddr returns the address on this side.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the address of the other side.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines. A zero time means none.
func (c *Conn) SetDeadline(t time.Time) error {
	return c.err("set", c.s.setDeadline(true, true, t))
}

// SetReadDeadline sets until when reads wait, those that wait already included.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.err("set", c.s.setDeadline(true, false, t))
}

// SetWriteDeadline sets until when writes wait, those that wait already included.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.err("set", c.s.setDeadline(false, true, t))
}

// WithContext returns a net.Conn that is c with reads and writes that obey ctx, for code that takes a net.Conn inside a time limit.
func (c *Conn) WithContext(ctx context.Context) net.Conn { return &boundConn{c, ctx} }

// err gives err its form.
//
//go:noinline // to keep the frames of ReadContext and WriteContext small: they are stack of every waiting task
func (c *Conn) err(op string, err error) error {
	if err == nil {
		return nil
	}
	return opError(op, c.local, c.remote, err)
}

type boundConn struct {
	*Conn
	ctx context.Context
}

func (b *boundConn) Read(p []byte) (int, error)  { return b.ReadContext(b.ctx, p) }
func (b *boundConn) Write(p []byte) (int, error) { return b.WriteContext(b.ctx, p) }
