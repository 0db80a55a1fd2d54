package browsertest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience is how long the page has for what a test waits for. It is long, because machines may be slow; nothing waits for all of it.
const patience = 30 * time.Second

var background = context.Background()

func TestMain(m *testing.M) {
	code := m.Run()
	closeBrowser()
	os.Exit(code)
}

// One browser is for all tests. Each test has a profile of its own in it, so that none sees the storage of another.
var browser struct {
	once  sync.Once
	ctx   context.Context
	close func()
	err   error
}

// errNoBrowser means that the tests are to be skipped.
var errNoBrowser = errors.New("there is no Chromium on this machine; install it, or name one in BRAID_BROWSER")

// theBrowser starts the browser, or skips the test if there is none.
func theBrowser(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("with -short no browser is started")
	}
	browser.once.Do(func() { browser.ctx, browser.close, browser.err = startBrowser() })
	switch {
	case errors.Is(browser.err, errNoBrowser):
		t.Skip(browser.err)
	case browser.err != nil:
		t.Fatal(browser.err)
	}
	return browser.ctx
}

func closeBrowser() {
	if browser.close != nil {
		browser.close()
	}
}

func findBrowser() (string, error) {
	if name := os.Getenv("BRAID_BROWSER"); name != "" {
		path, err := exec.LookPath(name)
		if err != nil {
			return "", fmt.Errorf("BRAID_BROWSER: %w", err)
		}
		return path, nil
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errNoBrowser
}

func startBrowser() (context.Context, func(), error) {
	path, err := findBrowser()
	if err != nil {
		return nil, nil, err
	}
	profile, err := os.MkdirTemp("", "braid-browser")
	if err != nil {
		return nil, nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(profile),
		chromedp.NoSandbox, // it shows our own page only, and cannot have one as root
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("lang", "en-US"),
	)
	alloc, closeAlloc := chromedp.NewExecAllocator(background, options...)
	ctx, _ := chromedp.NewContext(alloc)
	stop := func() {
		_ = chromedp.Cancel(ctx)
		closeAlloc()
		_ = os.RemoveAll(profile)
	}
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[int]("1")); err != nil {
		stop()
		return nil, nil, fmt.Errorf("start %s: %w", path, err)
	}
	return ctx, stop, nil
}

// page is a tab with the console. When its test ends it must have asked nobody but the console's own server, and complained of nothing.
type page struct {
	t      *testing.T
	ctx    context.Context
	origin string

	mu      sync.Mutex
	allowed []string
	trouble []string
	others  []string
}

// look is how a page is shown.
type look struct {
	width, height int64
	scheme        string // light or dark
	calm          bool   // the user wants less motion
}

var wide = look{width: 1400, height: 900, scheme: "light"}

// open shows url in a new tab.
func open(t *testing.T, url string, l look) *page {
	t.Helper()
	p := &page{t: t}
	p.origin, _, _ = strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	p.origin = "http://" + p.origin
	ctx, stop := chromedp.NewContext(theBrowser(t), chromedp.WithNewBrowserContext(), chromedp.WithListener(p.hear))
	p.ctx = ctx
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the page: %s", p.text("body"))
			p.shoot("failed-" + strings.ReplaceAll(t.Name(), "/", "-"))
		}
		_ = chromedp.Cancel(ctx)
		stop()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, u := range p.others {
			t.Errorf("the page asked for %s, which is not its own server", u)
		}
		for _, s := range p.trouble {
			if !slices.ContainsFunc(p.allowed, func(a string) bool { return strings.Contains(s, a) }) {
				t.Errorf("the browser complains: %s", s)
			}
		}
	})
	p.do(chromedp.EmulateViewport( // without a timeout: the tab lives as long as the context of its first Run
		l.width, l.height))
	motion := "no-preference"
	if l.calm {
		motion = "reduce"
	}
	do(p, func(ctx context.Context, tab *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: l.scheme}, {Name: "prefers-reduced-motion", Value: motion},
		}})
	})
	do(p, func(ctx context.Context, tab *chromedp.Target) (cdp.Empty, error) { // as if it were the tab that the user looks at
		return cdp.Call(ctx, tab, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	})
	p.navigate(url)
	return p
}

// hear notes what a page must not do.
func (p *page) hear(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		if u := ev.Request.URL; !strings.HasPrefix(u, p.origin+"/") && !strings.HasPrefix(u, "about:") {
			p.others = append(p.others, u)
		}
	case *runtime.EventExceptionThrown:
		p.complain("exception: " + ev.ExceptionDetails.Text + " " + describe(ev.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		var args []string
		for _, a := range ev.Args {
			args = append(args, describe(a))
		}
		p.complain(fmt.Sprintf("console.%s: %s", ev.Type, strings.Join(args, " ")))
	case *log.EventEntryAdded:
		p.complain(fmt.Sprintf("%s %s: %s %s", ev.Entry.Source, ev.Entry.Level, ev.Entry.Text, ev.Entry.URL))
	}
}

func describe(o *runtime.RemoteObject) string {
	if o == nil {
		return ""
	}
	return o.Description + string(o.Value)
}

func (p *page) complain(text string) { p.trouble = append(p.trouble, text) }

// allow lets the browser log what has one of the texts in it, now and before: a test that makes requests fail expects that.
func (p *page) allow(texts ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = append(p.allowed, texts...)
}

func do[T any](p *page, a chromedp.Action[T]) T {
	p.t.Helper()
	ctx, stop := context.WithTimeout(p.ctx, patience+10*time.Second)
	defer stop()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

func (p *page) do(a chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if _, err := chromedp.Run(p.ctx, a); err != nil {
		p.t.Fatal(err)
	}
}

func (p *page) navigate(url string) {
	p.t.Helper()
	do(p, chromedp.Navigate(url))
}

// help are functions that the tests' expressions may use.
const help = `
const $ = (s) => document.querySelector(s), $$ = (s) => [...document.querySelectorAll(s)];
const text = (s) => $(s)?.innerText ?? $(s)?.textContent ?? "";
const ready = (view) => document.body.dataset.ready === view;
const line = (name) => $$('.tree [role="treeitem"]').find((i) => i.firstChild.querySelector(".name")?.textContent === name);
const focused = () => document.activeElement;
`

// eval returns the value of a JavaScript expression.
func eval[T any](p *page, expr string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T]("(() => {"+help+"return ("+expr+")})()"))
	if err != nil {
		p.t.Fatalf("%s: %v", expr, err)
	}
	return v
}

// until waits until a JavaScript expression is true.
func (p *page) until(expr string, args ...any) {
	p.t.Helper()
	p.holds(patience, expr, args...)
}

// holds is until with a limit.
func (p *page) holds(d time.Duration, expr string, args ...any) {
	p.t.Helper()
	for i, a := range args {
		b, err := json.Marshal(a)
		if err != nil {
			p.t.Fatal(err)
		}
		args[i] = string(b)
	}
	if len(args) > 0 {
		expr = fmt.Sprintf(expr, args...)
	}
	script := fmt.Sprintf(`new Promise((done) => {`+help+`
		const end = performance.now() + %d;
		const look = () => {
			let v = false;
			try { v = !!(%s); } catch {}
			if (v || performance.now() > end) done(v);
			else setTimeout(look, 20);
		};
		look();
	})`, d.Milliseconds(), expr)
	for begun := time.Now(); ; {
		ctx, stop := context.WithTimeout(p.ctx, d+10*time.Second)
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script, chromedp.EvalAwaitPromise))
		stop()
		switch {
		case ok:
			return
		case err == nil, time.Since(begun) > d:
			p.t.Fatalf("after %v it is still not so: %s (%v)", d, expr, err)
		}
		// The page was left while it was asked: ask the next one.
	}
}

// text returns what can be read in an element.
func (p *page) text(selector string) string {
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector)))
	if err != nil {
		return err.Error()
	}
	return v
}

// wants fails the test unless all texts can be read in the element.
func (p *page) wants(selector string, texts ...string) {
	p.t.Helper()
	for _, s := range texts {
		p.until("text(%s).includes(%s)", selector, s)
	}
}

// press presses keys, one after another, as a keyboard does: what is done on a key that goes down may keep its text from being typed.
func (p *page) press(keys ...string) {
	p.t.Helper()
	p.keys(0, keys...)
}

// back moves the focus back, with Shift+Tab.
func (p *page) back() {
	p.t.Helper()
	p.keys(kb.ModifierShift, kb.Tab)
}

func (p *page) keys(modifiers kb.Modifier, keys ...string) {
	p.t.Helper()
	for _, r := range strings.Join(keys, "") {
		text := ""
		events := kb.Encode(r)
		for _, e := range events {
			if e.Type == kb.KeyChar {
				text = e.Text
			}
		}
		for _, e := range events {
			if e.Type == kb.KeyChar {
				continue
			}
			e.Modifiers |= int64(modifiers)
			if e.Type != kb.KeyUp && text != "" {
				e.Type, e.Text, e.UnmodifiedText = kb.KeyDown, text, text
			}
			do(p, func(ctx context.Context, tab *chromedp.Target) (cdp.Empty, error) {
				return cdp.Call(ctx, tab, input.DispatchKeyEvent, *e)
			})
		}
	}
}

// click clicks an element that is there.
func (p *page) click(selector string) {
	p.t.Helper()
	p.until("$(%s)", selector)
	if !eval[bool](p, fmt.Sprintf("($(%q).click(), true)", selector)) {
		p.t.Fatalf("%s cannot be clicked", selector)
	}
}

// to shows a view, and waits until it is there.
func (p *page) to(hash, view string) {
	p.t.Helper()
	eval[bool](p, fmt.Sprintf("(delete document.body.dataset.ready, location.hash = %q, true)", hash))
	p.until("ready(%s)", view)
}

// shotsDir is where the pictures go that the tests leave.
const shotsDir = "shots"

// shoot leaves a picture of what can be seen.
func (p *page) shoot(name string) {
	b, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Errorf("picture %s: %v", name, err)
		return
	}
	p.keep(filepath.Join(shotsDir, name+".png"), b)
}

func (p *page) keep(path string, b []byte) {
	p.t.Helper()
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, b) {
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Error(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		p.t.Error(err)
	}
}
