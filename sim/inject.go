package sim

import (
	"errors"
	"slices"
	"strings"

	"github.com/braid-go/braid"
)

// ErrInjected is the cause of a cancellation that the simulator has brought about.
var ErrInjected = errors.New("sim: cancelled by the simulator")

// instant lists the operations, by the part after the dot, at whose beginning a cancellation says nothing new:
// they do not wait, and do not look at a ctx.
var instant = []string{"Err", "Release", "Unlock", "RUnlock", "Set", "Clear", "Notify", "Len", "TaskDone", "Shutdown", "Close", "Cancel", "Go", "Join", "Resolve", "Reject", "Abort", "Reset", "Load", "Store", "Point"}

// awaits reports whether an operation may wait.
func awaits(op string) bool {
	_, name, _ := strings.Cut(op, ".")
	if strings.HasPrefix(name, "Try") {
		return false
	}
	return !slices.Contains(instant, name)
}

// offerCancel lets the choice be that t, or everything, is cancelled here.
func (e *engine) offerCancel(t *task) {
	if e.ending || e.injected > 0 {
		return
	}
	n := 3
	if t.job == nil {
		n = 2
	}
	switch e.choose(kindCancel, n) {
	case n - 2: // 1 of three, 0 of two
		if n == 3 {
			e.injected++
			e.note(t, loud+"cancelled by the simulator")
			e.call(func() {
				if h := braid.Current(t.job.Context()); h != nil {
					h.Cancel(ErrInjected)
				}
			})
		}
	case n - 1:
		e.injected++
		e.note(nil, loud+"the simulator cancels everything")
		e.endRoot(ErrInjected)
	}
}
