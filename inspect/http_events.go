package inspect

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Events and series: what happens, as it happens and for charts.

const (
	pingEvery   = 15 * time.Second
	eventsBatch = 256 // written at a time
)

// eventTask is the type of the events about a task.
const eventTask = "task"

var (
	eventTypes   = []string{"point", "finding", "resolved", eventTask, "end"}
	defaultTypes = []string{"point", "finding", "resolved"}
)

func noFile(what string) *Problem {
	return problemf(http.StatusNotImplemented, "a file cannot tell %s; ask a process", what)
}

func (a *api) series(q *question) (answer, error) {
	if a.looker == nil {
		return answer{}, noFile("what has happened over time")
	}
	since, err := idOf(paramSince, q.q.Get(paramSince))
	if err != nil {
		return answer{}, err
	}
	a.looker.come()
	points := a.looker.history.after(since)
	s := Series{Seq: since, Points: points}
	if n := len(points); n > 0 {
		s.Seq = points[n-1].Seq
	}
	return answer{v: &s, text: table([]string{"AT", "TASKS", "ACTIVE", "BLOCKED", "QUEUED", "STARTED", "ENDED", "FAILED", "WAIT p50", "p99", "FINDINGS"}, func(row func(...string)) {
		for i := range points {
			p := &points[i]
			us := func(n int64) string { return age(time.Duration(n) * time.Microsecond) }
			row(p.At.Format("15:04:05.0"), strconv.Itoa(p.Tasks), strconv.Itoa(p.Active), strconv.Itoa(p.Blocked), strconv.Itoa(p.Queued),
				strconv.FormatInt(p.Started, 10), strconv.FormatInt(p.Succeeded+p.Failed+p.Cancelled+p.Panicked, 10), strconv.FormatInt(p.Failed+p.Panicked, 10),
				us(p.WaitUS.P50), us(p.WaitUS.P99), strconv.Itoa(p.Findings))
		}
	})}, nil
}

// EndedTasks is the answer of v1/ended.
type EndedTasks struct {
	Seq   uint64  `json:"seq"`  // to ask for what comes next with since=
	Lost  uint64  `json:"lost"` // that were noted since then, and are gone
	Items []Ended `json:"items"`
}

func (a *api) ended(q *question) (answer, error) {
	if a.looker == nil || a.looker.endings == nil {
		return answer{}, noFile("which tasks have ended")
	}
	since, err := idOf(paramSince, q.q.Get(paramSince))
	if err != nil {
		return answer{}, err
	}
	a.looker.come()
	var e EndedTasks
	e.Items, e.Lost, e.Seq = a.looker.endedAfter(since)
	if since == 0 {
		e.Lost = 0
	}
	return answer{v: &e, text: table([]string{"AT", "TOOK", "OUTCOME", "TASK", "ERROR"}, func(row func(...string)) {
		for _, it := range e.Items {
			row(it.At.Format("15:04:05.000"), age(time.Duration(it.DurationUS)*time.Microsecond), it.Outcome,
				strings.TrimPrefix(it.Group+"/"+it.Name, "/"), it.Error)
		}
	})}, nil
}

// events streams the feed. It keeps a place in it and nothing else, so that a client that reads slowly, or not at all, is no load:
// a write that does not get through ends the stream.
func (a *api) events(w http.ResponseWriter, q *question) error {
	if a.looker == nil {
		return noFile("what happens")
	}
	types := defaultTypes
	if list := q.q.Get("types"); list != "" {
		types = strings.Split(list, ",")
		for _, t := range types {
			if !slices.Contains(eventTypes, t) {
				return problemf(http.StatusBadRequest, "types=%q: there is no type %q; there are %s", list, t, strings.Join(eventTypes, ", "))
			}
		}
	}
	f := a.looker.feed
	last := cmp.Or(q.Header.Get("Last-Event-ID"), q.q.Get(paramSince)) // the header is the newer one: a browser keeps the URL
	place, err := idOf(paramSince, last)
	if err != nil {
		return err
	}
	if last == "" {
		place = f.seq()
	}
	leave, err := a.gate.stream()
	if err != nil {
		return err
	}
	defer leave()
	a.looker.follow(1)
	defer a.looker.follow(-1)
	byTask := slices.Contains(types, eventTask) || slices.Contains(types, "end")
	if byTask {
		f.tasks.Add(1)
		defer f.tasks.Add(-1)
	}
	hello, err := a.hello(q)
	if err != nil {
		return err
	}
	if q.Method == http.MethodHead {
		w.Header().Set("Content-Type", "text/event-stream")
		return nil
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // for proxies
	out := &eventWriter{w: w, c: http.NewResponseController(w)}
	out.event(Event{Type: "hello", Data: hello})
	ping := time.NewTimer(pingEvery)
	defer ping.Stop()
	for behind := false; ; behind = true { // at first it is where it wants to be
		b := f.after(place, eventsBatch)
		place = b.next
		if b.reason != "" {
			if behind {
				a.looker.dropped.Add(int64(b.dropped))
			} else {
				b.reason = "gone" // it has not been reading
			}
			data, _ := json.Marshal(lost{Dropped: b.dropped, Reason: b.reason})
			out.event(Event{ID: place - uint64(len(b.events)), Type: "reset", Data: data})
		}
		for _, e := range b.events {
			if slices.Contains(types, e.Type) || e.Type == "reset" && byTask {
				out.event(e)
			}
		}
		wrote, err := out.flush()
		if err != nil {
			return nil // it has gone, or does not read
		}
		if wrote { // events that it has not asked for are none
			ping.Reset(pingEvery)
		}
		if len(b.events) == eventsBatch {
			continue
		}
		select {
		case <-b.more:
		case <-ping.C:
			out.text(": ping\n\n")
		case <-q.Context().Done():
			return nil
		case <-a.closing:
			return nil
		}
	}
}

// hello is the first event of a stream.
func (a *api) hello(q *question) (_ []byte, err error) {
	if q.snap, err = a.worked(q.Context(), false); err != nil {
		return nil, err
	}
	ans, err := a.info(q)
	if err != nil {
		return nil, err
	}
	q.snap = nil // the stream may last for days
	return json.Marshal(ans.v)
}

type eventWriter struct {
	w io.Writer
	c *http.ResponseController
	b bytes.Buffer
}

func (o *eventWriter) event(e Event) {
	if e.ID != 0 {
		fmt.Fprintf(&o.b, "id: %d\n", e.ID)
	}
	fmt.Fprintf(&o.b, "event: %s\ndata: %s\n\n", e.Type, e.Data)
}

func (o *eventWriter) text(s string) { o.b.WriteString(s) }

// flush writes what there is, within a time limit, and says whether that was anything.
func (o *eventWriter) flush() (wrote bool, err error) {
	if o.b.Len() == 0 {
		return false, nil
	}
	_ = o.c.SetWriteDeadline(time.Now().Add(chunkTime))
	if _, err = o.w.Write(o.b.Bytes()); err == nil {
		err = o.c.Flush()
	}
	o.b.Reset()
	return true, err
}

// worked is snapshot for a stream, which has a place among the requests for as long as that takes.
func (a *api) worked(ctx context.Context, anew bool) (*Snapshot, error) {
	leave, err := a.gate.request(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return a.snapshot(ctx, anew)
}

// ndjson streams a whole snapshot.
func (a *api) ndjson(w http.ResponseWriter, q *question) error {
	leave, err := a.gate.dump(q.Context())
	if err != nil {
		return err
	}
	defer leave()
	s, err := a.worked(q.Context(), q.q.Get("fresh") == "1")
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="braid-%d.ndjson"`, s.Process.PID))
	if q.Method == http.MethodHead {
		return nil
	}
	out := &chunkWriter{ctx: q.Context(), w: w, c: http.NewResponseController(w), begun: time.Now()}
	if a.looker != nil {
		out.purse = &a.purse
	}
	_ = WriteSnapshot(out, s) // what is missing shows in the missing end record
	return nil
}

// chunkWriter gives each part of a long answer its own time, and pays for what it took to work it out.
type chunkWriter struct {
	ctx   context.Context
	w     io.Writer
	c     *http.ResponseController
	purse *purse    // nil for a file
	begun time.Time // with this part
}

func (o *chunkWriter) Write(b []byte) (int, error) {
	if o.purse != nil {
		o.purse.spend(time.Since(o.begun))
		if err := o.purse.wait(o.ctx); err != nil {
			return 0, err
		}
	}
	_ = o.c.SetWriteDeadline(time.Now().Add(chunkTime))
	n, err := o.w.Write(b)
	o.begun = time.Now()
	return n, err
}
