package loop

import (
	"fmt"
	"log/slog"
	"reflect"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid"
)

// Callback is a function that the loop is to call. It is called on the loop, between tasks, and must not wait:
// braid's calls that would block panic in it. What it starts with a [braid.Portal] or a group is a task as any other.
//
// A panic in it goes to the handler given with [OnException] and ends nothing else.
type Callback struct {
	entry entry
	fn    func()
	state atomic.Uint32

	loop  *Loop // nil for callbacks that are called soon
	timer timer
}

// CallSoon calls fn in the next turn of the loop, after what is ready already.
func (l *Loop) CallSoon(fn func()) *Callback {
	if l.debug {
		l.check("CallSoon")
	}
	return l.CallSoonThreadsafe(fn)
}

// CallSoonThreadsafe is [Loop.CallSoon] for any goroutine. After the loop has ended it does nothing.
func (l *Loop) CallSoonThreadsafe(fn func()) *Callback {
	c := newCallback("CallSoon", fn)
	if !l.ended.Load() { // or nobody would ever take it out
		l.push(&c.entry)
	}
	return c
}

// CallLater calls fn after d, as [Loop.CallAt] does.
func (l *Loop) CallLater(d time.Duration, fn func()) *Callback {
	return l.callAt("CallLater", after(l.clock(), d), fn)
}

// CallAt calls fn when the loop's clock has reached when. Callbacks with the same time are called in the order in which they were made.
// If the loop ends before, fn is not called.
func (l *Loop) CallAt(when time.Time, fn func()) *Callback {
	return l.callAt("CallAt", int64(when.Sub(l.epoch)), fn)
}

func (l *Loop) callAt(op string, when int64, fn func()) *Callback {
	if l.debug {
		l.check(op)
	}
	c := newCallback(op, fn)
	c.loop = l
	c.timer.call = c
	l.arm(when, &c.timer)
	return c
}

func newCallback(op string, fn func()) *Callback {
	if fn == nil {
		panic(fmt.Sprintf("loop: %s needs a function; the one given is nil", op))
	}
	c := &Callback{fn: fn}
	c.entry.call = c
	return c
}

// Cancel keeps the function from being called and reports whether it did: false if it was called already, or cancelled.
// It may be called from any goroutine.
func (c *Callback) Cancel() bool {
	if !c.state.CompareAndSwap(pending, stopped) {
		return false
	}
	if c.loop != nil {
		c.timer.Stop()
	}
	return true
}

// Cancelled reports whether Cancel came first.
func (c *Callback) Cancelled() bool { return c.state.Load() == stopped }

// When returns the time given to [Loop.CallAt]; the zero time for callbacks that are called soon.
func (c *Callback) When() time.Time {
	if c.loop == nil {
		return time.Time{}
	}
	return c.loop.epoch.Add(time.Duration(c.timer.when))
}

// invoke calls c's function unless it has been cancelled.
func (l *Loop) invoke(c *Callback) {
	if !c.state.CompareAndSwap(pending, fired) {
		return
	}
	l.shown.Store(nil)
	l.call.Store(reflect.ValueOf(c.fn).Pointer())
	l.turns.Add(1)
	defer func() {
		if v := recover(); v != nil {
			l.exception(&braid.PanicError{Task: c.String(), Value: v, Stack: debug.Stack()})
		}
	}()
	c.fn()
}

// exception tells the handler of a callback's panic. A handler that panics itself is not heard.
func (l *Loop) exception(pe *braid.PanicError) {
	defer func() { _ = recover() }()
	if l.onException != nil {
		l.onException(pe)
		return
	}
	slog.Error("loop: a callback panicked", "callback", pe.Task, "panic", pe.Value, "stack", string(pe.Stack))
}

// String names the callback after its function.
func (c *Callback) String() string { return "callback " + funcName(c.fn) }
