package inspect

import (
	"reflect"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/internal/record"
	"github.com/braid-go/braid/internal/sched"
)

func init() { record.On = true } //nolint:gochecknoinits // before any task can run; see package record

// Take returns the state of this process.
//
// It stops nobody: it takes the lock of one scope, task or primitive at a time, for a few microseconds at most,
// and no lock that a task holds while it waits. It calls no code of the user's but the Error methods of causes,
// each on a goroutine of its own that it does not wait for longer than a moment, and the methods Err and Value of contexts that are not braid's,
// which braid itself relies on not to wait.
// So it answers however wedged the program is. See [Snapshot] for how far its parts belong to one moment.
//
// Findings are not in it; [Monitor] makes them.
func Take() *Snapshot {
	begun := time.Now()
	c := &collector{
		s:       &Snapshot{Process: process(), Taken: begun},
		sites:   make(map[uintptr]*site),
		began:   make(map[any]cancelled),
		objects: make(map[uint64]*sched.Object),
	}
	s := c.s
	s.Seq = snapshots.Add(1)
	s.CoarseUS = coarse.Load()
	hint := int(lastSize.Load())
	s.Tasks = make([]Task, 0, hint+hint/8)
	goroutines := runtime.NumGoroutine()
	record.Source.Walk(c)
	s.Counters.Goroutines = int64(min(goroutines, runtime.NumGoroutine()))
	c.timed()
	c.resources()
	s.Incidents = incidents.list(func(entry uintptr) uint64 { return c.site(entry).ID })
	for _, at := range c.sites {
		s.Sites = append(s.Sites, at.Site)
	}
	lastSize.Store(int64(len(s.Tasks)))
	s.TookUS = time.Since(begun).Microseconds()
	return s
}

var (
	snapshots atomic.Uint64
	coarse    atomic.Int64 // microseconds between two ticks of record.Tick
	lastSize  atomic.Int64 // tasks in the last snapshot, for the next one
)

// collector makes a snapshot of what it is shown.
type collector struct {
	s       *Snapshot
	sites   map[uintptr]*site
	began   map[any]cancelled        // by cancellation
	objects map[uint64]*sched.Object // that tasks wait on
	limits  map[uint64]limit         // by task
	chunk   []Wait                   // where the next waits go: one allocation for many;
	times   []time.Time              // so for times
}

// cancelled is what is known of a cancellation, and where it began.
type cancelled struct {
	Cancel

	id uint64
}

// limit is what is known of the scopes inside a task: whether it waits under one of them, and how long at most.
type limit struct {
	parked bool
	at     time.Time
	some   bool // there is a scope with a time limit
}

func (c *collector) Task(t *record.Task) {
	at := c.site(t.Entry)
	out := Task{
		ID: t.ID, Parent: t.Parent, Owner: t.Owner, Site: at.ID, Name: beginning(t.Name),
		Scheduler: schedulerName(t.Scheduler), Inline: t.Inline, Slot: t.Slot, Seq: uint64(t.Stamp),
		Started: c.timeOf(t.Started), Deadline: pointer(t.Deadline), Cancel: c.cancel(t.ID, &t.Cancel),
	}
	if out.Name == "" {
		out.Name = at.name
		if t.Index > 0 {
			out.Name += "#" + strconv.Itoa(int(t.Index-1))
		}
	}
	switch {
	case braid.State(t.State) == braid.Queued:
		out.State = StateQueued
	case t.Why == nil:
		out.State = StateActive
	default:
		out.State = StateBlocked
		if t.Why.Op == opJoin {
			out.State = StateFinishing
		}
		out.Wait = c.wait(t)
	}
	c.s.Tasks = append(c.s.Tasks, out)
}

func (c *collector) wait(t *record.Task) *Wait {
	if len(c.chunk) == 0 {
		c.chunk = make([]Wait, 64)
	}
	w := &c.chunk[0]
	c.chunk = c.chunk[1:]
	*w = Wait{Op: t.Why.Op, Timed: t.Why.Object == nil || t.Stamp&record.Foreign != 0}
	if tick := t.Stamp >> record.StampShift; tick > 0 {
		w.Since = c.timeOf(tick * int64(time.Millisecond))
	}
	if t.Why.Op != opJoin && (t.Parked || t.Why.Object == nil) && !t.Deadline.IsZero() {
		w.Timed, w.Deadline = true, pointer(t.Deadline)
	}
	o := t.Why.Object
	switch {
	case o == nil:
	case o.Task() != nil:
		w.Task, w.Target = t.Target, beginning(o.Task().Path())
	case o.ID != 0:
		w.Resource, w.Target = o.ID, beginning(o.Name)
		c.objects[o.ID] = o
	default:
		w.Scope, w.Target = t.Target, beginning(o.Name)
	}
	return w
}

func (c *collector) Scope(s *record.Scope) {
	c.s.Scopes = append(c.s.Scopes, Scope{
		ID: s.ID, Parent: s.Parent, Owner: s.Owner, Kind: s.Kind, Name: beginning(s.Name),
		Limit: s.Limit, Running: s.Running, Queued: s.Queued, Live: s.Live, Body: s.Body, Closed: s.Closed, Portal: s.Portal, Failures: s.Failures,
		GraceUS: s.Grace.Microseconds(), Deadline: pointer(s.Deadline), Cancel: c.cancel(s.ID, &s.Cancel),
	})
	if s.Parked || s.Kind != ScopeGroup {
		if c.limits == nil {
			c.limits = make(map[uint64]limit)
		}
		l := c.limits[s.Owner]
		l.some = l.some || s.Kind != ScopeGroup
		if s.Parked {
			l.parked, l.at = true, s.Deadline
		}
		c.limits[s.Owner] = l
	}
}

// timed says of the waits inside scopes whether they end by themselves.
func (c *collector) timed() {
	if len(c.limits) == 0 {
		return
	}
	for i := range c.s.Tasks {
		w := c.s.Tasks[i].Wait
		if w == nil || w.Timed || w.Op == opJoin {
			continue
		}
		switch l := c.limits[c.s.Tasks[i].ID]; {
		case l.parked && !l.at.IsZero():
			w.Timed, w.Deadline = true, pointer(l.at)
		case !l.parked && l.some: // it may be in there, sharing the ctx with another goroutine
			w.Timed = true
		}
	}
}

// cancel describes the cancellation of the task or scope with that id. nil means none.
func (c *collector) cancel(id uint64, r *record.Cancel) *Cancel {
	if r.Cause == nil {
		return nil
	}
	known, ok := c.began[r.Record]
	if !ok {
		known = cancelled{Cancel{Cause: textOf(r.Cause), Kind: r.Kind, By: beginning(r.By), Scope: id}, id}
		if r.At > 0 {
			known.At = pointer(record.Epoch.Add(r.At))
		}
		if r.PC != 0 {
			known.Site = c.site(r.PC - 1).ID // of the call, not of what comes after it
		}
		c.began[r.Record] = known
	}
	out := known.Cancel
	if known.id != id {
		out.Kind = "parent"
	}
	return &out
}

// resources looks at what tasks wait on, and at what they have waited on when somebody looked before.
func (c *collector) resources() {
	seen.mu.Lock()
	defer seen.mu.Unlock()
	for id, o := range seen.objects {
		if _, ok := c.objects[id]; !ok {
			c.objects[id] = o
		}
	}
	place := make(map[uint64]int, 16) // of the tasks that wait on or hold something
	for id, o := range c.objects {
		r, ok := record.Source.Peek(o)
		if !ok {
			delete(seen.objects, id)
			continue
		}
		if _, ok := seen.objects[id]; !ok && len(seen.objects) < maxSeen {
			seen.objects[id] = o
		}
		c.s.Resources = append(c.s.Resources, resourceOf(o, &r))
		for _, w := range r.Waiters {
			place[w.Task] = 0
		}
		for _, h := range r.Holders {
			place[h.Task] = 0
		}
	}
	if len(place) == 0 {
		return
	}
	for i := range c.s.Tasks {
		if _, ok := place[c.s.Tasks[i].ID]; ok {
			place[c.s.Tasks[i].ID] = i + 1
		}
	}
	for i := range c.s.Resources {
		c.link(&c.s.Resources[i], place)
	}
	c.during(place)
}

// during finds the tasks that wait for one primitive and hold others, and are in the same wait now that all primitives have been looked at.
// All that they were seen to hold, they have held in that wait.
func (c *collector) during(place map[uint64]int) {
	looked := make(map[uint64]bool)
	for _, i := range place {
		if i == 0 || c.s.Tasks[i-1].Wait == nil {
			continue
		}
		for _, h := range c.s.Tasks[i-1].Holds {
			if h.During || looked[h.Resource] {
				continue
			}
			looked[h.Resource] = true
			r, _ := record.Source.Peek(c.objects[h.Resource])
			for _, holder := range r.Holders {
				i := place[holder.Task]
				if i == 0 || holder.Stamp == 0 || uint64(holder.Stamp) != c.s.Tasks[i-1].Seq {
					continue
				}
				for j := range c.s.Tasks[i-1].Holds {
					c.s.Tasks[i-1].Holds[j].During = true
				}
			}
		}
	}
}

// link tells tasks what they hold of r, and where they stand in its queue.
func (c *collector) link(r *Resource, place map[uint64]int) {
	if r.Kind != "queue" {
		for _, h := range r.Holders {
			if i := place[h.Task]; i > 0 {
				t := &c.s.Tasks[i-1]
				t.Holds = append(t.Holds, Hold{Resource: r.ID, Amount: h.Amount, Mode: h.Mode, Maybe: h.Maybe})
			}
		}
	}
	pos := make(map[string]int, 2)
	for _, w := range r.Waiters {
		pos[w.Op]++
		if i := place[w.Task]; i > 0 {
			if t := &c.s.Tasks[i-1]; t.Wait != nil && t.Wait.Resource == r.ID {
				t.Wait.Pos, t.Wait.Amount = pos[w.Op], w.Amount
			}
		}
	}
}

// seen are the resources that somebody has waited on while we looked. The objects keep no resource alive.
var seen = struct {
	mu      sync.Mutex
	objects map[uint64]*sched.Object
}{objects: make(map[uint64]*sched.Object)}

const maxSeen = 4096

func resourceOf(o *sched.Object, r *record.Resource) Resource {
	out := Resource{
		ID: o.ID, Kind: o.Kind, Name: beginning(o.Name), Capacity: r.Capacity, InUse: r.InUse, Closed: r.Closed,
		Unknown: r.Unknown, UnknownOf: r.UnknownOf, Waiting: r.Waiting, Task: r.Task, Attrs: r.Attrs,
	}
	for _, h := range r.Holders {
		out.Holders = append(out.Holders, Hold{Task: h.Task, Name: beginning(h.Name), Amount: h.Amount, Mode: h.Mode, Maybe: h.Maybe, Ended: h.Ended})
	}
	for _, w := range r.Waiters {
		out.Waiters = append(out.Waiters, Waiter{Task: w.Task, Op: w.Op, Amount: w.Amount})
	}
	return out
}

// site is a Site with the short name that tasks are called by.
type site struct {
	Site

	name string
}

// siteTable gives sites their ids, which stay the same from snapshot to snapshot. A program has as many as it has functions.
var siteTable = struct {
	mu   sync.Mutex
	byPC map[uintptr]*site
}{byPC: make(map[uintptr]*site)}

func (c *collector) site(pc uintptr) *site {
	at := c.sites[pc]
	if at == nil {
		at = siteOf(pc)
		c.sites[pc] = at
	}
	return at
}

func siteOf(pc uintptr) *site {
	siteTable.mu.Lock()
	defer siteTable.mu.Unlock()
	at := siteTable.byPC[pc]
	if at == nil {
		at = &site{Site: Site{ID: uint64(len(siteTable.byPC) + 1), Func: "unknown"}, name: record.Source.NameOf(pc)}
		if f := runtime.FuncForPC(pc); f != nil {
			at.Func = strings.TrimSuffix(f.Name(), "-fm") // of a method value
			if file, line := f.FileLine(pc); file != "<autogenerated>" {
				at.File, at.Line = file, line
			}
		}
		siteTable.byPC[pc] = at
	}
	return at
}

// schedulerName is the name of the package that the scheduler comes from; "" for goroutines.
func schedulerName(s sched.Scheduler) string {
	if s == nil {
		return ""
	}
	name, _, _ := strings.Cut(strings.TrimLeft(reflect.TypeOf(s).String(), "*"), ".")
	return name
}

func pointer(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	p := new(time.Time) // and not &t, which would be allocated for zero too
	*p = t
	return p
}

// timeOf is the time that is ns nanoseconds after the epoch of package braid; nil for 0.
func (c *collector) timeOf(ns int64) *time.Time {
	if ns == 0 {
		return nil
	}
	if len(c.times) == 0 {
		c.times = make([]time.Time, 64)
	}
	t := &c.times[0]
	c.times = c.times[1:]
	*t = record.Epoch.Add(time.Duration(ns)).Round(0)
	return t
}

// process describes this process, except for what an inspector adds.
var process = sync.OnceValue(func() Process {
	p := thisProcess()
	if info, ok := debug.ReadBuildInfo(); ok {
		p.Module, p.Version = info.Main.Path, info.Main.Version
	}
	return p
})
