package inspect

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/braid-go/braid/internal/columns"
)

// The lists of tasks, scopes, resources and sites, and single ones of them.

const (
	listLimit   = 100  // rows of a list, unless the client says otherwise
	childrenMax = 1000 // children and members in one answer
)

var queryParams = []string{"state", "name", "scope", bySite, "kind", "blocked_for", "group", "sort", "fields", "limit", "after"}

func atOf(s *Snapshot) At { return At{SnapshotSeq: s.Seq, Taken: s.Taken} }

// table returns what writes rows with aligned columns.
func table(head []string, rows func(row func(cells ...string))) func(io.Writer) error {
	return func(w io.Writer) error {
		all := [][]string{head}
		rows(func(cells ...string) { all = append(all, cells) })
		return columns.Write(w, all)
	}
}

// both returns what writes one after the other.
func both(first, second func(io.Writer) error) func(io.Writer) error {
	return func(w io.Writer) error {
		if err := first(w); err != nil {
			return err
		}
		return second(w)
	}
}

func printf(format string, args ...any) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := fmt.Fprintf(w, format, args...)
		return err
	}
}

func id(n uint64) string {
	if n == 0 {
		return "-"
	}
	return strconv.FormatUint(n, 10)
}

// age is a duration for people: two or three digits that count.
func age(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}

// since is for how long it has been, in s.
func since(s *Snapshot, at *time.Time) string {
	if at == nil {
		return "-"
	}
	return age(s.Taken.Sub(*at))
}

func (a *api) info(q *question) (answer, error) {
	s := q.snap
	i := Info{At: atOf(s), Process: s.Process, TookUS: s.TookUS, Counts: countsOf(s), Counters: s.Counters, MaxClients: maxClients}
	if l := a.looker; l != nil {
		i.Live, i.Write = true, a.write
		i.Counts.Goroutines = runtime.NumGoroutine()
		i.Clients, i.Seq = l.followers(), l.feed.seq()
		i.IntervalUS, i.FreshUS = l.pause().Microseconds(), l.fresh().Microseconds()
	}
	return answer{v: &i, text: func(w io.Writer) error {
		p, c := &i.Process, &i.Counts
		return table([]string{"process", p.Name + " (PID " + strconv.Itoa(p.PID) + ")"}, func(row func(...string)) {
			row("program", cmp.Or(p.Exe, "-"))
			row("module", strings.TrimSpace(p.Module+" "+p.Version))
			row("go", p.Go)
			row("host", p.Hostname)
			row("running for", age(s.Taken.Sub(p.Started)))
			row("tasks", fmt.Sprintf("%d: %d active, %d blocked, %d queued, %d finishing; %d of them asked to end", c.Tasks, c.Active, c.Blocked, c.Queued, c.Finishing, c.Cancelling))
			row("scopes", strconv.Itoa(c.Scopes))
			row("resources", strconv.Itoa(c.Resources))
			row("findings", strconv.Itoa(c.Findings))
			if i.Live {
				row("goroutines", strconv.Itoa(c.Goroutines))
				row("clients", fmt.Sprintf("%d of %d", i.Clients, i.MaxClients))
				row("may cancel", map[bool]string{true: "yes", false: "no"}[i.Write])
			}
			row("snapshot", fmt.Sprintf("%d, of %s, took %s", s.Seq, s.Taken.Format(time.RFC3339), age(time.Duration(s.TookUS)*time.Microsecond)))
		})(w)
	}}, nil
}

func (a *api) tasks(q *question) (answer, error) {
	query, err := ParseQuery(without(q.q, "format", "fresh"))
	if err != nil {
		return answer{}, bad(err)
	}
	if len(query.Group) > 0 {
		p, err := q.snap.GroupBy(query)
		if err != nil {
			return answer{}, bad(err)
		}
		return answer{v: p, text: groupTable(p, query.Group)}, nil
	}
	p, err := q.snap.Query(query)
	if err != nil {
		return answer{}, bad(err)
	}
	return answer{v: p, text: both(taskTable(q.snap, p.Items), more(len(p.Items), p.Total, p.Next))}, nil
}

func without(q url.Values, names ...string) url.Values {
	q = maps.Clone(q)
	for _, name := range names {
		q.Del(name)
	}
	return q
}

// more says what is not in the table above it.
func more(shown, total int, next string) func(io.Writer) error {
	switch {
	case next != "":
		return printf("%d of %d; the next ones: after=%s\n", shown, total, next)
	case total == 0:
		return printf("none\n")
	default:
		return printf("")
	}
}

func taskTable(s *Snapshot, items []Item) func(io.Writer) error {
	return table([]string{"ID", "STATE", "FOR", "TASK", "WAITS ON"}, func(row func(...string)) {
		for i := range items {
			it := &items[i]
			lasts, state := it.Started, it.State
			if it.Wait != nil {
				lasts = it.Wait.Since
			}
			if it.Cancel != nil {
				state += ", cancelled"
			}
			row(id(it.ID), state, since(s, lasts), it.Path, it.WaitText)
		}
	})
}

func groupTable(p *GroupPage, keys []string) func(io.Writer) error {
	head := []string{"COUNT", "OLDEST"}
	for _, k := range keys {
		head = append(head, strings.ToUpper(k))
	}
	return both(table(append(head, "STATES", "EXAMPLE"), func(row func(...string)) {
		for _, g := range p.Items {
			cells := append(make([]string, 0, len(head)+2), strconv.Itoa(g.Count), age(time.Duration(g.OldestUS)*time.Microsecond))
			for _, k := range keys {
				cells = append(cells, cmp.Or(g.Key[k], "-"))
			}
			var states []string
			for _, state := range slices.Sorted(maps.Keys(g.States)) {
				states = append(states, fmt.Sprintf("%d %s", g.States[state], state))
			}
			row(append(cells, strings.Join(states, ", "), id(g.Example))...)
		}
	}), more(len(p.Items), p.Total, p.Next))
}

// pathID returns the id in the path of the request.
func pathID(q *question) (uint64, error) {
	n, err := idOf("the id", q.PathValue("id"))
	if err == nil && n == 0 {
		return 0, problemf(http.StatusBadRequest, "0 is the id of nothing")
	}
	return n, err
}

func noTask(id uint64) *Problem {
	return problemf(http.StatusNotFound, "there is no task %d: it has ended, or never was", id)
}

func (a *api) task(q *question) (answer, error) {
	n, err := pathID(q)
	if err != nil {
		return answer{}, err
	}
	s := q.snap
	t := s.Task(n)
	if t == nil {
		return answer{}, noTask(n)
	}
	d := TaskDetail{
		At: atOf(s), Path: s.Path(n), Task: t, Site: s.Site(t.Site), Scope: s.Scope(t.Parent),
		Names: make(map[uint64]string), Children: []Item{}, Findings: []Finding{},
	}
	if t.Wait != nil {
		d.Wait = s.Resource(t.Wait.Resource)
		nameOf(s, d.Names, t.Wait.Task, t.Wait.Scope)
		namesOf(s, d.Names, d.Wait)
	}
	for _, h := range t.Holds {
		if r := s.Resource(h.Resource); r != nil {
			d.Holds = append(d.Holds, r)
			namesOf(s, d.Names, r)
		}
	}
	// Its children are the tasks of the scopes that it runs.
	for i := range s.Tasks {
		if c := &s.Tasks[i]; c.Owner == n {
			if d.ChildrenTotal++; d.ChildrenTotal <= childrenMax {
				d.Children = append(d.Children, s.Item(c))
			}
		}
	}
	for _, f := range s.Findings {
		if slices.ContainsFunc(f.Subjects, func(x Subject) bool { return x.Kind == recordTask && x.ID == n }) {
			d.Findings = append(d.Findings, f)
		}
	}
	return answer{v: &d, text: d.text(s)}, nil
}

// namesOf adds the paths of those that hold r, or wait for it, to names.
func namesOf(s *Snapshot, names map[uint64]string, r *Resource) {
	if r == nil {
		return
	}
	nameOf(s, names, r.Task)
	for _, h := range r.Holders {
		nameOf(s, names, h.Task)
	}
	for _, w := range r.Waiters {
		nameOf(s, names, w.Task)
	}
}

func nameOf(s *Snapshot, names map[uint64]string, ids ...uint64) {
	for _, n := range ids {
		if n != 0 && (s.Task(n) != nil || s.Scope(n) != nil) {
			names[n] = s.Path(n)
		}
	}
}

func (d *TaskDetail) text(s *Snapshot) func(io.Writer) error {
	t := d.Task
	return both(table([]string{recordTask, d.Path}, func(row func(...string)) {
		row("id", id(t.ID))
		row("state", t.State)
		row("started", since(s, t.Started)+" ago")
		if d.Site != nil {
			row("function", d.Site.Func)
			row("at", d.Site.File+":"+strconv.Itoa(d.Site.Line))
		}
		if d.Scope != nil {
			row("scope", d.Scope.Kind+" "+id(d.Scope.ID)+" "+d.Scope.Name)
		}
		if t.Wait != nil {
			row("waits on", s.WaitText(t))
			row("for", since(s, t.Wait.Since))
		}
		if c := t.Cancel; c != nil {
			row("asked to end", c.Kind+": "+c.Cause)
			if c.By != "" {
				row("by", c.By)
			}
			if c.At != nil {
				row("ago", since(s, c.At))
			}
		}
		for _, r := range d.Holds {
			row("holds", r.title())
		}
		for _, f := range d.Findings {
			row("finding", f.Code+" "+f.Text)
		}
		if d.ChildrenTotal > 0 {
			row("children", strconv.Itoa(d.ChildrenTotal))
		}
	}), func(w io.Writer) error {
		if len(d.Children) == 0 {
			return nil
		}
		return taskTable(s, d.Children)(w)
	})
}

// title names r for people.
func (r *Resource) title() string {
	return strings.TrimSpace(r.Kind + " " + cmp.Or(r.Name, "#"+id(r.ID)))
}

// List is a part of the scopes, resources or sites.
type List[T any] struct {
	At

	Total int    `json:"total"`
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
	End   bool   `json:"end"`
}

// list returns the items with an id above after, in the order of their ids.
func list[T any](q *question, all []T, idOfItem func(*T) uint64) (*List[T], error) {
	limit, err := numberOf("limit", q.q.Get("limit"), MaxLimit)
	if err != nil {
		return nil, err
	}
	limit = cmp.Or(limit, listLimit)
	after, err := idOf("after", q.q.Get("after"))
	if err != nil {
		return nil, err
	}
	var found []*T
	for i := range all {
		if idOfItem(&all[i]) > after {
			found = append(found, &all[i])
		}
	}
	slices.SortFunc(found, func(a, b *T) int { return cmp.Compare(idOfItem(a), idOfItem(b)) })
	l := &List[T]{At: atOf(q.snap), Total: len(all), Items: make([]T, 0, min(limit, len(found))), End: len(found) <= limit}
	for _, v := range found[:min(limit, len(found))] {
		l.Items = append(l.Items, *v)
	}
	if !l.End {
		l.Next = strconv.FormatUint(idOfItem(found[limit-1]), 10)
	}
	return l, nil
}

func (a *api) scopes(q *question) (answer, error) {
	s := q.snap
	l, err := list(q, s.Scopes, func(sc *Scope) uint64 { return sc.ID })
	if err != nil {
		return answer{}, err
	}
	return answer{v: l, text: both(table([]string{"ID", "KIND", "LIVE", "LIMIT", "CANCELLED", "SCOPE"}, func(row func(...string)) {
		for i := range l.Items {
			sc := &l.Items[i]
			cause := "-"
			if sc.Cancel != nil {
				cause = sc.Cancel.Cause
			}
			row(id(sc.ID), sc.Kind, strconv.Itoa(sc.Live), id(uint64(max(sc.Limit, 0))), cause, s.Path(sc.ID))
		}
	}), more(len(l.Items), l.Total, l.Next))}, nil
}

// ScopeDetail is the answer of v1/scopes/{id}.
type ScopeDetail struct {
	At

	Path       string `json:"path"`
	Scope      *Scope `json:"scope"`
	Tasks      []Item `json:"tasks"`
	TasksTotal int    `json:"tasks_total"`
}

func (a *api) scope(q *question) (answer, error) {
	n, err := pathID(q)
	if err != nil {
		return answer{}, err
	}
	s := q.snap
	sc := s.Scope(n)
	if sc == nil {
		return answer{}, problemf(http.StatusNotFound, "there is no scope %d: it has ended, or never was", n)
	}
	d := ScopeDetail{At: atOf(s), Path: s.Path(n), Scope: sc, Tasks: []Item{}}
	for i := range s.Tasks {
		if t := &s.Tasks[i]; t.Parent == n {
			if d.TasksTotal++; d.TasksTotal <= childrenMax {
				d.Tasks = append(d.Tasks, s.Item(t))
			}
		}
	}
	return answer{v: &d, text: both(table([]string{"scope", d.Path}, func(row func(...string)) {
		row("id", id(sc.ID))
		row("kind", sc.Kind)
		row("live", strconv.Itoa(sc.Live))
		if sc.Limit > 0 {
			row("limit", fmt.Sprintf("%d; %d run, %d wait for a slot", sc.Limit, sc.Running, sc.Queued))
		}
		if sc.Cancel != nil {
			row("cancelled", sc.Cancel.Kind+": "+sc.Cancel.Cause)
		}
	}), taskTable(s, d.Tasks))}, nil
}

func (a *api) resources(q *question) (answer, error) {
	l, err := list(q, q.snap.Resources, func(r *Resource) uint64 { return r.ID })
	if err != nil {
		return answer{}, err
	}
	return answer{v: l, text: both(table([]string{"ID", "KIND", "NAME", "IN USE", "CAPACITY", "HOLDERS", "WAITING"}, func(row func(...string)) {
		for i := range l.Items {
			r := &l.Items[i]
			row(id(r.ID), r.Kind, cmp.Or(r.Name, "-"), strconv.FormatInt(r.InUse, 10), id(uint64(max(r.Capacity, 0))), strconv.Itoa(len(r.Holders)), strconv.Itoa(r.Waiting))
		}
	}), more(len(l.Items), l.Total, l.Next))}, nil
}

// ResourceDetail is the answer of v1/resources/{id}.
type ResourceDetail struct {
	At

	Resource *Resource         `json:"resource"`
	Names    map[uint64]string `json:"names"` // paths of the holders and waiters
}

func (a *api) resource(q *question) (answer, error) {
	n, err := pathID(q)
	if err != nil {
		return answer{}, err
	}
	s := q.snap
	r := s.Resource(n)
	if r == nil {
		return answer{}, problemf(http.StatusNotFound, "there is no resource %d: nobody waits on it any more, or it never was", n)
	}
	d := ResourceDetail{At: atOf(s), Resource: r, Names: make(map[uint64]string)}
	namesOf(s, d.Names, r)
	return answer{v: &d, text: table([]string{r.Kind, cmp.Or(r.Name, "#"+id(r.ID))}, func(row func(...string)) {
		row("in use", fmt.Sprintf("%d of %s", r.InUse, id(uint64(max(r.Capacity, 0)))))
		for _, h := range r.Holders {
			row("held by", cmp.Or(d.Names[h.Task], h.Name, id(h.Task)), strings.TrimSpace(fmt.Sprintf("%d %s", h.Amount, h.Mode)))
		}
		if r.Unknown {
			row("held by", strings.TrimSpace("others, who are not known "+r.UnknownOf))
		}
		for i, w := range r.Waiters {
			row("waiting", cmp.Or(d.Names[w.Task], id(w.Task)), strings.TrimSpace(ordinal(i+1)+" "+w.Op))
		}
		if left := r.Waiting - len(r.Waiters); left > 0 {
			row("waiting", fmt.Sprintf("and %d more", left))
		}
	})}, nil
}

func (a *api) sites(q *question) (answer, error) {
	l, err := list(q, q.snap.Sites, func(s *Site) uint64 { return s.ID })
	if err != nil {
		return answer{}, err
	}
	return answer{v: l, text: both(table([]string{"ID", "FUNCTION", "AT"}, func(row func(...string)) {
		for i := range l.Items {
			s := &l.Items[i]
			row(id(s.ID), s.Func, s.File+":"+strconv.Itoa(s.Line))
		}
	}), more(len(l.Items), l.Total, l.Next))}, nil
}
