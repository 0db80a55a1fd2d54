package loop

import (
	"context"
	"fmt"
	"time"

	"github.com/braid-go/braid/internal/coro"
	"github.com/braid-go/braid/internal/sched"
)

// task is a task of the loop. It implements what braid asks of a scheduler's tasks through its job.
type task struct {
	entry
	job sched.Job
	co  *coro.Coroutine // nil until the task is first resumed
}

// Spawn implements sched.Scheduler, as do the methods below. They are not for users.
func (l *Loop) Spawn(j sched.Job, direct bool) {
	l.tasks.Add(1)
	err := error(nil)
	if direct && l.eager {
		err = l.foreign("a spawn")
	}
	if direct && l.eager && err == nil {
		j.Started(l.began) // reading the clock would be a tenth of what a child costs that does not wait
		l.resume(l.newTask(j))
		if l.cur == nil {
			l.shown.Store(nil) // the callback goes on
		}
		return
	}
	t := &task{job: j}
	t.task = t
	l.push(&t.entry)
	if err != nil {
		panic(err.Error()) // after the push, for the group waits for the task
	}
}

// newTask is for calls on the loop, which use the tasks again that have ended.
func (l *Loop) newTask(j sched.Job) *task {
	t := l.spare
	if t == nil {
		t = &task{}
		t.task = t
	} else {
		l.spare = nil
	}
	t.job = j
	return t
}

// resume runs t until it waits or ends. An eager parent calls it in the middle of its own turn.
func (l *Loop) resume(t *task) {
	if t.co == nil {
		if l.debug {
			t.co = l.pool.Get(&debugJob{l, t})
		} else {
			t.co = l.pool.Get(t.job)
		}
	}
	outer := l.cur
	l.cur = t
	l.shown.Store(t)
	ended := t.co.Resume()
	l.cur = outer
	if outer != nil || l.debug { // else it is as good as true until the next one runs
		l.shown.Store(outer)
	}
	if !ended {
		return
	}
	l.pool.Put(t.co)
	l.tasks.Add(-1)
	if outer != nil && !l.dog.looksAt(t) {
		t.job, t.co = nil, nil
		l.spare = t
	}
}

// Park suspends the running task.
func (l *Loop) Park(p *sched.Parker, foreign context.Context) {
	if l.debug {
		l.check(waitOf(p))
	}
	t := l.cur
	if t == nil {
		panic(l.misuse(waitOf(p)))
	}
	switch {
	case !p.Block(t):
	case foreign != nil:
		l.parkUnder(foreign, p, t)
	default:
		t.co.Suspend()
	}
}

// parkUnder is Park of a call that also waits for a context.
//
//go:noinline // to keep the frame of Park small: it is stack of every waiting task
func (l *Loop) parkUnder(foreign context.Context, p *sched.Parker, t *task) {
	defer context.AfterFunc(foreign, func() { l.Unpark(p) })()
	t.co.Suspend()
}

// waitOf names the wait that is about to begin at p.
func waitOf(p *sched.Parker) string {
	if why := p.Why.Load(); why != nil {
		return why.String()
	}
	return "a wait"
}

// Unpark makes a parked task ready.
func (l *Loop) Unpark(p *sched.Parker) {
	if t, ok := p.Wake(); ok {
		l.push(&t.(*task).entry)
	}
}

// Yield puts the running task at the end of the ready queue.
func (l *Loop) Yield() {
	if l.debug {
		l.check("Yield")
	}
	t := l.cur
	if t == nil {
		panic(l.misuse("Yield"))
	}
	l.push(&t.entry)
	t.co.Suspend()
}

// Point does nothing: the loop switches where a task waits, and nowhere else.
func (l *Loop) Point(sched.Op) {}

// Ref implements [sched.Scheduler].
func (l *Loop) Ref() *sched.Scheduler { return &l.self }

// Now reads the clock: the monotonic one alone, which is twice as fast as both.
func (l *Loop) Now() time.Time { return l.epoch.Add(time.Since(l.epoch)) }

// After calls f on the loop after d.
func (l *Loop) After(d time.Duration, f func()) sched.Timer {
	t := &timer{f: f}
	l.arm(after(l.clock(), d), t)
	return t
}

// arm makes t due at a time of the loop's clock.
func (l *Loop) arm(when int64, t *timer) {
	t.when = when
	if l.timers.add(when, t) && l.ready.poke() {
		l.wake()
	}
}

// misuse says what is wrong with a wait where no task runs.
func (l *Loop) misuse(op string) string {
	return fmt.Sprintf("loop: %s in a callback, or with a ctx of the loop on a goroutine that is no task of it: callbacks must not wait, and other goroutines come in through a braid.Portal or CallSoonThreadsafe", op)
}
