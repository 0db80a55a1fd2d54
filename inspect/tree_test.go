package inspect_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid/inspect"
)

// text returns the tree as people see it.
func text(t *testing.T, s *inspect.Snapshot, o inspect.TreeOptions) string {
	t.Helper()
	tree, err := s.Tree(o)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := tree.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// server is a program with several equal requests, each with two tasks.
func server() *inspect.Snapshot {
	s := program(inspect.Task{Name: "accept", Site: 1})
	s.Scopes[0].Live = 5
	for i := range 4 {
		id := uint64(100 + 10*i)
		wait := &inspect.Wait{Op: "run.Join", Scope: id + 1, Since: ago(time.Second)}
		s.Tasks = append(s.Tasks, inspect.Task{ID: id, Parent: mainGroup, Owner: mainTask, Name: fmt.Sprintf("request-%d", i), Site: 1, State: inspect.StateFinishing, Wait: wait})
		s.Scopes = append(s.Scopes, inspect.Scope{ID: id + 1, Parent: id, Owner: id, Kind: inspect.ScopeGroup, Live: 2})
		for j, name := range []string{"fetch#0", "fetch#1"} {
			task := inspect.Task{ID: id + 2 + uint64(j), Parent: id + 1, Owner: id, Name: name, Site: 2, State: inspect.StateBlocked, Wait: waits("queue.Get", 1)}
			task.Wait.Since = ago(time.Duration(i+1) * time.Second)
			s.Tasks = append(s.Tasks, task)
		}
	}
	s.Tasks[len(s.Tasks)-1].State, s.Tasks[len(s.Tasks)-1].Wait = inspect.StateActive, nil // the last request is not like the others
	return with(s, inspect.Resource{Kind: "queue", Name: "rows", Capacity: 1})
}

func TestTree(t *testing.T) {
	t.Parallel()
	got := text(t, server(), inspect.TreeOptions{})
	want := `shop  finishing run.Join of 5 tasks for 1m0s
├─ accept  active
├─ request-0  finishing run.Join of 2 tasks for 1s
│  ├─ fetch#0  blocked queue.Get rows, 1st of 7 for 1s
│  └─ fetch#1  blocked queue.Get rows, 2nd of 7 for 1s
`
	if !strings.HasPrefix(got, want) {
		t.Errorf("got:\n%s\nwant it to begin with:\n%s", got, want)
	}
}

func TestTree_fold(t *testing.T) {
	t.Parallel()
	got := text(t, server(), inspect.TreeOptions{Fold: true})
	want := `shop  finishing run.Join of 5 tasks for 1m0s
├─ accept  active
├─ request-* ×3  finishing run.Join for 1s  (9 tasks in all)
│  └─ fetch#* ×2  blocked queue.Get rows for 1s
└─ request-3  finishing run.Join of 2 tasks for 1s
   ├─ fetch#0  blocked queue.Get rows, 7th of 7 for 4s
   └─ fetch#1  active
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// What differs in one of these is not the same, and must not be folded.
func TestTree_foldOnlyEqual(t *testing.T) {
	t.Parallel()
	base := inspect.Task{Name: "w", Site: 1, Wait: waits("mutex.Lock", 1)}
	for name, change := range map[string]func(*inspect.Task){
		"name":     func(x *inspect.Task) { x.Name = "v" },
		"site":     func(x *inspect.Task) { x.Site = 2 },
		"state":    func(x *inspect.Task) { x.State = inspect.StateFinishing },
		"wait":     func(x *inspect.Task) { x.Wait = waits("semaphore.Acquire", 2) },
		"cancel":   func(x *inspect.Task) { x.Cancel = &inspect.Cancel{} },
		"children": func(x *inspect.Task) { x.ID = 0; x.Name = "w" },
		"number in a word": func(x *inspect.Task) {
			x.Name = "w2"
		},
	} {
		other := base
		other.Wait = waits("mutex.Lock", 1)
		change(&other)
		s := with(program(base, other), mutex("m"), inspect.Resource{Kind: "semaphore"})
		if name == "children" {
			s.Tasks = append(s.Tasks, inspect.Task{ID: 99, Parent: firstTask, Name: "below"})
		}
		tree, err := s.Tree(inspect.TreeOptions{Fold: true})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(tree.Roots[0].Children[0].Children); n != 2 {
			t.Errorf("%s: folded into %d", name, n)
		}
	}
	same := base
	same.Wait = waits("mutex.Lock", 2)
	tree, err := with(program(base, same), mutex("m"), mutex("n")).Tree(inspect.TreeOptions{Fold: true})
	if err != nil || len(tree.Roots[0].Children[0].Children) != 1 {
		t.Errorf("waits for locks of other names are of one kind, and not folded: %v", err)
	}
}

func TestTree_parts(t *testing.T) {
	t.Parallel()
	s := server()
	if got := text(t, s, inspect.TreeOptions{Root: 110}); !strings.HasPrefix(got, "request-1") || strings.Count(got, "\n") != 3 {
		t.Errorf("below a root:\n%s", got)
	}
	tree, err := s.Tree(inspect.TreeOptions{Depth: 3})
	if err != nil || tree.Truncated || tree.Tasks != 14 || tree.Nodes != 7 || tree.Roots[0].Children[0].Children[1].Cut != 1 {
		t.Errorf("to a depth: %+v, %v", tree, err)
	}
	tree, err = s.Tree(inspect.TreeOptions{Max: 4})
	if err != nil || !tree.Truncated || tree.Nodes != 4 || tree.Roots[0].Children[0].Cut != 3 {
		t.Errorf("of a size: %+v, %v", tree, err)
	}
	for _, o := range []inspect.TreeOptions{{Root: 12345}, {Depth: -1}, {Max: -1}} {
		if _, err := s.Tree(o); err == nil {
			t.Errorf("%+v is no error", o)
		}
	}
	if tree, err := (&inspect.Snapshot{}).Tree(inspect.TreeOptions{}); err != nil || tree.Roots == nil {
		t.Errorf("of nothing: %+v, %v", tree, err)
	}
}

// A tree may be deep. What is shown of it can be read by programs with a bound on nesting.
func TestTree_deep(t *testing.T) {
	t.Parallel()
	s := program()
	for i := range 50000 {
		s.Tasks = append(s.Tasks, inspect.Task{ID: uint64(firstTask + i), Parent: uint64(firstTask + i - 1), Name: "t", State: inspect.StateActive})
	}
	for _, fold := range []bool{false, true} {
		tree, err := s.Tree(inspect.TreeOptions{Fold: fold, Max: 1 << 20})
		if err != nil || tree.Tasks != 50001 || !tree.Truncated {
			t.Fatalf("%d tasks, truncated %v, %v", tree.Tasks, tree.Truncated, err)
		}
		data, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		var back inspect.Tree
		if err := json.Unmarshal(data, &back); err != nil {
			t.Error(err)
		}
	}
}

// Scopes are shown if there is something to say of them.
func TestTree_scopes(t *testing.T) {
	t.Parallel()
	s := program(inspect.Task{Name: "a", Cancel: &inspect.Cancel{Cause: "stop"}, Holds: []inspect.Hold{{Resource: 1, Amount: 1}}})
	s.Scopes[0].Limit, s.Scopes[0].Running, s.Scopes[0].Failures, s.Scopes[0].Name = 2, 1, 1, "workers"
	s.Scopes[0].Deadline = ago(-90 * time.Second)
	got := text(t, with(s, mutex("m", held(0, 1))), inspect.TreeOptions{})
	want := `shop  finishing run.Join of 1 task for 1m0s
└─ (group workers)  [1 of 2 slots taken, 0 queued, 1 failure, ends in 1m30s]
   └─ a  active  [holds mutex m]  cancelled: stop
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
