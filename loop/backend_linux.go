package loop

import "net"

// backend returns what opens the loop's sockets, and makes its poller when it is first needed.
func (l *Loop) backend() backend {
	if l.portable {
		return portable{l}
	}
	if l.io == nil {
		ep, err := newEpoll()
		if err != nil {
			return failing{err}
		}
		l.io = ep
		l.waker.Store(&l.io)
	}
	return l.io.(*epoll)
}

// failing is the backend of a loop that cannot have a poller.
type failing struct{ err error }

func (f failing) conn(c net.Conn) (transport, error)              { return nil, discard(c, f.err) }
func (f failing) listener(ln net.Listener) (transport, error)     { return nil, discard(ln, f.err) }
func (f failing) packetConn(pc net.PacketConn) (transport, error) { return nil, discard(pc, f.err) }
