package inspect

import "time"

// The answers of the API that are more than records; docs/inspector.md lists its paths.

// At says which snapshot an answer is made of.
type At struct {
	SnapshotSeq uint64    `json:"snapshot_seq"`
	Taken       time.Time `json:"taken"`
}

// Info is the answer of v1/info.
type Info struct {
	At

	Process    Process  `json:"process"`
	TookUS     int64    `json:"took_us"`
	Live       bool     `json:"live"`  // a process answers, not a file
	Write      bool     `json:"write"` // tasks may be cancelled
	Counts     Counts   `json:"counts"`
	Counters   Counters `json:"counters"`
	Clients    int      `json:"clients"` // that follow events
	MaxClients int      `json:"max_clients"`
	IntervalUS int64    `json:"interval_us"` // between two looks
	FreshUS    int64    `json:"fresh_us"`    // an answer may be this old
	Seq        uint64   `json:"seq"`         // of the last event
}

// Counts says how much there is at one moment.
type Counts struct {
	Tasks      int `json:"tasks"`
	Queued     int `json:"queued"`
	Active     int `json:"active"`
	Blocked    int `json:"blocked"`
	Finishing  int `json:"finishing"`
	Cancelling int `json:"cancelling"` // asked to end, and have not
	Scopes     int `json:"scopes"`
	Resources  int `json:"resources"`
	Goroutines int `json:"goroutines"` // of the process, its own and those of tasks
	Findings   int `json:"findings"`
}

// TaskDetail is the answer of v1/tasks/{id}.
type TaskDetail struct {
	At

	Path          string            `json:"path"`
	Task          *Task             `json:"task"`
	Site          *Site             `json:"site,omitempty"`
	Scope         *Scope            `json:"scope,omitempty"`
	Wait          *Resource         `json:"wait,omitempty"`
	Holds         []*Resource       `json:"holds,omitempty"`
	Names         map[uint64]string `json:"names,omitempty"` // paths of the holders and waiters
	Children      []Item            `json:"children"`
	ChildrenTotal int               `json:"children_total"`
	Findings      []Finding         `json:"findings"`
}

// Item is a task in a list, with what a reader wants to see beside it.
type Item struct {
	Task

	Path     string `json:"path"`
	SiteName string `json:"site_name,omitempty"`
	WaitText string `json:"wait_text,omitempty"`
}

// Findings is the answer of v1/findings.
type Findings struct {
	At

	Items     []Finding `json:"items"`
	Suspected int       `json:"suspected"` // seen once, to be looked at again
}

// Stacks is the answer of v1/stacks.
type Stacks struct {
	Taken     time.Time `json:"taken"`
	Total     int       `json:"total"` // goroutines of the process
	By        string    `json:"by"`    // "label" or "site": the best match that there is
	Items     []Stack   `json:"items"`
	Truncated bool      `json:"truncated"`
	Note      string    `json:"note,omitempty"`
}

// Stack is the stack of one goroutine, or of several that are equal.
type Stack struct {
	Count  int               `json:"count"`
	Task   uint64            `json:"task,omitempty"`
	Path   string            `json:"path,omitempty"`
	Match  string            `json:"match,omitempty"` // "label", "site", or "" if no task is known
	Labels map[string]string `json:"labels,omitempty"`
	Frames []Frame           `json:"frames"` // innermost first
}

// Frame is a call in a [Stack].
type Frame struct {
	Func string `json:"func"`
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// Series is the answer of v1/series: a point for each look.
type Series struct {
	Seq    uint64  `json:"seq"`
	Points []Point `json:"points"`
}

// Point is what one look has seen, and what happened since the look before.
type Point struct {
	Counts

	Seq        uint64    `json:"seq"`
	At         time.Time `json:"at"`
	SpanUS     int64     `json:"span_us"` // since the look before; 0 for the first one
	Started    int64     `json:"started"`
	Succeeded  int64     `json:"succeeded"`
	Failed     int64     `json:"failed"`
	Cancelled  int64     `json:"cancelled"`
	Panicked   int64     `json:"panicked"`
	WaitUS     Quantiles `json:"wait_us"`     // how long those that wait have waited so far
	DurationUS Quantiles `json:"duration_us"` // of the tasks that ended
	SelfUS     int64     `json:"self_us"`     // that the look took
}

// Quantiles of some durations; all 0 if there are none.
type Quantiles struct {
	P50 int64 `json:"p50"`
	P90 int64 `json:"p90"`
	P99 int64 `json:"p99"`
	Max int64 `json:"max"`
}

// Event is one of v1/events.
type Event struct {
	ID   uint64 // 0 for hello and reset
	Type string // "hello", "point", "finding", "resolved", "task", "end" or "reset"
	Data []byte // JSON
}
