package inspect

import (
	"sync/atomic"
	"time"
)

// The records of the protocol. Ids are unique within one process and never used again; they are below 2^53,
// so that programs in other languages read them exactly. Zero means "none". Fields that a reader does not know are to be ignored:
// later versions add some.
//
// Durations end in US and count microseconds.

// FormatVersion is the version of the records. It changes only when a reader of the one before would be misled.
const FormatVersion = 1

// Process is the program that is looked at.
type Process struct {
	FormatVersion int       `json:"format_version"`
	Instance      string    `json:"instance"` // random, 128 bits: ids of another instance mean nothing here
	PID           int       `json:"pid"`
	Name          string    `json:"name"`
	Started       time.Time `json:"started"`
	Exe           string    `json:"exe,omitempty"`
	Module        string    `json:"module,omitempty"`
	Version       string    `json:"version,omitempty"`
	Go            string    `json:"go"`
	Hostname      string    `json:"hostname,omitempty"`
	Features      []string  `json:"features,omitempty"` // such as "cancel", "labels"
}

// Site is a place in the source. Tasks are started from few sites, so they refer to them by id.
type Site struct {
	ID   uint64 `json:"id"`
	Func string `json:"func"`
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// Kinds of scope.
const (
	ScopeGroup   = "group"   // of a Run; has tasks
	ScopeTimeout = "timeout" // bounds what is below
	ScopeShield  = "shield"  // keeps the cancellation of what is above from what is below
)

// Scope is a part of the tree that is cancelled as one.
type Scope struct {
	ID       uint64     `json:"id"`
	Parent   uint64     `json:"parent,omitempty"` // the scope or task directly above
	Owner    uint64     `json:"owner,omitempty"`  // the task that runs it: which called Run, Timeout or Shield
	Kind     string     `json:"kind"`
	Name     string     `json:"name,omitempty"`
	Limit    int        `json:"limit,omitempty"`   // tasks that may run at a time; 0: no limit
	Running  int        `json:"running,omitempty"` // tasks that hold a slot, if there is a limit
	Queued   int        `json:"queued,omitempty"`  // tasks that wait for one
	Live     int        `json:"live,omitempty"`    // members that have not ended, the body of Run included
	Body     bool       `json:"body,omitempty"`    // the body of Run has not returned
	Closed   bool       `json:"closed,omitempty"`  // Run has
	Portal   bool       `json:"portal,omitempty"`  // code that has no task may start some in it; see braid.Portal
	Deadline *time.Time `json:"deadline,omitempty"`
	GraceUS  int64      `json:"grace_us,omitempty"` // see braid.Grace
	Failures int        `json:"failures,omitempty"` // so far
	Cancel   *Cancel    `json:"cancel,omitempty"`
}

// States of a task.
const (
	StateQueued    = "queued"    // waits for a slot of its limited group, and has not run
	StateActive    = "active"    // in no wait that braid sees: it computes, or waits on a raw channel, a mutex or the network
	StateBlocked   = "blocked"   // waits inside braid; see Task.Wait
	StateFinishing = "finishing" // the body of its Run has returned, and it waits for the tasks of that Run
)

// Task is a task that has not ended.
type Task struct {
	ID        uint64     `json:"id"`
	Parent    uint64     `json:"parent,omitempty"` // the scope that it is a member of; 0 for the task of an outermost Run
	Owner     uint64     `json:"owner,omitempty"`  // the task that runs that scope
	Name      string     `json:"name"`
	Site      uint64     `json:"site,omitempty"`      // of its function
	Scheduler string     `json:"scheduler,omitempty"` // "" for goroutines, "loop" or "sim"
	State     string     `json:"state"`
	Started   *time.Time `json:"started,omitempty"` // nil if it has not
	Inline    bool       `json:"inline,omitempty"`  // runs on the goroutine of its caller; see braid.Portal.Do
	Slot      bool       `json:"slot,omitempty"`    // holds a slot of its limited group
	Deadline  *time.Time `json:"deadline,omitempty"`
	Wait      *Wait      `json:"wait,omitempty"`
	Cancel    *Cancel    `json:"cancel,omitempty"`
	Holds     []Hold     `json:"holds,omitempty"` // what it holds of the resources in the snapshot
	Seq       uint64     `json:"seq"`             // changes with each wait: equal in two snapshots means the same wait all the time
}

// Wait says what a task waits on. At most one of Resource, Task and Scope is set; none means time, or something outside of braid.
type Wait struct {
	Op       string     `json:"op"` // such as "queue.Get"
	Resource uint64     `json:"resource,omitempty"`
	Task     uint64     `json:"task,omitempty"`  // waits for its end
	Scope    uint64     `json:"scope,omitempty"` // waits for its tasks to end, or for a slot of it
	Target   string     `json:"target,omitempty"`
	Amount   int64      `json:"amount,omitempty"` // of permits asked for
	Pos      int        `json:"pos,omitempty"`    // 1 for the head of the queue
	Since    *time.Time `json:"since,omitempty"`  // not after the moment that the wait began by more than Coarse of the snapshot
	Timed    bool       `json:"timed,omitempty"`  // ends by itself, such as a sleep or a wait under a deadline
	Deadline *time.Time `json:"deadline,omitempty"`
}

// Cancel says that a task or a scope was asked to end, and why.
type Cancel struct {
	Cause string     `json:"cause"`
	Kind  string     `json:"kind"`            // "parent", "failure", "call", "deadline", "context" (a context from outside)
	By    string     `json:"by,omitempty"`    // the path of the task whose failure it was
	Site  uint64     `json:"site,omitempty"`  // of the call of Cancel, if that is known
	At    *time.Time `json:"at,omitempty"`    // when; nil if nobody noted it
	Scope uint64     `json:"scope,omitempty"` // where it began: the highest task or scope that ended with the same cause
}

// Hold is what a task holds of a resource.
type Hold struct {
	Resource uint64 `json:"resource,omitempty"` // in Task.Holds
	Task     uint64 `json:"task,omitempty"`     // in Resource.Holders; 0 for one that is no task, or has ended
	Name     string `json:"name,omitempty"`     // of a holder that is no task in this snapshot
	Amount   int64  `json:"amount"`
	Mode     string `json:"mode,omitempty"`  // "read" or "write" for a lock that has both; "put" or "get" for a queue's users
	Maybe    bool   `json:"maybe,omitempty"` // it took this much, and may have given it back since
	Ended    bool   `json:"ended,omitempty"` // the task ended without giving it back
	// During says, in Task.Holds, that it was held in that very Task.Wait. Otherwise that is not certain:
	// a snapshot is read part by part, and the wait may have been over when the holder was seen.
	During bool `json:"during,omitempty"`
}

// Resource is a primitive that tasks wait on, or did while somebody looked.
type Resource struct {
	ID       uint64 `json:"id"`
	Kind     string `json:"kind"` // "semaphore", "mutex", "rwmutex", "limiter", "queue", "event", "cond", "barrier", "future", ...
	Name     string `json:"name,omitempty"`
	Capacity int64  `json:"capacity,omitempty"`
	InUse    int64  `json:"in_use"` // permits taken, or items inside
	Closed   bool   `json:"closed,omitempty"`
	// Holders of a lock or of permits. Of a queue, those who are known to use it, with Mode "put" or "get".
	Holders []Hold `json:"holders,omitempty"`
	Unknown bool   `json:"unknown,omitempty"` // there are, or may be, holders or users that are not listed
	// UnknownOf says, of a queue, which side alone Unknown is about: "put" if all are listed who take from it, "get" if all who put.
	UnknownOf string   `json:"unknown_of,omitempty"`
	Waiters   []Waiter `json:"waiters,omitempty"` // in the order in which they will be served; at most MaxListed
	Waiting   int      `json:"waiting"`           // the number of all waiters
	Task      uint64   `json:"task,omitempty"`    // the task that will settle it, for the future of one
	// Attrs are numbers of this kind of resource, such as "unfinished" of a queue.
	Attrs map[string]int64 `json:"attrs,omitempty"`
}

// MaxListed bounds the holders and the waiters that a [Resource] lists.
const MaxListed = 64

// Waiter is a place in the queue of a resource.
type Waiter struct {
	Task   uint64 `json:"task,omitempty"` // 0 for code without a task
	Op     string `json:"op,omitempty"`   // where a resource has several, such as "queue.Put"
	Amount int64  `json:"amount,omitempty"`
}

// Confidence in a finding.
const (
	Certain = "certain" // it was so at the time of the snapshot
	Likely  = "likely"  // unless something that braid does not see changes it
	Hint    = "hint"    // worth a look
)

// Finding is something that is probably wrong.
type Finding struct {
	Code       string         `json:"code"` // such as "D1"
	Title      string         `json:"title"`
	Severity   string         `json:"severity"` // "error", "warning", "info"
	Confidence string         `json:"confidence"`
	Subjects   []Subject      `json:"subjects"`
	Since      time.Time      `json:"since"` // when it was first seen
	Count      int            `json:"count"` // in how many looks
	Text       string         `json:"text"`  // for people
	Hint       string         `json:"hint,omitempty"`
	Evidence   map[string]any `json:"evidence,omitempty"`
}

// Subject is what a finding is about.
type Subject struct {
	Kind string `json:"kind"` // "task", "scope", "resource", "site"; or "process", with its PID
	ID   uint64 `json:"id"`
	Name string `json:"name,omitempty"`
}

// Snapshot is the state of a process.
//
// It is weakly consistent: each task that lives during the whole of it is in it once, as it was at some moment between its beginning and its end.
// A link may lead to what has ended meanwhile, and is not there.
type Snapshot struct {
	Process   Process    `json:"process"`
	Seq       uint64     `json:"seq"`   // of the process's snapshots
	Taken     time.Time  `json:"taken"` // when it began
	TookUS    int64      `json:"took_us"`
	CoarseUS  int64      `json:"coarse_us"` // the resolution of Wait.Since
	Sites     []Site     `json:"sites"`
	Scopes    []Scope    `json:"scopes"`
	Tasks     []Task     `json:"tasks"` // parents before their children
	Resources []Resource `json:"resources"`
	Incidents []Incident `json:"incidents"` // the last ones of each kind and site, at most 256
	Findings  []Finding  `json:"findings"`
	Counters  Counters   `json:"counters"`

	index atomic.Pointer[index] // made when first asked for; see Snapshot.Task
}

// Counters are the numbers of a process since it began to be inspected, and what the inspector had to leave out.
type Counters struct {
	Started   int64 `json:"started"` // tasks, while somebody watched
	Succeeded int64 `json:"succeeded"`
	Failed    int64 `json:"failed"`
	Cancelled int64 `json:"cancelled"`
	Panicked  int64 `json:"panicked"`
	Dropped   int64 `json:"dropped"` // events that nobody was given, because the buffer was full
	SelfUS    int64 `json:"self_us"` // time that the inspector has used

	Goroutines int64 `json:"goroutines,omitempty"` // there are now, those of tasks among them; 0 if that is not known
}
