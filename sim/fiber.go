package sim

import "github.com/braid-go/braid/internal/coro"

// Tasks run on the coroutines that the event loop uses too: there is one engine, not two.
type (
	fiber     = coro.Coroutine
	fiberPool = coro.Pool
)

// fiberFunc makes a job of a function.
type fiberFunc = coro.Func
