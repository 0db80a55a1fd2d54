package inspect

import "io"

// Tree is the scopes and tasks of a snapshot as they stand in each other.
type Tree struct {
	At

	Roots     []*TreeNode `json:"roots"`
	Tasks     int         `json:"tasks"` // in all of it
	Nodes     int         `json:"nodes"` // in this answer
	Truncated bool        `json:"truncated"`
}

// TreeNode is a task or a scope, or several that are equal.
type TreeNode struct {
	ID       uint64      `json:"id"`   // of the first of them
	Kind     string      `json:"kind"` // "task", or the kind of the scope
	Name     string      `json:"name"`
	State    string      `json:"state,omitempty"`
	Wait     string      `json:"wait,omitempty"`
	SinceUS  int64       `json:"since_us,omitempty"` // how long it has waited; of several, the longest
	Cancel   string      `json:"cancel,omitempty"`   // cause, if it was cancelled
	Detail   string      `json:"detail,omitempty"`   // such as the limit of a scope
	Count    int         `json:"count"`              // equal subtrees that are folded into this one
	Size     int         `json:"size"`               // tasks in it, all those folded included
	Children []*TreeNode `json:"children,omitempty"`
	Cut      int         `json:"cut,omitempty"` // children that were left out because of the depth or the size
}

// TreeOptions says which part of the tree is wanted.
type TreeOptions struct {
	Root  uint64 // task or scope; 0 means all
	Depth int    // levels; 0 means all
	Fold  bool   // equal subtrees become one
	Max   int    // nodes at most; 0 means 10,000
}

// Tree returns the tree of s.
func (s *Snapshot) Tree(o TreeOptions) (*Tree, error) { return &Tree{}, nil }

// WriteText writes t for people.
func (t *Tree) WriteText(w io.Writer) error { return nil }
