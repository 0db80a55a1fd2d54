package gen

import (
	"fmt"
	"log/slog"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// UnclosedError says that a coroutine was dropped while it was suspended: started, not ended, not closed.
type UnclosedError struct {
	Body string // the name of the body's function, and where the coroutine was made
	Err  error  // what went wrong when it was closed now; nil if nothing did
}

func (e *UnclosedError) Error() string {
	s := "gen: the coroutine " + e.Body + " was dropped while it was suspended; close it, with defer c.Close() after New"
	if e.Err != nil {
		s += ": closing it now failed: " + e.Err.Error()
	}
	return s
}

// Unwrap returns what went wrong when the coroutine was closed.
func (e *UnclosedError) Unwrap() error { return e.Err }

var unclosedHook atomic.Pointer[func(*UnclosedError)]

// OnUnclosed sets the function that hears of coroutines that were dropped while they were suspended.
// It is called on a goroutine of its own when the garbage collector has found one and the coroutine has been closed.
// The default, which nil restores, logs with log/slog. There is one such function in the process; set it in main, or in a test.
//
// A dropped coroutine is found if the garbage collector runs, and if its body does not hold the handle itself.
// It is closed like by [Coroutine.Close], on another goroutine and at any time, so this is a net and no substitute for Close.
// In a bubble of testing/synctest it is reported and not closed, for nobody outside the bubble may run its body;
// the bubble reports a deadlock then.
func OnUnclosed(f func(*UnclosedError)) {
	if f == nil {
		unclosedHook.Store(nil)
		return
	}
	unclosedHook.Store(&f)
}

func tellUnclosed(e *UnclosedError) {
	if f := unclosedHook.Load(); f != nil {
		(*f)(e)
		return
	}
	slog.Warn(e.Error())
}

// watch makes the collector close r when its handle is gone.
func (r *run[In, Out, Ret]) watch(c *Coroutine[In, Out, Ret]) {
	bubbled := inBubble()
	r.cleanup = runtime.AddCleanup(c, func(r *run[In, Out, Ret]) {
		go r.abandoned(bubbled) // the body's defers may block, and the collector's goroutine serves others too
	}, r)
}

func (r *run[In, Out, Ret]) abandoned(bubbled bool) {
	e := &UnclosedError{Body: r.describe()}
	if bubbled {
		tellUnclosed(e)
		return
	}
	defer func() { tellUnclosed(e) }()
	defer func() {
		if v := recover(); v != nil {
			e.Err = asPanic(v, e.Body)
		}
	}()
	e.Err = r.close()
}

// inBubble reports whether the caller runs in a bubble of testing/synctest. There is no way to ask,
// but the times of a bubble have no monotonic clock reading, and all others do. A test watches over it.
// Where it errs, a dropped coroutine is reported and not closed.
func inBubble() bool {
	t := time.Now()
	return t == t.Round(0) //nolint:staticcheck // Round strips the reading, which is what == sees and Equal does not
}

// describe names the coroutine for people: the function of its body, and the line that made it.
func (r *run[In, Out, Ret]) describe() string {
	frame, _ := runtime.CallersFrames(r.site[:]).Next()
	file := frame.File
	if i := strings.LastIndexByte(file, '/'); i >= 0 {
		file = file[i+1:]
	}
	return fmt.Sprintf("%s (made at %s:%d)", nameOf(r.entry), file, frame.Line)
}

// entryOf returns the entry point of a function.
func entryOf(fn any) uintptr { return reflect.ValueOf(fn).Pointer() }

// nameOf returns the short name of the function at pc, such as "main.walk".
func nameOf(pc uintptr) string {
	f := runtime.FuncForPC(pc)
	if f == nil {
		return "unknown"
	}
	head, args, _ := strings.Cut(f.Name(), "[") // type arguments may hold slashes
	_, tail, _ := strings.Cut(args, "]")
	return strings.TrimSuffix(head[strings.LastIndexByte(head, '/')+1:]+tail, "-fm")
}
