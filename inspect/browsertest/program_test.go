package browsertest_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/inspect"
	"github.com/braid-go/braid/loop"
)

// run runs body as a program, until the test ends.
func run(t *testing.T, name string, body func(ctx context.Context, g *braid.Group) error) {
	t.Helper()
	runWith(t, func(ctx context.Context) error { return braid.Run(ctx, body, braid.Name(name)) })
}

// runLoop is run on the event loop.
func runLoop(t *testing.T, name string, body func(ctx context.Context, g *braid.Group) error) {
	t.Helper()
	runWith(t, func(ctx context.Context) error { return loop.Run(ctx, body, loop.Scope(braid.Name(name))) })
}

var errOver = errors.New("the test is over")

func runWith(t *testing.T, program func(ctx context.Context) error) {
	t.Helper()
	ctx, stop := context.WithCancelCause(background)
	var works sync.WaitGroup
	works.Go(func() {
		if err := program(ctx); err != nil && !errors.Is(err, errOver) {
			t.Errorf("the program: %v", err)
		}
	})
	t.Cleanup(func() {
		stop(errOver)
		works.Wait()
	})
}

// served is an inspector of this process that pages reach through a front.
type served struct {
	in    *inspect.Inspector
	front *front
	url   string // of the console, with the token
	token string
}

// serve starts an inspector, until the test ends.
func serve(t *testing.T, o inspect.Options) *served {
	t.Helper()
	theBrowser(t) // or skip, before there is anything to clean up
	if o.Name == "" {
		o.Name = "shop"
	}
	o.Logger = slog.New(slog.DiscardHandler)
	s := &served{front: newFront(t)}
	s.restart(t, o)
	return s
}

// restart puts another inspector in the place of the one that there was, as when a program is started again.
func (s *served) restart(t *testing.T, o inspect.Options) {
	t.Helper()
	o.Dir, o.TCP = shortDir(t), "127.0.0.1:0"
	in, err := inspect.Serve(background, o)
	must(t, err)
	t.Cleanup(func() { in.Close() })
	s.in = in
	base, token, _ := strings.Cut(in.URL(), "#token=")
	s.token = token
	target, err := url.Parse(base)
	must(t, err)
	s.front.target.Store(target)
	s.url = "http://" + s.front.addr + target.Path + "#token=" + token
}

// shortDir is a directory whose path is short enough for sockets, and that is this user's alone.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "braid") //nolint:usetesting // t.TempDir has a mode and a length that are not good for sockets
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// client asks the inspector as the command does.
func (s *served) client(t *testing.T) *inspect.Client {
	t.Helper()
	c, err := inspect.Dial(background, s.in.Socket())
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// id waits for the task with the path of, and returns its id.
func (s *served) id(t *testing.T, of string) uint64 {
	t.Helper()
	c := s.client(t)
	for begun := time.Now(); time.Since(begun) < patience; {
		page, err := c.Tasks(background, url.Values{"name": {of}, "fresh": {"1"}})
		must(t, err)
		for _, it := range page.Items {
			if it.Path == of {
				return it.ID
			}
		}
	}
	t.Fatalf("there is no task %s", of)
	return 0
}

// front stands between pages and the inspector, and can be taken away: pages then find nobody at the address that they know.
type front struct {
	addr   string
	target atomic.Pointer[url.URL]
	down   atomic.Bool
	lie    atomic.Bool // tell the inspector that the page has last seen an event that it cannot know

	mu    sync.Mutex
	conns map[net.Conn]bool
	paths map[string]int // how often each was asked for
}

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{conns: map[net.Conn]bool{}, paths: map[string]int{}}
	ln, err := (&net.ListenConfig{}).Listen(background, "tcp", "127.0.0.1:0")
	must(t, err)
	f.addr = ln.Addr().String()
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1,
		ErrorLog:      slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		Rewrite: func(r *httputil.ProxyRequest) {
			to := f.target.Load()
			r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host
			r.Out.Host = r.In.Host
			name := path.Base(r.In.URL.Path)
			f.mu.Lock()
			f.paths[name]++
			f.mu.Unlock()
			if name == "events" && f.lie.Swap(false) {
				r.Out.Header.Set("Last-Event-ID", "999999999")
			}
		},
	}
	srv := &http.Server{
		Handler:           proxy,
		ErrorLog:          proxy.ErrorLog,
		ReadHeaderTimeout: patience,
		ConnState: func(c net.Conn, s http.ConnState) {
			f.mu.Lock()
			defer f.mu.Unlock()
			if s == http.StateClosed {
				delete(f.conns, c)
			} else if f.conns[c] = true; f.down.Load() {
				c.Close()
			}
		},
	}
	var works sync.WaitGroup
	works.Go(func() { srv.Serve(ln) })
	t.Cleanup(func() {
		srv.Close()
		works.Wait()
	})
	return f
}

// away cuts all connections; until back there is nobody.
func (f *front) away() {
	f.down.Store(true)
	f.cut()
}

func (f *front) back() { f.down.Store(false) }

// asked returns how often pages have asked for the path that ends with name.
func (f *front) asked(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.paths[name]
}

// cut cuts all connections that there are.
func (f *front) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		c.Close()
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// park is a task that waits until it is cancelled.
func park(ctx context.Context) error { return new(braid.Event).Wait(ctx) }

// deadlocked makes two tasks wait for each other, as soon as begin is set, and a third one that waits for one of them.
func deadlocked(g *braid.Group, begin *braid.Event) {
	var a, b braid.Mutex
	a.SetName("accounts")
	b.SetName("books")
	ready := braid.NewBarrier(2)
	take := func(first, second *braid.Mutex) func(context.Context) error {
		return func(ctx context.Context) error {
			if err := begin.Wait(ctx); err != nil {
				return err
			}
			if err := first.Lock(ctx); err != nil {
				return err
			}
			defer first.Unlock()
			if _, err := ready.Wait(ctx); err != nil {
				return err
			}
			if err := second.Lock(ctx); err != nil {
				return err
			}
			second.Unlock()
			return nil
		}
	}
	left := g.Go(take(&a, &b), braid.Name("left"))
	g.Go(take(&b, &a), braid.Name("right"))
	g.Go(func(ctx context.Context) error { return left.Wait(ctx) }, braid.Name("bystander"))
}

// many starts n tasks that wait on events; with unequal, each has a name and an event of its own.
func many(g *braid.Group, n int, unequal bool) {
	shared := new(braid.Event)
	shared.SetName("whistle")
	for i := range n {
		name, on := "worker", shared
		if unequal {
			number := letters(i)
			name, on = "worker-"+number, new(braid.Event)
			on.SetName("whistle-" + number)
		}
		g.Go(func(ctx context.Context) error { return on.Wait(ctx) }, braid.Name(name))
	}
}

// letters is a number without digits: names that differ in digits only are shown as one.
func letters(i int) string {
	var b [4]byte
	for k := range b {
		b[len(b)-1-k] = 'a' + byte(i%26)
		i /= 26
	}
	return string(b[:])
}
