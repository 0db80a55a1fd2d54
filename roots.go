package braid

import (
	"sync"
	"weak"

	"github.com/braid-go/braid/internal/record"
)

// What is at the top, for the inspector: the tasks of outermost Runs, those that Abandon has left,
// and groups whose Run has given up on tasks that do not end; see Grace.
// The list holds them weakly, like all links that do not come from the program itself: see observe.go.
// Only a program with an inspector keeps it.

type rootList struct {
	mu   sync.Mutex
	ring root // its head
}

type root struct {
	task       weak.Pointer[Handle]
	group      weak.Pointer[Group] // if it is no task
	prev, next *root
}

var roots rootList

// enroll puts h into the list, if there is an inspector. The result's leave takes it out again; it may be nil.
func enroll(h *Handle) *root {
	if !record.On {
		return nil
	}
	return roots.add(&root{task: weak.Make(h)})
}

// leaveBehind puts g into the list, whose Run returns although it has members. The last of them takes it out.
func (g *Group) leaveBehind() {
	g.node.mu.Lock()
	defer g.node.mu.Unlock()
	if g.stuck != nil && g.live > 0 {
		g.remains = roots.add(&root{group: weak.Make(g)})
	}
}

func (l *rootList) add(r *root) *root {
	l.mu.Lock()
	defer l.mu.Unlock()
	head := &l.ring
	if head.next == nil {
		head.prev, head.next = head, head
	}
	r.prev, r.next = head.prev, head
	head.prev.next, head.prev = r, r
	return r
}

func (r *root) leave() {
	if r == nil {
		return
	}
	roots.mu.Lock()
	defer roots.mu.Unlock()
	r.prev.next, r.next.prev = r.next, r.prev
}

// all returns what is in the list.
func (l *rootList) all() (tasks []*Handle, groups []*Group) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for r := l.ring.next; r != nil && r != &l.ring; r = r.next {
		if h := r.task.Value(); h != nil {
			tasks = append(tasks, h)
		}
		if g := r.group.Value(); g != nil {
			groups = append(groups, g)
		}
	}
	return tasks, groups
}
