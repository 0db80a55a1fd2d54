package inspect_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/braid-go/braid/inspect"
)

// large returns a program of n tasks: requests with two tasks each, and workers that contend for a semaphore.
func large(n int) *inspect.Snapshot {
	s := program()
	s.Scopes[0].Live = n
	sem := inspect.Resource{Kind: "semaphore", Name: "connections", Capacity: 10, InUse: 10}
	queue := inspect.Resource{Kind: "queue", Name: "rows", Capacity: 1, Unknown: true}
	id := uint64(firstTask)
	for len(s.Tasks) < n {
		switch request := id; {
		case len(s.Tasks)%4 == 1:
			s.Tasks = append(s.Tasks, inspect.Task{ID: id, Parent: mainGroup, Owner: mainTask, Name: fmt.Sprintf("request-%d", id), Site: 1, State: inspect.StateFinishing, Wait: &inspect.Wait{Op: "run.Join", Scope: id + 1, Since: ago(time.Second)}})
			s.Scopes = append(s.Scopes, inspect.Scope{ID: id + 1, Parent: id, Owner: id, Kind: inspect.ScopeGroup, Live: 2})
			id += 2
			for range 2 {
				s.Tasks = append(s.Tasks, inspect.Task{ID: id, Parent: request + 1, Owner: request, Name: "fetch", Site: 2, State: inspect.StateBlocked, Wait: &inspect.Wait{Op: "queue.Get", Resource: 2, Since: ago(time.Second)}, Seq: id})
				id++
				queue.Waiting++
			}
		case len(sem.Holders) < 10:
			sem.Holders = append(sem.Holders, inspect.Hold{Task: id, Amount: 1})
			s.Tasks = append(s.Tasks, inspect.Task{ID: id, Parent: mainGroup, Owner: mainTask, Name: "worker", Site: 1, State: inspect.StateActive, Holds: []inspect.Hold{{Resource: 1, Amount: 1}}})
			id++
		default:
			sem.Waiting++
			w := &inspect.Wait{Op: "semaphore.Acquire", Resource: 1, Amount: 1, Since: ago(time.Second)}
			if len(sem.Waiters) < inspect.MaxListed {
				sem.Waiters = append(sem.Waiters, inspect.Waiter{Task: id, Amount: 1})
				w.Pos = len(sem.Waiters)
			}
			s.Tasks = append(s.Tasks, inspect.Task{ID: id, Parent: mainGroup, Owner: mainTask, Name: "worker", Site: 1, State: inspect.StateBlocked, Wait: w, Seq: id})
			id++
		}
	}
	sem.ID, queue.ID = 1, 2
	s.Resources = []inspect.Resource{sem, queue}
	return s
}

// copyOf returns s without what has been made of it, such as its index.
func copyOf(s *inspect.Snapshot) *inspect.Snapshot {
	return &inspect.Snapshot{Process: s.Process, Seq: s.Seq, Taken: s.Taken, Sites: s.Sites, Scopes: s.Scopes, Tasks: s.Tasks, Resources: s.Resources}
}

func BenchmarkAnalysis(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		s := large(n)
		run := func(name string, f func(b *testing.B, s *inspect.Snapshot)) {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					f(b, copyOf(s)) // a live program's snapshot is used once or twice
				}
			})
		}
		run("deadlocks", func(b *testing.B, s *inspect.Snapshot) {
			if found := s.Deadlocks(); len(found) != 0 {
				b.Fatal(found)
			}
		})
		run("fold", func(b *testing.B, s *inspect.Snapshot) {
			tree, err := s.Tree(inspect.TreeOptions{Fold: true})
			if err != nil || tree.Nodes > 20 || tree.WriteText(io.Discard) != nil {
				b.Fatal(tree.Nodes, err)
			}
		})
		run("page", func(b *testing.B, s *inspect.Snapshot) {
			if p, err := s.Query(inspect.Query{}); err != nil || len(p.Items) != 100 {
				b.Fatal(err)
			}
		})
		run("sorted page", func(b *testing.B, s *inspect.Snapshot) {
			if p, err := s.Query(inspect.Query{Sort: "-since", State: []string{"blocked"}}); err != nil || len(p.Items) != 100 {
				b.Fatal(err)
			}
		})
		run("group", func(b *testing.B, s *inspect.Snapshot) {
			if p, err := s.GroupBy(inspect.Query{Group: []string{"site", "wait"}}); err != nil || p.Tasks != n && p.Tasks > n+3 {
				b.Fatal(err)
			}
		})
		run("why", func(b *testing.B, s *inspect.Snapshot) {
			if s.Why(mainTask) == nil {
				b.Fatal("no answer")
			}
		})
		m, err := inspect.NewMonitor(inspect.Rules{})
		if err != nil {
			b.Fatal(err)
		}
		at := noon
		run("monitor", func(b *testing.B, s *inspect.Snapshot) {
			at = at.Add(time.Second)
			m.Update(s, at)
		})
	}
}
