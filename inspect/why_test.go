package inspect_test

import (
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid/inspect"
)

type whyCase struct {
	name    string
	s       *inspect.Snapshot
	task    uint64
	steps   int
	verdict string
	text    string // lines that must be there, in this order
}

// queueCases are those in which nobody is left who uses the other side of a queue.
func queueCases() []whyCase {
	const notSeen = "Who could bring this about is not in the snapshot: it is no task, or was not noted."
	wait := func(op string, r inspect.Resource) *inspect.Snapshot {
		r.Kind, r.Capacity = "queue", 1
		if op != "queue.Get" {
			r.InUse = 1
		}
		return with(program(inspect.Task{Name: "a", Wait: waits(op, 1)}, inspect.Task{Name: "b", State: inspect.StateActive}), r)
	}
	former := func(side string) map[string]int64 { return map[string]int64{"former " + side: 1} }
	found := func(codes ...string) *inspect.Snapshot {
		s := wait("queue.Put", inspect.Resource{Name: "orders", Attrs: former("getters")})
		for _, code := range codes {
			s.Findings = append(s.Findings, inspect.Finding{Code: code, Title: "title", Text: "text of " + code, Subjects: []inspect.Subject{{Kind: "resource", ID: 1}}})
		}
		return s
	}
	others := found("Q2")
	others.Findings = append(others.Findings,
		inspect.Finding{Code: "H3", Title: "title", Text: "another resource", Subjects: []inspect.Subject{{Kind: "resource", ID: 2}}},
		inspect.Finding{Code: "H4", Title: "title", Text: "a scope", Subjects: []inspect.Subject{{Kind: "scope", ID: 1}}},
		inspect.Finding{Code: "L1", Title: "outlived", Text: "the task", Subjects: []inspect.Subject{{Kind: "task", ID: firstTask}}})
	const ended = "All who have taken from queue orders have ended, so nobody is known who would do it again."
	return []whyCase{
		{"all who took have ended", found(), firstTask, 1, inspect.VerdictUnknown, "since 2s.\n" + ended},
		{"and that is a finding", found("Q2", "Q1"), firstTask, 1, inspect.VerdictUnknown, ended + "\nFinding Q2, title: text of Q2.\nFinding Q1, title: text of Q1."},
		{"three findings are enough", found("A", "B", "C", "D"), firstTask, 1, inspect.VerdictUnknown, "\nFinding C, title: text of C."},
		{"findings about it alone", others, firstTask, 1, inspect.VerdictUnknown, "text of Q2.\nFinding L1, outlived: the task."},
		{"all who put have ended", wait("queue.Get", inspect.Resource{Name: "orders", Attrs: former("putters")}), firstTask, 1, inspect.VerdictUnknown,
			"All who have put into queue orders have ended"},
		{"who puts says nothing of who takes", wait("queue.Put", inspect.Resource{Name: "orders", Attrs: former("putters")}), firstTask, 1, inspect.VerdictUnknown,
			"No task has taken from queue orders so far."},
		{"not all were noted", wait("queue.Put", inspect.Resource{Name: "orders", Unknown: true, Attrs: former("getters")}), firstTask, 1, inspect.VerdictUnknown,
			"Those who are known to have taken from queue orders have ended; not all who use it were noted."},
		{"work that nobody does", wait("queue.Join", inspect.Resource{Name: "orders", Attrs: former("getters")}), firstTask, 1, inspect.VerdictUnknown, ended},
		{"who lives is named", wait("queue.Put", inspect.Resource{Name: "orders", Attrs: former("getters"), Holders: []inspect.Hold{user(1, "get")}}), firstTask, 2, inspect.VerdictActive,
			"from which these take: shop/b, since 2s.\nshop/b is active"},
		{"of the other side not all were noted", wait("queue.Put", inspect.Resource{Name: "orders", Unknown: true, UnknownOf: "put", Attrs: former("getters")}), firstTask, 1, inspect.VerdictUnknown, ended},
		{"nobody was noted", wait("queue.Put", inspect.Resource{Name: "orders", Unknown: true}), firstTask, 1, inspect.VerdictUnknown, notSeen},
		{"nobody is noted without a name", wait("queue.Put", inspect.Resource{Unknown: true}), firstTask, 1, inspect.VerdictUnknown,
			notSeen + " If it has a name (SetName), that is noted."},
	}
}

func TestWhy(t *testing.T) {
	t.Parallel()
	busy := func(w *inspect.Wait, more ...inspect.Resource) *inspect.Snapshot {
		return with(program(inspect.Task{Name: "a", Wait: w}, inspect.Task{Name: "b"}), append([]inspect.Resource{mutex("m", held(1, 1))}, more...)...)
	}
	cases := []whyCase{
		{"who holds the lock computes", busy(waits("mutex.Lock", 1)), firstTask, 2, inspect.VerdictActive,
			"shop/a waits in mutex.Lock for mutex m (1st in line of 1), held by shop/b, since 2s.\nshop/b is active: in no wait that braid sees.\nSo it depends on shop/b: it computes"},
		{"the one who waits for all", busy(waits("mutex.Lock", 1)), mainTask, 3, inspect.VerdictActive, "shop waits for the tasks of the group of shop to end, since 1m0s."},
		{"a deadlock", five(), firstTask + 4, 4, inspect.VerdictDeadlock, "That closes the circle: a deadlock of 3"},
		{"it holds it itself", with(program(inspect.Task{Name: "a", Wait: waits("mutex.Lock", 1)}), mutex("m", held(0, 1))), firstTask, 1, inspect.VerdictDeadlock, "a deadlock of one"},
		{"its owner has ended", with(program(inspect.Task{Name: "a", Wait: waits("mutex.Lock", 1)}), mutex("m", inspect.Hold{Name: "shop/gone", Amount: 1, Ended: true})), firstTask, 1, inspect.VerdictGone, "held by shop/gone (ended)"},
		{"time", program(inspect.Task{Name: "a", Wait: &inspect.Wait{Op: "braid.Sleep", Timed: true, Since: ago(time.Second), Deadline: ago(-time.Minute)}}), firstTask, 1, inspect.VerdictTime, "waits in braid.Sleep, since 1s; it gives up in 1m0s"},
		{"an event", with(program(inspect.Task{Name: "a", Wait: waits("event.Wait", 1)}), inspect.Resource{Kind: "event", Name: "ready"}), firstTask, 1, inspect.VerdictOpen, "shop/a waits in event.Wait for event ready, since 2s."},
		{"a holder that is no task", with(program(inspect.Task{Name: "a", Wait: waits("semaphore.Acquire", 1)}), inspect.Resource{Kind: "semaphore", Capacity: 1, InUse: 1, Unknown: true}), firstTask, 1, inspect.VerdictUnknown, "is not in the snapshot"},
		{"something that is not shown", program(inspect.Task{Name: "a", Wait: waits("mutex.Lock", 9)}), firstTask, 1, inspect.VerdictUnknown, "something that the snapshot does not show"},
		{"queued", func() *inspect.Snapshot {
			s := program(inspect.Task{Name: "a", State: inspect.StateQueued}, inspect.Task{Name: "b", Slot: true})
			s.Scopes[0].Limit, s.Scopes[0].Running = 1, 1
			return s
		}(), firstTask, 2, inspect.VerdictActive, "shop/a has not started: it waits for a slot of the group of shop, of which 1 of 1 are taken."},
		{"behind a large request", with(program(
			inspect.Task{Name: "large", Wait: &inspect.Wait{Op: "semaphore.Acquire", Resource: 1, Amount: 3}}, inspect.Task{Name: "small", Wait: waits("semaphore.Acquire", 1)}, inspect.Task{Name: "holder"}),
			inspect.Resource{Kind: "semaphore", Name: "s", Capacity: 3, InUse: 1, Holders: []inspect.Hold{held(2, 1)}}), firstTask + 1, 3, inspect.VerdictActive, "So it depends on shop/holder"},
		{"a queue", with(program(inspect.Task{Name: "a", Wait: waits("queue.Get", 1)}, inspect.Task{Name: "b"}), inspect.Resource{Kind: "queue", Name: "jobs", Capacity: 1, Holders: []inspect.Hold{user(1, "put")}}), firstTask, 2, inspect.VerdictActive, "into which these put: shop/b"},
		{"in a shield", func() *inspect.Snapshot {
			s := program(inspect.Task{Name: "a", Wait: &inspect.Wait{Op: "braid.Sleep", Timed: true}, Cancel: &inspect.Cancel{Kind: "failure", By: "shop/b"}})
			s.Scopes = append(s.Scopes, inspect.Scope{ID: 50, Parent: firstTask, Owner: firstTask, Kind: inspect.ScopeShield, Deadline: ago(-3 * time.Second)})
			return s
		}(), firstTask, 1, inspect.VerdictTime, "it was asked to end by the failure of shop/b; it is in a Shield, for 3s more."},
		{"a writer", with(program(inspect.Task{Name: "a", Wait: &inspect.Wait{Op: "rwmutex.Lock", Resource: 1, Amount: 1 << 40}}, inspect.Task{Name: "b"}),
			inspect.Resource{Kind: "rwmutex", Name: "table", Capacity: 1 << 40, InUse: 1, Holders: []inspect.Hold{{Task: firstTask + 1, Amount: 1, Mode: "read"}}}), firstTask, 2, inspect.VerdictActive, "shop/a waits in rwmutex.Lock for rwmutex table (1st in line of 1), held by shop/b."},
		{"cancelled, and busy", program(inspect.Task{Name: "a", Cancel: &inspect.Cancel{Kind: "call", Cause: "stop", Site: 2, At: ago(12 * time.Second)}}), firstTask, 1, inspect.VerdictActive,
			"it was asked to end 12s ago by a call in shop.(*DB).query (line 30): stop.\nSo it depends on shop/a: it computes, or waits outside of braid, on a channel, a lock of package sync or the network. Look at its stack. It has not looked at its ctx"},
	}
	cases = append(cases, queueCases()...)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := c.s.Why(c.task)
			chain := w.Chains[0]
			if len(w.Chains) != 1 || len(chain.Steps) != c.steps || chain.Verdict != c.verdict || !strings.Contains(w.Text, c.text) || w.SnapshotSeq != c.s.Seq {
				t.Errorf("%d steps, verdict %s, want %d, %s, and in the text %q:\n%s", len(chain.Steps), chain.Verdict, c.steps, c.verdict, c.text, w.Text)
			}
		})
	}
	for _, c := range cases { // at most three findings, none of something else
		if text := c.s.Why(c.task).Text; strings.Contains(text, "text of D") || strings.Contains(text, "another resource") || strings.Contains(text, "a scope.") {
			t.Errorf("%s: too much:\n%s", c.name, text)
		}
	}
	if w := five().Why(12345); w != nil {
		t.Errorf("Why of no task = %+v", w)
	}
}

// A chain of thousands is cut, and says so.
func TestWhy_longChain(t *testing.T) {
	t.Parallel()
	s := program()
	const n = 5000
	for i := range n {
		s.Tasks = append(s.Tasks, inspect.Task{ID: uint64(firstTask + i), Name: "t", State: inspect.StateBlocked, Wait: &inspect.Wait{Op: "task.Wait", Task: uint64(firstTask + i + 1)}})
	}
	s.Tasks[len(s.Tasks)-1].State, s.Tasks[len(s.Tasks)-1].Wait = inspect.StateActive, nil
	if c := s.Why(firstTask).Chains[0]; len(c.Steps) > 100 || c.Verdict != inspect.VerdictUnknown || !strings.Contains(c.Text, "longer than is shown") {
		t.Errorf("%d steps, %s", len(c.Steps), c.Verdict)
	}
}

func TestWhyShutdown(t *testing.T) {
	t.Parallel()
	stop := &inspect.Cancel{Kind: "call", Cause: "shutting down", At: ago(12 * time.Second), Scope: mainGroup}
	s := with(program(
		inspect.Task{Name: "deaf", Cancel: stop},
		inspect.Task{Name: "waiter", Cancel: stop, Wait: waits("mutex.Lock", 1)},
		inspect.Task{Name: "shielded", Wait: &inspect.Wait{Op: "braid.Sleep", Timed: true, Deadline: ago(-time.Second)}},
	), mutex("m", held(0, 1)))
	s.Scopes[0].Cancel = stop
	s.Tasks = append(s.Tasks, inspect.Task{ID: 99, Name: "elsewhere", State: inspect.StateActive}) // of another Run
	w := s.WhyShutdown()
	if !w.Shutdown || w.Left != 3 || len(w.Chains) != 3 || w.Truncated {
		t.Fatalf("%+v", w)
	}
	for _, want := range []string{
		"3 tasks are left of what was asked to end.\n\nThe group of shop was cancelled 12s ago by a call of Cancel: shutting down. What is left:\n- shop/deaf is active",
		"- shop/waiter waits in mutex.Lock for mutex m (1st in line of 1), held by shop/deaf",
		"- shop/shielded waits in braid.Sleep; it gives up in 1s",
	} {
		if !strings.Contains(w.Text, want) {
			t.Errorf("the text lacks %q:\n%s", want, w.Text)
		}
	}
	if strings.Contains(w.Text, "elsewhere") {
		t.Errorf("it names a task that was not asked to end:\n%s", w.Text)
	}
}

// Tasks that wait for their own tasks are counted and not blamed; nested cancellations belong to the highest.
func TestWhyShutdown_nested(t *testing.T) {
	t.Parallel()
	stop := &inspect.Cancel{Kind: "call", At: ago(time.Second)}
	s := program(inspect.Task{Name: "server", State: inspect.StateFinishing, Wait: &inspect.Wait{Op: "run.Join", Scope: 50}, Cancel: stop})
	s.Scopes[0].Cancel = stop
	s.Scopes = append(s.Scopes, inspect.Scope{ID: 50, Parent: firstTask, Owner: firstTask, Kind: inspect.ScopeGroup, Cancel: &inspect.Cancel{Kind: "parent"}})
	for i := range 60 {
		s.Tasks = append(s.Tasks, inspect.Task{ID: uint64(100 + i), Parent: 50, Name: "request", State: inspect.StateActive, Cancel: &inspect.Cancel{Kind: "parent"}})
	}
	w := s.WhyShutdown()
	if w.Left != 61 || len(w.Chains) != 50 || !w.Truncated || !strings.Contains(w.Text, "And 10 more.") {
		t.Errorf("%d left, %d chains, truncated %v", w.Left, len(w.Chains), w.Truncated)
	}
	for _, c := range w.Chains {
		if c.Scope != mainGroup {
			t.Fatalf("chain of %s is said to belong to scope %d", c.Steps[0].Path, c.Scope)
		}
	}
}

func TestWhyShutdown_nothingIsLeft(t *testing.T) {
	t.Parallel()
	if w := five().WhyShutdown(); w.Left != 0 || w.Chains == nil || w.Text != "Nothing that was asked to end is left." {
		t.Errorf("%+v", w)
	}
}
