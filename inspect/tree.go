package inspect

import (
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Tree is the scopes and tasks of a snapshot as they stand in each other.
type Tree struct {
	At

	Roots     []*TreeNode `json:"roots"`
	Tasks     int         `json:"tasks"`         // in all of it
	Nodes     int         `json:"nodes"`         // in this answer
	Cut       int         `json:"cut,omitempty"` // roots that were left out because of the size
	Truncated bool        `json:"truncated"`     // Max has left out something
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
	Size     int         `json:"size"`               // tasks in it, in all those folded
	Children []*TreeNode `json:"children,omitempty"`
	Cut      int         `json:"cut,omitempty"` // children that were left out because of the depth or the size
}

// TreeOptions says which part of the tree is wanted.
type TreeOptions struct {
	Root  uint64 // task or scope; 0 means all
	Depth int    // levels; 0 means all, but never more than 2,000
	Fold  bool   // equal subtrees in one place become one
	Max   int    // nodes at most; 0 means 10,000
}

const (
	defaultNodes = 10000 // TreeOptions.Max if that is 0
	maxDepth     = 2000  // a program that reads JSON need not do so at any depth
)

// Tree returns the tree of s, or a part of it. It is an error if there is no such root, or a number is negative.
//
// With Fold, subtrees side by side become one if they are equal: the same functions, states and kinds of wait, the same names but for numbers in them,
// and the same below. What differs, such as ids, is that of the first, and below a folded node stands what is below the first.
// Numbers in the names are shown as *.
//
// Where Max leaves something out, it is what is deepest, and then what comes last.
func (s *Snapshot) Tree(o TreeOptions) (*Tree, error) {
	if o.Depth < 0 || o.Max < 0 {
		return nil, fmt.Errorf("inspect: a tree of depth %d with %d nodes: neither may be negative; 0 means no limit of depth, and %d nodes", o.Depth, o.Max, defaultNodes)
	}
	if o.Root != 0 && s.Task(o.Root) == nil && s.Scope(o.Root) == nil {
		return nil, fmt.Errorf("inspect: there is no task and no scope %d in this snapshot: it has ended, or never was", o.Root)
	}
	if o.Max == 0 {
		o.Max = defaultNodes
	}
	p := newPlan(s, o.Fold)
	if o.Depth == 0 || o.Depth > maxDepth {
		o.Depth = maxDepth
	}
	t := &Tree{At: s.moment()}
	var roots []int32
	if o.Root != 0 {
		roots = []int32{p.ix.node(o.Root)}
	} else {
		roots = p.children(p.ix.top())
	}
	for _, r := range roots {
		t.Tasks += int(p.size[r])
	}
	p.show(t, roots, o)
	return t, nil
}

// plan is what is known of all nodes before any is shown; see index for what a node is.
// It is made without recursion, for a tree may be as deep as a program likes.
type plan struct {
	s     *Snapshot
	ix    *index
	size  []int32  // tasks
	shape []uint64 // equal for equal subtrees; nil if nobody folds
}

func newPlan(s *Snapshot, fold bool) *plan {
	ix := s.lookup()
	n := len(ix.up)
	p := &plan{s: s, ix: ix, size: make([]int32, n)}
	order := make([]int32, 1, n) // parents before their children
	order[0] = ix.top()
	for i := 0; i < len(order); i++ {
		for c := ix.first[order[i]]; c >= 0; c = ix.next[c] {
			order = append(order, c)
		}
	}
	if fold {
		p.shape = make([]uint64, n)
	}
	h := hasher{s: s, seed: maphash.MakeSeed()}
	for _, node := range slices.Backward(order[1:]) {
		t := p.task(node)
		if t != nil {
			p.size[node]++
		}
		up := ix.up[node]
		p.size[up] += p.size[node]
		if fold { // up to here, shape is the sum of the shapes below: that does not depend on their order
			p.shape[node] = scramble(h.looks(t, node) ^ scramble(p.shape[node]+1))
			p.shape[up] += p.shape[node]
		}
	}
	return p
}

// above returns what the scope stands in.
func (sc *Scope) above() uint64 {
	if sc.Parent != 0 {
		return sc.Parent
	}
	return sc.Owner
}

// task returns the task of a node; nil for scopes and the top.
func (p *plan) task(node int32) *Task {
	if i := int(node) - len(p.s.Scopes); i >= 0 && node != p.ix.top() {
		return &p.s.Tasks[i]
	}
	return nil
}

func (p *plan) children(node int32) []int32 {
	var list []int32
	for c := p.ix.first[node]; c >= 0; c = p.ix.next[c] {
		list = append(list, c)
	}
	return list
}

// hasher puts into a number what makes two nodes look alike. Sums of such numbers, scrambled, tell sets of nodes apart.
type hasher struct {
	s    *Snapshot
	seed maphash.Seed
	buf  []byte
}

func (h *hasher) looks(t *Task, node int32) uint64 {
	h.buf = h.buf[:0]
	add := func(text string) { h.buf = append(append(h.buf, text...), 0) }
	if t == nil {
		sc := &h.s.Scopes[node]
		add(sc.Kind)
		h.buf = append(appendStarred(h.buf, sc.Name), 0)
		h.buf = strconv.AppendInt(h.buf, int64(sc.Limit), 10)
		h.buf = strconv.AppendBool(h.buf, sc.Cancel != nil)
		return maphash.Bytes(h.seed, h.buf)
	}
	h.buf = append(appendStarred(h.buf, t.Name), 0)
	h.buf = strconv.AppendUint(h.buf, t.Site, 10)
	add(t.State)
	h.buf = strconv.AppendBool(h.buf, t.Cancel != nil)
	if w := t.Wait; w != nil {
		add(w.Op)
		if r := h.s.Resource(w.Resource); r != nil {
			add(r.Kind)
		}
	}
	return maphash.Bytes(h.seed, h.buf)
}

// appendStarred appends name with its numbers as *. A digit right behind a letter, as in "http2", belongs to a word.
func appendStarred(b []byte, name string) []byte {
	word := false
	for i := range len(name) {
		c := name[i]
		digit := '0' <= c && c <= '9'
		switch {
		case !digit || word:
			b = append(b, c)
			word = word && digit || 'a' <= c|0x20 && c|0x20 <= 'z' || c >= 0x80
		case i == 0 || len(b) == 0 || b[len(b)-1] != '*':
			b = append(b, '*')
		}
	}
	return b
}

// starred is appendStarred for a string.
func starred(name string) string {
	if !strings.ContainsAny(name, "0123456789") {
		return name
	}
	return string(appendStarred(nil, name))
}

// show fills t level by level, so that what is left out is what is deepest.
func (p *plan) show(t *Tree, roots []int32, o TreeOptions) {
	type level struct {
		of     *TreeNode // nil for the roots
		nodes  []int32
		folded bool
	}
	t.Roots = []*TreeNode{}
	for now, depth := []level{{nodes: roots}}, 1; len(now) > 0; depth++ {
		var below []level
		for _, l := range now {
			list, cut := p.row(l.nodes, l.folded, o.Fold, o.Max-t.Nodes)
			t.Nodes += len(list)
			t.Truncated = t.Truncated || cut > 0
			shown := make([]*TreeNode, len(list))
			for i, one := range list {
				shown[i] = one.show
				if p.ix.first[one.node] < 0 {
					continue
				}
				if depth < o.Depth {
					below = append(below, level{of: one.show, nodes: p.children(one.node), folded: l.folded || one.show.Count > 1})
				} else {
					one.show.Cut = len(p.children(one.node))
					t.Truncated = t.Truncated || depth == maxDepth
				}
			}
			if l.of == nil {
				t.Roots, t.Cut = shown, cut
			} else {
				l.of.Children, l.of.Cut = shown, cut
			}
		}
		now = below
	}
}

// rowNode is a node, and how it is shown.
type rowNode struct {
	node int32
	show *TreeNode
}

// row shows nodes side by side, but no more than limit, and returns how many nodes it has left out.
func (p *plan) row(nodes []int32, folded, fold bool, limit int) (list []rowNode, cut int) {
	known := make(map[uint64]*TreeNode)
	for _, n := range nodes {
		if fold {
			if one := known[p.shape[n]]; one != nil {
				one.Count++
				one.Size += int(p.size[n])
				if t := p.task(n); t != nil && t.Wait != nil {
					one.SinceUS = max(one.SinceUS, p.s.since(t.Wait.Since).Microseconds())
				}
				continue
			}
		}
		if len(list) >= limit {
			cut++
			continue
		}
		one := p.look(n)
		if fold {
			known[p.shape[n]] = one
		}
		list = append(list, rowNode{n, one})
	}
	for _, one := range list {
		if folded || one.show.Count > 1 {
			one.show.Name, one.show.Wait = starred(one.show.Name), p.foldedWait(one.node)
		}
	}
	return list, cut
}

// look describes one node.
func (p *plan) look(n int32) *TreeNode {
	t := p.task(n)
	if t == nil {
		sc := &p.s.Scopes[n]
		return &TreeNode{ID: sc.ID, Kind: sc.Kind, Name: sc.Name, Cancel: causeOf(sc.Cancel), Detail: p.s.scopeDetail(sc), Count: 1, Size: int(p.size[n])}
	}
	one := &TreeNode{ID: t.ID, Kind: ofTask, Name: t.Name, State: t.State, Wait: p.s.WaitText(t), Cancel: causeOf(t.Cancel), Detail: p.s.holdsDetail(t), Count: 1, Size: int(p.size[n])}
	if t.Wait != nil {
		one.SinceUS = p.s.since(t.Wait.Since).Microseconds()
	}
	return one
}

// foldedWait says what several equal tasks wait on: no places in line, and names without numbers.
func (p *plan) foldedWait(n int32) string {
	t := p.task(n)
	switch {
	case t == nil:
		return ""
	case t.Wait == nil:
		return p.s.WaitText(t)
	case t.Wait.Op == opJoin:
		return opJoin
	}
	if name := p.s.targetName(t.Wait); name != "" {
		return t.Wait.Op + " " + starred(name)
	}
	return t.Wait.Op
}

func causeOf(c *Cancel) string {
	switch {
	case c == nil:
		return ""
	case c.Cause == "":
		return "cancelled"
	default:
		return c.Cause
	}
}

// scopeDetail says what is worth knowing of a scope.
func (s *Snapshot) scopeDetail(sc *Scope) string {
	var parts []string
	if sc.Limit > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d slots taken, %d queued", sc.Running, sc.Limit, sc.Queued))
	}
	if sc.Failures > 0 {
		parts = append(parts, plural(sc.Failures, "failure"))
	}
	if d := sc.Deadline; d != nil {
		if left := d.Sub(s.Taken); left >= 0 {
			parts = append(parts, "ends in "+span(left))
		} else {
			parts = append(parts, "was to end "+span(-left)+" ago")
		}
	}
	return strings.Join(parts, ", ")
}

// holdsDetail names what a task holds.
func (s *Snapshot) holdsDetail(t *Task) string {
	var names []string
	for _, h := range t.Holds {
		if r := s.Resource(h.Resource); r != nil && hasPermits(r) && !h.Maybe {
			names = append(names, resourceName(r))
		}
	}
	switch {
	case len(names) == 0:
		return ""
	case len(names) > 3:
		names = append(names[:3], fmt.Sprintf("%d more", len(names)-3))
	}
	return "holds " + strings.Join(names, ", ")
}

// WriteText writes t for people, with lines that lead from each node to those in it.
// Groups of which there is nothing to say are left out; their tasks stand below the task that runs them.
func (t *Tree) WriteText(w io.Writer) error {
	var b strings.Builder // of as many lines as the tree has nodes
	writeNodes(&b, t.Roots, t.Cut, "", true)
	if t.Truncated {
		fmt.Fprintf(&b, "(%s in all; the answer is cut at %s)\n", plural(t.Tasks, "task"), plural(t.Nodes, "line"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeNodes writes nodes that stand side by side. Its depth is that of the tree, which is bounded.
func writeNodes(b *strings.Builder, nodes []*TreeNode, cut int, indent string, top bool) {
	nodes, cut = spliced(nodes, cut)
	for i, n := range nodes {
		branch, deeper := "├─ ", "│  "
		if i == len(nodes)-1 && cut == 0 {
			branch, deeper = "└─ ", "   "
		}
		if top {
			branch, deeper = "", ""
		}
		b.WriteString(indent + branch)
		n.writeLine(b)
		writeNodes(b, n.Children, n.Cut, indent+deeper, false)
	}
	if cut > 0 {
		branch := "└─ "
		if top {
			branch = ""
		}
		fmt.Fprintf(b, "%s%s… %d more\n", indent, branch, cut)
	}
}

// spliced replaces plain groups by what is in them.
func spliced(nodes []*TreeNode, cut int) ([]*TreeNode, int) {
	plain := func(n *TreeNode) bool {
		return n.Kind == ScopeGroup && n.Name == "" && n.Detail == "" && n.Cancel == "" && n.Count == 1
	}
	if !slices.ContainsFunc(nodes, plain) {
		return nodes, cut
	}
	var list []*TreeNode
	for _, n := range nodes {
		if plain(n) {
			list = append(list, n.Children...) // no group stands directly in a group
			cut += n.Cut
		} else {
			list = append(list, n)
		}
	}
	return list, cut
}

func (n *TreeNode) writeLine(b *strings.Builder) {
	if n.Kind != ofTask {
		b.WriteString("(" + n.Kind)
		if n.Name != "" {
			b.WriteString(" " + n.Name)
		}
		b.WriteString(")")
	} else {
		b.WriteString(n.Name)
	}
	if n.Count > 1 {
		fmt.Fprintf(b, " ×%d", n.Count)
	}
	if n.State != "" {
		b.WriteString("  " + n.State)
	}
	if n.Wait != "" {
		b.WriteString(" " + n.Wait)
	}
	if n.SinceUS >= 1000 {
		b.WriteString(" for " + span(micros(n.SinceUS)))
	}
	if n.Detail != "" {
		b.WriteString("  [" + n.Detail + "]")
	}
	if n.Cancel != "" {
		b.WriteString("  cancelled: " + n.Cancel)
	}
	if n.Count > 1 && n.Size > n.Count {
		fmt.Fprintf(b, "  (%s in all)", plural(n.Size, "task"))
	}
	b.WriteByte('\n')
}
