package sim

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/internal/coro"
	"github.com/braid-go/braid/internal/sched"
)

// engine runs schedules, one after another, on the goroutine that calls run. It is the scheduler of their tasks.
//
// Everything that a schedule needs is kept for the next one: coroutines, tasks, lists.
// mu guards what calls from outside may touch: a Portal, a Future, an Offload. No call that could switch is made under it.
type engine struct {
	limits

	self      sched.Scheduler
	src       source
	prog      func() // what the program does, on the stack of the first task
	loop      bool   // tasks switch where they wait and nowhere else
	checked   bool   // find out who calls, which is slow
	foreign   bool   // goroutines outside may wake tasks at any time
	lenient   bool   // panics are left to the default, and the clocks may be mixed
	allowLeft bool   // tasks may be left when the program has returned
	record    bool   // write down what happens
	cancels   bool   // offer to cancel at each wait
	free      bool   // a task that yields may go on at once
	red       *reducer
	seen      func(t *task, what string) // for tests

	ctx        context.Context
	cancelRoot context.CancelCauseFunc
	rootCalls  []*watcher // on the end of ctx

	pool     fiberPool
	racing   bool          // tasks run on goroutines that the race detector can tell apart
	raceSite func() string // where the race is that has just been reported; nil if that is not asked for
	gids     map[*fiber]uint64
	arena    []*task
	used     int
	cur      atomic.Pointer[task] // nil while a callback or the engine itself runs
	next     *task                // has been chosen already
	now      atomic.Int64         // nanoseconds since epoch

	mu       sync.Mutex
	ready    readyList
	live     int
	timers   timers
	watchers []*watcher
	runs     uint64

	tape     []choice
	steps    int
	stopAt   int  // the step at which the schedule is ended
	advances int  // of the clock while somebody could run
	offers   int  // of faults
	seeds    bool // in some schedule a value was drawn that stands for more than are tried out
	switches int  // a task that could go on did not
	hash     uint64
	trace    []event
	labels   labels
	holds    []hold
	checks   []check
	crashes  []*crashable

	returned  bool // the program has
	justSlept bool // the task that has been resumed has parked
	failure   *failure
	skipped   bool
	ending    bool // the schedule is over, and tasks are being ended
	cancelled bool
	slow      bool // points have more to do than to choose
	injected  int  // cancellations, faults and crashes

	stray    atomic.Pointer[stray]
	looking  atomic.Bool   // for strays: from the beginning of a checked schedule until those that it has started have shown themselves
	routines int           // goroutines when a checked task was last asked for its own
	callback atomic.Uint64 // the goroutine of a function given to Cleanup, while it runs
	outside  atomic.Int32  // calls that run beside the tasks
	wakeup   chan struct{}
	grace    time.Duration // how long a call outside may take to do something
	patience time.Duration // the same where nothing else could happen

	// For the guard.
	progress atomic.Uint64
	active   atomic.Bool // a schedule runs
	waiting  atomic.Bool // for something outside

	cands   candidates
	listBuf []*task
	dueBuf  []*timer
	watBuf  []*watcher
}

// limits bound a schedule.
type limits struct {
	maxSteps    int
	maxAdvances int
}

// unwindSteps is how many steps tasks have to end when a schedule is over.
const unwindSteps = 5_000

func newEngine() *engine {
	e := &engine{
		limits: limits{maxSteps: DefaultMaxSteps, maxAdvances: DefaultAdvances},
		wakeup: make(chan struct{}, 1),
		grace:  2 * time.Millisecond, patience: guardLimit,
	}
	e.self = e
	return e
}

// close ends what the engine keeps.
func (e *engine) close() { e.pool.Close() }

// errOver is the cause that tasks see when the simulator ends a schedule.
var errOver = errors.New("sim: the schedule is over")

// run runs prog as one schedule whose choices src makes. It returns when all tasks have ended.
func (e *engine) run(src source, prog func()) {
	e.src, e.prog = src, prog
	e.mu.Lock()
	e.runs++
	e.ready.reset()
	e.timers.reset()
	clear(e.watchers)
	e.watchers, e.live = e.watchers[:0], 0
	e.mu.Unlock()
	clear(e.checks)
	e.rootCalls, e.checks, e.crashes = e.rootCalls[:0], e.checks[:0], nil
	e.used, e.next = 0, nil
	e.now.Store(0)
	e.tape, e.trace = e.tape[:0], nil
	e.steps, e.stopAt, e.advances, e.offers, e.switches, e.hash, e.injected = 0, e.maxSteps, 0, 0, 0, 0, 0
	e.failure, e.skipped, e.returned, e.ending, e.cancelled = nil, false, false, false, false
	e.slow = e.cancels
	e.stray.Store(nil)
	e.holds = e.holds[:0]
	if e.record {
		e.labels.reset()
	}
	select {
	case <-e.wakeup:
	default:
	}

	ctx, cancel := context.WithCancelCause(context.Background())
	e.cancelRoot = cancel
	e.ctx = sched.With(ctx, e)
	races := raceErrors()
	raceRelease(placeOf(e)) // for the program's start
	e.Spawn(nil, false)
	for !e.drive() {
	}
	cancel(errOver)
	if n := raceErrors() - races; e.racing && n > 0 {
		f := &failure{kind: failRace, text: "the race detector has found a data race; its report is above"}
		if e.raceSite != nil {
			f.site = e.raceSite()
		}
		e.fail(f)
	}
}

// drive runs tasks until all have ended. It returns false if something panicked that should not have.
func (e *engine) drive() (over bool) {
	defer func() {
		if over {
			return
		}
		v := recover()
		if v == nil {
			return
		}
		e.failPanic(v)
		if t := e.cur.Swap(nil); t != nil {
			e.end(t)
		}
	}()
	for {
		if e.checked {
			e.failStray()
		}
		if e.ending && !e.cancelled {
			e.cancelled = true
			e.endRoot(errOver)
		}
		t := e.next
		e.next = nil
		if t == nil {
			if t = e.pick(); t == nil {
				return true
			}
		}
		e.resume(t)
	}
}

// resume runs t, which is in no list, until it waits, ends, or somebody else is chosen.
func (e *engine) resume(t *task) {
	if t.co == nil {
		if e.red != nil && t.job != nil {
			t.job.Started(epoch.Add(time.Duration(e.now.Load()))) // or it reads the clock, and nothing depends on what it reads
		}
		t.co = e.fiber(t, edgeOf(t))
		t.events, e.steps = t.events+1, e.steps+1
	} else if t.granted {
		t.events, e.steps = t.events+1, e.steps+1
	}
	e.hash = (e.hash ^ uint64(t.id+1)<<32 ^ uint64(t.events)) * 0x100000001b3
	if e.steps > e.stopAt {
		e.tooLong(t)
	}
	if t.granted {
		t.granted = false
		e.note(t, "goes on")
		if e.cancels {
			e.offerCancel(t)
		}
	}
	e.justSlept = false
	e.cur.Store(t)
	ended := t.co.Resume()
	e.cur.Store(nil)
	e.progress.Add(1)
	switch {
	case ended:
		e.pool.Put(t.co)
		e.end(t)
	case e.justSlept && e.cancels:
		e.offerCancel(t)
	}
}

func (e *engine) end(t *task) {
	t.ended, t.co = true, nil
	if e.red != nil {
		e.red.ended(t)
	}
	e.note(t, "ends")
	if !e.record {
		t.job, t.op = nil, sched.Op{} // a task that has ended keeps nothing alive
	}
	e.mu.Lock()
	e.live--
	e.mu.Unlock()
}

// call runs f, which does not wait, with no task running. A panic fails the schedule; runtime.Goexit ends f alone.
func (e *engine) call(f func()) {
	if e.red != nil {
		e.red.step.all = true
	}
	raceRelease(placeOf(e))
	e.callAfter(f, placeOf(e))
}

// callAfter is call for a function that comes after what was released at edge.
func (e *engine) callAfter(f func(), edge place) {
	outer := e.cur.Swap(nil)
	co := e.fiber(coro.Func(f), edge)
	defer func() {
		if v := recover(); v != nil {
			e.failPanic(v)
		}
		e.pool.Put(co)
		e.cur.Store(outer)
	}()
	co.Resume()
}

// program is the first task.
func (e *engine) program() {
	returned := false
	defer func() {
		if !returned {
			if v := recover(); v != nil {
				e.failPanic(v)
			} else {
				e.fail(&failure{kind: failGoexit, text: "the program called runtime.Goexit: call FailNow of the sim.T, not of the testing.T around it"})
			}
		}
		e.setReturned()
	}()
	e.prog()
	returned = true
}

func (e *engine) setReturned() {
	if !raceBackend || !e.remote(e.setReturned) {
		e.returned = true
		if e.red != nil {
			e.red.step.all = true // no timer fires any more, unless somebody can run
		}
	}
}

// failPanic makes a failure of a panic.
func (e *engine) failPanic(v any) {
	f := &failure{kind: failPanic}
	switch v := v.(type) {
	case *braid.PanicError:
		f.site = fmt.Sprint(v.Value)
		f.text = fmt.Sprintf("panic in task %s: %v\n\n%s", v.Task, v.Value, v.Stack)
	case *coro.Panic:
		f.site = fmt.Sprint(v.Value)
		f.text = fmt.Sprintf("panic: %v\n\n%s", v.Value, v.Stack)
	default:
		f.site = fmt.Sprint(v)
		f.text = fmt.Sprintf("panic: %v\n\n%s", v, debug.Stack())
	}
	if strings.Contains(f.site, "t.Parallel") {
		f.text = "t.Parallel cannot be called inside a schedule; call it before sim.Test\n\n" + f.text
	}
	e.fail(f)
}

// fail ends the schedule with f, unless it has failed already.
func (e *engine) fail(f *failure) {
	if raceBackend && e.remote(func() { e.fail(f) }) {
		return
	}
	if e.ending {
		return
	}
	e.failure = f
	e.over()
}

// over begins to end the schedule.
func (e *engine) over() {
	e.ending, e.slow = true, true
	e.stopAt = e.steps + unwindSteps
}
