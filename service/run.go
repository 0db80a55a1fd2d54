package service

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/braid-go/braid"
)

// atOnce is the shortest grace: what has not ended by then is left behind.
const atOnce = time.Millisecond

// run is a Run of a service. One task manages it: the caller's at first, and from when the service stops a task called "stop".
// Whatever changes the state sets changed, which nobody but the manager waits for.
type run struct {
	*Service

	members []*member
	changed braid.Event

	// Of the manager alone.

	ctx, inner context.Context // ctx ends when the service is to stop; inner does not
	group      *braid.Group    // written once, with mu held
	portal     *braid.Portal
	restarts   []time.Time // those within the window
	errs       []error
	aborting   bool // it has heard of the abort
	left       bool // something has not ended and is not waited for any more

	// Guarded by mu.

	clock    context.Context // for those who ask from outside; nil until live
	state    State
	stopping error     // why the service stops
	since    time.Time // when that began
	aborted  error
	within   time.Duration // what everything has to end, if aborted
	over     bool          // Run has returned
	idle     bool          // all of the work is done
	failed   bool          // what it stops for is in errs
}

func newRun(s *Service) *run {
	r := &run{Service: s, state: Starting}
	for _, p := range s.parts {
		r.members = append(r.members, &member{Component: p})
	}
	name := s.cfg.Name
	if name == "" {
		name = "service"
	}
	r.changed.SetName(name + "'s components")
	return r
}

// live is the body of the Run's scope.
func (r *run) live(ctx, inner context.Context, g *braid.Group) {
	r.ctx, r.inner, r.portal = ctx, inner, braid.NewPortal(g)
	r.mu.Lock()
	r.clock, r.group = inner, g
	r.mu.Unlock()
	stopped := false
	var broken error // a panic in stopAll, which is kept until all is released
	defer func() {
		if !stopped { // aborted; or a panic in what is not a component: the log, for example
			r.abortWithin(nil, r.cfg.LastMoment)
		}
		if r.isAborted() {
			r.ctx, r.inner = inner, inner
			r.abort()
		}
		if r.left {
			g.Cancel(ErrStopTimeout)
		}
		if p, ok := errors.AsType[*braid.PanicError](broken); ok {
			panic(p)
		}
	}()
	if r.start() {
		r.supervise()
	}
	if !r.isAborted() {
		_ = g.Go(func(ctx context.Context) error {
			broken = braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
				r.ctx, r.inner = ctx, ctx
				r.stopAll()
				stopped = true
				return nil
			}, braid.OnPanic(braid.AsError))
			return nil
		}, braid.Name(stopping)).Wait(inner)
	}
}

// abort cancels everything, releases what has ended because of that, and waits for nothing else.
func (r *run) abort() {
	r.errs = append(r.errs, r.aborted)
	if tasks := r.unfinished(); len(tasks) > 0 {
		r.errs = append(r.errs, &braid.StuckError{Group: r.group.Path(), Tasks: tasks})
	}
	r.aborting = true
	for _, m := range r.members {
		if m.life != nil {
			r.kill(m.life)
		}
	}
	half := r.lastMoment() / 2
	over := func() bool {
		return !slices.ContainsFunc(r.members, func(m *member) bool { return m.life != nil && !m.life.over() })
	}
	begin := braid.Time(r.inner)
	if !r.await(begin.Add(half/2), nil, over) {
		for _, m := range r.members {
			if m.life != nil {
				r.cut(m.life)
			}
		}
		r.await(begin.Add(half), nil, over)
	}
	by := braid.Time(r.inner).Add(half)
	for i, m := range slices.Backward(r.members) {
		l := m.life
		if l == nil {
			continue
		}
		now := braid.Time(r.inner)
		share := now.Add(by.Sub(now) / time.Duration(i+1)) // one that hangs leaves something for those before it
		ended, release := r.ends(l)
		if release {
			c := r.release(l)
			if ended = r.await(share, nil, l.over); !ended {
				r.kill(l)
			} else if err := r.failure(c); err != nil {
				r.errs = append(r.errs, r.note(m, &ComponentError{Component: m.Name, Phase: InStop, Err: err}))
			}
		}
		r.set(m, map[bool]State{true: Stopped, false: Stuck}[ended])
		r.left = r.left || !ended
	}
}

// result gives the result of Run from that of the scope.
func (r *run) result(err error) error {
	errs := r.errs
	if ge, ok := errors.AsType[*braid.GroupError](err); ok {
		for _, e := range ge.Unwrap() {
			if _, stuck := errors.AsType[*braid.StuckError](e); !stuck { // those who are stuck have been reported
				errs = append(errs, e)
			}
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return &Error{Service: r.cfg.Name, errs: errs}
}

// stop tells the manager to stop the service.
func (r *run) stop(cause error) {
	r.mu.Lock()
	if r.stopping == nil {
		r.stopping = cause
	}
	r.mu.Unlock()
	r.changed.Set()
}

// abortWithin tells the manager to abort, and what everything has to end then.
func (r *run) abortWithin(cause error, within time.Duration) {
	r.mu.Lock()
	if r.over || r.aborted != nil {
		r.mu.Unlock()
		return
	}
	r.within, r.aborted = max(within, 1), ErrAborted
	if cause != nil {
		r.aborted = &abortError{cause}
	}
	r.mu.Unlock()
	r.changed.Set()
}

// lastMoment returns what everything has to end after an abort, or what a component has after its time.
func (r *run) lastMoment() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return or(r.within, r.cfg.LastMoment)
}

// fail makes the service stop because of err.
func (r *run) fail(err error) {
	r.errs = append(r.errs, err)
	r.mu.Lock()
	r.failed = true
	r.mu.Unlock()
}

func (r *run) isAborted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.aborted != nil
}

// ending reports whether the service is to stop. mu is held.
func (r *run) ending() bool { return r.stopping != nil || r.aborted != nil || r.failed || r.idle }

func (r *run) isEnding() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ending()
}

func (r *run) set(m *member, s State) {
	now := braid.Time(r.inner)
	r.mu.Lock()
	defer r.mu.Unlock()
	m.state, m.since = s, now
}

// await waits until holds, which is called with mu held, the time is over, or the service is aborted, and reports whether holds did.
// A zero time is none. From time to time it calls tell, unless that is nil.
func (r *run) await(until time.Time, tell func(), holds func() bool) bool {
	next := braid.Time(r.inner).Add(r.cfg.ReportEvery)
	for {
		r.changed.Clear() // before looking, so that no change is missed
		r.mu.Lock()
		ok, aborted := holds(), r.aborted != nil && !r.aborting
		r.mu.Unlock()
		now := braid.Time(r.inner)
		if ok || aborted || !until.IsZero() && !now.Before(until) {
			return ok
		}
		at := until
		if tell != nil {
			if !now.Before(next) {
				tell()
				next = now.Add(r.cfg.ReportEvery)
			}
			if at.IsZero() || next.Before(at) {
				at = next
			}
		}
		if at.IsZero() {
			_ = r.changed.Wait(r.ctx)
		} else {
			_ = braid.Deadline(r.ctx, at, r.changed.Wait)
		}
		if r.ctx.Err() != nil {
			r.listenNoMore()
		}
	}
}

// listenNoMore goes on without ctx, which has ended.
func (r *run) listenNoMore() {
	r.stop(context.Cause(r.ctx))
	if r.ctx = r.inner; r.inner.Err() != nil { // something of our own has panicked
		r.Abort(context.Cause(r.inner))
		r.ctx = context.WithoutCancel(r.inner)
		r.inner = r.ctx
	}
}

// start starts all components, in order, and reports whether they are ready and the service is to go on.
func (r *run) start() bool {
	begin := braid.Time(r.inner)
	for _, m := range r.members {
		if r.isEnding() {
			return false
		}
		if err := r.startOne(m); err != nil {
			r.fail(err)
		}
		if dead := r.lost(); dead != nil {
			r.bury(dead)
		}
	}
	if r.isEnding() {
		return false
	}
	r.mu.Lock()
	r.state = Running
	r.mu.Unlock()
	r.log.InfoContext(r.inner, "running", "service", r.cfg.Name, "components", len(r.members), "took", braid.Time(r.inner).Sub(begin))
	return true
}

// supervise looks after the components until the service is to stop.
func (r *run) supervise() {
	for {
		var dead *member
		next := r.nextWaiting()
		var due time.Time
		if next != nil {
			due = next.due
		}
		r.await(due, nil, func() bool {
			dead = r.dead()
			r.idle = r.isIdle()
			return dead != nil || r.ending()
		})
		switch {
		case r.isEnding():
			return
		case dead != nil:
			r.bury(dead)
		case next != nil:
			r.revive(next)
		}
	}
}

// dead returns a component whose Run has ended by itself. mu is held.
func (r *run) dead() *member {
	for _, m := range r.members {
		if m.state == Running && m.life.work != nil && m.life.work.ended {
			return m
		}
	}
	return nil
}

// lost returns a component whose failure ends the service. mu is not held.
func (r *run) lost() *member {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lostLocked()
}

func (r *run) lostLocked() *member {
	for _, m := range r.members {
		if m.state == Running && m.Restart == Never && m.life.work != nil && m.life.work.ended && genuine(m.life.work.err) != nil {
			return m
		}
	}
	return nil
}

// breaksOff reports whether a start is to be broken off. mu is held.
func (r *run) breaksOff() bool { return r.ending() || r.lostLocked() != nil }

// isIdle reports whether there was work, and all of it is done. mu is held.
func (r *run) isIdle() bool {
	work := false
	for _, m := range r.members {
		if m.state == Waiting || m.Run != nil && m.state != Done {
			return false
		}
		work = work || m.Run != nil
	}
	return work
}

// stopAll stops the components in reverse order.
func (r *run) stopAll() {
	begin := braid.Time(r.inner)
	r.mu.Lock()
	level := slog.LevelInfo
	wasReady := r.state == Running               // so that somebody may send work
	if r.state != Running && r.stopping == nil { // a start that has failed is told by the error
		level = slog.LevelDebug
	}
	r.state, r.since = Stopping, begin
	cause, why := r.stopping, r.stopping
	r.mu.Unlock()
	if cause == nil {
		cause = ErrStopping
	}
	attrs := []any{"service", r.cfg.Name}
	if len(r.errs) > 0 {
		why = r.errs[0]
	}
	if why != nil && !errors.Is(why, ErrStopping) {
		attrs = append(attrs, "cause", why)
	}
	r.log.Log(r.inner, level, "stopping", attrs...)
	if r.cfg.Drain > 0 && wasReady {
		r.await(begin.Add(r.cfg.Drain), nil, func() bool { return false })
	}
	for _, m := range slices.Backward(r.members) {
		if r.isAborted() {
			return
		}
		errs, ended := r.stopOne(m, cause)
		r.errs = append(r.errs, errs...)
		r.left = r.left || !ended
	}
	r.log.Log(r.inner, level, "stopped", "service", r.cfg.Name, "took", braid.Time(r.inner).Sub(begin))
}

// unfinished lists what runs in the components of these names, or in all of them.
func (r *run) unfinished(names ...string) (tasks []braid.StuckTask) {
	if len(names) == 0 {
		for _, m := range r.members {
			names = append(names, m.Name)
		}
	}
	for _, t := range r.group.Unfinished() {
		if slices.Contains(names, r.componentOf(t)) {
			tasks = append(tasks, t)
		}
	}
	return tasks
}

// componentOf returns the name of the component that t is a task of; "" if it is none.
func (r *run) componentOf(t braid.StuckTask) string {
	rest, ok := strings.CutPrefix(t.Path, r.group.Path()+"/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}
