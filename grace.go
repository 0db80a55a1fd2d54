package braid

import (
	"time"

	"github.com/braid-go/braid/internal/sched"
)

// startGrace runs when the group has been cancelled.
func (g *Group) startGrace() {
	g.node.mu.Lock()
	if !g.closed {
		g.timer = sched.After(g.node.link.sched, g.grace, g.graceOver)
	}
	g.node.mu.Unlock()
}

// graceOver runs when the grace is over. It lists who is left and lets Run go.
func (g *Group) graceOver() {
	g.node.mu.Lock()
	over := g.closed || g.live == 0
	g.node.mu.Unlock()
	if over {
		return
	}
	e := &StuckError{Group: g.Path(), Grace: g.grace, Tasks: g.Unfinished()}
	g.node.mu.Lock()
	over = g.closed || g.live == 0
	if !over {
		g.errs = append(g.errs, e) // before anybody is told: who is told is also in the error
	}
	g.node.mu.Unlock()
	if over {
		return
	}
	defer g.giveUp(e) // whatever OnStuck does: it may well call runtime.Goexit, as t.FailNow does
	if g.onStuck != nil {
		g.tellStuck(e)
	}
}

func (g *Group) tellStuck(e *StuckError) {
	defer func() {
		if v := recover(); v != nil {
			g.caught(g.Path(), v, true, g.failPanic)
		}
	}()
	g.onStuck(e)
}

// giveUp lets Run go.
func (g *Group) giveUp(e *StuckError) {
	g.node.mu.Lock()
	defer g.node.mu.Unlock()
	if !g.closed {
		g.stuck = e
		g.wakeJoiner()
	}
}

// Unfinished lists the tasks below g that have not ended, those in nested scopes included, the outer ones first,
// and the body if it runs: what the end of a [Grace] reports, at any time. It is a snapshot.
func (g *Group) Unfinished() []StuckTask {
	g.node.mu.Lock()
	defer g.node.mu.Unlock()
	var list []StuckTask
	if g.body {
		t := stuckTask(g.node.task)
		t.Path = g.Path() + " (the body of Run)"
		list = append(list, t)
	}
	return g.node.appendUnfinished(list)
}

// appendUnfinished walks down the tree. n.mu is held.
func (n *node) appendUnfinished(list []StuckTask) []StuckTask {
	c := n.first
	if c == nil {
		return list
	}
	for {
		if c.kind == kindTask {
			list = append(list, stuckTask(c.task))
		}
		c.mu.Lock()
		list = c.appendUnfinished(list)
		c.mu.Unlock()
		if c = c.next; c == n.first {
			return list
		}
	}
}

func stuckTask(h *Handle) StuckTask {
	return StuckTask{Path: h.Path(), Age: h.Age().Round(time.Millisecond), Waiting: h.Waiting()}
}
