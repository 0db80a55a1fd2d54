package loop

import (
	"io"
	"net"
	"strconv"
	"syscall"
	"unsafe"
)

// descriptor is the transport of Linux. The socket's mutex guards it.
//
// A read that brings less than was asked for has emptied a stream, so the next one waits for an event instead of trying;
// with edge-triggered epoll that is safe, and it saves one of three system calls a message.
// The exception is a stream that has ended, whose end is still to be read: epoll has said so by then.
//
// Reading and writing never block, so they do not tell Go's scheduler that they might.
type descriptor struct {
	ep    *epoll
	s     *socket
	fd    int
	gen   int32
	ended bool // the other side has closed or reset
}

func (d *descriptor) start(s *socket) error {
	d.s = s
	return d.ep.enter(d)
}

// signal passes an event on.
func (d *descriptor) signal(flags uint32) {
	s := d.s
	s.mu.Lock()
	if flags&endFlags != 0 {
		d.ended = true
	}
	if flags&readFlags != 0 && !s.r.ready {
		s.r.ready = true
		s.r.wake()
	}
	if flags&writeFlags != 0 && !s.w.ready {
		s.w.ready = true
		s.w.wake()
	}
	s.mu.Unlock()
}

func (d *descriptor) read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := d.raw(syscall.SYS_READ, p)
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	case n < len(p) && !d.ended:
		d.s.r.ready = false
	}
	return n, nil
}

func (d *descriptor) write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return d.raw(syscall.SYS_WRITE, p)
}

func (d *descriptor) raw(call uintptr, p []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall(call, uintptr(d.fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p))) //nolint:gosec // a system call takes an address
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, again(errno)
		}
	}
}

// again gives the errors that mean "not now" their name.
func again(err error) error {
	switch err {
	case nil:
		return nil
	case syscall.EAGAIN:
		return errAgain
	default:
		return err
	}
}

func (d *descriptor) readFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := syscall.Recvfrom(d.fd, p, 0)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return 0, nil, again(err)
		}
		return n, d.packetAddr(from), nil
	}
}

func (d *descriptor) writeTo(p []byte, to net.Addr) (int, error) {
	sa, err := d.sockaddr(to)
	if err != nil {
		return 0, err
	}
	for {
		err := syscall.Sendto(d.fd, p, 0, sa)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return 0, again(err)
		}
		return len(p), nil
	}
}

func (d *descriptor) accept() (transport, net.Addr, error) {
	for {
		fd, sa, err := syscall.Accept4(d.fd, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
		switch err {
		case nil:
			return d.ep.descriptor(fd), streamAddr(sa), nil
		case syscall.EINTR, syscall.ECONNABORTED: // it has gone before we came
		default:
			return nil, nil, again(err)
		}
	}
}

func (d *descriptor) localAddr() net.Addr {
	sa, err := syscall.Getsockname(d.fd)
	if err != nil {
		return nil
	}
	return streamAddr(sa)
}

func (d *descriptor) closeRead() error {
	d.ended = true
	return syscall.Shutdown(d.fd, syscall.SHUT_RD)
}

func (d *descriptor) closeWrite() error { return syscall.Shutdown(d.fd, syscall.SHUT_WR) }

func (d *descriptor) close() error {
	d.ep.leave(d)
	return syscall.Close(d.fd)
}

func streamAddr(sa syscall.Sockaddr) net.Addr {
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		return &net.TCPAddr{IP: net.IP(append([]byte(nil), sa.Addr[:]...)), Port: sa.Port}
	case *syscall.SockaddrInet6:
		return &net.TCPAddr{IP: net.IP(append([]byte(nil), sa.Addr[:]...)), Port: sa.Port, Zone: zone(sa.ZoneId)}
	case *syscall.SockaddrUnix:
		return &net.UnixAddr{Name: sa.Name, Net: "unix"}
	default:
		return nil
	}
}

// packetAddr is streamAddr for packets. A packet from a socket without a name has no address.
func (d *descriptor) packetAddr(sa syscall.Sockaddr) net.Addr {
	switch a := streamAddr(sa).(type) {
	case *net.TCPAddr:
		return &net.UDPAddr{IP: a.IP, Port: a.Port, Zone: a.Zone}
	case *net.UnixAddr:
		return &net.UnixAddr{Name: a.Name, Net: "unixgram"}
	default:
		return nil
	}
}

// sockaddr is the other way round. A socket for both versions of IP wants addresses of version 4 in the form of version 6.
func (d *descriptor) sockaddr(to net.Addr) (syscall.Sockaddr, error) {
	switch to := to.(type) {
	case *net.UDPAddr:
		if to == nil {
			return nil, &net.AddrError{Err: "missing address"}
		}
		own, err := syscall.Getsockname(d.fd)
		if err != nil {
			return nil, err
		}
		if _, ok := own.(*syscall.SockaddrInet4); ok {
			ip := to.IP.To4()
			if to.IP == nil {
				ip = net.IPv4zero.To4()
			}
			if ip == nil {
				return nil, &net.AddrError{Err: "not an IPv4 address", Addr: to.IP.String()}
			}
			return &syscall.SockaddrInet4{Addr: [4]byte(ip), Port: to.Port}, nil
		}
		ip := to.IP.To16()
		if to.IP == nil {
			ip = net.IPv6zero
		}
		if ip == nil {
			return nil, &net.AddrError{Err: "not an IP address", Addr: to.IP.String()}
		}
		return &syscall.SockaddrInet6{Addr: [16]byte(ip), Port: to.Port, ZoneId: zoneID(to.Zone)}, nil
	case *net.UnixAddr:
		return &syscall.SockaddrUnix{Name: to.Name}, nil
	default:
		return nil, &net.AddrError{Err: "not an address of this network", Addr: addrString(to)}
	}
}

func addrString(a net.Addr) string {
	if a == nil {
		return "nil"
	}
	return a.String()
}

func zone(id uint32) string {
	if id == 0 {
		return ""
	}
	if i, err := net.InterfaceByIndex(int(id)); err == nil {
		return i.Name
	}
	return strconv.Itoa(int(id))
}

func zoneID(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	n, _ := strconv.ParseUint(zone, 10, 32)
	return uint32(n)
}
