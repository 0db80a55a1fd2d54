package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
)

func monitor(t *testing.T, r Rules) *Monitor {
	t.Helper()
	m, err := NewMonitor(r)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func onlyCode(found []Finding, code string) (list []Finding) {
	for _, f := range found {
		if f.Code == code {
			list = append(list, f)
		}
	}
	return list
}

// until calls f, letting others run, until it says that it is enough.
func until(ctx context.Context, t *testing.T, f func() bool) {
	t.Helper()
	for !f() {
		if err := braid.Sleep(ctx, time.Millisecond); err != nil {
			t.Error("waited in vain:", err)
			return
		}
	}
}

// Two tasks of a program that runs take two locks in two orders, one after another; nothing is stuck, and it is found.
func TestMonitor_findsALiveLockOrder(t *testing.T) {
	braidtest.CheckLeaks(t)
	m := monitor(t, Rules{})
	at := time.Now()
	err := braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
		a, b := new(braid.Mutex), new(braid.Mutex)
		a.SetName("live a")
		b.SetName("live b")
		take := func(name string, outer, inner *braid.Mutex) *braid.Handle {
			return g.Go(func(ctx context.Context) error {
				return while(ctx, outer.Lock, outer.Unlock, func() error { return while(ctx, inner.Lock, inner.Unlock, func() error { return nil }) })
			}, braid.Name(name))
		}
		turn := func(name string, outer, inner *braid.Mutex) {
			if err := inner.Lock(ctx); err != nil {
				t.Error(err)
				return
			}
			h := take(name, outer, inner)
			until(ctx, t, func() bool { return inner.Statistics().Waiting == 1 })
			other := g.Go(func(ctx context.Context) error {
				return while(ctx, outer.Lock, outer.Unlock, func() error { return nil })
			}, braid.Name("other"))
			orders := len(m.orders.orders)
			until(ctx, t, func() bool {
				at = at.Add(time.Second)
				m.Update(Take(), at)
				return len(m.orders.orders) > orders
			})
			inner.Unlock()
			_, _ = h.Wait(ctx), other.Wait(ctx)
		}
		turn("one", a, b)
		if found := onlyCode(m.Update(Take(), at.Add(time.Second)), "D4"); len(found) > 0 {
			t.Errorf("after one order: %+v", found)
		}
		turn("two", b, a)
		found := onlyCode(m.Update(Take(), at.Add(2*time.Second)), "D4")
		if len(found) != 1 || !strings.Contains(found[0].Text, "orders/one held mutex live a and waited in mutex.Lock for mutex live b") ||
			!strings.Contains(found[0].Text, "orders/two held mutex live b and waited in mutex.Lock for mutex live a") {
			t.Errorf("found %+v", found)
		}
		runtime.KeepAlive(a) // orders of locks that are gone are forgotten
		runtime.KeepAlive(b)
		return nil
	}, braid.Name("orders"))
	if err != nil {
		t.Error(err)
	}
}

// Tasks that take one lock after another and never two at a time, and those that take two in any order behind a gate, raise no alarm.
func TestMonitor_noFalseLockOrder(t *testing.T) {
	braidtest.CheckLeaks(t)
	m := monitor(t, Rules{})
	err := braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
		var gate, c, d braid.Mutex
		locks := []*braid.Mutex{new(braid.Mutex), new(braid.Mutex)}
		gate.SetName("the gate")
		for i := range 6 {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			g.Go(again(func(ctx context.Context) error {
				return while(ctx, gate.Lock, gate.Unlock, func() error {
					i := r.IntN(2)
					return while(ctx, locks[i].Lock, locks[i].Unlock, func() error {
						return while(ctx, locks[1-i].Lock, locks[1-i].Unlock, func() error { return braid.Yield(ctx) })
					})
				})
			}))
			g.Go(again(func(ctx context.Context) error {
				return while(ctx, locks[i%2].Lock, locks[i%2].Unlock, func() error { return braid.Yield(ctx) })
			}))
			g.Go(again(func(ctx context.Context) error {
				for _, l := range []*braid.Mutex{&c, &d} {
					if err := while(ctx, l.Lock, l.Unlock, func() error { return braid.Yield(ctx) }); err != nil {
						return err
					}
				}
				return nil
			}))
		}
		until(ctx, t, func() bool { // once somebody has waited for the gate while we looked, it is known
			return slices.ContainsFunc(Take().Resources, func(r Resource) bool { return r.Name == "the gate" })
		})
		at := time.Now()
		for range 200 {
			at = at.Add(100 * time.Millisecond)
			if found := onlyCode(m.Update(Take(), at), "D4"); len(found) > 0 {
				t.Errorf("a false alarm: %+v", found)
				break
			}
		}
		g.Cancel(nil)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Goroutines that tasks start with go statements, and that stay, are counted.
func TestMonitor_findsLiveGoroutinesOfNoTask(t *testing.T) {
	m := monitor(t, Rules{})
	release := make(chan struct{})
	defer close(release)
	var found []Finding
	for n := range 7 {
		for range 1000 {
			go func() { <-release }()
		}
		found = onlyCode(m.Update(Take(), time.Now().Add(time.Duration(n)*10*time.Second)), "N1")
	}
	if len(found) != 1 {
		t.Errorf("found %+v", found)
	}
}

// leak is a stack of the runtime's profile.
func leak(count int, id string, funcs ...string) Stack {
	g := Stack{Count: count}
	if id != "" {
		g.Labels = map[string]string{labelID: id}
	}
	for _, f := range funcs {
		g.Frames = append(g.Frames, Frame{Func: f, File: "/src/shop.go", Line: 7})
	}
	return g
}

func TestRules_leaked(t *testing.T) {
	t.Parallel()
	s := &Snapshot{
		Sites: []Site{{ID: 1, Func: "example.com/shop.sell"}},
		Tasks: []Task{{ID: 3, Name: "seller", Site: 1, State: StateActive}, {ID: 4, Name: "buyer", Site: 1, State: StateActive}},
	}
	for _, c := range []struct {
		name    string
		list    []Stack
		text    string
		subject string
		tasks   int
	}{
		{"a task", []Stack{leak(1, "3", "sync.(*WaitGroup).Wait", "example.com/shop.ask", "example.com/shop.sell", "github.com/braid-go/braid.(*Group).run")},
			"1 goroutine of task seller waits for ever in shop.ask (/src/shop.go:7): nothing that the program can still reach wakes it", "shop.ask", 1},
		{"several tasks", []Stack{leak(1, "4", "example.com/shop.sell"), leak(1, "3", "example.com/shop.sell")}, "2 goroutines of 2 tasks, such as seller, wait for ever in shop.sell", "shop.sell", 2},
		{"a go statement", []Stack{leak(2, "3", "example.com/shop.sell.func1")}, "2 goroutines begun with go in task seller wait for ever in shop.sell.func1", "shop.sell.func1", 1},
		{"without a label", []Stack{leak(5, "", "example.com/shop.poll")}, "5 goroutines wait for ever in shop.poll", "shop.poll", 0},
		{"its task has ended", []Stack{leak(5, "9", "example.com/shop.poll")}, "5 goroutines wait for ever in shop.poll", "shop.poll", 0},
		{"without frames", []Stack{leak(1, "")}, "1 goroutine waits for ever in unknown", "unknown", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := monitor(t, Rules{})
			if found := m.Update(s, time.Unix(1, 0)); len(found) > 0 {
				t.Errorf("the runtime has not been asked, and there is %+v", found)
			}
			m.leaked = leakPlaces(c.list)
			found := m.Update(s, time.Unix(2, 0))
			if len(found) != 1 || found[0].Code != "L6" || found[0].Confidence != Certain || !strings.Contains(found[0].Text, c.text) ||
				found[0].Subjects[0].Name != c.subject || len(found[0].Subjects) != 1+c.tasks {
				t.Errorf("found %+v", found)
			}
			m.leaked = nil
			if found := m.Update(s, time.Unix(3, 0)); len(found) > 0 {
				t.Errorf("the runtime says so no more, and there is %+v", found)
			}
		})
	}
}

// The runtime is asked as often as Rules.Leaks says, and never without it.
func TestLooker_asksForLeaks(t *testing.T) {
	t.Parallel()
	for every, want := range map[time.Duration]int{0: 0, -1: 0, time.Hour: 1, 1: 3} {
		asked := 0
		l, err := newLooker(hooks{take: func() *Snapshot { return &Snapshot{} }, leaked: func() ([]Stack, error) {
			asked++
			return []Stack{leak(1, "", "shop.f")}, nil
		}}, Options{Rules: Rules{Leaks: every}})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			l.leaksCost = 0
			l.look(t.Context(), view{})
		}
		if asked != want || len(onlyCode(l.findings, "L6")) != min(1, want) {
			t.Errorf("every %v: asked %d times, want %d; found %+v", every, asked, want, l.findings)
		}
	}
}

// serveLeaks serves this process, and returns a client.
func serveLeaks(t *testing.T, o Options) (*Inspector, *Client) {
	t.Helper()
	dir, err := os.MkdirTemp("", "braid") //nolint:usetesting // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	o.Dir = dir
	in, err := Serve(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	c, err := Dial(t.Context(), in.Socket())
	if err != nil {
		t.Fatal(err)
	}
	return in, c
}

func TestServe_leakedWithoutAProfile(t *testing.T) {
	if leakProfile() != nil {
		t.Skip("this runtime has the profile")
	}
	_, c := serveLeaks(t, Options{})
	err := c.Get(t.Context(), "stacks", url.Values{"leaked": {"1"}}, false, new(bytes.Buffer))
	if p, ok := errors.AsType[*Problem](err); !ok || p.Status != http.StatusNotImplemented || !strings.Contains(p.Detail, "GOEXPERIMENT=goroutineleakprofile") {
		t.Error(err)
	}
}

func needLeakProfile(t *testing.T) {
	t.Helper()
	if leakProfile() == nil {
		t.Skip("this runtime does not look for leaked goroutines: run this with GOEXPERIMENT=goroutineleakprofile")
	}
}

// unreachable is what nobody but a leaked goroutine knows.
type unreachable struct{ c chan int }

// forGood waits for what nobody can send, and tells begun of it weakly.
func forGood(begun chan<- weak.Pointer[unreachable]) {
	l := &unreachable{make(chan int)}
	begun <- weak.Make(l)
	<-l.c // and not ctx.Done() as well: this is the mistake
	runtime.KeepAlive(l)
}

// free ends those that wait for good. The runtime must have seen before that they are not leaked: it ends the process when a leaked goroutine wakes.
func free(t *testing.T, all []weak.Pointer[unreachable]) {
	t.Helper()
	held := make([]*unreachable, 0, len(all))
	for _, w := range all {
		held = append(held, w.Value())
	}
	if _, err := leakedStacks(); err != nil {
		t.Error(err)
	}
	for _, l := range held {
		close(l.c)
	}
}

// What the runtime can show: a task, and a goroutine that a task has started, on a channel that nobody else knows; not one that also waits for a ctx.
func TestLeaks_found(t *testing.T) {
	needLeakProfile(t)
	in, c := serveLeaks(t, Options{LabelIDs: true, Rules: Rules{Leaks: time.Nanosecond}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begun, ready := make(chan weak.Pointer[unreachable]), make(chan struct{})
	over := make(chan error, 1)
	go func() {
		over <- braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			g.Go(func(context.Context) error { forGood(begun); return nil }, braid.Name("raw"))
			g.Go(func(ctx context.Context) error {
				go forGood(begun)
				<-ctx.Done()
				return nil
			}, braid.Name("starter"))
			g.Go(func(ctx context.Context) error {
				c := make(chan int)
				close(ready)
				select {
				case <-c:
				case <-ctx.Done():
				}
				return nil
			}, braid.Name("careful"))
			g.Go(func(ctx context.Context) error { return new(braid.Event).Wait(ctx) }, braid.Name("event"))
			return nil
		}, braid.Name("leaky"))
	}()
	all := []weak.Pointer[unreachable]{<-begun, <-begun}
	<-ready
	var paths []string
	for range 100 {
		var st Stacks
		var b bytes.Buffer
		if err := c.Get(ctx, "stacks", url.Values{"leaked": {"1"}}, false, &b); err != nil {
			t.Fatal(err)
		}
		if err := json.NewDecoder(&b).Decode(&st); err != nil {
			t.Fatal(err)
		}
		paths = nil
		for _, g := range st.Items {
			paths = append(paths, g.Path)
		}
		if slices.Contains(paths, "leaky/raw") && slices.Contains(paths, "leaky/starter") || in.Look(ctx, 1) != nil {
			break
		}
	}
	for path, want := range map[string]bool{"leaky/raw": true, "leaky/starter": true, "leaky/careful": false, "leaky/event": false} {
		if slices.Contains(paths, path) != want {
			t.Errorf("%s: leaked is %v", path, !want)
		}
	}
	var found []Finding
	for range 10 {
		if err := in.Look(ctx, 1); err != nil {
			t.Fatal(err)
		}
		if found = onlyCode(in.Findings(), "L6"); len(found) > 0 {
			break
		}
	}
	if !slices.ContainsFunc(found, func(f Finding) bool {
		return strings.HasSuffix(f.Subjects[0].Name, "inspect.forGood") && strings.Contains(f.Text, "leaky/")
	}) {
		t.Errorf("found %+v", found)
	}
	free(t, all) // and looks, after which there must be nothing left
	if list, err := leakedStacks(); err != nil || slices.ContainsFunc(list, func(g Stack) bool { return len(g.Frames) < 2 }) {
		t.Errorf("stacks of nothing: %+v, %v", list, err)
	}
	cancel() // what waits for a ctx ends although the runtime has looked at it
	<-over
}

// A task that nothing reaches but the inspector is leaked for the runtime, and can be cancelled through the inspector all the same.
func TestLeaks_cancelled(t *testing.T) {
	needLeakProfile(t)
	_, c := serveLeaks(t, Options{Write: true, LabelIDs: true})
	over := make(chan error, 1)
	go func() { //nolint:contextcheck // a ctx that nobody can end
		over <- braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error { return new(braid.Event).Wait(ctx) }, braid.Name("forgotten"))
			return nil
		}, braid.Name("abandoned"))
	}()
	var id uint64
	for range 1000 {
		st, err := leakedStacks()
		if err != nil {
			t.Fatal(err)
		}
		s := Take()
		for _, g := range joinStacks(s, st, 0).Items {
			if g.Path == "abandoned/forgotten" {
				id = g.Task
			}
		}
		if id != 0 {
			break
		}
	}
	if id == 0 {
		t.Fatal("the runtime does not take it for leaked")
	}
	if err := c.Cancel(t.Context(), id, "enough"); err != nil {
		t.Fatal(err)
	}
	if err := <-over; err != nil { // who cancels one task wants it gone; that is no failure of the group
		t.Error(err)
	}
}
