package inspect_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/inspect"
)

// stream is what a client has read of the events.
type stream struct {
	t    testing.TB
	next func() (inspect.Event, error, bool)
	stop func()
}

func follow(t testing.TB, c *inspect.Client, since uint64, types ...string) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(background, 30*time.Second)
	next, stop := pull(c.Events(ctx, since, types...))
	s := &stream{t: t, next: next, stop: func() {
		cancel()
		stop()
	}}
	t.Cleanup(s.stop)
	return s
}

func pull(seq func(func(inspect.Event, error) bool)) (next func() (inspect.Event, error, bool), stop func()) {
	events := make(chan inspect.Event)
	failed := make(chan error, 1)
	quit := make(chan struct{})
	var works sync.WaitGroup
	works.Go(func() {
		defer close(events)
		for e, err := range seq {
			if err != nil {
				failed <- err
				return
			}
			select {
			case events <- e:
			case <-quit:
				return
			}
		}
	})
	next = func() (inspect.Event, error, bool) {
		if e, ok := <-events; ok {
			return e, nil, true
		}
		select {
		case err := <-failed:
			return inspect.Event{}, err, true
		default:
			return inspect.Event{}, nil, false
		}
	}
	return next, sync.OnceFunc(func() {
		close(quit)
		works.Wait()
	})
}

// want returns the next event, which must be of that type.
func (s *stream) want(kind string) inspect.Event {
	s.t.Helper()
	e, err, ok := s.next()
	if err != nil || !ok || e.Type != kind {
		s.t.Fatalf("event %d %q %s, error %v; want %q", e.ID, e.Type, e.Data, err, kind)
	}
	return e
}

// A stream begins with hello, and goes on with what happens from then on; ids rise.
func TestEvents_fromNow(t *testing.T) {
	braidtest.CheckLeaks(t)
	in := start(t, inspect.Options{Interval: time.Millisecond}, inspect.Fake{})
	must(t, in.Look(background, 2))
	before := in.Seq()
	s := follow(t, dial(t, in.Socket()), 0)
	hello := s.want("hello")
	if i := decode[inspect.Info](t, string(hello.Data)); hello.ID != 0 || i.Process.Name != "shop" || i.Clients != 1 {
		t.Errorf("hello: %d %s", hello.ID, hello.Data)
	}
	last := before
	for range 3 {
		e := s.want("point")
		p := decode[inspect.Point](t, string(e.Data))
		if e.ID <= last || p.Seq != e.ID || p.Tasks != 4 || p.SpanUS <= 0 {
			t.Errorf("point: %d %s", e.ID, e.Data)
		}
		last = e.ID
	}
}

// With the last id a stream goes on where it was left. One that is too old, or of another process, says that something is missing.
func TestEvents_resume(t *testing.T) {
	in := start(t, inspect.Options{Interval: time.Hour}, inspect.Fake{})
	c := dial(t, in.Socket())
	first := in.Seq()
	for i := range 5 { // and perhaps points between them
		in.Publish("finding", i)
	}
	s := follow(t, c, first, "finding")
	s.want("hello")
	var third uint64
	for i, e := 0, s.want("finding"); ; e = s.want("finding") {
		n := decode[int](t, string(e.Data))
		if i > 0 && n != i {
			t.Fatalf("finding %d, want %d", n, i)
		}
		if i = n + 1; n == 2 {
			third = e.ID
		}
		if n == 4 {
			break
		}
	}
	s.stop()
	s = follow(t, c, third, "finding")
	s.want("hello")
	for i := 3; i < 5; i++ {
		if e := s.want("finding"); string(e.Data) != fmt.Sprint(i) || e.ID <= third {
			t.Fatalf("event %d %s, want %d after %d", e.ID, e.Data, i, third)
		}
	}
	s.stop()

	for i := range inspect.FeedEvents + 10 {
		in.Publish("finding", 100+i)
	}
	s = follow(t, c, third, "finding")
	s.want("hello")
	reset := s.want("reset")
	var gap struct {
		Dropped uint64
		Reason  string
	}
	must(t, json.Unmarshal(reset.Data, &gap))
	if gap.Reason != "gone" || reset.ID != third+gap.Dropped || gap.Dropped < 12 {
		t.Errorf("reset: %d %s after %d", reset.ID, reset.Data, third)
	}
	if e := s.want("finding"); e.ID <= reset.ID || decode[int](t, string(e.Data)) < 110 {
		t.Errorf("after it: %d %s", e.ID, e.Data)
	}
	s.stop()

	// Of a process to come, and of one long ago.
	now := in.Seq()
	for _, since := range []uint64{now + 1000, 1} {
		s := follow(t, c, since, "finding")
		s.want("hello")
		e := s.want("reset")
		must(t, json.Unmarshal(e.Data, &gap))
		if gap.Reason != "gone" || gap.Dropped > in.Seq()-first || e.ID > in.Seq() || since > now && e.ID < now {
			t.Errorf("since %d: %d %s", since, e.ID, e.Data)
		}
		s.stop()
	}
}

// Followers of tasks are told of those that are new, have changed, and have ended; the others are not, and a storm is cut off.
func TestEvents_tasks(t *testing.T) {
	var now atomic.Pointer[inspect.Snapshot]
	set := func(change func(*inspect.Snapshot)) {
		s := demoShop()
		change(s)
		now.Store(s)
	}
	set(func(*inspect.Snapshot) {})
	in := start(t, inspect.Options{Interval: time.Millisecond}, inspect.Fake{Take: func() *inspect.Snapshot {
		s := *demoShop()
		s.Tasks = slices.Clone(now.Load().Tasks)
		s.Taken = time.Now()
		return &s
	}})
	c := dial(t, in.Socket())
	others := follow(t, c, 0, "finding")
	others.want("hello")
	s := follow(t, c, 0, "task", "end")
	s.want("hello")
	must(t, in.Look(background, 3)) // the first one is what they are compared with
	set(func(s *inspect.Snapshot) {
		s.Tasks[2].Seq++ // audit waits again
		s.Tasks[3].ID = 6
	})
	e := s.want("end")
	if string(e.Data) == "" || !strings.Contains(string(e.Data), `"id":5,"path":"shop/<reader>"`) && !strings.Contains(string(e.Data), `"id":5,"path":"shop/\u003creader\u003e"`) {
		t.Errorf("end: %s", e.Data)
	}
	got := map[uint64]string{}
	for range 2 {
		it := decode[inspect.Item](t, string(s.want("task").Data))
		got[it.ID] = it.Path
	}
	if got[4] != "shop/audit" || got[6] != "shop/<reader>" {
		t.Errorf("tasks: %v", got)
	}
	set(func(s *inspect.Snapshot) {
		for i := range 3000 {
			s.Tasks = append(s.Tasks, inspect.Task{ID: uint64(100 + i), Parent: 2, Name: "many", State: inspect.StateActive})
		}
	})
	n := 0
	for {
		e, err, _ := s.next()
		must(t, err)
		if e.Type == "reset" {
			if d := decode[struct {
				Dropped int
				Reason  string
			}](t, string(e.Data)); n+d.Dropped != 3000+3 || d.Reason != "many" { // 6 is gone, 5 and 4 are as before
				t.Errorf("after %d tasks: %s", n, e.Data)
			}
			break
		}
		n++
	}
	if n > 1001 {
		t.Errorf("%d tasks after one look", n)
	}
	must(t, in.Look(background, 2))
	if i, err := c.Info(background); err != nil || i.Counters.Dropped < 2000 {
		t.Errorf("%d are counted as dropped, error %v", i.Counters.Dropped, err)
	}
	others.stop()
}

// Eight follow at a time. The ninth is told so, and gets in when one of them goes.
func TestEvents_ninthClient(t *testing.T) {
	in := start(t, inspect.Options{}, inspect.Fake{})
	c := dial(t, in.Socket())
	var all []*stream
	for range inspect.MaxClients {
		s := follow(t, c, 0)
		s.want("hello")
		all = append(all, s)
	}
	s := follow(t, c, 0)
	_, err, _ := s.next()
	var p *inspect.Problem
	if !errors.As(err, &p) || p.Status != 503 {
		t.Fatalf("the ninth: %v", err)
	}
	wantText(t, p.Detail, "8 clients")
	if _, err := c.Info(background); err != nil {
		t.Errorf("other requests: %v", err)
	}
	all[0].stop()
	for in.Followers() == inspect.MaxClients { // the server has yet to see that it has gone
		_, err := c.Info(background)
		must(t, err)
	}
	follow(t, c, 0).want("hello")
}

// pipes is a listener whose connections are made by its Dial, and which works in a bubble.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func (p *pipes) dial() net.Conn {
	a, b := net.Pipe()
	p.conns <- b
	return a
}

// inBubble runs fn with an inspector whose clients connect through pipes, without buffers.
func inBubble(t *testing.T, f inspect.Fake, fn func(t *testing.T, in *inspect.Inspector, p *pipes)) {
	t.Helper()
	inBubbleWith(t, inspect.Options{}, f, fn)
}

// inBubbleWith is inBubble with options.
func inBubbleWith(t *testing.T, o inspect.Options, f inspect.Fake, fn func(t *testing.T, in *inspect.Inspector, p *pipes)) {
	t.Helper()
	braidtest.CheckLeaks(t)
	synctest.Test(t, func(t *testing.T) {
		if f.Take == nil {
			f.Take = takeShop()
		}
		o.NoSocket, o.Rules = true, inspect.Rules{Wait: -1, Ignore: -1, Hold: -1}
		in, err := inspect.ServeFake(t.Context(), o, f)
		must(t, err)
		p := newPipes()
		in.ServeOn(p)
		fn(t, in, p)
		must(t, in.Close())
	})
}

// A client that asks for events and never reads them is let go after a while; nothing waits for it.
func TestEvents_neverReads(t *testing.T) {
	inBubble(t, inspect.Fake{}, func(t *testing.T, in *inspect.Inspector, p *pipes) {
		c := p.dial()
		defer c.Close()
		io.WriteString(c, "GET /debug/tasks/v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
		synctest.Wait()
		if in.Followers() != 1 {
			t.Fatalf("%d followers", in.Followers())
		}
		looked := time.Now()
		must(t, in.Look(t.Context(), 4))
		if took := time.Since(looked); took > 3*time.Second {
			t.Errorf("four looks took %v: they waited for the client", took)
		}
		pass(inspect.ChunkTime)
		synctest.Wait()
		if in.Followers() != 0 {
			t.Errorf("%d followers after %v", in.Followers(), inspect.ChunkTime)
		}
	})
}

// If nothing happens there is a ping now and then, so that both sides see whether the other one is there.
func TestEvents_ping(t *testing.T) {
	inBubble(t, inspect.Fake{}, func(t *testing.T, _ *inspect.Inspector, p *pipes) {
		c := p.dial()
		defer c.Close()
		io.WriteString(c, "GET /debug/tasks/v1/events?types=finding HTTP/1.1\r\nHost: x\r\n\r\n")
		in := bufio.NewReader(c)
		begun := time.Now()
		for {
			line, err := in.ReadString('\n')
			must(t, err)
			if strings.TrimSpace(line) == ": ping" {
				break
			}
		}
		if took := time.Since(begun); took < inspect.PingEvery || took > inspect.PingEvery+2*time.Second {
			t.Errorf("the ping came after %v", took)
		}
	})
}

// Close ends the streams.
func TestEvents_close(t *testing.T) {
	braidtest.CheckLeaks(t)
	in := start(t, inspect.Options{}, inspect.Fake{})
	c := dial(t, in.Socket())
	s := follow(t, c, 0)
	s.want("hello")
	must(t, in.Close())
	for {
		_, err, ok := s.next()
		if err != nil {
			break
		}
		if !ok {
			t.Fatal("the stream ends without an error")
		}
	}
}

// The last events are kept within a bound, however large they are.
func TestEvents_bytesAreBounded(t *testing.T) {
	in := start(t, inspect.Options{Interval: time.Hour}, inspect.Fake{})
	c := dial(t, in.Socket())
	first := in.Seq()
	large := strings.Repeat("x", 1<<20)
	for range 10 {
		in.Publish("finding", large)
	}
	s := follow(t, c, first, "finding")
	s.want("hello")
	var lost struct{ Dropped int }
	must(t, json.Unmarshal(s.want("reset").Data, &lost))
	if lost.Dropped < 6 || lost.Dropped > 9 {
		t.Errorf("%d of 10 events of a megabyte are gone", lost.Dropped)
	}
	s.want("finding")
}

// Points and findings of the last ten minutes are there for who comes later.
func TestSeries(t *testing.T) {
	inBubble(t, inspect.Fake{
		Take: func() *inspect.Snapshot {
			s := demoShop()
			s.Taken = time.Now()
			for i := range s.Tasks {
				if w := s.Tasks[i].Wait; w != nil {
					at := s.Taken.Add(-time.Duration(i) * time.Second)
					w.Since = &at
				}
			}
			return s
		},
		Outcomes:  counting(),
		Durations: func() []int64 { return []int64{10, 20, 30, 1000} },
	}, func(t *testing.T, in *inspect.Inspector, _ *pipes) {
		pass(15 * time.Minute)
		get(in.Handler(), "v1/series") // whoever comes first lets it look at once
		pass(time.Second + 100*time.Millisecond)
		s := decode[inspect.Series](t, get(in.Handler(), "v1/series").body)
		n := len(s.Points)
		if n < 1100 || n > 1200 {
			t.Fatalf("%d points", n)
		}
		first, last := s.Points[0], s.Points[n-1]
		if age := last.At.Sub(first.At); age > 10*time.Minute || age < 9*time.Minute {
			t.Errorf("they are of %v", age)
		}
		if s.Seq != last.Seq || last.Succeeded != 7 || last.Failed != 1 || last.Started != 8 || last.SpanUS != 500_000 {
			t.Errorf("the last one: %+v", last)
		}
		if d := last.DurationUS; d.P50 != 20 || d.P99 != 1000 || d.Max != 1000 {
			t.Errorf("durations: %+v", d)
		}
		if w := last.WaitUS; w.P50 != 2e6 || w.P90 != 3e6 || w.P99 != 3e6 || w.Max != 3e6 {
			t.Errorf("waits: %+v", w)
		}
		after := decode[inspect.Series](t, get(in.Handler(), fmt.Sprintf("v1/series?since=%d", s.Points[n-3].Seq)).body)
		if len(after.Points) != 2 || after.Points[1].Seq != last.Seq {
			t.Errorf("%d points after the third from the end", len(after.Points))
		}
		none := decode[inspect.Series](t, get(in.Handler(), fmt.Sprintf("v1/series?since=%d", last.Seq)).body)
		if len(none.Points) != 0 || none.Seq != last.Seq {
			t.Errorf("after the last one: %+v", none)
		}
	})
}

// counting returns the outcomes of a program in which seven tasks succeed and one fails between two looks.
func counting() func() inspect.Counters {
	var n atomic.Int64
	return func() inspect.Counters {
		i := n.Add(1)
		return inspect.Counters{Succeeded: 7 * i, Failed: i}
	}
}
