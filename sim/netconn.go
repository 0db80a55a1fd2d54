package sim

import (
	"context"
	"io"
	"net"
	"os"
	"time"

	"github.com/braid-go/braid/internal/sched"
)

// conn is one end of a connection.
type conn struct {
	net           *Network
	local, remote Addr
	in, out       *stream
	read, write   deadline
	closed        bool
}

// stream is one direction of a connection.
type stream struct {
	data   []byte // has arrived
	flying int    // bytes on their way
	eof    bool   // all that was sent has arrived, and no more will come
	reset  bool
	gone   bool // the reader has closed
	last   time.Time
	queue  []func() // what happens when the things on their way arrive, in their order
	moved  signal   // anything of this
}

// deadline is a point in time at which calls of one kind end.
type deadline struct {
	timer  sched.Timer
	passed bool
}

func (n *Network) pair(a, b Addr) (client, server *conn) {
	up, down := &stream{}, &stream{}
	return &conn{net: n, local: a, remote: b, in: down, out: up}, &conn{net: n, local: b, remote: a, in: up, out: down}
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	ctx, err := c.net.task("conn.Read")
	if err != nil {
		return 0, c.fail("read", err)
	}
	if c.net.goesWrong(c.net.Resets && !c.closed, "connection reset") {
		c.reset()
	}
	err = c.in.moved.wait(ctx, func() bool {
		return len(c.in.data) > 0 || c.in.eof || c.in.reset || c.closed || c.read.passed || len(p) == 0
	})
	switch {
	case err != nil:
		return 0, c.fail("read", err)
	case c.closed:
		return 0, c.fail("read", net.ErrClosed)
	case c.in.reset:
		return 0, c.fail("read", errReset)
	case c.read.passed:
		return 0, c.fail("read", os.ErrDeadlineExceeded)
	case len(p) == 0:
		return 0, nil
	case len(c.in.data) == 0:
		return 0, io.EOF
	}
	n := min(len(p), len(c.in.data))
	if n > 1 && c.net.ShortReads {
		switch c.net.eng.choose(kindNet, 3) {
		case 1:
			n = 1
		case 2:
			n = (n + 1) / 2
		}
	}
	copy(p, c.in.data[:n])
	c.in.data = c.in.data[n:]
	c.in.moved.set()
	return n, nil
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	ctx, err := c.net.task("conn.Write")
	if err != nil {
		return 0, c.fail("write", err)
	}
	if c.net.goesWrong(c.net.Resets && !c.closed, "connection reset") {
		c.reset()
	}
	done := 0
	for {
		n, err := c.push(ctx, p[done:])
		if done += n; err != nil {
			return done, c.fail("write", err)
		}
		if done == len(p) {
			return done, nil
		}
	}
}

// push sends as much as the window holds, waiting until it holds something.
func (c *conn) push(ctx context.Context, p []byte) (int, error) {
	room := func() int { return c.net.Window - c.out.flying - len(c.out.data) }
	err := c.out.moved.wait(ctx, func() bool {
		return room() > 0 || c.out.reset || c.out.gone || c.closed || c.write.passed
	})
	switch {
	case err != nil:
		return 0, err
	case c.closed:
		return 0, net.ErrClosed
	case c.out.reset:
		return 0, errReset
	case c.out.gone:
		return 0, errPipe
	case c.write.passed:
		return 0, os.ErrDeadlineExceeded
	}
	n := min(len(p), room())
	segment := append([]byte(nil), p[:n]...)
	c.out.flying += n
	c.send(func() {
		c.out.flying -= n
		c.out.data = append(c.out.data, segment...)
	})
	return n, nil
}

// send lets something happen at the other end. What is sent later does not arrive earlier.
func (c *conn) send(arrive func()) {
	n := c.net
	n.cutOff(c.local.host(), c.remote.host())
	when := n.eng.Now().Add(n.delay())
	if when.Before(c.out.last) {
		when = c.out.last
	}
	c.out.last = when
	c.out.queue = append(c.out.queue, arrive)
	n.later(c.local.host(), c.remote.host(), when.Sub(n.eng.Now()), func() {
		first := c.out.queue[0] // whichever timer came first
		c.out.queue = c.out.queue[1:]
		first()
		c.out.moved.set()
	})
}

// reset ends the connection at both ends at once.
func (c *conn) reset() {
	for _, s := range []*stream{c.in, c.out} {
		s.reset, s.data = true, nil
		s.moved.set()
	}
}

// Close implements net.Conn. What has been written still arrives.
func (c *conn) Close() error {
	if c.closed {
		return c.fail("close", net.ErrClosed)
	}
	c.closed = true
	c.in.gone = true
	c.in.moved.set()
	c.hangUp()
	_ = c.SetDeadline(time.Time{})
	return nil
}

// hangUp tells the other end that nothing more will come.
func (c *conn) hangUp() { c.send(func() { c.out.eof = true }) }

// CloseWrite ends the writing half, as net.TCPConn's does.
func (c *conn) CloseWrite() error {
	if c.closed {
		return c.fail("close", net.ErrClosed)
	}
	c.hangUp()
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *conn) SetReadDeadline(t time.Time) error  { return c.net.arm(&c.read, t, &c.in.moved) }
func (c *conn) SetWriteDeadline(t time.Time) error { return c.net.arm(&c.write, t, &c.out.moved) }

// arm sets a deadline; the zero time is none.
func (n *Network) arm(d *deadline, t time.Time, wake *signal) error {
	if d.timer != nil {
		d.timer.Stop()
	}
	*d = deadline{}
	switch left := t.Sub(n.eng.Now()); {
	case t.IsZero():
	case left > realTime:
		n.eng.failUncontrolled(n.eng.cur.Load(), "a deadline of the real clock: take braid.Time(ctx) instead of time.Now()")
	case left <= 0:
		d.passed = true
		wake.set()
	default:
		d.timer = n.eng.After(left, func() {
			d.passed = true
			wake.set()
		})
	}
	return nil
}

func (c *conn) fail(op string, err error) error { return opError(op, c.local, c.remote, err) }
