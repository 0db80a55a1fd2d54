package browsertest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/inspect"
)

// busyShop is a program with something of everything.
func busyShop(t *testing.T) {
	t.Helper()
	begin, release, closed := new(braid.Event), new(braid.Event), make(chan struct{})
	begin.Set()
	run(t, "shop", func(ctx context.Context, g *braid.Group) error {
		deadlocked(g, begin)
		many(g, 300, false)
		g.Go(func(ctx context.Context) error {
			return braid.Every(ctx, 50*time.Millisecond, func(ctx context.Context) error {
				return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
					for range 5 {
						g.Go(func(ctx context.Context) error { return braid.Sleep(ctx, 20*time.Millisecond) }, braid.Name("request"))
					}
					return nil
				})
			})
		}, braid.Name("requests"))
		g.Go(func(ctx context.Context) error { // a limited group: two run, the third is queued
			return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				for range 3 {
					g.Go(park, braid.Name("import"))
				}
				return nil
			}, braid.Name("imports"), braid.Limit(2))
		}, braid.Name("importer"))
		slow := g.Go(func(ctx context.Context) error { return braid.Shield(ctx, time.Hour, release.Wait) }, braid.Name("slow"))
		slow.Cancel(fmt.Errorf("the shop closes"))
		g.Go(func(context.Context) error { // braid sees no wait in it
			<-closed
			return nil
		}, braid.Name("busy"))
		return park(ctx)
	})
	t.Cleanup(func() {
		release.Set()
		close(closed)
	})
}

// eachView shows one view after another.
func eachView(t *testing.T, s *served, p *page, f func(name string)) {
	t.Helper()
	p.until("text('#badge') !== ''")
	for _, v := range views {
		hash := v.hash
		if strings.Contains(hash, "%d") {
			hash = fmt.Sprintf(hash, s.id(t, v.task))
		}
		p.to(hash, strings.FieldsFunc(hash, func(r rune) bool { return strings.ContainsRune("#/?", r) })[0])
		p.wants("body", v.has)
		f(v.name)
	}
}

// looks in which the page must be good to see.
var looks = []look{{1400, 900, "light", false}, {1400, 900, "dark", false}, {800, 900, "light", false}, {800, 900, "dark", true}, {400, 800, "light", false}}

func (l look) String() string { return fmt.Sprintf("%d-%s", l.width, l.scheme) }

// Each view, light and dark, wide and narrow: nothing makes the page wider than its window, all text stands out from what is behind it,
// and there is a picture for people to look at.
func TestLook(t *testing.T) {
	s := serve(t, inspect.Options{LabelIDs: true, Write: true})
	busyShop(t)
	for _, l := range looks {
		t.Run(l.String(), func(t *testing.T) {
			p := open(t, s.url, l)
			p.until("document.documentElement.dataset.theme === %s", l.scheme)
			eachView(t, s, p, func(name string) {
				p.until("document.documentElement.scrollWidth <= innerWidth")
				p.until("$$('#view .table td[title]').every((c) => c.clientWidth >= 120)") // paths can be read; what is wider than its card is scrolled there
				p.contrast(name)
				p.shoot(name + "-" + l.String())
			})
			p.press("?")
			p.until("$('#help').open")
			p.contrast("help")
			p.shoot("help-" + l.String())
			p.press(kb.Escape)
			p.until("!$('#help').open")
			p.click("#cancel")
			p.until("$('#ask').open")
			p.contrast("ask")
			p.shoot("ask-" + l.String())
		})
	}
}

// contrast fails the test if a text can hardly be told from what is behind it: 4.5 to 1 is what WCAG asks for.
func (p *page) contrast(view string) {
	p.t.Helper()
	type seen struct {
		Text, Color, Behind string
		Ratio               float64
	}
	list := eval[[]seen](p, `(() => {
		const parse = (c) => { const n = c.match(/[0-9.]+/g).map(Number); return { r: n[0], g: n[1], b: n[2], a: n[3] ?? 1 }; };
		const over = (c, d) => ({ r: c.r * c.a + d.r * (1 - c.a), g: c.g * c.a + d.g * (1 - c.a), b: c.b * c.a + d.b * (1 - c.a), a: 1 });
		const light = (c) => [c.r, c.g, c.b].map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
		const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((m, n) => n - m); return (x + 0.05) / (y + 0.05); };
		const behind = (e) => {
			const layers = [];
			for (let at = e; at; at = at.parentElement) {
				if (at.matches?.(".graph .node")) layers.push(parse(getComputedStyle(at.querySelector("rect")).fill));
				const c = parse(getComputedStyle(at).backgroundColor);
				if (c.a > 0) layers.push(c);
				if (c.a === 1) break;
			}
			return layers.reverse().reduce((d, c) => over(c, d), { r: 255, g: 255, b: 255, a: 1 });
		};
		const root = $("dialog[open]") || document.body, all = [];
		const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
		for (let n; (n = walk.nextNode()); ) {
			const e = n.parentElement;
			if (!n.data.trim() || !e.checkVisibility() || e.closest("option, title, .hidden, noscript")) continue;
			const style = getComputedStyle(e), back = behind(e);
			const color = over(parse(e instanceof SVGElement ? style.fill : style.color), back);
			all.push({ text: n.data.trim().slice(0, 40), color: style.color, behind: JSON.stringify(back), ratio: ratio(color, back) });
		}
		return all;
	})()`)
	if len(list) < 3 {
		p.t.Errorf("%s: there are only %d texts", view, len(list))
	}
	for _, s := range list {
		if s.Ratio < 4.5 {
			p.t.Errorf("%s: %q has a contrast of %.2f: %s on %s", view, s.Text, s.Ratio, s.Color, s.Behind)
		}
	}
}

// What a screen reader is told: everything that can be used has a name, and trees, tables and dialogs are what they are.
func TestAccessibility(t *testing.T) {
	s := serve(t, inspect.Options{LabelIDs: true, Write: true})
	busyShop(t)
	p := open(t, s.url, wide)
	p.until("$('#view .finding')") // the overview has what comes a moment later
	eachView(t, s, p, func(name string) {
		roles := p.roles(name)
		want := map[string][]string{
			"overview": {"article", "image"},
			"tree":     {"tree", "treeitem", "checkbox"},
			"waits":    {"group", "link"},
			"findings": {"article", "heading"},
			"tasks":    {"table", "columnheader", "row", "combobox"},
			"groups":   {"table", "columnheader"},
			"task":     {"heading", "button"},
		}[name]
		for _, r := range append(want, "banner", "navigation", "main", "search", "status") {
			if roles[r] == 0 {
				t.Errorf("%s: nothing has the role %s; there are %v", name, r, roles)
			}
		}
	})
	p.to("#/tree", "tree")
	p.until("$$('[role=treeitem]').every((i) => i.getAttribute('aria-level') >= 1 && i.getAttribute('aria-label') || i.classList.contains('more'))")
	p.until("$$('[role=treeitem][tabindex=\"0\"]').length === 1")
	p.until("$$('nav [aria-current]').length === 1")
	p.press("?")
	p.until("$('#help').open")
	if roles := p.roles("help"); roles["dialog"] == 0 {
		t.Errorf("the help is no dialog: %v", roles)
	}
}

// roles returns how many elements have which role, and fails the test if one that can be used has no name.
func (p *page) roles(view string) map[string]int {
	p.t.Helper()
	tree := do(p, func(ctx context.Context, tab *chromedp.Target) (accessibility.GetFullAXTreeResult, error) {
		return cdp.Call(ctx, tab, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	})
	named := []string{"button", "link", "checkbox", "combobox", "searchbox", "textbox", "treeitem", "tree", "dialog", "image", "article", "navigation", "main"}
	roles := map[string]int{}
	for _, n := range tree.Nodes {
		if n.Ignored || n.Role == nil {
			continue
		}
		role := strings.Trim(string(n.Role.Value), `"`)
		roles[role]++
		if slices.Contains(named, role) && role != "main" && (n.Name == nil || len(n.Name.Value) <= 2) {
			p.t.Errorf("%s: a %s has no name", view, role)
		}
	}
	return roles
}

// Wherever the Tab key leads, one sees where one is; and it leads everywhere.
func TestFocus(t *testing.T) {
	s := serve(t, inspect.Options{LabelIDs: true, Write: true})
	busyShop(t)
	p := open(t, s.url, wide)
	eachView(t, s, p, func(name string) {
		p.press("p") // so that nothing moves
		p.until("text('#link') === 'paused'")
		eval[bool](p, "(focused().blur(), true)")
		seen, rounds := 0, 0
		for range 120 {
			p.press(kb.Tab)
			at := eval[string](p, `(() => {
				const e = focused();
				if (e === document.body) return "none";
				const shown = [e, e.matches("[role=treeitem]") && e.firstElementChild].filter(Boolean);
				return shown.some((x) => getComputedStyle(x).outlineStyle !== "none") ? "seen" : "unseen: " + e.outerHTML.slice(0, 120);
			})()`)
			if at == "none" { // past the end; the next one is the first again
				if rounds++; rounds == 2 {
					break
				}
				seen = 0
				continue
			}
			seen++
			if strings.HasPrefix(at, "unseen") {
				t.Errorf("%s: the focus cannot be seen: %s", name, at)
			}
		}
		if seen < 8 {
			t.Errorf("%s: the Tab key leads to %d places", name, seen)
		}
		p.press("p")
		p.until("text('#link') === 'live'")
	})
}

// Who wants less motion has none.
func TestMotion(t *testing.T) {
	s := serve(t, inspect.Options{LabelIDs: true})
	busyShop(t)
	l := wide
	l.calm = true
	p := open(t, s.url, l)
	eachView(t, s, p, func(name string) {
		if moving := eval[int](p, "$$('*').filter((e) => { const c = getComputedStyle(e); return c.transitionDuration !== '0s' || c.animationName !== 'none'; }).length"); moving > 0 {
			t.Errorf("%s: %d elements move", name, moving)
		}
	})
}

// The theme is the system's, until somebody chooses; the choice is kept.
func TestTheme(t *testing.T) {
	s := serve(t, inspect.Options{})
	l := wide
	l.scheme = "dark"
	p := open(t, s.url, l)
	p.until("ready('overview') && document.documentElement.dataset.theme === 'dark'")
	dark := eval[string](p, "getComputedStyle(document.body).backgroundColor")
	p.press("t")
	p.until("document.documentElement.dataset.theme === 'light' && getComputedStyle(document.body).backgroundColor !== %s", dark)
	p.navigate("http://" + s.front.addr + "/debug/tasks/")
	p.until("ready('overview') && document.documentElement.dataset.theme === 'light'")
}

// Names are text, whatever is in them.
func TestNames(t *testing.T) {
	s := serve(t, inspect.Options{LabelIDs: true, Write: true})
	names := []string{
		`<img src=x onerror="window.pwned=1">`,
		`<script>window.pwned=2</script>`,
		`"'><svg onload=window.pwned=3>&amp;&lt;`,
		`javascript:window.pwned=4`,
		strings.Repeat("long-", 400),
		strings.Repeat("w", 900),
		"שלום-עולם\u202ereversed",
		"🧵🧶👩‍👩‍👧‍👦",
		"two\nlines\tand a tab",
		"${window.pwned=5}{{7*7}}%00%3Cb%3E",
	}
	const hostile = `<b onclick="window.pwned=6">it's "quoted" & done</b>`
	release := new(braid.Event)
	run(t, "<i>shop</i>", func(ctx context.Context, g *braid.Group) error {
		for _, name := range names {
			var lock braid.Mutex
			lock.SetName(name)
			if err := lock.Lock(ctx); err != nil {
				return err
			}
			g.Go(func(ctx context.Context) error {
				if err := lock.Lock(ctx); err != nil {
					return err
				}
				lock.Unlock()
				return nil
			}, braid.Name(name))
		}
		h := g.Go(func(ctx context.Context) error { return braid.Shield(ctx, time.Hour, release.Wait) }, braid.Name("cancelled"))
		h.Cancel(fmt.Errorf("%s", hostile))
		return park(ctx)
	})
	t.Cleanup(release.Set)
	for _, l := range []look{wide, {800, 900, "dark", false}} {
		p := open(t, s.url, l)
		harmless := func(view string) {
			p.until("document.documentElement.scrollWidth <= innerWidth")
			if eval[bool](p, "!!window.pwned || !!$('#view img, #view script, #view i:not(.legend i), #view b b, [onerror], [onload], [onclick]')") {
				t.Errorf("%s: a name is taken for more than text", view)
			}
			p.shoot("names-" + view + "-" + l.String())
		}
		p.until("ready('overview')")
		p.to("#/tree", "tree")
		for _, name := range names {
			p.until("line(%s)", name)
		}
		p.wants(".tree", "<i>shop</i>", hostile)
		harmless("tree")
		p.to("#/graph", "graph")
		p.until("$$('.node').length >= 20")
		harmless("waits")
		p.to("#/tasks", "tasks")
		p.until("$$('#view tbody tr').length === %v", len(names)+2)
		harmless("tasks")
		p.to("#/tasks?group=site,wait", "tasks")
		harmless("groups")
		for i, it := range s.children(t, "<i>shop</i>") {
			p.to(fmt.Sprintf("#/task/%d", it.ID), "task")
			p.until("$('#view h1').textContent === %s", it.Name)
			if i == 0 {
				p.click("#cancel")
				p.until("$('#ask').open && $('#ask-text').textContent.includes(%s)", it.Name)
				harmless("ask")
				p.press(kb.Escape)
				p.until("!$('#ask').open")
			}
			harmless("task")
		}
	}
}

// children returns the tasks in the one with that path.
func (s *served) children(t *testing.T, of string) []inspect.Item {
	t.Helper()
	d, err := s.client(t).Task(background, s.id(t, of))
	must(t, err)
	return d.Children
}
