package loop

import (
	"bytes"
	"fmt"
	"reflect"
	"runtime"
	"strings"
)

// debugJob is a task's job that first notes its goroutine.
type debugJob struct{ t *task }

func (d *debugJob) Run() {
	d.t.gid = goroutineID()
	d.t.job.Run()
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
	case t != nil && t.gid == me:
		return nil
	case t == nil && (l.called != nil || me == l.gid):
		return nil // a callback
	case t == nil:
		return fmt.Errorf("loop: %s on goroutine %s, while the loop %s waits on goroutine %s: other goroutines come in through a braid.Portal or CallSoonThreadsafe", op, me, l.name(), l.gid)
	default:
		return fmt.Errorf("loop: %s on goroutine %s, while task %s of the loop runs on goroutine %s: other goroutines come in through a braid.Portal or CallSoonThreadsafe", op, me, t.job.Path(), t.gid)
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
