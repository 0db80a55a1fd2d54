package inspect

import (
	"strconv"
	"strings"
)

// index finds the records of a snapshot by their ids. It holds positions, which are smaller than pointers and unseen by the collector.
type index struct {
	tasks     map[uint64]int32
	scopes    map[uint64]int32
	resources map[uint64]int32
	sites     map[uint64]int32

	// The children of the task or scope with an id, as positions in Tasks and Scopes, linked: first child, then next of each.
	firstTask, firstScope map[uint64]int32
	nextTask, nextScope   []int32
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
	ix := &index{
		tasks:      make(map[uint64]int32, len(s.Tasks)),
		scopes:     make(map[uint64]int32, len(s.Scopes)),
		resources:  make(map[uint64]int32, len(s.Resources)),
		sites:      make(map[uint64]int32, len(s.Sites)),
		firstTask:  make(map[uint64]int32, len(s.Scopes)),
		firstScope: make(map[uint64]int32, len(s.Scopes)),
		nextTask:   make([]int32, len(s.Tasks)),
		nextScope:  make([]int32, len(s.Scopes)),
	}
	for i := range s.Scopes {
		ix.scopes[s.Scopes[i].ID] = int32(i)
	}
	for i := range s.Resources {
		ix.resources[s.Resources[i].ID] = int32(i)
	}
	for i := range s.Sites {
		ix.sites[s.Sites[i].ID] = int32(i)
	}
	for i := range s.Tasks {
		ix.tasks[s.Tasks[i].ID] = int32(i)
	}
	// From behind, so that the lists are in the order of the snapshot.
	for i := len(s.Tasks) - 1; i >= 0; i-- {
		link(ix.firstTask, ix.nextTask, ix.parent(s.Tasks[i].Parent, s.Tasks[i].ID), i)
	}
	for i := len(s.Scopes) - 1; i >= 0; i-- {
		link(ix.firstScope, ix.nextScope, ix.parent(s.Scopes[i].above(), s.Scopes[i].ID), i)
	}
	return ix
}

func link(first map[uint64]int32, next []int32, parent uint64, i int) {
	if n, ok := first[parent]; ok {
		next[i] = n
	} else {
		next[i] = -1
	}
	first[parent] = int32(i)
}

// parent returns the id under which the record with id is shown: 0 if its parent is not in the snapshot.
func (ix *index) parent(parent, id uint64) uint64 {
	if parent == id {
		return 0
	}
	if _, ok := ix.tasks[parent]; ok {
		return parent
	}
	if _, ok := ix.scopes[parent]; ok {
		return parent
	}
	return 0
}

// Task returns the task with that id, or nil. It points into s.
func (s *Snapshot) Task(id uint64) *Task {
	if i, ok := s.lookup().tasks[id]; ok {
		return &s.Tasks[i]
	}
	return nil
}

// Scope returns the scope with that id, or nil. It points into s.
func (s *Snapshot) Scope(id uint64) *Scope {
	if i, ok := s.lookup().scopes[id]; ok {
		return &s.Scopes[i]
	}
	return nil
}

// Resource returns the resource with that id, or nil. It points into s.
func (s *Snapshot) Resource(id uint64) *Resource {
	if i, ok := s.lookup().resources[id]; ok {
		return &s.Resources[i]
	}
	return nil
}

// Site returns the site with that id, or nil. It points into s.
func (s *Snapshot) Site(id uint64) *Site {
	if i, ok := s.lookup().sites[id]; ok {
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
	var b strings.Builder
	for i := len(names) - 1; i >= 0; i-- {
		b.WriteString(names[i])
		if i > 0 {
			b.WriteByte('/')
		}
	}
	return b.String()
}

// Children returns the scopes and the tasks directly below a task or scope, in the order of the snapshot.
// Children(0) returns the roots: what has no parent, or one that has ended meanwhile.
func (s *Snapshot) Children(id uint64) (scopes []*Scope, tasks []*Task) {
	ix := s.lookup()
	if i, ok := ix.firstScope[id]; ok {
		for ; i >= 0; i = ix.nextScope[i] {
			scopes = append(scopes, &s.Scopes[i])
		}
	}
	if i, ok := ix.firstTask[id]; ok {
		for ; i >= 0; i = ix.nextTask[i] {
			tasks = append(tasks, &s.Tasks[i])
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
			return "a slot of " + s.scopeName(t.Parent)
		}
		return ""
	}
	text := w.Op
	if name := s.targetName(w); name != "" {
		text += " " + name
	}
	if w.Amount > 1 {
		text += " ×" + strconv.FormatInt(w.Amount, 10)
	}
	if w.Pos > 0 {
		text += ", " + ordinal(w.Pos)
		if r := s.Resource(w.Resource); r != nil && r.Waiting >= w.Pos {
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
