//go:build race

package sim

import (
	"runtime"
	"runtime/debug"
	"sync/atomic"

	"github.com/braid-go/braid/internal/coro"
)

// How data races are found on a schedule.
//
// On coroutines the race detector is blind: each switch orders what came before it with what comes after it.
// So, in race builds and where [Races] asks for it, each task has a goroutine of its own, and a baton says who runs.
// The detector must see the baton in one direction only. What a task has done is ordered before what the engine does,
// which therefore may look at it. But a task that is given the baton does not look at where it came from:
// it receives it with the detector's eyes closed to synchronisation (runtime.RaceDisable). What is left is the program's own
// order: the locks and atomics of braid and of the program, and the edges that the engine adds by hand, which goroutines
// have too: from a spawn to the task's start, from a wake to the end of the wait, from the making of a timer to its call.
//
// A task therefore must not touch what the engine has written. It asks the engine's goroutine to do all that is to be done
// (remote), and goes on when that is done; the few words that it reads itself it reads in functions without instrumentation.
const raceBackend = true

// action is what a fiber does when it gets the baton.
type action uint8

const (
	actRun action = iota
	actDie
	actStop
)

// fiber is what a task runs on: a coroutine, or a goroutine with a baton.
type fiber struct {
	pull *coro.Coroutine // nil for a goroutine

	eng     *engine
	gid     uint64
	job     coro.Job
	edge    place // what orders the start of the job
	back    chan action
	started bool

	request  func() // for the engine to do; nil at the end of the job
	returned bool
	over     bool
	exited   bool
	failure  *coro.Panic
}

// fiberPool keeps fibers for reuse.
type fiberPool struct {
	pull coro.Pool
	free []*fiber

	running   atomic.Pointer[fiber] // has the baton; nil while the engine has it
	suspended bool                  // what was asked for has made the task wait
	dying     bool                  // or end
	requests  chan *fiber
}

// Close ends all that is in the pool.
func (p *fiberPool) Close() {
	p.pull.Close()
	for _, f := range p.free {
		f.back <- actStop
	}
	p.free = nil
}

// Put takes back a fiber whose job has ended.
func (p *fiberPool) Put(f *fiber) {
	switch {
	case f.pull != nil:
		p.pull.Put(f.pull)
	case !f.exited:
		p.free = append(p.free, f)
	}
}

// fiber returns one that runs j at its next Resume. What was released at edge comes before it.
func (e *engine) fiber(j coro.Job, edge place) *fiber {
	if !e.racing {
		return &fiber{pull: e.pool.pull.Get(j)}
	}
	var f *fiber
	if n := len(e.pool.free); n > 0 {
		f = e.pool.free[n-1]
		e.pool.free = e.pool.free[:n-1]
	} else {
		if e.pool.requests == nil {
			e.pool.requests = make(chan *fiber, 1)
		}
		f = &fiber{eng: e, back: make(chan action, 1)}
		go f.serve()
	}
	f.job, f.edge, f.started, f.over, f.failure = j, edge, false, false, nil
	return f
}

// serve is the life of a fiber's goroutine.
//
//go:norace
func (f *fiber) serve() {
	f.gid = goroutineID()
	for f.receive() != actStop {
		f.live()
	}
}

// live runs a job to its end.
//
//go:norace
func (f *fiber) live() {
	f.returned = false
	defer f.leave()
	if f.edge != nil {
		runtime.RaceAcquire(f.edge)
	}
	f.job.Run()
	f.returned = true
}

//go:norace
func (f *fiber) leave() {
	if !f.returned {
		if v := recover(); v != nil {
			f.failure = &coro.Panic{Value: v, Stack: debug.Stack()}
		} else {
			f.exited = true
		}
	}
	f.request, f.over = nil, true
	f.eng.pool.requests <- f
}

// tellGoroutine lets the guard know which goroutine t runs on, without the detector's knowledge.
//
//go:norace
func (e *engine) tellGoroutine(t *task) {
	if !e.racing {
		t.gid.Store(e.gid(t.co))
		return
	}
	runtime.RaceDisable()
	t.gid.Store(t.co.gid)
	runtime.RaceEnable()
}

// receive takes the baton without looking where it comes from.
//
//go:norace
func (f *fiber) receive() action {
	runtime.RaceDisable()
	a := <-f.back
	runtime.RaceEnable()
	return a
}

// remote lets the engine's goroutine do something, and returns false if the caller is no task's goroutine: then it may do it itself.
//
//go:norace
func (e *engine) remote(do func()) bool {
	if !e.racing {
		return false
	}
	runtime.RaceDisable()
	f := e.pool.running.Load()
	runtime.RaceEnable()
	if f == nil || f.gid != goroutineID() {
		return false
	}
	f.request = do
	e.pool.requests <- f
	if f.receive() == actDie {
		runtime.Goexit()
	}
	return true
}

// Resume gives the baton to f until its job waits or has ended, and does meanwhile what is asked for.
func (f *fiber) Resume() (ended bool) {
	if f.pull != nil {
		return f.pull.Resume()
	}
	r := &f.eng.pool
	outer := r.running.Swap(f)
	defer r.running.Store(outer)
	act := actRun
	if t, ok := f.job.(*task); ok && f.started && t.poisoned {
		act = actDie
	}
	f.started = true
	for {
		f.back <- act
		<-r.requests
		if f.over {
			if p := f.failure; p != nil {
				panic(p)
			}
			return true
		}
		r.running.Store(nil)
		f.request()
		r.running.Store(f)
		act = actRun
		if r.dying {
			r.dying, act = false, actDie
		}
		if r.suspended {
			r.suspended = false
			return false
		}
	}
}

// Suspend makes the task wait. On a goroutine the engine calls it, and the task waits when the engine has done what it was asked.
func (f *fiber) Suspend() {
	if f.pull != nil {
		f.pull.Suspend()
		return
	}
	f.eng.pool.suspended = true
}

// postpone lets the running task end when the engine has done what it was asked, and returns false if it may end at once.
func (e *engine) postpone() bool {
	if e.racing {
		e.pool.dying = true
	}
	return e.racing
}

// clock reads the virtual clock, and says nothing about who has set it.
func (e *engine) clock() int64 {
	runtime.RaceDisable()
	defer runtime.RaceEnable()
	return e.now.Load()
}

func raceAcquire(p place) { runtime.RaceAcquire(p) }
func raceRelease(p place) { runtime.RaceReleaseMerge(p) }
func raceErrors() int     { return runtime.RaceErrors() }
