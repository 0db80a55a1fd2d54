package loop

import (
	"errors"
	"syscall"
	"time"
)

// poller tells the sockets of a loop what is ready. Loops without one wait on a channel; see Loop.rest.
type poller interface {
	// wait waits until something is ready, for at most d, or for ever if d is negative. The loop alone calls it,
	// and then tell, which signals the sockets that are ready.
	wait(d time.Duration)
	tell()
	// wake makes a wait that goes on, or the next one, return at once. Any goroutine may call it, also after close.
	wake()
	// sockets returns those that are open.
	sockets() []*socket
	close()
}

// adopt makes s a socket of the loop, which closes it at its end.
func (l *Loop) adopt(s *socket) error {
	if err := s.t.start(s); err != nil {
		_ = s.end(err)
		return err
	}
	return nil
}

// remember is for transports that no poller knows. It returns an error if the loop has ended.
func (l *Loop) remember(s *socket) error {
	l.sockets.mu.Lock()
	defer l.sockets.mu.Unlock()
	if l.sockets.over {
		return errLoopEnded
	}
	if l.sockets.open == nil {
		l.sockets.open = make(map[*socket]struct{})
	}
	l.sockets.open[s] = struct{}{}
	return nil
}

func (l *Loop) forget(s *socket) {
	l.sockets.mu.Lock()
	delete(l.sockets.open, s)
	l.sockets.mu.Unlock()
}

// closeSockets closes what is left at the end of the loop, and waits for goroutines that serve sockets.
func (l *Loop) closeSockets() {
	l.sockets.mu.Lock()
	l.sockets.over = true
	open := l.sockets.open
	l.sockets.open = nil
	l.sockets.mu.Unlock()
	for s := range open {
		_ = s.end(errLoopEnded)
	}
	if l.io != nil {
		for _, s := range l.io.sockets() {
			_ = s.end(errLoopEnded)
		}
	}
	l.sockets.helpers.Wait()
}

// exhausted reports whether err says that descriptors or buffers have run out, which passes.
func exhausted(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
