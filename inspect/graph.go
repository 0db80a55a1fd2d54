package inspect

// Graph is who waits for, holds, started or cancelled what.
type Graph struct {
	At

	Nodes     []Node `json:"nodes"`
	Edges     []Edge `json:"edges"`
	Truncated bool   `json:"truncated"`
}

// Node is a task, a scope or a resource.
type Node struct {
	Subject

	State    string `json:"state,omitempty"`
	Detail   string `json:"detail,omitempty"`
	Deadlock bool   `json:"deadlock,omitempty"` // it is in one
}

// Kinds of [Edge].
const (
	EdgeWait   = "wait"   // from a task to the resource, or scope, that it waits on
	EdgeHold   = "hold"   // from a resource to a task that holds it, or uses it
	EdgeAwait  = "await"  // from a task to the task whose end it waits for
	EdgeSpawn  = "spawn"  // from what runs a scope to a task in it
	EdgeCancel = "cancel" // from where a cancellation began to a task that it reached
)

// Edge leads from one node to another.
type Edge struct {
	Kind   string `json:"kind"`
	From   uint64 `json:"from"`
	To     uint64 `json:"to"`
	FromOf string `json:"from_kind"` // kind of the node: ids of resources are counted apart
	ToOf   string `json:"to_kind"`
	Label  string `json:"label,omitempty"`
}

// GraphOptions says which part of the graph is wanted.
type GraphOptions struct {
	Of   []string // kinds of edges; none means EdgeWait, EdgeHold and EdgeAwait
	Root uint64   // only tasks in or below this task or scope, and what they lead to; 0 means all
	Max  int      // nodes at most; 0 means 2,000
}

// Graph returns the graph of s.
func (s *Snapshot) Graph(o GraphOptions) (*Graph, error) { return &Graph{}, nil }

// DOT returns g in the language of Graphviz.
func (g *Graph) DOT() string { return "" }

// Mermaid returns g as a Mermaid flowchart.
func (g *Graph) Mermaid() string { return "" }
