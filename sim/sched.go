package sim

import (
	"context"
	"fmt"
	"runtime"

	"github.com/braid-go/braid/internal/sched"
)

// Spawn implements sched.Scheduler, as do the methods below.
func (e *engine) Spawn(j sched.Job, _ bool) {
	if raceBackend && j != nil {
		raceRelease(placeOfJob(j))
		if e.remote(func() { e.spawn(j) }) {
			return
		}
	}
	e.spawn(j)
}

func (e *engine) spawn(j sched.Job) {
	parent := e.cur.Load()
	e.mu.Lock()
	t := e.newTask(j, parent)
	e.live++
	e.ready.push(t)
	e.mu.Unlock()
	if e.red != nil {
		e.red.spawned(t)
	}
	if e.foreign || e.outside.Load() > 0 {
		e.poke()
	}
}

// newTask takes a task from the arena. mu is held.
func (e *engine) newTask(j sched.Job, parent *task) *task {
	if e.used == len(e.arena) {
		e.arena = append(e.arena, &task{})
	}
	t := e.arena[e.used]
	t.taskState = taskState{eng: e, job: j, parent: parent, id: e.used, key: 0xcbf29ce484222325}
	t.gid.Store(0)
	e.used++
	if parent != nil {
		parent.children++
		t.key = (parent.key ^ uint64(parent.children)) * 0x100000001b3
	}
	return t
}

// Ref implements [sched.Scheduler].
func (e *engine) Ref() *sched.Scheduler { return &e.self }

// Point is where the running task may be told to let another one go first. The decision is made on its own stack,
// and a task that goes on has not switched.
func (e *engine) Point(op sched.Op) {
	if raceBackend && e.remote(func() { e.Point(op) }) {
		return
	}
	t := e.cur.Load()
	if t == nil && e.looking.Load() && outsider() {
		e.noteStray(op.Name)
	}
	if t == nil || (e.checked || e.outside.Load() > 0) && !e.racing && !e.own(t, op.Name) {
		return
	}
	if e.red != nil && !e.ending {
		e.red.arrive(t, op)
	}
	t.op = op
	e.steps++
	if e.slow || e.steps > e.stopAt || len(e.watchers) > 0 {
		e.slowPoint(t)
	}
	if !e.loop {
		e.preempt(t)
	}
	t.events++ // now it happens, and not when it was announced
	if e.seen != nil {
		e.seen(t, op.Name)
	}
	if e.record {
		e.noteOp(t)
	}
}

// slowPoint is what few points have to do.
func (e *engine) slowPoint(t *task) {
	if t.poisoned {
		t.die()
	}
	if e.steps > e.stopAt {
		e.tooLong(t)
	}
	e.poll()
	if !e.loop && len(e.checks) > 0 && !e.ending {
		e.check()
	}
	if len(e.crashes) > 0 {
		e.offerCrash()
	}
	if e.cancels && awaits(t.op.Name) {
		e.offerCancel(t)
	}
	if e.ending && !e.cancelled || t.poisoned {
		e.stepAside(t) // the engine has something to do
	}
}

// longStreak is after how many points without a switch a task lets others go first, whatever the choice:
// no strategy need be fair then, and one that spins until another has done something is no livelock. Goroutines are preempted, too.
const longStreak = 1000

// preempt lets somebody else run before t goes on, if the choice is so.
func (e *engine) preempt(t *task) {
	for !e.ending {
		e.mu.Lock()
		c := &e.cands
		*c = candidates{cur: t, clock: len(e.timers.heap) > 0 && e.advances < e.maxAdvances}
		c.list, e.listBuf = e.ready.eligible(e.listBuf)
		e.mu.Unlock()
		if len(c.list) == 0 && !c.clock && e.red == nil {
			return
		}
		if t.streak++; t.streak > longStreak && len(c.list) > 0 && !e.free {
			t.streak, t.yielded = 0, true
			e.stepAside(t)
			return
		}
		switch next := c.at(e.decide(kindPreempt, c)); next {
		case t:
			return
		case nil:
			e.advances++
			e.advance()
		default:
			t.streak = 0
			e.take(next)
			e.next = next
			e.switches++
			e.stepAside(t)
			return
		}
	}
}

// stepAside gives control to the engine; t stays ready.
func (e *engine) stepAside(t *task) {
	e.mu.Lock()
	e.ready.push(t)
	e.mu.Unlock()
	t.co.Suspend()
	if t.poisoned {
		t.die()
	}
}

// Yield lets all others that are ready run first.
func (e *engine) Yield() {
	if raceBackend && e.remote(e.Yield) {
		return
	}
	t := e.running("Yield")
	t.yielded = !e.free
	e.stepAside(t)
}

// Park suspends the running task.
func (e *engine) Park(p *sched.Parker, foreign context.Context) { //nolint:revive // the order is the interface's
	if raceBackend && e.racing && e.parkRemote(p, foreign) {
		return
	}
	t := e.running(p)
	if t.poisoned {
		t.die()
	}
	t.parker = p
	if !p.Block(t) {
		t.parker = nil
		return
	}
	if foreign != nil {
		defer e.AfterFunc(foreign, func() { e.Unpark(p) })()
	}
	if e.record {
		e.notePark(t)
	}
	if e.seen != nil {
		e.seen(t, "waits")
	}
	e.justSlept = true
	t.co.Suspend()
	if t.poisoned {
		t.die()
	}
}

// parkRemote is Park on a goroutine that the race detector can tell from others.
func (e *engine) parkRemote(p *sched.Parker, foreign context.Context) bool { //nolint:revive // the order is the interface's
	if foreign != nil {
		defer e.AfterFunc(foreign, func() { e.Unpark(p) })()
	}
	if !e.remote(func() { e.Park(p, nil) }) {
		return false
	}
	raceAcquire(placeOf(p))
	return true
}

// Unpark makes a parked task ready.
func (e *engine) Unpark(p *sched.Parker) {
	if raceBackend && e.racing {
		raceRelease(placeOf(p))
		if e.remote(func() { e.unpark(p) }) {
			return
		}
	}
	e.unpark(p)
}

func (e *engine) unpark(p *sched.Parker) {
	slot, ok := p.Wake()
	if !ok {
		return
	}
	t := slot.(*task) //nolint:forcetypeassert // Park has put it there
	e.mu.Lock()
	t.parker, t.granted = nil, true
	e.ready.push(t)
	e.mu.Unlock()
	if e.red != nil {
		e.red.step.add(t.key, Adding)
	}
	if e.foreign || e.outside.Load() > 0 {
		e.poke()
	}
}

// running returns the running task, which is about to wait.
func (e *engine) running(what any) *task {
	t := e.cur.Load()
	op := func() string {
		if p, ok := what.(*sched.Parker); ok {
			if why := p.Why.Load(); why != nil {
				return why.String()
			}
			return "a wait"
		}
		return fmt.Sprint(what)
	}
	if t == nil && !e.foreign && outsider() {
		e.noteStray(op())
		runtime.Goexit()
	}
	if t == nil {
		panic("sim: " + op() + " where no task runs: a timer's callback, an invariant, or a goroutine outside the simulation must not wait with a ctx of it")
	}
	if (e.checked || e.outside.Load() > 0) && !e.racing && !e.own(t, op()) {
		runtime.Goexit() // a stray goroutine; it has been reported
	}
	return t
}

// Go runs f beside the tasks, and waits for it for as long as it does not look as if it waited for them.
func (e *engine) Go(f func()) {
	if raceBackend && e.remote(func() { e.Go(f) }) {
		return
	}
	if e.red != nil {
		e.red.step.all = true
	}
	e.outside.Add(1)
	go func() {
		defer e.poke()
		defer e.outside.Add(-1) // after all that f does to tasks
		f()
	}()
	t := e.cur.Swap(nil) // what f does is not the task's
	for e.outside.Load() > 0 && e.settle(e.grace) {
	}
	e.cur.Store(t)
}

// Panicked implements sched.Closed. A panic is a failure when it comes out of the program, and not before.
func (e *engine) Panicked(string, any, []byte) bool { return !e.lenient }

var _ sched.Closed = (*engine)(nil)
