package loop

import (
	"cmp"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// portable is the backend for systems without a poller of ours. A connection stays one of package net;
// goroutines read ahead of the task and write behind it, at most one each way.
type portable struct{ l *Loop }

func (p portable) conn(c net.Conn) (transport, error) {
	return &netTransport{l: p.l, conn: c, local: c.LocalAddr(), closer: c}, nil
}

func (p portable) listener(ln net.Listener) (transport, error) {
	return &netTransport{l: p.l, ln: ln, local: ln.Addr(), closer: ln}, nil
}

func (p portable) packetConn(pc net.PacketConn) (transport, error) {
	return &netTransport{l: p.l, pc: pc, local: pc.LocalAddr(), closer: pc}, nil
}

// netTransport is a connection, a listener or a packet connection of package net. The socket's mutex guards it.
type netTransport struct {
	l      *Loop
	s      *socket
	conn   net.Conn
	ln     net.Listener
	pc     net.PacketConn
	local  net.Addr
	closer io.Closer

	in struct { // what a goroutine has brought
		busy bool
		err  error
		room []byte // where it reads
		data []byte // what is there, within room
		from net.Addr
		conn net.Conn
	}
	out struct { // what a goroutine is writing
		busy bool
		err  error
		data []byte
	}
	closing   bool // close when out is done
	shut      bool // no more writes when out is done
	closeOnce sync.Once
}

const (
	readAhead   = 32 << 10
	writeBehind = 64 << 10
	maxPacket   = 64 << 10
)

func (t *netTransport) start(s *socket) error {
	t.s = s
	s.readable() // so that the first call starts a goroutine
	return t.l.remember(s)
}

func (t *netTransport) localAddr() net.Addr { return t.local }

// fetch starts a goroutine that brings something in, unless there is one.
func (t *netTransport) fetch(f func()) {
	if t.in.busy {
		return
	}
	t.in.busy = true
	t.l.sockets.helpers.Go(func() {
		f()
		t.s.readable()
	})
}

// arrived ends the work of such a goroutine.
func (t *netTransport) arrived(change func()) {
	t.s.mu.Lock()
	t.in.busy = false
	change()
	t.s.mu.Unlock()
}

func (t *netTransport) read(p []byte) (int, error) {
	if len(t.in.data) == 0 {
		if t.in.err != nil {
			return 0, t.in.err
		}
		if len(p) == 0 {
			return 0, nil
		}
		if t.in.room == nil {
			t.in.room = make([]byte, readAhead)
		}
		t.fetch(func() {
			n, err := t.conn.Read(t.in.room)
			t.arrived(func() { t.in.data, t.in.err = t.in.room[:n], plain(err) })
		})
		return 0, errAgain
	}
	n := copy(p, t.in.data)
	t.in.data = t.in.data[n:]
	return n, nil
}

func (t *netTransport) readFrom(p []byte) (int, net.Addr, error) {
	if t.in.data == nil {
		if err := t.in.err; err != nil {
			t.in.err = nil
			return 0, nil, err
		}
		if t.in.room == nil {
			t.in.room = make([]byte, maxPacket)
		}
		t.fetch(func() {
			n, from, err := t.pc.ReadFrom(t.in.room)
			t.arrived(func() {
				if t.in.err = plain(err); err == nil {
					t.in.data, t.in.from = t.in.room[:n:n], from
				}
			})
		})
		return 0, nil, errAgain
	}
	n := copy(p, t.in.data)
	t.in.data = nil
	return n, t.in.from, nil
}

func (t *netTransport) accept() (transport, net.Addr, error) {
	if c := t.in.conn; c != nil {
		t.in.conn = nil
		a, err := portable{t.l}.conn(c)
		return a, c.RemoteAddr(), err
	}
	if err := t.in.err; err != nil {
		t.in.err = nil
		return nil, nil, err
	}
	t.fetch(func() {
		c, err := t.ln.Accept()
		t.arrived(func() {
			t.in.conn, t.in.err = c, plain(err)
			if t.s.closed != nil && c != nil {
				_ = c.Close()
			}
		})
	})
	return nil, nil, errAgain
}

// behind calls write, which sends out.data, on a goroutine.
func (t *netTransport) behind(write func() error) {
	t.out.busy = true
	t.l.sockets.helpers.Go(func() {
		err := plain(write())
		t.s.mu.Lock()
		t.out.busy, t.out.err = false, cmp.Or(t.out.err, err) // closeWrite may have come meanwhile
		if t.shut {
			_ = shutWrite(t.conn)
		}
		if t.closing {
			_ = t.closeNow()
		}
		t.s.mu.Unlock()
		t.s.writable()
	})
}

func (t *netTransport) write(p []byte) (int, error) {
	switch {
	case t.out.err != nil:
		return 0, t.out.err
	case len(p) == 0:
		return 0, nil
	case t.out.busy:
		return 0, errAgain
	}
	p = p[:min(len(p), writeBehind)]
	t.out.data = append(t.out.data[:0], p...)
	t.behind(func() error {
		_, err := t.conn.Write(t.out.data)
		return err
	})
	return len(p), nil
}

// writeTo sends the packet at once if it can, so that the caller hears what is wrong with it.
// Only one that has to wait for room, which is rare, is sent by a goroutine, and what becomes of it is not heard.
func (t *netTransport) writeTo(p []byte, to net.Addr) (int, error) {
	if t.out.busy {
		return 0, errAgain
	}
	_ = t.pc.SetWriteDeadline(time.Now().Add(time.Millisecond)) // one that is over would not even try
	n, err := t.pc.WriteTo(p, to)
	_ = t.pc.SetWriteDeadline(time.Time{})
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, plain(err)
	}
	t.out.data = append(t.out.data[:0], p...)
	t.behind(func() error {
		_, _ = t.pc.WriteTo(t.out.data, to)
		return nil
	})
	return len(p), nil
}

func (t *netTransport) closeRead() error {
	t.in.err = io.EOF
	t.in.data = nil
	if c, ok := t.conn.(interface{ CloseRead() error }); ok {
		return c.CloseRead()
	}
	return errors.ErrUnsupported
}

func (t *netTransport) closeWrite() error {
	if t.out.err == nil {
		t.out.err = net.ErrClosed
	}
	if t.out.busy {
		t.shut = true
		return nil
	}
	return shutWrite(t.conn)
}

func shutWrite(c net.Conn) error {
	if c, ok := c.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}

// close lets what has been written go out first, as a system does that has it in its buffers. The end of the loop waits for that,
// but not for what is written on connections that nobody has closed.
func (t *netTransport) close() error {
	t.l.forget(t.s)
	if c := t.in.conn; c != nil {
		_ = c.Close()
	}
	if t.out.busy && t.conn != nil && t.s.closed != errLoopEnded {
		t.closing = true
		_ = t.conn.SetReadDeadline(time.Unix(1, 0))
		_ = t.conn.SetWriteDeadline(time.Now().Add(lingering))
		return nil
	}
	return t.closeNow()
}

// lingering bounds how long a closed connection still sends.
const lingering = 30 * time.Second

func (t *netTransport) closeNow() (err error) {
	t.closeOnce.Do(func() { err = t.closer.Close() })
	return err
}

// plain takes the wrapping of package net off, which the socket puts on again.
func plain(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}
