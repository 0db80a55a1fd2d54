package inspect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"expvar"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/inspect"
	"github.com/braid-go/braid/loop"
)

// serveLive serves what really runs in this process.
func serveLive(t testing.TB, o inspect.Options) (*inspect.Inspector, *inspect.Client) {
	t.Helper()
	o.Dir = shortDir(t)
	in, err := inspect.Serve(background, o)
	must(t, err)
	t.Cleanup(func() { in.Close() })
	return in, dial(t, in.Socket())
}

// itemOf waits until the task with that path is as it should be.
func itemOf(t testing.TB, c *inspect.Client, path string, ok func(inspect.Item) bool) inspect.Item {
	t.Helper()
	for begun := time.Now(); ; {
		page, err := c.Tasks(background, map[string][]string{"name": {path}, "fresh": {"1"}})
		must(t, err)
		for _, it := range page.Items {
			if it.Path == path && ok(it) {
				return it
			}
		}
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("no task %s as wanted, but %+v", path, page.Items)
		}
	}
}

// The inspector answers while every task of the program is stuck, and names the deadlock.
func TestLive_allStuck(t *testing.T) {
	braidtest.CheckLeaks(t)
	in, c := serveLive(t, inspect.Options{Name: "stuck", Write: true, Logger: slog.New(slog.DiscardHandler)})
	var works sync.WaitGroup
	works.Go(func() {
		braid.Run(background, func(ctx context.Context, g *braid.Group) error {
			var a, b braid.Mutex
			a.SetName("a")
			b.SetName("b")
			first, second := new(braid.Event), new(braid.Event)
			g.Go(func(ctx context.Context) error {
				if err := a.Lock(ctx); err != nil {
					return err
				}
				defer a.Unlock()
				first.Set()
				if err := second.Wait(ctx); err != nil {
					return err
				}
				return b.Lock(ctx)
			}, braid.Name("left"))
			g.Go(func(ctx context.Context) error {
				if err := b.Lock(ctx); err != nil {
					return err
				}
				defer b.Unlock()
				second.Set()
				if err := first.Wait(ctx); err != nil {
					return err
				}
				return a.Lock(ctx)
			}, braid.Name("right"))
			return nil
		}, braid.Name("stuck"))
	})
	left := itemOf(t, c, "stuck/left", func(it inspect.Item) bool { return it.Wait != nil && it.Wait.Op == "mutex.Lock" })
	itemOf(t, c, "stuck/right", func(it inspect.Item) bool { return it.Wait != nil && it.Wait.Op == "mutex.Lock" })
	must(t, in.Look(background, 3))
	found, err := c.Findings(background)
	must(t, err)
	if len(found.Items) == 0 || found.Items[0].Code != "D1" {
		t.Errorf("findings: %+v", found)
	}
	why, err := c.Why(background, left.ID)
	must(t, err)
	wantText(t, why.Text, "stuck/left", "stuck/right", "mutex b", "mutex a")
	var dump bytes.Buffer
	must(t, c.Get(background, "snapshot.ndjson", nil, false, &dump))
	s, err := inspect.ReadSnapshot(&dump)
	must(t, err)
	if len(s.Findings) == 0 {
		t.Error("the dump has no findings")
	}
	must(t, c.Cancel(background, left.ID, "it is stuck"))
	works.Wait()
}

// The inspector answers while the event loop is held by a task that does not let go.
func TestLive_loopStalled(t *testing.T) {
	braidtest.CheckLeaks(t)
	_, c := serveLive(t, inspect.Options{})
	held, release := make(chan struct{}), make(chan struct{})
	var works sync.WaitGroup
	works.Go(func() {
		err := loop.Run(background, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(context.Context) error {
				close(held)
				<-release // a raw channel: the loop's only thread is in here
				return nil
			}, braid.Name("holder"))
			g.Go(func(ctx context.Context) error { return braid.Sleep(ctx, time.Millisecond) }, braid.Name("behind"))
			return nil
		}, loop.Scope(braid.Name("held")))
		if err != nil {
			t.Error(err)
		}
	})
	<-held
	it := itemOf(t, c, "held/holder", func(it inspect.Item) bool { return it.State == inspect.StateActive })
	if it.Scheduler != "loop" {
		t.Errorf("it runs on %q", it.Scheduler)
	}
	for _, path := range []string{"info", "tasks", "tree", "graph", "findings", "stacks", "snapshot.ndjson", "resources"} {
		var b bytes.Buffer
		must(t, c.Get(background, path, nil, false, &b))
	}
	close(release)
	works.Wait()
}

// The inspector answers while a function of the user's, which compares items, holds the lock of a queue and does not return.
func TestLive_lessStuck(t *testing.T) {
	braidtest.CheckLeaks(t)
	_, c := serveLive(t, inspect.Options{})
	var stuck atomic.Bool
	comparing, release := make(chan struct{}), make(chan struct{})
	q := braid.NewPriorityQueue(2, func(a, b int) bool {
		if stuck.CompareAndSwap(true, false) {
			close(comparing)
			<-release
		}
		return a < b
	})
	q.SetName("urgent")
	var works sync.WaitGroup
	works.Go(func() {
		err := braid.Run(background, func(ctx context.Context, g *braid.Group) error {
			for i := range 3 { // of which the last one waits
				g.Go(func(ctx context.Context) error { return q.Put(ctx, i) }, braid.Name("putter"))
			}
			itemOf(t, c, "sorted/putter", func(it inspect.Item) bool { return it.Wait != nil && it.Wait.Op == "queue.Put" })
			stuck.Store(true)
			_, err := q.Get(ctx) // and now comes in
			return err
		}, braid.Name("sorted"))
		if err != nil {
			t.Error(err)
		}
	})
	<-comparing
	for _, path := range []string{"tasks", "tree", "graph", "resources", "snapshot.ndjson"} {
		var b bytes.Buffer
		must(t, c.Get(background, path, map[string][]string{"fresh": {"1"}}, false, &b))
		wantText(t, b.String(), "urgent")
	}
	close(release)
	works.Wait()
}

// With LabelIDs each task's own stack is found; without, those of all tasks of its function.
func TestLive_stacks(t *testing.T) {
	for _, ids := range []bool{true, false} {
		t.Run(fmt.Sprint(ids), func(t *testing.T) {
			in, c := serveLive(t, inspect.Options{LabelIDs: ids})
			must(t, in.Look(background, 1))
			var tasks []inspect.Item
			err := braid.Run(background, func(ctx context.Context, g *braid.Group) error {
				for i := range 3 {
					g.Go(waitsHere, braid.Name(fmt.Sprintf("w%d", i)))
				}
				for i := range 3 {
					tasks = append(tasks, itemOf(t, c, fmt.Sprintf("stacks/w%d", i), func(it inspect.Item) bool { return it.Wait != nil }))
				}
				for _, task := range tasks {
					st, err := c.Stacks(ctx, task.ID)
					must(t, err)
					n := 0
					for _, g := range st.Items {
						n += g.Count
						if len(g.Frames) == 0 || !strings.Contains(fmt.Sprint(g.Frames), "inspect_test.waitsHere") {
							t.Errorf("frames %v", g.Frames)
						}
						if ids && (g.Task != task.ID || g.Path != task.Path || g.Match != "label") || !ids && (g.Task != 0 || g.Match != "site") {
							t.Errorf("a stack of %d %q by %q, want %d", g.Task, g.Path, g.Match, task.ID)
						}
					}
					if want := map[bool]int{true: 1, false: 3}[ids]; n != want || (st.Note == "") != ids {
						t.Errorf("%d goroutines, want %d; note %q", n, want, st.Note)
					}
				}
				g.Cancel(nil)
				return nil
			}, braid.Name("stacks"))
			must(t, err)
		})
	}
}

func waitsHere(ctx context.Context) error { return new(braid.Event).Wait(ctx) }

// While somebody looks, what begins and ends is counted, also what lives for less than a look.
func TestLive_counters(t *testing.T) {
	in, c := serveLive(t, inspect.Options{Interval: time.Millisecond})
	_, err := c.Info(background)
	must(t, err)
	must(t, in.Look(background, 2))
	before := in.Seq()
	const n = 1000
	err = braid.Run(background, func(ctx context.Context, g *braid.Group) error {
		for range n {
			g.Go(func(context.Context) error { return nil })
		}
		return nil
	}, braid.Name("counted"))
	must(t, err)
	must(t, in.Look(background, 2))
	s, err := c.Series(background, before)
	must(t, err)
	var started, succeeded int64
	for _, p := range s.Points {
		started += p.Started
		succeeded += p.Succeeded
	}
	if started < n || succeeded < n || started > n+10 || succeeded > n+10 {
		t.Errorf("%d started and %d succeeded of %d", started, succeeded, n)
	}
	e, err := c.Ended(background, 0)
	must(t, err)
	if len(e.Items) == 0 || e.Seq == 0 {
		t.Errorf("ended: %+v", e)
	}
}

func TestLogHandler(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(inspect.LogHandler(slog.NewJSONHandler(&b, &slog.HandlerOptions{Level: slog.LevelInfo})))
	type line struct {
		Msg    string `json:"msg"`
		Task   string `json:"task"`
		TaskID uint64 `json:"task_id"`
		A      string `json:"a"`
		G      *line  `json:"g"`
	}
	last := func() line {
		t.Helper()
		defer b.Reset()
		return decode[line](t, b.String())
	}
	log.InfoContext(background, "outside")
	if l := last(); l.Task != "" || l.TaskID != 0 || l.Msg != "outside" {
		t.Errorf("%+v", l)
	}
	err := braid.Run(background, func(ctx context.Context, g *braid.Group) error {
		log.Info("no ctx")
		if l := last(); l.Task != "" {
			t.Errorf("%+v", l)
		}
		done := braid.Go(g, func(ctx context.Context) (uint64, error) {
			log.With("a", "b").InfoContext(ctx, "inside")
			l := last()
			if l.Task != "logs/writer" || l.A != "b" {
				t.Errorf("%+v", l)
			}
			log.WithGroup("g").InfoContext(ctx, "in a group")
			if l := last(); l.G == nil || l.G.Task != "logs/writer" {
				t.Errorf("%+v", l)
			}
			log.DebugContext(ctx, "not enabled")
			if b.Len() > 0 {
				t.Error(b.String())
			}
			if at := inspect.Take().Task(l.TaskID); at == nil || at.Name != "writer" {
				t.Errorf("the id %d is that of %+v", l.TaskID, at)
			}
			return l.TaskID, nil
		}, braid.Name("writer"))
		_, err := done.Wait(ctx)
		return err
	}, braid.Name("logs"))
	must(t, err)
}

func TestVars(t *testing.T) {
	in := start(t, inspect.Options{NoSocket: true}, inspect.Fake{Outcomes: counting()})
	must(t, in.Look(background, 1))
	var v expvar.Var = in.Vars()
	got := decode[struct {
		Tasks    int              `json:"tasks"`
		Blocked  int              `json:"blocked"`
		Counters inspect.Counters `json:"counters"`
	}](t, v.String())
	if got.Tasks != 4 || got.Blocked != 3 || got.Counters.Succeeded < 7 {
		t.Errorf("%s", v)
	}
	if !json.Valid([]byte(v.String())) {
		t.Error("no JSON")
	}
}

// A task that a Run has given up on is found, and one that Abandon waits for is not.
func TestLive_outlivedItsScope(t *testing.T) {
	braidtest.CheckLeaks(t)
	in, c := serveLive(t, inspect.Options{Rules: inspect.Rules{Outlive: time.Nanosecond}})
	var gate braid.Event
	var works sync.WaitGroup
	works.Go(func() {
		err := braid.Run(background, func(ctx context.Context, _ *braid.Group) error {
			_, err := braid.Abandon(ctx, func(ctx context.Context) (int, error) { return 0, gate.Wait(ctx) }, nil)
			return err
		}, braid.Name("patient"))
		if err != nil {
			t.Error(err)
		}
	})
	err := braid.Run(background, func(ctx context.Context, g *braid.Group) error {
		g.Go(func(context.Context) error { return gate.Wait(background) }, braid.Name("deaf"))
		g.Cancel(nil)
		return nil
	}, braid.Name("left"), braid.Grace(time.Millisecond))
	if err == nil {
		t.Error("Run has waited")
	}
	itemOf(t, c, "patient", func(it inspect.Item) bool { return it.State == inspect.StateBlocked })
	must(t, in.Look(background, 3))
	found, err := c.Findings(background)
	must(t, err)
	n := 0
	for _, f := range found.Items {
		if f.Code == "L1" {
			n++
			wantText(t, f.Text, "deaf still runs although the Run of its group has returned")
		}
	}
	if n != 1 {
		t.Errorf("%d of L1 in %+v", n, found.Items)
	}
	gate.Set()
	works.Wait()
}

// A task that fails again and again is found, and the events say how each has ended.
func TestLive_endings(t *testing.T) {
	braidtest.CheckLeaks(t)
	in, c := serveLive(t, inspect.Options{Interval: time.Millisecond})
	s := follow(t, c, 0, "task", "end")
	s.want("hello")
	must(t, in.Look(background, 2))
	for i := range 5 {
		var gate braid.Event
		var works sync.WaitGroup
		works.Go(func() {
			braid.Run(background, func(_ context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error {
					if err := gate.Wait(ctx); err != nil {
						return err
					}
					return fmt.Errorf("disk %d is full", i)
				}, braid.Name("restarts"))
				return nil
			}, braid.Name("endings"))
		})
		itemOf(t, c, "endings/restarts", func(it inspect.Item) bool { return it.Wait != nil })
		must(t, in.Look(background, 2))
		gate.Set()
		works.Wait()
		must(t, in.Look(background, 2))
		for {
			e, err, ok := s.next()
			if err != nil || !ok {
				t.Fatalf("the stream ends: %v", err)
			}
			if e.Type == "end" && strings.Contains(string(e.Data), "endings/restarts") {
				if text := string(e.Data); !strings.Contains(text, `"outcome":"failed"`) || !strings.Contains(text, fmt.Sprintf("disk %d is full", i)) {
					t.Errorf("the event is %s", text)
				}
				break
			}
		}
	}
	found, err := c.Findings(background)
	must(t, err)
	for _, f := range found.Items {
		if f.Code == "P1" && strings.Contains(f.Text, "restarts") {
			wantText(t, f.Text, "times in the last minute; the last time with: task endings/restarts: disk 4 is full")
			return
		}
	}
	t.Errorf("no P1 among %+v", found.Items)
}

// Tasks of the event loop that wait for the network say so.
func TestLive_connections(t *testing.T) {
	braidtest.CheckLeaks(t)
	_, c := serveLive(t, inspect.Options{})
	err := loop.Run(background, func(ctx context.Context, g *braid.Group) error {
		ln, err := loop.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		g.Go(func(ctx context.Context) error {
			if _, err := ln.AcceptContext(ctx); err != nil {
				return err
			}
			_, err := ln.AcceptContext(ctx) // the second one does not come
			return err
		}, braid.Name("accepts"))
		conn, err := loop.Dial(ctx, "tcp", ln.Addr().String())
		if err != nil {
			return err
		}
		g.Go(func(ctx context.Context) error { _, err := conn.ReadContext(ctx, make([]byte, 1)); return err }, braid.Name("reads"))
		_, err = braid.Offload(ctx, braid.NewLimiter("asks", 1), func(context.Context) (int, error) { // the client is no task of the loop
			for path, want := range map[string]string{"net/accepts": "event.Wait listener.Accept", "net/reads": "event.Wait conn.Read"} {
				it := itemOf(t, c, path, func(it inspect.Item) bool { return it.Wait != nil })
				if !strings.HasPrefix(it.WaitText, want) || it.State != inspect.StateBlocked {
					t.Errorf("%s is %s, %q; want %q", path, it.State, it.WaitText, want)
				}
			}
			return 0, nil
		})
		g.Cancel(nil)
		return err
	}, loop.Scope(braid.Name("net")))
	must(t, err)
}
