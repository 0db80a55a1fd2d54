package sim

import (
	"context"
	"strings"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/internal/sched"
)

// What a step uses, for [Reduce].
//
// A step is what a task does from one point to the next, or until it waits or ends; the firing of a timer is one, too.
// Two steps of different tasks may be swapped if their footprints do not meet: the state afterwards is the same.
// A footprint is what has been seen while the step ran, and where seeing is not enough, what is known of package braid;
// an operation that is not known here meets everything. So does whatever may cancel: a cancellation is read everywhere.

// Access is how a step uses what it shares with other tasks; see [Touch].
type Access uint8

const (
	// Reading changes nothing.
	Reading Access = iota + 1
	// Adding changes something so that the order of several such changes does not matter, and looks at nothing.
	Adding
	// Writing is everything else.
	Writing
)

// Touch tells a search with [Reduce] that the running step, from the task's last operation to its next, uses x, which is shared with
// other tasks and is none of braid's primitives; x is compared by identity. It is no scheduling point, and outside of such a search
// it does nothing.
func Touch(ctx context.Context, x any, how Access) {
	if e := engineOf(ctx); e != nil && e.red != nil {
		e.red.touchObject(x, how)
	}
}

type touch struct {
	what uint64
	how  Access
}

type footprint struct {
	all  bool // meets every other
	list []touch
}

func (f *footprint) reset() { f.all, f.list = false, f.list[:0] }

func (f *footprint) add(what uint64, how Access) {
	for i := range f.list {
		if t := &f.list[i]; t.what == what {
			if t.how != how {
				t.how = Writing
			}
			return
		}
	}
	f.list = append(f.list, touch{what, how})
}

func (f *footprint) merge(o *footprint) {
	f.all = f.all || o.all
	for _, t := range o.list {
		f.add(t.what, t.how)
	}
}

// meets reports whether the order of two steps may matter.
func (f *footprint) meets(o *footprint) bool {
	if f.all || o.all {
		return true
	}
	for _, a := range f.list {
		for _, b := range o.list {
			if a.what == b.what && (a.how != b.how || a.how == Writing) {
				return true
			}
		}
	}
	return false
}

// What has no object of its own.
const (
	theClock uint64 = iota + 1
	theSlots        // of all limited groups: who waits for a task or a future may lend a slot, and who ends gives one back
)

// usage is what is known of an operation.
type usage uint8

const (
	usesAll    usage = iota // anything, for all that is known here
	usesNone                // nothing but its own task and its ctx
	readsIt                 // its object
	writesIt                // its object
	writesOnIt              // its object, here and in all later steps of the task: it may come back to it without a point
)

// usages knows operations by their whole name, or by their kind.
var usages = map[string]usage{
	"semaphore": writesIt, "limiter": writesIt, "mutex": writesIt, "rwmutex": writesIt, "event": writesIt, "barrier": writesIt,
	"queue": writesIt, "promise": writesIt, "future": writesIt, "var": writesIt, "run": writesIt,
	"cond": writesOnIt, // Wait unlocks the mutex, at a point, before it waits
	"once": writesOnIt, // Get runs a function in which there are points

	"var.Load": readsIt, "event.IsSet": readsIt, "queue.Len": readsIt, "barrier.Broken": readsIt, "future.Result": readsIt,

	"group.Go": writesIt, "group.GoWait": writesIt, "group.Cancel": writesIt, "task.Wait": writesIt, "task.Cancel": writesIt,
	"braid.Start": writesIt,

	"": usesNone, "portal.Do": usesNone, "ctx.Err": usesNone, "braid.Run": usesNone, "braid.Yield": usesNone, "braid.Sleep": usesNone, "braid.Timeout": usesNone,
	"braid.Deadline": usesNone, "braid.Shield": usesNone, "braid.Abandon": usesNone, "braid.WithExitStack": usesNone,
}

func usageOf(op string) usage {
	if u, ok := usages[op]; ok {
		return u
	}
	kind, _, _ := strings.Cut(op, ".")
	if kind == "sim" {
		if strings.HasPrefix(op, "sim.Point ") {
			return usesNone
		}
	}
	return usages[kind]
}

// decided lists the operations before whose point braid has settled by an atomic variable who does what is announced.
var decided = map[string]bool{"promise.Settle": true, "queue.Shutdown": true, "group.Cancel": true, "task.Cancel": true}

// binds reports whether op may be the first on its object that the simulator hears of: until an object has been used with a ctx,
// what is done to it without one has no point, and is seen by nobody. So the first use comes after, or before, any other step.
func binds(op string) bool {
	switch kind, _, _ := strings.Cut(op, "."); kind {
	case "group", "task", "run", "portal", "braid", "var", "sim", "once", "test":
		return false
	default:
		return true
	}
}

// group is what is known of a group.
type group struct {
	limited bool
	by      *task // who has started its tasks
	others  bool  // others have, too
}

// names gives what is shared in a schedule names that are the same in all schedules that begin in the same way:
// who came to it first, and as its how manieth. That is settled when the operation is announced, one step before its effect.
type names struct {
	of      map[any]uint64
	groups  map[*braid.Group]*group
	limited bool // one of them is
}

func (n *names) reset() {
	if n.of == nil {
		n.of, n.groups = make(map[any]uint64), make(map[*braid.Group]*group)
	}
	clear(n.of)
	clear(n.groups)
	n.limited = false
}

// name returns the name of x, and whether it has just been given, for a task.
func (n *names) name(x any, t *task) (name uint64, fresh bool) {
	if id, ok := n.of[x]; ok {
		return id, false
	}
	if t == nil {
		name = mix(0xa11, uint64(len(n.of)))
	} else {
		t.named++
		name = mix(t.key, uint64(t.named))
	}
	n.of[x] = name
	return name, true
}

// group returns what is known of g.
func (n *names) group(g *braid.Group) *group {
	info := n.groups[g]
	if info == nil {
		info = &group{limited: g.Statistics().Limit > 0}
		n.groups[g] = info
		n.limited = n.limited || info.limited
	}
	return info
}

// lends reports whether t's operation may have to do with the slots of limited groups.
func (n *names) lends(op sched.Op) bool {
	if !n.limited {
		return false
	}
	switch o := op.Object.(type) {
	case *braid.Group:
		return n.group(o).limited
	case *braid.Handle:
		return o.Group() != nil && n.group(o.Group()).limited
	}
	kind, _, _ := strings.Cut(op.Name, ".")
	return kind == "future" || kind == "promise" || kind == "portal"
}

// arrive is called when t announces op, at the end of the step before.
func (r *reducer) arrive(t *task, op sched.Op) {
	if op.Object == nil {
		t.before = t.op.Name
		r.step.all = r.step.all || decided[op.Name]
		return
	}
	if g, ok := op.Object.(*braid.Group); ok {
		if info := r.names.group(g); op.Name == "group.Go" {
			info.others = info.others || info.by != nil && info.by != t
			info.by = t
		}
	}
	id, fresh := r.names.name(op.Object, t)
	switch {
	case fresh && op.Name == "future.Wait" && t.op.Name == "group.Go" && (t.before == "braid.Start" || t.before == "braid.Abandon"):
		// The promise is known to the task alone that has been started in this very step.
	case fresh && binds(op.Name):
		r.step.all = true
	case !decided[op.Name]:
	case r.usage(op.Name) == usesAll:
		r.step.all = true
	default:
		r.step.add(id, Writing)
	}
	t.before = t.op.Name
	if r.usage(op.Name) == writesOnIt {
		t.later = append(t.later, id)
	}
}

// begin begins the footprint of t's next step, which starts at its last operation, or goes on in it after a wait.
func (r *reducer) begin(t *task) {
	r.step.add(t.key, Writing)
	for _, id := range t.later {
		r.step.add(id, Writing)
	}
	op := t.op
	if r.names.lends(op) {
		r.step.add(theSlots, Writing)
	}
	how := Writing
	switch r.usage(op.Name) {
	case usesAll:
		r.step.all = true
	case usesNone:
		return
	case readsIt:
		how = Reading
	case writesIt, writesOnIt:
		switch o := op.Object.(type) {
		case *braid.Group:
			switch {
			case op.Name == "group.Go" && !r.names.group(o).limited:
				how = Adding
			case op.Name == "group.Cancel":
				r.cancels(o)
			}
		case *braid.Handle:
			if op.Name == "task.Cancel" && (o.Group() == nil || r.names.group(o.Group()).limited) {
				r.step.all = true // it may take it out of the queue
			}
		}
	}
	if op.Object != nil {
		id, _ := r.names.name(op.Object, t)
		r.step.add(id, how)
	}
}

func (r *reducer) touchObject(x any, how Access) {
	t := r.eng.cur.Load()
	id, fresh := r.names.name(x, t)
	if fresh || t == nil {
		r.step.all = true // it may have another name in another schedule
	}
	r.step.add(id, how)
}

// ended is called when t ends, in its last step.
func (r *reducer) ended(t *task) {
	if t.job == nil {
		return
	}
	h := braid.Current(t.job.Context())
	if h == nil {
		return // it is none of braid's, and nobody waits for it
	}
	err, _ := h.Err()
	id, fresh := r.names.name(h, t)
	if fresh {
		r.names.of[h] = t.key
		id = t.key
	}
	r.step.add(id, Writing)
	g := h.Group()
	if g == nil {
		r.step.all = r.step.all || err != nil
		return // nobody joins it
	}
	id, fresh = r.names.name(g, t)
	if fresh {
		r.step.all = true
	}
	if r.names.group(g).limited {
		r.step.add(id, Writing)
		r.step.add(theSlots, Writing)
	} else {
		r.step.add(id, Adding) // the last one wakes who joins, whose steps all write
	}
	if err != nil {
		r.step.add(id, Writing)
		r.cancels(g) // perhaps
	}
}

// cancels is called when the step may cancel g. Those of its tasks that are cancelled are seen, but for the body.
func (r *reducer) cancels(g *braid.Group) {
	info := r.names.group(g)
	if info.limited || info.others || info.by == nil || !r.hasBody(info.by, g) {
		r.step.all = true
		return
	}
	r.step.add(info.by.key, Writing)
}

// hasBody reports whether t is the task in which g's Run was called. Paths tell, unless two tasks have the same one.
func (r *reducer) hasBody(t *task, g *braid.Group) bool {
	path := g.Path()
	if name := g.Name(); name != "" {
		path = strings.TrimSuffix(path, "/"+name)
	}
	for _, other := range r.eng.arena[:r.eng.used] {
		if other != t && other.job != nil && other.job.Path() == path {
			return false
		}
	}
	return t.id == 0 || t.job != nil && t.job.Path() == path
}

// spawned is called when a step has started t.
func (r *reducer) spawned(t *task) {
	r.step.add(t.key, Writing)
	if t.job == nil {
		return
	}
	if h := braid.Current(t.job.Context()); h != nil && r.names.of[h] == 0 {
		r.names.of[h] = mix(t.key, 0)
	}
}

// cancellations looks whose context has ended in this step.
func (r *reducer) cancellations() {
	if r.noCancel {
		return
	}
	e := r.eng
	outer := e.cur.Swap(nil) // this is no operation of the task
	for _, t := range e.arena[:e.used] {
		if t.job == nil || t.ended || t.done {
			continue
		}
		if t.job.Context().Err() != nil {
			t.done = true
			r.step.add(t.key, Writing)
		}
	}
	e.cur.Store(outer)
}
