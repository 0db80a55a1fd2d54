package inspect

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
)

// Programs that are known to be stuck, or to look stuck and not to be.

// link is a way for a task to be kept from going on by the next one of a circle. Each sets up what the task will wait for,
// and returns what the next one does first to hold it, and how the task waits for it.
type link struct {
	name string
	make func() (hold func(ctx context.Context) error, wait func(ctx context.Context, holder *braid.Handle) error)
}

var links = []link{
	{"mutex", func() (func(context.Context) error, func(context.Context, *braid.Handle) error) {
		m := new(braid.Mutex)
		return m.Lock, func(ctx context.Context, _ *braid.Handle) error { return m.Lock(ctx) }
	}},
	{"writer", func() (func(context.Context) error, func(context.Context, *braid.Handle) error) {
		m := new(braid.RWMutex)
		return m.Lock, func(ctx context.Context, _ *braid.Handle) error { return m.RLock(ctx) }
	}},
	{"reader", func() (func(context.Context) error, func(context.Context, *braid.Handle) error) {
		m := new(braid.RWMutex)
		m.SetName("table")
		return m.RLock, func(ctx context.Context, _ *braid.Handle) error { return m.Lock(ctx) }
	}},
	{"semaphore", func() (func(context.Context) error, func(context.Context, *braid.Handle) error) {
		s := braid.NewSemaphore(3)
		s.SetName("permits")
		return func(ctx context.Context) error { return s.Acquire(ctx, 2) },
			func(ctx context.Context, _ *braid.Handle) error { return s.Acquire(ctx, 2) }
	}},
	{"limiter", func() (func(context.Context) error, func(context.Context, *braid.Handle) error) {
		l := braid.NewLimiter("tokens", 1)
		return l.Acquire, func(ctx context.Context, _ *braid.Handle) error { return l.Acquire(ctx) }
	}},
	{"queue", func() (func(context.Context) error, func(context.Context, *braid.Handle) error) {
		q := braid.NewQueue[int](1)
		q.SetName("letters")
		return func(ctx context.Context) error { // the one who takes from it
				if err := q.Put(ctx, 1); err != nil {
					return err
				}
				_, err := q.Get(ctx)
				return err
			}, func(ctx context.Context, _ *braid.Handle) error {
				for {
					if err := q.Put(ctx, 1); err != nil {
						return err
					}
				}
			}
	}},
	{"await", func() (func(context.Context) error, func(context.Context, *braid.Handle) error) {
		return nil, func(ctx context.Context, holder *braid.Handle) error { return holder.Wait(ctx) }
	}},
}

// Circles of tasks through whatever there is are named, all of their tasks, while others go on.
func TestMonitor_deadlockedPrograms(t *testing.T) {
	limit, seed := stressTime(t)
	begun := time.Now()
	for n := uint64(0); n < 40 || time.Since(begun) < limit; n++ {
		deadlockedProgram(t, seed+n)
		if t.Failed() {
			t.Fatalf("BRAID_INSPECT_SEED=%d", seed+n)
		}
	}
}

func deadlockedProgram(t *testing.T, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 2))
	size := 2 + r.IntN(5)
	var names []string
	var parked atomic.Int32
	handles := make([]*braid.Handle, size)
	all := closedWhen(func() bool {
		if int(parked.Load()) < size {
			return false
		}
		for _, h := range handles {
			if h.Waiting() == "" {
				return false
			}
		}
		return true
	})
	found := monitored(t, all, func(ctx context.Context, g *braid.Group) {
		g.Go(again(func(ctx context.Context) error { return braid.Yield(ctx) }), braid.Name("others")) // is in no circle
		var holds []func(context.Context) error
		var waits []func(context.Context, *braid.Handle) error
		for range size {
			l := links[r.IntN(len(links))]
			if len(names) == 0 { // at least one that is held: else nobody stands in the way of anybody
				l = links[r.IntN(5)]
			}
			names = append(names, l.name)
			hold, wait := l.make()
			holds, waits = append(holds, hold), append(waits, wait)
		}
		held := braid.NewBarrier(size)
		started := new(braid.Event)
		for i := range size {
			handles[i] = g.Go(func(ctx context.Context) error {
				if hold := holds[i]; hold != nil {
					if err := hold(ctx); err != nil {
						return err
					}
				}
				if err := started.Wait(ctx); err != nil {
					return err
				}
				if _, err := held.Wait(ctx); err != nil {
					return unless(ctx, err)
				}
				parked.Add(1)
				next := (i + 1) % size
				return waits[next](ctx, handles[next])
			}, braid.Name(fmt.Sprintf("link-%d", i)))
		}
		started.Set()
	})
	if len(found) != 1 || found[0].Code != "D1" && found[0].Code != "D3" {
		t.Errorf("a circle through %q: found %+v", names, found)
		return
	}
	for i, h := range handles {
		if !strings.Contains(found[0].Text, h.Path()) {
			t.Errorf("a circle through %q: %d is not in %s", names, i, found[0].Text)
		}
	}
}

// monitored returns what is found of a deadlock in three looks, while f's tasks are as ready says.
func monitored(t *testing.T, ready <-chan struct{}, start func(ctx context.Context, g *braid.Group)) (found []Finding) {
	t.Helper()
	braidtest.CheckLeaks(t)
	defer inspecting(true, false, false)()
	m, err := NewMonitor(Rules{})
	if err != nil {
		t.Fatal(err)
	}
	err = braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
		start(ctx, g)
		<-ready
		at := time.Now()
		for range 3 {
			at = at.Add(100 * time.Millisecond)
			found = deadlockCodes(m.Update(Take(), at))
		}
		g.Cancel(nil)
		return nil
	}, braid.Name("monitored"))
	if err != nil {
		t.Error(err)
	}
	return found
}

// closedWhen returns a channel that is closed once ok, which is asked from outside of all tasks.
func closedWhen(ok func() bool) <-chan struct{} {
	c := make(chan struct{})
	go func() {
		for !ok() {
			runtime.Gosched()
		}
		close(c)
	}()
	return c
}

// Consumers that wait for items, and producers that wait for answers, are a circle that looks like a deadlock.
// It is none as long as there is anybody who could bring another item: in every program that has nothing to do it looks so.
func TestMonitor_idleIsNoDeadlock(t *testing.T) {
	jobs, answers := braid.NewQueue[int](1), braid.NewQueue[int](1)
	jobs.SetName("jobs")
	answers.SetName("answers")
	idle := closedWhen(func() bool { return jobs.Statistics().Getting == 1 && answers.Statistics().Getting == 1 })
	found := monitored(t, idle, func(_ context.Context, g *braid.Group) {
		g.Go(func(ctx context.Context) error {
			if err := jobs.Put(ctx, 1); err != nil {
				return err
			}
			for {
				if _, err := answers.Get(ctx); err != nil {
					return err
				}
			}
		})
		g.Go(func(ctx context.Context) error {
			for {
				if _, err := jobs.Get(ctx); err != nil {
					return err
				}
				if jobs.Statistics().Unfinished > 0 {
					jobs.TaskDone()
				}
				if _, ok := answers.TryGet(); ok {
					return nil
				}
				if err := answers.Put(ctx, 1); err != nil {
					return err
				}
			}
		})
	})
	if len(found) > 0 {
		t.Errorf("found %+v", found)
	}
}

// The same where all tasks wait, and work comes through a portal from code that has no task.
func TestMonitor_idleBehindAPortal(t *testing.T) {
	jobs, answers := braid.NewQueue[int](1), braid.NewQueue[int](1)
	jobs.SetName("jobs behind a portal")
	answers.SetName("answers behind a portal")
	pass := func(from, to *braid.Queue[int]) func(context.Context) error {
		return func(ctx context.Context) error {
			for {
				n, err := from.Get(ctx)
				if err == nil && n > 0 {
					err = to.Put(ctx, n-1)
				}
				if err != nil {
					return err
				}
			}
		}
	}
	defer inspecting(true, false, false)()
	var found []Finding
	m, at := monitor(t, Rules{}), time.Now()
	idle := closedWhen(func() bool { return jobs.Statistics().Getting == 1 && answers.Statistics().Getting == 1 })
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		<-idle
		for range 3 {
			at = at.Add(time.Second)
			found = deadlockCodes(m.Update(Take(), at))
		}
	}()
	_ = braid.Run(t.Context(), func(_ context.Context, g *braid.Group) error {
		portal := braid.NewPortal(g)
		g.Go(pass(jobs, answers))
		g.Go(func(ctx context.Context) error {
			if err := jobs.Put(ctx, 2); err != nil {
				return err
			}
			return pass(answers, jobs)(ctx)
		})
		go func() { // ends all of it when it has been looked at
			<-looked
			_ = portal.Do(context.Background(), func(context.Context) error { g.Cancel(nil); return nil })
		}()
		return nil
	}, braid.Name("behind a portal"))
	if len(found) > 0 {
		t.Errorf("found %+v", found)
	}
}

// A lock is held while an item is waited for, and who has put before waits for the lock. As long as tasks come, put and end, another may come.
func TestMonitor_tasksThatComeAndGo(t *testing.T) {
	var m braid.Mutex
	events := braid.NewQueue[int](1)
	events.SetName("events")
	stuck := closedWhen(func() bool { return events.Statistics().Getting == 1 && m.Statistics().Waiting == 1 })
	start := func(ctx context.Context, g *braid.Group, comeAndGo bool) {
		if comeAndGo {
			if err := g.Go(func(ctx context.Context) error { return events.Put(ctx, 1) }).Wait(ctx); err != nil {
				t.Error(err)
			}
		}
		locked := new(braid.Event)
		n := 1
		if comeAndGo {
			n = 2
		}
		g.Go(func(ctx context.Context) error {
			return while(ctx, m.Lock, m.Unlock, func() error {
				locked.Set()
				for range n + 1 {
					if _, err := events.Get(ctx); err != nil {
						return err
					}
				}
				return nil
			})
		})
		g.Go(func(ctx context.Context) error {
			if err := locked.Wait(ctx); err != nil {
				return err
			}
			if err := events.Put(ctx, 1); err != nil {
				return err
			}
			return while(ctx, m.Lock, m.Unlock, func() error { return nil })
		})
	}
	t.Run("come and go", func(t *testing.T) {
		if found := monitored(t, stuck, func(ctx context.Context, g *braid.Group) { start(ctx, g, true) }); len(found) > 0 {
			t.Errorf("found %+v", found)
		}
	})
	events = braid.NewQueue[int](1)
	events.SetName("events")
	stuck = closedWhen(func() bool { return events.Statistics().Getting == 1 && m.Statistics().Waiting == 1 })
	t.Run("always the same", func(t *testing.T) {
		found := monitored(t, stuck, func(ctx context.Context, g *braid.Group) { start(ctx, g, false) })
		if len(found) != 1 || found[0].Code != "D1" || found[0].Confidence != Likely {
			t.Errorf("found %+v", found)
		}
	})
}

// A semaphore that has been seen to be a signal makes no deadlock.
func TestMonitor_semaphoreAsSignal(t *testing.T) {
	s := braid.NewSemaphore(1)
	s.SetName("signal")
	waits := closedWhen(func() bool { return s.Statistics().Waiting == 1 })
	found := monitored(t, waits, func(ctx context.Context, g *braid.Group) {
		signal := func() { // by a task that holds nothing, while the body, which does, waits for it
			body := braid.Current(ctx)
			if err := g.Go(func(ctx context.Context) error {
				for body.Waiting() == "" {
					if err := braid.Yield(ctx); err != nil {
						return err
					}
				}
				s.Release(1)
				return nil
			}).Wait(ctx); err != nil {
				t.Error(err)
			}
		}
		for range 2 {
			if err := s.Acquire(ctx, 1); err != nil {
				t.Error(err)
			}
			signal()
		}
		g.Go(func(ctx context.Context) error { // holds it, and waits for one who waits for the signal
			if err := s.Acquire(ctx, 1); err != nil {
				return err
			}
			return g.Go(func(ctx context.Context) error { return s.Acquire(ctx, 1) }).Wait(ctx)
		})
	})
	if len(found) > 0 {
		t.Errorf("found %+v", found)
	}
}

// Who takes a permit for each task that it starts has not locked itself out when it waits for the next one: the tasks give them back.
func TestMonitor_permitsForTasks(t *testing.T) {
	s := braid.NewSemaphore(2)
	s.SetName("for tasks")
	waits := closedWhen(func() bool { return s.Statistics().Waiting == 1 })
	found := monitored(t, waits, func(_ context.Context, g *braid.Group) {
		g.Go(func(ctx context.Context) error {
			for {
				if err := s.Acquire(ctx, 1); err != nil {
					return err
				}
				g.Go(func(ctx context.Context) error {
					defer s.Release(1)
					<-ctx.Done() // works
					return nil
				})
			}
		})
	})
	if len(found) > 0 {
		t.Errorf("found %+v", found)
	}
}

// Who takes a second permit while it holds the first has not given that back: others have.
func TestMonitor_permitsTakenTwice(t *testing.T) {
	s := braid.NewSemaphore(4)
	s.SetName("twice")
	waits := closedWhen(func() bool { return s.Statistics().Waiting == 1 })
	found := monitored(t, waits, func(ctx context.Context, g *braid.Group) {
		var taken, given, again braid.Event
		wait := make(chan struct{}) // outside of braid, so that both look as if they could have given back
		must := func(err error) {
			if err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
		g.Go(func(ctx context.Context) error { // two, then one more, and holds all three for as long as it likes
			for range 2 {
				must(s.Acquire(ctx, 1))
			}
			taken.Set()
			<-wait
			must(s.Acquire(ctx, 1))
			again.Set()
			<-ctx.Done()
			s.Release(3)
			return nil
		})
		g.Go(func(ctx context.Context) error { // one, which it gives back; then it waits for who wants four
			must(taken.Wait(ctx))
			must(s.Acquire(ctx, 1))
			s.Release(1)
			close(wait)
			given.Set()
			must(again.Wait(ctx))
			return g.Go(func(ctx context.Context) error { return s.Acquire(ctx, 4) }).Wait(ctx)
		})
	})
	if len(found) > 0 {
		t.Errorf("found %+v", found)
	}
}
