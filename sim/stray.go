package sim

import (
	"bytes"
	"runtime"
	"strconv"
	"strings"
)

// own reports whether the calling goroutine is that of t, the running task. It costs about a microsecond,
// so it is asked in the first schedule of a test and in replays only: what a program starts with the go statement, it starts there too.
//
// An operation of braid may come from outside, a goroutine that is no task; then there is nothing to decide.
// But where nothing is known to run outside, it came from a goroutine that the program has started behind the simulator's back.
func (e *engine) own(t *task, op string) bool {
	if t.gid.Load() == goroutineID() {
		return true
	}
	if !e.foreign && e.outside.Load() == 0 {
		e.stray.CompareAndSwap(nil, &stray{op: op, caller: userFrame(3)})
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
	e.fail(&failure{
		kind: failUncontrolled, site: s.caller,
		text: s.op + " on a goroutine that was started with the go statement, at " + s.caller +
			": the simulator does not control it; start a task with Go, or use Offload for calls that block",
	})
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
