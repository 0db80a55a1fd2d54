package inspect

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/gen"
)

// Programs put together at random, of parts none of which can block for ever. Whatever they do at the same time, and at whatever moments one looks,
// there is no deadlock to be found in them.
//
// BRAID_INSPECT_STRESS=10m makes the search last so long; BRAID_INSPECT_SEED begins it with a program that has failed.

// part is one thing that a healthy program does. It sets up what it needs, starts tasks in g that go on until their ctx ends, and returns.
type part struct {
	name  string
	start func(g *braid.Group, r *rand.Rand)
}

// again calls f until ctx ends. f returns an error only because of that.
func again(f func(ctx context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for {
			if err := f(ctx); err != nil {
				return err
			}
			if err := braid.Yield(ctx); err != nil {
				return err
			}
		}
	}
}

// while calls f with what acquire has got, until it is released.
func while(ctx context.Context, acquire func(context.Context) error, release func(), f func() error) error {
	if err := acquire(ctx); err != nil {
		return err
	}
	defer release()
	return f()
}

// rest lets others run, or sleeps.
func rest(ctx context.Context, n int) error {
	if n%5 == 0 {
		return braid.Sleep(ctx, time.Duration(n)*10*time.Microsecond)
	}
	return braid.Yield(ctx)
}

// unless returns err, or why ctx ended if it has: a task that is not started any more is no failure then.
func unless(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// weighted gives a semaphore the form of a lock.
func weighted(s *braid.Semaphore, n int64) (func(context.Context) error, func()) {
	return func(ctx context.Context) error { return s.Acquire(ctx, n) }, func() { s.Release(n) }
}

var healthyParts = []part{
	{"ordered locks", func(g *braid.Group, r *rand.Rand) {
		var a, b braid.Mutex
		var c braid.RWMutex
		d := braid.NewSemaphore(int64(2 + r.IntN(3)))
		if r.IntN(2) == 0 {
			d.SetName("d")
			c.SetName("c")
		}
		for i := range 3 + r.IntN(6) {
			skip, write, n := r.IntN(8), r.IntN(3) == 0, int64(1+r.IntN(2))
			g.Go(again(func(ctx context.Context) error {
				acquire, release := weighted(d, n)
				shared, unshare := c.RLock, c.RUnlock
				if write {
					shared, unshare = c.Lock, c.Unlock
				}
				inner := func() error {
					return while(ctx, acquire, release, func() error { return while(ctx, shared, unshare, func() error { return rest(ctx, i) }) })
				}
				switch {
				case skip == 0:
					return inner()
				case skip < 4:
					return while(ctx, b.Lock, b.Unlock, inner)
				default:
					return while(ctx, a.Lock, a.Unlock, func() error { return while(ctx, b.Lock, b.Unlock, inner) })
				}
			}))
		}
	}},
	{"permits taken twice", func(g *braid.Group, r *rand.Rand) {
		tasks := 2 + r.IntN(3)
		s := braid.NewSemaphore(int64(2*tasks - 1)) // so one can always have its second
		s.SetName("twice")
		for i := range tasks {
			g.Go(again(func(ctx context.Context) error {
				acquire, release := weighted(s, 1)
				return while(ctx, acquire, release, func() error {
					if i%2 == 0 {
						if err := rest(ctx, i); err != nil {
							return err
						}
					}
					return while(ctx, acquire, release, func() error { return rest(ctx, 3*i) })
				})
			}))
		}
		g.Go(again(func(context.Context) error { // wants all of it; if it waited, those who have one would wait behind it for their second
			if n := int64(2*tasks - 1); s.TryAcquire(n) {
				s.Release(n)
			}
			return nil
		}))
	}},
	{"a holder that waits for tasks", func(g *braid.Group, _ *rand.Rand) {
		s := braid.NewSemaphore(3)
		s.SetName("kept")
		for i := range 3 {
			g.Go(again(func(ctx context.Context) error {
				acquire, release := weighted(s, 1)
				return while(ctx, acquire, release, func() error {
					return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
						g.Go(func(ctx context.Context) error { return rest(ctx, i) })
						return nil
					})
				})
			}))
			g.Go(again(func(ctx context.Context) error {
				acquire, release := weighted(s, 2)
				return while(ctx, acquire, release, func() error { return rest(ctx, i) })
			}))
		}
	}},
	{"permits handed on", func(g *braid.Group, _ *rand.Rand) {
		s := braid.NewSemaphore(2)
		s.SetName("handed on")
		full := braid.NewQueue[int](4)
		g.Go(again(func(ctx context.Context) error { // takes a permit for each item, which the other side gives back
			if err := s.Acquire(ctx, 1); err != nil {
				return err
			}
			return full.Put(ctx, 1)
		}))
		g.Go(again(func(ctx context.Context) error {
			if _, err := full.Get(ctx); err != nil {
				return err
			}
			defer s.Release(1)
			return braid.Yield(ctx)
		}))
	}},
	{"queues", func(g *braid.Group, r *rand.Rand) {
		jobs, answers := braid.NewQueue[int](r.IntN(3)), braid.NewQueue[int](r.IntN(3))
		if r.IntN(2) == 0 {
			jobs.SetName("jobs")
			answers.SetName("answers")
		}
		for range 1 + r.IntN(3) {
			g.Go(again(func(ctx context.Context) error { return jobs.Put(ctx, 1) }))
			g.Go(again(func(ctx context.Context) error {
				v, err := jobs.Get(ctx)
				if err != nil {
					return err
				}
				return answers.Put(ctx, v)
			}))
			g.Go(again(func(ctx context.Context) error { _, err := answers.Get(ctx); return err }))
		}
	}},
	{"polled queues", func(g *braid.Group, _ *rand.Rand) {
		q := braid.NewQueue[int](1)
		q.SetName("polled")
		g.Go(again(func(context.Context) error { q.TryPut(1); return nil }))
		g.Go(again(func(ctx context.Context) error { return q.Put(ctx, 2) }))
		g.Go(again(func(context.Context) error { q.TryGet(); return nil }))
		g.Go(again(func(ctx context.Context) error { _, err := q.Get(ctx); return err }))
	}},
	{"work that comes late", func(g *braid.Group, r *rand.Rand) {
		jobs, answers := braid.NewQueue[int](braid.Unbounded), braid.NewQueue[int](2) // with bounds they could fill up and hold each other
		jobs.SetName("late jobs")
		answers.SetName("late answers")
		g.Go(again(func(ctx context.Context) error { // takes an answer for each job, and then waits for one more, which somebody else asks for
			for range 3 {
				if err := jobs.Put(ctx, 1); err != nil {
					return err
				}
			}
			for range 4 {
				if _, err := answers.Get(ctx); err != nil {
					return err
				}
			}
			return nil
		}))
		for range 2 {
			g.Go(again(func(ctx context.Context) error {
				v, err := jobs.Get(ctx)
				if err != nil {
					return err
				}
				return answers.Put(ctx, v)
			}))
		}
		pause := time.Duration(1+r.IntN(3)) * time.Millisecond
		g.Go(again(func(ctx context.Context) error { // a new task each time
			if err := braid.Sleep(ctx, pause); err != nil {
				return err
			}
			return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error { return jobs.Put(ctx, 1) })
				return nil
			})
		}))
	}},
	{"a crawler", func(g *braid.Group, _ *rand.Rand) {
		pages := braid.NewQueue[int](braid.Unbounded)
		pages.SetName("pages")
		for range 3 {
			g.Go(again(func(ctx context.Context) error {
				n, err := pages.Get(ctx)
				if err != nil {
					return err
				}
				defer pages.TaskDone()
				if n > 0 {
					return pages.Put(ctx, n-1)
				}
				return nil
			}))
		}
		g.Go(again(func(ctx context.Context) error {
			if err := pages.Put(ctx, 3); err != nil {
				return err
			}
			if err := pages.Join(ctx); err != nil {
				return err
			}
			return braid.Sleep(ctx, 2*time.Millisecond)
		}))
	}},
	{"time limits", func(g *braid.Group, _ *rand.Rand) {
		var m braid.Mutex
		s := braid.NewSemaphore(1)
		for i := range 4 {
			g.Go(again(func(ctx context.Context) error { // in one order or the other; D2 says so, and D1 must not
				first, second := m.Lock, func(ctx context.Context) error { return s.Acquire(ctx, 1) }
				undoFirst, undoSecond := m.Unlock, func() { s.Release(1) }
				if i%2 == 0 {
					first, second, undoFirst, undoSecond = second, first, undoSecond, undoFirst
				}
				_ = braid.Timeout(ctx, time.Millisecond, func(ctx context.Context) error {
					return while(ctx, first, undoFirst, func() error {
						if err := braid.Yield(ctx); err != nil {
							return err
						}
						return while(ctx, second, undoSecond, func() error { return nil })
					})
				})
				return nil
			}))
		}
	}},
	{"contexts from outside", func(g *braid.Group, _ *rand.Rand) {
		var a, b braid.Mutex
		for i := range 2 {
			g.Go(again(func(ctx context.Context) error {
				first, second := &a, &b
				if i == 1 {
					first, second = &b, &a
				}
				limited, cancel := context.WithTimeout(ctx, time.Millisecond)
				defer cancel()
				_ = while(limited, first.Lock, first.Unlock, func() error {
					if err := braid.Yield(ctx); err != nil {
						return err
					}
					return braid.Run(limited, func(ctx context.Context, _ *braid.Group) error {
						return while(ctx, second.Lock, second.Unlock, func() error { return nil })
					})
				})
				return nil
			}))
		}
	}},
	{"shields", func(g *braid.Group, _ *rand.Rand) {
		var m braid.Mutex
		for i := range 3 {
			g.Go(again(func(ctx context.Context) error {
				return braid.Shield(ctx, time.Second, func(ctx context.Context) error {
					return while(ctx, m.Lock, m.Unlock, func() error { return rest(ctx, i) })
				})
			}))
		}
	}},
	{"portals", func(g *braid.Group, _ *rand.Rand) {
		var m braid.Mutex
		p := braid.NewPortal(g)
		g.Go(again(func(ctx context.Context) error {
			f := braid.Submit(p, func(ctx context.Context) (int, error) {
				return 1, while(ctx, m.Lock, m.Unlock, func() error { return nil })
			})
			_, err := f.Wait(ctx)
			return err
		}))
		g.Go(again(func(ctx context.Context) error {
			done := make(chan error, 1)
			go func() {
				done <- p.Do(context.Background(), func(ctx context.Context) error {
					return while(ctx, m.Lock, m.Unlock, func() error { return rest(ctx, 5) })
				})
			}()
			<-done
			return ctx.Err()
		}))
	}},
	{"offloads", func(g *braid.Group, _ *rand.Rand) {
		l := braid.NewLimiter("offloads", 2)
		s := braid.NewSemaphore(1)
		s.SetName("released inside")
		for i := range 3 {
			g.Go(again(func(ctx context.Context) error {
				if err := s.Acquire(ctx, 1); err != nil {
					return err
				}
				var options []braid.OffloadOption
				if i == 1 {
					options = append(options, braid.AbandonOnCancel())
				}
				var once sync.Once
				release := func() { once.Do(func() { s.Release(1) }) }
				defer release()
				_, err := braid.Offload(ctx, l, func(context.Context) (int, error) { release(); return 0, nil }, options...)
				return err
			}))
		}
	}},
	{"abandoned calls", func(g *braid.Group, _ *rand.Rand) {
		var m braid.Mutex
		for i := range 2 {
			g.Go(again(func(ctx context.Context) error {
				return braid.Timeout(ctx, time.Second, func(ctx context.Context) error {
					_, err := braid.Abandon(ctx, func(ctx context.Context) (int, error) {
						return 0, while(ctx, m.Lock, m.Unlock, func() error { return rest(ctx, i) })
					}, nil)
					return err
				})
			}))
		}
	}},
	{"streams", func(g *braid.Group, r *rand.Rand) {
		n := 1 + r.IntN(3)
		g.Go(again(func(ctx context.Context) error {
			var numbers iter.Seq2[int, error] = func(yield func(int, error) bool) {
				for i := 0; i < 10 && yield(i, nil); i++ {
				}
			}
			doubled := gen.Map(ctx, numbers, n, func(ctx context.Context, v int) (int, error) { return 2 * v, braid.Yield(ctx) })
			return gen.ForEach(ctx, gen.Merge(ctx, doubled, gen.MapUnordered(ctx, numbers, n, func(ctx context.Context, v int) (int, error) { return v, rest(ctx, v) })), 2,
				func(ctx context.Context, _ int) error { return braid.Yield(ctx) })
		}))
		g.Go(again(func(ctx context.Context) error {
			for _, err := range gen.Stream(ctx, 1, func(ctx context.Context, send func(int) error) error {
				for i := range 5 {
					if err := send(i); err != nil {
						return err
					}
				}
				return nil
			}) {
				if err != nil {
					return err
				}
				if err := braid.Yield(ctx); err != nil {
					return err
				}
			}
			return nil
		}))
	}},
	{"limited groups", func(g *braid.Group, r *rand.Rand) {
		limit := 1 + r.IntN(2)
		g.Go(again(func(ctx context.Context) error {
			return braid.Run(ctx, func(ctx context.Context, outer *braid.Group) error {
				for range 3 {
					outer.Go(func(ctx context.Context) error { // waits for what needs its slot, and lends it
						h := outer.Go(func(ctx context.Context) error { return braid.Yield(ctx) })
						if err := braid.Run(ctx, func(ctx context.Context, inner *braid.Group) error {
							inner.Go(func(ctx context.Context) error { return h.Wait(ctx) })
							return nil
						}, braid.Limit(1)); err != nil {
							return unless(ctx, err)
						}
						return unless(ctx, h.Wait(ctx))
					})
				}
				_, err := outer.GoWait(ctx, func(ctx context.Context) error { return rest(ctx, 5) })
				return unless(ctx, err)
			}, braid.Limit(limit))
		}))
	}},
	{"conditions", func(g *braid.Group, _ *rand.Rand) {
		var m braid.Mutex
		changed := braid.NewCond(&m)
		n := 0
		for range 2 {
			g.Go(again(func(ctx context.Context) error {
				return while(ctx, m.Lock, m.Unlock, func() error {
					if err := changed.WaitFor(ctx, func() bool { return n > 0 }); err != nil {
						return err
					}
					n--
					return nil
				})
			}))
		}
		g.Go(again(func(ctx context.Context) error {
			return while(ctx, m.Lock, m.Unlock, func() error {
				n++
				changed.NotifyAll()
				return nil
			})
		}))
	}},
	{"meetings", func(g *braid.Group, _ *rand.Rand) {
		b := braid.NewBarrier(3)
		var m braid.Mutex
		for i := range 3 {
			g.Go(again(func(ctx context.Context) error {
				if _, err := b.Wait(ctx); err != nil {
					return unless(ctx, err) // broken, since another one's ctx has ended first
				}
				return while(ctx, m.Lock, m.Unlock, func() error { return rest(ctx, i) })
			}))
		}
	}},
	{"promises and events", func(g *braid.Group, _ *rand.Rand) {
		g.Go(again(func(ctx context.Context) error {
			var p braid.Promise[int]
			var e braid.Event
			once := braid.NewOnceValue(func(ctx context.Context) (int, error) { return p.Future().Wait(ctx) })
			return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				for range 2 {
					g.Go(func(ctx context.Context) error { _, err := once.Get(ctx); return err })
				}
				g.Go(func(ctx context.Context) error { return e.Wait(ctx) })
				g.Go(func(ctx context.Context) error {
					err := rest(ctx, 5)
					p.Resolve(1)
					e.Set()
					return err
				})
				return nil
			})
		}))
	}},
	{"tokens", func(g *braid.Group, _ *rand.Rand) {
		l := braid.NewLimiter("tokens", 2)
		for i := range 4 {
			g.Go(again(func(ctx context.Context) error {
				if i%2 == 0 {
					return while(ctx, l.Acquire, func() { l.Release(ctx) }, func() error { return rest(ctx, i) })
				}
				who := fmt.Sprint("somebody ", i)
				if err := l.AcquireFor(ctx, who); err != nil {
					return err
				}
				return braid.Run(context.WithoutCancel(ctx), func(_ context.Context, g *braid.Group) error { // another task gives it back
					g.Go(func(context.Context) error { l.ReleaseFor(who); return nil })
					return nil
				})
			}))
		}
	}},
	{"races", func(g *braid.Group, _ *rand.Rand) {
		var m braid.Mutex
		g.Go(again(func(ctx context.Context) error {
			try := func(ctx context.Context) (int, error) {
				return 1, while(ctx, m.Lock, m.Unlock, func() error { return rest(ctx, 5) })
			}
			if _, err := braid.First(ctx, try, try, try); err != nil {
				return err
			}
			_, err := braid.Gather(ctx, try, try)
			return err
		}))
	}},
	{"raw channels", func(g *braid.Group, _ *rand.Rand) {
		var m braid.Mutex
		c := make(chan int)
		g.Go(again(func(ctx context.Context) error { // holds the lock while it waits outside of braid
			return while(ctx, m.Lock, m.Unlock, func() error {
				select {
				case c <- 1:
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			})
		}))
		g.Go(again(func(ctx context.Context) error {
			select {
			case <-c:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}))
		g.Go(again(func(ctx context.Context) error { return while(ctx, m.Lock, m.Unlock, func() error { return nil }) }))
	}},
}

// stressTime is how long the search is to last, and where it begins.
func stressTime(t *testing.T) (limit time.Duration, seed uint64) {
	seed = uint64(time.Now().UnixNano())
	if s := os.Getenv("BRAID_INSPECT_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	s := os.Getenv("BRAID_INSPECT_STRESS")
	if s == "" {
		return 0, seed
	}
	limit, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return limit, seed
}

func TestMonitor_healthyPrograms(t *testing.T) {
	braidtest.CheckLeaks(t)
	limit, seed := stressTime(t)
	programs, looks := 12, 60
	if testing.Short() {
		programs = 4
	}
	begun := time.Now()
	n, total := 0, 0
	for ; n < programs || time.Since(begun) < limit; n++ {
		total += healthyProgram(t, seed+uint64(n), looks)
		if t.Failed() {
			break
		}
	}
	t.Logf("%d programs and %d looks from seed %d on, in %s", n, total, seed, time.Since(begun).Round(time.Second))
}

// healthyProgram runs some of the parts, and looks at them. It returns how often.
func healthyProgram(t *testing.T, seed uint64, looks int) int {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	if r.IntN(4) > 0 {
		defer inspecting(true, false, false)() // all holders are noted
	} else {
		defer inspecting(false, false, false)()
	}
	if r.IntN(2) == 0 {
		defer attend()()
	}
	m, err := NewMonitor(Rules{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	err = braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
		limited := false
		for range 1 + r.IntN(5) {
			p := healthyParts[r.IntN(len(healthyParts))]
			limited = limited || p.name == "time limits" || p.name == "contexts from outside"
			names = append(names, p.name)
			own, stays := rand.New(rand.NewPCG(r.Uint64(), 1)), r.IntN(2) == 0
			g.Go(func(ctx context.Context) error {
				return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
					p.start(g, own)
					if stays {
						return nil
					}
					return new(braid.Event).Wait(ctx)
				}, braid.Name(p.name))
			}, braid.Name("part"))
		}
		at := time.Now()
		for range looks {
			at = at.Add(100 * time.Millisecond)
			for _, f := range deadlockCodes(m.Update(Take(), at)) {
				if f.Code == "D2" && limited || f.Code == "D4" && (strings.Contains(f.Text, "/part/time limits/") || strings.Contains(f.Text, "/part/contexts from outside/")) {
					continue // so it is
				}
				t.Errorf("BRAID_INSPECT_SEED=%d: a false alarm among %q: %s %s %s", seed, names, f.Code, f.Confidence, f.Text)
			}
			if t.Failed() {
				break
			}
			if err := braid.Yield(ctx); err != nil {
				return err
			}
		}
		g.Cancel(nil)
		return nil
	}, braid.Name("healthy"))
	if err != nil {
		t.Error(err)
	}
	return looks
}
