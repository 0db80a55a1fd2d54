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
	d.l.goroutines.Store(d.t, goroutineID())
	defer d.l.goroutines.Delete(d.t)
	d.t.job.Run()
}

// goroutine returns where t runs.
func (l *Loop) goroutine(t *task) string {
	id, _ := l.goroutines.Load(t)
	s, _ := id.(string)
	return s
}

// check panics unless the calling goroutine is the one of the running task.
func (l *Loop) check(op string) {
	if err := l.foreign(op); err != nil {
		panic(err.Error())
	}
}

// foreign returns an error that names both if the caller is not the running task, in debug mode.
func (l *Loop) foreign(op string) error {
	if !l.debug {
		return nil
	}
	me := goroutineID()
	t := l.cur
	switch {
	case t != nil && l.goroutine(t) == me:
		return nil
	case t == nil && (l.called != nil || me == l.gid):
		return nil // a callback
	case t == nil:
		return fmt.Errorf("loop: %s on goroutine %s, while the loop %s waits on goroutine %s: other goroutines come in through a braid.Portal or CallSoonThreadsafe", op, me, l.name(), l.gid)
	default:
		return fmt.Errorf("loop: %s on goroutine %s, while task %s of the loop runs on goroutine %s: other goroutines come in through a braid.Portal or CallSoonThreadsafe", op, me, t.job.Path(), l.goroutine(t))
	}
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
func funcName(fn any) string {
	f := runtime.FuncForPC(reflect.ValueOf(fn).Pointer())
	if f == nil {
		return "unknown"
	}
	name := f.Name()
	return name[strings.LastIndexByte(name, '/')+1:]
}
