package service

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/braid-go/braid"
)

// member is a component in a Run. What can change is guarded by Service.mu and changed by the task that manages the Run alone.
type member struct {
	Component

	state    State
	since    time.Time
	err      error // the last failure
	restarts int
	life     *life // from when it is started until it has stopped; nil otherwise

	due   time.Time     // when to start it again, while it waits for that
	delay time.Duration // the last wait
}

// life is one life of a component, from its start to its stop.
type life struct {
	of *member

	// Guarded by Service.mu, as are the fields of calls and checks.

	calls   []*call
	work    *call     // that of Run; nil if there is none
	started bool      // Start has succeeded: Stop must be called
	up      time.Time // since when it has been ready
	stopBy  time.Time // when its time to stop is over; zero until it is to stop
	killed  bool
	told    bool    // how its Run or its start has failed has been reported
	hooks   []*hook // what a kill must do beside cancelling its tasks

	ready, alive check
}

// call is one call of a component's function, in a task of its own.
type call struct {
	name   string
	future *braid.Future[struct{}]
	ended  bool
	err    error
}

// hook is what a kill does for a scope that does not end with its component's tasks: a shield, or one with requests.
type hook struct {
	kill func() // at once
	cut  func() // after a part of the last moment, for what cannot see a cancel; may be nil
}

// lifeKey is the key of the life in the ctx of a component's functions.
type lifeKey struct{}

// lifeOf returns the life that ctx belongs to, and the Run around it; nil outside of a service.
func lifeOf(ctx context.Context) *lived {
	l, _ := ctx.Value(lifeKey{}).(*lived)
	return l
}

// logOf returns given, or instead of nil the log of the service that ctx belongs to.
func logOf(ctx context.Context, given *slog.Logger) *slog.Logger {
	if given != nil {
		return given
	}
	if l := lifeOf(ctx); l != nil {
		return l.run.log
	}
	return slog.Default()
}

// lived is a life and the Run that it is in.
type lived struct {
	*life
	run *run
}

// call starts fn as a task. It is a scope of its own: a panic in it is an error, and a failure that is reported too late is its own.
// If it is cancelled before it has begun, fn is not called.
func (r *run) call(l *life, name string, fn func(context.Context) error) *call {
	return r.spawn(l, name, func(ctx context.Context, me *lived) error {
		return braid.Run(context.WithValue(ctx, lifeKey{}, me), func(ctx context.Context, _ *braid.Group) error {
			return fn(ctx)
		}, braid.OnPanic(braid.AsError))
	})
}

// release starts the Stop of l as a task. It is called even if everything is cancelled in the same moment: its ctx has ended then.
func (r *run) release(l *life) *call {
	return r.spawn(l, l.of.Name+"/stop", func(ctx context.Context, me *lived) error {
		return braid.Run(context.WithValue(context.WithoutCancel(ctx), lifeKey{}, me), func(ctx context.Context, g *braid.Group) error {
			defer me.onKill(hook{kill: func() { g.Cancel(ErrStopTimeout) }})()
			return l.of.Stop(ctx)
		}, braid.OnPanic(braid.AsError))
	})
}

func (r *run) spawn(l *life, name string, fn func(context.Context, *lived) error) *call {
	c := &call{name: name}
	task := func(ctx context.Context) (struct{}, error) {
		err := error(&braid.TaskError{Task: r.group.Path() + "/" + name, Err: braid.ErrGoexit}) // unless it returns
		defer func() { r.ended(c, err) }()
		err = fn(ctx, &lived{l, r})
		return struct{}{}, nil
	}
	c.future = braid.Submit(r.portal, task, braid.Name(name))
	r.mu.Lock()
	l.calls = append(l.calls, c)
	r.mu.Unlock()
	return c
}

func (r *run) ended(c *call, err error) {
	r.mu.Lock()
	c.ended, c.err = true, err
	r.mu.Unlock()
	r.changed.Set()
}

// cancel ends the ctx of all calls of l.
func (r *run) cancel(l *life, cause error) {
	r.mu.Lock()
	calls := slices.Clone(l.calls)
	r.mu.Unlock()
	for _, c := range calls {
		c.future.Cancel(cause)
	}
}

// kill cancels everything in l, shields included.
func (r *run) kill(l *life) {
	r.mu.Lock()
	l.killed = true
	hooks := slices.Clone(l.hooks)
	r.mu.Unlock()
	r.cancel(l, ErrStopTimeout)
	for _, h := range hooks {
		h.kill()
	}
}

// cut ends what a kill of l could not.
func (r *run) cut(l *life) {
	r.mu.Lock()
	hooks := slices.Clone(l.hooks)
	r.mu.Unlock()
	for _, h := range hooks {
		if h.cut != nil {
			h.cut()
		}
	}
}

// onKill makes a kill of l call those of h too, until forget is called; they must not block. l may be nil.
func (l *lived) onKill(h hook) (forget func()) {
	if l == nil {
		return func() {}
	}
	mu := &l.run.mu
	mu.Lock()
	killed := l.killed
	l.hooks = append(l.hooks, &h)
	mu.Unlock()
	if killed {
		h.kill()
	}
	return func() {
		mu.Lock()
		defer mu.Unlock()
		l.hooks = slices.DeleteFunc(l.hooks, func(o *hook) bool { return o == &h })
	}
}

// ages is longer than anything takes.
const ages = 100 * 365 * 24 * time.Hour

// left returns the time that the life has to stop from now on, ages if it is not to stop yet, and whether it has been killed.
func (l *lived) left(ctx context.Context) (left time.Duration, killed bool) {
	if l == nil {
		return DefaultStopTimeout, false
	}
	now := braid.Time(ctx)
	l.run.mu.Lock()
	defer l.run.mu.Unlock()
	if l.stopBy.IsZero() {
		return ages, l.killed
	}
	return max(l.stopBy.Sub(now), 0), l.killed
}

// patience returns the component's time to stop.
func (l *lived) patience() time.Duration {
	if l == nil {
		return DefaultStopTimeout
	}
	return l.of.StopTimeout
}

// lastMoment returns what the life has to end after its time.
func (l *lived) lastMoment() time.Duration {
	if l == nil {
		return DefaultLastMoment
	}
	return l.run.lastMoment()
}

// over reports whether all calls of l have ended. Service.mu is held.
func (l *life) over() bool {
	return !slices.ContainsFunc(l.calls, func(c *call) bool { return !c.ended })
}
