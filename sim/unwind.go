package sim

import "fmt"

// How a schedule is ended early.
//
// When it has failed, or has been skipped, the root context is cancelled, and the tasks go on in canonical order until they have ended.
// A task that is parked all the same, when nobody else can run, is poisoned: its call ends it, by runtime.Goexit, so that its
// deferred functions run. So is one that does not come to an end within a number of steps.
// The youngest goes first, so that those who wait for their children see them end.
// No coroutine is left behind: ten thousand schedules would leave ten thousand goroutines.

// poison ends the youngest parked task.
func (e *engine) poison() {
	for i := e.used - 1; i >= 0; i-- {
		t := e.arena[i]
		if p := t.parker; !t.ended && p != nil {
			t.poisoned = true
			e.Unpark(p)
			return
		}
	}
	panic("sim: no task can run, and none is parked")
}

// tooLong is called when the schedule has had its steps. t runs, or is about to.
func (e *engine) tooLong(t *task) {
	if e.ending {
		t.poisoned = true
		return
	}
	e.fail(&failure{
		kind: failLivelock,
		text: fmt.Sprintf("no end after %d steps: a livelock, or a program that never ends; see MaxSteps. Last came task %s, at %s", e.steps, t.name(), opName(t.op)),
	})
}
