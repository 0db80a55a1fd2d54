package loop

import (
	"context"
	"fmt"
	"net"
	"slices"
)

// Opening a socket is left to package net, on a goroutine of its own: it resolves names, tries several addresses,
// and knows the options of each system. What happens afterwards, message by message, is the loop's.

// Dialer says how connections are made. The zero value is what [Dial] uses.
type Dialer struct {
	net.Dialer
}

// Dial connects to an address, as net.Dial does, for a task that runs on a loop. The networks are those of TCP and "unix".
//
// # Cancellation
//
// If ctx ends first, or is done already, Dial returns an error that wraps its cause, and no connection is left.
func Dial(ctx context.Context, network, address string) (*Conn, error) {
	var d Dialer
	return d.Dial(ctx, network, address)
}

// Dial connects to an address; see the function [Dial].
func (d *Dialer) Dial(ctx context.Context, network, address string) (*Conn, error) {
	l, err := opener(ctx, "Dial", network, "tcp", "tcp4", "tcp6", "unix")
	if err != nil {
		return nil, err
	}
	nc, err := offload(ctx, l, func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, network, address) })
	if err != nil {
		return nil, withCause(ctx, err)
	}
	local, remote := nc.LocalAddr(), nc.RemoteAddr()
	t, err := l.backend().conn(nc)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: remote, Err: err}
	}
	c := newConn(l, t, local, remote)
	if err := l.adopt(&c.s); err != nil {
		return nil, c.err("dial", err)
	}
	return c, nil
}

// ListenConfig says how listeners and packet connections are made, in Control for example with SO_REUSEPORT,
// by which several loops share a port. The zero value is what [Listen] and [ListenPacket] use.
type ListenConfig struct {
	net.ListenConfig
}

// Listen listens on an address, as net.Listen does, for a task that runs on a loop. The networks are those of TCP and "unix".
//
// # Cancellation
//
// If ctx ends first, or is done already, Listen returns an error that wraps its cause, and nothing is left.
func Listen(ctx context.Context, network, address string) (*Listener, error) {
	var c ListenConfig
	return c.Listen(ctx, network, address)
}

// Listen listens on an address; see the function [Listen].
func (lc *ListenConfig) Listen(ctx context.Context, network, address string) (*Listener, error) {
	l, err := opener(ctx, "Listen", network, "tcp", "tcp4", "tcp6", "unix")
	if err != nil {
		return nil, err
	}
	nl, err := offload(ctx, l, func(ctx context.Context) (net.Listener, error) { return lc.ListenConfig.Listen(ctx, network, address) })
	if err != nil {
		return nil, withCause(ctx, err)
	}
	ln := &Listener{addr: nl.Addr()}
	t, err := l.backend().listener(nl)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: ln.addr, Err: err}
	}
	ln.s.init(l, t)
	ln.s.name("listener.Accept", "")
	if err := l.adopt(&ln.s); err != nil {
		return nil, ln.err("listen", err)
	}
	return ln, nil
}

// ListenPacket opens an address for packets, as net.ListenPacket does, for a task that runs on a loop.
// The networks are those of UDP and "unixgram".
//
// # Cancellation
//
// If ctx ends first, or is done already, ListenPacket returns an error that wraps its cause, and nothing is left.
func ListenPacket(ctx context.Context, network, address string) (*PacketConn, error) {
	var c ListenConfig
	return c.ListenPacket(ctx, network, address)
}

// ListenPacket opens an address for packets; see the function [ListenPacket].
func (lc *ListenConfig) ListenPacket(ctx context.Context, network, address string) (*PacketConn, error) {
	l, err := opener(ctx, "ListenPacket", network, "udp", "udp4", "udp6", "unixgram")
	if err != nil {
		return nil, err
	}
	pc, err := offload(ctx, l, func(ctx context.Context) (net.PacketConn, error) {
		return lc.ListenConfig.ListenPacket(ctx, network, address)
	})
	if err != nil {
		return nil, withCause(ctx, err)
	}
	c := &PacketConn{addr: pc.LocalAddr()}
	t, err := l.backend().packetConn(pc)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: c.addr, Err: err}
	}
	c.s.init(l, t)
	c.s.name("packetConn.ReadFrom", "packetConn.WriteTo")
	if err := l.adopt(&c.s); err != nil {
		return nil, c.err("listen", nil, err)
	}
	return c, nil
}

// backend makes transports of what package net has opened, and takes that over.
type backend interface {
	conn(net.Conn) (transport, error)
	listener(net.Listener) (transport, error)
	packetConn(net.PacketConn) (transport, error)
}

// opener returns the loop of ctx if the network is one of those that the operation knows.
func opener(ctx context.Context, op, network string, networks ...string) (*Loop, error) {
	l, err := current(ctx, op)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(networks, network) {
		return nil, fmt.Errorf("loop: %s: network %q is none of %v: %w", op, network, networks, net.UnknownNetworkError(network))
	}
	return l, nil
}

// withCause joins the cause of ctx to an error that came because ctx has ended.
func withCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && cause != err {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}
