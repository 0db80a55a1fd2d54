package inspect

// Deadlock is a set of tasks none of which can go on before another one of them does.
type Deadlock struct {
	Kind       string   `json:"kind"`       // see the constants
	Confidence string   `json:"confidence"` // Certain or Likely
	Cycle      []Link   `json:"cycle"`      // each waits for the next, and the last for the first; of an orphan, the last waits for nobody
	Tasks      []uint64 `json:"tasks"`      // all that cannot go on, those outside of the cycle included
	Text       string   `json:"text"`
}

// Kinds of deadlock.
const (
	DeadlockCycle  = "cycle"  // tasks wait for each other
	DeadlockSelf   = "self"   // one task waits for what only it can bring
	DeadlockPool   = "pool"   // all who hold a slot of a limited group wait for tasks that wait for one
	DeadlockOrphan = "orphan" // what is waited for was taken by a task that has ended
)

// Link is one task of a cycle, and how it waits for the next.
type Link struct {
	Task uint64  `json:"task"`
	Path string  `json:"path"`
	Op   string  `json:"op"`
	Via  Subject `json:"via"` // the resource, scope or task that it waits on
	Text string  `json:"text"`
}

// Deadlocks returns the deadlocks in s, the largest first.
func (s *Snapshot) Deadlocks() []Deadlock { return nil }
