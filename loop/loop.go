package loop

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/internal/coro"
	"github.com/braid-go/braid/internal/sched"
)

// Loop is a running event loop. [Run] makes it, and [Current] gives it to the tasks that run on it.
//
// Unless a method says otherwise it may be called by tasks and callbacks of the loop only.
type Loop struct {
	config

	self  sched.Scheduler
	epoch time.Time // where the loop's clock starts
	ready queue
	tasks atomic.Int64 // that have not ended
	cur   *task        // the one that runs; nil while a callback or the loop itself does
	root  atomic.Pointer[braid.Group]
	ended atomic.Bool

	ends struct { // what to do when the loop ends
		mu    sync.Mutex
		over  bool
		calls map[*func()]struct{}
	}

	timers timers
	wakeup chan struct{}          // capacity one; ends the sleep of a loop without a poller
	io     poller                 // nil until the first socket is opened, and on systems that have none
	waker  atomic.Pointer[poller] // io, for other goroutines

	opening *braid.Limiter // of calls that open sockets
	sockets struct {
		mu      sync.Mutex
		open    map[*socket]struct{} // but for those that the poller knows
		over    bool
		helpers sync.WaitGroup
	}

	// Of the loop's own goroutine.

	pool   coro.Pool
	spare  *task  // to be used again
	left   *entry // what is left of this turn
	idle   *time.Timer
	began  time.Time // the turn, if the loop is eager
	polled bool      // descriptors have been looked at since the last turn
	last   bool      // the tasks have ended, and this is the last turn
	fatal  any       // a panic of the loop itself

	goroutines sync.Map // that run the loop and its tasks, in debug mode: their ids to resident

	// For the watchdog. Within a turn the same task does not run twice, so these say whether anything has moved.
	turns atomic.Uint64        // and callbacks
	shown atomic.Pointer[task] // cur, but for callbacks only at times
	call  atomic.Uintptr       // the code of the last callback
	dog   *watchdog
}

// Run runs body as the root scope of a new event loop, and returns when the body and all tasks of the loop have ended,
// those left by [braid.Abandon] included. Its result is that of [braid.Run] with the same body, panics and runtime.Goexit too.
//
// All tasks below the body run on the loop, one at a time: between two of its waits a task is alone.
// The functions and types of package braid work as ever. See the package documentation for what is different.
//
// Run uses a goroutine of its own, whatever the locking of its caller's, and has no state outside itself:
// any number of loops may run side by side.
//
// Inside a task of a loop, Run returns [ErrNested] and does not call body.
// Inside a task on goroutines it opens a tree of its own: what runs on the loop ends with ctx, but its paths begin at the loop,
// and panics go to the [braid.PanicHook] given with [Scope].
//
// # Cancellation
//
// As with braid.Run: if ctx is done already, Run returns its cause; later, the end of ctx ends body and tasks, and Run waits for them.
// [Loop.Stop] ends the loop from inside, or from anywhere.
func Run(ctx context.Context, body func(ctx context.Context, g *braid.Group) error, opts ...Option) error {
	if body == nil {
		panic("loop: Run needs a body; the one given is nil")
	}
	if sched.From(ctx) != nil {
		return nested(ctx)
	}
	return run(ctx, opts, func(ctx context.Context, r *root) error {
		named := append([]braid.RunOption{braid.Name(funcName(body))}, r.loop.scope...)
		return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			r.ctx = ctx
			r.loop.root.Store(g)
			return body(ctx, g)
		}, named...)
	})
}

// run makes a loop and runs main as its first task.
func run(ctx context.Context, opts []Option, main func(ctx context.Context, r *root) error) error {
	l := &Loop{epoch: time.Now(), wakeup: make(chan struct{}, 1), config: defaults()}
	l.self = l
	for _, o := range opts {
		o.applyLoop(&l.config)
	}
	l.timers.init()
	l.opening = braid.NewLimiter("opening of sockets", opening)
	r := &root{loop: l, ctx: sched.With(ctx, l), main: main}
	l.Spawn(r, false)
	l.dog = watch(l)
	ended := make(chan struct{})
	go l.drive(ended)
	<-ended
	l.dog.stop()
	switch {
	case l.fatal != nil:
		panic(l.fatal)
	case r.returned:
		return r.err
	case r.panic != nil:
		panic(r.panic)
	default:
		runtime.Goexit()
		return nil
	}
}

// Current returns the loop that code with ctx runs on; nil if it runs on none.
func Current(ctx context.Context) *Loop {
	l, _ := sched.From(ctx).(*Loop)
	return l
}

// ErrNested is matched by the error of a [Run] inside a task that runs on a loop.
var ErrNested = errors.New("loop: Run inside a task of a loop")

func nested(ctx context.Context) error {
	if t := braid.Current(ctx); t != nil {
		return fmt.Errorf("%w: task %s runs on a loop already and would hold it for all others; start a task with Go, or open a scope with braid.Run", ErrNested, t.Path())
	}
	return ErrNested
}

// opening bounds how many sockets are being opened at a time.
const opening = 64

// root is the first task of a loop.
type root struct {
	loop     *Loop
	ctx      context.Context // of the root scope, once it is open
	main     func(context.Context, *root) error
	err      error
	panic    any
	returned bool
}

func (r *root) Name() string             { return "main" }
func (r *root) Path() string             { return r.loop.name() }
func (r *root) Context() context.Context { return r.ctx }
func (r *root) Started(time.Time)        {}

func (r *root) Run() {
	defer func() {
		if !r.returned {
			r.panic = recover() // nil after Goexit
		}
	}()
	r.err = r.main(r.ctx, r)
	r.returned = true
}

// Stop ends the loop: its root group is cancelled with [ErrStopped], and Run returns when all tasks have ended.
// As after [braid.Group.Cancel], tasks that end because of it have not failed. Stop may be called from any goroutine, and does not wait.
func (l *Loop) Stop() {
	if g := l.root.Load(); g != nil {
		g.Cancel(ErrStopped)
	}
}

// ErrStopped is the cause that tasks see after [Loop.Stop].
var ErrStopped = errors.New("loop: the loop has been stopped")

// Time returns the loop's clock. It may be called from any goroutine.
func (l *Loop) Time() time.Time { return l.Now() }

// clock is the time in nanoseconds since the loop began, from the monotonic clock alone.
func (l *Loop) clock() int64 { return int64(time.Since(l.epoch)) }

// atEnd calls f when the loop ends, at once if it has, unless forget comes first.
func (l *Loop) atEnd(f func()) (forget func()) {
	l.ends.mu.Lock()
	over := l.ends.over
	if !over {
		if l.ends.calls == nil {
			l.ends.calls = make(map[*func()]struct{})
		}
		l.ends.calls[&f] = struct{}{}
	}
	l.ends.mu.Unlock()
	if over {
		f()
	}
	return func() {
		l.ends.mu.Lock()
		delete(l.ends.calls, &f)
		l.ends.mu.Unlock()
	}
}
