package service

import (
	"errors"
	"strings"
	"time"

	"github.com/braid-go/braid"
)

// State is how far a service or a component has come.
type State int

const (
	// Idle is what has not been started yet.
	Idle State = iota
	// Starting is what has been started and is not ready yet.
	Starting
	// Running is what is ready, or was once.
	Running
	// Done is a component whose Run has returned nil and that is not to be restarted. What Start has got hold of is still there.
	Done
	// Waiting is a component that waits to be started again.
	Waiting
	// Stopping is what has been told to stop.
	Stopping
	// Stopped is what has been stopped and has ended.
	Stopped
	// Failed is a component that has ended the service. It is released in its turn.
	Failed
	// Stuck is a component that has not stopped, and is not waited for any more.
	Stuck
)

// String implements fmt.Stringer.
func (s State) String() string {
	return nameOf([]string{"idle", "starting", "running", "done", "waiting", "stopping", "stopped", "failed", "stuck"}, int(s))
}

// Status is a snapshot of a service.
type Status struct {
	State      State
	Components []ComponentStatus // in order
}

// ComponentStatus is a snapshot of a component.
type ComponentStatus struct {
	Name     string
	State    State
	Since    time.Time // when it came into this state; zero for Idle
	Restarts int
	Err      error             // its last failure, also if it has recovered since
	Ready    error             // what its Ready last said
	Alive    error             // what its Alive last said
	Tasks    []braid.StuckTask // what runs in it
}

// Status returns a snapshot of the Run that began last.
func (s *Service) Status() Status {
	s.mu.Lock()
	r := s.last
	if r == nil {
		st := Status{}
		for _, p := range s.parts {
			st.Components = append(st.Components, ComponentStatus{Name: p.Name})
		}
		s.mu.Unlock()
		return st
	}
	st := Status{State: r.state}
	for _, m := range r.members {
		c := ComponentStatus{Name: m.Name, State: m.state, Since: m.since, Restarts: m.restarts, Err: m.err}
		if m.life != nil {
			now := braid.Time(r.clock)
			c.Ready, c.Alive = m.life.ready.says(now, s.cfg.CheckTimeout), m.life.alive.says(now, s.cfg.CheckTimeout)
		}
		st.Components = append(st.Components, c)
	}
	group := r.group
	s.mu.Unlock()
	if group != nil {
		at := make(map[string]*ComponentStatus, len(st.Components))
		for i := range st.Components {
			at[st.Components[i].Name] = &st.Components[i]
		}
		for _, t := range group.Unfinished() {
			if c := at[r.componentOf(t)]; c != nil {
				c.Tasks = append(c.Tasks, t)
			}
		}
	}
	return st
}

// stackOf returns the stack of the panic in err, or "".
func stackOf(err error) string {
	if p, ok := errors.AsType[*braid.PanicError](err); ok {
		return strings.TrimSpace(string(p.Stack))
	}
	return ""
}
