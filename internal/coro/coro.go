// Package coro holds the coroutines that the event loop and the simulator run tasks on.
//
// A [Coroutine] runs one job after another on a stack of its own, and can stop in the middle of each.
// It is made of the public iter.Pull, which is the only way to the runtime's coroutine switch;
// a switch there and back costs about 70 ns and allocates nothing.
//
// # What iter.Pull leaves to its user
//
//   - A panic would lose its stack on the way out, so jobs recover their own; see [Coroutine.Resume].
//   - runtime.Goexit in a job would end the goroutine that resumed it, too. Here it ends the job alone:
//     the coroutine hands control back from a deferred call and is not used again.
//   - A parked coroutine is never collected. Whoever resumes one sees it through to the end of its job.
//   - Locking: a job that calls runtime.LockOSThread and then suspends ends the process with a fatal error of the runtime.
//     Nothing can prevent that; the event loop's documentation says what to do instead.
package coro

import (
	"fmt"
	"iter"
	"runtime/debug"
)

// Job is what a coroutine runs. It is an interface so that a task can be one without an allocation.
type Job interface{ Run() }

// Func makes a job of a function.
type Func func()

// Run calls f.
func (f Func) Run() { f() }

// Coroutine runs jobs, one at a time. [Pool.Get] makes one.
//
// Resume and Suspend come in turn: a coroutine has one resumer at a time, on any goroutine, another coroutine's included.
type Coroutine struct {
	job     Job
	next    func() (struct{}, bool)
	stop    func()
	yield   func(struct{}) bool
	running bool   // job has not ended
	exited  bool   // job called runtime.Goexit
	failure *Panic // job panicked

	free *Coroutine // the next one in the pool
}

// Panic is a panic that a job did not recover.
type Panic struct {
	Value any
	Stack []byte // of the coroutine
}

func (p *Panic) String() string { return fmt.Sprintf("%v\n\n%s", p.Value, p.Stack) }

func newCoroutine() *Coroutine {
	c := &Coroutine{}
	c.next, c.stop = iter.Pull(c.serve)
	return c
}

// serve is the life of a coroutine: it runs jobs until it is stopped.
func (c *Coroutine) serve(yield func(struct{}) bool) {
	c.yield = yield
	for {
		c.call()
		if !yield(struct{}{}) {
			return
		}
	}
}

// call runs the job to its end.
func (c *Coroutine) call() {
	returned := false
	defer func() {
		c.running, c.job = false, nil
		if returned {
			return
		}
		if v := recover(); v != nil {
			c.failure = &Panic{Value: v, Stack: debug.Stack()}
			return
		}
		c.exited = true
		c.yield(struct{}{}) // returns when Resume ends the coroutine, and then Goexit goes on
	}()
	c.job.Run()
	returned = true
}

// start gives c its next job, which begins with the next Resume.
func (c *Coroutine) start(j Job) {
	c.job, c.running = j, true
}

// Resume runs c until its job suspends or ends, and reports whether it has ended.
//
// A panic that the job has not recovered becomes a panic of Resume with a [*Panic]. The coroutine stays usable.
func (c *Coroutine) Resume() (ended bool) {
	c.next()
	if c.running {
		return false
	}
	if c.exited {
		c.bury()
	}
	if p := c.failure; p != nil {
		c.failure = nil
		panic(p)
	}
	return true
}

// bury ends a coroutine whose job called runtime.Goexit: on a goroutine that may end with it.
func (c *Coroutine) bury() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.stop()
	}()
	<-done
}

// Suspend gives control back to Resume until the next one. The running job of c calls it, and nobody else.
func (c *Coroutine) Suspend() { c.yield(struct{}{}) }

// Running reports whether c has a job that has not ended.
func (c *Coroutine) Running() bool { return c.running }
