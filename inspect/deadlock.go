package inspect

import (
	"slices"
	"strings"
)

// Deadlock is a set of tasks none of which can go on before another one of them does.
//
// It rests on what the snapshot shows: that whoever holds something gives it back when it goes on, and that nobody else does it
// in its place; that a task blocked inside braid runs nothing else meanwhile; and that nobody cancels the tasks.
// It says nothing of waits outside of braid: a task on a raw channel or a sync.Mutex counts as one that can go on.
type Deadlock struct {
	Kind       string   `json:"kind"`       // see the constants
	Confidence string   `json:"confidence"` // Certain; or Likely, if time, a cancellation or a newcomer may end it
	Cycle      []Link   `json:"cycle"`      // each waits for the next, and the last for the first; of an orphan, for what has ended
	Tasks      []uint64 `json:"tasks"`      // all that cannot go on because of it: those of the cycle, and those who wait for them; at most 1,000
	Size       int      `json:"size"`       // their number
	Timed      bool     `json:"timed"`      // a wait in it has a deadline, or was cancelled
	Text       string   `json:"text"`

	core []int32 // positions of the tasks that wait for each other, the cycle and what is entangled with it; of an orphan, of those shown
	gone bool    // what is waited for is held by a task that has ended

	grounds []int32 // positions of all tasks on which it rests
	weak    bool    // there are others that are likely to bring what is waited for
}

// Kinds of [Deadlock].
const (
	DeadlockCycle  = "cycle"  // tasks wait for each other
	DeadlockSelf   = "self"   // one task waits for what only it can bring
	DeadlockPool   = "pool"   // all who hold a slot of a limited group wait for tasks that wait for one
	DeadlockOrphan = "orphan" // no cycle: what is waited for was taken by a task that has ended, or is more than there is
)

// Link is one task of a cycle, and how it waits for the next.
type Link struct {
	Task uint64  `json:"task"`
	Path string  `json:"path"`
	Op   string  `json:"op"`
	Via  Subject `json:"via"` // the resource, scope or task that it waits on
	Text string  `json:"text"`
}

// maxDeadlockTasks bounds Deadlock.Tasks.
const maxDeadlockTasks = 1000

// Deadlocks returns the deadlocks in s: those that are certain first, and of these the largest.
//
// It finds them by reduction. Whoever can go on, does, and gives back what it holds; whoever is served by that can go on, too;
// what is left when nothing more changes waits for ever. A cycle alone would prove nothing where several hold permits.
//
// One snapshot is read while the program runs, so take a second one: if the same tasks are left, with the same Task.Seq, it was so all the time between.
// A [Monitor] does that.
func (s *Snapshot) Deadlocks() []Deadlock {
	certain := reduce(s, true)
	found := certain.deadlocks(Certain, nil)
	if certain.relied {
		patient := reduce(s, false)
		found = append(found, patient.deadlocks(Likely, certain)...)
	}
	slices.SortStableFunc(found, func(a, b Deadlock) int {
		if a.Confidence != b.Confidence {
			return strings.Compare(a.Confidence, b.Confidence) // "certain" < "likely"
		}
		return b.Size - a.Size
	})
	return found
}

// place is what a task waits at.
type place uint8

const (
	nowhere    place = iota // it can go on by itself
	atTask                  // waits for the end of a task
	atJoin                  // waits for the end of all members of a scope
	atSlot                  // waits for a slot of a scope
	atPermits               // in the queue of a lock, a semaphore or a limiter
	atPut                   // waits for somebody who takes an item out
	atGet                   // waits for somebody who puts an item in
	atWorkDone              // waits until the items are worked off
)

// reduction is the state of the search. Tasks, scopes and resources are meant by their positions in the snapshot.
type reduction struct {
	s     *Snapshot
	ix    *index
	timed bool // a wait that ends by itself, or was cancelled, does end

	open   bool // there is a Portal through which new tasks may come
	relied bool // and without that some tasks might not be able to go on

	able    []bool
	when    []int32 // the order in which they were found able, from 1
	left    int     // tasks that are not able
	pending []int32 // able, and their neighbours have not been told

	place []place
	at    []int32 // the task, scope or resource of the place
	next  []int32 // who else waits at the same place, or -1

	atTask, atJoin, atSlot []int32 // first in line, by task, scope, scope
	members                []int32 // by scope: members that are not able
	slots                  []int32 // by scope: slots that are held by tasks that are not able
	memberOf               []int32 // by task: its scope, or -1

	res        []resourceState
	holds      [][]heldAt // by task: the resources to look at again when it can go on
	timedScope []int8     // memory of scopeEnds
}

type heldAt struct {
	res    int32
	amount int64
	write  bool
	user   place // of a queue: whom it serves
}

// resourceState is a resource in the reduction.
type resourceState struct {
	queue   []waiting // for permits, in order
	served  int       // those before have been served, or have left
	stuck   int64     // permits that are held for ever, as it looks now
	readers int64     // those among them that are not for writing
	lost    bool      // some are held by a task that has ended

	putters, getters users
	first            [4]int32 // first in line at atPermits, atPut, atGet, atWorkDone
}

type waiting struct {
	task   int32
	amount int64
	write  bool
}

// users are the tasks that use one side of a queue.
type users struct {
	known bool // at least one that lives
	free  bool // one of them can go on, or there may be others
	gone  bool // some have ended: this side is used by tasks that come and go
}

// serve reports whether they serve the other side, for all that is known.
func (u users) serve() bool { return u.free || !u.known }

func reduce(s *Snapshot, timed bool) *reduction {
	v := &reduction{
		s: s, ix: s.lookup(), timed: timed,
		able:       make([]bool, len(s.Tasks)),
		when:       make([]int32, len(s.Tasks)),
		place:      make([]place, len(s.Tasks)),
		at:         make([]int32, len(s.Tasks)),
		next:       fill(len(s.Tasks)),
		atTask:     fill(len(s.Tasks)),
		memberOf:   fill(len(s.Tasks)),
		holds:      make([][]heldAt, len(s.Tasks)),
		atJoin:     fill(len(s.Scopes)),
		atSlot:     fill(len(s.Scopes)),
		members:    make([]int32, len(s.Scopes)),
		slots:      make([]int32, len(s.Scopes)),
		timedScope: make([]int8, len(s.Scopes)),
		res:        make([]resourceState, len(s.Resources)),
		left:       len(s.Tasks),
	}
	for i := range s.Tasks {
		t := &s.Tasks[i]
		if sc, ok := v.ix.scopes.get(t.Parent); ok {
			v.memberOf[i] = sc
			v.members[sc]++
			if t.Slot {
				v.slots[sc]++
			}
		}
		v.locate(i, t)
	}
	for i := range v.res {
		v.res[i].first = [4]int32{-1, -1, -1, -1}
	}
	for i := len(s.Tasks) - 1; i >= 0; i-- { // from behind, so that each line is in the order of the snapshot
		if first := v.line(v.place[i], v.at[i]); first != nil {
			v.next[i], *first = *first, int32(i)
		}
	}
	for i := range s.Resources {
		v.resource(int32(i), &s.Resources[i])
	}
	v.unlisted()
	v.settle()
	return v
}

func fill(n int) []int32 {
	list := make([]int32, n)
	for i := range list {
		list[i] = -1
	}
	return list
}

// line returns where the list of those who wait at a place begins.
func (v *reduction) line(p place, at int32) *int32 {
	switch p {
	case atTask:
		return &v.atTask[at]
	case atJoin:
		return &v.atJoin[at]
	case atSlot:
		return &v.atSlot[at]
	case atPermits, atPut, atGet, atWorkDone:
		return &v.res[at].first[p-atPermits]
	default:
		return nil
	}
}

// locate finds out where a task waits.
func (v *reduction) locate(i int, t *Task) {
	switch t.State {
	case StateQueued:
		if v.memberOf[i] >= 0 && !v.ends(t, nil) {
			v.place[i], v.at[i] = atSlot, v.memberOf[i]
		}
		return
	case StateActive:
		return
	}
	w := t.Wait
	if w == nil {
		return
	}
	if w.Scope != 0 {
		sc, ok := v.ix.scopes.get(w.Scope)
		switch {
		case !ok:
		case w.Op == opJoin:
			if !v.graceEnds(&v.s.Scopes[sc]) {
				v.place[i], v.at[i] = atJoin, sc
			}
		case (w.Op == opGoWait || w.Op == opSlot) && !v.ends(t, w):
			v.place[i], v.at[i] = atSlot, sc
		}
		return
	}
	if w.Task == 0 && w.Resource == 0 || v.ends(t, w) {
		return
	}
	if w.Task != 0 {
		v.awaits(i, w.Task)
		return
	}
	ri, ok := v.ix.resources.get(w.Resource)
	if !ok {
		return
	}
	r := &v.s.Resources[ri]
	switch {
	case hasPermits(r):
		v.place[i], v.at[i] = atPermits, ri
	case r.Kind == kindQueue:
		v.place[i], v.at[i] = queuePlace(r, w.Op), ri
	case r.Task != 0:
		v.awaits(i, r.Task)
	}
}

func (v *reduction) awaits(i int, id uint64) {
	if target, ok := v.ix.tasks.get(id); ok {
		v.place[i], v.at[i] = atTask, target
	}
}

// Operations and kinds, as package braid calls them.
const (
	opJoin     = "run.Join"
	opGoWait   = "group.GoWait"
	opSlot     = "group.Slot"
	opPut      = "queue.Put"
	opGet      = "queue.Get"
	opWorkDone = "queue.Join"
	opSleep    = "braid.Sleep"
	opRLock    = "rwmutex.RLock"

	kindQueue     = "queue"
	kindMutex     = "mutex"
	kindRWMutex   = "rwmutex"
	kindSemaphore = "semaphore"
	kindLimiter   = "limiter"

	modePut   = "put"
	modeGet   = "get"
	modeRead  = "read"
	modeWrite = "write"

	attrFormerPutters = "former putters"
	attrFormerGetters = "former getters"
	attrLaterPutters  = "later putters"
)

// hasPermits says that r is a lock, or something else whose holders give back what they took.
func hasPermits(r *Resource) bool {
	switch r.Kind {
	case kindMutex, kindRWMutex, kindSemaphore, kindLimiter:
		return true
	}
	return false
}

// queuePlace is where a call of a queue waits; nowhere if the queue is not in a state in which it would.
func queuePlace(r *Resource, op string) place {
	switch {
	case op == opPut && !r.Closed && r.InUse >= r.Capacity:
		return atPut
	case op == opGet && !r.Closed && r.InUse <= 0:
		return atGet
	case op == opWorkDone:
		return atWorkDone
	}
	return nowhere
}

// ends reports whether time, or a cancellation that has begun, ends a wait of t. w is nil for a task that has not started.
func (v *reduction) ends(t *Task, w *Wait) bool {
	if !v.timed {
		return false
	}
	ends := w != nil && (w.Timed || w.Deadline != nil) || t.Cancel != nil || t.Deadline != nil || v.scopeEnds(t.Parent)
	v.relied = v.relied || ends
	return ends
}

// scopeEnds reports whether the scope with that id has a deadline or was cancelled, or one above it that it is not shielded from.
func (v *reduction) scopeEnds(id uint64) bool {
	var way []int32
	answer := int8(-1)
	for range maxPath {
		if i, ok := v.ix.scopes.get(id); ok {
			if m := v.timedScope[i]; m != 0 {
				answer = m
				break
			}
			way = append(way, i)
			sc := &v.s.Scopes[i]
			if sc.Deadline != nil || sc.Cancel != nil {
				answer = 1
				break
			}
			if sc.Kind == ScopeShield {
				break
			}
			id = sc.above()
		} else if i, ok := v.ix.tasks.get(id); ok {
			t := &v.s.Tasks[i]
			if t.Deadline != nil || t.Cancel != nil {
				answer = 1
				break
			}
			id = t.Parent
		} else {
			break
		}
	}
	for _, i := range way {
		v.timedScope[i] = answer
	}
	return answer > 0
}

// graceEnds reports whether Run returns without its tasks. Nothing else ends the wait for them: no deadline, no cancellation.
func (v *reduction) graceEnds(sc *Scope) bool {
	ends := v.timed && sc.GraceUS > 0 && v.scopeEnds(sc.ID)
	v.relied = v.relied || ends
	return ends
}

// resource finds out who holds, uses and wants r.
func (v *reduction) resource(ri int32, r *Resource) {
	switch {
	case hasPermits(r):
		for _, h := range r.Holders {
			v.hold(ri, r, h)
		}
		v.res[ri].queue = v.inLine(ri, r)
	case r.Kind == kindQueue:
		v.users(ri, r)
	}
}

// unlisted finds holders beyond those that a resource lists: the tasks know what they hold.
func (v *reduction) unlisted() {
	full := make(map[int32]map[uint64]bool) // by resource, who is listed
	for i := range v.s.Resources {
		if r := &v.s.Resources[i]; hasPermits(r) && len(r.Holders) >= MaxListed {
			listed := make(map[uint64]bool, len(r.Holders))
			for _, h := range r.Holders {
				listed[h.Task] = true
			}
			full[int32(i)] = listed
		}
	}
	if len(full) == 0 {
		return
	}
	for i := range v.s.Tasks {
		t := &v.s.Tasks[i]
		for _, h := range t.Holds {
			ri, ok := v.ix.resources.get(h.Resource)
			if listed := full[ri]; ok && listed != nil && !listed[t.ID] {
				h.Task = t.ID
				v.hold(ri, &v.s.Resources[ri], h)
			}
		}
	}
}

// hold notes that a task holds permits. Permits of one that may have given them back, or that is not to be seen,
// count as given back: that makes more tasks able, never fewer.
func (v *reduction) hold(ri int32, r *Resource, h Hold) {
	if h.Maybe {
		return
	}
	held := heldAt{res: ri, amount: max(h.Amount, 1), write: r.Kind != kindRWMutex || h.Mode == modeWrite}
	if r.Kind == kindMutex || r.Kind == kindRWMutex {
		held.amount = 1
	}
	state := &v.res[ri]
	if h.Ended {
		state.lost = true
	} else {
		i, ok := v.ix.tasks.get(h.Task)
		if !ok {
			return
		}
		v.holds[i] = append(v.holds[i], held)
	}
	state.stuck += held.amount
	if !held.write {
		state.readers += held.amount
	}
}

// inLine returns those who wait for permits, in order.
func (v *reduction) inLine(ri int32, r *Resource) []waiting {
	var list []waiting
	listed := make(map[int32]bool, len(r.Waiters))
	add := func(i int32, amount int64, op string) {
		w := v.s.Tasks[i].Wait
		if amount == 0 {
			amount = w.Amount
		}
		if op == "" {
			op = w.Op
		}
		if r.Kind == kindMutex || r.Kind == kindRWMutex {
			amount = 1
		}
		list = append(list, waiting{task: i, amount: max(amount, 1), write: op != opRLock})
	}
	for _, w := range r.Waiters {
		i, ok := v.ix.tasks.get(w.Task)
		if !ok || listed[i] || v.place[i] != atPermits || v.at[i] != ri {
			continue // for all that is known it may leave the line at any time
		}
		listed[i] = true
		add(i, w.Amount, w.Op)
	}
	var rest []int32
	for i := v.res[ri].first[0]; i >= 0; i = v.next[i] {
		switch {
		case listed[i]:
		case r.Waiting <= len(r.Waiters): // all are listed, so it has been served and not gone on yet
			v.place[i] = nowhere
		default:
			rest = append(rest, i)
		}
	}
	slices.SortStableFunc(rest, func(a, b int32) int { return v.s.Tasks[a].Wait.Pos - v.s.Tasks[b].Wait.Pos })
	for _, i := range rest {
		add(i, 0, "")
	}
	return list
}

// users finds out who uses a queue. Those who have ended do not count: somebody else may be meant to go on with it.
func (v *reduction) users(ri int32, r *Resource) {
	state := &v.res[ri]
	state.putters.gone, state.getters.gone = r.Attrs[attrFormerPutters] > 0, r.Attrs[attrFormerGetters] > 0
	for _, h := range r.Holders {
		side, serves := &state.putters, atGet
		if h.Mode == modeGet {
			side, serves = &state.getters, atPut
		}
		if h.Ended {
			side.gone = true
			continue
		}
		i, ok := v.ix.tasks.get(h.Task)
		if !ok {
			side.free = true
			continue
		}
		side.known = true
		v.holds[i] = append(v.holds[i], heldAt{res: ri, user: serves})
	}
	cut := len(r.Holders) >= MaxListed
	state.putters.free = state.putters.free || cut || unlisted(r, modePut)
	state.getters.free = state.getters.free || cut || unlisted(r, modeGet)
	// All are listed who wait, so who is not has been served and not gone on yet.
	if r.Waiting <= len(r.Waiters) {
		listed := make(map[uint64]bool, len(r.Waiters))
		for _, w := range r.Waiters {
			listed[w.Task] = true
		}
		for p := atPut; p <= atWorkDone; p++ {
			for i := v.res[ri].first[p-atPermits]; i >= 0; i = v.next[i] {
				if !listed[v.s.Tasks[i].ID] {
					v.place[i] = nowhere
				}
			}
		}
	}
}

// unlisted reports whether there may be tasks that use a queue in that mode and are not listed.
func unlisted(r *Resource, mode string) bool {
	return r.Unknown && (r.UnknownOf == "" || r.UnknownOf == mode)
}
