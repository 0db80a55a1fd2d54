package service

import (
	"fmt"
	"time"

	"github.com/braid-go/braid"
)

// startOne begins a new life of m and waits until m is ready. It returns why m is not: it has failed, or its time is over.
// If the service is to stop meanwhile, or another component ends it, it returns nil early, and leaves the rest to stopOne.
func (r *run) startOne(m *member) error {
	begin := braid.Time(r.inner)
	by := begin.Add(m.StartTimeout)
	l := &life{of: m}
	r.mu.Lock()
	m.life, m.due = l, time.Time{}
	r.mu.Unlock()
	r.set(m, Starting)
	tell := func() { r.tell("still starting", m, begin) }

	if m.Start != nil {
		c := r.call(l, m.Name+"/start", m.Start)
		if !r.await(by, tell, func() bool { return c.ended || r.breaksOff() }) {
			return r.late(m, l)
		}
		if !r.isEnded(c) { // broken off
			return nil
		}
		if c.err != nil {
			return r.noStart(m, c.err)
		}
	}
	r.mu.Lock()
	l.started = true
	off := r.breaksOff()
	r.mu.Unlock()
	if off {
		return nil
	}
	if m.Run != nil {
		c := r.call(l, m.Name, m.Run)
		r.mu.Lock()
		l.work = c
		r.mu.Unlock()
	}
	check := r.checks(l)
	if check != nil {
		passed := false
		ready := r.await(by, tell, func() bool {
			passed = l.ready.passed
			return passed || check.ended || l.work != nil && l.work.ended || r.breaksOff()
		})
		switch {
		case !ready:
			return r.late(m, l)
		case passed:
		case r.isEnded(check):
			return r.noStart(m, check.err)
		case r.isEnded(l.work):
			if l.work.err != nil {
				return r.noStart(m, l.work.err)
			}
			return r.noStart(m, errNotReady)
		default:
			return nil
		}
	}
	now := braid.Time(r.inner)
	r.mu.Lock()
	l.up = now
	r.mu.Unlock()
	r.set(m, Running)
	r.log.DebugContext(r.inner, "started", "component", m.Name, "took", now.Sub(begin))
	return nil
}

func (r *run) isEnded(c *call) bool {
	if c == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return c.ended
}

// noStart notes why m has not started.
func (r *run) noStart(m *member, err error) error {
	r.mu.Lock()
	m.life.told = true
	r.mu.Unlock()
	return r.note(m, &ComponentError{Component: m.Name, Phase: InStart, Err: err})
}

// note keeps err as the last failure of m.
func (r *run) note(m *member, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.err = err
	return err
}

// late cancels a start that has taken too long, after it has noted on what it was waiting.
func (r *run) late(m *member, l *life) error {
	if r.isAborted() {
		return nil
	}
	e := &ComponentError{Component: m.Name, Phase: InStart, Err: ErrStartTimeout, Within: m.StartTimeout, Tasks: r.unfinished(m.Name)}
	r.mu.Lock()
	e.Last = l.ready.err
	r.mu.Unlock()
	r.cancel(l, ErrStartTimeout)
	return r.note(m, e)
}

// stopOne ends the life of m, if it has one. It returns what went wrong, and whether everything in it has ended.
func (r *run) stopOne(m *member, cause error) (errs []error, ended bool) {
	l := m.life
	if l == nil {
		if m.state != Idle {
			r.set(m, Stopped)
		}
		return nil, true
	}
	if m.state == Stuck && !r.await(braid.Time(r.inner), nil, l.over) { // has had its time, in a restart
		return nil, false
	}
	begin := braid.Time(r.inner)
	least := min(r.cfg.LastMoment, m.StopTimeout)
	by := begin.Add(m.StopTimeout)
	r.mu.Lock()
	if r.cfg.StopWithin > 0 && r.state == Stopping {
		by = earlier(by, later(r.since.Add(r.cfg.StopWithin), begin.Add(least)))
	}
	l.stopBy = by
	r.mu.Unlock()
	r.set(m, Stopping)
	r.cancel(l, cause)
	errs, ended = r.end(m, l, begin, by)

	_, release := r.ends(l)
	var failed []error
	r.mu.Lock()
	for _, c := range l.calls {
		starting := c.name == m.Name+"/start"
		if err := genuine(c.err); err != nil && !l.told && (starting || c == l.work) {
			phase := InRun
			if starting {
				phase = InStart
			}
			m.err = &ComponentError{Component: m.Name, Phase: phase, Err: err}
			failed = append(failed, m.err)
		}
	}
	aborted := r.aborted != nil
	r.mu.Unlock()
	for _, err := range failed {
		r.log.ErrorContext(r.inner, "failed while stopping", "component", m.Name, "err", err)
	}
	errs = append(errs, failed...)
	if aborted { // which has its own way to end what is left
		return errs, false
	}
	if release {
		by = later(by, braid.Time(r.inner).Add(least))
		r.mu.Lock()
		l.stopBy, l.killed = by, false
		r.mu.Unlock()
		c := r.release(l)
		stuck, over := r.end(m, l, begin, by)
		ended, errs = over, append(errs, stuck...)
		if err := r.failure(c); err != nil && stuck == nil {
			err = r.note(m, &ComponentError{Component: m.Name, Phase: InStop, Err: err})
			errs = append(errs, err)
			r.log.ErrorContext(r.inner, "failed to stop", "component", m.Name, "err", err)
		}
	}
	if !ended {
		r.set(m, Stuck)
		return errs, false
	}
	r.mu.Lock()
	m.life = nil
	r.mu.Unlock()
	r.set(m, Stopped)
	r.log.DebugContext(r.inner, "stopped", "component", m.Name, "took", braid.Time(r.inner).Sub(begin))
	return errs, true
}

// ends reports whether all calls of l have ended, and whether what its Start got hold of is to be released now.
func (r *run) ends(l *life) (over, release bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	released := false
	for _, c := range l.calls {
		if c.name == l.of.Name+"/start" && c.ended && c.err == nil {
			l.started = true // although it was to stop, or late
		}
		released = released || c.name == l.of.Name+"/stop"
	}
	over = l.over()
	return over, over && l.started && !released && l.of.Stop != nil
}

// failure returns the failure of a call that has ended.
func (r *run) failure(c *call) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return genuine(c.err)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// end waits until all calls of l have ended. When the time is over it reports who has not, cancels everything in l, and gives it a last moment.
func (r *run) end(m *member, l *life, begin, by time.Time) (stuck []error, ended bool) {
	if r.await(by, func() { r.tell("still stopping", m, begin) }, l.over) {
		return nil, true
	}
	if r.isAborted() {
		return nil, false
	}
	e := &braid.StuckError{Group: r.group.Path() + "/" + m.Name, Grace: by.Sub(begin), Tasks: r.unfinished(m.Name)}
	stuck = []error{r.note(m, &ComponentError{Component: m.Name, Phase: InStop, Err: e})}
	r.log.ErrorContext(r.inner, "not stopped in time", "component", m.Name, "after", e.Grace, "runs", texts(e.Tasks))
	r.kill(l)
	if r.await(by.Add(r.cfg.LastMoment/4), nil, l.over) {
		return stuck, true
	}
	r.cut(l)
	return stuck, r.await(by.Add(r.cfg.LastMoment), nil, l.over)
}

// tell logs what m is waited for.
func (r *run) tell(what string, m *member, begin time.Time) {
	r.log.WarnContext(r.inner, what, "component", m.Name, "for", braid.Time(r.inner).Sub(begin), "runs", texts(r.unfinished(m.Name)))
}

// listed is how many tasks a line of the log lists: a server may have thousands of requests.
const listed = 10

func texts(tasks []braid.StuckTask) []string {
	var list []string
	for _, t := range tasks[:min(len(tasks), listed)] {
		list = append(list, t.String())
	}
	if more := len(tasks) - listed; more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return list
}
