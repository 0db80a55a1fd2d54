package loop

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/internal/record"
)

// errAgain is what a transport returns when a call cannot be done now.
// The transport calls the socket's readable or writable when it can.
var errAgain = errors.New("loop: try again")

// errOthers is what a call finds that comes after many which did not have to wait: others run first, and then it is tried.
// Otherwise a peer that sends faster than its reader reads would keep the loop for itself.
var errOthers = errors.New("loop: others first")

// longestStreak is how many calls of a side follow each other without a wait. With 32 KiB a call they take about a millisecond.
const longestStreak = 32

// errLoopEnded is what calls on a socket find whose loop has ended.
var errLoopEnded = errors.New("loop: the loop of this connection has ended; a connection lives no longer than its loop")

// transport does input and output at once or not at all.
//
// This is the interface behind which systems differ. On Linux it is a descriptor, with epoll to say when to try again;
// elsewhere it is a connection of package net with goroutines that read ahead and write behind.
// Its methods are called with the socket's mutex held, start excepted. A transport need not support all of them:
// a listener only accepts, for example.
type transport interface {
	start(s *socket) error // comes first, and once
	read(p []byte) (int, error)
	write(p []byte) (int, error)
	readFrom(p []byte) (int, net.Addr, error)
	writeTo(p []byte, to net.Addr) (int, error)
	accept() (transport, net.Addr, error)
	localAddr() net.Addr
	closeRead() error
	closeWrite() error
	close() error
}

// socket is what connections, listeners and packet connections have in common.
type socket struct {
	loop *Loop
	t    transport

	mu     sync.Mutex // guards all below; never held while a task waits
	r, w   side
	closed error // why; nil while open
}

func (s *socket) init(l *Loop, t transport) {
	s.loop, s.t = l, t
	s.w.ready = true
	s.r.deadline, s.w.deadline = never, never
}

// name says what waits on the two sides are for, if there is an inspector to show it.
func (s *socket) name(read, write string) {
	if record.On {
		s.r.event.SetName(read)
		s.w.event.SetName(write)
	}
}

// readable and writable are called by the transport, on any goroutine, when it is worth trying again.
func (s *socket) readable() { s.signal(&s.r) }
func (s *socket) writable() { s.signal(&s.w) }

func (s *socket) signal(d *side) {
	s.mu.Lock()
	if !d.ready {
		d.ready = true
		d.wake()
	}
	s.mu.Unlock()
}

// do tries f until it is done, waiting between the tries for d to be ready.
// f is called with the mutex held and returns errAgain if it must wait.
func (s *socket) do(ctx context.Context, d *side, f func() error) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		err := s.try(d, f)
		switch err {
		case errAgain:
			err = d.event.Wait(ctx)
		case errOthers:
			err = braid.Yield(ctx)
		default:
			return err
		}
		if err != nil {
			return err
		}
	}
}

func (s *socket) try(d *side, f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(d); err != nil {
		return err
	}
	if d.ready {
		if err := f(); err != errAgain {
			return err
		}
	}
	d.wait()
	return errAgain
}

// usable says why a call must not even be tried. mu is held.
func (s *socket) usable(d *side) error {
	switch {
	case s.closed != nil:
		return s.closed
	case d.expired:
		return os.ErrDeadlineExceeded
	case d.streak == longestStreak:
		d.streak = 0
		return errOthers
	default:
		d.streak++
		return nil
	}
}

// end closes the socket; why is what waiting and later calls get.
func (s *socket) end(why error) error {
	s.mu.Lock()
	if s.closed != nil {
		s.mu.Unlock()
		return s.closed
	}
	s.closed = why
	s.r.disarm()
	s.w.disarm()
	err := s.t.close()
	s.r.wake()
	s.w.wake()
	s.mu.Unlock()
	return err
}

// ctx returns the context of the running task, which a call without a ctx obeys.
func (s *socket) ctx(op string) (context.Context, error) {
	l := s.loop
	if l.ended.Load() {
		return nil, errLoopEnded
	}
	if l.debug {
		if err := l.foreign(op); err != nil {
			return nil, err
		}
	}
	t := l.cur
	if t == nil {
		return nil, errors.New(l.misuse(op))
	}
	return t.job.Context(), nil
}

// opError gives err the form that users of package net know. io.EOF stays as it is.
func opError(op string, local, remote net.Addr, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	e := &net.OpError{Op: op, Source: local, Addr: remote, Err: err}
	if a := cmp.Or(remote, local); a != nil {
		e.Net = a.Network()
	}
	return e
}

func (s *socket) setDeadline(read, write bool, t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed != nil {
		return s.closed
	}
	if read {
		s.r.limit(s.loop, &s.mu, t)
	}
	if write {
		s.w.limit(s.loop, &s.mu, t)
	}
	return nil
}

// current returns the loop of ctx, for functions that open sockets.
func current(ctx context.Context, op string) (*Loop, error) {
	l := Current(ctx)
	if l == nil {
		return nil, errors.New("loop: " + op + " needs a ctx of a task that runs on a loop; see loop.Run")
	}
	return l, nil
}

// offload runs f, which may block, on a goroutine of its own and waits for it. The descriptors of a loop are its own affair,
// so opening them has a limiter for each loop.
func offload[T any](ctx context.Context, l *Loop, f func(context.Context) (T, error)) (T, error) {
	return braid.Offload(ctx, l.opening, f)
}
