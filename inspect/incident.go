package inspect

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/internal/record"
)

func init() { //nolint:gochecknoinits // with record.On, and before any task can run
	record.Lost, record.Refused = incidents.lost, incidents.refused
}

// Kinds of incident.
const (
	IncidentUnread    = string(record.Unread)    // a future failed, and was collected before anybody had read why
	IncidentAbandoned = string(record.Abandoned) // a function failed whose caller had left; see braid.Abandon, braid.AbandonOnCancel and braid.Start
	IncidentLeft      = string(record.Left)      // a task failed after its Run had returned; see braid.Grace
	IncidentRefused   = "refused"                // a task was not started, because its group was cancelled already
)

// Incident is what happened in a moment, to tasks that are in no snapshot. Those of one kind and one site are one incident, with a count;
// so are those of promises whose names are alike but for numbers.
type Incident struct {
	Kind  string    `json:"kind"`
	Site  uint64    `json:"site,omitempty"`  // of the task's function; 0 for a promise
	Task  string    `json:"task,omitempty"`  // the path of the last one; of tasks that were refused the first one; the name of a promise
	Error string    `json:"error,omitempty"` // of the last one of which it is known
	Count int64     `json:"count"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

// maxIncidents bounds the incidents that are kept. When there are more, the one whose last is longest ago makes room.
const maxIncidents = 256

// incidents are those of this process.
var incidents = incidentList{at: make(map[incidentKey]*incident)}

type incidentList struct {
	mu sync.Mutex
	at map[incidentKey]*incident
}

type incidentKey struct {
	kind  string
	entry uintptr
	name  string // of what has no entry; numbers in it do not matter
}

type incident struct {
	Incident

	err error // its text is made when somebody looks; nil when that is done
}

// find returns the incident of that key, counted once more. l.mu is held.
func (l *incidentList) find(key incidentKey, now time.Time) (in *incident, known bool) {
	in, known = l.at[key]
	if !known {
		if len(l.at) == maxIncidents {
			var oldest incidentKey
			var last time.Time
			for k, other := range l.at {
				if last.IsZero() || other.Last.Before(last) {
					oldest, last = k, other.Last
				}
			}
			delete(l.at, oldest)
		}
		in = &incident{Incident: Incident{Kind: key.kind, First: now}}
		l.at[key] = in
	}
	in.Count++
	in.Last = now
	return in, known
}

// lost implements record.Lost.
func (l *incidentList) lost(loss record.Loss) {
	err := loss.Err
	if te, ok := err.(*braid.TaskError); ok && te.Task == loss.Task { //nolint:errorlint // this very one: an error's own methods are not to be called here
		err = te.Err // the task is said already
	}
	key := incidentKey{kind: string(loss.How), entry: loss.Entry}
	if key.entry == 0 {
		key.name = starred(beginning(loss.Task))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	in, _ := l.find(key, time.Now().Round(0))
	if in.Task = beginning(loss.Task); err != nil {
		in.err = err
	}
}

// refused implements record.Refused. There may be many of them: the path is asked for once.
func (l *incidentList) refused(entry uintptr, path func() string) {
	key := incidentKey{kind: IncidentRefused, entry: entry}
	l.mu.Lock()
	in, known := l.find(key, time.Now().Round(0))
	l.mu.Unlock()
	if known {
		return
	}
	name := path() // takes locks of package braid
	l.mu.Lock()
	defer l.mu.Unlock()
	in.Task = beginning(name)
}

// list returns the incidents, the oldest first. site gives the id of the function at an entry.
func (l *incidentList) list(site func(entry uintptr) uint64) []Incident {
	type untold struct {
		in    *incident
		err   error
		count int64 // of that error
	}
	var news []untold
	l.mu.Lock()
	for _, in := range l.at {
		if in.err != nil {
			news = append(news, untold{in, in.err, in.Count})
		}
	}
	l.mu.Unlock()
	for _, n := range news {
		text := textOf(n.err) // calls code of the user's, so without the lock
		l.mu.Lock()
		if n.in.Error = text; n.in.Count == n.count {
			n.in.err = nil
		}
		l.mu.Unlock()
	}

	l.mu.Lock()
	list := make([]Incident, 0, len(l.at))
	for key, in := range l.at {
		out := in.Incident
		if key.entry != 0 {
			out.Site = site(key.entry)
		}
		list = append(list, out)
	}
	l.mu.Unlock()
	slices.SortFunc(list, func(a, b Incident) int {
		return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Site, b.Site), cmp.Compare(a.Task, b.Task))
	})
	return list
}
