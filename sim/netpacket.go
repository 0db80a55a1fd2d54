package sim

import (
	"net"
	"os"
	"time"
)

// packetConn sends and receives packets at an address.
type packetConn struct {
	net         *Network
	addr        Addr
	queue       []packet
	closed      bool
	read, write deadline
	came        signal
}

type packet struct {
	data []byte
	from Addr
}

// maxPackets is how many packets wait at a socket. More are lost, as everywhere.
const maxPackets = 256

// ListenPacket opens a socket for packets at an address such as "server:53". With port 0 a free one is taken.
func (n *Network) ListenPacket(addr string) (net.PacketConn, error) {
	a := n.bind(addr)
	if n.packets[string(a)] != nil {
		return nil, opError("listen", nil, a, errInUse)
	}
	p := &packetConn{net: n, addr: a}
	n.packets[string(a)] = p
	return p, nil
}

// ReadFrom implements net.PacketConn. What does not fit into b is cut off.
func (p *packetConn) ReadFrom(b []byte) (int, net.Addr, error) {
	ctx, err := p.net.task("packet.ReadFrom")
	if err != nil {
		return 0, nil, p.fail("read", err)
	}
	err = p.came.wait(ctx, func() bool { return p.closed || p.read.passed || len(p.queue) > 0 })
	switch {
	case err != nil:
		return 0, nil, p.fail("read", err)
	case p.closed:
		return 0, nil, p.fail("read", net.ErrClosed)
	case p.read.passed:
		return 0, nil, p.fail("read", os.ErrDeadlineExceeded)
	}
	first := p.queue[0]
	p.queue = p.queue[1:]
	return copy(b, first.data), first.from, nil
}

// WriteTo implements net.PacketConn. It does not wait, and says nothing about whether the packet arrives.
func (p *packetConn) WriteTo(b []byte, to net.Addr) (int, error) {
	if _, err := p.net.task("packet.WriteTo"); err != nil {
		return 0, p.fail("write", err)
	}
	switch {
	case p.closed:
		return 0, p.fail("write", net.ErrClosed)
	case p.write.passed:
		return 0, p.fail("write", os.ErrDeadlineExceeded)
	}
	n := p.net
	dest := Addr(to.String())
	copies := 1
	if n.Loss {
		switch n.eng.choose(kindNet, 3) {
		case 1:
			copies = 0
			n.eng.note(n.eng.cur.Load(), loud+"network: packet lost")
		case 2:
			copies = 2
			n.eng.note(n.eng.cur.Load(), loud+"network: packet doubled")
		}
	}
	if n.cutOff(p.addr.host(), dest.host()) {
		copies = 0
	}
	for range copies {
		pk := packet{data: append([]byte(nil), b...), from: p.addr}
		arrive := func() {
			if q := n.packets[string(dest)]; q != nil && !n.cut[pairOf(p.addr.host(), dest.host())] && len(q.queue) < maxPackets {
				q.queue = append(q.queue, pk)
				q.came.set()
			}
		}
		if d := n.delay(); d > 0 {
			n.eng.After(d, arrive)
		} else {
			arrive()
		}
	}
	return len(b), nil
}

// Close implements net.PacketConn.
func (p *packetConn) Close() error {
	if p.closed {
		return p.fail("close", net.ErrClosed)
	}
	p.closed = true
	delete(p.net.packets, string(p.addr))
	p.came.set()
	return nil
}

func (p *packetConn) LocalAddr() net.Addr { return p.addr }

func (p *packetConn) SetDeadline(t time.Time) error {
	_ = p.SetReadDeadline(t)
	return p.SetWriteDeadline(t)
}

func (p *packetConn) SetReadDeadline(t time.Time) error  { return p.net.arm(&p.read, t, &p.came) }
func (p *packetConn) SetWriteDeadline(t time.Time) error { return p.net.arm(&p.write, t, &p.came) }

func (p *packetConn) fail(op string, err error) error { return opError(op, p.addr, nil, err) }
