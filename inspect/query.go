package inspect

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Query chooses tasks. The zero value chooses all of them.
type Query struct {
	State      []string      // one of these; "cancelling" is for those that were asked to end
	Name       string        // glob over the path if it has * or ?, else a part of it. A * stands for slashes, too
	Scope      uint64        // in this scope or task, or below; the task itself counts
	Site       string        // part of the function's name, or of "file:line"
	Kind       string        // of the resource that is waited on, or the operation, such as "queue" or "queue.Get"
	BlockedFor time.Duration // has waited for at least as long

	Group  []string // for GroupBy: of "site", "name", "wait", "state", "scope"; names are the same but for numbers in them
	Sort   string   // "id" (the default), "name", "state", "wait", "since", "started"; with "-" in front descending. Of groups "count" and "oldest", and "-count" is the default
	Fields []string // JSON names of the fields to be shown; none means all
	Limit  int      // 0 means 100; at most MaxLimit
	After  string   // Next of the page before
}

// MaxLimit is the most that a [Page] holds.
const MaxLimit = 1000

const defaultLimit = 100

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

// parameters are those of v1/tasks, and how each is read.
var parameters = map[string]func(q *Query, v string) error{
	byState: func(q *Query, v string) error { q.State = split(v); return nil },
	byName:  func(q *Query, v string) error { q.Name = v; return nil },
	bySite:  func(q *Query, v string) error { q.Site = v; return nil },
	"kind":  func(q *Query, v string) error { q.Kind = v; return nil },
	byScope: func(q *Query, v string) (err error) {
		q.Scope, err = strconv.ParseUint(v, 10, 64)
		return err
	},
	"blocked_for": func(q *Query, v string) (err error) {
		q.BlockedFor, err = time.ParseDuration(v)
		return err
	},
	"group": func(q *Query, v string) error { q.Group = split(v); return nil },
	"sort":  func(q *Query, v string) error { q.Sort = v; return nil },
	"fields": func(q *Query, v string) error {
		q.Fields = split(v)
		return nil
	},
	pageLimit: func(q *Query, v string) (err error) {
		q.Limit, err = strconv.Atoi(v)
		return err
	},
	pageAfter: func(q *Query, v string) error { q.After = v; return nil },
}

// split reads a list with commas; an empty one has no elements.
func split(v string) []string {
	return slices.DeleteFunc(strings.Split(v, ","), func(s string) bool { return s == "" })
}

// ParseQuery reads the parameters of v1/tasks. One that is not known, is given twice, or makes no sense, is an error that names it.
func ParseQuery(v url.Values) (Query, error) {
	var q Query
	for name, values := range v {
		read := parameters[name]
		switch {
		case read == nil:
			return Query{}, fmt.Errorf("inspect: there is no parameter %q; there are state, name, scope, site, kind, blocked_for, group, sort, fields, limit and after", name)
		case len(values) != 1:
			return Query{}, fmt.Errorf("inspect: the parameter %s was given %d times; give it once, with commas where it is a list", name, len(values))
		}
		err := read(&q, values[0])
		if number, ok := errors.AsType[*strconv.NumError](err); ok {
			err = number.Err // the rest is said here
		}
		if err != nil {
			return Query{}, fmt.Errorf("inspect: %s=%q makes no sense: %w", name, values[0], err)
		}
	}
	return q, q.check()
}

// What tasks are sorted and grouped by, and the parameters of the same names.
const (
	byID      = "id"
	byName    = "name"
	byState   = "state"
	byWait    = "wait"
	bySince   = "since"
	byStarted = "started"
	bySite    = "site"
	byScope   = "scope"
	byCount   = "count"
	byOldest  = "oldest"

	pageLimit = "limit"
	pageAfter = "after"
)

var (
	states    = []string{StateQueued, StateActive, StateBlocked, StateFinishing, stateCancelling}
	groupings = []string{bySite, byName, byWait, byState, byScope}
)

const stateCancelling = "cancelling"

// check says what of q makes no sense.
func (q *Query) check() error {
	for _, s := range q.State {
		if !slices.Contains(states, s) {
			return fmt.Errorf("inspect: state=%q: there is no such state; there are %s", s, strings.Join(states, ", "))
		}
	}
	for _, g := range q.Group {
		if !slices.Contains(groupings, g) {
			return fmt.Errorf("inspect: group=%q: tasks can be grouped by %s", g, strings.Join(groupings, ", "))
		}
	}
	for _, f := range q.Fields {
		if !itemFields[f] {
			return fmt.Errorf("inspect: fields=%q: a task has no such field", f)
		}
	}
	switch {
	case q.BlockedFor < 0:
		return fmt.Errorf("inspect: blocked_for=%v: it must not be negative", q.BlockedFor)
	case q.Limit < 0 || q.Limit > MaxLimit:
		return fmt.Errorf("inspect: limit=%d: it must be between 1 and %d; 0 means %d", q.Limit, MaxLimit, defaultLimit)
	}
	key := strings.TrimPrefix(q.Sort, "-")
	known := []string{byID, byName, byState, byWait, bySince, byStarted}
	if len(q.Group) > 0 {
		known = []string{byCount, byOldest}
	}
	if q.Sort != "" && !slices.Contains(known, key) {
		return fmt.Errorf("inspect: sort=%q: there is %s, each with - in front for descending", q.Sort, strings.Join(known, ", "))
	}
	return nil
}

// itemFields are the JSON names of an [Item].
var itemFields = func() map[string]bool {
	names := make(map[string]bool)
	for _, of := range []reflect.Type{reflect.TypeFor[Task](), reflect.TypeFor[Item]()} {
		for f := range of.Fields() {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
				names[name] = true
			}
		}
	}
	return names
}()

// Query returns a page of the tasks that q chooses. It is an error if q makes no sense. q.Group is not looked at; see [Snapshot.GroupBy].
//
// Paging goes through one order, that of q.Sort and then of ids. From snapshot to snapshot tasks come and go, and waits begin and end:
// sorted by id, no task that is there all the time is left out or shown twice.
func (s *Snapshot) Query(q Query) (*Page, error) {
	q.Group = nil
	if err := q.check(); err != nil {
		return nil, err
	}
	chosen := s.choose(&q)
	limit := q.limit()
	keys, err := s.firstOf(chosen, &q, limit+1) // and one more, which says whether there is another page
	if err != nil {
		return nil, err
	}
	page := &Page{At: s.moment(), Total: len(chosen), Items: make([]Item, 0, min(limit, len(keys))), fields: q.Fields}
	for _, k := range keys[:min(limit, len(keys))] {
		page.Items = append(page.Items, s.Item(&s.Tasks[k.task]))
	}
	if page.End = len(keys) <= limit; !page.End {
		page.Next = keys[limit-1].cursor(&q)
	}
	return page, nil
}

func (q *Query) limit() int { return cmp.Or(q.Limit, defaultLimit) }

// Item returns t as it stands in a [Page].
func (s *Snapshot) Item(t *Task) Item {
	return Item{Task: *t, Path: s.Path(t.ID), SiteName: s.Site(t.Site).String(), WaitText: s.WaitText(t)}
}

// choose returns the positions of the tasks that q chooses.
func (s *Snapshot) choose(q *Query) []int32 {
	inside := s.inside(q.Scope)
	sites := s.sitesWith(q.Site)
	glob := strings.ContainsAny(q.Name, "*?")
	list := make([]int32, 0, 64)
	for i := range s.Tasks {
		t := &s.Tasks[i]
		switch {
		case q.Scope != 0 && !inside[i]:
		case len(q.State) > 0 && !slices.Contains(q.State, t.State) && (t.Cancel == nil || !slices.Contains(q.State, stateCancelling)):
		case q.Site != "" && !sites[t.Site]:
		case q.Kind != "" && !s.waitsOnKind(t, q.Kind):
		case q.BlockedFor > 0 && (t.Wait == nil || s.since(t.Wait.Since) < q.BlockedFor):
		case glob && !match(q.Name, s.Path(t.ID)), !glob && q.Name != "" && !strings.Contains(s.Path(t.ID), q.Name):
		default:
			list = append(list, int32(i))
		}
	}
	return list
}

// inside says of each task whether it is a task with that id, or in or below one, or a scope; nil for 0.
func (s *Snapshot) inside(root uint64) []bool {
	if root == 0 {
		return nil
	}
	ix := s.lookup()
	found, seen := make([]bool, len(s.Tasks)), make([]bool, len(ix.up))
	var pending []int32
	if n := ix.node(root); n >= 0 {
		pending = append(pending, n)
	}
	for len(pending) > 0 {
		n := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if seen[n] { // a file may lead in a circle
			continue
		}
		seen[n] = true
		if i := int(n) - len(s.Scopes); i >= 0 {
			found[i] = true
		}
		for c := ix.first[n]; c >= 0; c = ix.next[c] {
			pending = append(pending, c)
		}
	}
	return found
}

// sitesWith returns the sites whose name or place has part in it.
func (s *Snapshot) sitesWith(part string) map[uint64]bool {
	if part == "" {
		return nil
	}
	found := make(map[uint64]bool)
	for i := range s.Sites {
		site := &s.Sites[i]
		if strings.Contains(site.Func, part) || strings.Contains(site.File+":"+strconv.Itoa(site.Line), part) {
			found[site.ID] = true
		}
	}
	return found
}

func (s *Snapshot) waitsOnKind(t *Task, kind string) bool {
	if t.Wait == nil {
		return false
	}
	if t.Wait.Op == kind {
		return true
	}
	if r := s.Resource(t.Wait.Resource); r != nil {
		return r.Kind == kind
	}
	before, _, _ := strings.Cut(t.Wait.Op, ".")
	return before == kind
}

// match reports whether name matches a pattern in which * stands for anything, slashes included, and ? for one character.
// It takes time in proportion to the product of their lengths at most.
func match(pattern, name string) bool {
	p, n := []rune(pattern), []rune(name)
	star, from := -1, 0 // the last *, and up to where it stands for
	i, j := 0, 0
	for j < len(n) {
		switch {
		case i < len(p) && p[i] == '*':
			star, from = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == n[j]):
			i++
			j++
		case star >= 0:
			from++
			i, j = star+1, from
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// sortKey is what tasks are sorted by; of text and number one is used.
type sortKey struct {
	text   string
	number int64
	id     uint64
	task   int32
}

func (k sortKey) compare(o sortKey, down bool) int {
	c := cmp.Or(cmp.Compare(k.number, o.number), strings.Compare(k.text, o.text))
	if down {
		c = -c
	}
	return cmp.Or(c, cmp.Compare(k.id, o.id))
}

// cursor writes k down for the next page. It holds the key itself and not a position, since tasks come and go.
func (k sortKey) cursor(q *Query) string {
	if q.Sort == "" || q.Sort == byID || q.Sort == "-id" {
		return strconv.FormatUint(k.id, 10)
	}
	return strconv.FormatUint(k.id, 10) + "." + strconv.FormatInt(k.number, 10) + "." + k.text
}

// readCursor is the reverse.
func readCursor(q *Query) (k sortKey, err error) {
	id, rest, long := strings.Cut(q.After, ".")
	if k.id, err = strconv.ParseUint(id, 10, 64); err == nil && long {
		var number string
		number, k.text, _ = strings.Cut(rest, ".")
		k.number, err = strconv.ParseInt(number, 10, 64)
	}
	if byID := q.Sort == "" || q.Sort == byID || q.Sort == "-id"; err != nil || byID == long {
		return k, fmt.Errorf("inspect: after=%q: use what next of the page before said, with the same sort", q.After)
	}
	if q.Sort == "-id" {
		k.number = int64(k.id)
	}
	return k, nil
}

// firstOf returns the first n tasks behind q.After in the order that q wants.
// It does not sort all of them for that: of a hundred thousand, a hundred are shown.
func (s *Snapshot) firstOf(chosen []int32, q *Query, n int) ([]sortKey, error) {
	by, down := strings.CutPrefix(q.Sort, "-")
	compare := func(a, b sortKey) int { return a.compare(b, down) }
	var after sortKey
	if q.After != "" {
		var err error
		if after, err = readCursor(q); err != nil {
			return nil, err
		}
		if by == byID {
			after.number = int64(after.id)
		}
	}
	n = min(n, len(chosen))
	keys := make([]sortKey, 0, min(2*n, len(chosen))) // the first n so far, and what has come since they were last chosen
	var last *sortKey                                 // of those n, if they have been chosen
	choose := func() {
		slices.SortFunc(keys, compare)
		keys = keys[:min(n, len(keys))]
		last = &keys[len(keys)-1]
	}
	for _, i := range chosen {
		t := &s.Tasks[i]
		k := sortKey{id: t.ID, task: i}
		switch by {
		case byName:
			k.text = s.Path(t.ID)
		case byState:
			k.text = t.State
		case byWait:
			k.text = s.WaitText(t)
		case bySince: // those who do not wait behind all others
			k.number = 1 << 62
			if t.Wait != nil && t.Wait.Since != nil {
				k.number = t.Wait.Since.UnixMicro()
			} else if down {
				k.number = -1 << 62
			}
		case byStarted:
			k.number = 1 << 62
			if t.Started != nil {
				k.number = t.Started.UnixMicro()
			} else if down {
				k.number = -1 << 62
			}
		case byID:
			k.number = int64(t.ID)
		}
		switch {
		case q.After != "" && compare(k, after) <= 0:
		case last != nil && compare(k, *last) > 0:
		default:
			if keys = append(keys, k); len(keys) >= 2*n {
				choose()
			}
		}
	}
	slices.SortFunc(keys, compare)
	return keys[:min(n, len(keys))], nil
}

// MarshalJSON writes the fields that were asked for.
func (p *Page) MarshalJSON() ([]byte, error) {
	type plain Page
	if len(p.fields) == 0 {
		return json.Marshal((*plain)(p)) //nolint:wrapcheck // json adds all there is to say
	}
	items := make([]map[string]json.RawMessage, len(p.Items))
	for i := range p.Items {
		all, err := json.Marshal(p.Items[i])
		if err != nil {
			return nil, err //nolint:wrapcheck // as above
		}
		if err := json.Unmarshal(all, &items[i]); err != nil {
			return nil, err //nolint:wrapcheck // as above
		}
		for name := range items[i] {
			if !slices.Contains(p.fields, name) {
				delete(items[i], name)
			}
		}
	}
	return json.Marshal(struct { //nolint:wrapcheck // as above
		*plain

		Items []map[string]json.RawMessage `json:"items"`
	}{(*plain)(p), items})
}

// GroupBy returns a page of groups of the tasks that q chooses, by what q.Group lists, and by bySite if it lists nothing.
// It is an error if q makes no sense. The largest group comes first.
func (s *Snapshot) GroupBy(q Query) (*GroupPage, error) {
	if len(q.Group) == 0 {
		q.Group = []string{bySite}
	}
	if err := q.check(); err != nil {
		return nil, err
	}
	chosen := s.choose(&q)
	groups := make(map[string]*TaskGroup)
	var order []string
	for _, i := range chosen {
		t := &s.Tasks[i]
		key := s.groupKey(t, q.Group)
		name := strings.Join(key, "\x00")
		g := groups[name]
		if g == nil {
			g = &TaskGroup{Key: make(map[string]string, len(key)), States: make(map[string]int), Example: t.ID}
			for n, of := range q.Group {
				g.Key[of] = key[n]
			}
			groups[name] = g
			order = append(order, name)
		}
		g.Count++
		g.States[t.State]++
		if t.Wait != nil {
			if us := s.since(t.Wait.Since).Microseconds(); us > g.OldestUS {
				g.OldestUS, g.Example = us, t.ID
			}
		}
	}
	by, down := strings.CutPrefix(cmp.Or(q.Sort, "-count"), "-")
	slices.SortStableFunc(order, func(a, b string) int {
		c := cmp.Compare(groups[a].Count, groups[b].Count)
		if by == byOldest {
			c = cmp.Compare(groups[a].OldestUS, groups[b].OldestUS)
		}
		if down {
			c = -c
		}
		return cmp.Or(c, strings.Compare(a, b))
	})
	start := 0
	if q.After != "" {
		var err error
		if start, err = strconv.Atoi(q.After); err != nil || start < 0 {
			return nil, fmt.Errorf("inspect: after=%q: use what next of the page before said, with the same group and sort", q.After)
		}
		start = min(start, len(order))
	}
	end := min(start+q.limit(), len(order))
	page := &GroupPage{At: s.moment(), Total: len(order), Tasks: len(chosen), Items: make([]TaskGroup, 0, end-start), End: end == len(order)}
	for _, name := range order[start:end] {
		page.Items = append(page.Items, *groups[name])
	}
	if !page.End {
		page.Next = strconv.Itoa(end)
	}
	return page, nil
}

// groupKey returns what t is grouped by.
func (s *Snapshot) groupKey(t *Task, by []string) []string {
	key := make([]string, len(by))
	for i, of := range by {
		switch of {
		case bySite:
			key[i] = s.Site(t.Site).String()
		case byName:
			key[i] = starred(t.Name)
		case byState:
			key[i] = t.State
		case byScope:
			key[i] = starred(s.Path(t.Parent))
		case byWait:
			if t.Wait != nil {
				key[i] = strings.TrimSpace(t.Wait.Op + " " + starred(s.targetName(t.Wait)))
			}
		}
	}
	return key
}
