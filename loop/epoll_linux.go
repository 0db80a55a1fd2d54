package loop

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// epoll is the poller of Linux: edge-triggered, so that a descriptor is registered once and never again.
type epoll struct {
	fd     int
	wakeFD int // an eventfd; edge-triggered too, so nobody needs to read it

	// The loop waits for its epoll as goroutines wait for a socket: by way of Go's own poller.
	// A system call that blocks was rejected: the runtime takes the processor away from it after some microseconds,
	// and both that and its return cost more than the detour.
	file    *os.File
	waiting syscall.RawConn
	limited bool // file has a deadline

	events [256]syscall.EpollEvent // of the loop alone, as are
	n      int                     // how many of them there are
	found  []readiness             // and what they mean

	mu     sync.Mutex
	table  []*descriptor // by number
	gen    int32         // tells descriptors with the same number apart
	closed bool
}

// readiness is what an event said of a socket.
type readiness struct {
	d     *descriptor
	flags uint32
}

const (
	edgeTriggered = 1 << 31 // syscall.EPOLLET is negative there
	readFlags     = syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLHUP | syscall.EPOLLERR
	writeFlags    = syscall.EPOLLOUT | syscall.EPOLLHUP | syscall.EPOLLERR
	endFlags      = syscall.EPOLLRDHUP | syscall.EPOLLHUP | syscall.EPOLLERR
)

func newEpoll() (*epoll, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("loop: epoll_create: %w", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // so that package os takes it for one that can be polled
		_ = syscall.Close(fd)
		return nil, fmt.Errorf("loop: epoll: %w", err)
	}
	ep := &epoll{fd: fd, file: os.NewFile(uintptr(fd), "epoll")}
	if ep.waiting, err = ep.file.SyscallConn(); err != nil {
		return nil, discard(ep.file, fmt.Errorf("loop: epoll: %w", err))
	}
	r, _, errno := syscall.RawSyscall(syscall.SYS_EVENTFD2, 0, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if errno != 0 {
		return nil, discard(ep.file, fmt.Errorf("loop: eventfd: %w", errno))
	}
	ep.wakeFD = int(r)
	if err := ep.register(ep.wakeFD, 0, syscall.EPOLLIN); err != nil {
		ep.close()
		return nil, err
	}
	return ep, nil
}

func (ep *epoll) register(fd int, gen int32, flags uint32) error {
	ev := syscall.EpollEvent{Events: flags | edgeTriggered, Fd: int32(fd), Pad: gen}
	if err := syscall.EpollCtl(ep.fd, syscall.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return fmt.Errorf("loop: epoll_ctl: %w", err)
	}
	return nil
}

// wait asks for events, and if there are none waits for some.
func (ep *epoll) wait(d time.Duration) {
	if d == 0 {
		ep.look()
		return
	}
	if d > 0 || ep.limited {
		var until time.Time
		if d > 0 {
			until = time.Now().Add(d)
		}
		ep.limited = d > 0
		_ = ep.file.SetReadDeadline(until)
	}
	_ = ep.waiting.Read(ep.looked) // an error is the deadline
}

// look takes the events that are there. It never blocks, so it does not tell Go's scheduler that it might.
func (ep *epoll) look() {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(ep.fd), uintptr(unsafe.Pointer(&ep.events[0])), uintptr(len(ep.events)), 0, 0, 0) //nolint:gosec // a system call takes an address
	ep.n = int(n)
	if errno != 0 {
		ep.n = 0 // EINTR; nothing else can happen
	}
}

// looked is called by Go's poller, before it waits and when it has waited.
func (ep *epoll) looked(uintptr) bool {
	ep.look()
	return ep.n > 0
}

func (ep *epoll) tell() {
	if ep.n == 0 {
		return
	}
	ep.mu.Lock()
	for i := range ep.n {
		ev := &ep.events[i]
		if int(ev.Fd) >= len(ep.table) {
			continue
		}
		if d := ep.table[ev.Fd]; d != nil && d.gen == ev.Pad {
			ep.found = append(ep.found, readiness{d, ev.Events})
		}
	}
	ep.mu.Unlock()
	for _, f := range ep.found {
		f.d.signal(f.flags)
	}
	clear(ep.found)
	ep.found = ep.found[:0]
}

func (ep *epoll) wake() {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if !ep.closed {
		one := uint64(1)
		_, _, _ = syscall.RawSyscall(syscall.SYS_WRITE, uintptr(ep.wakeFD), uintptr(unsafe.Pointer(&one)), 8) //nolint:gosec // a system call takes an address
	}
}

func (ep *epoll) close() {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	ep.closed = true
	_ = syscall.Close(ep.wakeFD)
	_ = ep.file.Close()
}

func (ep *epoll) conn(c net.Conn) (transport, error)              { return ep.transport(c) }
func (ep *epoll) packetConn(pc net.PacketConn) (transport, error) { return ep.transport(pc) }

func (ep *epoll) transport(c io.Closer) (transport, error) {
	d, err := ep.takeOver(c)
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (ep *epoll) listener(ln net.Listener) (transport, error) {
	u, ok := ln.(*net.UnixListener)
	if ok {
		u.SetUnlinkOnClose(false) // not yet, for it is closed at once
	}
	d, err := ep.takeOver(ln)
	path := ln.Addr().String()
	switch {
	case ok && path != "" && path[0] != '@':
		if err != nil {
			_ = syscall.Unlink(path)
			return nil, err
		}
		return &unixListener{descriptor{ep: ep, fd: d.fd}, path}, nil
	case err != nil:
		return nil, err
	case !ok:
		inheritOptions(d.fd)
	}
	return d, nil
}

// unixListener takes its file away when it is closed. That comes first, or it could be the file of the next one.
type unixListener struct {
	descriptor

	path string
}

func (u *unixListener) close() error {
	_ = syscall.Unlink(u.path)
	return u.descriptor.close()
}

// inheritOptions sets on a listener what package net sets on each connection: Linux hands it down, so accepting is one system call.
// Options that the system does not know are done without.
func inheritOptions(fd int) {
	const seconds, probes = 15, 9
	for _, o := range [][3]int{
		{syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
		{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, seconds},
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, seconds},
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, probes},
	} {
		_ = syscall.SetsockoptInt(fd, o[0], o[1], o[2])
	}
}

// takeOver makes the descriptor of c the loop's own.
func (ep *epoll) takeOver(c io.Closer) (*descriptor, error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil, discard(c, fmt.Errorf("loop: %T has no descriptor", c))
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, discard(c, err)
	}
	var fd int
	var dupErr error
	err = raw.Control(func(old uintptr) { fd, dupErr = dup(int(old)) })
	if err := errors.Join(err, dupErr); err != nil {
		return nil, discard(c, err)
	}
	_ = c.Close()
	return ep.descriptor(fd), nil
}

func dup(fd int) (int, error) {
	r, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return 0, fmt.Errorf("loop: dup: %w", errno)
	}
	return int(r), nil
}

// discard closes c, which err has made useless, and returns err.
func discard(c io.Closer, err error) error {
	_ = c.Close()
	return err
}

func (ep *epoll) descriptor(fd int) *descriptor { return &descriptor{ep: ep, fd: fd} }

// enter puts d into the table and registers it.
func (ep *epoll) enter(d *descriptor) error {
	ep.mu.Lock()
	if ep.closed {
		ep.mu.Unlock()
		return errLoopEnded
	}
	for len(ep.table) <= d.fd {
		ep.table = append(ep.table, nil)
	}
	ep.gen++
	d.gen = ep.gen
	ep.table[d.fd] = d
	ep.mu.Unlock()
	return ep.register(d.fd, d.gen, syscall.EPOLLIN|syscall.EPOLLOUT|syscall.EPOLLRDHUP)
}

func (ep *epoll) sockets() []*socket {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	var open []*socket
	for _, d := range ep.table {
		if d != nil {
			open = append(open, d.s)
		}
	}
	return open
}

// leave takes d out of the table, before its number can be used again. Closing it takes it out of epoll.
func (ep *epoll) leave(d *descriptor) {
	ep.mu.Lock()
	if d.fd < len(ep.table) && ep.table[d.fd] == d {
		ep.table[d.fd] = nil
	}
	ep.mu.Unlock()
}
