package loop

import (
	"sync"
	"time"

	"github.com/braid-go/braid"
)

// side is one direction of a connection: whether something can be done now, who waits until it can, and until when.
// The owner's mutex guards all but event.
type side struct {
	ready   bool
	expired bool
	streak  uint8       // calls since the last wait
	event   braid.Event // set when a waiting call should look again

	deadline int64  // on the loop's clock; never if there is none
	timer    *timer // pending, for the deadline or an earlier one
}

// wake makes waiting calls look again.
func (s *side) wake() { s.event.Set() }

// wait is called when a call has to wait, which it does on event then.
func (s *side) wait() {
	s.ready, s.streak = false, 0
	s.event.Clear()
}

// limit sets the deadline. mu is the owner's, and held.
//
// Servers move deadlines with every message, so a timer that is due too early stays: when it fires it looks for itself.
func (s *side) limit(l *Loop, mu *sync.Mutex, t time.Time) {
	s.expired = false
	if s.deadline = never; t.IsZero() {
		return
	}
	when := int64(t.Sub(l.epoch))
	if s.deadline = when; when <= l.clock() {
		s.expired = true
		s.wake()
		return
	}
	if s.timer != nil {
		if s.timer.when <= when {
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
		switch when := s.deadline; {
		case when == never:
			return
		case when > l.clock():
			s.arm(l, mu, when)
			return
		}
		s.expired = true
		s.wake()
	}
	s.timer = t
	l.arm(when, t)
}

// disarm forgets the deadline.
func (s *side) disarm() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}
