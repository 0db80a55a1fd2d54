package inspect_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/braid-go/braid/inspect"
)

// nest says that a task holds locks and waits for another one.
type nest struct {
	task  int
	holds []uint64
	wants uint64
}

// nested is a program of four tasks and the mutexes 1 to 4, in which that is so.
func nested(list ...nest) *inspect.Snapshot {
	s := program(inspect.Task{Name: "a", Site: 1}, inspect.Task{Name: "b", Site: 2}, inspect.Task{}, inspect.Task{})
	var locks []inspect.Resource
	for id := uint64(1); id <= 4; id++ {
		r := mutex(fmt.Sprintf("m%d", id))
		for _, n := range list {
			if slices.Contains(n.holds, id) {
				r.Holders, r.InUse = append(r.Holders, held(n.task, 1)), 1
			}
		}
		locks = append(locks, r)
	}
	for _, n := range list {
		t := &s.Tasks[n.task+1]
		t.State, t.Wait = inspect.StateBlocked, waits("mutex.Lock", n.wants)
		for _, id := range n.holds {
			t.Holds = append(t.Holds, inspect.Hold{Resource: id, Amount: 1, During: true})
		}
	}
	return with(s, locks...)
}

// inTurn shows one snapshot after another, and the last one for ever.
func inTurn(list ...*inspect.Snapshot) func(int) *inspect.Snapshot {
	return func(n int) *inspect.Snapshot { return list[min(n, len(list)-1)] }
}

// table makes the lock 1 a lock for reading and writing, held and wanted in these modes.
func table(s *inspect.Snapshot, hold, op string) *inspect.Snapshot {
	s.Resources[0].Kind, s.Resources[0].Capacity = "rwmutex", 1<<40
	for i := range s.Resources[0].Holders {
		s.Resources[0].Holders[i].Mode = hold
	}
	for i := range s.Tasks {
		t := &s.Tasks[i]
		for j := range t.Holds {
			if t.Holds[j].Resource == 1 {
				t.Holds[j].Mode = hold
			}
		}
		if t.Wait != nil && t.Wait.Resource == 1 {
			t.Wait.Op = op
		}
	}
	return s
}

func change(s *inspect.Snapshot, f func(s *inspect.Snapshot)) *inspect.Snapshot {
	f(s)
	return s
}

var orderCases = []ruleCase{
	{"D4", "two orders", true, time.Second, 3, inTurn(nested(nest{0, []uint64{1}, 2}), nested(nest{1, []uint64{2}, 1}), nested()),
		"shop/b held mutex m2 and waited in mutex.Lock for mutex m1 (seen 12:00:01); shop/a held mutex m1 and waited in mutex.Lock for mutex m2 (seen 12:00:00): if they do this at the same time"},
	{"D4", "three orders", true, time.Second, 4, inTurn(nested(nest{0, []uint64{1}, 2}), nested(nest{1, []uint64{2}, 3}), nested(nest{2, []uint64{3}, 1}), nested()), "held mutex m3"},
	{"D4", "long after the first", true, time.Hour, 3, inTurn(nested(nest{0, []uint64{1}, 2}), nested(), nested(nest{1, []uint64{2}, 1})), "it is a deadlock"},
	{"D4", "a writer and a reader", true, time.Second, 3, inTurn(table(nested(nest{0, []uint64{1}, 2}), "read", ""), table(nested(nest{1, []uint64{2}, 1}), "", "rwmutex.Lock"), nested()), "waited in rwmutex.Lock"},
	{"D4", "one order", false, time.Second, 9, inTurn(nested(nest{0, []uint64{1}, 2}), nested(nest{1, []uint64{1}, 2}), nested(nest{1, []uint64{1, 2}, 3}), nested(nest{2, []uint64{2}, 3})), ""},
	{"D4", "readers", false, time.Second, 3, inTurn(table(nested(nest{0, []uint64{1}, 2}), "read", ""), table(nested(nest{1, []uint64{2}, 1}), "", "rwmutex.RLock"), nested()), ""},
	{"D4", "a gate", false, time.Second, 3, inTurn(nested(nest{0, []uint64{1, 3}, 2}), nested(nest{1, []uint64{2, 3}, 1}), nested()), ""},
	{"D4", "different gates", true, time.Second, 3, inTurn(nested(nest{0, []uint64{1, 3}, 2}), nested(nest{1, []uint64{2, 4}, 1}), nested()), ""},
	{"D4", "a gate that has become known later", false, time.Second, 4, inTurn(
		change(nested(nest{0, []uint64{1}, 2}), func(s *inspect.Snapshot) { s.Resources = s.Resources[:2] }),
		nested(nest{0, []uint64{1, 3}, 2}), nested(nest{1, []uint64{2, 3}, 1}), nested()), ""},
	{"D4", "a gate of the task that waits for them", false, time.Second, 3, func(n int) *inspect.Snapshot {
		s := nested(nest{n % 2, []uint64{uint64(1 + n%2)}, uint64(2 - n%2)})
		s.Tasks[0].Holds = []inspect.Hold{{Resource: 3, Amount: 1}}
		return s
	}, ""},
	{"D4", "the same task", false, time.Second, 3, inTurn(nested(nest{0, []uint64{1}, 2}), nested(nest{0, []uint64{2}, 1}), nested()), ""},
	{"D4", "the wait may have been over", false, time.Second, 3, inTurn(nested(nest{0, []uint64{1}, 2}),
		change(nested(nest{1, []uint64{2}, 1}), func(s *inspect.Snapshot) { s.Tasks[2].Holds[0].During = false }), nested()), ""},
	{"D4", "it may have been given back", false, time.Second, 3, inTurn(nested(nest{0, []uint64{1}, 2}),
		change(nested(nest{1, []uint64{2}, 1}), func(s *inspect.Snapshot) { s.Tasks[2].Holds[0].Maybe = true }), nested()), ""},
	{"D4", "permits of which there are several", false, time.Second, 3, func(n int) *inspect.Snapshot {
		s := nested(nest{n % 2, []uint64{uint64(1 + n%2)}, uint64(2 - n%2)})
		s.Resources[0].Kind, s.Resources[0].Capacity = "semaphore", 2
		return s
	}, ""},
	{"D4", "a lock is gone", false, time.Second, 3, inTurn(nested(nest{0, []uint64{1}, 2}), nested(nest{1, []uint64{2}, 1}), program()), ""},
	{"D4", "ten minutes later", false, 6 * time.Minute, 4, inTurn(nested(nest{0, []uint64{1}, 2}), nested(nest{1, []uint64{2}, 1}), nested()), ""},
	{"D4", "seen again", true, 6 * time.Minute, 5, inTurn(nested(nest{0, []uint64{1}, 2}), nested(nest{1, []uint64{2}, 1}), nested(), nested(), nested(nest{1, []uint64{2}, 1})), ""},
	{"D4", "it is a deadlock, which D1 says", false, time.Second, 3, inTurn(nested(nest{0, []uint64{1}, 2}), nested(nest{0, []uint64{1}, 2}, nest{1, []uint64{2}, 1})), ""},
	{"D1", "it was a lock order before", true, time.Second, 5, inTurn(nested(nest{0, []uint64{1}, 2}), nested(nest{1, []uint64{2}, 1}), nested(), nested(nest{0, []uint64{1}, 2}, nest{1, []uint64{2}, 1})), ""},
	{"D4", "it has become a deadlock, which D1 says", false, time.Second, 5, inTurn(nested(nest{0, []uint64{1}, 2}), nested(nest{1, []uint64{2}, 1}), nested(), nested(nest{0, []uint64{1}, 2}, nest{1, []uint64{2}, 1})), ""},
}

// Evidence has each side, with who and when. The text stays the same as long as nothing new is seen.
func TestRules_orderEvidence(t *testing.T) {
	t.Parallel()
	m, err := inspect.NewMonitor(inspect.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for n, s := range []*inspect.Snapshot{
		nested(nest{0, []uint64{1}, 2}), nested(nest{1, []uint64{2}, 1}), nested(), nested(nest{2, []uint64{1}, 2}), nested(),
	} {
		for _, f := range m.Update(s, noon.Add(time.Duration(n)*time.Second)) {
			texts = append(texts, f.Text)
			if n != 4 {
				continue
			}
			if f.Count != 4 || !f.Since.Equal(noon.Add(time.Second)) || len(f.Subjects) != 2 || f.Subjects[0].Name != "mutex m1" {
				t.Errorf("%+v", f)
			}
			sides, _ := f.Evidence["orders"].([]map[string]any)
			if len(sides) != 2 || sides[1]["path"] != "shop/a" || sides[1]["site"] != "shop.serve" || !slices.Equal(sides[1]["by"].([]string), []string{"shop/t2", "shop/a"}) || sides[1]["last"] != noon.Add(3*time.Second) {
				t.Errorf("%+v", sides)
			}
		}
	}
	if len(texts) != 4 || len(slices.Compact(texts)) != 1 {
		t.Errorf("%q", texts)
	}
}

// However many orders there are, only so many are kept, and it takes no longer than it may.
func TestRules_manyOrders(t *testing.T) {
	t.Parallel()
	const locks = 3000
	m, err := inspect.NewMonitor(inspect.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for n := range 40 {
		tasks := make([]inspect.Task, 1000)
		resources := make([]inspect.Resource, locks)
		for i := range resources {
			resources[i] = mutex(fmt.Sprintf("m%d", i))
		}
		for i := range tasks {
			x := uint64((n*1000+i)*7919 + n)
			tasks[i].Wait = waits("mutex.Lock", 1+x%locks)
			tasks[i].Holds = []inspect.Hold{{Resource: 1 + (x/3+uint64(n))%locks, Amount: 1, During: true}}
		}
		for _, f := range m.Update(with(program(tasks...), resources...), noon.Add(time.Duration(n)*time.Second)) {
			if f.Code == "D4" {
				found++
			}
		}
	}
	if found == 0 {
		t.Error("nothing was found")
	}
	if n := inspect.Orders(m); n > 4096+128 {
		t.Errorf("%d are kept", n)
	}
}

// goroutines is a program with n goroutines and a thousand tasks, of which ten have not begun.
func goroutines(n int) *inspect.Snapshot {
	s := many(999)
	for i := range s.Tasks[:10] {
		s.Tasks[i].State = inspect.StateQueued
	}
	s.Counters.Goroutines = int64(n)
	return s
}

var looseCases = []ruleCase{
	{"N1", "more and more", true, 10 * time.Second, 7, func(n int) *inspect.Snapshot { return goroutines(2000 + 10*n) }, "at least 1070 of 2060 goroutines are of no task; their number has risen in 6 windows of 10s"},
	{"N1", "those of tasks", false, 10 * time.Second, 9, func(n int) *inspect.Snapshot { s := many(2000 + n); s.Counters.Goroutines = int64(2100 + n); return s }, ""},
	{"N1", "more, but few", false, 10 * time.Second, 9, func(n int) *inspect.Snapshot { return goroutines(1000 + 10*n) }, ""},
	{"N1", "a pool that goes up and down", false, 10 * time.Second, 20, func(n int) *inspect.Snapshot { return goroutines(5000 + 100*(n%4)) }, ""},
	{"N1", "many, and not more", false, 10 * time.Second, 9, func(int) *inspect.Snapshot { return goroutines(9000) }, ""},
	{"N1", "up at once", false, time.Second, 20, func(n int) *inspect.Snapshot { return goroutines(5000 + n) }, ""},
	{"N1", "an old dump does not say", false, 10 * time.Second, 9, always(goroutines(0)), ""},
	{"N1", "fewer than tasks", false, 10 * time.Second, 9, func(n int) *inspect.Snapshot { return goroutines(10 + n) }, ""},
}

// ruleCases are those of all rules.
var ruleCases = slices.Concat(commonCases, orderCases, looseCases)
