package sim

import (
	"context"
	"fmt"
	"time"
)

// watcher is a call to be made when a context ends that is not braid's.
//
// Standard contexts tell of their end on a goroutine of its own, at a time that nobody controls.
// So the engine looks at them itself, at each step.
type watcher struct {
	ctx context.Context
	f   func()
}

// AfterFunc implements sched.Closed.
//
//go:norace
func (e *engine) AfterFunc(ctx context.Context, f func()) (stop func() bool) {
	if raceBackend {
		r := &remoteStop{eng: e}
		if e.remote(func() { r.stop = e.AfterFunc(ctx, f) }) {
			return r.call
		}
	}
	w := &watcher{ctx: ctx, f: f}
	if ctx == e.ctx {
		e.mu.Lock()
		e.rootCalls = append(e.rootCalls, w)
		e.mu.Unlock()
		return func() bool { return e.unwatch(&e.rootCalls, w) }
	}
	if d, ok := ctx.Deadline(); ok && d.Sub(epoch) > realTime && !e.lenient {
		e.failUncontrolled(e.cur.Load(), "a context with a deadline of the real clock: use braid.Timeout instead of context.WithTimeout")
	}
	e.mu.Lock()
	e.watchers = append(e.watchers, w)
	e.mu.Unlock()
	return func() bool { return e.unwatch(&e.watchers, w) }
}

// remoteStop ends a registration that the engine's goroutine has made.
type remoteStop struct {
	eng     *engine
	stop    func() bool
	stopped bool
}

//go:norace
func (r *remoteStop) call() bool {
	if !r.eng.remote(func() { r.stopped = r.stop() }) {
		r.stopped = r.stop()
	}
	return r.stopped
}

// realTime tells the real clock from the virtual one.
const realTime = 20 * 365 * 24 * time.Hour

// unwatch takes w out of its list and reports whether it was there.
func (e *engine) unwatch(list *[]*watcher, w *watcher) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, x := range *list {
		if x == w {
			*list = append((*list)[:i], (*list)[i+1:]...)
			return true
		}
	}
	return false
}

// poll makes the calls whose context has ended.
func (e *engine) poll() {
	for {
		e.mu.Lock()
		if len(e.watchers) == 0 {
			e.mu.Unlock()
			return
		}
		e.watBuf = append(e.watBuf[:0], e.watchers...)
		list := e.watBuf
		e.mu.Unlock()

		outer := e.cur.Swap(nil) // Err of a foreign context may be anything, a point too
		var found *watcher
		for _, w := range list {
			if w.ctx.Err() != nil {
				found = w
				break
			}
		}
		e.cur.Store(outer)
		if found == nil {
			return
		}
		if e.unwatch(&e.watchers, found) {
			e.call(found.f)
		}
	}
}

// endRoot cancels everything.
func (e *engine) endRoot(cause error) {
	e.cancelRoot(cause)
	for {
		e.mu.Lock()
		if len(e.rootCalls) == 0 {
			e.mu.Unlock()
			break
		}
		w := e.rootCalls[0]
		e.rootCalls = e.rootCalls[1:]
		e.mu.Unlock()
		e.call(w.f)
	}
	e.poll()
}

// failUncontrolled fails the schedule for something that t did and that the simulator cannot control.
func (e *engine) failUncontrolled(t *task, what string) {
	name := "a goroutine outside"
	if t != nil {
		name = "task " + t.name()
	}
	e.fail(&failure{kind: failUncontrolled, site: what, text: fmt.Sprintf("%s uses %s", name, what)})
}
