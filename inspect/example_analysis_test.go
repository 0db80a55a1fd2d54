package inspect_test

import (
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/braid-go/braid/inspect"
)

// The snapshots in these examples are made by the helpers of analysis_test.go, so that their times are always the same.
// In a program, Take makes one of what runs, and ReadSnapshot reads one from a file.

// The records of a snapshot refer to each other by ids.
func ExampleSnapshot_Task() {
	s := five()
	t := s.Task(firstTask)
	fmt.Println(s.Path(t.ID), "of", s.Site(s.Task(mainTask).Site), "waits in", s.WaitText(t))
	fmt.Println("on", s.Resource(t.Wait.Resource).Name, "in the scope of", s.Path(s.Scope(t.Parent).Owner))
	_, tasks := s.Children(mainGroup)
	fmt.Println(len(tasks), "tasks in it")
	// Output:
	// shop/reader of shop.serve waits in semaphore.Acquire connections ×2, 1st of 1
	// on connections in the scope of shop
	// 5 tasks in it
}

// A scope is found by its id as well.
func ExampleSnapshot_Scope() {
	s := five()
	fmt.Println(s.Scope(mainGroup).Kind, s.Scope(firstTask) == nil)
	// Output: group true
}

// Resources are counted apart from tasks and scopes.
func ExampleSnapshot_Resource() {
	fmt.Println(five().Resource(2).Kind, five().Resource(2).Name)
	// Output: queue jobs
}

// A site prints as its function.
func ExampleSnapshot_Site() {
	fmt.Println(five().Site(2), five().Site(2).Line)
	// Output: shop.(*DB).query 30
}

// The path of a task is the one that braid's errors have.
func ExampleSnapshot_Path() {
	fmt.Println(five().Path(firstTask))
	// Output: shop/reader
}

// Children walks through the tree.
func ExampleSnapshot_Children() {
	s := five()
	_, roots := s.Children(0)
	scopes, _ := s.Children(roots[0].ID)
	_, tasks := s.Children(scopes[0].ID)
	for _, t := range tasks[:2] {
		fmt.Println(roots[0].Name, scopes[0].Kind, t.Name)
	}
	// Output:
	// shop group reader
	// shop group first
}

// WaitText is the short form; Why says more.
func ExampleSnapshot_WaitText() {
	s := five()
	fmt.Println(s.WaitText(s.Task(firstTask + 3)))
	// Output: queue.Put jobs, 1st of 1
}

// An Item is a task with its path, and what it waits on, in words.
func ExampleSnapshot_Item() {
	s := five()
	i := s.Item(s.Task(firstTask + 1))
	fmt.Println(i.Path, i.State, i.WaitText)
	// Output: shop/first blocked task.Wait shop/producer
}

// Three tasks hold each other up, through a semaphore, a queue and a join; others only wait for them.
func ExampleSnapshot_Deadlocks() {
	for _, d := range five().Deadlocks() {
		fmt.Println(d.Kind, d.Confidence, "of", len(d.Cycle), "and", d.Size-len(d.Cycle), "more")
		for _, l := range d.Cycle {
			fmt.Println("-", l.Path, l.Text)
		}
	}
	// Output:
	// cycle certain of 3 and 3 more
	// - shop/reader waits in semaphore.Acquire for 2 of semaphore connections (1st in line of 1), held by shop/first, shop/second
	// - shop/first waits for the end of shop/producer
	// - shop/producer waits in queue.Put for queue jobs (1st in line of 1), from which these take: shop/reader
}

// A Deadlock can be told by its kind.
func ExampleDeadlock() {
	s := with(program(inspect.Task{Name: "a", Wait: waits("mutex.Lock", 1)}), mutex("m", held(0, 1)))
	d := s.Deadlocks()[0]
	fmt.Println(d.Kind == inspect.DeadlockSelf, d.Timed, d.Text)
	// Output: true false shop/a waits in mutex.Lock for mutex m (1st in line of 1), held by shop/a. 1 more task waits because of it
}

// Why follows the waits from a task to who is to blame.
func ExampleSnapshot_Why() {
	s := with(program(inspect.Task{Name: "report", Wait: waits("mutex.Lock", 1)}, inspect.Task{Name: "import"}), mutex("accounts", held(1, 1)))
	w := s.Why(firstTask)
	fmt.Println(w.Text)
	fmt.Println("verdict:", w.Chains[0].Verdict, w.Chains[0].Cause.Name)
	// Output:
	// shop/report waits in mutex.Lock for mutex accounts (1st in line of 1), held by shop/import, since 2s.
	// shop/import is active: in no wait that braid sees.
	// So it depends on shop/import: it computes, or waits outside of braid, on a channel, a lock of package sync or the network. Look at its stack.
	// verdict: active shop/import
}

// WhyShutdown says who is left of what was asked to end.
func ExampleSnapshot_WhyShutdown() {
	stop := &inspect.Cancel{Kind: "call", Cause: "shutting down", At: ago(12 * time.Second)}
	s := program(inspect.Task{Name: "import", Cancel: stop})
	s.Scopes[0].Cancel = stop
	fmt.Println(s.WhyShutdown().Text)
	// Output:
	// 1 task is left of what was asked to end.
	//
	// The group of shop was cancelled 12s ago by a call of Cancel: shutting down. What is left:
	// - shop/import is active: in no wait that braid sees; it was asked to end 12s ago by a call of Cancel: shutting down.
	//   So it depends on shop/import: it computes, or waits outside of braid, on a channel, a lock of package sync or the network. Look at its stack. It has not looked at its ctx since it was asked to end.
}

// A Why has the same as records, for programs.
func ExampleWhy() {
	w := five().Why(firstTask)
	for _, step := range w.Chains[0].Steps {
		fmt.Println(step.Path, step.Op, step.Via.Name)
	}
	fmt.Println(w.Chains[0].Verdict == inspect.VerdictDeadlock)
	// Output:
	// shop/reader semaphore.Acquire semaphore connections
	// shop/first task.Wait shop/producer
	// shop/producer queue.Put queue jobs
	// true
}

// Equal subtrees are folded into one.
func ExampleSnapshot_Tree() {
	t, err := server().Tree(inspect.TreeOptions{Fold: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = t.WriteText(os.Stdout)
	// Output:
	// shop  finishing run.Join of 5 tasks for 1m0s
	// ├─ accept  active
	// ├─ request-* ×3  finishing run.Join for 1s  (9 tasks in all)
	// │  └─ fetch#* ×2  blocked queue.Get rows for 1s
	// └─ request-3  finishing run.Join of 2 tasks for 1s
	//    ├─ fetch#0  blocked queue.Get rows, 7th of 7 for 4s
	//    └─ fetch#1  active
}

// A Tree is cut where it is asked to, and says what it has left out.
func ExampleTree() {
	t, _ := server().Tree(inspect.TreeOptions{Depth: 2})
	fmt.Println(t.Tasks, "tasks,", t.Nodes, "nodes; below", t.Roots[0].Children[0].Kind, "are", t.Roots[0].Children[0].Cut)
	// Output: 14 tasks, 2 nodes; below group are 5
}

// The graph of who waits for whom, for Graphviz.
func ExampleSnapshot_Graph() {
	s := with(program(inspect.Task{Name: "report", Wait: waits("mutex.Lock", 1)}, inspect.Task{Name: "import"}), mutex("accounts", held(1, 1)))
	g, err := s.Graph(inspect.GraphOptions{Of: []string{inspect.EdgeWait, inspect.EdgeHold}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(g.DOT())
	fmt.Print(g.Mermaid())
	// Output:
	// digraph tasks {
	// 	rankdir=LR
	// 	node [fontname="sans-serif"]
	// 	edge [fontname="sans-serif", fontsize=10]
	// 	t10 [shape=box, label="shop/report\nblocked"]
	// 	r1 [shape=ellipse, label="mutex accounts\n1 waiting"]
	// 	t11 [shape=box, label="shop/import\nactive"]
	// 	t10 -> r1 [label="wait mutex.Lock, 1st"]
	// 	r1 -> t11 [label="hold", style=dashed]
	// }
	// flowchart LR
	//   t10["shop/report<br/>blocked"]
	//   r1(["mutex accounts<br/>1 waiting"])
	//   t11["shop/import<br/>active"]
	//   t10 ==>|"wait mutex.Lock, 1st"| r1
	//   r1 -.->|"hold"| t11
}

// The nodes and edges of a Graph are there for programs.
func ExampleGraph() {
	g, _ := five().Graph(inspect.GraphOptions{})
	for _, e := range g.Edges[1:4] {
		fmt.Println(e.Kind, e.From, e.To)
	}
	fmt.Println(g.Nodes[1].Name, g.Nodes[1].Deadlock)
	// Output:
	// await 1 11
	// await 1 12
	// await 1 13
	// shop/reader true
}

// The tasks that wait on a queue, the one that has waited longest first.
func ExampleSnapshot_Query() {
	p, err := server().Query(inspect.Query{Kind: "queue", Sort: "since", Limit: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Total, "in all")
	for _, i := range p.Items {
		fmt.Println(i.Path, i.WaitText)
	}
	rest, _ := server().Query(inspect.Query{Kind: "queue", Sort: "since", Limit: inspect.MaxLimit, After: p.Next})
	fmt.Println(len(rest.Items), "more", rest.End)
	// Output:
	// 7 in all
	// shop/request-3/fetch#0 queue.Get rows, 7th of 7
	// shop/request-2/fetch#0 queue.Get rows, 5th of 7
	// 5 more true
}

// What are most of the tasks at?
func ExampleSnapshot_GroupBy() {
	p, err := server().GroupBy(inspect.Query{Group: []string{"name", "wait"}, Limit: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, g := range p.Items {
		fmt.Println(g.Count, g.Key["name"], g.Key["wait"])
	}
	// Output:
	// 7 fetch#* queue.Get rows
	// 4 request-* run.Join shop/request-*
}

// A query comes from the parameters of a URL. What makes no sense is named.
func ExampleParseQuery() {
	v, _ := url.ParseQuery("state=blocked&limit=5&colour=red")
	_, err := inspect.ParseQuery(v)
	fmt.Println(err)
	// Output: inspect: there is no parameter "colour"; there are state, name, scope, site, kind, blocked_for, group, sort, fields, limit and after
}

// What has changed between two snapshots of a program?
func ExampleDiff() {
	before := program(inspect.Task{Name: "w-1"}, inspect.Task{Name: "w-2"})
	after := program(inspect.Task{Name: "w-1", Wait: awaits(0)})
	d := inspect.Diff(before, after)
	for _, g := range d.Groups {
		fmt.Println(g.Path, g.Before, "->", g.After)
	}
	for _, c := range d.Changed {
		fmt.Println(c.Before.Path, c.Before.State, "->", c.After.State)
	}
	// Output:
	// shop/w-* 2 -> 1
	// shop/w-1 active -> blocked
}

// A monitor looks again and again. A deadlock takes two looks.
func ExampleMonitor() {
	m, err := inspect.NewMonitor(inspect.Rules{Allow: []string{"H3 queue *"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(m.Update(five(), noon)), "found,", m.Suspected(), "suspected")
	for _, f := range m.Update(five(), noon.Add(100*time.Millisecond)) {
		fmt.Println(f.Code, f.Title, f.Confidence, "since", f.Since.Format(time.TimeOnly))
	}
	// Output:
	// 0 found, 1 suspected
	// D1 deadlock certain since 11:59:58
}

// Snapshots have only tasks that live, so a monitor is told of those that have ended.
func ExampleMonitor_Observe() {
	m, _ := inspect.NewMonitor(inspect.Rules{Restarts: 2})
	for i := range 3 {
		m.Observe([]inspect.Ended{{Name: "poll", Outcome: "failed", Error: "connection refused", At: noon.Add(time.Duration(i) * time.Second)}})
	}
	for _, f := range m.Update(program(), noon.Add(3*time.Second)) {
		fmt.Println(f.Code, f.Text)
	}
	// Output: P1 tasks named poll failed 3 times in the last minute; the last time with: connection refused
}

// The rules, and when they apply.
func ExampleAllRules() {
	for _, r := range inspect.AllRules()[:2] {
		fmt.Println(r.Code, r.Title, "-", r.Severity, r.Confidence)
	}
	// Output:
	// C1 many cancellations - info hint
	// D1 deadlock - error certain
}
