package inspect

import (
	"slices"
	"strconv"
	"strings"
)

// index finds the records of a snapshot by their ids, and knows who stands in whom.
//
// It holds positions, which are smaller than pointers and unseen by the garbage collector.
// Scopes and tasks together are the nodes of a tree, meant by numbers: first the scopes, then the tasks, then the top of all.
type index struct {
	tasks, scopes, resources, sites positions

	up          []int32 // what a node stands in; -1 for the top
	first, next []int32 // child of a node, and the next child of the same node; or -1. Scopes come before tasks
}

// lookup returns the index of s, which is made when first asked for. The records must not be added to or taken away from then on.
func (s *Snapshot) lookup() *index {
	if ix := s.index.Load(); ix != nil {
		return ix
	}
	s.index.CompareAndSwap(nil, newIndex(s)) // whoever comes second has made one in vain
	return s.index.Load()
}

func newIndex(s *Snapshot) *index {
	scopes, nodes := len(s.Scopes), len(s.Scopes)+len(s.Tasks)+1
	ix := &index{
		tasks:     newPositions(len(s.Tasks), func(i int) uint64 { return s.Tasks[i].ID }),
		scopes:    newPositions(scopes, func(i int) uint64 { return s.Scopes[i].ID }),
		resources: newPositions(len(s.Resources), func(i int) uint64 { return s.Resources[i].ID }),
		sites:     newPositions(len(s.Sites), func(i int) uint64 { return s.Sites[i].ID }),
		up:        fill(nodes), first: fill(nodes), next: fill(nodes),
	}
	put := func(node int32, parent, id uint64) {
		up := ix.node(parent)
		if up < 0 || parent == id {
			up = ix.top() // its parent has ended meanwhile
		}
		ix.up[node] = up
		ix.next[node], ix.first[up] = ix.first[up], node
	}
	// From behind, so that the lists have the order of the snapshot.
	for node := int32(nodes) - 2; node >= 0; node-- {
		if i := int(node) - scopes; i >= 0 {
			put(node, s.Tasks[i].Parent, s.Tasks[i].ID)
		} else {
			put(node, s.Scopes[node].above(), s.Scopes[node].ID)
		}
	}
	return ix
}

func (ix *index) top() int32 { return int32(len(ix.up) - 1) }

// node returns the node of a task or scope, or -1.
func (ix *index) node(id uint64) int32 {
	if i, ok := ix.scopes.get(id); ok {
		return i
	}
	if i, ok := ix.tasks.get(id); ok {
		return int32(ix.scopes.n) + i
	}
	return -1
}

// positions is a hash table from ids to positions, with open addressing: a fraction of the time and memory of a map, which a snapshot
// of a million tasks notices.
type positions struct {
	n     int // records
	slots []slot
}

type slot struct {
	id uint64
	at int32 // position + 1; 0 if the slot is free
}

func newPositions(n int, id func(i int) uint64) positions {
	size := 1
	for size <= n+n/2 {
		size *= 2
	}
	p := positions{n: n, slots: make([]slot, size)}
	for i := range n {
		at := p.find(id(i))
		p.slots[at] = slot{id(i), int32(i + 1)} // of two with one id, the later
	}
	return p
}

// find returns the slot of an id, or the free one where it belongs. There is always one that is free: size is more than n.
func (p *positions) find(id uint64) int {
	mask := len(p.slots) - 1
	at := int(scramble(id)) & mask
	for p.slots[at].at != 0 && p.slots[at].id != id {
		at = (at + 1) & mask
	}
	return at
}

func (p *positions) get(id uint64) (int32, bool) {
	at := p.slots[p.find(id)].at
	return at - 1, at != 0
}

// scramble spreads x over all 64 bits. It is the end of MurmurHash3.
func scramble(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// Task returns the task with that id, or nil. It points into s.
func (s *Snapshot) Task(id uint64) *Task {
	if i, ok := s.lookup().tasks.get(id); ok {
		return &s.Tasks[i]
	}
	return nil
}

// Scope returns the scope with that id, or nil. It points into s.
func (s *Snapshot) Scope(id uint64) *Scope {
	if i, ok := s.lookup().scopes.get(id); ok {
		return &s.Scopes[i]
	}
	return nil
}

// Resource returns the resource with that id, or nil. It points into s.
func (s *Snapshot) Resource(id uint64) *Resource {
	if i, ok := s.lookup().resources.get(id); ok {
		return &s.Resources[i]
	}
	return nil
}

// Site returns the site with that id, or nil. It points into s.
func (s *Snapshot) Site(id uint64) *Site {
	if i, ok := s.lookup().sites.get(id); ok {
		return &s.Sites[i]
	}
	return nil
}

// moment says which snapshot an answer is made of.
func (s *Snapshot) moment() At { return At{SnapshotSeq: s.Seq, Taken: s.Taken} }

// maxPath bounds how far up a path is followed: a snapshot that was read from a file may lead in a circle.
const maxPath = 1000

// Path returns the names of a task or scope and of all above it, the outermost first, with slashes between them,
// as they stand in braid's errors. Scopes without a name are left out. Of an unknown id it returns "".
func (s *Snapshot) Path(id uint64) string {
	var names []string
	for range maxPath {
		if t := s.Task(id); t != nil {
			names = append(names, t.Name)
			id = t.Parent
		} else if sc := s.Scope(id); sc != nil {
			if sc.Name != "" {
				names = append(names, sc.Name)
			}
			id = sc.above()
		} else {
			break
		}
	}
	slices.Reverse(names)
	return strings.Join(names, "/")
}

// Children returns the scopes and the tasks directly below a task or scope, in the order of the snapshot.
// Children(0) returns the roots: what has no parent, or one that has ended meanwhile.
func (s *Snapshot) Children(id uint64) (scopes []*Scope, tasks []*Task) {
	ix := s.lookup()
	node := ix.node(id)
	if id == 0 {
		node = ix.top()
	}
	if node < 0 {
		return nil, nil
	}
	for c := ix.first[node]; c >= 0; c = ix.next[c] {
		if i := int(c) - len(s.Scopes); i >= 0 {
			tasks = append(tasks, &s.Tasks[i])
		} else {
			scopes = append(scopes, &s.Scopes[c])
		}
	}
	return scopes, tasks
}

// String returns the name of the function, without the path of its package.
func (s *Site) String() string {
	if s == nil {
		return ""
	}
	name := s.Func
	head, _, _ := strings.Cut(name, "[") // type arguments may hold slashes
	return name[strings.LastIndexByte(head, '/')+1:]
}

// WaitText says what t waits on, for people, such as "queue.Get jobs, 2nd of 3". It is "" if t does not wait inside braid.
func (s *Snapshot) WaitText(t *Task) string {
	w := t.Wait
	if w == nil {
		if t.State == StateQueued {
			return "for a slot"
		}
		return ""
	}
	text := w.Op
	if sc := s.Scope(w.Scope); w.Op == opJoin && sc != nil {
		return text + " of " + plural(sc.Live, "task")
	}
	if name := s.targetName(w); name != "" {
		text += " " + name
	}
	if w.Amount > 1 && w.Amount < uncounted {
		text += " ×" + strconv.FormatInt(w.Amount, 10)
	}
	if r := s.Resource(w.Resource); w.Pos > 0 && inOrder(r) {
		text += ", " + ordinal(w.Pos)
		if r.Waiting >= w.Pos {
			text += " of " + strconv.Itoa(r.Waiting)
		}
	}
	return text
}

// targetName names what w waits on, or returns "".
func (s *Snapshot) targetName(w *Wait) string {
	switch {
	case w.Resource != 0:
		if r := s.Resource(w.Resource); r != nil && r.Name != "" {
			return r.Name
		}
	case w.Task != 0:
		if t := s.Task(w.Task); t != nil {
			return s.Path(w.Task)
		}
	case w.Scope != 0:
		if sc := s.Scope(w.Scope); sc != nil {
			return s.Path(w.Scope)
		}
	}
	return w.Target
}

// scopeName names a scope for people.
func (s *Snapshot) scopeName(id uint64) string {
	sc := s.Scope(id)
	switch {
	case sc == nil:
		return "a scope that has ended"
	case sc.Name != "":
		return sc.Kind + " " + s.Path(id)
	default:
		return "the " + sc.Kind + " of " + s.Path(id)
	}
}

func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}
