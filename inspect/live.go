package inspect

import (
	"os"

	"github.com/braid-go/braid/internal/record"
)

// liveHooks look at this process.
func liveHooks() hooks {
	return hooks{
		take:      Take,
		cancel:    record.Source.Cancel,
		inspect:   inspecting,
		attend:    attend,
		outcomes:  outcomes,
		durations: durations,
		endings:   endedAfter,
		getenv:    os.Getenv,
	}
}
