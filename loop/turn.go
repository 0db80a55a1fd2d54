package loop

import (
	"time"
)

// drive turns the loop until all its tasks have ended.
//
// What a callback or a timer calls may call runtime.Goexit, which takes this goroutine with it; then another one drives on.
func (l *Loop) drive(ended chan struct{}) {
	over := false
	if l.debug {
		defer l.goroutines.Delete(l.note(nil))
	}
	defer func() {
		if l.fatal = recover(); l.fatal == nil && !over {
			go l.drive(ended)
			return
		}
		l.close()
		close(ended)
	}()
	for l.turn() {
	}
	over = true
}

// turn is one turn of the loop. It returns false when all tasks have ended. Callbacks that are ready then are called in one more turn,
// but not what they make ready: one that repeats itself would keep the loop for ever.
//
// The order is that of asyncio: what descriptors and timers have made ready joins the queue; then what is in the queue is run,
// first in, first out, and nothing that becomes ready meanwhile.
func (l *Loop) turn() bool {
	if l.left == nil {
		switch {
		case l.tasks.Load() == 0:
			if l.last || l.ready.empty() {
				return false
			}
			l.last = true
		case l.ready.empty():
			l.sleep()
		}
		if l.io != nil && !l.polled {
			l.io.wait(0)
			l.io.tell()
		}
		l.polled = false
		l.expire()
		l.left = l.ready.take()
		l.turns.Add(1)
		if l.eager {
			l.began = l.Now()
		}
	}
	e := l.left
	l.left = nil
	for e != nil {
		next := e.next
		e.next = nil // a task that is not resumed for long would keep in memory what once stood behind it, one after another
		if e.task != nil {
			l.resume(e.task)
		} else {
			l.left = next // for the goroutine that drives on if the callback ends this one
			l.invoke(e.call)
			l.left = nil
		}
		e = next
	}
	return true
}

// expire calls the timers that are due.
func (l *Loop) expire() {
	next := l.timers.next.Load()
	if next == never {
		return
	}
	now := l.clock()
	if next > now {
		return
	}
	for t := l.timers.due(now); t != nil; t = l.timers.due(now) {
		if t.call != nil {
			l.push(&t.call.entry)
		} else {
			t.f()
		}
	}
}

// sleep waits until something is ready or a timer is due.
func (l *Loop) sleep() {
	if !l.ready.sleep() {
		return
	}
	wait := time.Duration(-1)
	if next := l.timers.next.Load(); next != never {
		wait = max(0, time.Duration(next-l.clock()))
	}
	if l.io != nil {
		l.io.wait(wait)
		l.ready.awake() // before anything becomes ready, which would wake the loop again
		l.io.tell()
		l.polled = true
	} else {
		if wait != 0 {
			l.rest(wait)
		}
		l.ready.awake()
	}
	l.dog.loopAwake()
}

// rest is sleep without a poller: on a channel, which testing/synctest understands.
func (l *Loop) rest(wait time.Duration) {
	if wait < 0 {
		<-l.wakeup
		return
	}
	if l.idle == nil {
		l.idle = time.NewTimer(wait)
	} else {
		l.idle.Reset(wait)
	}
	select {
	case <-l.wakeup:
		l.idle.Stop()
	case <-l.idle.C:
	}
}

// wake ends a sleep. Any goroutine may call it that has found the loop asleep.
func (l *Loop) wake() {
	if p := l.waker.Load(); p != nil {
		(*p).wake()
		return
	}
	select {
	case l.wakeup <- struct{}{}:
	default:
	}
}

// push makes e ready.
func (l *Loop) push(e *entry) {
	if l.ready.push(e) {
		l.wake()
	}
}

// close leaves nothing behind.
func (l *Loop) close() {
	l.ended.Store(true)
	l.ends.mu.Lock()
	l.ends.over = true
	calls := l.ends.calls
	l.ends.calls = nil
	l.ends.mu.Unlock()
	for f := range calls {
		(*f)()
	}
	l.closeSockets()
	l.pool.Close()
	if l.io != nil {
		l.io.close()
	}
	if l.idle != nil {
		l.idle.Stop()
	}
}
