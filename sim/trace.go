package sim

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/braid-go/braid/internal/sched"
)

// event is one thing that happened in a schedule that is written down.
type event struct {
	task *task // nil for what happens outside tasks
	name string
	what string
	at   time.Duration // of the virtual clock
	step int
}

// loud marks what the simulator has brought about, which a report never leaves out.
const loud = "! "

// note writes down what happened to t.
func (e *engine) note(t *task, what string) {
	if !e.record || e.ending {
		return
	}
	ev := event{task: t, what: what, at: time.Duration(e.now.Load()), step: e.steps}
	if t != nil {
		ev.name = t.name()
	}
	e.trace = append(e.trace, ev)
}

func (e *engine) noteOp(t *task) {
	e.cur.Store(nil) // what is asked of the context is no operation of t
	e.trackHolder(t)
	e.note(t, e.labels.op(t.op))
	e.cur.Store(t)
}

func (e *engine) notePark(t *task) {
	e.note(t, "waits")
	t.blocked = true
}

// opName is the name of an operation for people.
func opName(op sched.Op) string {
	if op.Name == "" {
		return "its beginning"
	}
	return op.Name
}

// labels gives names to objects that have none: queue 1, queue 2, in the order in which they are first used.
type labels struct {
	names map[any]string
	count map[string]int
}

func (l *labels) reset() { *l = labels{names: map[any]string{}, count: map[string]int{}} }

// op is an operation with its object, such as "mutex.Lock accounts".
func (l *labels) op(op sched.Op) string {
	o := l.object(op)
	if o == "" {
		return op.Name
	}
	return op.Name + " " + o
}

// object names the object of op.
func (l *labels) object(op sched.Op) string {
	if op.Object == nil || l.names == nil || !reflect.TypeOf(op.Object).Comparable() {
		return ""
	}
	if name, ok := l.names[op.Object]; ok {
		return name
	}
	kind, _, _ := strings.Cut(op.Name, ".")
	if kind == "braid" || kind == "run" {
		kind = "group"
	}
	name := ""
	switch o := op.Object.(type) {
	case sched.Task:
		name = o.Path()
	case interface{ Name() string }:
		name = o.Name()
	}
	if name == "" {
		l.count[kind]++
		name = "#" + strconv.Itoa(l.count[kind])
	}
	l.names[op.Object] = name
	return name
}

// row is a stretch of one task's events without a switch.
type row struct {
	task  *task
	name  string
	at    time.Duration
	what  []string
	first int
}

// rows joins what a task did without a switch.
func rows(trace []event) []row {
	var list []row
	for _, ev := range trace {
		if n := len(list); n > 0 && list[n-1].task == ev.task && list[n-1].at == ev.at {
			if ev.what != "goes on" {
				list[n-1].what = append(list[n-1].what, ev.what)
			}
			continue
		}
		list = append(list, row{task: ev.task, name: ev.name, at: ev.at, what: []string{ev.what}, first: ev.step})
	}
	return list
}

// differ returns the first place where two traces are not the same; -1 if there is none.
func differ(a, b []event) int {
	for i := range a {
		if i >= len(b) || a[i].name != b[i].name || a[i].what != b[i].what || a[i].at != b[i].at {
			return i
		}
	}
	if len(b) > len(a) {
		return len(a)
	}
	return -1
}

func (ev event) String() string {
	if ev.task == nil {
		return fmt.Sprintf("step %d: %s", ev.step, ev.what)
	}
	return fmt.Sprintf("step %d: %s: %s", ev.step, ev.name, ev.what)
}
