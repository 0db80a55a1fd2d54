package sim

import (
	"context"
	"errors"
	"fmt"

	"github.com/braid-go/braid"
)

// ErrCrashed is the cause that tasks of a [Crashable] scope see when it crashes.
var ErrCrashed = errors.New("sim: crashed by the simulator")

// maxLives bounds how often a scope is started again.
const maxLives = 4

// crashable is a scope that may crash.
type crashable struct {
	name    string
	group   *braid.Group
	crashed bool
}

// Crashable runs body in a scope of its own that the simulator may crash at any operation of any task.
// Then all tasks of the scope are cancelled with [ErrCrashed]; their deferred functions run, but no operation that has a ctx
// succeeds any more. When all have ended, body is called again with the next number: what it kept in memory is lost,
// what lives outside is as the crash has left it. Its result is that of the call that was not crashed.
//
// Outside the simulator body is called once.
//
// # Cancellation
//
// As with [braid.Run].
func Crashable(ctx context.Context, name string, body func(ctx context.Context, g *braid.Group, life int) error) error {
	e := engineOf(ctx)
	for life := 0; ; life++ {
		c := &crashable{name: name}
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			c.group = g
			if e != nil {
				e.crashes = append(e.crashes, c)
				e.slow = true
				defer e.forgetCrash(c)
			}
			return body(ctx, g, life)
		}, braid.Name(fmt.Sprintf("%s-%d", name, life)))
		if !c.crashed || life == maxLives || ctx.Err() != nil {
			return err
		}
	}
}

func (e *engine) forgetCrash(c *crashable) {
	for i, x := range e.crashes {
		if x == c {
			e.crashes = append(e.crashes[:i], e.crashes[i+1:]...)
			return
		}
	}
}

// offerCrash lets the choice be that a scope crashes here.
func (e *engine) offerCrash() {
	if e.ending || e.injected > 0 {
		return
	}
	i := e.choose(kindCrash, 1+len(e.crashes))
	if i == 0 {
		return
	}
	c := e.crashes[i-1]
	c.crashed = true
	e.injected++
	e.note(nil, loud+"the simulator crashes "+c.name)
	e.call(func() { c.group.Cancel(ErrCrashed) })
}
