package inspect_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid/inspect"
)

func names(p *inspect.Page) string {
	list := make([]string, 0, len(p.Items))
	for _, i := range p.Items {
		list = append(list, i.Path)
	}
	return strings.Join(list, " ")
}

func shop() *inspect.Snapshot {
	s := with(program(
		inspect.Task{Name: "fetch#0", Site: 2, Started: ago(3 * time.Minute), Wait: &inspect.Wait{Op: "queue.Get", Resource: 1, Since: ago(10 * time.Second)}},
		inspect.Task{Name: "audit", Site: 1, Started: ago(time.Minute), Cancel: &inspect.Cancel{Cause: "stop"}},
		inspect.Task{Name: "fetch#1", Site: 2, Started: ago(2 * time.Minute), Wait: &inspect.Wait{Op: "braid.Sleep", Timed: true, Since: ago(time.Second)}},
		inspect.Task{Name: "later", Site: 1, State: inspect.StateQueued},
	), inspect.Resource{Kind: "queue", Name: "jobs-1"})
	s.Tasks = append(s.Tasks, inspect.Task{ID: 60, Parent: 61, Name: "deep", State: inspect.StateActive})
	s.Scopes = append(s.Scopes, inspect.Scope{ID: 61, Parent: firstTask, Owner: firstTask})
	return s
}

func TestQuery(t *testing.T) {
	t.Parallel()
	all := "shop shop/fetch#0 shop/audit shop/fetch#1 shop/later shop/fetch#0/deep"
	for query, want := range map[string]string{
		"":                            all,
		"state=active":                "shop/audit shop/fetch#0/deep",
		"state=queued,cancelling":     "shop/audit shop/later",
		"name=fetch":                  "shop/fetch#0 shop/fetch#1 shop/fetch#0/deep",
		"name=*/fetch%23?":            "shop/fetch#0 shop/fetch#1",
		"name=shop/*":                 "shop/fetch#0 shop/audit shop/fetch#1 shop/later shop/fetch#0/deep",
		"name=*deep":                  "shop/fetch#0/deep",
		"scope=61":                    "shop/fetch#0/deep",
		"scope=10":                    "shop/fetch#0 shop/fetch#0/deep",
		"site=query":                  "shop/fetch#0 shop/fetch#1",
		"site=serve.go:12":            "shop shop/audit shop/later",
		"kind=queue":                  "shop/fetch#0",
		"kind=braid.Sleep":            "shop/fetch#1",
		"kind=run":                    "shop",
		"blocked_for=5s":              "shop shop/fetch#0",
		"blocked_for=5s&state=active": "",
		"sort=name":                   "shop shop/audit shop/fetch#0 shop/fetch#0/deep shop/fetch#1 shop/later",
		"sort=-id&limit=2":            "shop/fetch#0/deep shop/later",
		"sort=since":                  "shop shop/fetch#0 shop/fetch#1 shop/audit shop/later shop/fetch#0/deep",
		"sort=-since":                 "shop/fetch#1 shop/fetch#0 shop shop/audit shop/later shop/fetch#0/deep",
		"sort=started":                "shop/fetch#0 shop/fetch#1 shop/audit shop shop/later shop/fetch#0/deep",
		"limit=1":                     "shop",
	} {
		v, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		q, err := inspect.ParseQuery(v)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		p, err := shop().Query(q)
		if err != nil || names(p) != want {
			t.Errorf("%s: %v, %v, want %v", query, names(p), err, want)
		}
	}
}

// An error says which parameter makes no sense, and what there is.
func TestParseQuery_errors(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"colour=red":          `no parameter "colour"`,
		"state=asleep":        "there is no such state; there are queued",
		"limit=0x":            `limit="0x"`,
		"limit=1001":          "between 1 and 1000",
		"limit=-1":            "between 1 and 1000",
		"blocked_for=5":       `blocked_for="5"`,
		"blocked_for=-5s":     "must not be negative",
		"scope=-1":            `scope="-1" makes no sense: invalid syntax`,
		"sort=size":           "there is id, name",
		"sort=count":          "there is id, name",
		"group=size":          "grouped by site",
		"group=site&sort=id":  "there is count, oldest",
		"fields=secret":       "no such field",
		"state=active&state=": "given 2 times",
	} {
		v, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := inspect.ParseQuery(v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", query, err, want)
		}
	}
	for _, q := range []inspect.Query{{After: "x"}, {After: "1.2.a"}, {After: "1", Sort: "name"}, {Limit: 5000}} {
		if _, err := shop().Query(q); err == nil {
			t.Errorf("%+v is no error", q)
		}
	}
	if _, err := shop().GroupBy(inspect.Query{After: "-1"}); err == nil {
		t.Error("a negative place is no error")
	}
}

// Pages, one after another, show each task once, whatever they are sorted by.
func TestQuery_pages(t *testing.T) {
	t.Parallel()
	s := program()
	for i := range 250 {
		s.Tasks = append(s.Tasks, inspect.Task{ID: uint64(firstTask + i), Parent: mainGroup, Name: fmt.Sprintf("a.b %d", i%7), State: inspect.StateBlocked, Wait: &inspect.Wait{Op: "event.Wait", Since: ago(time.Duration(i%5) * time.Second)}})
	}
	rand.Shuffle(len(s.Tasks), func(i, j int) { s.Tasks[i], s.Tasks[j] = s.Tasks[j], s.Tasks[i] })
	order := map[string]func(a, b inspect.Item) int{
		"": func(a, b inspect.Item) int { return 0 }, "id": func(a, b inspect.Item) int { return cmp.Compare(a.ID, b.ID) },
		"name": func(a, b inspect.Item) int { return cmp.Compare(a.Path, b.Path) }, "state": func(a, b inspect.Item) int { return cmp.Compare(a.State, b.State) },
		"wait":    func(a, b inspect.Item) int { return cmp.Compare(a.WaitText, b.WaitText) },
		"since":   func(a, b inspect.Item) int { return late(waiting(a), waiting(b)) },
		"started": func(a, b inspect.Item) int { return late(a.Started, b.Started) },
		"-id":     func(a, b inspect.Item) int { return cmp.Compare(b.ID, a.ID) }, "-name": func(a, b inspect.Item) int { return cmp.Compare(b.Path, a.Path) },
		"-since":   func(a, b inspect.Item) int { return early(waiting(a), waiting(b)) },
		"-started": func(a, b inspect.Item) int { return early(a.Started, b.Started) },
	}
	for by, compare := range order {
		var want []inspect.Item // by the slow way: everything is sorted
		for i := range s.Tasks {
			want = append(want, s.Item(&s.Tasks[i]))
		}
		slices.SortFunc(want, func(a, b inspect.Item) int { return cmp.Or(compare(a, b), cmp.Compare(a.ID, b.ID)) })
		for _, limit := range []int{1, 7, 60, 125, 250, 251, 1000} {
			var got []inspect.Item
			q := inspect.Query{Sort: by, Limit: limit}
			for end := false; !end; {
				p, err := s.Query(q)
				if err != nil {
					t.Fatal(err)
				}
				if p.Total != 251 || len(p.Items) > limit || len(p.Items) == 0 {
					t.Fatalf("sort %q, limit %d: total %d, and %d on a page", by, limit, p.Total, len(p.Items))
				}
				got = append(got, p.Items...)
				q.After, end = p.Next, p.End
			}
			if !slices.EqualFunc(got, want, func(a, b inspect.Item) bool { return a.ID == b.ID }) {
				t.Errorf("sort %q, limit %d: got %v", by, limit, got)
			}
		}
	}
}

func waiting(it inspect.Item) *time.Time {
	if it.Wait == nil {
		return nil
	}
	return it.Wait.Since
}

// late compares times; those that are not known are later than all others. With early they are so, too, and the others the other way round.
func late(a, b *time.Time) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return a.Compare(*b)
}

func early(a, b *time.Time) int {
	if a == nil || b == nil {
		return late(a, b)
	}
	return b.Compare(*a)
}

// While tasks come and go between two pages, those that stay are shown.
func TestQuery_pagesOfAChangingProgram(t *testing.T) {
	t.Parallel()
	s := program(make([]inspect.Task, 10)...)
	p, err := s.Query(inspect.Query{Limit: 5})
	if err != nil {
		t.Fatal(err)
	}
	later := program(make([]inspect.Task, 12)...)
	later.Tasks = slices.Delete(later.Tasks, 4, 5) // the last one of the first page has ended
	rest, err := later.Query(inspect.Query{After: p.Next})
	if err != nil || len(rest.Items) != 8 || rest.Items[0].ID != firstTask+4 {
		t.Errorf("%s, %v", names(rest), err)
	}
}

func TestQuery_fields(t *testing.T) {
	t.Parallel()
	p, err := shop().Query(inspect.Query{Fields: []string{"path", "wait_text"}, Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if want := `"items":[{"path":"shop","wait_text":"run.Join of 4 tasks"},{"path":"shop/fetch#0","wait_text":"queue.Get jobs-1, 1st of 1"}]`; !strings.Contains(string(data), want) {
		t.Errorf("%s lacks %s", data, want)
	}
	var back inspect.Page
	if err := json.Unmarshal(data, &back); err != nil || back.Total != 6 || back.Next == "" {
		t.Errorf("%+v, %v", back, err)
	}
	all, err := json.Marshal(&inspect.Page{Items: []inspect.Item{}})
	if err != nil || !strings.Contains(string(all), `"items":[]`) {
		t.Errorf("%s, %v", all, err)
	}
}

func TestGroupBy(t *testing.T) {
	t.Parallel()
	s := program()
	for i := range 30 {
		s.Tasks = append(s.Tasks, inspect.Task{ID: uint64(firstTask + i), Parent: mainGroup, Name: fmt.Sprintf("conn %d", i), Site: 1 + uint64(i%2), State: inspect.StateBlocked, Wait: &inspect.Wait{Op: "queue.Get", Target: fmt.Sprintf("q-%d", i), Since: ago(time.Duration(i) * time.Second)}})
	}
	p, err := s.GroupBy(inspect.Query{Group: []string{"name", "wait"}, Name: "conn"})
	if err != nil || p.Total != 1 || p.Tasks != 30 || !p.End {
		t.Fatalf("%+v, %v", p, err)
	}
	g := p.Items[0]
	if want := map[string]string{"name": "conn *", "wait": "queue.Get q-*"}; !maps.Equal(g.Key, want) || g.Count != 30 || g.OldestUS != 29e6 || g.Example != firstTask+29 || g.States["blocked"] != 30 {
		t.Errorf("%+v, want the key %v", g, want)
	}
	p, err = s.GroupBy(inspect.Query{Limit: 1}) // by site
	if err != nil || p.Total != 2 || p.End || p.Items[0].Key["site"] != "shop.serve" || p.Items[0].Count != 16 {
		t.Fatalf("%+v, %v", p, err)
	}
	p, err = s.GroupBy(inspect.Query{Limit: 1, After: p.Next, Sort: "-count"})
	if err != nil || !p.End || p.Items[0].Key["site"] != "shop.(*DB).query" {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = s.GroupBy(inspect.Query{Group: []string{"state", "scope"}, Sort: "-oldest"})
	if err != nil || p.Total != 2 || p.Items[0].Key["state"] != "finishing" {
		t.Errorf("%+v, %v", p, err)
	}
}
