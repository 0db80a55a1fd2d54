package sim

import (
	"bytes"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// own reports whether the calling goroutine is that of t, the running task. It costs about a microsecond,
// so it is asked in the first schedule of a test and in replays only: what a program starts with the go statement, it starts there too.
//
// An operation of braid may come from outside, a goroutine that is no task; then there is nothing to decide.
// But where nothing is known to run outside, it came from a goroutine that the program has started behind the simulator's back.
func (e *engine) own(t *task, op string) bool {
	if t.gid.Load() == goroutineID() {
		if n := runtime.NumGoroutine(); e.checked && !e.foreign && n != e.routines {
			e.routines = n
			runtime.Gosched() // one that has just been started shows itself now, while it is looked for
		}
		return true
	}
	e.noteStray(op)
	return false
}

// noteStray records an operation on a goroutine that is not the simulator's, unless some are known to run outside.
func (e *engine) noteStray(op string) {
	if !e.foreign && e.outside.Load() == 0 {
		e.stray.CompareAndSwap(nil, &stray{op: op, caller: userFrame(3)})
	}
}

// outsider reports whether the calling goroutine is one that the simulator does not know: neither a task's, nor a callback's, nor an engine's.
func outsider() bool {
	buf := make([]byte, 64<<10)
	buf = buf[:runtime.Stack(buf, false)]
	for _, of := range []string{"/internal/coro.", "/sim.(*engine).drive(", "/sim.(*T).finish(", "/sim.(*fiber)"} {
		if bytes.Contains(buf, []byte(of)) {
			return false
		}
	}
	return true
}

// settleStrays looks, when a schedule is over, for strays that nobody has reported. After a checked schedule it waits for the goroutines that its tasks have started with the go statement:
// until they have ended or wait for something, or for a few milliseconds. One that uses braid fails the schedule.
func (e *engine) settleStrays() {
	defer e.looking.Store(false)
	if e.racing || e.foreign || e.failure != nil || e.skipped || e.outside.Load() > 0 {
		return
	}
	for range 50 {
		if !e.looking.Load() || !e.startedSome() {
			break
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // for goroutines that are not the simulator's, and so in real time
	}
	if s := e.stray.Swap(nil); s != nil {
		e.failure = s.failure()
	}
}

// startedSome reports whether a goroutine that a task has started can run.
func (e *engine) startedSome() bool {
	for _, text := range dump() {
		state, created, ok := strings.Cut(text, "\ncreated by ")
		if !ok || strings.HasPrefix(created, "iter.Pull") || strings.HasPrefix(created, module+"/") && internalFrame(created, "") {
			continue
		}
		_, state, _ = strings.Cut(state, " [")
		if (goroutine{state: state}).blocks() {
			continue
		}
		for _, id := range e.gids {
			if strings.Contains(created, fmt.Sprintf(" in goroutine %d\n", id)) {
				return true
			}
		}
	}
	return false
}

// gid returns the number of the goroutine that co runs on, which is the calling one, and asks only once.
func (e *engine) gid(co *fiber) uint64 {
	id, ok := e.gids[co]
	if !ok {
		if e.gids == nil || len(e.gids) > 4096 {
			e.gids = make(map[*fiber]uint64)
		}
		id = goroutineID()
		e.gids[co] = id
	}
	return id
}

// stray is an operation on a goroutine that the simulator does not know.
type stray struct{ op, caller string }

// failStray fails the schedule if there was one.
func (e *engine) failStray() {
	s := e.stray.Swap(nil)
	if s == nil || e.ending {
		return
	}
	e.fail(s.failure())
}

func (s *stray) failure() *failure {
	return &failure{
		kind: failUncontrolled, site: s.caller,
		text: s.op + " on a goroutine that was started with the go statement, at " + s.caller +
			": the simulator does not control it; start a task with Go, or use Offload for calls that block",
	}
}

// goroutineID returns the number of the calling goroutine.
func goroutineID() uint64 {
	var buf [40]byte
	b := buf[:runtime.Stack(buf[:], false)]
	b = bytes.TrimPrefix(b, []byte("goroutine "))
	digits, _, _ := bytes.Cut(b, []byte(" "))
	id, _ := strconv.ParseUint(string(digits), 10, 64)
	return id
}

// userFrame returns file and line of the innermost caller that is neither braid's nor the simulator's own code.
func userFrame(skip int) string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(skip, pcs)])
	first := ""
	for {
		f, more := frames.Next()
		where := shortFile(f.File) + ":" + strconv.Itoa(f.Line)
		if first == "" {
			first = where
		}
		if !internalFrame(f.Function, f.File) {
			return where
		}
		if !more {
			return first
		}
	}
}

const module = "github.com/braid-go/braid"

// internalFrame reports whether a function belongs to the machinery.
func internalFrame(function, file string) bool {
	if strings.HasSuffix(file, "_test.go") {
		return false
	}
	for _, p := range []string{module + ".", module + "/sim.", module + "/internal/", "runtime.", "iter.", "testing.", "context."} {
		if strings.HasPrefix(function, p) {
			return true
		}
	}
	return false
}

// shortFile is the last two parts of a path.
func shortFile(path string) string {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return path
	}
	if j := strings.LastIndexByte(path[:i], '/'); j >= 0 {
		return path[j+1:]
	}
	return path
}
