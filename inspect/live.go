package inspect

import "os"

// liveHooks look at this process.
func liveHooks() hooks {
	return hooks{
		take:      Take,
		cancel:    cancelTask,
		inspect:   inspecting,
		attend:    attend,
		outcomes:  outcomes,
		durations: durations,
		endings:   endedAfter,
		leaked:    leakedStacks,
		getenv:    os.Getenv,
	}
}
