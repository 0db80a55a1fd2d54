package sim

import (
	"context"
	"net"
)

// listener accepts connections at an address.
type listener struct {
	net     *Network
	addr    Addr
	backlog []*conn
	closed  bool
	came    signal
}

// Listen opens a listener at an address such as "server:80". With port 0 a free one is taken.
func (n *Network) Listen(addr string) (net.Listener, error) {
	a := n.bind(addr)
	if n.listeners[string(a)] != nil {
		return nil, opError("listen", nil, a, errInUse)
	}
	l := &listener{net: n, addr: a}
	n.listeners[string(a)] = l
	return l, nil
}

func (n *Network) bind(addr string) Addr {
	if host, port, err := net.SplitHostPort(addr); err == nil && (port == "0" || port == "") {
		return n.ephemeral(host)
	}
	return Addr(addr)
}

// Dial connects host with the listener at an address. It takes a round trip.
//
// # Cancellation
//
// If ctx ends first, or is done already, Dial returns its cause in a *net.OpError, and there is no connection.
func (n *Network) Dial(ctx context.Context, host, addr string) (net.Conn, error) {
	to := Addr(addr)
	from := n.ephemeral(host)
	Point(ctx, "network.Dial")
	if ctx.Err() != nil {
		return nil, opError("dial", from, to, context.Cause(ctx))
	}
	if n.goesWrong(n.Resets, "dial refused") {
		return nil, opError("dial", from, to, errRefused)
	}
	client, server := n.pair(from, to)
	var answered signal
	open, refused, left := false, false, false
	n.cutOff(host, to.host())
	n.later(host, to.host(), n.delay(), func() {
		l := n.listeners[addr]
		if l == nil || l.closed {
			refused = true
		}
		n.later(to.host(), host, n.delay(), func() {
			switch {
			case left || refused:
			case l.closed:
				refused = true
			default:
				open = true
				l.backlog = append(l.backlog, server)
				l.came.set()
			}
			answered.set()
		})
	})
	err := answered.wait(ctx, func() bool { return open || refused })
	switch {
	case err != nil:
		if left = true; open {
			_ = client.Close()
		}
		return nil, opError("dial", from, to, err)
	case refused:
		return nil, opError("dial", from, to, errRefused)
	}
	return client, nil
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	ctx, err := l.net.task("listener.Accept")
	if err != nil {
		return nil, opError("accept", nil, l.addr, err)
	}
	err = l.came.wait(ctx, func() bool { return l.closed || len(l.backlog) > 0 })
	switch {
	case err != nil:
		return nil, opError("accept", nil, l.addr, err)
	case l.closed:
		return nil, opError("accept", nil, l.addr, net.ErrClosed)
	}
	c := l.backlog[0]
	l.backlog = l.backlog[1:]
	return c, nil
}

// Close implements net.Listener. Connections that nobody has accepted are reset.
func (l *listener) Close() error {
	if l.closed {
		return opError("close", nil, l.addr, net.ErrClosed)
	}
	l.closed = true
	delete(l.net.listeners, string(l.addr))
	for _, c := range l.backlog {
		c.reset()
	}
	l.came.set()
	return nil
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return l.addr }
