//go:build !race

package sim

import (
	"github.com/braid-go/braid/internal/coro"
)

// Tasks run on the coroutines that the event loop uses too: there is one engine, not two.
type (
	fiber     = coro.Coroutine
	fiberPool = coro.Pool
)

// raceBackend says whether tasks may run on goroutines that the race detector can tell apart; see fiber_race.go.
const raceBackend = false

func (e *engine) fiber(j coro.Job, _ place) *fiber { return e.pool.Get(j) }
func (e *engine) remote(func()) bool               { return false }
func (e *engine) postpone() bool                   { return false }
func (e *engine) clock() int64                     { return e.now.Load() }
func (e *engine) tellGoroutine(t *task)            { t.gid.Store(e.gid(t.co)) }

func raceAcquire(place) {}
func raceRelease(place) {}
func raceErrors() int   { return 0 }
