package braid

import (
	"sync"
	"weak"

	"github.com/braid-go/braid/internal/record"
)

// The tasks at the top, for the inspector: those of outermost Runs, and those that Abandon has left.
// The list holds them weakly, like all links that do not come from the program itself: see observe.go.
// Only a program with an inspector keeps it.

type rootList struct {
	mu   sync.Mutex
	ring root // its head
}

type root struct {
	task       weak.Pointer[Handle]
	prev, next *root
}

var roots rootList

// enroll puts h into the list, if there is an inspector. The result's leave takes it out again; it may be nil.
func enroll(h *Handle) *root {
	if !record.On {
		return nil
	}
	r := &root{task: weak.Make(h)}
	roots.mu.Lock()
	defer roots.mu.Unlock()
	head := &roots.ring
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

// all returns the tasks in the list.
func (l *rootList) all() (list []*Handle) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for r := l.ring.next; r != nil && r != &l.ring; r = r.next {
		if h := r.task.Value(); h != nil {
			list = append(list, h)
		}
	}
	return list
}
