package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/inspect"
	"github.com/braid-go/braid/internal/record"
)

// What the inspector costs: a program that nobody looks at, one that somebody follows, and looks at many tasks.
//
// The inspector is linked into this program. Whether it is there is one variable, which tasks read and nobody writes once they run;
// all other measurements, and the sides without an inspector here, have it off. No task runs while it is changed.
func init() { record.On = false } //nolint:gochecknoinits // before any task, as in a program without an inspector

func inspects() []benchmark {
	return []benchmark{
		{"inspect/spawn", overhead("spawn+join of 1,000 tasks, inspected", "a task", crowd, crowds(spawnBraid)).run},
		{"inspect/semaphore", overhead("semaphore, 100 tasks on 10 permits, inspected", "an acquire", 100, contended("", false)).run},
		{"inspect/semaphore/yielding", overhead("the same, and a holder yields once", "an acquire", 100, contended("", true)).run},
		{"inspect/semaphore/named", overhead("the same, and the semaphore has a name", "an acquire", 100, contended("permits", true)).run},
		{"inspect/snapshot", snapshots},
		{"inspect/fold", folding},
		{"inspect/forever", forever},
		{"inspect/deadlock", named},
	}
}

func contended(name string, yield bool) func(context.Context, int) error {
	return func(ctx context.Context, n int) error {
		s := braid.NewSemaphore(permits)
		if name != "" {
			s.SetName(name)
		}
		return inBraid(ctx, 100, func(ctx context.Context) error { return useBraid(ctx, s, n/100, yield) })
	}
}

// overhead compares work without an inspector with the same under one that nobody asks, and under one that somebody follows.
func overhead(title, unit string, batch int, work func(context.Context, int) error) duel {
	return duel{
		title: title, unit: unit, batch: batch,
		sides: []side{
			{name: "no inspector", run: work},
			{name: "nobody attached", maxRatio: 1.03, run: work, around: func(ctx context.Context, f func() error) error {
				return inspected(ctx, func(*inspect.Inspector) error { return f() })
			}},
			{name: "attached", maxRatio: 1.15, run: work, around: func(ctx context.Context, f func() error) error {
				return inspected(ctx, func(in *inspect.Inspector) error { return followed(ctx, in, f) })
			}},
		},
	}
}

// inspected runs f beside an inspector with a socket.
func inspected(ctx context.Context, f func(*inspect.Inspector) error) (err error) {
	record.On = true
	defer func() { record.On = false }()
	dir, err := os.MkdirTemp("", "braid")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	in, err := inspect.Serve(ctx, inspect.Options{Dir: filepath.Join(dir, "run")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	return f(in)
}

// followed runs f while a client follows the events, as the console does.
func followed(ctx context.Context, in *inspect.Inspector, f func() error) error {
	c, err := inspect.Dial(ctx, in.Socket())
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, stop := context.WithCancel(ctx)
	attached, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		first := true
		for _, err := range c.Events(ctx, 0) {
			if err != nil {
				break
			}
			if first {
				first = false
				close(attached)
			}
		}
		if first {
			close(attached)
		}
	}()
	<-attached
	err = f()
	stop()
	<-done
	return err
}

// parked runs f while n tasks wait, in 100 groups.
func parked(ctx context.Context, n int, f func(ctx context.Context, g *braid.Group) error) error {
	return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		var waiting atomic.Int64
		all := make(chan struct{})
		never := &braid.Event{}
		for range 100 {
			g.Go(func(ctx context.Context) error {
				return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
					for range n / 100 {
						g.Go(func(ctx context.Context) error {
							if waiting.Add(1) == int64(n/100*100) {
								close(all)
							}
							return never.Wait(ctx)
						}, braid.Name("waiter"))
					}
					return nil
				}, braid.Name("group"))
			})
		}
		<-all
		defer g.Cancel(nil)
		return f(ctx, g)
	}, braid.Name("parked"))
}

// snapshots says what a look at many tasks costs, and how long it holds up others:
// meanwhile one task starts others in the same scopes, without a pause, and notes the longest time that one took.
func snapshots(ctx context.Context, c config) ([]row, error) {
	var took, memory, pause, calm, page []float64
	err := inspected(ctx, func(in *inspect.Inspector) error {
		return parked(ctx, c.idlers, func(ctx context.Context, g *braid.Group) error {
			client, err := inspect.Dial(ctx, in.Socket())
			if err != nil {
				return err
			}
			defer client.Close()
			for range c.children {
				calm = append(calm, ms(longest(g, func() { time.Sleep(100 * time.Millisecond) }))) //nolint:forbidigo // the time without a look
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				var s *inspect.Snapshot
				pause = append(pause, ms(longest(g, func() {
					begin := time.Now()
					s = inspect.Take()
					took = append(took, ms(time.Since(begin)))
				})))
				runtime.ReadMemStats(&after)
				memory = append(memory, float64(after.TotalAlloc-before.TotalAlloc)/(1<<20))
				if len(s.Tasks) < c.idlers {
					return fmt.Errorf("a snapshot of %d tasks has %d", c.idlers, len(s.Tasks))
				}
				begin := time.Now()
				if err := client.Get(ctx, "tasks", url.Values{"fresh": {"1"}}, true, io.Discard); err != nil {
					return err
				}
				page = append(page, ms(time.Since(begin)))
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	title := fmt.Sprintf("a look at %s tasks", thousands(c.idlers))
	figure := func(subject, unit string, xs []float64, bound float64) row {
		r := row{Benchmark: title, Unit: unit, Subject: subject}
		r.compare(xs, nil)
		r.check(r.Value <= bound, fmt.Sprintf("%.0f %s", bound, unit[:2]))
		return r
	}
	hold := figure("the longest that a task waited to start another", "ms", pause, 5)
	hold.Note = digits(median(calm)) + " ms without a look"
	return []row{
		figure("a snapshot", "ms", took, 150),
		figure("memory for it, garbage included", "MiB", memory, 100),
		hold,
		figure("braid ps, the first page, over the socket", "ms", page, 50),
	}, nil
}

func ms(d time.Duration) float64 { return float64(d) / 1e6 }

func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

// longest starts tasks without a pause while f runs, and returns the longest time that one start took.
func longest(g *braid.Group, f func()) (worst time.Duration) {
	var over atomic.Bool
	begun, done := make(chan struct{}), make(chan struct{})
	g.Go(func(ctx context.Context) error {
		defer close(done)
		for n := 0; !over.Load() && ctx.Err() == nil; n++ {
			if n == 1 {
				close(begun)
			}
			begin := time.Now()
			h := g.Go(func(context.Context) error { return nil })
			worst = max(worst, time.Since(begin))
			if err := h.Wait(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	<-begun
	f()
	over.Store(true)
	<-done
	return worst
}

// folding says how long the tree of a million tasks takes. They are queued, which costs a program less than waiting ones do,
// and the inspector as much.
func folding(ctx context.Context, c config) ([]row, error) {
	var took []float64
	err := inspected(ctx, func(in *inspect.Inspector) error {
		client, err := inspect.Dial(ctx, in.Socket())
		if err != nil {
			return err
		}
		defer client.Close()
		return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			defer g.Cancel(nil)
			never := &braid.Event{}
			for range c.tasks {
				g.Go(never.Wait, braid.Name("queued"))
			}
			for range (c.children + 2) / 3 {
				begin := time.Now()
				if err := client.Get(ctx, "tree", url.Values{"fold": {"1"}, "fresh": {"1"}}, true, io.Discard); err != nil {
					return err
				}
				took = append(took, time.Since(begin).Seconds())
			}
			return nil
		}, braid.Limit(100))
	})
	if err != nil {
		return nil, err
	}
	r := row{Benchmark: fmt.Sprintf("a look at %d tasks", c.tasks), Unit: "s", Subject: "braid tree, folded, over the socket"}
	r.compare(took, nil)
	r.check(r.Value <= 3, "3 s")
	return []row{r}, nil
}

// forever shows whether the inspector's memory grows with the tasks that have been.
func forever(ctx context.Context, c config) ([]row, error) {
	var all []growth
	for range (c.children + 3) / 4 {
		x, err := send[growth](ctx, "inspected", "attached", 10*c.tasks)
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	w := way{title: "braid.Map, and somebody follows", flat: true}
	r := w.row("heap and stacks", all, func(u usage) uint64 { return u.Go })
	r.Benchmark = fmt.Sprintf("%d short tasks, inspected: heap and stacks", 10*c.tasks)
	return []row{r}, nil
}

// inspectedChild is millionChild under an inspector that somebody follows.
func inspectedChild(ctx context.Context, _ string, n int) error {
	var x growth
	err := inspected(ctx, func(in *inspect.Inspector) error {
		return followed(ctx, in, func() error {
			return throughMap(ctx, n, func(done int) {
				if done%(n/100) == 0 {
					x.look(done*100/n, true)
				}
			})
		})
	})
	if err != nil {
		return err
	}
	return tell(x)
}

// named says how long it takes until a deadlock of five tasks is a finding:
// through a semaphore, two queues, a mutex, and one that waits for another to end.
func named(ctx context.Context, c config) ([]row, error) {
	var took []float64
	for range c.children {
		err := inspected(ctx, func(in *inspect.Inspector) error {
			return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				defer g.Cancel(nil)
				wedge(g)
				begin := time.Now()
				// Of the round before there may be an H1, until its semaphore is collected: whose task had the permit has been cancelled.
				isDeadlock := func(f inspect.Finding) bool { return f.Code == "D1" }
				for !slices.ContainsFunc(in.Findings(), isDeadlock) {
					if time.Since(begin) > 30*time.Second {
						return fmt.Errorf("a deadlock of five tasks was not named; there is %v", in.Findings())
					}
					if err := braid.Sleep(ctx, 5*time.Millisecond); err != nil {
						return err
					}
				}
				took = append(took, ms(time.Since(begin)))
				return nil
			})
		})
		if err != nil {
			return nil, err
		}
	}
	r := row{Benchmark: "a deadlock of five tasks", Unit: "ms until it is named", Subject: "inspect"}
	r.compare(took, nil)
	r.check(r.Value <= 2000, "2 s")
	return []row{r}, nil
}

// wedge starts five tasks of g that end up waiting for each other.
func wedge(g *braid.Group) {
	permit := braid.NewSemaphore(1)
	permit.SetName("permit")
	first, second := braid.NewQueue[int](1), braid.NewQueue[int](1)
	first.SetName("first")
	second.SetName("second")
	var lock braid.Mutex
	all := braid.NewBarrier(5)
	ready := func(ctx context.Context) error { _, err := all.Wait(ctx); return err }

	joined := g.Go(func(ctx context.Context) error {
		return inTurn(ctx, ready, lock.Lock)
	}, braid.Name("wants the lock"))
	g.Go(func(ctx context.Context) error {
		put := func(ctx context.Context) error { return first.Put(ctx, 1) }
		return inTurn(ctx, func(ctx context.Context) error { return permit.Acquire(ctx, 1) }, put, ready, put, put)
	}, braid.Name("puts with the permit"))
	g.Go(func(ctx context.Context) error {
		get := func(ctx context.Context) error { _, err := first.Get(ctx); return err }
		return inTurn(ctx, get, ready, joined.Wait)
	}, braid.Name("got, and joins"))
	g.Go(func(ctx context.Context) error {
		get := func(ctx context.Context) error { _, err := second.Get(ctx); return err }
		return inTurn(ctx, lock.Lock, get, ready, get)
	}, braid.Name("gets with the lock"))
	g.Go(func(ctx context.Context) error {
		put := func(ctx context.Context) error { return second.Put(ctx, 1) }
		return inTurn(ctx, put, ready, func(ctx context.Context) error { return permit.Acquire(ctx, 1) })
	}, braid.Name("put, and wants the permit"))
}

func inTurn(ctx context.Context, steps ...func(context.Context) error) error {
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}
