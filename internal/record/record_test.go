package record_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/internal/conformance"
	"github.com/braid-go/braid/internal/record"
	"github.com/braid-go/braid/internal/sched"
)

func init() { record.On = true } //nolint:gochecknoinits // before any task, as package inspect does it

// tree is what a walk shows.
type tree struct {
	tasks  map[string]record.Task // by name
	scopes []record.Scope
	ids    map[uint64]string
	twice  []string
	prefix string // only tasks with it, so that tests do not see each other
}

func (w *tree) Scope(s *record.Scope) { w.scopes = append(w.scopes, *s) }

func (w *tree) Task(t *record.Task) {
	name := t.Name
	if name == "" {
		name = record.Source.NameOf(t.Entry)
	}
	if _, ok := w.ids[t.ID]; ok {
		w.twice = append(w.twice, name)
	}
	w.ids[t.ID] = name
	if strings.HasPrefix(name, w.prefix) {
		w.tasks[name] = *t
	}
}

func walk(prefix string) *tree {
	w := &tree{tasks: make(map[string]record.Task), ids: make(map[uint64]string), prefix: prefix}
	record.Source.Walk(w)
	return w
}

func (w *tree) waits(t *testing.T, name string) *sched.Wait {
	t.Helper()
	task, ok := w.tasks[name]
	if !ok || task.Why == nil {
		t.Fatalf("%s is not there, or does not wait: %v", name, w.ids)
	}
	return task.Why
}

// park starts a task of g that waits until its ctx ends.
func park(g *braid.Group, name string) *braid.Handle {
	return g.Go(func(ctx context.Context) error { return new(braid.Event).Wait(ctx) }, braid.Name(name))
}

func TestWalkShowsWhoOwnsWhom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_ = braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				return braid.Run(ctx, func(ctx context.Context, inner *braid.Group) error {
					park(inner, "own/leaf")
					return nil
				}, braid.Name("inner"), braid.Limit(3))
			}, braid.Name("own/branch"))
			synctest.Wait()
			w := walk("own/")
			root, branch, leaf := w.tasks["own/root"], w.tasks["own/branch"], w.tasks["own/leaf"]
			if root.Parent != 0 || branch.Owner != root.ID || leaf.Owner != branch.ID || root.ID == 0 {
				t.Errorf("root %+v, branch %+v, leaf %+v", root, branch, leaf)
			}
			if op := w.waits(t, "own/branch").Op; op != "run.Join" {
				t.Errorf("the branch waits on %q", op)
			}
			found := false
			for _, s := range w.scopes {
				if s.Name == "inner" {
					found = s.ID == leaf.Parent && s.Owner == branch.ID && s.Limit == 3 && s.Running == 1 && !s.Body && branch.Target == s.ID
				}
			}
			if !found {
				t.Errorf("the scope inner is not as it should be: %+v; the branch waits for %d", w.scopes, branch.Target)
			}
			again := walk("own/")
			if len(again.twice) > 0 || again.tasks["own/leaf"].ID != leaf.ID {
				t.Errorf("a second walk shows other ids, or tasks twice: %v", again.twice)
			}
			g.Cancel(nil)
			return nil
		}, braid.Name("own/root"))
		if left := walk("own/"); len(left.tasks) > 0 {
			t.Errorf("still shown: %v", left.ids)
		}
	})
}

// Every task that lives all the time is shown once, whatever comes and goes beside it, while the ring has several bookmarks.
func TestWalkBesideChange(t *testing.T) {
	const lasting = 1000
	_ = braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
		for i := range lasting {
			park(g, fmt.Sprintf("lasting/%d", i))
			if i%2 == 0 {
				g.Go(func(ctx context.Context) error { return braid.Yield(ctx) }, braid.Name("lasting-not"))
			}
		}
		var stop atomic.Bool
		churn := func(ctx context.Context) error {
			for !stop.Load() {
				h := g.Go(func(ctx context.Context) error { return nil }, braid.Name("churn"))
				if err := h.Wait(ctx); err != nil {
					return err
				}
			}
			return nil
		}
		g.Go(churn)
		g.Go(churn)
		errs := make(chan error, 2)
		for range cap(errs) {
			go func() {
				for range 50 {
					w := walk("lasting/")
					if len(w.tasks) != lasting || len(w.twice) > 0 {
						errs <- fmt.Errorf("%d of %d tasks shown, twice: %v", len(w.tasks), lasting, w.twice)
						return
					}
				}
				errs <- nil
			}()
		}
		for range cap(errs) {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		stop.Store(true)
		g.Cancel(nil)
		return nil
	})
}

// The first children may end while a walk stands behind them; then its bookmark is the first of the ring.
func TestWalkWhileTheFirstEnd(t *testing.T) {
	_ = braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
		var list []*braid.Handle
		for i := range 600 {
			list = append(list, park(g, fmt.Sprintf("front/%d", i)))
		}
		v := &hooked{tree: tree{tasks: map[string]record.Task{}, ids: map[uint64]string{}, prefix: "front/"}}
		v.at = func(shown int) {
			if shown == 100 { // the first 256 are listed, and the bookmark stands after them
				for _, h := range list[:300] {
					h.Cancel(nil)
					_ = h.Wait(context.Background())
				}
			}
		}
		record.Source.Walk(v)
		for i := 300; i < 600; i++ {
			if _, ok := v.tasks[fmt.Sprintf("front/%d", i)]; !ok {
				t.Errorf("task %d is not shown", i)
			}
		}
		if len(v.twice) > 0 {
			t.Errorf("twice: %v", v.twice)
		}
		for _, h := range list {
			h.Cancel(nil)
		}
		return nil
	})
}

type hooked struct {
	tree

	at func(shown int)
}

func (h *hooked) Task(t *record.Task) {
	h.tree.Task(t)
	h.at(len(h.tasks))
}

// peek returns what is known of the object that the task waits on.
func peek(t *testing.T, task string) record.Resource {
	t.Helper()
	r, ok := record.Source.Peek(walk(task).waits(t, task).Object)
	if !ok {
		t.Fatalf("what %s waits on cannot be looked at", task)
	}
	return r
}

func TestLimiterAndMutexKnowTheirHolders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_ = braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
			var m braid.Mutex
			lim := braid.NewLimiter("db", 1)
			g.Go(func(ctx context.Context) error {
				_, _ = m.Lock(ctx), lim.Acquire(ctx)
				return new(braid.Event).Wait(ctx)
			}, braid.Name("hold/a"))
			synctest.Wait()
			g.Go(func(ctx context.Context) error { return m.Lock(ctx) }, braid.Name("hold/m"))
			g.Go(func(ctx context.Context) error { return lim.Acquire(ctx) }, braid.Name("hold/l"))
			synctest.Wait()
			holder := walk("hold/").tasks["hold/a"].ID
			for _, waiter := range []string{"hold/m", "hold/l"} {
				r := peek(t, waiter)
				if len(r.Holders) != 1 || r.Holders[0].Task != holder || r.Holders[0].Amount != 1 || r.Unknown || r.Waiting != 1 || r.InUse != 1 {
					t.Errorf("%s waits on %+v; the holder is %d", waiter, r, holder)
				}
			}
			g.Cancel(nil)
			return nil
		})
	})
}

// who lists the holders of r: their names, with ? if they may have given back.
func who(w *tree, r record.Resource) string {
	var list []string
	for _, h := range r.Holders {
		name := w.ids[h.Task] + fmt.Sprint(h.Amount)
		if h.Maybe {
			name += "?"
		}
		if h.Ended {
			name += "!"
		}
		list = append(list, name)
	}
	if r.Unknown {
		list = append(list, "unknown")
	}
	return strings.Join(list, " ")
}

func TestSemaphoreHolders(t *testing.T) {
	type script func(ctx context.Context, s *braid.Semaphore, g *braid.Group)
	hold := func(ctx context.Context, s *braid.Semaphore, g *braid.Group, name string, n int64) *braid.Handle {
		h := g.Go(func(ctx context.Context) error {
			_ = s.Acquire(ctx, n)
			return new(braid.Event).Wait(ctx)
		}, braid.Name(name))
		synctest.Wait()
		return h
	}
	for name, c := range map[string]struct {
		do   script
		want string
	}{
		"each holder": {func(ctx context.Context, s *braid.Semaphore, g *braid.Group) {
			hold(ctx, s, g, "a", 1)
			hold(ctx, s, g, "b", 2)
		}, "a1 b2"},
		"one that gives back": {func(ctx context.Context, s *braid.Semaphore, g *braid.Group) {
			hold(ctx, s, g, "a", 1)
			hold(ctx, s, g, "b", 1)
			g.Go(func(ctx context.Context) error {
				_ = s.Acquire(ctx, 1)
				s.Release(1)
				return new(braid.Event).Wait(ctx)
			}, braid.Name("c"))
			synctest.Wait()
			hold(ctx, s, g, "d", 1)
		}, "a1? b1? c1? d1?"}, // three hold when c gives back: it is not looked at each time
		"one of two that gives back": {func(ctx context.Context, s *braid.Semaphore, g *braid.Group) {
			hold(ctx, s, g, "a", 1)
			g.Go(func(ctx context.Context) error {
				_ = s.Acquire(ctx, 1)
				s.Release(1)
				return new(braid.Event).Wait(ctx)
			}, braid.Name("c"))
			synctest.Wait()
			hold(ctx, s, g, "d", 2)
		}, "a1 d2"},
		"one that ends after it gave back": {func(ctx context.Context, s *braid.Semaphore, g *braid.Group) {
			hold(ctx, s, g, "a", 1)
			hold(ctx, s, g, "b", 1)
			g.Go(func(ctx context.Context) error {
				_ = s.Acquire(ctx, 1)
				s.Release(1)
				return nil
			}, braid.Name("c"))
			synctest.Wait()
			hold(ctx, s, g, "d", 1)
		}, "a1 b1 d1"},
		"one that asks again": {func(ctx context.Context, s *braid.Semaphore, g *braid.Group) {
			hold(ctx, s, g, "a", 1)
			hold(ctx, s, g, "b", 1)
			g.Go(func(ctx context.Context) error {
				for range 40 {
					_ = s.Acquire(ctx, 1)
					s.Release(1)
				}
				_ = s.Acquire(ctx, 1)
				return new(braid.Event).Wait(ctx)
			}, braid.Name("c"))
			synctest.Wait()
		}, "a1 b1 c1"},
		"the holder has ended": {func(ctx context.Context, s *braid.Semaphore, g *braid.Group) {
			g.Go(func(ctx context.Context) error { return s.Acquire(ctx, 3) }, braid.Name("a"))
			synctest.Wait()
		}, "a3!"},
		"given back by another task": {func(ctx context.Context, s *braid.Semaphore, g *braid.Group) {
			hold(ctx, s, g, "a", 3)
			s.Release(1) // a is parked: it was not a
			hold(ctx, s, g, "b", 1)
		}, "unknown"},
		"all are given back by another task": { // it is a signal, and will be one again
			func(ctx context.Context, s *braid.Semaphore, g *braid.Group) {
				hold(ctx, s, g, "a", 3)
				s.Release(3)
				hold(ctx, s, g, "b", 3)
			}, "unknown"},
		"taken without a task": {func(ctx context.Context, s *braid.Semaphore, g *braid.Group) {
			hold(ctx, s, g, "a", 1)
			s.TryAcquire(2)
		}, "a1 2 unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_ = braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
					s := braid.NewSemaphore(3)
					s.SetName("permits") // so that it is noted who holds it
					c.do(ctx, s, g)
					g.Go(func(ctx context.Context) error { return s.Acquire(ctx, 3) }, braid.Name("waiter"))
					synctest.Wait()
					w := walk("")
					if got := who(w, peek(t, "waiter")); got != c.want && (c.want != "a3!" || got != "3!") {
						t.Errorf("holders are %q, want %q", got, c.want)
					}
					g.Cancel(nil)
					return nil
				}, braid.Name("body"))
			})
		})
	}
}

// Without a name, and without anybody who looks, nothing is noted; and that is said.
func TestUnnamedSemaphoreIsNotNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_ = braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
			s := braid.NewSemaphore(1)
			_ = s.Acquire(ctx, 1)
			g.Go(func(ctx context.Context) error { return s.Acquire(ctx, 1) }, braid.Name("unnoted"))
			synctest.Wait()
			if r := peek(t, "unnoted"); !r.Unknown || len(r.Holders) > 0 {
				t.Errorf("%+v", r)
			}
			g.Cancel(nil)
			return nil
		})
	})
}

func TestQueueUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_ = braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
			q := braid.NewQueue[int](1)
			q.SetName("jobs")
			g.Go(func(ctx context.Context) error {
				_, _ = q.Get(ctx)
				return new(braid.Event).Wait(ctx)
			}, braid.Name("users/get"))
			g.Go(func(ctx context.Context) error {
				for range 5 {
					if err := q.Put(ctx, 1); err != nil {
						return err
					}
				}
				return nil
			}, braid.Name("users/put"))
			synctest.Wait()
			r, ids := peek(t, "users/put"), walk("users/").ids
			var got []string
			for _, h := range r.Holders {
				got = append(got, h.Mode+" "+ids[h.Task])
			}
			if s := strings.Join(got, ", "); s != "put users/put, get users/get" || r.Unknown || r.InUse != 1 || r.Capacity != 1 || r.Attrs["putting"] != 1 {
				t.Errorf("users are %q, %+v", s, r)
			}
			q.TryPut(1)
			if r := peek(t, "users/put"); !r.Unknown || r.UnknownOf != "put" {
				t.Error("a TryPut by nobody knows whom left no mark")
			}
			g.Cancel(nil)
			return nil
		})
	})
}

func TestObjectsKeepNothingAlive(t *testing.T) {
	var object *sched.Object
	synctest.Test(t, func(t *testing.T) {
		_ = braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
			q := braid.NewQueue[[]byte](1)
			q.SetName("heavy")
			h := g.Go(func(ctx context.Context) error { _, err := q.Get(ctx); return err }, braid.Name("light"))
			synctest.Wait()
			object = walk("light").waits(t, "light").Object
			if _, ok := record.Source.Peek(object); !ok {
				t.Error("a live queue cannot be looked at")
			}
			h.Cancel(nil)
			return nil
		})
	})
	for range 3 {
		runtime.GC()
	}
	if r, ok := record.Source.Peek(object); ok {
		t.Errorf("the queue is still there: %+v", r)
	}
}

var errWhy = errors.New("why")

func TestCancelSaysWhereItCameFrom(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(ctx context.Context, g *braid.Group, outside func())
		want string
	}{
		"call":    {func(_ context.Context, g *braid.Group, _ func()) { g.Cancel(errWhy) }, "call why in TestCancelSaysWhereItCameFrom"},
		"context": {func(_ context.Context, _ *braid.Group, outside func()) { outside() }, "context context canceled"}, //nolint:dupword // kind, cause
		"failure": {func(_ context.Context, g *braid.Group, _ func()) {
			g.Go(func(context.Context) error { return errWhy }, braid.Name("bad"))
		}, "failure why by body/bad"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, outside := context.WithCancel(t.Context())
				defer outside()
				_ = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
					var gate braid.Event
					g.Go(func(ctx context.Context) error {
						return braid.Shield(ctx, 1<<40, func(ctx context.Context) error { return gate.Wait(ctx) })
					}, braid.Name("deaf"))
					synctest.Wait()
					c.do(ctx, g, outside)
					synctest.Wait()
					got := walk("deaf").tasks["deaf"].Cancel
					text := fmt.Sprint(got.Kind)
					if got.Cause != nil {
						if te, ok := errors.AsType[*braid.TaskError](got.Cause); ok {
							text += " " + te.Err.Error()
						} else {
							text += " " + got.Cause.Error()
						}
					}
					if got.By != "" {
						text += " by " + got.By
					}
					if got.PC != 0 {
						text += " in " + strings.Split(runtime.FuncForPC(got.PC-1).Name(), ".")[2]
					}
					if heard := got.At != 0; text != c.want || heard != (name != "context") { // nobody in there listens to the context
						t.Errorf("%q at %v, want %q", text, got.At, c.want)
					}
					gate.Set()
					return nil
				}, braid.Name("body"))
			})
		})
	}
}

// Tasks that wait for a slot are shown too, also while they come and go.
func TestWalkShowsQueuedTasks(t *testing.T) {
	const waiting = 1000
	err := braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
		gate := new(braid.Event)
		g.Go(func(ctx context.Context) error { return gate.Wait(ctx) }, braid.Name("queued/runs"))
		var last []*braid.Handle
		for i := range waiting {
			last = append(last, g.Go(func(context.Context) error { return nil }, braid.Name(fmt.Sprintf("queued/%d", i))))
		}
		if w := walk("queued/"); len(w.tasks) != waiting+1 || len(w.twice) > 0 || w.tasks["queued/7"].State != uint32(braid.Queued) {
			t.Errorf("%d tasks shown, twice %v", len(w.tasks), w.twice)
		}
		v := &hooked{tree: tree{tasks: map[string]record.Task{}, ids: map[uint64]string{}, prefix: "queued/"}}
		v.at = func(shown int) {
			switch shown {
			case 100: // the bookmark stands in the queue: those before it leave, and it is the first
				for _, h := range last[:300] {
					h.Cancel(nil)
				}
			case 200:
				gate.Set() // and now they run, past the bookmark
				for _, h := range last[300:] {
					if err := h.Wait(ctx); err != nil {
						t.Error(err)
					}
				}
			}
		}
		record.Source.Walk(v)
		if len(v.twice) > 0 {
			t.Errorf("twice: %v", v.twice)
		}
		return nil
	}, braid.Limit(1))
	if err != nil {
		t.Error(err)
	}
}

// A program that starts tasks faster than they can be shown does not keep the walk for ever.
func TestWalkEndsWhileTasksCome(t *testing.T) {
	const first = 600 // more than are listed at a time
	err := braid.Run(t.Context(), func(_ context.Context, g *braid.Group) error {
		for i := range first {
			park(g, fmt.Sprintf("chased/%d", i))
		}
		v := &hooked{tree: tree{tasks: map[string]record.Task{}, ids: map[uint64]string{}, prefix: "chased/"}}
		v.at = func(shown int) {
			if shown == 10*first {
				g.Cancel(nil)
				t.Error("the walk goes on and on")
			}
			if shown < 10*first {
				park(g, "later")
				park(g, "later")
			}
		}
		record.Source.Walk(v)
		if len(v.tasks) != first || len(v.twice) > 0 {
			t.Errorf("%d of %d shown, twice %v", len(v.tasks), first, v.twice)
		}
		g.Cancel(nil)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Tasks that get a slot while others are shown are shown, and once.
func TestWalkShowsWhoGetsASlotOnce(t *testing.T) {
	const limit, waiting = 300, 600
	err := braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
		gate := new(braid.Event)
		for i := range limit {
			g.Go(func(ctx context.Context) error { return gate.Wait(ctx) }, braid.Name(fmt.Sprintf("slots/first/%d", i)))
		}
		for i := range waiting {
			park(g, fmt.Sprintf("slots/%d", i))
		}
		v := &hooked{tree: tree{tasks: map[string]record.Task{}, ids: map[uint64]string{}, prefix: "slots/"}}
		v.at = func(shown int) {
			if shown == 100 {
				gate.Set()
				for g.Statistics().Queued > waiting-limit {
					if err := braid.Yield(ctx); err != nil {
						t.Error(err)
						return
					}
				}
			}
		}
		record.Source.Walk(v)
		for i := range waiting {
			if name := fmt.Sprintf("slots/%d", i); v.tasks[name].ID == 0 {
				t.Errorf("%s is not shown", name)
				break
			}
		}
		if len(v.twice) > 0 {
			t.Errorf("twice: %v", v.twice)
		}
		g.Cancel(nil)
		return nil
	}, braid.Limit(limit))
	if err != nil {
		t.Error(err)
	}
}

// What a Run has given up on is still shown, until it ends.
func TestWalkShowsWhatGraceLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gate braid.Event
		err := braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error { return gate.Wait(context.Background()) }, braid.Name("left/deaf"))
			g.Cancel(nil)
			return nil
		}, braid.Name("left-behind"), braid.Grace(1))
		if _, stuck := errors.AsType[*braid.StuckError](err); !stuck {
			t.Fatal(err)
		}
		w := walk("left/")
		deaf := w.tasks["left/deaf"]
		found := false
		for _, s := range w.scopes {
			found = found || s.ID == deaf.Parent && s.Parent == 0 && !s.Body && s.Live == 1 && s.Cancel.Cause != nil
		}
		if deaf.ID == 0 || !found {
			t.Errorf("deaf is %+v, scopes %+v", deaf, w.scopes)
		}
		gate.Set()
		synctest.Wait()
		if w := walk("left/"); len(w.tasks) > 0 {
			t.Errorf("still shown: %v", w.tasks)
		}
	})
}

// The whole suite, while somebody walks all the time and everything is noted.
func TestConformanceWhileInspected(t *testing.T) {
	record.Holders.Store(true)
	defer record.Holders.Store(false)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				w := &peeker{}
				record.Source.Walk(w)
				for _, o := range w.objects {
					record.Source.Peek(o)
				}
				runtime.Gosched()
			}
		}
	}()
	conformance.Test(t, func(t *testing.T, body func(context.Context)) {
		braidtest.CheckLeaks(t)
		body(t.Context())
	})
	close(stop)
	<-stopped
}

type peeker struct{ objects []*sched.Object }

func (*peeker) Scope(*record.Scope) {}

func (p *peeker) Task(t *record.Task) {
	if t.Why != nil && t.Why.Object != nil {
		p.objects = append(p.objects, t.Why.Object)
	}
}
