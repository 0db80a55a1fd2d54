package service

import (
	"context"
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
	told    bool           // how its Run or its start has failed has been reported
	inner   []*braid.Group // what must be cancelled beside its tasks: shields, and scopes that do not end with them

	ready, alive check
}

// call is one call of a component's function, in a task of its own.
type call struct {
	name   string
	future *braid.Future[struct{}]
	ended  bool
	err    error
}

// lifeKey is the key of the life in the ctx of a component's functions.
type lifeKey struct{}

// lifeOf returns the life that ctx belongs to, and the Run around it; nil outside of a service.
func lifeOf(ctx context.Context) *lived {
	l, _ := ctx.Value(lifeKey{}).(*lived)
	return l
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
			defer me.onKill(g)()
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
	inner := slices.Clone(l.inner)
	r.mu.Unlock()
	r.cancel(l, ErrStopTimeout)
	for _, g := range inner {
		g.Cancel(ErrStopTimeout)
	}
}

// onKill makes a kill of l cancel g too, until forget is called. l may be nil.
func (l *lived) onKill(g *braid.Group) (forget func()) {
	if l == nil {
		return func() {}
	}
	mu := &l.run.mu
	mu.Lock()
	killed := l.killed
	l.inner = append(l.inner, g)
	mu.Unlock()
	if killed {
		g.Cancel(ErrStopTimeout)
	}
	return func() {
		mu.Lock()
		defer mu.Unlock()
		if i := slices.Index(l.inner, g); i >= 0 {
			l.inner = slices.Delete(l.inner, i, i+1)
		}
	}
}

// left returns the time that the life has to stop from now on, what it has if it is not to stop yet, and whether it has been killed.
func (l *lived) left(ctx context.Context) (left time.Duration, killed bool) {
	if l == nil {
		return DefaultStopTimeout, false
	}
	now := braid.Time(ctx)
	l.run.mu.Lock()
	defer l.run.mu.Unlock()
	if l.stopBy.IsZero() {
		return l.of.StopTimeout, l.killed
	}
	return max(l.stopBy.Sub(now), 0), l.killed
}

// over reports whether all calls of l have ended. Service.mu is held.
func (l *life) over() bool {
	return !slices.ContainsFunc(l.calls, func(c *call) bool { return !c.ended })
}
