package inspect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Graph is who waits for, holds, started or cancelled what.
type Graph struct {
	At

	Nodes     []Node `json:"nodes"`
	Edges     []Edge `json:"edges"`
	Truncated bool   `json:"truncated"` // there was more than GraphOptions.Max
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
	EdgeWait   = "wait"   // from a task to the resource, or the scope, that it waits on
	EdgeHold   = "hold"   // from a resource to a task that holds it, or uses it, or will settle it
	EdgeAwait  = "await"  // from a task to the task whose end it waits for; or from one that waits for its own tasks to each of them
	EdgeSpawn  = "spawn"  // from the task that runs a scope to a task in it
	EdgeCancel = "cancel" // from the task or scope where a cancellation began to a task that it has reached
)

// Edge leads from one node to another.
type Edge struct {
	Kind     string `json:"kind"`
	From     uint64 `json:"from"`
	FromKind string `json:"from_kind"` // as Subject.Kind: ids of resources are counted apart from those of tasks and scopes
	To       uint64 `json:"to"`
	ToKind   string `json:"to_kind"`
	Label    string `json:"label,omitempty"`
}

// GraphOptions says which part of the graph is wanted.
type GraphOptions struct {
	Of   []string // kinds of edges; none means EdgeWait, EdgeHold and EdgeAwait
	Root uint64   // only tasks in or below this task or scope, and what they lead to; 0 means all
	Max  int      // nodes at most; 0 means 2,000
}

// defaultGraph is GraphOptions.Max if that is 0.
const defaultGraph = 2000

var edgeKinds = []string{EdgeWait, EdgeHold, EdgeAwait, EdgeSpawn, EdgeCancel}

// Graph returns the graph of s: the edges that are wanted, and the nodes at their ends. A task without an edge is not in it.
// It is an error if there is no such root or no such kind of edge. If there are too many nodes, those in deadlocks come first,
// then those that hold something and wait, and some of those that wait for each thing.
func (s *Snapshot) Graph(o GraphOptions) (*Graph, error) {
	for _, k := range o.Of {
		if !slices.Contains(edgeKinds, k) {
			return nil, fmt.Errorf("inspect: of=%q: there is no such kind of edge; there are %s, and all", k, strings.Join(edgeKinds, ", "))
		}
	}
	switch {
	case o.Root != 0 && s.Task(o.Root) == nil && s.Scope(o.Root) == nil:
		return nil, fmt.Errorf("inspect: there is no task and no scope %d in this snapshot: it has ended, or never was", o.Root)
	case o.Max < 0:
		return nil, fmt.Errorf("inspect: a graph of %d nodes: the number must not be negative; 0 means %d", o.Max, defaultGraph)
	case o.Max == 0:
		o.Max = defaultGraph
	}
	if len(o.Of) == 0 {
		o.Of = []string{EdgeWait, EdgeHold, EdgeAwait}
	}
	d := &drawing{
		s: s, o: o, g: &Graph{At: s.moment(), Nodes: []Node{}, Edges: []Edge{}},
		nodes: make(map[nodeID]bool), edges: make(map[Edge]bool), stuck: make(map[uint64]bool), slotsDrawn: make(map[uint64]bool),
	}
	for _, dead := range s.Deadlocks() {
		for _, id := range dead.Tasks {
			d.stuck[id] = true
		}
	}
	inside := s.inside(o.Root)
	var chosen []*Task
	for i := range s.Tasks {
		if o.Root == 0 || inside[i] {
			chosen = append(chosen, &s.Tasks[i])
		}
	}
	d.most(chosen)
	return d.g, nil
}

// fewOfEach is how many that wait for the same are drawn before anything else is.
const fewOfEach = 8

// most draws tasks in the order of what they tell: deadlocks, who holds something and waits, some of those that wait for each thing,
// and then the others. A thousand that wait for one queue are no reason to leave out what else there is.
func (d *drawing) most(tasks []*Task) {
	d.members = fewOfEach
	var holding, first []*Task
	count := make(map[nodeID]int)
	for _, t := range tasks {
		switch {
		case d.stuck[t.ID]:
			d.task(t)
		case t.Wait != nil && len(t.Holds) > 0:
			holding = append(holding, t)
		case t.Wait != nil:
			at := nodeID{ofResource, t.Wait.Resource}
			if t.Wait.Resource == 0 {
				at = nodeID{ofTask, max(t.Wait.Task, t.Wait.Scope)} // one of them is 0, and their ids are counted together
			}
			if count[at]++; count[at] <= fewOfEach {
				first = append(first, t)
			}
		}
	}
	for _, t := range slices.Concat(holding, first) {
		d.task(t)
	}
	d.resources()
	d.members = len(d.s.Tasks)
	for _, t := range tasks {
		d.task(t)
	}
	d.resources()
}

type nodeID struct {
	kind string
	id   uint64
}

// drawing is a graph in the making.
type drawing struct {
	s     *Snapshot
	o     GraphOptions
	g     *Graph
	nodes map[nodeID]bool
	edges map[Edge]bool
	stuck map[uint64]bool

	members    int             // drawn of a task that waits for its own, at most
	slotsDrawn map[uint64]bool // by scope
}

func (d *drawing) wants(kind string) bool { return slices.Contains(d.o.Of, kind) }

// task adds the edges of one task.
func (d *drawing) task(t *Task) {
	me := nodeID{ofTask, t.ID}
	if w := t.Wait; w != nil {
		switch {
		case w.Resource != 0 && d.wants(EdgeWait) && d.s.Resource(w.Resource) != nil:
			d.edge(EdgeWait, me, nodeID{ofResource, w.Resource}, waitLabel(w, d.s.Resource(w.Resource)))
		case w.Task != 0 && d.wants(EdgeAwait) && d.s.Task(w.Task) != nil:
			d.edge(EdgeAwait, me, nodeID{ofTask, w.Task}, "")
		case w.Scope != 0 && w.Op == opJoin && d.wants(EdgeAwait):
			d.own(me, w.Scope)
		case w.Scope != 0 && w.Op != opJoin:
			d.slots(me, w.Scope, w.Op)
		}
	} else if t.State == StateQueued {
		d.slots(me, t.Parent, "slot")
	}
	if t.Owner != 0 && d.wants(EdgeSpawn) && d.s.Task(t.Owner) != nil {
		d.edge(EdgeSpawn, nodeID{ofTask, t.Owner}, me, d.s.scopeLabel(t.Parent))
	}
	if c := t.Cancel; c != nil && c.Scope != 0 && c.Scope != t.ID && d.wants(EdgeCancel) {
		switch {
		case d.s.Task(c.Scope) != nil:
			d.edge(EdgeCancel, nodeID{ofTask, c.Scope}, me, c.Cause)
		case d.s.Scope(c.Scope) != nil:
			d.edge(EdgeCancel, nodeID{ofScope, c.Scope}, me, c.Cause)
		}
	}
}

// own adds the edges of a task that waits for its own tasks to end, those in deadlocks first.
func (d *drawing) own(me nodeID, scope uint64) {
	_, members := d.s.Children(scope)
	n := 0
	for _, stuckOnes := range []bool{true, false} {
		for _, m := range members {
			if d.stuck[m.ID] != stuckOnes {
				continue
			}
			if n++; n > d.members && !stuckOnes || !d.edge(EdgeAwait, me, nodeID{ofTask, m.ID}, "its own") {
				return // there is no room for more
			}
		}
	}
}

func (s *Snapshot) scopeLabel(id uint64) string {
	if sc := s.Scope(id); sc != nil {
		return sc.Name
	}
	return ""
}

func waitLabel(w *Wait, r *Resource) string {
	label := w.Op
	if w.Pos > 0 && inOrder(r) {
		label += ", " + ordinal(w.Pos)
	}
	return label
}

// slots adds the edges of a task that waits for a slot of a scope.
func (d *drawing) slots(me nodeID, scope uint64, label string) {
	if d.s.Scope(scope) == nil || !d.wants(EdgeWait) {
		return
	}
	if !d.edge(EdgeWait, me, nodeID{ofScope, scope}, label) || d.slotsDrawn[scope] || !d.wants(EdgeHold) {
		return
	}
	d.slotsDrawn[scope] = true
	_, members := d.s.Children(scope)
	for _, m := range members {
		if m.Slot {
			d.edge(EdgeHold, nodeID{ofScope, scope}, nodeID{ofTask, m.ID}, "slot")
		}
	}
}

// resources adds who holds what somebody in the graph waits on, or, if everything is wanted, anything.
func (d *drawing) resources() {
	if !d.wants(EdgeHold) {
		return
	}
	for i := range d.s.Resources {
		r := &d.s.Resources[i]
		node := nodeID{ofResource, r.ID}
		if !d.nodes[node] && (d.o.Root != 0 || d.wants(EdgeWait)) && !d.heldInside(r) {
			continue
		}
		for _, h := range r.Holders {
			if h.Ended || d.s.Task(h.Task) == nil {
				continue
			}
			label := h.Mode
			if h.Amount > 1 && h.Amount < uncounted {
				label = strings.TrimSpace(label + " ×" + strconv.FormatInt(h.Amount, 10))
			}
			if h.Maybe {
				label = strings.TrimSpace(label + " perhaps")
			}
			d.edge(EdgeHold, node, nodeID{ofTask, h.Task}, label)
		}
		if r.Task != 0 && d.s.Task(r.Task) != nil {
			d.edge(EdgeHold, node, nodeID{ofTask, r.Task}, "settles")
		}
	}
}

// heldInside reports whether a task that is in the graph holds permits of r.
func (d *drawing) heldInside(r *Resource) bool {
	return hasPermits(r) && slices.ContainsFunc(r.Holders, func(h Hold) bool { return d.nodes[nodeID{ofTask, h.Task}] })
}

// edge adds an edge and its ends, unless that would be too much. One that is there already is not added again.
func (d *drawing) edge(kind string, from, to nodeID, label string) bool {
	if from == to && kind == EdgeSpawn {
		return false
	}
	e := Edge{Kind: kind, From: from.id, FromKind: from.kind, To: to.id, ToKind: to.kind, Label: label}
	if d.edges[e] {
		return true
	}
	extra := 0
	for _, n := range []nodeID{from, to} {
		if !d.nodes[n] {
			extra++
		}
	}
	if len(d.nodes)+extra > d.o.Max {
		d.g.Truncated = true
		return false
	}
	d.node(from)
	d.node(to)
	d.edges[e] = true
	d.g.Edges = append(d.g.Edges, e)
	return true
}

func (d *drawing) node(id nodeID) {
	if d.nodes[id] {
		return
	}
	d.nodes[id] = true
	n := Node{Subject: Subject{Kind: id.kind, ID: id.id}}
	switch id.kind {
	case ofTask:
		t := d.s.Task(id.id)
		n.Subject, n.State, n.Deadlock = d.s.taskSubject(t), t.State, d.stuck[t.ID]
		n.Detail = causeOf(t.Cancel)
		if n.Detail != "" {
			n.Detail = "cancelled: " + n.Detail
		}
	case ofScope:
		sc := d.s.Scope(id.id)
		n.Subject, n.Detail = d.s.scopeSubject(sc), d.s.scopeDetail(sc)
	case ofResource:
		r := d.s.Resource(id.id)
		n.Name = resourceName(r)
		n.Detail = useOf(r)
	}
	d.g.Nodes = append(d.g.Nodes, n)
}

// useOf says how full r is.
func useOf(r *Resource) string {
	switch {
	case r.Capacity > 1 && r.Capacity < uncounted:
		return fmt.Sprintf("%d of %d, %d waiting", r.InUse, r.Capacity, r.Waiting)
	case r.Waiting > 0:
		return fmt.Sprintf("%d waiting", r.Waiting)
	default:
		return ""
	}
}

// name is the node's name in DOT and Mermaid.
func (n nodeID) name() string { return n.kind[:1] + strconv.FormatUint(n.id, 10) }

// DOT returns g in the language of Graphviz.
func (g *Graph) DOT() string {
	var b strings.Builder
	b.WriteString("digraph tasks {\n\trankdir=LR\n\tnode [fontname=\"sans-serif\"]\n\tedge [fontname=\"sans-serif\", fontsize=10]\n")
	shapes := map[string]string{ofTask: "box", ofScope: "component", ofResource: "ellipse"}
	for _, n := range g.Nodes {
		color := ""
		if n.Deadlock {
			color = ", color=red, penwidth=2"
		}
		fmt.Fprintf(&b, "\t%s [shape=%s, label=%s%s]\n", nodeID{n.Kind, n.ID}.name(), shapes[n.Kind], dotQuote(n.lines("\n")), color)
	}
	for _, e := range g.Edges {
		style := map[string]string{EdgeHold: ", style=dashed", EdgeSpawn: ", color=gray", EdgeCancel: ", color=orange"}[e.Kind]
		fmt.Fprintf(&b, "\t%s -> %s [label=%s%s]\n", nodeID{e.FromKind, e.From}.name(), nodeID{e.ToKind, e.To}.name(), dotQuote(strings.TrimSpace(e.Kind+" "+e.Label)), style)
	}
	if g.Truncated {
		b.WriteString("\tlabel=\"there is more than is shown\"\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// lines is what stands in the node's picture.
func (n *Node) lines(separator string) string {
	parts := slices.DeleteFunc([]string{n.Name, n.State, n.Detail}, func(s string) bool { return s == "" })
	return strings.Join(parts, separator)
}

// dotQuote quotes a label. Names are the program's, so anything may be in them.
func dotQuote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", " ", "\n", `\n`).Replace(text) + `"`
}

// Mermaid returns g as a Mermaid flowchart.
func (g *Graph) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	open := map[string][2]string{ofTask: {"[", "]"}, ofScope: {"[[", "]]"}, ofResource: {"([", "])"}}
	for _, n := range g.Nodes {
		fmt.Fprintf(&b, "  %s%s\"%s\"%s\n", nodeID{n.Kind, n.ID}.name(), open[n.Kind][0], mermaidText(n.lines("\n")), open[n.Kind][1])
	}
	arrows := map[string]string{EdgeHold: "-.->", EdgeSpawn: "-->", EdgeWait: "==>", EdgeAwait: "==>", EdgeCancel: "--x"}
	for _, e := range g.Edges {
		fmt.Fprintf(&b, "  %s %s|\"%s\"| %s\n", nodeID{e.FromKind, e.From}.name(), arrows[e.Kind], mermaidText(strings.TrimSpace(e.Kind+" "+e.Label)), nodeID{e.ToKind, e.To}.name())
	}
	var stuck []string
	for _, n := range g.Nodes {
		if n.Deadlock {
			stuck = append(stuck, nodeID{n.Kind, n.ID}.name())
		}
	}
	if len(stuck) > 0 {
		b.WriteString("  classDef deadlock stroke:#c00,stroke-width:3px\n  class " + strings.Join(stuck, ",") + " deadlock\n")
	}
	if g.Truncated {
		b.WriteString("  %% there is more than is shown\n")
	}
	return b.String()
}

// mermaidText writes text with the entities that Mermaid reads between quotes.
func mermaidText(text string) string {
	return strings.NewReplacer("&", "#amp;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "#", "#35;", "\r", " ", "\n", "<br/>", "`", "#96;").Replace(text)
}
