package loop

import (
	"context"
	"net"
	"time"
)

// PacketConn sends and receives packets. It is a net.PacketConn. [ListenPacket] makes one.
// What [Conn] says about tasks, goroutines and ctx holds.
type PacketConn struct {
	s    socket
	addr net.Addr
}

// ReadFrom receives the next packet. See [PacketConn.ReadFromContext].
func (c *PacketConn) ReadFrom(p []byte) (int, net.Addr, error) {
	ctx, err := c.s.ctx("packetConn.ReadFrom")
	if err != nil {
		return 0, nil, c.err("read", nil, err)
	}
	return c.ReadFromContext(ctx, p)
}

// ReadFromContext receives the next packet, waiting until there is one. What does not fit into p is dropped.
//
// # Cancellation
//
// If ctx ends first, or is done already, ReadFromContext returns its cause in a *net.OpError, and no packet is lost.
func (c *PacketConn) ReadFromContext(ctx context.Context, p []byte) (n int, from net.Addr, err error) {
	err = c.s.do(ctx, &c.s.r, func() (err error) {
		n, from, err = c.s.t.readFrom(p)
		return err
	})
	return n, from, c.err("read", from, err)
}

// WriteTo sends p as one packet. See [PacketConn.WriteToContext].
func (c *PacketConn) WriteTo(p []byte, to net.Addr) (int, error) {
	ctx, err := c.s.ctx("packetConn.WriteTo")
	if err != nil {
		return 0, c.err("write", to, err)
	}
	return c.WriteToContext(ctx, p, to)
}

// WriteToContext sends p as one packet, waiting while the system's buffer is full.
//
// # Cancellation
//
// If ctx ends first, or is done already, WriteToContext returns its cause in a *net.OpError, and has sent nothing.
func (c *PacketConn) WriteToContext(ctx context.Context, p []byte, to net.Addr) (n int, err error) {
	err = c.s.do(ctx, &c.s.w, func() (err error) {
		n, err = c.s.t.writeTo(p, to)
		return err
	})
	return n, c.err("write", to, err)
}

// Close closes the connection. It may be called from any goroutine, and does not wait.
func (c *PacketConn) Close() error { return c.err("close", nil, c.s.end(net.ErrClosed)) }

// LocalAddr returns the address of the connection.
func (c *PacketConn) LocalAddr() net.Addr { return c.addr }

// SetDeadline sets both deadlines. A zero time means none.
func (c *PacketConn) SetDeadline(t time.Time) error {
	return c.err("set", nil, c.s.setDeadline(true, true, t))
}

// SetReadDeadline sets until when ReadFrom waits.
func (c *PacketConn) SetReadDeadline(t time.Time) error {
	return c.err("set", nil, c.s.setDeadline(true, false, t))
}

// SetWriteDeadline sets until when WriteTo waits.
func (c *PacketConn) SetWriteDeadline(t time.Time) error {
	return c.err("set", nil, c.s.setDeadline(false, true, t))
}

func (c *PacketConn) err(op string, to net.Addr, err error) error {
	return opError(op, c.addr, to, err)
}
