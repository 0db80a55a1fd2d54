package service

import (
	"slices"
	"time"

	"github.com/braid-go/braid"
)

// bury decides what becomes of m, whose Run has ended by itself.
func (r *run) bury(m *member) {
	err := r.failure(m.life.work)
	if err == nil && m.Restart != Always {
		r.set(m, Done)
		r.log.DebugContext(r.inner, "done", "component", m.Name)
		return
	}
	if err != nil {
		err = r.note(m, &ComponentError{Component: m.Name, Phase: InRun, Err: err})
	}
	r.mu.Lock()
	m.life.told = true
	r.mu.Unlock()
	r.restart(m, err)
}

// restart makes m, which has ended because of err or with nil, wait for its next start, with those that are restarted along with it;
// or it fails the service.
func (r *run) restart(m *member, err error) {
	now := braid.Time(r.inner)
	if m.Restart == Never {
		r.set(m, Failed)
		r.fail(err)
		return
	}
	r.restarts = slices.DeleteFunc(r.restarts, func(at time.Time) bool { return now.Sub(at) >= r.cfg.RestartWindow })
	if len(r.restarts) >= r.cfg.MaxRestarts {
		r.set(m, Failed)
		r.fail(&RestartError{Component: m.Name, Max: r.cfg.MaxRestarts, Window: r.cfg.RestartWindow, Err: err})
		return
	}
	r.restarts = append(r.restarts, now)
	wait := r.backoff(m, now)
	attrs := []any{"component", m.Name, "in", wait}
	if err != nil {
		attrs = append(attrs, "err", err)
		if stack := stackOf(err); stack != "" {
			attrs = append(attrs, "stack", stack)
		}
	}
	r.log.WarnContext(r.inner, "restarting", attrs...)

	with := r.affected(m)
	for _, a := range slices.Backward(with) {
		errs, ended := r.stopOne(a, errRestarting)
		if !ended { // a second one beside it would be worse than none
			if err != nil && !r.isAborted() {
				r.errs = append(r.errs, err)
			}
			r.errs = append(r.errs, errs...)
			r.left = true
			r.mu.Lock()
			r.failed = true
			r.mu.Unlock()
			return
		}
	}
	due := braid.Time(r.inner).Add(wait)
	for _, a := range with {
		r.set(a, Waiting)
		a.due = later(a.due, due)
		r.mu.Lock()
		a.restarts++
		r.mu.Unlock()
	}
}

// affected returns the components that are restarted when m is.
func (r *run) affected(m *member) []*member {
	switch r.cfg.Strategy {
	case OneForAll:
		return r.members
	case RestForOne:
		return r.members[slices.Index(r.members, m):]
	default:
		return []*member{m}
	}
}

// backoff returns how long m waits for its next start.
func (r *run) backoff(m *member, now time.Time) time.Duration {
	if up := m.life.up; !up.IsZero() && now.Sub(up) >= r.cfg.RestartWindow {
		m.delay = 0
	}
	switch {
	case m.delay == 0:
		m.delay = r.cfg.RestartDelay
	case m.delay > r.cfg.RestartMax/2:
		m.delay = r.cfg.RestartMax
	default:
		m.delay *= 2
	}
	half := m.delay / 2
	return half + time.Duration(min(max(r.cfg.Rand(), 0), 1)*float64(m.delay-half))
}

// nextWaiting returns the component that is to be started next of those that wait for it; nil if none does.
// If components are restarted together, it is the first of them: the others need it.
func (r *run) nextWaiting() (next *member) {
	for _, m := range r.members {
		if m.state != Waiting {
			continue
		}
		if next == nil || m.due.Before(next.due) {
			next = m
		}
		if r.cfg.Strategy != OneForOne {
			return next
		}
	}
	return next
}

// revive starts m again. If that fails, it is as if it had failed later.
func (r *run) revive(m *member) {
	if err := r.startOne(m); err != nil {
		r.restart(m, err)
	}
}
