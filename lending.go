package braid

import (
	"context"
	"slices"

	"github.com/braid-go/braid/internal/sched"
)

// How a task of a limited group lends its slot.
//
// A task lends its slot while it, or a task inside it, waits for something that only its group can bring.
// Several may wait inside one task at the same time: the slot is lent from the first of these waits to the last.
// So a task has its slot back only when nobody in it waits for the group any more; whoever goes on before that goes on without.
//
// A free slot goes first to a task whose wait is over, then to the tasks that have not started.
// What ends a wait says so under the group's lock before it leaves the group, so its own slot goes to the waiter.

// lending is a task that has lent its slot. Its group's node.mu guards it.
type lending struct {
	task  *Handle
	waits int     // calls that wait, in the task or inside it
	back  bool    // stands in returning
	w     *waiter // parked until the task has its slot; set only while waits is 0
}

// refill hands free slots on: first to tasks that lent theirs, then to queued ones. node.mu is held; dispatch follows.
func (g *Group) refill() {
	for g.running < g.limit {
		if len(g.returning) > 0 {
			l := g.returning[0]
			g.returning[0] = nil
			g.returning = g.returning[1:]
			g.giveBack(l)
			continue
		}
		h := g.firstQueued()
		if h == nil || g.node.rec.Load() != nil { // cancelled: dropQueued is on its way
			return
		}
		g.unqueue(h)
		g.admitLocked(h)
	}
}

// giveBack gives a slot to l, which has left returning. node.mu is held.
func (g *Group) giveBack(l *lending) {
	g.running++
	l.task.node.slot, l.back = true, false
	if l.w != nil {
		l.w.grant()
		g.settled(l)
	}
}

// settled ends l. node.mu is held.
func (g *Group) settled(l *lending) {
	l.w = nil
	delete(g.lendings, l.task)
}

// around returns the task of g that is me, or inside which me runs; nil if there is none.
func (g *Group) around(me *Handle) *Handle {
	for me != nil && me.group != g {
		if me.group == nil {
			return nil
		}
		me = me.group.node.task
	}
	return me
}

// lend gives up the slot of a task of g that is about to wait for something only g can bring, and returns that task:
// it is me, or the task of g inside which me runs. It returns nil if there is none. restore takes the slot back.
// It comes before the caller joins a line: comeBack takes who stands in one for a wait that is counted.
func (g *Group) lend(me *Handle) *Handle {
	if g == nil || g.limit == 0 {
		return nil
	}
	if me = g.around(me); me == nil {
		return nil
	}
	g.node.mu.Lock()
	l := g.lendings[me]
	if l == nil && !me.node.slot {
		g.node.mu.Unlock()
		return nil
	}
	if l == nil {
		if g.lendings == nil {
			g.lendings = make(map[*Handle]*lending)
		}
		l = &lending{task: me}
		g.lendings[me] = l
	}
	l.waits++
	g.unreturn(l)
	if me.node.slot {
		me.node.slot = false
		g.running--
	}
	if l.w != nil { // it needs no slot any more
		l.w.grant()
		l.w = nil
	}
	g.refill()
	g.dispatch()
	return me
}

// comeBack says that w has what it waits for. If nothing else is waited for inside its task, that has the next free slot.
// node.mu is held, unless g has no limit.
func (g *Group) comeBack(w *waiter) {
	if g.limit == 0 || len(g.lendings) == 0 || w.home == nil {
		return
	}
	if l := g.lendings[g.around(w.home)]; l != nil && l.waits == 1 && !l.task.node.slot {
		g.enreturn(l)
	}
}

// enreturn makes l wait for the next free slot. node.mu is held.
func (g *Group) enreturn(l *lending) {
	if !l.back {
		l.back = true
		g.returning = append(g.returning, l)
	}
}

// unreturn takes that back. node.mu is held.
func (g *Group) unreturn(l *lending) {
	if l.back {
		l.back = false
		i := slices.Index(g.returning, l)
		g.returning = slices.Delete(g.returning, i, i+1)
	}
}

// restore takes a slot again for the lender, if there is one, ahead of all tasks that have not started.
// If ctx ends first, the caller goes on without waiting, to clean up: the group is over its limit until then.
func (g *Group) restore(ctx context.Context, lender *Handle) {
	if lender == nil {
		return
	}
	g.node.mu.Lock()
	l := g.lendings[lender]
	if l == nil { // the task has ended: this was left behind in it
		g.node.mu.Unlock()
		return
	}
	if l.waits--; l.waits > 0 {
		g.node.mu.Unlock()
		return
	}
	if lender.node.slot { // it was given back already
		g.settled(l)
		g.node.mu.Unlock()
		return
	}
	w := newWaiter(ctx)
	defer w.release()
	l.w = w
	g.enreturn(l)
	g.refill()
	g.dispatch()
	_ = w.wait(ctx, &sched.Wait{Op: "group.Slot", Object: &sched.Object{Kind: "group", Name: g.Path(), Of: g}})
	g.node.mu.Lock()
	if !w.parker.Granted.Load() {
		g.unreturn(l)
		g.giveBack(l)
	}
	g.node.mu.Unlock()
}

// forget ends the lending of a task that ends although something in it still waits. node.mu is held.
func (g *Group) forget(h *Handle) {
	l := g.lendings[h]
	if l == nil {
		return
	}
	g.unreturn(l)
	if l.w != nil {
		l.w.grant()
	}
	g.settled(l)
}
