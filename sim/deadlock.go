package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/braid-go/braid/internal/sched"
)

// hold is an object that a task has taken and not given back, as far as its operations tell.
type hold struct {
	object any
	task   *task
}

// acquires and releases tell which operations take and give back. What is not here is held by nobody.
var (
	acquires = []string{"mutex.Lock", "rwmutex.Lock", "rwmutex.RLock", "semaphore.Acquire", "limiter.Acquire"}
	releases = []string{"mutex.Unlock", "rwmutex.Unlock", "rwmutex.RUnlock", "semaphore.Release", "limiter.Release"}
)

func isAcquire(op string) bool { return slices.Contains(acquires, op) }
func isRelease(op string) bool { return slices.Contains(releases, op) }

// trackHolder learns from t's new operation how its last one went. A task that has come to its next operation
// without being cancelled has got what it asked for.
func (e *engine) trackHolder(t *task) {
	if t.asked.Object != nil && t.context().Err() == nil {
		e.holds = append(e.holds, hold{object: t.asked.Object, task: t})
	}
	t.asked, t.blocked = sched.Op{}, false
	switch {
	case isAcquire(t.op.Name):
		t.asked = t.op
	case isRelease(t.op.Name):
		e.drop(t)
	}
}

// drop takes out a hold of t's object: its own if there is one, for another task may give back.
func (e *engine) drop(t *task) {
	found := -1
	for i, h := range e.holds {
		if h.object == t.op.Object && (found < 0 || h.task == t) {
			found = i
		}
	}
	if found >= 0 {
		e.holds = slices.Delete(e.holds, found, found+1)
	}
}

// waiter is a parked task as the wait-for graph shows it.
type waiter struct {
	task    *task
	what    string
	holders []*task
	why     string // if nobody holds what it waits for
}

// parked lists the tasks that are parked, and whom they wait for. Holders are known in schedules that are written down.
func (e *engine) parked() []waiter {
	var list []waiter
	for _, t := range e.arena[:e.used] {
		p := t.parker
		if t.ended || p == nil {
			continue
		}
		w := waiter{task: t, what: "a wait"}
		if why := p.Why.Load(); why != nil {
			w.what = why.String()
			w.holders, w.why = e.holders(t, why)
		}
		list = append(list, w)
	}
	return list
}

func (e *engine) holders(t *task, why *sched.Wait) (list []*task, nobody string) {
	switch {
	case why.Op == "run.Join":
		prefix := t.name() + "/"
		for _, c := range e.arena[:e.used] {
			if !c.ended && c != t && (t.job == nil || strings.HasPrefix(c.name(), prefix)) {
				list = append(list, c)
			}
		}
		return list, "all have ended"
	case why.Object != nil && why.Object.Task() != nil:
		for _, c := range e.arena[:e.used] {
			if !c.ended && c.job != nil && c.job.Path() == why.Object.Task().Path() {
				list = append(list, c)
			}
		}
		return list, "that task is not running"
	}
	for _, h := range e.holds {
		if h.object == t.op.Object {
			list = append(list, h.task)
		}
	}
	return list, "held by nobody: somebody else would have to act"
}

// shortNames returns what tasks are called in a report: by their own names if no two have the same, else by their paths.
func (e *engine) shortNames() func(*task) string {
	seen := make(map[string]int)
	for _, t := range e.arena[:e.used] {
		seen[lastPart(t.name())]++
	}
	return func(t *task) string {
		if name := lastPart(t.name()); seen[name] == 1 {
			return name
		}
		return t.name()
	}
}

// waitForGraph is the graph as text, a cycle first if there is one.
func (e *engine) waitForGraph() (text, site string) {
	list, name := e.parked(), e.shortNames()
	var b strings.Builder
	if cycle := findCycle(list); len(cycle) > 0 {
		b.WriteString("cycle: ")
		for _, w := range cycle {
			fmt.Fprintf(&b, "%s waits on %s -> ", name(w.task), w.what)
		}
		b.WriteString(name(cycle[0].task) + "\n")
	}
	ops := make([]string, 0, len(list))
	for _, w := range list {
		ops = append(ops, w.what)
		fmt.Fprintf(&b, "%s waits on %s", name(w.task), w.what)
		if o := e.labels.object(w.task.op); o != "" && !strings.Contains(w.what, o) && w.task.op.Name != "run.Join" {
			fmt.Fprintf(&b, " (%s)", o)
		}
		if len(w.holders) == 0 {
			if w.why != "" {
				fmt.Fprintf(&b, " -> %s", w.why)
			}
		} else {
			names := make([]string, len(w.holders))
			for i, h := range w.holders {
				names[i] = name(h)
			}
			fmt.Fprintf(&b, " -> %s", strings.Join(names, ", "))
		}
		b.WriteByte('\n')
	}
	slices.Sort(ops)
	return b.String(), strings.Join(slices.Compact(ops), ",")
}

// findCycle follows holders from each waiter. A task that joins its children is in no cycle with them.
func findCycle(list []waiter) []waiter {
	byTask := make(map[*task]waiter, len(list))
	for _, w := range list {
		byTask[w.task] = w
	}
	for _, start := range list {
		var path []waiter
		seen := make(map[*task]int)
		w, ok := start, true
		for ok && !strings.HasPrefix(w.what, "run.Join") {
			if at, again := seen[w.task]; again {
				return path[at:]
			}
			seen[w.task] = len(path)
			path = append(path, w)
			if len(w.holders) == 0 {
				break
			}
			w, ok = byTask[w.holders[0]]
		}
	}
	return nil
}

// failDeadlock is called when tasks are parked, nobody can run, and no timer is pending.
func (e *engine) failDeadlock() {
	f := &failure{kind: failDeadlock, text: "all tasks wait, and nothing can wake them"}
	if e.outside.Load() > 0 {
		f.text += "; a call of Offload has not returned, and is not waited for any longer"
	}
	f.wait, f.site = e.waitForGraph()
	e.fail(f)
}

// failLeft is called when the program has returned and tasks are parked.
func (e *engine) failLeft() {
	f := &failure{kind: failLeft, text: "the test has returned, and tasks that it started have not ended"}
	f.wait, f.site = e.waitForGraph()
	e.fail(f)
}
