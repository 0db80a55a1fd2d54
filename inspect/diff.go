package inspect

// Difference is what has changed from one snapshot to another.
type Difference struct {
	From    At           `json:"from"`
	To      At           `json:"to"`
	Same    bool         `json:"same_instance"` // else nothing can be said of single tasks
	Started []Item       `json:"started"`
	Ended   []Item       `json:"ended"`
	Changed []TaskChange `json:"changed"` // other state, wait or cancel
	Stuck   []Item       `json:"stuck"`   // in the same wait in both
	Groups  []GroupDelta `json:"groups"`  // tasks of the same name, without #index; those whose number has changed
	Counts  [2]int       `json:"counts"`  // tasks in the first, and in the second
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

// Diff returns what has changed from a to b.
func Diff(a, b *Snapshot) *Difference { return &Difference{} }
