package inspect_test

import (
	"sync"
	"testing"

	"github.com/braid-go/braid/inspect"
)

func TestSnapshot_lookups(t *testing.T) {
	t.Parallel()
	s := with(program(inspect.Task{Name: "a", Wait: waits("mutex.Lock", 1)}, inspect.Task{Name: "b"}), mutex("m", held(1, 1)))
	s.Scopes = append(s.Scopes, inspect.Scope{ID: 50, Parent: firstTask, Owner: firstTask, Kind: inspect.ScopeGroup, Name: "inner"})
	s.Tasks = append(s.Tasks, inspect.Task{ID: 60, Parent: 50, Name: "deep"}, inspect.Task{ID: 70, Parent: 69, Name: "orphan"})
	var wg sync.WaitGroup
	for range 4 { // the index is made once, whoever comes first
		wg.Go(func() {
			if s.Task(60) == nil || s.Task(61) != nil || s.Scope(50) == nil || s.Scope(60) != nil || s.Resource(1) == nil || s.Resource(2) != nil || s.Site(1) == nil || s.Site(9) != nil {
				t.Error("a lookup is wrong")
			}
		})
	}
	wg.Wait()
	for id, want := range map[uint64]string{60: "shop/a/inner/deep", 50: "shop/a/inner", mainGroup: "shop", 70: "orphan", 71: ""} {
		if got := s.Path(id); got != want {
			t.Errorf("Path(%d) = %q, want %q", id, got, want)
		}
	}
	if scopes, tasks := s.Children(0); len(scopes) != 0 || len(tasks) != 2 || tasks[1].ID != 70 {
		t.Errorf("roots: %v, %v", scopes, tasks)
	}
	if scopes, tasks := s.Children(mainGroup); len(scopes) != 0 || len(tasks) != 2 || tasks[0].Name != "a" {
		t.Errorf("children of the group: %v, %v", scopes, tasks)
	}
	if got, want := s.WaitText(s.Task(firstTask)), "mutex.Lock m, 1st of 1"; got != want {
		t.Errorf("WaitText = %q, want %q", got, want)
	}
	if got := s.WaitText(s.Task(firstTask + 1)); got != "" {
		t.Errorf("WaitText of an active task = %q", got)
	}
	if got := s.Site(2).String(); got != "shop.(*DB).query" {
		t.Errorf("site = %q", got)
	}
}

// A file may hold anything: parents in a circle, ids that lead nowhere. Nothing may hang or panic because of it.
func TestSnapshot_nonsense(t *testing.T) {
	t.Parallel()
	s := &inspect.Snapshot{
		Scopes: []inspect.Scope{{ID: 1, Parent: 2, Owner: 2, Limit: -1}, {ID: 5, Parent: 5, Cancel: &inspect.Cancel{}}, {}},
		Tasks: []inspect.Task{
			{ID: 2, Parent: 1, Name: "a", State: inspect.StateBlocked, Wait: &inspect.Wait{Op: "run.Join", Scope: 1}, Cancel: &inspect.Cancel{Scope: 99, Site: 99}},
			{ID: 3, Parent: 1, State: "what", Wait: &inspect.Wait{Resource: 9}},
			{ID: 3, Parent: 3, State: inspect.StateBlocked, Wait: &inspect.Wait{Task: 3}},
			{ID: 0, State: inspect.StateQueued, Parent: 5, Holds: []inspect.Hold{{Resource: 77}}},
			{ID: 8, State: inspect.StateBlocked, Wait: &inspect.Wait{Resource: 1, Amount: -5}},
		},
		Resources: []inspect.Resource{
			{ID: 1, Kind: "semaphore", Capacity: -3, Waiting: -1, Holders: []inspect.Hold{{Task: 8, Amount: -2}, {Task: 1234}}, Waiters: []inspect.Waiter{{Task: 8}, {Task: 8}, {}}},
			{ID: 1, Kind: ""}, {ID: 3, Kind: "queue", Holders: []inspect.Hold{{Mode: "what"}}},
		},
	}
	m, err := inspect.NewMonitor(inspect.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		m.Update(s, noon)
	}
	s.Deadlocks()
	s.WhyShutdown()
	for _, id := range []uint64{0, 2, 3, 8} {
		s.Why(id)
		s.Path(id)
		if _, err := s.Tree(inspect.TreeOptions{Root: id, Fold: true}); err != nil {
			t.Error(err)
		}
	}
	g, err := s.Graph(inspect.GraphOptions{Of: []string{"wait", "hold", "await", "spawn", "cancel"}})
	if err != nil {
		t.Fatal(err)
	}
	g.DOT()
	g.Mermaid()
	if _, err := s.Query(inspect.Query{Name: "*", Scope: 1, Sort: "-since"}); err != nil {
		t.Error(err)
	}
	if _, err := s.GroupBy(inspect.Query{Group: []string{"name", "wait", "scope"}}); err != nil {
		t.Error(err)
	}
	inspect.Diff(s, &inspect.Snapshot{})
}
