package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"

	"github.com/braid-go/braid"
)

// Service is a program, or a part of one, made of components. Make one with [New], give it its components with [Service.Add], and Run it.
// All methods may be called from any goroutine.
type Service struct {
	cfg Config
	log *slog.Logger

	mu      sync.Mutex
	parts   []Component // with the defaults filled in
	running bool        // Run has not returned
	last    *run        // that of the Run that began last; nil before
	stopped error       // the cause given to Stop; nil before
	nested  bool        // Component has been called
}

// New returns a service without components. It panics if cfg has numbers that make no sense.
func New(cfg Config) *Service {
	cfg = cfg.filled()
	if wrong := cfg.check(); wrong != "" {
		panic("service: " + wrong)
	}
	return &Service{cfg: cfg, log: cfg.Log}
}

// Add appends components: each is started when those before it are ready, and stopped before they are.
// So a component comes after those that it needs.
//
// Add panics if a component makes no sense or has the name of another one, and after Run has begun or Component has been called.
func (s *Service) Add(components ...Component) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.last != nil:
		panic("service: Add after Run has begun: add all components before")
	case s.nested:
		panic("service: Add after Component, which has told how long the service's components may take: add all of them before")
	}
	for _, c := range components {
		if wrong := c.check(); wrong != "" {
			panic("service: " + wrong)
		}
		for _, p := range s.parts {
			if p.Name == c.Name {
				panic(fmt.Sprintf("service: there is a component %q already; names are unique, so that a path means one of them", c.Name))
			}
		}
		c.StartTimeout = or(c.StartTimeout, s.cfg.StartTimeout)
		c.StopTimeout = or(c.StopTimeout, s.cfg.StopTimeout)
		s.parts = append(s.parts, c)
	}
}

// Run starts the components in order, runs them, and when the service is to end stops those that were started, in reverse order.
// It returns when all of them have ended.
//
// The service ends
//   - when ctx ends, when [Service.Stop] is called, or by a signal of Config.Signals;
//   - when a component fails to start, or fails and is not to be restarted, or once too often;
//   - when there are components with a Run, and all of these are done.
//
// The result is nil if nothing went wrong, also if ctx ended: a service that is told to stop, and does, has not failed.
// Otherwise it is an [*Error], and the cause of the end comes first in it.
//
// What ignores the end of its ctx cannot be stopped. It is reported in a [*braid.StuckError] when its time is over, Run goes on with
// the other components, and returns in the end although it still runs. That is the only way in which something may outlive Run.
//
// A service may run again when its Run has returned. Two Runs at a time panic.
//
// # Cancellation
//
// If ctx is done already, Run returns its cause and starts nothing. The end of ctx is the order to stop: the components' functions
// do not see it, they are stopped one after another, each within its time. Who cannot wait for that calls [Service.Abort].
func (s *Service) Run(ctx context.Context) error { return s.run(ctx, s.cfg.Name, s.cfg.Signals) }

func (s *Service) run(ctx context.Context, name string, signals []os.Signal) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r := s.begin()
	if r == nil {
		return nil
	}
	defer s.end(r)
	defer s.listen(signals)()
	if l := lifeOf(ctx); l != nil { // that of a component of another service
		defer l.onKill(hook{kill: func() { r.abortWithin(ErrStopTimeout, min(s.cfg.LastMoment, l.run.lastMoment()/3)) }})()
	}

	if name == "" && braid.Current(ctx) == nil {
		name = "service" // or the path would begin with the name of a function
	}
	var opts []braid.RunOption
	if name != "" {
		opts = append(opts, braid.Name(name))
	}
	opts = append(opts, braid.Grace(atOnce), braid.PanicHook(s.logPanic))
	err := braid.Run(context.WithoutCancel(ctx), func(inner context.Context, g *braid.Group) error {
		r.live(ctx, inner, g)
		return nil
	}, opts...)
	return r.result(err)
}

// begin returns the state of a new Run; nil if there is nothing to run any more.
func (s *Service) begin() *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running {
		panic("service: a second Run while the first one is under way")
	}
	if s.stopped != nil {
		return nil
	}
	s.running = true
	s.last = newRun(s)
	return s.last
}

func (s *Service) end(r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running, r.over = false, true
	r.state = Stopped
}

// Stop tells the service to stop, in order, and does not wait; Run returns when it has. The ctx of the components' functions ends with cause;
// nil means [ErrStopping]. A service that was stopped stays so: a Run that comes later starts nothing and returns nil. A second Stop does nothing.
func (s *Service) Stop(cause error) {
	if cause == nil {
		cause = ErrStopping
	}
	s.mu.Lock()
	if s.stopped == nil {
		s.stopped = cause
	}
	r := s.last
	s.mu.Unlock()
	if r != nil {
		r.stop(cause)
	}
}

// Abort ends the Run that is under way, if there is one, without regard to work in hand: everything in the service is cancelled at once, shields
// included. What ends because of that is released, in reverse order, and Run returns, after LastMoment at the latest, with an error that matches
// [ErrAborted] and holds cause, and with a [*braid.StuckError] that lists what ran when it was aborted.
// What does not look at its ctx runs on. Abort itself does not wait.
func (s *Service) Abort(cause error) {
	s.mu.Lock()
	r := s.last
	s.mu.Unlock()
	if r != nil {
		r.abortWithin(cause, s.cfg.LastMoment)
	}
}

// Main is Run for the main function of a program: SIGINT and SIGTERM stop the service in order, unless Config.Signals says otherwise, and a second one
// aborts it. It logs what went wrong and returns the exit status: 0, or 1 if there was something.
//
//	func main() { os.Exit(svc.Main(context.Background())) }
//
// # Cancellation
//
// As with Run: the end of ctx stops the service. If ctx is done already, the status is 1.
func (s *Service) Main(ctx context.Context) (status int) {
	signals := s.cfg.Signals
	if len(signals) == 0 {
		signals = []os.Signal{os.Interrupt, syscall.SIGTERM}
	}
	err := s.run(ctx, s.cfg.Name, signals)
	if err == nil {
		return 0
	}
	if e, ok := errors.AsType[*Error](err); ok {
		for _, err := range e.Unwrap() {
			s.log.ErrorContext(ctx, "the service failed", "service", s.cfg.Name, "err", err)
		}
	} else {
		s.log.ErrorContext(ctx, "the service did not run", "service", s.cfg.Name, "err", err)
	}
	return 1
}

// Component returns s as a component of another service, which may restart it with all that is in it: a tree of supervisors.
// Its StopTimeout is what all of its own components take at most; its name is that of s, which must have one. Add the components of s before.
//
// If the component's time is over, or the outer service is aborted, s is aborted, within a third of the outer LastMoment. That goes for any Run in a component.
func (s *Service) Component() Component {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nested = true
	start, limit := s.cfg.StartTimeout, s.cfg.Drain
	for _, p := range s.parts {
		start, limit = plus(start, p.StartTimeout), plus(limit, p.StopTimeout)
	}
	if s.cfg.StopWithin > 0 {
		limit = s.cfg.StopWithin
	}
	for range 2 * len(s.parts) {
		limit = plus(limit, s.cfg.LastMoment)
	}
	return Component{
		Name:         s.cfg.Name,
		Run:          func(ctx context.Context) error { return s.run(ctx, "", s.cfg.Signals) },
		Ready:        func(context.Context) error { return s.Ready() },
		Alive:        func(context.Context) error { return s.Alive() },
		StartTimeout: start,
		StopTimeout:  limit,
	}
}

// logPanic logs a panic when it happens. What comes of it is told later, and by others.
func (s *Service) logPanic(p *braid.PanicError) {
	s.log.Error("panic", "task", p.Task, "panic", p.Value, "stack", string(p.Stack))
}
