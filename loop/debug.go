package loop

import (
	"bytes"
	"fmt"
	"reflect"
	"runtime"
	"strings"
)

// debugJob is a task's job that first notes its goroutine.
type debugJob struct {
	l *Loop
	t *task
}

func (d *debugJob) Run() {
	defer d.l.goroutines.Delete(d.l.note(d.t))
	d.t.job.Run()
}

// resident is who lives on a goroutine of the loop. Only one of those runs at a time, so to be one is to be the one that runs.
type resident struct {
	task *task // nil for the loop itself
	path string
}

// note enters the calling goroutine as one of the loop, and returns its id.
func (l *Loop) note(t *task) (id string) {
	id, r := goroutineID(), resident{task: t}
	if t != nil {
		r.path = t.job.Path()
	}
	l.goroutines.Store(id, r)
	return id
}

// check panics unless the calling goroutine is the one of the running task or callback.
func (l *Loop) check(op string) {
	if err := l.foreign(op); err != nil {
		panic(err.Error())
	}
}

// foreign returns an error that names both if the caller is not the running task or callback, in debug mode.
// Any goroutine may call it.
func (l *Loop) foreign(op string) error {
	if !l.debug {
		return nil
	}
	me := goroutineID()
	if _, ok := l.goroutines.Load(me); ok || l.lent() {
		return nil
	}
	return fmt.Errorf("loop: %s on goroutine %s, while %s: other goroutines come in through a braid.Portal or CallSoonThreadsafe", op, me, l.doing())
}

// lent reports whether the running task has lent its place to a coroutine, as of package gen or iter.Pull, whose body runs on
// a goroutine of its own: then the task's goroutine waits for it, and so does the loop's.
//
// A task that has just begun to wait looks the same, but by then the loop's goroutine goes on, or another task has its turn.
func (l *Loop) lent() bool {
	turn, t := l.turns.Load(), l.shown.Load()
	if t == nil || l.ready.head.Load() == &l.ready.asleep {
		return false
	}
	all := goroutines() // at one moment
	task, drive := false, false
	l.goroutines.Range(func(id, v any) bool {
		if r, _ := v.(resident); r.task == t || r.task == nil { // of the loop there are two for a moment after a Goexit
			name, _ := id.(string)
			waits := strings.Contains(all, "goroutine "+name+" [coroutine")
			task, drive = task || waits && r.task == t, drive || waits && r.task == nil
		}
		return true
	})
	return task && drive && l.turns.Load() == turn && l.shown.Load() == t
}

// doing says who runs, and where.
func (l *Loop) doing() string {
	text := "the loop " + l.name() + " ends"
	asleep := l.ready.head.Load() == &l.ready.asleep
	t := l.shown.Load()
	l.goroutines.Range(func(id, v any) bool {
		r, _ := v.(resident)
		switch {
		case r.task == nil:
			text = fmt.Sprintf("the loop %s waits on goroutine %s", l.name(), id)
			return !asleep // or a task runs, perhaps
		case r.task == t && !asleep:
			text = fmt.Sprintf("task %s of the loop runs on goroutine %s", r.path, id)
			return false
		}
		return true
	})
	return text
}

func (l *Loop) name() string {
	if g := l.root.Load(); g != nil {
		return g.Path()
	}
	return "main"
}

// goroutineID tells goroutines apart, for debug mode. Nothing else depends on it.
func goroutineID() string {
	buf := make([]byte, 64)
	text := bytes.TrimPrefix(buf[:runtime.Stack(buf, false)], []byte("goroutine "))
	id, _, _ := bytes.Cut(text, []byte(" "))
	return string(id)
}

// funcName returns the name of a function, without the path of its package.
func funcName(fn any) string { return codeName(reflect.ValueOf(fn).Pointer()) }

func codeName(pc uintptr) string {
	f := runtime.FuncForPC(pc)
	if f == nil {
		return "unknown"
	}
	name := f.Name()
	return name[strings.LastIndexByte(name, '/')+1:]
}
