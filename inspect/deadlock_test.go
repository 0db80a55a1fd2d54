package inspect_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid/inspect"
)

func TestDeadlocks(t *testing.T) {
	t.Parallel()
	lockBoth := func(a, b *inspect.Wait) *inspect.Snapshot {
		return with(program(inspect.Task{Name: "a", Wait: a}, inspect.Task{Name: "b", Wait: b}), mutex("left", held(0, 1)), mutex("right", held(1, 1)))
	}
	timed := waits("mutex.Lock", 1)
	timed.Deadline = ago(-time.Minute)
	rw := func(mode string, waiters ...inspect.Task) *inspect.Snapshot {
		return with(program(append([]inspect.Task{{Name: "holder"}}, waiters...)...), inspect.Resource{Kind: "rwmutex", Capacity: 1 << 40, InUse: 1, Holders: []inspect.Hold{{Task: firstTask, Amount: 1, Mode: mode}}})
	}
	pool := func(slots int) *inspect.Snapshot {
		s := program(inspect.Task{Name: "outer", Slot: true, Wait: awaits(1)}, inspect.Task{Name: "inner", State: inspect.StateQueued})
		s.Scopes[0].Limit, s.Scopes[0].Running, s.Scopes[0].Queued = slots, 1, 1
		return s
	}
	cases := []struct {
		name string
		s    *inspect.Snapshot
		kind string // "" for no deadlock
		conf string
		size int
		text string
	}{
		{"two locks in two orders", lockBoth(waits("mutex.Lock", 2), waits("mutex.Lock", 1)), "cycle", "certain", 3, "shop/a waits in mutex.Lock for mutex right (1st in line of 1), held by shop/b"},
		{"one of them gives up in time", lockBoth(waits("mutex.Lock", 2), timed), "cycle", "likely", 3, ""},
		{"one of them is active", lockBoth(nil, waits("mutex.Lock", 1)), "", "", 0, ""},
		{"a semaphore, a queue and a join", five(), "cycle", "certain", 6, "queue.Put for queue jobs"},
		{"one of two permits is with a task that is active", func() *inspect.Snapshot {
			s := five()
			s.Tasks[2].Wait, s.Tasks[2].State = nil, inspect.StateActive
			s.Tasks[1].Wait.Amount, s.Resources[0].Waiters[0].Amount = 1, 1
			return s
		}(), "", "", 0, ""},
		{"the queue has producers that nobody has noted", func() *inspect.Snapshot {
			s := five()
			s.Resources[1].Unknown, s.Resources[1].UnknownOf = true, "put"
			return s
		}(), "cycle", "certain", 6, ""},
		{"the queue has a consumer that nobody has noted", func() *inspect.Snapshot { s := five(); s.Resources[1].Unknown = true; return s }(), "", "", 0, ""},
		{"the queue has been shut down", func() *inspect.Snapshot { s := five(); s.Resources[1].Closed = true; return s }(), "", "", 0, ""},
		{"a permit that may have been given back", func() *inspect.Snapshot {
			s := five()
			for i := range s.Resources[0].Holders {
				s.Resources[0].Holders[i].Maybe = true
			}
			return s
		}(), "", "", 0, ""},
		{"a newcomer might use the queue", func() *inspect.Snapshot {
			s := five()
			s.Tasks = append(s.Tasks, inspect.Task{ID: 99, Name: "other", State: inspect.StateActive})
			return s
		}(), "cycle", "likely", 6, ""},
		{"others may come through a portal", func() *inspect.Snapshot { s := five(); s.Scopes[0].Portal = true; return s }(), "cycle", "likely", 6, ""},
		{"no more through a portal that is closed", func() *inspect.Snapshot {
			s := five()
			s.Scopes[0].Portal, s.Scopes[0].Closed = true, true
			return s
		}(), "cycle", "certain", 6, ""},
		{"a portal to the holders of locks", func() *inspect.Snapshot {
			s := lockBoth(waits("mutex.Lock", 2), waits("mutex.Lock", 1))
			s.Scopes[0].Portal = true
			return s
		}(), "cycle", "certain", 3, ""},
		{"permits that it holds itself", with(program(inspect.Task{Name: "greedy", Wait: &inspect.Wait{Op: "semaphore.Acquire", Resource: 1, Amount: 2}}),
			inspect.Resource{Kind: "semaphore", Name: "s", Capacity: 2, InUse: 1, Holders: []inspect.Hold{held(0, 1)}}), "self", "certain", 2, "2 of semaphore s"},
		{"waits for the task that it runs in", program(inspect.Task{Name: "child", Wait: &inspect.Wait{Op: "task.Wait", Task: mainTask}}), "self", "certain", 2, "waits for the end of shop"},
		{"a reader behind a writer behind a reader", rw("read", inspect.Task{Name: "writer", Wait: &inspect.Wait{Op: "rwmutex.Lock", Resource: 1, Amount: 1 << 40}}, inspect.Task{Name: "reader", Wait: waits("rwmutex.RLock", 1)}), "", "", 0, ""},
		{"the same, and the first reader waits for the second", func() *inspect.Snapshot {
			s := rw("read", inspect.Task{Name: "writer", Wait: &inspect.Wait{Op: "rwmutex.Lock", Resource: 1, Amount: 1 << 40}}, inspect.Task{Name: "reader", Wait: waits("rwmutex.RLock", 1)})
			s.Tasks[1].State, s.Tasks[1].Wait = inspect.StateBlocked, awaits(2)
			return s
		}(), "cycle", "certain", 4, "rwmutex.Lock"},
		{"no slot for the inner task", pool(1), "pool", "certain", 3, "has not started: it waits for a slot"},
		{"a slot for the inner task", pool(2), "", "", 0, ""},
		{"a lock whose owner has ended", with(program(inspect.Task{Name: "w", Wait: waits("mutex.Lock", 1)}), mutex("m", inspect.Hold{Name: "shop/gone", Ended: true, Amount: 1})), "orphan", "certain", 2, "shop/gone had taken when it ended"},
		{"a permit that was granted and not yet used", func() *inspect.Snapshot {
			s := lockBoth(waits("mutex.Lock", 2), waits("mutex.Lock", 1))
			s.Resources[0].Waiters, s.Resources[0].Waiting = nil, 0
			return s
		}(), "", "", 0, ""},
		{"a future that a task will settle", with(program(inspect.Task{Name: "a", Wait: waits("future.Wait", 1)}, inspect.Task{Name: "b", Wait: awaits(0)}), inspect.Resource{Kind: "future", Task: firstTask + 1}), "cycle", "certain", 3, ""},
		{"a future of nobody", with(program(inspect.Task{Name: "a", Wait: waits("future.Wait", 1)}), inspect.Resource{Kind: "future"}), "", "", 0, ""},
		{"an event", with(program(inspect.Task{Name: "a", Wait: waits("event.Wait", 1)}), inspect.Resource{Kind: "event"}), "", "", 0, ""},
		{"a task that has ended meanwhile", program(inspect.Task{Name: "a", Wait: &inspect.Wait{Op: "task.Wait", Task: 77}}), "", "", 0, ""},
		{"nothing", &inspect.Snapshot{}, "", "", 0, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			found := c.s.Deadlocks()
			if c.kind == "" {
				if len(found) != 0 {
					t.Fatalf("found %+v", found)
				}
				return
			}
			if len(found) != 1 {
				t.Fatalf("found %d: %+v", len(found), found)
			}
			d := found[0]
			if d.Kind != c.kind || d.Confidence != c.conf || d.Size != c.size || !strings.Contains(d.Text, c.text) {
				t.Errorf("kind %s, %s, of %d, want %s, %s, of %d\n%s", d.Kind, d.Confidence, d.Size, c.kind, c.conf, c.size, d.Text)
			}
		})
	}
}

// The cycle that is shown leads from each task to the next, and has nobody in it who only waits for it.
func TestDeadlocks_cycle(t *testing.T) {
	t.Parallel()
	d := five().Deadlocks()[0]
	var names []string
	for _, l := range d.Cycle {
		names = append(names, l.Path)
	}
	if want := []string{"shop/reader", "shop/first", "shop/producer"}; !slices.Equal(names, want) {
		t.Errorf("cycle = %v, want %v", names, want)
	}
}

// Two that have nothing to do with each other are told apart, although the task that runs them all waits for both.
func TestDeadlocks_severalAtATime(t *testing.T) {
	t.Parallel()
	s := with(program(
		inspect.Task{Wait: waits("mutex.Lock", 2)}, inspect.Task{Wait: waits("mutex.Lock", 1)},
		inspect.Task{Wait: awaits(3)}, inspect.Task{Wait: awaits(2)},
	), mutex("left", held(0, 1)), mutex("right", held(1, 1)))
	found := s.Deadlocks()
	if len(found) != 2 || found[0].Size+found[1].Size != 5 {
		t.Errorf("found %+v", found)
	}
}

// More holders than a resource lists are found in the tasks.
func TestDeadlocks_moreHoldersThanAreListed(t *testing.T) {
	t.Parallel()
	const n = inspect.MaxListed + 6
	var tasks []inspect.Task
	for range n {
		tasks = append(tasks, inspect.Task{Wait: awaits(n), Holds: []inspect.Hold{{Resource: 1, Amount: 1}}})
	}
	tasks = append(tasks, inspect.Task{Name: "last", Wait: waits("semaphore.Acquire", 1)})
	r := inspect.Resource{Kind: "semaphore", Capacity: n, InUse: n}
	for i := range inspect.MaxListed {
		r.Holders = append(r.Holders, held(i, 1))
	}
	if found := with(program(tasks...), r).Deadlocks(); len(found) != 1 || found[0].Size != n+2 {
		t.Errorf("found %+v", found)
	}
	tasks[n-1].Wait = nil // one whose hold only it knows of can go on
	if found := with(program(tasks...), r).Deadlocks(); len(found) != 0 {
		t.Errorf("found %+v", found)
	}
}

// A long line of waiters is more than a resource lists; the tasks know their places.
func TestDeadlocks_moreWaitersThanAreListed(t *testing.T) {
	t.Parallel()
	s := program()
	for i := range 1000 {
		w := waits("mutex.Lock", 1)
		w.Pos = i + 1
		s.Tasks = append(s.Tasks, inspect.Task{ID: uint64(firstTask + i), Name: "w", Parent: mainGroup, State: inspect.StateBlocked, Wait: w})
	}
	r := mutex("m", inspect.Hold{Task: 5000, Amount: 1})
	r.Waiting = 1000
	for i := range inspect.MaxListed {
		r.Waiters = append(r.Waiters, inspect.Waiter{Task: uint64(firstTask + i)})
	}
	s.Tasks = append(s.Tasks, inspect.Task{ID: 5000, Name: "holder", Parent: mainGroup, State: inspect.StateBlocked, Wait: &inspect.Wait{Op: "task.Wait", Task: firstTask + 999}})
	found := with(s, r).Deadlocks()
	if len(found) != 1 || found[0].Size != 1002 || len(found[0].Tasks) != 1000 {
		t.Errorf("found %d, the first of %d", len(found), found[0].Size)
	}
}
