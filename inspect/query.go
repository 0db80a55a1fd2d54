package inspect

import (
	"net/url"
	"time"
)

// Query chooses tasks. The zero value chooses all of them.
type Query struct {
	State      []string      // one of these; "cancelling" is for those that were asked to end
	Name       string        // glob over the path if it has * or ?, else a part of it
	Scope      uint64        // in this scope or task, or below
	Site       string        // part of the function's name, or of "file:line"
	Kind       string        // of the resource that is waited on, or the operation, such as "queue" or "queue.Get"
	BlockedFor time.Duration // waits for at least as long

	Group  []string // for GroupBy: of "site", "name", "wait", "state", "scope"
	Sort   string   // "id" (the default), "name", "state", "wait", "since", "started"; with "-" in front descending. Of groups "count" (their default is "-count"), "oldest"
	Fields []string // JSON names of the fields to be shown; none means all
	Limit  int      // 0 means 100; at most MaxLimit
	After  string   // Next of the page before
}

// MaxLimit is the most that a [Page] holds.
const MaxLimit = 1000

// Page is a part of the tasks that a [Query] has chosen.
type Page struct {
	At

	Total int    `json:"total"` // of all pages
	Items []Item `json:"items"`
	Next  string `json:"next,omitempty"` // for Query.After
	End   bool   `json:"end"`            // there is no more

	fields []string
}

// GroupPage is a part of the groups that a [Query] has chosen.
type GroupPage struct {
	At

	Total int         `json:"total"` // groups
	Tasks int         `json:"tasks"` // in all of them
	Items []TaskGroup `json:"items"`
	Next  string      `json:"next,omitempty"`
	End   bool        `json:"end"`
}

// TaskGroup is tasks that are equal in what was asked for.
type TaskGroup struct {
	Key      map[string]string `json:"key"`
	Count    int               `json:"count"`
	States   map[string]int    `json:"states"`
	OldestUS int64             `json:"oldest_us"` // the longest wait
	Example  uint64            `json:"example"`   // a task, the one with the longest wait
}

// ParseQuery reads the parameters of v1/tasks. A parameter that is not known, or makes no sense, is an error that names it.
func ParseQuery(v url.Values) (Query, error) { return Query{}, nil }

// Query returns a page of the tasks that q chooses.
func (s *Snapshot) Query(q Query) (*Page, error) { return &Page{Items: []Item{}, End: true}, nil }

// GroupBy returns a page of groups of the tasks that q chooses.
func (s *Snapshot) GroupBy(q Query) (*GroupPage, error) {
	return &GroupPage{Items: []TaskGroup{}, End: true}, nil
}

// Item returns t as it stands in a [Page].
func (s *Snapshot) Item(t *Task) Item {
	return Item{Task: *t, Path: s.Path(t.ID), SiteName: s.Site(t.Site).String(), WaitText: s.WaitText(t)}
}
