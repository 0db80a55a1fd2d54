package inspect_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid/inspect"
)

// watch shows a monitor a program again and again, each step later than the one before, and returns what it has found in the end.
// change makes the n-th snapshot.
func watch(t *testing.T, rules inspect.Rules, step time.Duration, times int, change func(n int) *inspect.Snapshot) []inspect.Finding {
	t.Helper()
	m, err := inspect.NewMonitor(rules)
	if err != nil {
		t.Fatal(err)
	}
	var found []inspect.Finding
	for n := range times {
		s := change(n)
		at := noon.Add(time.Duration(n) * step)
		found = m.Update(s, at)
	}
	return found
}

// always is a change that changes nothing.
func always(s *inspect.Snapshot) func(int) *inspect.Snapshot {
	return func(int) *inspect.Snapshot { return s }
}

// seqs returns a program that is the same each time, but in which the i-th task has waited anew.
func seqs(fresh func() *inspect.Snapshot, i int) func(int) *inspect.Snapshot {
	return func(n int) *inspect.Snapshot {
		s := fresh()
		s.Tasks[i+1].Seq += uint64(n)
		return s
	}
}

func locked(holders ...inspect.Hold) *inspect.Snapshot {
	return with(program(inspect.Task{Name: "waiter", Wait: &inspect.Wait{Op: "mutex.Lock", Resource: 1}}, inspect.Task{Name: "holder"}), mutex("m", holders...))
}

func cancelled(kind string, wait *inspect.Wait) *inspect.Snapshot {
	c := &inspect.Cancel{Kind: kind, Cause: "stop", Scope: mainGroup}
	s := program(inspect.Task{Name: "deaf", Cancel: c, Wait: wait})
	s.Scopes[0].Cancel = c
	return s
}

// alone is a program in which one task was cancelled, and not its group.
func alone(kind string) *inspect.Snapshot {
	s := cancelled(kind, nil)
	s.Scopes[0].Cancel = nil
	s.Tasks[1].Cancel.Scope = s.Tasks[1].ID
	return s
}

// shielding is alone of a task that waits for one of its own, which cleans up in a Shield until then.
func shielding(until *time.Time) *inspect.Snapshot {
	s := alone("call")
	s.Tasks[1].Wait = &inspect.Wait{Op: "run.Join", Scope: 60}
	s.Scopes = append(s.Scopes, inspect.Scope{ID: 60, Parent: firstTask, Owner: firstTask, Kind: inspect.ScopeGroup, Live: 1, Cancel: s.Tasks[1].Cancel},
		inspect.Scope{ID: 61, Parent: 62, Owner: 62, Kind: inspect.ScopeShield, Deadline: until}, inspect.Scope{ID: 63, Parent: 61, Owner: 62, Kind: inspect.ScopeGroup, Live: 1})
	s.Tasks = append(s.Tasks, inspect.Task{ID: 62, Parent: 60, Owner: firstTask, Name: "cleanup", State: inspect.StateActive, Cancel: s.Tasks[1].Cancel})
	return s
}

func jobs(wait string, users ...inspect.Hold) *inspect.Snapshot {
	r := inspect.Resource{Kind: "queue", Name: "jobs", Capacity: 1, InUse: 1, Holders: users, Attrs: map[string]int64{"accepted": 5}}
	if wait == "queue.Get" {
		r.InUse = 0
	}
	return with(program(inspect.Task{Name: "waiter", Wait: &inspect.Wait{Op: wait, Resource: 1}}, inspect.Task{Name: "other"}), r)
}

func withIncidents(list ...inspect.Incident) *inspect.Snapshot {
	s := program(inspect.Task{Name: "worker"})
	s.Incidents = list
	return s
}

var unread = inspect.Incident{Kind: inspect.IncidentUnread, Site: 1, Task: "shop/order", Error: "disk full", Count: 1, First: noon, Last: noon}

// grows is an incident of tasks that are refused, so many each second, since first.
func grows(each int64, first time.Time) func(n int) inspect.Incident {
	return func(n int) inspect.Incident {
		return inspect.Incident{Kind: inspect.IncidentRefused, Site: 1, Task: "shop/order", Count: 10_000 + int64(n)*each, First: first, Last: noon.Add(time.Duration(n) * time.Second)}
	}
}

func refusing(each int64, first time.Time) func(n int) *inspect.Snapshot {
	return func(n int) *inspect.Snapshot { return withIncidents(grows(each, first)(n)) }
}

// ruleCase is a program in which a rule must find something, or one that looks alike, in which it must not.
type ruleCase struct {
	code, name string
	finds      bool
	step       time.Duration
	times      int
	change     func(n int) *inspect.Snapshot
	text       string
}

var commonCases = []ruleCase{
	{"D1", "two looks", true, time.Second, 2, always(five()), "held by shop/first"},
	{"D1", "one look is not enough", false, time.Second, 1, always(five()), ""},
	{"D1", "one of them has waited anew between the looks", false, time.Second, 5, seqs(five, 0), ""},
	{"D1", "the one who only waits for them has waited anew", true, time.Second, 5, seqs(five, 4), ""},
	{"D1", "a circle with a way out", false, time.Second, 5, always(func() *inspect.Snapshot {
		s := five()
		s.Resources[0].Unknown = true
		s.Resources[0].Holders = nil
		return s
	}()), ""},
	{"D2", "a deadline", true, time.Second, 2, always(func() *inspect.Snapshot { s := five(); s.Tasks[1].Wait.Deadline = ago(-time.Hour); return s }()), ""},
	{"D2", "no deadline", false, time.Second, 2, always(five()), ""},
	{"D1", "a deadline", false, time.Second, 2, always(func() *inspect.Snapshot { s := five(); s.Tasks[1].Wait.Deadline = ago(-time.Hour); return s }()), ""},
	{"D3", "holds it itself", true, time.Second, 2, always(locked(held(0, 1))), "shop/waiter waits in mutex.Lock for mutex m (1st in line of 1), held by shop/waiter"},
	{"D3", "somebody else holds it", false, time.Second, 2, always(locked(held(1, 1))), ""},
	{"D5", "no slot", true, time.Second, 2, always(starved(1)), ""},
	{"D5", "a slot", false, time.Second, 2, always(starved(2)), ""},

	{"H1", "its owner has ended", true, time.Second, 2, always(locked(inspect.Hold{Name: "shop/gone", Amount: 1, Ended: true})), "taken by shop/gone, which has ended and has not given it back; 1 task waits for it"},
	{"H1", "its owner lives", false, time.Second, 2, always(locked(held(1, 1))), ""},
	{"H1", "it may have been given back", false, time.Second, 2, always(locked(inspect.Hold{Name: "shop/gone", Amount: 1, Ended: true, Maybe: true})), ""},
	{"D1", "its owner has ended, which is H1", false, time.Second, 2, always(locked(inspect.Hold{Name: "shop/gone", Amount: 1, Ended: true})), ""},

	{"H2", "one holder for long", true, 3 * time.Second, 5, always(locked(held(1, 1))), "shop/holder has held mutex m for 12s or longer while 1 task waited"},
	{"H2", "nobody waits", false, 3 * time.Second, 5, always(with(program(inspect.Task{}, inspect.Task{}), mutex("m", held(1, 1)))), ""},
	{"H2", "the holders take turns", false, 3 * time.Second, 9, func(n int) *inspect.Snapshot {
		return with(program(inspect.Task{Wait: waits("mutex.Lock", 1)}, inspect.Task{}, inspect.Task{}), mutex("m", held(1+n%2, 1)))
	}, ""},
	{"H2", "in a deadlock, which D3 says", false, 3 * time.Second, 9, always(locked(held(0, 1))), ""},
	{"H3", "in a deadlock, which D3 says", false, 30 * time.Second, 9, always(locked(held(0, 1))), ""},
	{"H2", "for a moment", false, 3 * time.Second, 2, always(locked(held(1, 1))), ""},

	{"H3", "a wait that is too long", true, 20 * time.Second, 3, always(locked(held(1, 1))), "shop/waiter waits in mutex.Lock for mutex m (1st in line of 1), held by shop/holder, for 40s"},
	{"H3", "many waits", false, 20 * time.Second, 5, seqs(func() *inspect.Snapshot { return locked(held(1, 1)) }, 0), ""},
	{"H3", "a consumer without work", false, 20 * time.Second, 5, always(jobs("queue.Get", user(1, "put"))), ""},
	{"H3", "a wait that was long when it was seen first", true, time.Second, 1, always(func() *inspect.Snapshot { s := locked(held(1, 1)); s.Tasks[1].Wait.Since = ago(time.Minute); return s }()), ""},

	{"H4", "overtaken twice", true, time.Second, 3, func(n int) *inspect.Snapshot { s := locked(held(1, 1)); s.Tasks[1].Wait.Pos = 1 + n; return s }, "1st in line for mutex m, and is 3rd now"},
	{"H4", "forward", false, time.Second, 3, func(n int) *inspect.Snapshot { s := locked(held(1, 1)); s.Tasks[1].Wait.Pos = 9 - n; return s }, ""},
	{"H4", "another wait", false, time.Second, 9, func(n int) *inspect.Snapshot {
		s := locked(held(1, 1))
		s.Tasks[1].Wait.Pos, s.Tasks[1].Seq = 1+n, uint64(n)
		return s
	}, ""},

	{"L4", "a future that nobody has read", true, time.Minute, 11, always(withIncidents(unread)), "shop/order has failed, and its future was dropped before anybody had read why: disk full"},
	{"L4", "long ago", false, time.Minute, 12, always(withIncidents(unread)), ""},
	{"L4", "tasks that were refused", false, time.Second, 2, refusing(1, noon), ""},

	{"S2", "two a second", true, time.Second, 65, refusing(2, *ago(time.Hour)), "tasks such as shop/order were started in a minute in a group that had been cancelled"},
	{"S2", "one a second", false, time.Second, 65, refusing(1, *ago(time.Hour)), ""},
	{"S2", "none any more", false, time.Second, 65, refusing(0, *ago(time.Hour)), ""},
	{"S2", "none any more, but all of them a moment ago", true, time.Second, 65, refusing(0, noon), ""},
	{"S2", "two minutes ago", false, time.Second, 130, refusing(0, noon), ""},

	{"I1", "events were dropped", true, time.Second, 2, func(n int) *inspect.Snapshot { s := program(); s.Counters.Dropped = int64(3 * n); return s }, "3 events were dropped"},
	{"I1", "they were dropped long ago", false, time.Second, 3, func(int) *inspect.Snapshot { s := program(); s.Counters.Dropped = 3; return s }, ""},
	{"I1", "too much time", true, time.Second, 12, func(n int) *inspect.Snapshot { s := program(); s.Counters.SelfUS = int64(n) * 20_000; return s }, "2.0 % of one processor"},
	{"I1", "a little time", false, time.Second, 40, func(n int) *inspect.Snapshot { s := program(); s.Counters.SelfUS = int64(n) * 5_000; return s }, ""},

	{"L1", "its Run has returned", true, 3 * time.Second, 3, always(outlived(false)), "shop/left still runs although the Run of its group has returned: it is active"},
	{"L1", "its Run waits", false, 3 * time.Second, 5, always(program(inspect.Task{Name: "left"})), ""},
	{"L1", "the body is still there", false, 3 * time.Second, 5, always(outlived(true)), ""},
	{"L1", "for a moment", false, 3 * time.Second, 2, always(outlived(false)), ""},

	{"L2", "computes", true, 3 * time.Second, 3, always(cancelled("call", nil)), "shop/deaf was asked to end by a call of Cancel: stop, and goes on: it is active"},
	{"L2", "waits under another ctx", true, 3 * time.Second, 3, always(cancelled("call", &inspect.Wait{Op: "event.Wait", Target: "ready"})), "waits in event.Wait for ready"},
	{"L2", "a moment ago", false, 3 * time.Second, 2, always(cancelled("call", nil)), ""},
	{"L2", "a new task each time", false, 3 * time.Second, 9, func(n int) *inspect.Snapshot {
		s := cancelled("call", nil)
		s.Tasks[1].ID += uint64(n)
		return s
	}, ""},
	{"L2", "waits for its own tasks", false, 3 * time.Second, 5, always(cancelled("call", &inspect.Wait{Op: "run.Join", Scope: 99})), ""},
	{"L2", "shielded", false, 3 * time.Second, 5, always(func() *inspect.Snapshot {
		s := cancelled("call", nil)
		s.Scopes = append(s.Scopes, inspect.Scope{ID: 50, Parent: firstTask, Owner: firstTask, Kind: inspect.ScopeShield, Deadline: ago(-time.Hour)})
		return s
	}()), ""},
	{"L2", "the shield's time is over", true, 3 * time.Second, 5, always(func() *inspect.Snapshot {
		s := cancelled("call", nil)
		s.Scopes = append(s.Scopes, inspect.Scope{ID: 50, Parent: firstTask, Owner: firstTask, Kind: inspect.ScopeShield, Deadline: ago(time.Second)})
		return s
	}()), ""},
	{"L2", "nobody asked", false, 3 * time.Second, 5, always(program(inspect.Task{})), ""},

	{"L5", "more and more", true, 10 * time.Second, 7, func(n int) *inspect.Snapshot { return many(1000 + 10*n) }, "their number has risen in 6 windows"},
	{"L5", "many, and not more", false, 10 * time.Second, 9, func(int) *inspect.Snapshot { return many(5000) }, ""},
	{"L5", "more, but few", false, 10 * time.Second, 9, func(n int) *inspect.Snapshot { return many(10 * n) }, ""},
	{"L5", "up and down", false, 10 * time.Second, 20, func(n int) *inspect.Snapshot { return many(2000 + 100*(n%4)) }, ""},
	{"L5", "up at once", false, time.Second, 20, func(n int) *inspect.Snapshot { return many(1000 + 10*n) }, ""},

	{"Q1", "producers wait", true, 3 * time.Second, 12, always(jobs("queue.Put", user(1, "get"))), "producers waited at queue jobs in 11 of the last 11 looks"},
	{"Q1", "seldom", false, 3 * time.Second, 24, func(n int) *inspect.Snapshot {
		if n%3 == 0 {
			return jobs("queue.Put", user(1, "get"))
		}
		return jobs("queue.Get", user(1, "put"))
	}, ""},
	{"Q1", "not for long", false, 3 * time.Second, 5, always(jobs("queue.Put", user(1, "get"))), ""},

	{"Q2", "nobody takes", true, 20 * time.Second, 3, always(jobs("queue.Put")), "nobody has taken from queue jobs for 40s, and shop/waiter waits to put; no task has taken from it so far"},
	{"Q2", "who took has ended", true, 20 * time.Second, 3, always(func() *inspect.Snapshot {
		s := jobs("queue.Put")
		s.Resources[0].Attrs["former getters"] = 1
		return s
	}()), "and shop/waiter waits to put; all who have taken from it have ended"},
	{"Q2", "who takes is busy", true, 20 * time.Second, 3, always(jobs("queue.Put", user(1, "get"))), "these did take: shop/other"},
	{"Q2", "items are taken", false, 20 * time.Second, 9, seqs(func() *inspect.Snapshot { return jobs("queue.Put", user(1, "get")) }, 0), ""},
	{"Q2", "producers have ended", true, 20 * time.Second, 4, func(n int) *inspect.Snapshot {
		if n == 0 {
			return jobs("queue.Get", user(1, "put"))
		}
		return jobs("queue.Get")
	}, "all who put into it have ended without shutting it down"},
	{"Q2", "producers have ended before anybody looked", true, 20 * time.Second, 4, always(putters("former putters")), "all who put into it have ended without shutting it down"},
	{"Q2", "producers come and go", false, 20 * time.Second, 9, always(putters("former putters", "later putters")), ""},
	{"Q2", "an idle consumer", false, 20 * time.Second, 9, always(jobs("queue.Get", user(1, "put"))), ""},
	{"Q2", "nobody has put so far", false, 20 * time.Second, 9, always(jobs("queue.Get")), ""},
	{"Q2", "a producer that has not begun", false, 20 * time.Second, 9, func(n int) *inspect.Snapshot {
		s := jobs("queue.Get", user(1, "put"))
		if n > 0 {
			s = jobs("queue.Get")
			s.Resources[0].Attrs["producers"] = 1
		}
		return s
	}, ""},
	{"Q2", "shut down", false, 20 * time.Second, 9, always(func() *inspect.Snapshot { s := jobs("queue.Put"); s.Resources[0].Closed = true; return s }()), ""},

	{"Q3", "a Get that nobody has woken", true, time.Second, 2, always(func() *inspect.Snapshot { s := jobs("queue.Get"); s.Resources[0].Closed = true; return s }()), "queue jobs is shut down, and shop/waiter still waits in queue.Get"},
	{"Q3", "not yet", false, time.Second, 9, seqs(func() *inspect.Snapshot { s := jobs("queue.Get"); s.Resources[0].Closed = true; return s }, 0), ""},
	{"Q3", "a Join of a queue that is drained", false, time.Second, 9, always(func() *inspect.Snapshot { s := jobs("queue.Join"); s.Resources[0].Closed = true; return s }()), ""},
	{"Q3", "open", false, time.Second, 9, always(jobs("queue.Get")), ""},

	{"S1", "a task does not end", true, 3 * time.Second, 3, always(cancelled("call", nil)), "shop was cancelled 6s ago and has not ended; 1 task is left: shop/deaf is active"},
	{"S1", "a task that was cancelled alone", true, 3 * time.Second, 3, always(alone("call")), "shop/deaf was cancelled 6s ago and has not ended; 1 task is left: shop/deaf is active"},
	{"S1", "a task whose time is over", false, 3 * time.Second, 3, always(alone("deadline")), ""},
	{"S1", "its task cleans up in a shield", false, 3 * time.Second, 3, always(shielding(ago(-time.Hour))), ""},
	{"S1", "the time of the shield is over", true, 3 * time.Second, 3, always(shielding(ago(time.Second))), "2 tasks are left: shop/deaf/cleanup is active"},
	{"S1", "its Run has given up on it", false, 3 * time.Second, 3, always(func() *inspect.Snapshot { s := cancelled("call", nil); s.Scopes[0].Closed = true; return s }()), ""},
	{"S1", "it was a moment ago", false, 3 * time.Second, 2, always(cancelled("call", nil)), ""},
	{"S1", "nobody asked", false, 3 * time.Second, 9, always(program(inspect.Task{})), ""},
	{"S1", "everything is over", false, 3 * time.Second, 9, func(n int) *inspect.Snapshot {
		s := cancelled("call", nil)
		if n > 1 {
			s = program()
		}
		return s
	}, ""},

	{"T1", "many sleep", true, time.Second, 1, always(sleepers(1001)), "1001 tasks of shop.(*DB).query sleep"},
	{"T1", "some sleep", false, time.Second, 1, always(sleepers(1000)), ""},
	{"T1", "many wait", false, time.Second, 1, always(many(5000)), ""},

	{"C1", "a storm", true, time.Second, 3, func(n int) *inspect.Snapshot {
		s := cancelled("call", nil)
		s.Counters.Cancelled = int64(n) * 2000
		return s
	}, "2000 tasks a second are cancelled; of those that are left, most because of: stop"},
	{"C1", "once", false, time.Second, 2, func(n int) *inspect.Snapshot { s := program(); s.Counters.Cancelled = int64(n) * 2000; return s }, ""},
	{"C1", "some", false, time.Second, 5, func(n int) *inspect.Snapshot { s := program(); s.Counters.Cancelled = int64(n) * 900; return s }, ""},
}

// putters is a queue without producers, of which those that there were have left these marks.
func putters(marks ...string) *inspect.Snapshot {
	s := jobs("queue.Get")
	for _, m := range marks {
		s.Resources[0].Attrs[m] = 1
	}
	return s
}

func starved(slots int) *inspect.Snapshot {
	s := program(inspect.Task{Name: "outer", Slot: true, Wait: awaits(1)}, inspect.Task{Name: "inner", State: inspect.StateQueued})
	s.Scopes[0].Limit, s.Scopes[0].Running = slots, 1
	return s
}

func outlived(body bool) *inspect.Snapshot {
	s := program(inspect.Task{Name: "left"})
	s.Scopes[0].Body, s.Scopes[0].Closed = body, !body
	s.Tasks[0].Wait, s.Tasks[0].State = nil, inspect.StateActive
	return s
}

func many(n int) *inspect.Snapshot {
	tasks := make([]inspect.Task, n)
	for i := range tasks {
		tasks[i] = inspect.Task{Name: "w", Site: 2, Wait: &inspect.Wait{Op: "event.Wait"}}
	}
	return program(tasks...)
}

func sleepers(n int) *inspect.Snapshot {
	tasks := make([]inspect.Task, n)
	for i := range tasks {
		tasks[i] = inspect.Task{Site: 2, Wait: &inspect.Wait{Op: "braid.Sleep", Timed: true}}
	}
	return program(tasks...)
}

func TestRules(t *testing.T) {
	t.Parallel()
	for _, c := range ruleCases {
		t.Run(c.code+" "+c.name, func(t *testing.T) {
			t.Parallel()
			found := watch(t, inspect.Rules{}, c.step, c.times, c.change)
			i := slices.IndexFunc(found, func(f inspect.Finding) bool { return f.Code == c.code })
			switch {
			case i < 0 && c.finds:
				t.Fatalf("not found; there is %+v", found)
			case i >= 0 && !c.finds:
				t.Fatalf("found: %+v", found[i])
			case i < 0:
				return
			}
			f := found[i]
			if !strings.Contains(f.Text, c.text) {
				t.Errorf("the text %q lacks %q", f.Text, c.text)
			}
			if f.Title == "" || f.Hint == "" || len(f.Subjects) == 0 || f.Since.IsZero() || f.Count == 0 ||
				!slices.Contains([]string{"error", "warning", "info"}, f.Severity) || !slices.Contains([]string{inspect.Certain, inspect.Likely, inspect.Hint}, f.Confidence) {
				t.Errorf("incomplete: %+v", f)
			}
		})
	}
	// Every rule but P1 and L6, which have tests of their own, is in the table with both kinds of cases.
	for _, r := range inspect.AllRules() {
		for _, finds := range []bool{true, false} {
			if r.Code != "P1" && r.Code != "L6" && !slices.ContainsFunc(ruleCases, func(c ruleCase) bool {
				return c.code == r.Code && c.finds == finds
			}) {
				t.Errorf("%s has no case in which it finds something: %v", r.Code, finds)
			}
		}
	}
}

// The documentation has a row for each rule, with its title.
func TestRules_documented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/inspector.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range inspect.AllRules() {
		if row := "| " + r.Code + " | " + r.Title + " |"; !strings.Contains(string(text), row) {
			t.Errorf("docs/inspector.md has no row %q", row)
		}
	}
	if rows := strings.Count(string(text), " | certain | ") + strings.Count(string(text), " | likely | ") + strings.Count(string(text), " | hint | "); rows > len(inspect.AllRules()) {
		t.Errorf("docs/inspector.md has %d rows and there are %d rules", rows, len(inspect.AllRules()))
	}
}

// A negative number switches a rule off.
func TestRules_off(t *testing.T) {
	t.Parallel()
	off := inspect.Rules{Outlive: -1, Ignore: -1, Unseen: -1, Refused: -1, Growth: -1, Window: -1, Order: -1, Hold: -1, Wait: -1, Overtake: -1, Full: -1, Starve: -1, Shutdown: -1, Cancels: -1, Restarts: -1, Timers: -1, SelfTime: -1}
	always := []string{"D1", "D2", "D3", "D5", "H1", "Q3", "I1"} // have no threshold, or not for all they find
	for _, c := range ruleCases {
		if !c.finds || slices.Contains(always, c.code) {
			continue
		}
		for _, f := range watch(t, off, c.step, c.times, c.change) {
			if f.Code == c.code {
				t.Errorf("%s %s: found although it is off: %+v", c.code, c.name, f)
			}
		}
	}
}

// S1 has another title where one task was cancelled, and no shutdown hangs.
func TestRules_titleOfS1(t *testing.T) {
	t.Parallel()
	for title, s := range map[string]*inspect.Snapshot{"shutdown hangs": cancelled("call", nil), "a cancelled task does not end": alone("call")} {
		found := watch(t, inspect.Rules{}, 3*time.Second, 3, always(s))
		if i := slices.IndexFunc(found, func(f inspect.Finding) bool { return f.Code == "S1" }); i < 0 || found[i].Title != title {
			t.Errorf("%s: %+v", title, found)
		}
	}
}

func TestRules_allow(t *testing.T) {
	t.Parallel()
	for allow, want := range map[string]int{"D1": 0, "D1 shop/*": 0, "D1 shop/f*t": 1, "D1 shop/reader": 0, "D1 other": 1, "D2": 1, "D1 shop/*r": 0} {
		if found := watch(t, inspect.Rules{Allow: []string{allow}}, time.Second, 2, always(five())); len(found) != want {
			t.Errorf("allow %q: %d found, want %d: %+v", allow, len(found), want, found)
		}
	}
	for _, r := range []inspect.Rules{{Allow: []string{"X9"}}, {Allow: []string{""}}, {SelfTime: 2}} {
		if _, err := inspect.NewMonitor(r); err == nil {
			t.Errorf("%+v is no error", r)
		}
	}
}

// A finding is one and the same as long as it holds, and gone when it does not.
func TestMonitor_lifeOfAFinding(t *testing.T) {
	t.Parallel()
	m, err := inspect.NewMonitor(inspect.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if found := m.Update(five(), noon); len(found) != 0 || m.Suspected() != 1 {
		t.Errorf("after one look: %+v, %d suspected", found, m.Suspected())
	}
	for n := 2; n < 5; n++ {
		found := m.Update(five(), noon.Add(time.Duration(n)*100*time.Millisecond))
		if len(found) != 1 || found[0].Count != n || !found[0].Since.Equal(noon.Add(-2*time.Second)) || m.Suspected() != 0 {
			t.Errorf("look %d: %+v, %d suspected", n, found, m.Suspected())
		}
	}
	if found := m.Update(program(), noon.Add(time.Second)); len(found) != 0 || m.Suspected() != 0 {
		t.Errorf("when it is over: %+v", found)
	}
	if found := m.Update(five(), noon.Add(2*time.Second)); len(found) != 0 || m.Suspected() != 1 {
		t.Errorf("when it comes back, it takes two looks again: %+v", found)
	}
}

// However many tasks do the same thing wrong, the list stays short, and says how many there are.
func TestMonitor_bounded(t *testing.T) {
	t.Parallel()
	c := &inspect.Cancel{Kind: "call"}
	tasks := make([]inspect.Task, 10000)
	for i := range tasks {
		tasks[i].Cancel = c
	}
	found := watch(t, inspect.Rules{Shutdown: -1}, 6*time.Second, 2, always(program(tasks...)))
	if len(found) != 50 || found[0].Evidence["of_this_code"] != 10000 {
		t.Errorf("%d found; %v", len(found), found[0].Evidence)
	}
}

func TestMonitor_Observe(t *testing.T) {
	t.Parallel()
	look := func(n int, outcome string, later time.Duration) []inspect.Finding {
		m, err := inspect.NewMonitor(inspect.Rules{})
		if err != nil {
			t.Fatal(err)
		}
		m.Update(program(), noon)
		for i := range n {
			m.Observe([]inspect.Ended{{Name: fmt.Sprintf("worker-%d", i), Group: "pool", Site: 1, Outcome: outcome, Error: "disk full", At: noon.Add(time.Duration(i) * time.Second)}})
		}
		return m.Update(program(), noon.Add(later))
	}
	found := look(4, "failed", 5*time.Second)
	if len(found) != 1 || found[0].Code != "P1" || found[0].Text != "tasks named pool/worker-* failed 4 times in the last minute; the last time with: disk full" {
		t.Errorf("%+v", found)
	}
	for name, found := range map[string][]inspect.Finding{"three": look(3, "failed", 5*time.Second), "succeeded": look(40, "succeeded", 50*time.Second), "cancelled": look(40, "cancelled", 50*time.Second), "long ago": look(4, "panicked", 2*time.Minute)} {
		if len(found) != 0 {
			t.Errorf("%s: %+v", name, found)
		}
	}
	m, err := inspect.NewMonitor(inspect.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5000 { // names without end
		m.Observe([]inspect.Ended{{Name: "t" + strings.Repeat("x", i), Outcome: "failed", At: noon}})
	}
	m.Update(program(), noon)
}
