package service_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/service"
	"github.com/braid-go/braid/sim"
)

// chooser decides what happens in a world, and hears what is wrong with it: a *sim.T, or chance.
type chooser interface {
	IntN(n int) int
	Errorf(format string, args ...any)
}

// world is what the components of a service must not do wrong.
type world struct {
	s       chooser
	aborts  bool
	ordered bool // also in restarts

	mu      sync.Mutex
	held    []bool // by component: Start has succeeded and Stop has not been called
	running []int  // calls of Run that go on
	calls   int    // functions that go on
	mayFail int    // how many more failures there may be
}

func newWorld(s chooser, n int, strategy service.Strategy) *world {
	return &world{s: s, held: make([]bool, n), running: make([]int, n), mayFail: 3, ordered: strategy != service.OneForOne}
}

// chance reports whether something goes wrong, one time in n.
func (w *world) chance(n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mayFail == 0 || w.s.IntN(n) != 0 {
		return false
	}
	w.mayFail--
	return true
}

// do looks at the world, or changes it.
func (w *world) do(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// call is around each function.
func (w *world) call(fn func(ctx context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		w.do(func() { w.calls++ })
		defer w.do(func() { w.calls-- })
		return fn(ctx)
	}
}

func (w *world) component(i int) service.Component {
	name := fmt.Sprint("c", i)
	dwell := func(ctx context.Context) error { return braid.Sleep(ctx, time.Duration(w.s.IntN(3))*time.Second) }
	fail := func() error {
		if w.s.IntN(2) == 0 {
			panic(errDown)
		}
		return errDown
	}
	return service.Component{
		Name: name, Restart: service.Restart(w.s.IntN(3)),
		Start: w.call(func(ctx context.Context) error {
			w.do(func() {
				if w.held[i] || w.running[i] > 0 {
					w.s.Errorf("%s is started while it is", name)
				}
				for j := range i {
					if !w.held[j] && w.ordered {
						w.s.Errorf("%s is started before c%d", name, j)
					}
				}
			})
			if err := dwell(ctx); err != nil && w.s.IntN(2) == 0 {
				return err
			}
			if w.chance(4) {
				return fail()
			}
			w.do(func() { w.held[i] = true })
			return nil
		}),
		Run: w.call(func(ctx context.Context) error {
			w.do(func() {
				if !w.held[i] || w.running[i] > 0 {
					w.s.Errorf("%s runs although it is not started, or runs already", name)
				}
				w.running[i]++
			})
			defer w.do(func() { w.running[i]-- })
			if w.chance(2) {
				if err := dwell(ctx); err != nil {
					return err
				}
				if w.s.IntN(3) == 0 {
					return nil
				}
				return fail()
			}
			err := untilDone(ctx)
			return errors.Join(err, service.Shield(ctx, dwell))
		}),
		Stop: w.call(func(ctx context.Context) error {
			if ctx.Err() != nil && !w.aborts {
				w.s.Errorf("%s is stopped with a ctx that has ended", name)
			}
			w.do(func() {
				if !w.held[i] || w.running[i] > 0 {
					w.s.Errorf("%s is stopped although it is not started, or still runs", name)
				}
				w.held[i] = false
			})
			err := dwell(ctx)
			if w.chance(4) {
				return fail()
			}
			return err
		}),
		Ready: w.call(func(ctx context.Context) error {
			if w.chance(4) {
				return errDown
			}
			return nil
		}),
	}
}

// wantOver checks that nothing is left.
func (w *world) wantOver(svc *service.Service) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calls != 0 {
		w.s.Errorf("%d functions still run", w.calls)
	}
	for i, held := range w.held {
		if held {
			w.s.Errorf("c%d has not been stopped: %+v", i, svc.Status())
		}
	}
}

// program is a service of three components, and somebody who ends it.
func program(strategy service.Strategy, cancels, slow bool) func(*sim.T) {
	return func(s *sim.T) {
		const n = 3
		w := newWorld(s, n, strategy)
		svc := service.New(quiet(service.Config{
			Strategy: strategy, MaxRestarts: 1 + s.IntN(3), Rand: s.Rand().Float64, CheckEvery: time.Hour,
		}))
		for i := range n {
			svc.Add(w.component(i))
		}
		ctx, cancel := context.WithCancelCause(s.Context())
		defer cancel(nil)
		stops := s.IntN(2) == 0
		w.aborts = cancels || slow || s.IntN(5) == 0
		_ = braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
			g.Go(func(context.Context) error {
				err := svc.Run(ctx)
				if e, ok := errors.AsType[*braid.StuckError](err); ok && !w.aborts {
					s.Errorf("stuck: %v", e)
				}
				return nil
			}, braid.Name("run"))
			g.Go(func(ctx context.Context) error {
				ctx = context.WithoutCancel(ctx)
				_ = braid.Sleep(ctx, time.Duration(s.IntN(8))*time.Second)
				if stops {
					svc.Stop(nil)
				} else {
					cancel(errors.New("gone"))
				}
				if w.aborts && s.IntN(2) == 0 {
					_ = braid.Sleep(ctx, time.Duration(s.IntN(3))*time.Second)
					svc.Abort(nil)
				}
				return nil
			}, braid.Name("end"))
			return nil
		})
		if slow {
			return // what had no time to end is left
		}
		w.wantOver(svc)
	}
}

// Whatever the schedule, whatever fails, and whenever the service is told to stop: what has been started is stopped once, after its Run and not under it,
// components are started after those before them, and nothing is left.
func TestSim(t *testing.T) {
	for _, strategy := range []service.Strategy{service.OneForOne, service.OneForAll, service.RestForOne} {
		t.Run(strategy.String(), func(t *testing.T) { sim.Test(t, program(strategy, false, false), sim.Advances(0)) })
	}
}

// The same holds if any of its tasks is cancelled at any of its waits, those that manage the service among them.
func TestSimCancels(t *testing.T) {
	sim.Test(t, program(service.RestForOne, true, false), sim.Advances(0), sim.Cancels(), sim.Sweep())
}

// On a machine so slow that limits run out although nobody is stuck, Run still ends, and nothing is started beside itself, nor released while it is in use.
func TestSimSlow(t *testing.T) {
	sim.Test(t, program(service.OneForAll, false, true), sim.AllowLeft())
}

// Whatever the schedule, the manager of the service misses nothing: when all work is done, the service ends by itself.
func TestSimEnds(t *testing.T) {
	sim.Test(t, func(s *sim.T) {
		job := func(ctx context.Context) error { return braid.Yield(ctx) }
		svc := newService(service.Config{}, service.Component{Name: "a", Run: job}, service.Component{Name: "b", Run: job, Stop: job})
		if err := svc.Run(s.Context()); err != nil {
			s.Error(err)
		}
	}, sim.Advances(0))
}

// tree is a service in a service, and somebody who ends or aborts the outer one.
func tree(s *sim.T) {
	w := newWorld(s, 2, service.OneForAll)
	w.aborts = true
	inner := service.New(quiet(service.Config{
		Name: "inner", Strategy: service.OneForAll, MaxRestarts: 1 + s.IntN(2), Rand: s.Rand().Float64, CheckEvery: time.Hour, LastMoment: time.Minute,
	}))
	for i := range 2 {
		inner.Add(w.component(i))
	}
	part := inner.Component()
	part.Restart = service.Restart(s.IntN(3))
	outer := service.New(quiet(service.Config{Name: "outer", MaxRestarts: 1 + s.IntN(2), Rand: s.Rand().Float64, CheckEvery: time.Hour, LastMoment: 3 * time.Second}))
	outer.Add(part, service.Component{Name: "last", Run: untilDone, Stop: func(ctx context.Context) error {
		return braid.Sleep(ctx, time.Duration(s.IntN(3))*time.Second)
	}})
	_ = braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			err := outer.Run(ctx)
			if e, ok := errors.AsType[*braid.StuckError](err); ok && !errors.Is(err, service.ErrAborted) {
				s.Errorf("stuck: %v", e)
			}
			return nil
		}, braid.Name("run"))
		g.Go(func(ctx context.Context) error {
			_ = braid.Sleep(ctx, time.Duration(s.IntN(8))*time.Second)
			if s.IntN(2) == 0 {
				outer.Stop(nil)
				_ = braid.Sleep(ctx, time.Duration(s.IntN(3))*time.Second)
			}
			if s.IntN(2) == 0 {
				outer.Abort(nil)
			}
			outer.Stop(nil)
			return nil
		}, braid.Name("end"))
		return nil
	})
	w.wantOver(inner)
}

// The same holds in a service in a service, whenever the outer one is stopped or aborted.
func TestSimTree(t *testing.T) {
	sim.Test(t, tree, sim.Advances(0))
}
