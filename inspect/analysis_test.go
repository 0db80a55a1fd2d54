package inspect_test

import (
	"fmt"
	"time"

	"github.com/braid-go/braid/inspect"
)

// Snapshots for the tests of what is made of them.

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// ago returns a time before noon, when all snapshots here are taken unless they say otherwise.
func ago(d time.Duration) *time.Time {
	t := noon.Add(-d)
	return &t
}

// ids in the snapshots below.
const (
	mainTask  = 1
	mainGroup = 2
	firstTask = 10
)

// program returns a program: a task main that waits for its group, and tasks in that.
func program(tasks ...inspect.Task) *inspect.Snapshot {
	s := &inspect.Snapshot{
		Seq: 7, Taken: noon,
		Process: inspect.Process{Instance: "a", PID: 4711, Name: "shop"},
		Sites:   []inspect.Site{{ID: 1, Func: "example.com/shop.serve", File: "/src/serve.go", Line: 12}, {ID: 2, Func: "example.com/shop.(*DB).query", File: "/src/db.go", Line: 30}},
		Scopes:  []inspect.Scope{{ID: mainGroup, Parent: mainTask, Owner: mainTask, Kind: inspect.ScopeGroup, Live: len(tasks)}},
		Tasks:   []inspect.Task{{ID: mainTask, Name: "shop", Site: 1, State: inspect.StateFinishing, Wait: &inspect.Wait{Op: "run.Join", Scope: mainGroup, Since: ago(time.Minute)}, Seq: 1}},
	}
	for i, t := range tasks {
		t.ID = firstTask + uint64(i)
		if t.Name == "" {
			t.Name = fmt.Sprintf("t%d", i)
		}
		if t.Parent == 0 {
			t.Parent, t.Owner = mainGroup, mainTask
		}
		if t.State == "" {
			t.State = inspect.StateActive
			if t.Wait != nil {
				t.State = inspect.StateBlocked
			}
		}
		if t.Seq == 0 {
			t.Seq = 100 + t.ID
		}
		s.Tasks = append(s.Tasks, t)
	}
	return s
}

// with adds resources, and fills in who waits on them from the tasks, in their order.
func with(s *inspect.Snapshot, resources ...inspect.Resource) *inspect.Snapshot {
	for i, r := range resources {
		r.ID = uint64(i + 1)
		if r.Waiters == nil {
			for j := range s.Tasks {
				if w := s.Tasks[j].Wait; w != nil && w.Resource == r.ID {
					r.Waiters = append(r.Waiters, inspect.Waiter{Task: s.Tasks[j].ID, Op: w.Op, Amount: w.Amount})
					w.Pos = len(r.Waiters)
				}
			}
		}
		r.Waiting = max(r.Waiting, len(r.Waiters))
		s.Resources = append(s.Resources, r)
	}
	return s
}

// waits returns a wait for a resource.
func waits(op string, resource uint64) *inspect.Wait {
	return &inspect.Wait{Op: op, Resource: resource, Since: ago(2 * time.Second)}
}

// awaits returns a wait for the end of the i-th task.
func awaits(i int) *inspect.Wait {
	return &inspect.Wait{Op: "task.Wait", Task: firstTask + uint64(i), Since: ago(2 * time.Second)}
}

// held says that the i-th task holds n.
func held(i int, n int64) inspect.Hold { return inspect.Hold{Task: firstTask + uint64(i), Amount: n} }

func mutex(name string, holders ...inspect.Hold) inspect.Resource {
	return inspect.Resource{Kind: "mutex", Name: name, Capacity: 1, InUse: int64(len(holders)), Holders: holders}
}

func user(i int, mode string) inspect.Hold {
	return inspect.Hold{Task: firstTask + uint64(i), Amount: 1, Mode: mode}
}

// five is a program whose five tasks hold each other up, through a semaphore, a queue and a join.
func five() *inspect.Snapshot {
	s := program(
		inspect.Task{Name: "reader", Wait: &inspect.Wait{Op: "semaphore.Acquire", Resource: 1, Amount: 2, Since: ago(3 * time.Second)}},
		inspect.Task{Name: "first", Wait: awaits(3)},
		inspect.Task{Name: "second", Wait: awaits(3)},
		inspect.Task{Name: "producer", Wait: waits("queue.Put", 2)},
		inspect.Task{Name: "idle", Wait: awaits(0)},
	)
	return with(s,
		inspect.Resource{Kind: "semaphore", Name: "connections", Capacity: 2, InUse: 2, Holders: []inspect.Hold{held(1, 1), held(2, 1)}},
		inspect.Resource{Kind: "queue", Name: "jobs", Capacity: 1, InUse: 1, Holders: []inspect.Hold{user(3, "put"), user(0, "get")}},
	)
}
