package sim

import (
	"context"
	"runtime"
	"sync/atomic"

	"github.com/braid-go/braid/internal/sched"
)

// task is a task as the engine sees it.
type task struct {
	taskState

	gid atomic.Uint64 // of its goroutine; the guard reads it at any time, so it is no part of what is written anew
}

// taskState is what a task of the arena is given anew in each schedule.
type taskState struct {
	eng    *engine
	job    sched.Job // nil for the program itself
	co     *fiber    // nil until the task is first resumed
	parent *task     // who ran when the task was spawned; nil for the program and for tasks spawned from outside

	id       int    // place in the order of spawns
	children int    // spawned so far
	key      uint64 // of the path of spawns, which is the same in all schedules

	op     sched.Op      // announced last: what the task is about to do
	asked  sched.Op      // for holders: what it may have got by now
	parker *sched.Parker // where it is parked; nil if it is not
	events int           // points and wakes so far

	streak   int    // points in a row without a switch
	stamp    uint64 // of the time when the task became ready
	yielded  bool   // it let others go first
	granted  bool   // it was parked, and has been made ready
	poisoned bool   // its next call of the simulator ends it
	ended    bool
	blocked  bool // for holders: it has waited since its last operation

	named  int      // for a search with Reduce: things that it was the first to come to
	before string   // the operation before op
	later  []uint64 // and those that all its later steps may use
	done   bool     // and its context has ended

	prio uint64 // for strategies; 0 until one is drawn
	left int    // for strategies: events that are expected still
}

// Run implements the coroutine's job.
//
//go:norace
func (t *task) Run() {
	t.eng.tellGoroutine(t)
	if t.poisoned {
		return
	}
	if t.job == nil {
		t.eng.program()
		return
	}
	t.job.Run()
}

// name is what reports call t.
func (t *task) name() string {
	switch {
	case t.job != nil:
		return t.job.Path()
	case t.id == 0:
		return "test"
	default:
		return "a task that has ended"
	}
}

// context is the context of t's function.
func (t *task) context() context.Context {
	if t.job == nil {
		return t.eng.ctx
	}
	return t.job.Context()
}

// die ends the running task, which runs its deferred functions.
func (t *task) die() {
	if raceBackend && t.eng.postpone() {
		return
	}
	runtime.Goexit()
}

// edgeOf is what orders a task's start after its spawn, for the race detector.
func edgeOf(t *task) place {
	if t.job == nil {
		return placeOf(t.eng)
	}
	return placeOfJob(t.job)
}

// readyList holds the tasks that could run, first come first.
type readyList struct {
	list    []*task
	head    int
	yielded int    // tasks in it that have let others go first
	stamp   uint64 // of the last one to come
}

func (r *readyList) reset() {
	clear(r.list)
	*r = readyList{list: r.list[:0]}
}

func (r *readyList) len() int { return len(r.list) - r.head }

func (r *readyList) all() []*task { return r.list[r.head:] }

func (r *readyList) push(t *task) {
	if r.head > 64 && r.head*2 > len(r.list) {
		n := copy(r.list, r.list[r.head:])
		clear(r.list[n:])
		r.list, r.head = r.list[:n], 0
	}
	r.stamp++
	t.stamp = r.stamp
	if t.yielded {
		r.yielded++
	}
	r.list = append(r.list, t)
}

// remove takes t out.
func (r *readyList) remove(t *task) {
	if t.yielded {
		t.yielded = false
		r.yielded--
	}
	if r.list[r.head] == t {
		r.list[r.head] = nil
		if r.head++; r.head == len(r.list) {
			r.list, r.head = r.list[:0], 0
		}
		return
	}
	for i := r.head + 1; i < len(r.list); i++ {
		if r.list[i] == t {
			n := len(r.list) - 1
			copy(r.list[i:], r.list[i+1:])
			r.list[n] = nil
			r.list = r.list[:n]
			return
		}
	}
}

// candidates is what one decision is about, in the order of the answers.
type candidates struct {
	cur   *task   // could go on; nil if there is none
	list  []*task // ready ones
	clock bool    // or the clock may go on to the next timer
}

// tasks returns how many tasks there are.
func (c *candidates) tasks() int {
	n := len(c.list)
	if c.cur != nil {
		n++
	}
	return n
}

func (c *candidates) len() int {
	n := c.tasks()
	if c.clock {
		n++
	}
	return n
}

// at returns a candidate; nil is the clock.
func (c *candidates) at(i int) *task {
	if c.cur != nil {
		if i == 0 {
			return c.cur
		}
		i--
	}
	if i < len(c.list) {
		return c.list[i]
	}
	return nil
}

// eligible returns the tasks of r that may run now.
//
// A task that has yielded may run when all that were ready then have had their turn: when it is the first in the list.
func (r *readyList) eligible(buf []*task) (list, newBuf []*task) {
	all := r.all()
	if r.yielded == 0 {
		return all, buf
	}
	buf = buf[:0]
	for i, t := range all {
		if i == 0 || !t.yielded {
			buf = append(buf, t)
		}
	}
	return buf, buf
}
