package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/loop"
)

// The loop beside asyncio, uvloop and trio, and beside plain goroutines on one processor.

// loopWork is one kind of work, done by all sides in turn.
type loopWork struct {
	name   string // as in peers.py
	title  string
	unit   string
	goOps  int                                    // operations a round for the sides in Go
	pyOps  int                                    // and for those in Python
	loop   func(ctx context.Context, n int) error // runs as the body of a loop
	eager  bool                                   // measure an eager loop too
	bare   func(n int)                            // the same on goroutines; may be nil
	bounds func(all map[string][]sample, r *row)  // for the row beside the given peer
	peers  []string                               // in Python
}

const (
	onLoop  = "loop"
	onEager = "loop, eager"
	bareGo  = "goroutines"
)

func loops() []benchmark {
	var list []benchmark
	for _, w := range loopWorks() {
		list = append(list, benchmark{"loop/" + w.name, w.run})
	}
	return append(list, benchmark{"loop/echo", loopEcho}, benchmark{"loop/connections", loopConnections})
}

func loopWorks() []loopWork {
	python := []string{asyncio, uvloop, trio}
	return []loopWork{
		{
			name: "switch", title: "loop: 10 tasks that yield", unit: "a switch", goOps: 1_000_000, pyOps: 100_000,
			loop: loopSwitch, bare: bareSwitch, peers: python,
			bounds: func(all map[string][]sample, r *row) {
				switch r.Peer {
				case bareGo:
					r.check(least(all, onLoop) <= 120, "120 ns")
					r.check(median(figures(all[onLoop], sample.allocsPerOp)) <= slack, "0 allocs")
				case uvloop:
					r.check(r.CPURatio <= 1.0/8, "1/8 x")
				}
			},
		},
		{
			name: "spawn", title: "loop: spawn+join of 1,000 tasks", unit: "a task", goOps: 300_000, pyOps: 30_000,
			loop: loopSpawn, eager: true, bare: bareSpawn, peers: python,
			bounds: func(all map[string][]sample, r *row) {
				if r.Peer != bareGo {
					return
				}
				if r.Subject == onEager {
					r.check(least(all, r.Subject) <= 250, "250 ns")
					return
				}
				r.check(least(all, onLoop) <= 600, "600 ns")
				r.check(least(all, onLoop) <= least(all, coroutine)+100, "a coroutine's creation + 100 ns")
			},
		},
		{
			name: "queue", title: "loop: queue of 50, 1 producer, 10 consumers", unit: "an item", goOps: 300_000, pyOps: 50_000,
			loop: loopQueue, peers: python, bounds: tenth,
		},
		{
			name: "semaphore", title: "loop: semaphore, 100 tasks on 10 permits, a holder yields", unit: "an acquire", goOps: 300_000, pyOps: 50_000,
			loop: loopSemaphore, peers: python, bounds: tenth,
		},
		{
			name: "timers", title: "loop: 1,000,000 timers, each added and cancelled", unit: "a timer", goOps: 1_000_000, pyOps: 1_000_000,
			loop: loopTimers, peers: python[:2],
			bounds: func(all map[string][]sample, r *row) {
				if r.Peer == asyncio {
					r.check(least(all, onLoop) <= 1000, "500 ns + 500 ns")
				}
			},
		},
	}
}

// tenth is the bound of what must be ten times as fast as asyncio.
func tenth(_ map[string][]sample, r *row) {
	if r.Peer == asyncio {
		r.check(r.CPURatio <= 0.1, "1/10 x")
	}
}

// least is the median cost of a side: of wall time, or of processor time if others have used the machine.
func least(all map[string][]sample, side string) float64 {
	return min(median(figures(all[side], sample.wallNS)), median(figures(all[side], sample.cpuNS)))
}

// coroutine is the side that only makes and ends coroutines, one for each task of a crowd.
const coroutine = "coroutine"

func (w loopWork) run(ctx context.Context, c config) ([]row, error) {
	py, clean, err := findPython(ctx)
	if err != nil {
		return nil, err
	}
	defer clean()
	sides := map[string]func() (sample, error){
		onLoop: func() (sample, error) { return w.onLoop(ctx) },
	}
	order := []string{onLoop}
	add := func(name string, f func() (sample, error)) {
		sides[name] = f
		order = append(order, name)
	}
	if w.eager {
		add(onEager, func() (sample, error) { return w.onLoop(ctx, loop.Eager()) })
		add(coroutine, func() (sample, error) { return alone(w.goOps, bareCoroutines) })
	}
	if w.bare != nil {
		add(bareGo, func() (sample, error) { return alone(w.goOps, w.bare) })
	}
	for _, p := range w.peers {
		if py.has(p) {
			add(p, func() (sample, error) { return py.work(ctx, p, w.name, w.pyOps) })
		}
	}
	all := map[string][]sample{}
	for round := range c.children {
		for k := range order {
			name := order[(k+round)%len(order)]
			x, err := sides[name]()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			all[name] = append(all[name], x)
		}
	}
	var rows []row
	for _, subject := range order {
		if subject != onLoop && subject != onEager {
			continue
		}
		for _, peer := range order {
			if peer != onLoop && peer != onEager {
				rows = append(rows, w.row(all, subject, peer))
			}
		}
	}
	if note := py.missing(); note != "" && len(rows) > 0 {
		rows[0].Note = note
	}
	return rows, nil
}

func (w loopWork) row(all map[string][]sample, subject, peer string) row {
	xs, ys := all[subject], all[peer]
	r := row{Benchmark: w.title, Unit: "ns " + w.unit, Subject: subject, Peer: peer}
	r.compare(figures(xs, sample.wallNS), figures(ys, sample.wallNS))
	r.CPU, r.PeerCPU = median(figures(xs, sample.cpuNS)), median(figures(ys, sample.cpuNS))
	r.CPURatio = median(pairwise(figures(xs, sample.cpuNS), figures(ys, sample.cpuNS)))
	allocs := median(figures(xs, sample.allocsPerOp))
	r.Allocs = &allocs
	if w.bounds != nil {
		w.bounds(all, &r)
	}
	return r
}

func (w loopWork) onLoop(ctx context.Context, opts ...loop.Option) (x sample, err error) {
	opts = append(opts, loop.OnSlow(func(loop.Slow) {})) // the watchdog is on, as always; that the works hold the loop is no news
	err = loop.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
		_ = w.loop(ctx, w.goOps/10) // warms up
		x, err = measure(ctx, side{run: w.loop}, w.goOps)
		return err
	}, opts...)
	return x, err
}

// alone measures a side in Go on one processor, as a loop has it.
func alone(n int, f func(n int)) (sample, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	f(n / 10)
	return measure(context.Background(), side{run: func(context.Context, int) error {
		f(n)
		return nil
	}}, n)
}

func loopSwitch(ctx context.Context, n int) error {
	return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
		for range 10 {
			g.Go(func(ctx context.Context) error {
				for range n / 10 {
					if err := braid.Yield(ctx); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return nil
	})
}

func bareSwitch(n int) {
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for range n / 10 {
				runtime.Gosched()
			}
		})
	}
	wg.Wait()
}

func loopSpawn(ctx context.Context, n int) error { return crowds(spawnBraid)(ctx, n) }

func bareSpawn(n int) { _ = crowds(spawnBare)(context.Background(), n) }

func loopQueue(ctx context.Context, n int) error {
	return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		q := braid.NewQueue[int](50)
		for range 10 {
			g.Go(func(ctx context.Context) error {
				for _, err := range q.All(ctx) {
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
		for i := range n {
			if err := q.Put(ctx, i); err != nil {
				return err
			}
		}
		q.Shutdown(braid.Drain)
		return nil
	})
}

func loopSemaphore(ctx context.Context, n int) error {
	return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
		s := braid.NewSemaphore(10)
		for range 100 {
			g.Go(func(ctx context.Context) error {
				for range n / 100 {
					if err := s.Acquire(ctx, 1); err != nil {
						return err
					}
					if err := braid.Yield(ctx); err != nil {
						return err
					}
					s.Release(1)
				}
				return nil
			})
		}
		return nil
	})
}

func loopTimers(ctx context.Context, n int) error {
	l := loop.Current(ctx)
	nothing := func() {}
	calls := make([]*loop.Callback, n)
	for i := range calls {
		calls[i] = l.CallLater(time.Hour+time.Duration(i*7919%1_000_000)*time.Millisecond, nothing)
	}
	for _, c := range calls {
		c.Cancel()
	}
	return nil
}
