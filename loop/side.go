package loop

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/braid-go/braid"
)

// side is one direction of a connection: whether something can be done now, who waits until it can, and until when.
// The owner's mutex guards all but event.
type side struct {
	ready bool
	event braid.Event // set when a waiting call should look again

	deadline time.Time // zero for none
	expired  bool
	timer    *timer // pending, for the deadline or an earlier one
	due      int64  // when timer is due
}

// wake makes waiting calls look again.
func (s *side) wake() { s.event.Set() }

// expire is what a call finds when the deadline has passed.
func (s *side) err() error {
	if s.expired {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// limit sets the deadline. mu is the owner's, and held.
//
// Servers move deadlines with every message, so a timer that is due too early stays: when it fires it looks for itself.
func (s *side) limit(l *Loop, mu *sync.Mutex, t time.Time) {
	s.deadline, s.expired = t, false
	if t.IsZero() {
		return
	}
	when := int64(t.Sub(l.epoch))
	if when <= l.clock() {
		s.expired = true
		s.wake()
		return
	}
	if s.timer != nil {
		if s.due <= when {
			return
		}
		s.timer.Stop()
	}
	s.arm(l, mu, when)
}

func (s *side) arm(l *Loop, mu *sync.Mutex, when int64) {
	t := &timer{}
	t.f = func() {
		mu.Lock()
		defer mu.Unlock()
		if s.timer != t {
			return
		}
		s.timer = nil
		if s.deadline.IsZero() {
			return
		}
		if when := int64(s.deadline.Sub(l.epoch)); when > l.clock() {
			s.arm(l, mu, when)
			return
		}
		s.expired = true
		s.wake()
	}
	s.timer, s.due = t, when
	l.arm(when, t)
}

// disarm forgets the deadline.
func (s *side) disarm() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

// await waits until the side should be looked at again. The caller has cleared the event while it held the mutex.
func (s *side) await(ctx context.Context) error { return s.event.Wait(ctx) }
