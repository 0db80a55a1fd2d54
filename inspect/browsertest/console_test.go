package browsertest_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/inspect"
)

// The token is in the address that the program prints, and nowhere to be seen afterwards.
func TestToken_leavesTheAddress(t *testing.T) {
	s := serve(t, inspect.Options{})
	p := open(t, s.url, wide)
	p.until("ready('overview')")
	p.until("!location.href.includes('token') && !document.documentElement.outerHTML.includes(sessionStorage['braid-token'])")
	p.wants("#link", "live")
	p.until("document.cookie === '' && Object.keys(localStorage).every((k) => !localStorage[k].includes(sessionStorage['braid-token']))")
	p.navigate("http://" + s.front.addr + "/debug/tasks/") // the same tab has kept it
	p.until("ready('overview') && text('#link') === 'live'")
	if !eval[bool](p, fmt.Sprintf("sessionStorage['braid-token'] === %q", s.token)) {
		t.Error("the tab does not keep the token")
	}
}

// An address may name a view as well.
func TestToken_besideAView(t *testing.T) {
	s := serve(t, inspect.Options{})
	run(t, "shop", func(ctx context.Context, _ *braid.Group) error { return park(ctx) })
	p := open(t, "http://"+s.front.addr+"/debug/tasks/#/tree&token="+s.token, wide)
	p.until("ready('tree') && location.hash === '#/tree' && line('shop')")
}

// Without a token, or with a wrong one, the page asks for it, and says so.
func TestToken_asked(t *testing.T) {
	s := serve(t, inspect.Options{})
	run(t, "shop", func(ctx context.Context, _ *braid.Group) error { return park(ctx) })
	p := open(t, "about:blank", wide)
	p.origin = "http://" + s.front.addr
	p.allow("401")
	p.navigate(p.origin + "/debug/tasks/#/tree")
	p.wants("#view", "needs the token")
	p.until("focused().id === 'token' && !text('#view').includes('right one')")
	p.press("wrong", kb.Enter)
	p.wants("#view", "needs the token", "the right one")
	p.until("focused().id === 'token' && focused().type === 'password'")
	p.press(s.token, kb.Enter)
	p.until("ready('tree') && line('shop') && text('#link') === 'live'")
}

// Whoever copies the whole address, into the field or into the address of the same tab, need not take it apart.
func TestToken_asAddress(t *testing.T) {
	s := serve(t, inspect.Options{})
	run(t, "shop", func(ctx context.Context, _ *braid.Group) error { return park(ctx) })
	base, _, _ := strings.Cut(s.url, "#")
	p := open(t, base, wide)
	p.allow("401")
	p.wants("#view", "needs the token")
	p.press(s.url, kb.Enter)
	p.until("ready('overview') && text('#link') === 'live'")

	p = open(t, base+"#token=00000000000000000000000000000000", wide)
	p.allow("401")
	p.wants("#view", "not, or no longer, the right one")
	p.navigate(s.url) // only what follows # is another one, so the page stays
	p.until("ready('overview') && text('#link') === 'live' && !location.href.includes('token')")
	p.navigate(base + "#token=00000000000000000000000000000000")
	p.wants("#view", "not, or no longer, the right one")
}

// While nobody sees the page it takes no place from others, and then goes on where it was.
func TestHidden(t *testing.T) {
	s := serve(t, inspect.Options{Interval: 50 * time.Millisecond})
	groups := make(chan *braid.Group, 1)
	run(t, "shop", func(ctx context.Context, g *braid.Group) error {
		groups <- g
		return park(ctx)
	})
	g := <-groups
	p := open(t, s.url, wide)
	p.to("#/tree", "tree")
	p.until("line('shop') && text('#link') === 'live'")
	c := s.client(t)
	clients := func(n int) {
		t.Helper()
		for begun := time.Now(); ; {
			info, err := c.Info(background)
			must(t, err)
			if info.Clients == n {
				return
			}
			if time.Since(begun) > patience {
				t.Fatalf("%d clients follow, and not %d", info.Clients, n)
			}
			s.looks(t, 1)
		}
	}
	see := func(state string) {
		eval[bool](p, fmt.Sprintf("(Object.defineProperty(document, 'visibilityState', { value: %q, configurable: true }), document.dispatchEvent(new Event('visibilitychange')))", state))
	}
	clients(1)
	see("hidden")
	clients(0)
	g.Go(park, braid.Name("late"))
	see("visible")
	p.until("line('late') && text('#link') === 'live'")
	clients(1)
}

// Whoever gets no place among those that follow is told so, and comes in when there is one.
func TestTooMany(t *testing.T) {
	s := serve(t, inspect.Options{Interval: 50 * time.Millisecond})
	run(t, "shop", func(ctx context.Context, _ *braid.Group) error { return park(ctx) })
	c := s.client(t)
	ctx, leave := context.WithCancel(background)
	var works sync.WaitGroup
	t.Cleanup(func() {
		leave()
		works.Wait()
	})
	var in sync.WaitGroup
	for range 8 {
		in.Add(1)
		works.Go(func() {
			follows := false
			for range c.Events(ctx, 0, "point") {
				if !follows {
					follows = true
					in.Done()
				}
			}
		})
	}
	in.Wait()
	p := open(t, s.url, wide)
	p.allow("503")
	p.until("text('#link').startsWith('not live: 8 clients follow events already')")
	p.press("2")
	p.until("line('shop')") // it can be read all the same
	leave()
	p.until("text('#link') === 'live'")
}

// The overview has charts with lines, and what looks wrong.
func TestOverview(t *testing.T) {
	s := serve(t, inspect.Options{})
	begin := new(braid.Event)
	run(t, "shop", func(ctx context.Context, g *braid.Group) error {
		deadlocked(g, begin)
		return park(ctx)
	})
	p := open(t, s.url, wide)
	p.until("ready('overview') && $$('.chart').length === 4 && $$('.chart path.series').length === 14")
	p.until("$$('.chart path.series').every((l) => /^M[0-9.]+ [0-9.]+L/.test(l.getAttribute('d')))")
	p.until("$$('.chart svg').every((s) => s.getAttribute('aria-label').length > 20)")
	p.wants(".counts", "tasks")
	p.until("!$('#view .finding') && $('#badge').hidden")
	begin.Set()
	p.until("text('#view .finding').includes('deadlock') && text('#badge') === '1'")
	p.until("text('#live').includes('D1 deadlock')") // it is read out
}

// The tree follows what runs. What was opened and closed stays so, and the focus stays on its line.
func TestTree_follows(t *testing.T) {
	s := serve(t, inspect.Options{Interval: 50 * time.Millisecond})
	groups := make(chan *braid.Group, 2)
	end := new(braid.Event)
	run(t, "shop", func(ctx context.Context, g *braid.Group) error {
		g.Go(end.Wait, braid.Name("early"))
		g.Go(func(ctx context.Context) error {
			return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				g.Go(park, braid.Name("child"))
				return park(ctx)
			})
		}, braid.Name("parent"))
		groups <- g
		return park(ctx)
	})
	g := <-groups
	p := open(t, s.url, wide)
	p.until("ready('overview')")
	p.press("2")
	p.until("ready('tree') && line('early') && line('child') && focused() === line('shop')")
	p.press(kb.ArrowDown)
	p.until("focused() === line('early')")
	p.press(kb.ArrowDown)
	p.until("focused() === line('parent')")
	p.press(kb.ArrowLeft) // close
	p.until("!line('child') && line('parent').getAttribute('aria-expanded') === 'false' && text('.tree').includes('+1')")

	g.Go(park, braid.Name("late"))
	p.until("line('late')")
	end.Set()
	p.until("!line('early')")
	p.until("focused() === line('parent') && !line('child')")
	p.press(kb.ArrowRight)
	p.until("line('child') && focused() === line('parent')")
	p.press(kb.ArrowRight)
	p.until("focused() === line('child')")
	p.press(kb.End)
	p.until("focused() === line('late')")
	p.press(kb.Enter) // to the task's page, and back
	p.until("ready('task') && text('h1.name').includes('late') || text('#view h1') === 'late'")
	p.press(kb.Escape)
	p.until("location.hash === '#/tree' && focused() === line('late')")
	p.click("[data-key] .twist") // the first line, with the mouse
	p.until("!line('parent') && line('shop').getAttribute('aria-expanded') === 'false'")
}

// A line whose task ends passes the focus on to the one in its place.
func TestTree_focusedEnds(t *testing.T) {
	s := serve(t, inspect.Options{Interval: 50 * time.Millisecond})
	end := new(braid.Event)
	run(t, "shop", func(ctx context.Context, g *braid.Group) error {
		g.Go(park, braid.Name("first"))
		g.Go(end.Wait, braid.Name("second"))
		g.Go(park, braid.Name("third"))
		return park(ctx)
	})
	p := open(t, s.url, wide)
	p.until("ready('overview')")
	p.press("2")
	p.until("ready('tree') && line('second') && focused() === line('shop')")
	p.press(kb.ArrowDown, kb.ArrowDown)
	p.until("focused() === line('second')")
	end.Set()
	p.until("!line('second') && focused() === line('third')")
}

const thousands = 10_000

// 10,000 equal tasks are one line; opened up they are still a page that answers.
func TestTree_manyEqual(t *testing.T) {
	s := serve(t, inspect.Options{})
	run(t, "shop", func(ctx context.Context, g *braid.Group) error {
		many(g, thousands, false)
		return park(ctx)
	})
	p := open(t, s.url, wide)
	p.until("text('.counts').includes('10,001')")
	p.timed("tree of 10,000 equal tasks", "#/tree", "tree", "text('.tree').includes('×10,000')")
	p.fewNodes(400)
	p.click("#fold")
	p.until("$$('[role=treeitem]').length > 50 && text('.tree').includes('more')")
	p.fewNodes(2000)
	p.press(kb.Tab)
	p.click(".more")
	p.until("$$('[role=treeitem]').length > 500")
	p.fewNodes(12000)
	p.responsive("560 lines of 10,000, unfolded")
	p.timed("waits of 10,000 equal tasks", "#/graph", "graph", "/×1,9\\d\\d/.test(text('.graph')) && text('#view').includes('there are more')")
	p.fewNodes(400)
	p.timed("list of 10,000 tasks", "#/tasks", "tasks", "$$('#view tbody tr').length === 100 && text('#view').includes('10,001 tasks')")
	p.fewNodes(3000)
	p.click("#view .row:last-child button")
	p.until("$$('#view .row:last-child button').length === 2")
	p.timed("10,000 tasks in groups", "#/tasks?group=site,wait", "tasks", "$$('#view tbody tr').length === 2 && text('#view tbody').includes('10,000')")
}

// 10,000 tasks of which no two are equal are shown in parts.
func TestTree_manyUnequal(t *testing.T) {
	s := serve(t, inspect.Options{})
	run(t, "shop", func(ctx context.Context, g *braid.Group) error {
		many(g, thousands, true)
		return park(ctx)
	})
	p := open(t, s.url, wide)
	p.until("text('.counts').includes('10,001')")
	p.timed("tree of 10,000 unequal tasks", "#/tree", "tree", "line('worker-aaaa') && text('.more').includes('more')")
	p.fewNodes(2000)
	p.responsive("tree of 10,000 unequal tasks")
	p.timed("waits of 10,000 unequal tasks", "#/graph", "graph", "$$('.graph .node').length > 100 && text('.filters').includes('not drawn')")
	p.fewNodes(4000)
	p.responsive("waits of 10,000 unequal tasks")
}

// timed shows a view, and logs how long it takes until it is there.
func (p *page) timed(what, hash, view, has string) {
	p.t.Helper()
	begun := time.Now()
	p.to(hash, view)
	p.until(has)
	p.t.Logf("%s: %d ms", what, time.Since(begun).Milliseconds())
}

// fewNodes fails the test if the page has more than n elements.
func (p *page) fewNodes(n int) {
	p.t.Helper()
	if got := eval[int](p, "document.getElementsByTagName('*').length"); got > n {
		p.t.Errorf("the page has %d elements; want at most %d", got, n)
	}
}

// responsive logs the longest time for which the page did not answer while the view was read again three times.
// It depends on the machine, so it is no reason to fail unless it would drive everybody away.
func (p *page) responsive(what string) {
	p.t.Helper()
	p.until(`(window.watch ??= (() => {
		const w = { worst: 0, from: performance.now(), before: performance.now() };
		const look = () => { const now = performance.now(); w.worst = Math.max(w.worst, now - w.before); w.before = now; w.timer = setTimeout(look, 0); };
		look();
		return w;
	})()).before - watch.from > 2000`)
	worst := eval[float64](p, "(clearTimeout(watch.timer), [watch.worst, window.watch = undefined][0])")
	p.t.Logf("%s: the longest pause is %.0f ms", what, worst)
	if worst > 5000 {
		p.t.Errorf("%s: the page does not answer for %.0f ms", what, worst)
	}
}

// Tasks are found by a part of their path, or by a pattern.
func TestSearch(t *testing.T) {
	s := serve(t, inspect.Options{})
	run(t, "shop", func(ctx context.Context, g *braid.Group) error {
		many(g, 200, true)
		return park(ctx)
	})
	p := open(t, s.url, wide)
	p.until("ready('overview')")
	p.press("/")
	p.until("focused().id === 'query'")
	p.press("shop/w*-aab?", kb.Enter)
	p.until("ready('tasks') && $$('#view tbody tr').length === 26 && text('#view').includes('26 tasks')")
	p.until("focused() === $('#view tbody tr')") // the keys go on there
	p.press(kb.ArrowDown, kb.ArrowDown, kb.ArrowUp)
	p.until("focused() === $$('#view tbody tr')[1]")
	p.press(kb.Enter)
	p.until("ready('task') && text('#view h1') === 'worker-aabb'")
	p.press(kb.Escape)
	p.until("ready('tasks') && $$('#view tbody tr').length === 26")
	p.press("/")
	p.until("focused().id === 'query'")
	p.press(kb.Escape)
	p.until("focused().id !== 'query'")
	p.to("#/tasks?name=nobody", "tasks")
	p.wants("#view", "No task is like that.")
	p.to("#/tasks?name=shop/*&sort=-name", "tasks")
	p.until("text('#view tbody tr').includes('worker-aahr')")
}

// A deadlock is red in the graph, what only waits for it is not, and the keys lead around the circle.
func TestGraph(t *testing.T) {
	s := serve(t, inspect.Options{})
	begin := new(braid.Event)
	begin.Set()
	run(t, "shop", func(ctx context.Context, g *braid.Group) error {
		deadlocked(g, begin)
		many(g, 5, false)
		return park(ctx)
	})
	p := open(t, s.url, wide)
	p.until("text('#badge') === '1'")
	p.press("3")
	p.until("ready('graph') && $$('.node.dead').length === 4 && $$('.edge.dead').length === 5") // one edge is in the legend
	p.until(`$$('.node.dead').map((n) => n.querySelector('text').textContent).sort().join() === 'left,mutex accounts,mutex books,right'`)
	p.until("$$('.node.stuck').length === 1 && text('.node.stuck').includes('bystander')")
	p.until("$$('.node').some((n) => n.textContent.includes('×5'))")
	p.until("[...$$('.node.dead rect'), ...$$('.graph .edge.dead')].every((e) => getComputedStyle(e).stroke === getComputedStyle($('#badge')).backgroundColor)")
	p.until("focused().classList.contains('dead')")
	seen := map[string]bool{}
	for range 4 {
		name := eval[string](p, "focused().querySelector('text').textContent")
		seen[name] = true
		p.press(kb.ArrowRight)
		p.until("focused().querySelector('text').textContent !== %s", name)
	}
	if len(seen) != 4 {
		t.Errorf("the keys lead along %v; want the four of the circle", seen)
	}
	p.press(kb.ArrowLeft)
	p.until("focused().classList.contains('dead')")
	for range 3 {
		if eval[string](p, "focused().querySelector('text').textContent") == "left" {
			break
		}
		name := eval[string](p, "focused().querySelector('text').textContent")
		p.press(kb.ArrowLeft)
		p.until("focused().querySelector('text').textContent !== %s", name)
	}
	p.press(kb.Enter)
	p.until("ready('task') && text('#view h1') === 'left'")
}

func TestGraph_nobodyWaits(t *testing.T) {
	s := serve(t, inspect.Options{})
	p := open(t, s.url, wide)
	p.until("ready('overview')")
	p.press("3")
	p.until("ready('graph') && text('#view').includes('Nobody waits for anybody.')")
	p.press("2")
	p.until("ready('tree') && text('#view').includes('No task runs.')")
	p.press("4")
	p.until("ready('findings') && text('#view').includes('Nothing looks wrong.')")
	p.press("5")
	p.until("ready('tasks') && text('#view').includes('No task is like that.')")
}

// A deadlock is seen by who looks at the page within seconds.
func TestFindings(t *testing.T) {
	s := serve(t, inspect.Options{})
	begin := new(braid.Event)
	run(t, "shop", func(ctx context.Context, g *braid.Group) error {
		deadlocked(g, begin)
		return park(ctx)
	})
	p := open(t, s.url, wide)
	p.until("ready('overview')")
	p.press("4")
	p.until("ready('findings') && text('#view').includes('Nothing looks wrong.')")
	begun := time.Now()
	begin.Set()
	p.holds(5*time.Second, "text('.finding').includes('deadlock') && text('#badge') === '1'")
	t.Logf("seen after %d ms", time.Since(begun).Milliseconds())
	p.wants(".finding", "D1", "error", "certain", "mutex books", "shop/right", "Break the circle")
	p.until("$('.finding a').getAttribute('href').startsWith('#/task/')")
	eval[bool](p, "($('.finding a').focus(), true)")
	p.press(kb.Enter)
	p.until("ready('task') && text('#view').includes('Why it does not go on')")
}

// From what a finding says of a function there is a way to its tasks.
func TestFindings_function(t *testing.T) {
	s := serve(t, inspect.Options{Rules: inspect.Rules{Timers: 2}})
	run(t, "shop", func(ctx context.Context, g *braid.Group) error {
		for range 3 {
			g.Go(func(ctx context.Context) error { return braid.Sleep(ctx, time.Hour) }, braid.Name("sleeper"))
		}
		return park(ctx)
	})
	p := open(t, s.url, wide)
	p.to("#/findings", "findings")
	p.wants(".finding", "T1", "TestFindings_function")
	eval[bool](p, "($('.finding a').focus(), true)")
	p.press(kb.Enter)
	p.until("ready('tasks') && $$('#view tbody tr').length === 3 && text('#view').includes('shop/sleeper')")
	p.until("$('input[placeholder=function]').value.includes('TestFindings_function')")
}

// A task's page says what it waits on, who has that, who is in line, what it holds, where it is, and what looks wrong.
func TestTask(t *testing.T) {
	s := serve(t, inspect.Options{LabelIDs: true})
	begin := new(braid.Event)
	begin.Set()
	run(t, "shop", func(ctx context.Context, g *braid.Group) error {
		deadlocked(g, begin)
		return park(ctx)
	})
	p := open(t, s.url, wide)
	p.until("text('#badge') === '1'")
	p.to(fmt.Sprintf("#/task/%d", s.id(t, "shop/left")), "task")
	p.wants("#view", "mutex.Lock", "mutex books", "Held by shop/right", "In line: shop/left", "mutex accounts", "In line: shop/right",
		"Why it does not go on", "That closes the circle", "D1", "1 goroutine", "browsertest_test.deadlocked", "program_test.go", "read only", "owner")
	p.until("!$('#cancel')")
	p.until("[...$$('.facts a')].some((a) => a.textContent === 'shop')")
	p.click("#view .steps a")
	p.until("text('#view h1') === 'right'")
	p.to(fmt.Sprintf("#/task/%d", s.id(t, "shop")), "task")
	p.wants("#view", "Its tasks (3)", "an outermost Run", "event.Wait")

	p.allow("404")
	p.to("#/task/123456789", "task")
	p.wants("#view", "has ended, or never was")
}

// Tasks of the event loop are there too, with what they are.
func TestTask_loop(t *testing.T) {
	s := serve(t, inspect.Options{})
	runLoop(t, "server", func(ctx context.Context, g *braid.Group) error {
		q := braid.NewQueue[int](1)
		q.SetName("jobs")
		g.Go(func(ctx context.Context) error {
			_, err := q.Get(ctx)
			return err
		}, braid.Name("consumer"))
		return park(ctx)
	})
	p := open(t, s.url, wide)
	p.to("#/tree", "tree")
	p.until("line('consumer') && text('.tree').includes('queue.Get jobs')")
	p.to(fmt.Sprintf("#/task/%d", s.id(t, "server/consumer")), "task")
	p.wants("#view", "queue.Get", "queue jobs", "loop", "In line: server/consumer")
}

// Who may cancel is asked first; who may not has no button.
func TestCancel(t *testing.T) {
	s := serve(t, inspect.Options{Write: true})
	release := new(braid.Event)
	run(t, "shop", func(ctx context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error { // goes on for a while when it is asked to end
			return braid.Shield(ctx, time.Hour, release.Wait)
		}, braid.Name("slow"))
		return park(ctx)
	})
	t.Cleanup(release.Set)
	id := s.id(t, "shop/slow")
	c := s.client(t)
	p := open(t, s.url, wide)
	p.to(fmt.Sprintf("#/task/%d", id), "task")
	p.click("#cancel")
	p.until("$('#ask').open && focused().id === 'ask-no'")
	p.wants("#ask", "Cancel the task?", "shop/slow", "Leave it")
	p.press(kb.Escape)
	p.until("!$('#ask').open && focused().id === 'cancel'")
	p.press(kb.Enter) // with the keys alone
	p.until("$('#ask').open && focused().id === 'ask-no'")
	p.press(kb.Enter)
	p.until("!$('#ask').open && focused().id === 'cancel'")
	d, err := c.Task(background, id)
	must(t, err)
	if d.Task.Cancel != nil {
		t.Fatalf("it was cancelled although nobody agreed: %+v", d.Task.Cancel)
	}

	p.press(kb.Enter)
	p.until("$('#ask').open")
	p.back()
	p.until("focused().id === 'ask-input'")
	p.press("it is <b>slow</b>", kb.Enter)
	p.until("!$('#ask').open && text('#live').includes('asked to end')")
	p.wants("#view", "asked to end", "it is <b>slow</b>", "Asked to end")
	p.until("$('#cancel').disabled && !$('#view b b')")
	p.to("#/tree", "tree")
	p.wants(".tree", "asked to end: ")
	p.to(fmt.Sprintf("#/task/%d", id), "task")
	p.allow("404")
	release.Set()
	p.wants("#view", "has ended, or never was", "as it was last seen", "slow")
	p.until("!$('#cancel')")
}

// A cancellation that is refused is told, and nothing is shown as if it had been.
func TestCancel_refused(t *testing.T) {
	s := serve(t, inspect.Options{Write: true})
	ended := new(braid.Event)
	run(t, "shop", func(ctx context.Context, g *braid.Group) error {
		g.Go(ended.Wait, braid.Name("short"))
		return park(ctx)
	})
	p := open(t, s.url, wide)
	p.allow("404")
	p.to(fmt.Sprintf("#/task/%d", s.id(t, "shop/short")), "task")
	p.click("#cancel")
	p.until("$('#ask').open")
	ended.Set()
	p.until("text('#view').includes('has ended')")
	p.click("#ask-yes")
	p.until("!$('#told').hidden && text('#told').includes('not cancelled')")
	p.press("1")
	p.until("ready('overview') && $('#told').hidden")
}

// Paused, the page stays as it is; then it shows what is.
func TestPause(t *testing.T) {
	s := serve(t, inspect.Options{Interval: 50 * time.Millisecond})
	groups := make(chan *braid.Group, 1)
	run(t, "shop", func(ctx context.Context, g *braid.Group) error {
		groups <- g
		return park(ctx)
	})
	g := <-groups
	p := open(t, s.url, wide)
	p.until("ready('overview')")
	p.press("2")
	p.until("line('shop')")
	p.press("p")
	p.until("text('#link') === 'paused' && $('#pause').getAttribute('aria-pressed') === 'true'")
	p.until("(window.was = text('body')) !== ''")
	g.Go(park, braid.Name("late"))
	s.looks(t, 5)
	if was, is := eval[string](p, "was"), eval[string](p, "text('body')"); was != is {
		t.Errorf("paused, the page has changed from\n%s\nto\n%s", was, is)
	}
	p.press("p")
	p.until("line('late') && text('#link') === 'live'")
}

// looks waits until the inspector has looked n times.
func (s *served) looks(t *testing.T, n uint64) {
	t.Helper()
	c := s.client(t)
	series, err := c.Series(background, 0)
	must(t, err)
	first := series.Seq
	for begun := time.Now(); time.Since(begun) < patience; {
		series, err := c.Series(background, first)
		must(t, err)
		if uint64(len(series.Points)) >= n {
			return
		}
	}
	t.Fatal("the inspector does not look")
}

// If the process does not answer, the page says so, keeps what it has, and goes on when it answers again.
func TestLost(t *testing.T) {
	s := serve(t, inspect.Options{Interval: 50 * time.Millisecond})
	groups := make(chan *braid.Group, 1)
	run(t, "shop", func(ctx context.Context, g *braid.Group) error {
		groups <- g
		return park(ctx)
	})
	g := <-groups
	p := open(t, s.url, wide)
	p.allow("net::ERR")
	p.to("#/tree", "tree")
	p.until("line('shop') && text('#link') === 'live'")
	s.front.away()
	p.until("text('#link').includes('no answer') && $('#link').title !== ''")
	p.until("line('shop')")
	g.Go(park, braid.Name("late"))
	s.front.back()
	p.until("text('#link') === 'live' && line('late')")

	s.front.away() // a view that could not be read is read when there is an answer
	p.until("text('#link').includes('no answer')")
	p.press("5")
	p.wants("#view", "cannot be read")
	s.front.back()
	p.until("ready('tasks') && text('#link') === 'live' && $$('#view tbody tr').length === 2")
}

// A program that is started again has another token. The page asks for it, and then shows the new one.
func TestLost_startedAgain(t *testing.T) {
	s := serve(t, inspect.Options{Interval: 50 * time.Millisecond})
	run(t, "shop", func(ctx context.Context, _ *braid.Group) error { return park(ctx) })
	p := open(t, s.url, wide)
	p.allow("net::ERR", "401")
	p.to("#/tree", "tree")
	p.until("line('shop')")
	s.front.away()
	must(t, s.in.Close())
	p.until("text('#link').includes('no answer') && line('shop')")
	s.restart(t, inspect.Options{Name: "second"})
	s.front.back()
	p.wants("#view", "needs the token", "started again has a new one")
	p.press(s.token, kb.Enter)
	p.until("ready('tree') && line('shop') && text('#name') === 'second'")
}

// Events that were missed are made up for.
func TestReset(t *testing.T) {
	s := serve(t, inspect.Options{Interval: 50 * time.Millisecond})
	groups := make(chan *braid.Group, 1)
	run(t, "shop", func(ctx context.Context, g *braid.Group) error {
		groups <- g
		return park(ctx)
	})
	g := <-groups
	p := open(t, s.url, wide)
	p.allow("net::ERR")
	p.to("#/tree", "tree")
	p.until("text('#link') === 'live'")
	series := s.front.asked("series")
	s.front.lie.Store(true) // the page will be told that what it has seen last is of another time
	s.front.cut()
	g.Go(park, braid.Name("late"))
	p.until("text('#link') === 'live' && line('late')")
	for begun := time.Now(); s.front.asked("series") == series; {
		if time.Since(begun) > patience {
			t.Fatal("after a reset the page does not read the series again")
		}
		s.looks(t, 1)
	}
}
