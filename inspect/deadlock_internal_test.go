package inspect

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The reduction is compared with a search through all that could happen next, on snapshots small enough for that.

// draw makes choices out of bytes, so that the fuzzer can steer them.
type draw struct{ data []byte }

func (d *draw) n(n int) int {
	if len(d.data) == 0 || n <= 1 {
		return 0
	}
	b := d.data[0]
	d.data = d.data[1:]
	return int(b) % n
}

func (d *draw) one(in int) bool { return d.n(in) == in-1 }

// drawSnapshot makes up a snapshot that could be of a running program: nothing is held twice over, waiters stand in line.
func drawSnapshot(data []byte) *Snapshot {
	d := &draw{data: data}
	when := time.Unix(1000, 0)
	s := &Snapshot{Taken: when}
	tasks, resources := 1+d.n(5), d.n(4)
	s.Scopes = []Scope{{ID: 100, Kind: ScopeGroup, Parent: 1, Owner: 1, Limit: d.n(3)}}
	if tasks > 1 {
		s.Scopes = append(s.Scopes, Scope{ID: 101, Kind: ScopeGroup, Parent: 2, Owner: 2, Limit: d.n(3)})
	}
	for i := range s.Scopes {
		if d.one(16) {
			s.Scopes[i].Deadline = &when
		}
		if d.one(16) {
			s.Scopes[i].GraceUS = 1
		}
	}
	for i := range resources {
		r := Resource{ID: uint64(1 + i), Kind: []string{kindMutex, kindSemaphore, kindRWMutex, kindQueue, kindLimiter, "event", "future"}[d.n(7)]}
		switch r.Kind {
		case kindMutex:
			r.Capacity = 1
		case kindSemaphore, kindLimiter, kindQueue:
			r.Capacity = int64(1 + d.n(3))
		case kindRWMutex:
			r.Capacity = 1 << 40
		case "future":
			r.Task = uint64(d.n(tasks + 2))
		}
		s.Resources = append(s.Resources, r)
	}
	free := make([]int64, resources) // permits
	for i, r := range s.Resources {
		free[i] = r.Capacity
	}
	for i := range tasks {
		t := Task{ID: uint64(i + 1), State: StateActive}
		if i > 0 {
			t.Parent = 100
			if i > 1 && d.one(2) {
				t.Parent = 101
			}
		}
		t.Slot = i > 0 && d.one(2)
		drawState(d, s, &t, tasks)
		if d.one(12) {
			t.Cancel = &Cancel{Kind: "call"}
		}
		s.Tasks = append(s.Tasks, t)
	}
	for i := range s.Scopes { // no more slots than there are
		sc := &s.Scopes[i]
		for j := range s.Tasks {
			if t := &s.Tasks[j]; t.Slot && t.Parent == sc.ID {
				if t.State == StateQueued || sc.Limit > 0 && sc.Running == sc.Limit {
					t.Slot = false
				} else {
					sc.Running++
				}
			}
		}
	}
	for i := range s.Resources {
		drawHolders(d, s, &s.Resources[i], &free[i])
		drawWaiters(d, s, &s.Resources[i])
	}
	return s
}

func drawState(d *draw, s *Snapshot, t *Task, tasks int) {
	w := &Wait{Op: "event.Wait", Timed: d.one(10)}
	switch d.n(8) {
	case 0:
		return
	case 1:
		if t.Parent != 0 && !t.Slot {
			t.State = StateQueued
			return
		}
	case 2:
		w.Op, w.Task = "task.Wait", uint64(1+d.n(tasks+1))
	case 3:
		for _, sc := range s.Scopes {
			if sc.Owner == t.ID {
				w.Op, w.Scope = opJoin, sc.ID
			}
		}
	case 4:
		w.Op, w.Scope = []string{opGoWait, opSlot}[d.n(2)], s.Scopes[d.n(len(s.Scopes))].ID
		t.Slot = t.Slot && w.Op != opSlot
	default:
		if len(s.Resources) == 0 {
			break
		}
		r := &s.Resources[d.n(len(s.Resources))]
		w.Resource = r.ID
		switch r.Kind {
		case kindQueue:
			w.Op = []string{opPut, opGet, opWorkDone}[d.n(3)]
		case kindRWMutex:
			w.Op = []string{opRLock, "rwmutex.Lock"}[d.n(2)]
			w.Amount = 1
			if w.Op != opRLock {
				w.Amount = r.Capacity
			}
		default:
			w.Op = r.Kind + ".Wait"
			w.Amount = int64(1 + d.n(int(max(1, r.Capacity))))
		}
	}
	t.State, t.Wait = StateBlocked, w
}

func drawHolders(d *draw, s *Snapshot, r *Resource, free *int64) {
	switch {
	case hasPermits(r):
		for i := range s.Tasks {
			if s.Tasks[i].State == StateQueued || *free == 0 || !d.one(3) {
				continue
			}
			h := Hold{Task: s.Tasks[i].ID, Amount: 1, Maybe: d.one(8)}
			switch {
			case r.Kind == kindRWMutex && *free == r.Capacity && d.one(2):
				h.Amount, h.Mode = r.Capacity, modeWrite
			case r.Kind == kindRWMutex:
				h.Mode = "read"
			case r.Kind == kindSemaphore:
				h.Amount = int64(1 + d.n(int(*free)))
			}
			if d.one(10) {
				h.Task, h.Name, h.Ended = 0, "gone", true
			}
			*free -= h.Amount
			r.Holders = append(r.Holders, h)
		}
		if *free > 0 && r.Kind == kindSemaphore {
			*free -= int64(d.n(int(*free) + 1))
		}
		r.InUse = r.Capacity - *free
	case r.Kind == kindQueue:
		r.InUse = int64(d.n(int(r.Capacity) + 1))
		r.Unknown, r.Closed = d.one(6), d.one(8)
		if r.Unknown {
			r.UnknownOf = []string{"", modePut, modeGet}[d.n(3)]
		}
		for i := range s.Tasks {
			if d.one(2) {
				h := Hold{Task: s.Tasks[i].ID, Mode: []string{modePut, modeGet}[d.n(2)], Ended: d.one(8)}
				if d.one(10) {
					h.Task = 0
				}
				r.Holders = append(r.Holders, h)
			}
		}
	}
}

func drawWaiters(d *draw, s *Snapshot, r *Resource) {
	for i := range s.Tasks {
		t := &s.Tasks[i]
		if t.Wait == nil || t.Wait.Resource != r.ID || d.one(12) { // one in twelve has been served already
			continue
		}
		at := d.n(len(r.Waiters) + 1)
		r.Waiters = slices.Insert(r.Waiters, at, Waiter{Task: t.ID, Op: t.Wait.Op, Amount: t.Wait.Amount})
	}
	r.Waiting = len(r.Waiters)
	for i, w := range r.Waiters {
		s.Task(w.Task).Wait.Pos = i + 1
	}
	if d.one(3) { // a long line is not listed whole, and the tasks tell the rest
		r.Waiters = r.Waiters[:d.n(len(r.Waiters)+1)]
	}
}

// search is the reference. A state says of each task how far it is.
type search struct {
	s     *Snapshot
	timed bool
	seen  map[string]bool
	went  []bool // in some state it has gone on
}

const (
	asWas   = iota // as in the snapshot, waiting
	served         // has what it waited for
	gaveUp         // goes on without
	isEnded        // and holds nothing any more
)

func (x *search) explore(state []byte) {
	if x.seen[string(state)] {
		return
	}
	x.seen[string(state)] = true
	for i := range state {
		if state[i] != asWas {
			x.went[i] = true
		}
		for _, next := range x.moves(state, i) {
			old := state[i]
			state[i] = next
			x.explore(state)
			state[i] = old
		}
	}
}

// moves returns what task i may become.
func (x *search) moves(state []byte, i int) []byte {
	t := &x.s.Tasks[i]
	switch state[i] {
	case isEnded:
		return nil
	case served, gaveUp:
		return []byte{isEnded}
	}
	var next []byte
	if x.granted(state, i, t) {
		next = append(next, served)
	}
	if x.givesUp(t) {
		next = append(next, gaveUp)
	}
	return next
}

func (x *search) ended(state []byte, id uint64) bool {
	for i := range x.s.Tasks {
		if x.s.Tasks[i].ID == id {
			return state[i] == isEnded
		}
	}
	return true
}

// cut reports whether a deadline or a cancellation is in force.
func (x *search) cut(id uint64) bool {
	if t := x.s.Task(id); t != nil {
		return t.Cancel != nil || t.Deadline != nil || t.Parent != 0 && x.cut(t.Parent)
	}
	if sc := x.s.Scope(id); sc != nil {
		return sc.Cancel != nil || sc.Deadline != nil || x.cut(sc.Parent)
	}
	return false
}

func (x *search) givesUp(t *Task) bool {
	if !x.timed {
		return false
	}
	if t.Wait != nil && t.Wait.Op == opJoin {
		return x.s.Scope(t.Wait.Scope).GraceUS > 0 && x.cut(t.Wait.Scope)
	}
	return t.Wait != nil && (t.Wait.Timed || t.Wait.Deadline != nil) || x.cut(t.ID)
}

func (x *search) granted(state []byte, i int, t *Task) bool {
	if t.State == StateActive {
		return true
	}
	if t.State == StateQueued {
		return x.slotFree(state, t.Parent)
	}
	w := t.Wait
	switch {
	case w.Scope != 0 && w.Op == opJoin:
		for j := range x.s.Tasks {
			if x.s.Tasks[j].Parent == w.Scope && state[j] != isEnded {
				return false
			}
		}
		return true
	case w.Scope != 0:
		return x.slotFree(state, w.Scope)
	case w.Task != 0:
		return x.ended(state, w.Task)
	case w.Resource == 0:
		return true
	}
	r := x.s.Resource(w.Resource)
	ahead := x.ahead(r, t)
	if hasPermits(r) || r.Kind == kindQueue {
		if ahead == nil {
			return true // it is not in line any more
		}
	}
	switch {
	case r.Kind == kindQueue:
		return x.queueServes(state, r, w.Op)
	case r.Kind == "future":
		return r.Task == 0 || x.ended(state, r.Task)
	case !hasPermits(r):
		return true
	}
	for _, id := range ahead[:len(ahead)-1] {
		for j := range x.s.Tasks {
			if x.s.Tasks[j].ID == id && state[j] == asWas {
				return false
			}
		}
	}
	return x.permitsFree(state, r, i)
}

// ahead returns those in line up to t, itself included, or nil if t is not in line.
func (x *search) ahead(r *Resource, t *Task) []uint64 {
	if r.Waiting > len(r.Waiters) { // then Pos is what is to be gone by; of whom the list has not
		var line []uint64
		for pos := 1; pos <= t.Wait.Pos; pos++ {
			for j := range x.s.Tasks {
				if w := x.s.Tasks[j].Wait; w != nil && w.Resource == r.ID && w.Pos == pos {
					line = append(line, x.s.Tasks[j].ID)
				}
			}
		}
		if t.Wait.Pos == 0 { // served; but that cannot be told, so it stands before those of whom the place is known, and behind the list
			for _, w := range r.Waiters {
				line = append(line, w.Task)
			}
			for j := range x.s.Tasks {
				o := &x.s.Tasks[j]
				if o.Wait != nil && o.Wait.Resource == r.ID && o.Wait.Pos == 0 {
					line = append(line, o.ID)
					if o.ID == t.ID {
						return line
					}
				}
			}
		}
		if t.Wait.Pos > len(r.Waiters) {
			var unplaced []uint64
			for j := range x.s.Tasks {
				o := &x.s.Tasks[j]
				if o.Wait != nil && o.Wait.Resource == r.ID && o.Wait.Pos == 0 {
					unplaced = append(unplaced, o.ID)
				}
			}
			line = slices.Insert(line, 0, unplaced...)
		}
		return line
	}
	for j, w := range r.Waiters {
		if w.Task == t.ID {
			var line []uint64
			for _, w := range r.Waiters[:j+1] {
				line = append(line, w.Task)
			}
			return line
		}
	}
	return nil
}

func (x *search) slotFree(state []byte, scope uint64) bool {
	sc := x.s.Scope(scope)
	if sc.Limit == 0 {
		return true
	}
	taken := 0
	for j := range x.s.Tasks {
		t := &x.s.Tasks[j]
		has := t.Slot || state[j] == served && (t.State == StateQueued || t.Wait != nil && t.Wait.Op == opSlot)
		if t.Parent == scope && has && state[j] != isEnded {
			taken++
		}
	}
	return taken < sc.Limit
}

func (x *search) permitsFree(state []byte, r *Resource, i int) bool {
	var readers, writers, amount int64
	count := func(h int64, read bool) {
		amount += h
		if read {
			readers++
		} else {
			writers++
		}
	}
	for _, h := range r.Holders {
		if !h.Maybe && (h.Ended || !x.ended(state, h.Task)) {
			count(h.Amount, h.Mode == "read")
		}
	}
	for j := range x.s.Tasks {
		if w := x.s.Tasks[j].Wait; w != nil && w.Resource == r.ID && state[j] == served {
			count(w.Amount, w.Op == opRLock)
		}
	}
	w := x.s.Tasks[i].Wait
	switch r.Kind {
	case kindRWMutex:
		return writers == 0 && (readers == 0 || w.Op == opRLock)
	case kindMutex:
		return readers+writers == 0
	default:
		return amount+w.Amount <= r.Capacity
	}
}

func (x *search) queueServes(state []byte, r *Resource, op string) bool {
	needs := modeGet
	if op == opGet {
		needs = modePut
	}
	if op == opPut && (r.Closed || r.InUse < r.Capacity) || op == opGet && (r.Closed || r.InUse > 0) {
		return true
	}
	live := 0
	for _, h := range r.Holders {
		if h.Ended {
			continue
		}
		if h.Mode != needs {
			continue
		}
		at := slices.IndexFunc(x.s.Tasks, func(t Task) bool { return t.ID == h.Task })
		if at < 0 || state[at] == served || state[at] == gaveUp {
			return true
		}
		live++
	}
	return live == 0 || r.Unknown && (r.UnknownOf == "" || r.UnknownOf == needs)
}

// checkReduction compares what is left with what the search never saw go on.
func checkReduction(t *testing.T, s *Snapshot) (left int) {
	t.Helper()
	for _, timed := range []bool{true, false} {
		x := &search{s: s, timed: timed, seen: make(map[string]bool), went: make([]bool, len(s.Tasks))}
		x.explore(make([]byte, len(s.Tasks)))
		v := reduce(s, timed)
		for i := range s.Tasks {
			if v.able[i] != x.went[i] {
				text, _ := json.MarshalIndent(s, "", " ")
				t.Fatalf("timed %v: task %d: the reduction says that it can go on: %v, the search: %v\n%s", timed, s.Tasks[i].ID, v.able[i], x.went[i], text)
			}
		}
		if timed {
			left = v.left
		}
	}
	checkDescriptions(t, s)
	return left
}

// checkDescriptions looks at what every deadlock promises.
func checkDescriptions(t *testing.T, s *Snapshot) {
	t.Helper()
	certain, patient := reduce(s, true), reduce(s, false)
	reported := make(map[uint64]bool)
	for _, d := range s.Deadlocks() {
		for _, id := range d.Tasks {
			i, _ := s.lookup().tasks.get(id)
			reported[id] = true
			if d.Confidence == Certain && certain.able[i] || patient.able[i] {
				t.Fatalf("%+v names task %d, which can go on", d, id)
			}
		}
		if len(d.Cycle) == 0 || d.Text == "" || d.Size < len(d.Cycle) {
			t.Fatalf("no cycle, or no text: %+v", d)
		}
		for n, l := range d.Cycle {
			if d.Kind != DeadlockOrphan && len(d.Cycle) > 1 && !waitsFor(s, s.Task(l.Task), d.Cycle[(n+1)%len(d.Cycle)].Task) {
				t.Fatalf("task %d does not wait for the next: %+v", l.Task, d)
			}
		}
	}
	for i := range s.Tasks {
		if !certain.able[i] && !reported[s.Tasks[i].ID] {
			t.Fatalf("task %d cannot go on, and no deadlock says so", s.Tasks[i].ID)
		}
	}
}

// waitsFor reports whether other is one of those who could end the wait of t.
func waitsFor(s *Snapshot, t *Task, other uint64) bool {
	o, w := s.Task(other), t.Wait
	if w == nil {
		return o.Parent == t.Parent && o.Slot
	}
	switch {
	case w.Task != 0:
		return w.Task == other
	case w.Scope != 0:
		return o.Parent == w.Scope
	}
	r := s.Resource(w.Resource)
	return r.Task == other || slices.ContainsFunc(r.Holders, func(h Hold) bool { return h.Task == other }) ||
		slices.ContainsFunc(r.Waiters, func(w Waiter) bool { return w.Task == other }) || o.Wait != nil && o.Wait.Resource == r.ID
}

func TestReductionAgreesWithASearchThroughAllThatCouldHappen(t *testing.T) {
	t.Parallel()
	rounds := 60000
	if testing.Short() {
		rounds = 10000
	}
	rng := rand.New(rand.NewPCG(1, 2))
	deadlocked := 0
	for range rounds {
		data := make([]byte, 120)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		if checkReduction(t, drawSnapshot(data)) > 0 {
			deadlocked++
		}
	}
	if deadlocked < rounds/50 {
		t.Errorf("only %d of %d snapshots were deadlocked; the comparison says little", deadlocked, rounds)
	}
	t.Logf("%d of %d were deadlocked", deadlocked, rounds)
}

func FuzzReduction(f *testing.F) {
	f.Add([]byte("two tasks, and each holds what the other one wants"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 4000 {
			checkReduction(t, drawSnapshot(data))
		}
	})
}

// A file may hold anything. Whatever is asked of it, there is an answer, and soon.
func TestNonsense(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		data := make([]byte, 160)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		checkNonsense(t, data[:120], data[120:])
	}
}

func FuzzNonsense(f *testing.F) {
	f.Add([]byte("ids that lead nowhere, and in circles"), []byte("\x00\x01\x02"))
	f.Fuzz(func(t *testing.T, data, errors []byte) {
		if len(data) < 4000 {
			checkNonsense(t, data, errors)
		}
	})
}

// checkNonsense makes up a snapshot, puts errors into it, and asks it everything.
func checkNonsense(t *testing.T, data, errors []byte) {
	t.Helper()
	s := drawSnapshot(data)
	d := &draw{data: errors}
	id := func() uint64 { return []uint64{0, 1, 2, 3, 4, 5, 100, 101, 999}[d.n(9)] }
	for len(d.data) > 0 {
		task := &s.Tasks[d.n(len(s.Tasks))]
		scope := &s.Scopes[d.n(len(s.Scopes))]
		switch d.n(10) {
		case 0:
			task.ID = id()
		case 1:
			task.Parent = id()
		case 2:
			scope.Parent, scope.Owner = id(), id()
		case 3:
			scope.ID = id()
		case 4:
			task.Wait = &Wait{Op: []string{opJoin, opSlot, opPut, "x"}[d.n(4)], Task: id(), Scope: id(), Resource: id(), Amount: int64(d.n(9)) - 4, Pos: d.n(9) - 4}
		case 5:
			task.Cancel = &Cancel{Scope: id(), Site: id()}
			scope.Cancel = &Cancel{}
		case 6:
			task.Holds = append(task.Holds, Hold{Resource: id(), Amount: int64(d.n(5)) - 2})
		case 7:
			task.State = []string{StateActive, StateBlocked, StateQueued, StateFinishing, ""}[d.n(5)]
		default:
			if len(s.Resources) > 0 {
				r := &s.Resources[d.n(len(s.Resources))]
				r.ID, r.Task, r.Waiting, r.Capacity = id(), id(), d.n(9)-2, int64(d.n(5))-1
				r.Holders = append(r.Holders, Hold{Task: id(), Amount: int64(d.n(5)) - 2, Mode: []string{modePut, modeGet, modeWrite}[d.n(3)], Ended: d.one(3)})
				r.Waiters = append(r.Waiters, Waiter{Task: id(), Amount: int64(d.n(5)) - 2})
			}
		}
	}
	s.index.Store(nil) // as drawSnapshot has used it
	m, err := NewMonitor(Rules{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		m.Update(s, s.Taken.Add(time.Duration(n)*time.Minute))
	}
	for i := range s.Tasks {
		s.Why(s.Tasks[i].ID)
		s.Item(&s.Tasks[i])
	}
	s.WhyShutdown()
	for _, root := range []uint64{0, s.Tasks[0].ID, s.Scopes[0].ID} {
		if _, err := s.Tree(TreeOptions{Root: root, Fold: len(data)%2 == 0}); err != nil {
			t.Fatal(err)
		}
		g, err := s.Graph(GraphOptions{Root: root, Of: edgeKinds, Max: 5})
		if err != nil {
			t.Fatal(err)
		}
		g.DOT()
		g.Mermaid()
	}
	if _, err := s.GroupBy(Query{Group: groupings, Scope: s.Scopes[0].ID}); err != nil {
		t.Fatal(err)
	}
	Diff(s, drawSnapshot(errors))
}

// A deadlock that a hundred thousand tasks wait for is described as fast as any.
func BenchmarkDeadlocks_everybodyIsStuck(b *testing.B) {
	s := &Snapshot{Scopes: []Scope{{ID: 1, Parent: 2, Owner: 2, Kind: ScopeGroup}}, Tasks: []Task{{ID: 2, Name: "main", State: StateFinishing, Wait: &Wait{Op: opJoin, Scope: 1}}}}
	r := Resource{ID: 1, Kind: kindMutex, Capacity: 1, InUse: 1, Holders: []Hold{{Task: 3, Amount: 1}}, Waiting: 99_999}
	for i := range uint64(100_000) {
		t := Task{ID: 3 + i, Parent: 1, Name: "t", State: StateBlocked, Wait: &Wait{Op: "mutex.Lock", Resource: 1}}
		if i == 0 {
			t.Wait = &Wait{Op: "task.Wait", Task: 4}
		} else if len(r.Waiters) < MaxListed {
			r.Waiters = append(r.Waiters, Waiter{Task: t.ID})
		}
		s.Tasks = append(s.Tasks, t)
	}
	s.Resources = []Resource{r}
	for b.Loop() {
		s.index.Store(nil)
		if found := s.Deadlocks(); len(found) != 1 || found[0].Size != 100_001 {
			b.Fatal(len(found))
		}
	}
}
