package sim_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/sim"
)

// Random programs over what braid has, for the search that leaves out what is the same: it must come to all that the full one comes to.

// things is what the tasks of a random program share. Each schedule has its own.
type things struct {
	s       *sim.T
	vars    [2]*sim.Var[int]
	sems    [2]*braid.Semaphore
	mutexes [2]*braid.Mutex
	rw      *braid.RWMutex
	lim     *braid.Limiter
	event   *braid.Event
	cond    *braid.Cond
	barrier *braid.Barrier
	queues  [2]*braid.Queue[int]
	promise *braid.Promise[int]
	once    *braid.OnceValue[int]
	group   *braid.Group // of all tasks
	portal  *braid.Portal
	handles []*braid.Handle // of the tasks, for their siblings
	inner   *braid.Group    // of a task, for its siblings
	future  *braid.Future[int]
}

func (e *things) sawf(format string, args ...any) { sim.Saw(e.s, fmt.Sprintf(format, args...)) }

func (e *things) err(what string, err error) error {
	if p, ok := errors.AsType[*braid.PanicError](err); ok {
		e.sawf("%s: panic %v", what, p.Value)
	} else {
		e.sawf("%s: %v", what, err)
	}
	return err
}

// step is a part of a random program.
type step func(e *things, ctx context.Context) error

// author writes random programs.
type author struct {
	*rand.Rand

	kinds []func(a *author, depth int) step // what this program is made of: few kinds meet more often
	tasks int
	left  int  // steps that may still be written
	bare  bool // one of them uses something without a ctx
}

func (a *author) block(depth, n int) step {
	var list []step
	for range n {
		if a.left == 0 {
			break
		}
		a.left--
		list = append(list, a.kinds[a.IntN(len(a.kinds))](a, depth))
	}
	return func(e *things, ctx context.Context) error {
		for _, st := range list {
			if err := st(e, ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

// inner is what stands inside a step.
func (a *author) inner(depth int) step {
	if depth >= 2 {
		return func(*things, context.Context) error { return nil }
	}
	return a.block(depth+1, 1+a.IntN(2))
}

// quiet goes on after an error, half the time.
func (a *author) quiet(st step) step {
	if a.IntN(2) == 0 {
		return st
	}
	return func(e *things, ctx context.Context) error { _ = st(e, ctx); return nil }
}

var errRandom = errors.New("random")

// locked is a step between taking something and giving it back.
func locked(name string, lock func(e *things, ctx context.Context) error, unlock func(e *things, ctx context.Context)) func(a *author, depth int) step {
	return func(a *author, depth int) step {
		in := a.inner(depth)
		return a.quiet(func(e *things, ctx context.Context) error {
			if err := lock(e, ctx); err != nil {
				return e.err(name, err)
			}
			defer unlock(e, ctx)
			return in(e, ctx)
		})
	}
}

// tried is locked for what may be refused.
func tried(name string, lock func(e *things, ctx context.Context) bool, unlock func(e *things, ctx context.Context)) func(a *author, depth int) step {
	return func(a *author, depth int) step {
		a.bare = true
		in := a.inner(depth)
		return func(e *things, ctx context.Context) error {
			ok := lock(e, ctx)
			e.sawf("%s %v", name, ok)
			if !ok {
				return nil
			}
			defer unlock(e, ctx)
			return in(e, ctx)
		}
	}
}

// simple is a step without parts, made anew for each place with two random numbers.
func simple(f func(e *things, ctx context.Context, i, k int) error) func(a *author, depth int) step {
	return func(a *author, _ int) step {
		i, k := a.IntN(2), 1+a.IntN(3)
		return a.quiet(func(e *things, ctx context.Context) error { return f(e, ctx, i, k) })
	}
}

// bare is simple for what is used without a ctx.
func bare(f func(e *things, i, k int)) func(a *author, depth int) step {
	return func(a *author, _ int) step {
		a.bare = true
		i, k := a.IntN(2), 1+a.IntN(3)
		return func(e *things, _ context.Context) error { f(e, i, k); return nil }
	}
}

// stepKinds is all that random programs are made of.
var stepKinds = []func(a *author, depth int) step{
	simple(func(e *things, ctx context.Context, i, k int) error { e.vars[i].Store(ctx, k); return nil }),
	simple(func(e *things, ctx context.Context, i, _ int) error {
		e.sawf("var %d", e.vars[i].Load(ctx))
		return nil
	}),
	simple(func(e *things, ctx context.Context, i, _ int) error { // check, then act
		if v := e.vars[i].Load(ctx); v < 2 {
			e.vars[i].Store(ctx, v+1)
		}
		return nil
	}),
	simple(func(_ *things, ctx context.Context, _, _ int) error { return braid.Yield(ctx) }),
	simple(func(e *things, ctx context.Context, _, _ int) error { return e.err("ctx", ctx.Err()) }),
	simple(func(e *things, ctx context.Context, _, k int) error {
		return e.err("sleep", braid.Sleep(ctx, time.Duration(k)*time.Second))
	}),
	simple(func(e *things, ctx context.Context, _, _ int) error { e.sawf("time %v", braid.Time(ctx)); return nil }),
	simple(func(e *things, _ context.Context, _, _ int) error { e.sawf("now %v", e.s.Now()); return nil }),
	simple(func(_ *things, ctx context.Context, _, _ int) error { sim.Point(ctx, "x"); return nil }),

	locked("sem", func(e *things, ctx context.Context) error { return e.sems[0].Acquire(ctx, 1) }, func(e *things, _ context.Context) { e.sems[0].Release(1) }),
	locked("sem of 2", func(e *things, ctx context.Context) error { return e.sems[1].Acquire(ctx, 2) }, func(e *things, _ context.Context) { e.sems[1].Release(2) }),
	locked("sem of 1", func(e *things, ctx context.Context) error { return e.sems[1].Acquire(ctx, 1) }, func(e *things, _ context.Context) { e.sems[1].Release(1) }),
	locked("mutex", func(e *things, ctx context.Context) error { return e.mutexes[0].Lock(ctx) }, func(e *things, _ context.Context) { e.mutexes[0].Unlock() }),
	locked("mutex 2", func(e *things, ctx context.Context) error { return e.mutexes[1].Lock(ctx) }, func(e *things, _ context.Context) { e.mutexes[1].Unlock() }),
	locked("rw", func(e *things, ctx context.Context) error { return e.rw.Lock(ctx) }, func(e *things, _ context.Context) { e.rw.Unlock() }),
	locked("rw for reading", func(e *things, ctx context.Context) error { return e.rw.RLock(ctx) }, func(e *things, _ context.Context) { e.rw.RUnlock() }),
	locked("limiter", func(e *things, ctx context.Context) error { return e.lim.Acquire(ctx) }, func(e *things, ctx context.Context) { e.lim.Release(ctx) }),
	tried("sem", func(e *things, _ context.Context) bool { return e.sems[0].TryAcquire(1) }, func(e *things, _ context.Context) { e.sems[0].Release(1) }),
	tried("mutex", func(e *things, _ context.Context) bool { return e.mutexes[0].TryLock() }, func(e *things, _ context.Context) { e.mutexes[0].Unlock() }),
	tried("rw", func(e *things, _ context.Context) bool { return e.rw.TryLock() }, func(e *things, _ context.Context) { e.rw.Unlock() }),
	tried("limiter", func(e *things, ctx context.Context) bool { return e.lim.TryAcquire(ctx) }, func(e *things, ctx context.Context) { e.lim.Release(ctx) }),

	bare(func(e *things, _, _ int) { e.event.Set() }),
	bare(func(e *things, _, _ int) { e.event.Clear() }),
	bare(func(e *things, _, _ int) { e.sawf("set %v", e.event.IsSet()) }),
	simple(func(e *things, ctx context.Context, _, _ int) error { return e.err("event", e.event.Wait(ctx)) }),
	simple(func(e *things, ctx context.Context, _, _ int) error {
		if err := e.mutexes[0].Lock(ctx); err != nil {
			return err
		}
		defer e.mutexes[0].Unlock()
		return e.err("cond", e.cond.Wait(ctx))
	}),
	bare(func(e *things, i, _ int) {
		if i == 0 {
			e.cond.Notify(1)
		} else {
			e.cond.NotifyAll()
		}
	}),
	simple(func(e *things, ctx context.Context, _, _ int) error {
		i, err := e.barrier.Wait(ctx)
		e.sawf("arrived as %d", i)
		return e.err("barrier", err)
	}),
	bare(func(e *things, i, _ int) {
		if i == 0 {
			e.barrier.Abort()
		} else {
			e.barrier.Reset()
		}
	}),
	bare(func(e *things, _, _ int) { e.sawf("broken %v", e.barrier.Broken()) }),

	simple(func(e *things, ctx context.Context, i, k int) error { return e.err("put", e.queues[i].Put(ctx, k)) }),
	simple(func(e *things, ctx context.Context, i, _ int) error {
		v, err := e.queues[i].Get(ctx)
		e.sawf("got %d", v)
		return e.err("get", err)
	}),
	bare(func(e *things, i, k int) { e.sawf("put %v", e.queues[i].TryPut(k)) }),
	bare(func(e *things, i, _ int) {
		v, ok := e.queues[i].TryGet()
		e.sawf("got %d %v", v, ok)
	}),
	bare(func(e *things, i, _ int) { e.sawf("len %d", e.queues[i].Len()) }),
	bare(func(e *things, i, k int) {
		e.sawf("left %v", e.queues[i].Shutdown([...]braid.ShutdownMode{braid.Drain, braid.Now}[k%2]))
	}),
	simple(func(e *things, ctx context.Context, i, _ int) error { return e.err("join", e.queues[i].Join(ctx)) }),

	bare(func(e *things, i, k int) {
		if i == 0 {
			e.sawf("resolve %v", e.promise.Resolve(k))
		} else {
			e.sawf("reject %v", e.promise.Reject(errRandom))
		}
	}),
	simple(func(e *things, ctx context.Context, _, _ int) error {
		v, err := e.promise.Future().Wait(ctx)
		e.sawf("promised %d", v)
		return e.err("promise", err)
	}),
	bare(func(e *things, _, _ int) {
		v, err := e.promise.Future().Result()
		e.sawf("promised %d", v)
		_ = e.err("result", err)
	}),
	simple(func(e *things, ctx context.Context, _, _ int) error {
		v, err := e.once.Get(ctx)
		e.sawf("once %d", v)
		return e.err("once", err)
	}),

	func(a *author, depth int) step {
		d, in := time.Duration(1+a.IntN(2))*time.Second, a.inner(depth)
		return a.quiet(func(e *things, ctx context.Context) error {
			return e.err("timeout", braid.Timeout(ctx, d, func(ctx context.Context) error { return in(e, ctx) }))
		})
	},
	func(a *author, depth int) step {
		in := a.inner(depth)
		return a.quiet(func(e *things, ctx context.Context) error {
			return e.err("shield", braid.Shield(ctx, time.Hour, func(ctx context.Context) error { return in(e, ctx) }))
		})
	},
	func(a *author, depth int) step {
		in := a.inner(depth)
		return func(e *things, ctx context.Context) error { return in(e, context.WithoutCancel(ctx)) }
	},
	func(a *author, depth int) step { // a scope of its own
		parts := []step{a.inner(depth), a.inner(depth)}[:1+a.IntN(2)]
		after := a.inner(depth + 1)
		var opts []braid.RunOption
		switch a.IntN(4) {
		case 0:
			opts = append(opts, braid.Limit(1))
		case 1:
			opts = append(opts, braid.KeepGoing())
		case 2:
			opts = append(opts, braid.OnPanic(braid.AsError))
		}
		cancel, known := a.IntN(4) == 0, a.IntN(3) == 0
		if a.IntN(3) == 0 {
			parts = nil
		}
		return a.quiet(func(e *things, ctx context.Context) error {
			return e.err("run", braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				if known {
					sim.Touch(ctx, &e.inner, sim.Writing)
					e.inner = g
				}
				for _, p := range parts {
					g.Go(func(ctx context.Context) error { return p(e, ctx) })
				}
				if cancel {
					g.Cancel(nil)
				}
				return after(e, ctx)
			}, opts...))
		})
	},
	func(a *author, depth int) step { // a child of the scope of all
		in, how := a.inner(depth), a.IntN(4)
		return a.quiet(func(e *things, ctx context.Context) error {
			fn := func(ctx context.Context) error { return in(e, ctx) }
			switch how {
			case 0:
				return e.err("child", e.group.Go(fn).Wait(ctx))
			case 1:
				e.group.Go(fn)
			case 2:
				_, ok := e.group.TryGo(fn)
				e.sawf("try %v", ok)
			case 3:
				h, err := e.group.GoWait(ctx, fn)
				if err != nil {
					return e.err("wait for a slot", err)
				}
				return e.err("child", h.Wait(ctx))
			}
			return nil
		})
	},
	simple(func(e *things, ctx context.Context, i, _ int) error {
		sim.Touch(ctx, &e.future, sim.Reading)
		f := e.future
		if f == nil {
			return nil
		}
		if i == 0 {
			f.Cancel(errRandom)
			return nil
		}
		v, err := f.Wait(ctx)
		e.sawf("submitted by another: %d", v)
		return e.err("future", err)
	}),
	func(a *author, depth int) step { // the scope of a sibling
		in, how := a.inner(depth), a.IntN(4)
		return func(e *things, ctx context.Context) error {
			sim.Touch(ctx, &e.inner, sim.Reading)
			g := e.inner
			if g == nil {
				return nil
			}
			if how&1 == 0 {
				g.TryGo(func(ctx context.Context) error { return in(e, ctx) })
			}
			if how&2 == 0 {
				g.Cancel(errRandom)
			}
			return nil
		}
	},
	func(a *author, _ int) step { // a sibling
		i, how := a.IntN(a.tasks), a.IntN(3)
		return a.quiet(func(e *things, ctx context.Context) error {
			sim.Touch(ctx, e, sim.Reading)
			if i >= len(e.handles) {
				return nil
			}
			switch h := e.handles[i]; how {
			case 0:
				h.Cancel(errRandom)
			case 1:
				return e.err("sibling", h.Wait(ctx))
			default:
				if braid.Current(ctx) != h {
					h.Cancel(nil)
					return e.err("sibling", h.Wait(ctx))
				}
			}
			return nil
		})
	},
	func(a *author, depth int) step {
		x, y, how := a.inner(depth), a.inner(depth), a.IntN(4)
		return a.quiet(func(e *things, ctx context.Context) error {
			fx := func(ctx context.Context) (int, error) { return 1, x(e, ctx) }
			fy := func(ctx context.Context) (int, error) { return 2, y(e, ctx) }
			switch how {
			case 0:
				v, err := braid.Gather(ctx, fx, fy)
				e.sawf("%v", v)
				return e.err("gather", err)
			case 1:
				v, err := braid.First(ctx, fx, fy)
				e.sawf("%v", v)
				return e.err("first", err)
			case 2:
				v, err := braid.FirstSuccess(ctx, fx, fy)
				e.sawf("%v", v)
				return e.err("first success", err)
			default:
				for v, err := range braid.AsCompleted(ctx, fx, fy) {
					e.sawf("%v", v)
					if err != nil {
						return e.err("completed", err)
					}
				}
				return nil
			}
		})
	},
	func(a *author, depth int) step {
		x, y := a.inner(depth), a.inner(depth)
		return a.quiet(func(e *things, ctx context.Context) error {
			v, err := braid.Start(ctx, e.group, func(ctx context.Context, ready func(int)) error {
				if err := x(e, ctx); err != nil {
					return err
				}
				ready(3)
				return y(e, ctx)
			})
			e.sawf("started %d", v)
			return e.err("start", err)
		})
	},
	func(a *author, depth int) step {
		in, how := a.inner(depth), a.IntN(2)
		return a.quiet(func(e *things, ctx context.Context) error {
			if how == 0 {
				return e.err("portal", e.portal.Do(ctx, func(ctx context.Context) error { return in(e, ctx) }))
			}
			f := braid.Submit(e.portal, func(ctx context.Context) (int, error) { return 4, in(e, ctx) })
			sim.Touch(ctx, &e.future, sim.Writing)
			e.future = f
			v, err := f.Wait(ctx)
			e.sawf("submitted %d", v)
			return e.err("submit", err)
		})
	},
	func(a *author, depth int) step {
		in := a.inner(depth)
		return a.quiet(func(e *things, ctx context.Context) error {
			v, err := braid.Abandon(ctx, func(ctx context.Context) (int, error) { return 5, in(e, ctx) }, func(int) { e.sawf("disposed of") })
			e.sawf("not abandoned %d", v)
			return e.err("abandon", err)
		})
	},
	func(a *author, depth int) step {
		x, y := a.inner(depth), a.inner(depth)
		return a.quiet(func(e *things, ctx context.Context) error {
			return e.err("using", braid.Using(ctx, func(ctx context.Context) (int, error) { return 7, x(e, ctx) },
				func(context.Context, int) error { e.sawf("released"); return nil },
				func(ctx context.Context, _ int) error { return y(e, ctx) }))
		})
	},
	func(a *author, depth int) step {
		x, y := a.inner(depth), a.inner(depth)
		return a.quiet(func(e *things, ctx context.Context) error {
			return e.err("stack", braid.WithExitStack(ctx, time.Hour, func(ctx context.Context, st *braid.ExitStack) error {
				st.Push(func(ctx context.Context) error { return y(e, ctx) })
				return x(e, ctx)
			}))
		})
	},
	func(a *author, depth int) step {
		in, ticks := a.inner(depth), 1+a.IntN(2)
		return a.quiet(func(e *things, ctx context.Context) error {
			n := 0
			return e.err("every", braid.Every(ctx, time.Second, func(ctx context.Context) error {
				if n++; n > ticks {
					return errRandom
				}
				return in(e, ctx)
			}))
		})
	},
	func(a *author, depth int) step {
		x, y, how := a.inner(depth), a.inner(depth), a.IntN(2)
		return a.quiet(func(e *things, ctx context.Context) error {
			each := braid.Map[step, int]
			if how == 0 {
				each = braid.MapUnordered[step, int]
			}
			for v, err := range each(ctx, slices.Values([]step{x, y}), 1+how, func(ctx context.Context, st step) (int, error) { return 8, st(e, ctx) }) {
				e.sawf("mapped %d", v)
				if err != nil {
					return e.err("map", err)
				}
			}
			return nil
		})
	},
	func(a *author, depth int) step { // a scope that is not waited for as long as it takes, and a task with a limit
		x, y := a.inner(depth), a.inner(depth)
		return a.quiet(func(e *things, ctx context.Context) error {
			return e.err("grace", braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error { return x(e, ctx) }, braid.TaskTimeout(time.Second))
				g.Go(func(ctx context.Context) error { return y(e, context.WithoutCancel(ctx)) })
				return nil
			}, braid.Grace(time.Second), braid.OnStuck(func(*braid.StuckError) { e.sawf("stuck") }), braid.OnNotStarted(func(*braid.Handle) { e.sawf("not started") }),
				braid.PanicHook(func(*braid.PanicError) { e.sawf("panic") })))
		})
	},
	func(a *author, depth int) step {
		x, y := a.inner(depth), a.inner(depth)
		return a.quiet(func(e *things, ctx context.Context) error {
			return e.err("deadline", braid.Deadline(ctx, e.s.Now().Add(time.Second), func(ctx context.Context) error {
				if err := x(e, ctx); err != nil {
					return err
				}
				return y(e, ctx)
			}))
		})
	},
	simple(func(e *things, ctx context.Context, i, k int) error {
		p := e.queues[i].Producer()
		defer p.Close()
		return e.err("produce", p.Put(ctx, k))
	}),
	simple(func(e *things, ctx context.Context, _, k int) error {
		if sim.Fault(ctx, "f") {
			e.sawf("fault %d", k)
		}
		return nil
	}),
	simple(func(e *things, _ context.Context, _, k int) error { e.sawf("drawn %d", e.s.IntN(k)); return nil }),
	simple(func(e *things, _ context.Context, i, _ int) error {
		if i == 0 {
			e.group.Cancel(nil)
		} else {
			e.group.Cancel(errRandom)
		}
		return nil
	}),
	simple(func(_ *things, _ context.Context, i, k int) error { return fmt.Errorf("%w %d", errRandom, i+2*k) }),
	simple(func(_ *things, _ context.Context, i, _ int) error { panic(fmt.Sprint("random ", i)) }),
	simple(func(_ *things, _ context.Context, _, _ int) error { runtime.Goexit(); return nil }),
}

// randomProgram writes the program of a seed.
func randomProgram(seed uint64) func(*sim.T) {
	a := &author{Rand: rand.New(rand.NewPCG(seed, 4)), left: 2 + int(seed%5)}
	for range 2 + a.IntN(3) {
		a.kinds = append(a.kinds, stepKinds[a.IntN(len(stepKinds))])
	}
	a.tasks = 2 + a.IntN(2)
	var parts []step
	for range a.tasks {
		parts = append(parts, a.block(0, 1+a.IntN(6-2*(a.tasks-1))))
	}
	once, body := a.inner(1), a.inner(1)
	if a.IntN(2) == 0 {
		body = func(*things, context.Context) error { return nil }
	}
	introduce := a.bare || a.IntN(2) == 0 // operations without a ctx have no point before
	var opts []braid.RunOption
	switch a.IntN(6) {
	case 0:
		opts = append(opts, braid.Limit(1))
	case 1:
		opts = append(opts, braid.Limit(2))
	case 2:
		opts = append(opts, braid.KeepGoing())
	case 3:
		opts = append(opts, braid.OnPanic(braid.AsError))
	}
	return func(s *sim.T) {
		e := &things{
			s: s, rw: &braid.RWMutex{}, lim: braid.NewLimiter("limiter", 1), event: &braid.Event{}, barrier: braid.NewBarrier(2), promise: &braid.Promise[int]{},
			vars:    [2]*sim.Var[int]{sim.NewVar("v", 0), sim.NewVar("w", 0)},
			sems:    [2]*braid.Semaphore{braid.NewSemaphore(1), braid.NewSemaphore(2)},
			mutexes: [2]*braid.Mutex{{}, {}},
			queues:  [2]*braid.Queue[int]{braid.NewQueue[int](0), braid.NewQueue[int](1)},
		}
		e.cond = braid.NewCond(e.mutexes[0])
		e.once = braid.NewOnceValue(func(ctx context.Context) (int, error) { return 6, once(e, ctx) })
		if introduce {
			known(s, e.rw, e.lim, e.event, e.barrier, e.promise.Future(), e.sems[0], e.sems[1], e.mutexes[0], e.mutexes[1], e.queues[0], e.queues[1], e.cond)
		}
		err := braid.Run(s.Context(), func(ctx context.Context, g *braid.Group) error {
			sim.Touch(ctx, e, sim.Writing)
			e.group, e.portal = g, braid.NewPortal(g)
			e.handles = nil
			for i, p := range parts {
				h := g.Go(func(ctx context.Context) error { return p(e, ctx) }, braid.Name(fmt.Sprint("t", i)))
				sim.Touch(ctx, e, sim.Writing)
				e.handles = append(e.handles, h)
			}
			return body(e, ctx)
		}, opts...)
		_ = e.err("all", err)
	}
}

// randomOptions are for the program of a seed.
func randomOptions(seed uint64) []sim.Option {
	var opts []sim.Option
	if seed%3 == 0 {
		opts = append(opts, sim.AllowLeft())
	}
	if n := seed / 3 % 5; n < 2 {
		opts = append(opts, sim.Advances(int(n)))
	}
	return opts
}

// A reduced search comes to all outcomes of the full one, and to no others, whatever the program.
func TestReducedSearchOfRandomPrograms(t *testing.T) {
	t.Parallel()
	programs, limit := 700, 600
	switch {
	case long:
		programs, limit = 10_000, 5000
	case testing.Short() && sim.RaceBackend:
		programs, limit = 80, 200
	case testing.Short():
		programs, limit = 200, 400
	}
	compared, larger := 0, 0
	for seed := range uint64(programs) {
		prog := randomProgram(seed)
		full := sim.Cover(t, prog, limit, false, "", randomOptions(seed)...)
		if !full.Complete {
			larger++
			continue
		}
		compared++
		got := sim.Cover(t, prog, 10*limit, true, "", randomOptions(seed)...)
		if !got.Complete {
			t.Errorf("seed %d: cut at %d, and the full search at %d: %s", seed, got.Schedules+got.GivenUp, full.Schedules, got.How)
			continue
		}
		missed, other := 0, 0
		for key := range full.Outcomes {
			if got.Outcomes[key] == 0 {
				missed++
			}
		}
		for key := range got.Outcomes {
			if full.Outcomes[key] == 0 {
				other++
			}
		}
		if missed+other > 0 {
			t.Errorf("seed %d: of %d outcomes of the full search the reduced one misses %d, and comes to %d others; %d schedules and %d given up, and the full search has %d",
				seed, len(full.Outcomes), missed, other, got.Schedules, got.GivenUp, full.Schedules)
		}
	}
	t.Logf("%d programs compared, %d too large", compared, larger)
	if compared < programs/4 {
		t.Errorf("only %d of %d programs could be compared", compared, programs)
	}
}
