package sim

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// guard watches, on the real clock, that engines come back from the tasks that they have resumed.
//
// A task that blocks in something that is not braid's holds everything, and nobody can end it. So the guard finds its goroutine
// in a dump, says what it does and where, and the test fails without it.
type guard struct {
	mu      sync.Mutex
	engines []*engine
	last    []uint64
	since   []int         // looks without progress
	limit   time.Duration // for a task that computes

	tripped atomic.Bool
	hung    chan *failure
	stop    chan struct{}
}

const (
	guardTick = 50 * time.Millisecond
	// guardLooks is how many looks in a row must find the same task blocked.
	guardLooks = 5
)

func newGuard() *guard {
	return &guard{limit: guardLimit, hung: make(chan *failure, 1), stop: make(chan struct{})}
}

func (g *guard) add(e *engine) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.engines, g.last, g.since = append(g.engines, e), append(g.last, 0), append(g.since, 0)
}

// watch looks until the test is over.
func (g *guard) watch() {
	tick := time.NewTicker(guardTick)
	defer tick.Stop()
	for {
		select {
		case <-g.stop:
			return
		case <-tick.C:
		}
		if f := g.look(); f != nil {
			g.tripped.Store(true)
			g.hung <- f
			return
		}
	}
}

func (g *guard) look() *failure {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, e := range g.engines {
		now := e.progress.Load()
		if !e.active.Load() || e.waiting.Load() || now != g.last[i] {
			g.last[i], g.since[i] = now, 0
			continue
		}
		g.since[i]++
		if g.since[i] < guardLooks {
			continue
		}
		t, id := e.cur.Load(), e.callback.Load()
		if t != nil {
			id = t.gid.Load()
		}
		if f := blocked(t, id); f != nil {
			return f
		}
		if time.Duration(g.since[i])*guardTick > g.limit {
			return &failure{
				kind: failUncontrolled, site: "computes",
				text: fmt.Sprintf("%s has run for %v without an operation of braid: a program that never ends?\n%s", nameOf(t), g.limit, running(id)),
			}
		}
	}
	return nil
}

// blocked looks at the goroutine of a task, or at all if the number is not known, for one that is blocked in something
// that is not the simulator.
func blocked(t *task, id uint64) *failure {
	for _, g := range goroutines(id) {
		if !g.blocks() || g.idle() {
			continue
		}
		what, hint := g.state, "wait with the calls of braid, and use Offload for calls that block"
		switch {
		case strings.Contains(g.text, "testing.(*T).Run("):
			what, hint = "t.Run", "a subtest cannot run inside a schedule; call sim.Test in the subtest"
		case g.state == "sleep":
			what, hint = "time.Sleep", "braid.Sleep waits on the virtual clock"
		}
		return &failure{
			kind: failUncontrolled, site: what + " at " + g.user(),
			text: fmt.Sprintf("%s blocks in %s, at %s, which the simulator does not control: %s\n\n%s", nameOf(t), what, g.user(), hint, g.text),
		}
	}
	return nil
}

// nameOf is asked only when the task is known to be stuck: until then its engine may be at work on it.
func nameOf(t *task) string {
	if t == nil {
		return "a callback"
	}
	return "task " + t.name()
}

// running is the stack of a task that computes.
func running(id uint64) string {
	for _, g := range goroutines(id) {
		if !g.idle() {
			return g.text
		}
	}
	return ""
}

// goroutine is one of a dump.
type goroutine struct{ state, text string }

// goroutines returns the one with a number, or if that is 0 all that run tasks of the simulator.
func goroutines(id uint64) []goroutine {
	var list []goroutine
	for _, text := range dump() {
		if !strings.Contains(text, "internal/coro.(*Coroutine).call(") && !strings.Contains(text, "/sim.(*fiber).live(") || !strings.Contains(text, module+"/sim.") {
			continue
		}
		if id != 0 && !strings.HasPrefix(text, fmt.Sprintf("goroutine %d ", id)) {
			continue
		}
		_, state, _ := strings.Cut(text, "[")
		state, _, _ = strings.Cut(state, "]")
		state, _, _ = strings.Cut(state, ",") // [chan receive, 2 minutes]
		state, _, _ = strings.Cut(state, " (")
		list = append(list, goroutine{state: state, text: text})
	}
	return list
}

// dump is the stacks of all goroutines.
func dump() []string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			return strings.Split(string(buf[:n]), "\n\n")
		}
		buf = make([]byte, 2*len(buf))
	}
}

// blocks reports whether the goroutine waits for something that only others can bring.
// What is not listed may pass by itself: a system call, help for the garbage collector. It has until the guard's limit.
func (g goroutine) blocks() bool {
	for _, s := range []string{"chan ", "select", "sleep", "sync.", "semacquire", "IO wait", "finalizer wait"} {
		if strings.HasPrefix(g.state, s) {
			return true
		}
	}
	return false
}

// idle reports whether the task waits as it should, or for another one that it has resumed.
func (g goroutine) idle() bool {
	return g.state == "coroutine" || strings.Contains(g.text, "/sim.(*fiber).receive(") || strings.Contains(g.text, "/sim.(*fiber).leave(")
}

// user is the innermost line of the goroutine that is the user's.
func (g goroutine) user() string {
	lines := strings.Split(g.text, "\n")
	for i := 1; i+1 < len(lines); i += 2 {
		file, _, _ := strings.Cut(strings.TrimSpace(lines[i+1]), " ")
		path, _, _ := strings.Cut(file, ":")
		function := lines[i]
		if !internalFrame(function, path) && !strings.HasPrefix(function, "time.") && !strings.HasPrefix(function, "sync.") && !strings.HasPrefix(function, "internal/") {
			return shortFile(file)
		}
	}
	return "an unknown place"
}
