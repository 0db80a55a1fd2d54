package braid

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/braid-go/braid/internal/sched"
)

// ear is the registration with a foreign context. It is made when somebody first waits for the end of a scope below:
// asking a context of net/http to call back costs more than all else that makes a request a task,
// and most requests never wait.
type ear struct {
	on   atomic.Bool
	mu   sync.Mutex
	stop func() bool // guarded by mu
	deaf bool        // guarded by mu: the scope is over

	telling sync.Mutex // held while the end of the context is passed on; see link.tell
}

// listen makes sure that the end of all foreign contexts above is heard. No lock of a node is held.
func (l *link) listen() {
	for ; l != nil && l.live; l = l.up {
		if e := l.ear; e != nil && !e.on.Load() {
			e.listen(l.ctx, l.node)
		}
	}
}

func (e *ear) listen(ctx context.Context, n *node) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.deaf || e.on.Load() {
		return
	}
	e.on.Store(true)
	e.stop = sched.AfterFunc(n.link.sched, ctx, func() {
		e.telling.Lock()
		defer e.telling.Unlock()
		n.cancel(fromForeign(ctx))
	})
}

// hangUp ends the registration of n, whose scope is over.
func (l *link) hangUp(n *node) {
	if l.node != n || l.ear == nil {
		return
	}
	l.ear.mu.Lock()
	defer l.ear.mu.Unlock()
	l.ear.deaf = true
	if l.ear.stop != nil {
		l.ear.stop()
	}
}

// poll looks at the foreign contexts above, the highest first.
// Their end reaches us through context.AfterFunc, that is, on another goroutine and a little later;
// code that cancels a context and then makes a call with it must see it cancelled.
func (l *link) poll() {
	if l.up != nil && l.up.live {
		l.up.poll()
	}
	if l.node != nil && l.ctx.Err() != nil {
		l.tell()
	}
}

// tell passes the end of ctx on, and returns when all below has heard of it, also if somebody else is at it already:
// standard contexts below are among those that hear of it last.
func (l *link) tell() {
	if l.ear == nil {
		l.node.cancel(fromForeign(l.ctx))
		return
	}
	if l.sched != nil {
		// A task may be switched while it tells, and must not hold what another task would block the thread for.
		l.node.cancel(fromForeign(l.ctx))
		l.ear.telling.Lock()
		defer l.ear.telling.Unlock()
		return
	}
	l.ear.telling.Lock()
	defer l.ear.telling.Unlock()
	l.node.cancel(fromForeign(l.ctx))
}
