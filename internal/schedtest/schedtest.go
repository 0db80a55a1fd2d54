// Package schedtest holds a minimal scheduler, made to prove that the primitives need nothing but the seam.
//
// It runs all tasks as coroutines on one thread at a time, first in, first out, and switches only where a task waits.
// With a seed it also switches at random at every [sched.Scheduler.Point] and takes ready tasks in random order,
// which finds what a polite order hides. Its clock is that of package time, so inside a testing/synctest bubble it is virtual.
//
// The event loop and the simulator are the schedulers for users; this one has no poller, no replay and no speed.
package schedtest

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/braid-go/braid/internal/sched"
)

// Scheduler runs tasks as coroutines. Make one with New.
type Scheduler struct {
	self sched.Scheduler
	rng  *rand.Rand    // nil: first in, first out. Used by the thread that runs tasks only.
	wake chan struct{} // capacity one; says that ready is not empty any more

	mu    sync.Mutex
	cur   *coro // the task that runs now
	ready []*coro
	live  int
	fatal any // a panic that reached the end of a coroutine
}

type coro struct {
	name  string
	id    string // of its goroutine
	next  func() (struct{}, bool)
	yield func(struct{}) bool
}

// New returns a scheduler. Seed 0 means first in, first out, without switching at points.
func New(seed uint64) *Scheduler {
	s := &Scheduler{wake: make(chan struct{}, 1)}
	s.self = s
	if seed != 0 {
		s.rng = rand.New(rand.NewPCG(seed, seed))
	}
	return s
}

// Run runs main as the first task and returns when all tasks have ended. It panics if one of them did.
func (s *Scheduler) Run(ctx context.Context, main func(ctx context.Context)) {
	ctx = sched.With(ctx, s)
	s.spawn("main", func() { main(ctx) })
	ended := make(chan struct{})
	go s.drive(ended)
	<-ended
	if s.fatal != nil {
		panic(s.fatal)
	}
}

// drive resumes ready tasks until none is left.
//
// runtime.Goexit in a task comes out of its next as a Goexit of this goroutine; then another one drives on.
func (s *Scheduler) drive(ended chan struct{}) {
	done := false
	defer func() {
		if done {
			close(ended)
			return
		}
		s.setCurrent(nil)
		s.exit()
		go s.drive(ended)
	}()
	for {
		c, live := s.pick()
		switch {
		case c != nil:
			s.setCurrent(c)
			_, more := c.next()
			s.setCurrent(nil)
			if !more {
				s.exit()
			}
		case live == 0:
			done = true
			return
		default:
			<-s.wake
		}
	}
}

func (s *Scheduler) exit() {
	s.mu.Lock()
	s.live--
	s.mu.Unlock()
}

func (s *Scheduler) setCurrent(c *coro) {
	s.mu.Lock()
	s.cur = c
	s.mu.Unlock()
}

func (s *Scheduler) pick() (c *coro, live int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ready) == 0 {
		return nil, s.live
	}
	i := 0
	if s.rng != nil {
		i = s.rng.IntN(len(s.ready))
	}
	c = s.ready[i]
	s.ready = append(s.ready[:i], s.ready[i+1:]...)
	return c, s.live
}

func (s *Scheduler) push(c *coro) {
	s.mu.Lock()
	s.ready = append(s.ready, c)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Scheduler) spawn(name string, run func()) {
	c := &coro{name: name}
	c.next, _ = iter.Pull(func(yield func(struct{}) bool) {
		s.mu.Lock()
		c.yield, c.id = yield, goroutineID()
		s.mu.Unlock()
		defer func() {
			if v := recover(); v != nil {
				s.mu.Lock()
				s.fatal = v
				s.mu.Unlock()
			}
		}()
		run()
	})
	s.mu.Lock()
	s.live++
	s.mu.Unlock()
	s.push(c)
}

// Spawn implements sched.Scheduler, as do the methods below.
func (s *Scheduler) Spawn(j sched.Job, _ bool) { s.spawn(j.Name(), j.Run) }

// Park suspends the current task.
func (s *Scheduler) Park(p *sched.Parker, foreign context.Context) {
	c := s.current("Park")
	if !p.Block(c) {
		return
	}
	if foreign != nil {
		defer context.AfterFunc(foreign, func() { s.Unpark(p) })()
	}
	c.yield(struct{}{})
}

// Unpark makes a parked task ready.
func (s *Scheduler) Unpark(p *sched.Parker) {
	if slot, ok := p.Wake(); ok {
		s.push(slot.(*coro))
	}
}

// Yield puts the current task at the end of the ready ones.
func (s *Scheduler) Yield() {
	c := s.current("Yield")
	s.push(c)
	c.yield(struct{}{})
}

// Ref implements sched.Scheduler.
func (s *Scheduler) Ref() *sched.Scheduler { return &s.self }

// Point switches at random if the scheduler has a seed. A goroutine that is none of its tasks goes on.
func (s *Scheduler) Point(sched.Op) {
	if s.rng == nil {
		return
	}
	s.mu.Lock()
	own := s.cur != nil && s.cur.id == goroutineID()
	s.mu.Unlock()
	if own && s.rng.IntN(3) == 0 {
		s.Yield()
	}
}

// goroutineID tells goroutines apart. The product does without; a test may ask.
func goroutineID() string {
	buf := make([]byte, 64)
	id, _, _ := bytes.Cut(buf[:runtime.Stack(buf, false)], []byte(" ["))
	return string(id)
}

// Now reads the clock of package time.
func (s *Scheduler) Now() time.Time { return time.Now() }

// After calls f on a goroutine, as time.AfterFunc does.
func (s *Scheduler) After(d time.Duration, f func()) sched.Timer { return time.AfterFunc(d, f) }

func (s *Scheduler) current(op string) *coro {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cur == nil {
		panic(fmt.Sprintf("schedtest: %s outside a task of this scheduler", op))
	}
	return s.cur
}
