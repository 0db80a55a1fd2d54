package inspect

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Difference is what has changed from one snapshot to another.
type Difference struct {
	From      At           `json:"from"`
	To        At           `json:"to"`
	Same      bool         `json:"same_instance"` // else ids mean nothing, and there are only counts
	Counts    [2]int       `json:"counts"`        // tasks in the first, and in the second
	Started   []Item       `json:"started"`
	Ended     []Item       `json:"ended"`
	Changed   []TaskChange `json:"changed"` // other state, wait or cancellation
	Stuck     []Item       `json:"stuck"`   // in one and the same wait all the time from the first to the second
	Groups    []GroupDelta `json:"groups"`  // tasks whose paths are the same but for numbers, where their number has changed; the largest change first
	Truncated bool         `json:"truncated"`
}

// TaskChange is a task before and after.
type TaskChange struct {
	Before Item `json:"before"`
	After  Item `json:"after"`
}

// GroupDelta is how many tasks of a path there were before and after.
type GroupDelta struct {
	Path   string `json:"path"`
	Before int    `json:"before"`
	After  int    `json:"after"`
}

// maxDiff bounds each list of a Difference.
const maxDiff = 1000

// Diff returns what has changed from a to b. If they are of two runs of a program, it compares only how many tasks of each path there were.
// Each list has 1,000 entries at most.
func Diff(a, b *Snapshot) *Difference {
	d := &Difference{
		From: a.moment(), To: b.moment(), Same: a.Process.Instance == b.Process.Instance,
		Counts: [2]int{len(a.Tasks), len(b.Tasks)}, Started: []Item{}, Ended: []Item{}, Changed: []TaskChange{}, Stuck: []Item{},
	}
	d.Groups = groupDeltas(a, b)
	if len(d.Groups) > maxDiff {
		d.Groups, d.Truncated = d.Groups[:maxDiff], true
	}
	if !d.Same {
		return d
	}
	room := func(n int) bool {
		d.Truncated = d.Truncated || n == maxDiff
		return n < maxDiff
	}
	for i := range b.Tasks {
		now := &b.Tasks[i]
		before := a.Task(now.ID)
		switch {
		case before == nil:
			if room(len(d.Started)) {
				d.Started = append(d.Started, b.Item(now))
			}
		case now.Wait != nil && before.Wait != nil && now.Seq == before.Seq && (now.Cancel == nil) == (before.Cancel == nil):
			if room(len(d.Stuck)) {
				d.Stuck = append(d.Stuck, b.Item(now))
			}
		case changed(before, now) && room(len(d.Changed)):
			d.Changed = append(d.Changed, TaskChange{a.Item(before), b.Item(now)})
		}
	}
	for i := range a.Tasks {
		if b.Task(a.Tasks[i].ID) == nil && room(len(d.Ended)) {
			d.Ended = append(d.Ended, a.Item(&a.Tasks[i]))
		}
	}
	return d
}

func changed(a, b *Task) bool {
	if a.State != b.State || (a.Cancel == nil) != (b.Cancel == nil) || (a.Wait == nil) != (b.Wait == nil) {
		return true
	}
	return a.Wait != nil && (a.Wait.Op != b.Wait.Op || a.Wait.Resource != b.Wait.Resource || a.Wait.Task != b.Wait.Task || a.Wait.Scope != b.Wait.Scope)
}

func groupDeltas(a, b *Snapshot) []GroupDelta {
	groups := make(map[string]*GroupDelta)
	count := func(s *Snapshot, add func(*GroupDelta)) {
		for i := range s.Tasks {
			path := starred(s.Path(s.Tasks[i].ID))
			if groups[path] == nil {
				groups[path] = &GroupDelta{Path: path}
			}
			add(groups[path])
		}
	}
	count(a, func(g *GroupDelta) { g.Before++ })
	count(b, func(g *GroupDelta) { g.After++ })
	list := []GroupDelta{}
	for _, path := range slices.Sorted(maps.Keys(groups)) {
		if g := groups[path]; g.Before != g.After {
			list = append(list, *g)
		}
	}
	change := func(g GroupDelta) int { return max(g.After-g.Before, g.Before-g.After) }
	slices.SortStableFunc(list, func(x, y GroupDelta) int {
		return cmp.Or(cmp.Compare(change(y), change(x)), strings.Compare(x.Path, y.Path))
	})
	return list
}
