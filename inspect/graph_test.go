package inspect_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/braid-go/braid/inspect"
)

func TestGraph(t *testing.T) {
	t.Parallel()
	g, err := five().Graph(inspect.GraphOptions{})
	if err != nil {
		t.Fatal(err)
	}
	count := make(map[string]int)
	for _, e := range g.Edges {
		count[e.Kind]++
	}
	// main waits for five tasks, three wait for another one; two wait for the semaphore and the queue; two hold the one, two use the other.
	if count["await"] != 8 || count["wait"] != 2 || count["hold"] != 4 || len(g.Nodes) != 8 || g.Truncated {
		t.Errorf("%v, %d nodes", count, len(g.Nodes))
	}
	for _, n := range g.Nodes {
		if n.Kind == "task" && !n.Deadlock {
			t.Errorf("%s is not marked as in the deadlock", n.Name)
		}
	}
	dot := g.DOT()
	for _, want := range []string{"digraph tasks {", `t10 [shape=box, label="shop/reader\nblocked", color=red, penwidth=2]`, `t10 -> r1 [label="wait semaphore.Acquire, 1st"]`, `r1 -> t11 [label="hold", style=dashed]`, `r2 -> t10 [label="hold get", style=dashed]`} {
		if !strings.Contains(dot, want) {
			t.Errorf("the DOT lacks %s:\n%s", want, dot)
		}
	}
	mermaid := g.Mermaid()
	for _, want := range []string{"flowchart LR\n", `  t10["shop/reader<br/>blocked"]`, `  r1(["semaphore connections<br/>2 of 2, 1 waiting"])`, `  t10 ==>|"wait semaphore.Acquire, 1st"| r1`, `  r1 -.->|"hold"| t11`, "class t"} {
		if !strings.Contains(mermaid, want) {
			t.Errorf("the Mermaid lacks %s:\n%s", want, mermaid)
		}
	}
}

func TestGraph_kinds(t *testing.T) {
	t.Parallel()
	s := program(inspect.Task{Name: "a", Cancel: &inspect.Cancel{Cause: "stop", Scope: mainGroup}}, inspect.Task{Name: "b", State: inspect.StateQueued}, inspect.Task{Name: "c", Slot: true})
	s.Scopes[0].Limit = 1
	g, err := s.Graph(inspect.GraphOptions{Of: []string{"spawn", "cancel", "wait", "hold"}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range g.Edges {
		got = append(got, e.Kind+": "+e.FromKind+" to "+e.ToKind+" "+e.Label)
	}
	for _, want := range []string{"spawn: task to task ", "cancel: scope to task stop", "wait: task to scope slot", "hold: scope to task slot"} {
		found := false
		for _, e := range got {
			found = found || e == want
		}
		if !found {
			t.Errorf("there is no %q in %q", want, got)
		}
	}
	for _, o := range []inspect.GraphOptions{{Of: []string{"love"}}, {Root: 12345}, {Max: -1}} {
		if _, err := s.Graph(o); err == nil {
			t.Errorf("%+v is no error", o)
		}
	}
}

// A large graph is cut; the deadlock in it is not what is left out.
func TestGraph_cut(t *testing.T) {
	t.Parallel()
	var tasks []inspect.Task
	for range 5000 {
		tasks = append(tasks, inspect.Task{Wait: awaits(5002)})
	}
	tasks = append(tasks, inspect.Task{Name: "a", Wait: awaits(5001)}, inspect.Task{Name: "b", Wait: awaits(5000)}, inspect.Task{Name: "end"})
	g, err := program(tasks...).Graph(inspect.GraphOptions{Max: 100})
	if err != nil || !g.Truncated || len(g.Nodes) > 100 {
		t.Fatalf("%d nodes, truncated %v, %v", len(g.Nodes), g.Truncated, err)
	}
	stuck := 0
	for _, n := range g.Nodes {
		if n.Deadlock {
			stuck++
		}
	}
	if stuck != 3 {
		t.Errorf("%d of the deadlock are shown", stuck)
	}
}

// Thousands that wait for one thing do not crowd out another chain, wherever in the snapshot it stands.
func TestGraph_manyOfOneKind(t *testing.T) {
	t.Parallel()
	for _, behind := range []bool{true, false} {
		var crowd []inspect.Task
		for range 5000 {
			crowd = append(crowd, inspect.Task{Name: "order", Wait: waits("queue.Put", 1)})
		}
		chain := []inspect.Task{{Name: "auditor", Wait: &inspect.Wait{Op: "braid.Sleep", Timed: true}}, {Name: "archivist", Wait: waits("mutex.Lock", 2)}, {Name: "clerk"}}
		at := 0
		tasks := append(slices.Clone(chain), crowd...)
		if behind {
			at, tasks = len(crowd), append(slices.Clone(crowd), chain...)
		}
		tasks[at+2].Wait = awaits(at + 1)
		s := with(program(tasks...), inspect.Resource{Kind: "queue", Name: "orders", Capacity: 1, InUse: 1, Waiting: len(crowd)}, mutex("ledger", held(at, 1)))
		g, err := s.Graph(inspect.GraphOptions{Max: 100})
		if err != nil || !g.Truncated || len(g.Nodes) != 100 {
			t.Fatalf("%d nodes, truncated %v, %v", len(g.Nodes), g.Truncated, err)
		}
		got := g.Mermaid()
		wantText(t, got, "shop/clerk", "shop/archivist", "mutex ledger", "shop/auditor", "queue orders")
		seen := make(map[inspect.Edge]bool)
		for _, e := range g.Edges {
			if seen[e] {
				t.Errorf("an edge is there twice: %+v", e)
			}
			seen[e] = true
		}
	}
}

func TestGraph_root(t *testing.T) {
	t.Parallel()
	g, err := five().Graph(inspect.GraphOptions{Root: firstTask})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range g.Nodes {
		if n.Name == "shop/idle" || n.Name == "queue jobs" && n.Kind != "resource" {
			t.Errorf("%s is not below the root", n.Name)
		}
	}
	if len(g.Nodes) < 4 { // the reader, the semaphore, and who holds it
		t.Errorf("%d nodes", len(g.Nodes))
	}
}

// Names are the program's: they must not break out of their quotes.
func TestGraph_quotes(t *testing.T) {
	t.Parallel()
	evil := "a\"]; x -> y [label=\"\\\"\n</script>#quot;"
	g, err := program(inspect.Task{Name: evil, Wait: awaits(1)}, inspect.Task{Name: "b"}).Graph(inspect.GraphOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if dot := g.DOT(); !strings.Contains(dot, `label="shop/a\"]; x -> y [label=\"\\\"\n</script>#quot;\nblocked"`) {
		t.Errorf("DOT:\n%s", dot)
	}
	if m := g.Mermaid(); !strings.Contains(m, `["shop/a#quot;]; x -#gt; y [label=#quot;\#quot;<br/>#lt;/script#gt;#35;quot;<br/>blocked"]`) {
		t.Errorf("Mermaid:\n%s", m)
	}
}
