package sim

import (
	"time"

	"github.com/braid-go/braid/internal/sched"
)

// epoch is where the clock of each schedule starts, as in testing/synctest.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// timer is a call that is to be made at a point in virtual time.
type timer struct {
	eng   *engine
	f     func()
	when  int64 // nanoseconds since epoch
	seq   uint64
	owner *task // who made it, and its name; kept for a search with Reduce alone
	name  uint64
	index int    // in the heap; -1 if it is not there
	run   uint64 // the schedule that it belongs to
}

// Stop implements sched.Timer.
//
//go:norace
func (t *timer) Stop() bool {
	if stopped := false; raceBackend && t.eng.remote(func() { stopped = t.stop() }) {
		return stopped
	}
	return t.stop()
}

func (t *timer) stop() bool {
	e := t.eng
	e.mu.Lock()
	defer e.mu.Unlock()
	if t.run != e.runs || t.index < 0 {
		return false
	}
	e.timers.remove(t)
	if e.red != nil {
		e.red.stopped(t)
	}
	return true
}

// timers is a heap by time, and then by the order in which they were made.
type timers struct {
	heap []*timer
	seq  uint64
}

func (h *timers) reset() {
	clear(h.heap)
	*h = timers{heap: h.heap[:0]}
}

func (h *timers) less(i, j int) bool {
	a, b := h.heap[i], h.heap[j]
	return a.when < b.when || a.when == b.when && a.seq < b.seq
}

func (h *timers) swap(i, j int) {
	h.heap[i], h.heap[j] = h.heap[j], h.heap[i]
	h.heap[i].index, h.heap[j].index = i, j
}

func (h *timers) add(t *timer) {
	h.seq++
	t.seq, t.index = h.seq, len(h.heap)
	h.heap = append(h.heap, t)
	h.up(t.index)
}

func (h *timers) remove(t *timer) {
	i, n := t.index, len(h.heap)-1
	if i != n {
		h.swap(i, n)
	}
	h.heap[n] = nil
	h.heap = h.heap[:n]
	t.index = -1
	if i < n {
		h.down(i)
		h.up(i)
	}
}

func (h *timers) up(i int) {
	for i > 0 {
		p := (i - 1) / 2
		if !h.less(i, p) {
			return
		}
		h.swap(i, p)
		i = p
	}
}

func (h *timers) down(i int) {
	for {
		c := 2*i + 1
		if c >= len(h.heap) {
			return
		}
		if c+1 < len(h.heap) && h.less(c+1, c) {
			c++
		}
		if !h.less(c, i) {
			return
		}
		h.swap(i, c)
		i = c
	}
}

// due collects the timers that are due at when, in the order in which they were made. There are few as a rule.
func (h *timers) due(when int64, buf []*timer) []*timer {
	buf = buf[:0]
	for _, t := range h.heap {
		if t.when <= when {
			buf = append(buf, t)
		}
	}
	for i := 1; i < len(buf); i++ {
		for j := i; j > 0 && (buf[j].when < buf[j-1].when || buf[j].when == buf[j-1].when && buf[j].seq < buf[j-1].seq); j-- {
			buf[j], buf[j-1] = buf[j-1], buf[j]
		}
	}
	return buf
}

// Now implements sched.Scheduler.
func (e *engine) Now() time.Time {
	if e.red != nil {
		e.red.step.add(theClock, Reading)
	}
	return epoch.Add(time.Duration(e.clock()))
}

// After implements sched.Scheduler. The timer is one of the schedule that runs.
//
//go:norace
func (e *engine) After(d time.Duration, f func()) sched.Timer {
	var t *timer
	if !raceBackend || !e.remote(func() { t = e.after(d, f) }) {
		t = e.after(d, f)
	}
	raceRelease(placeOf(t))
	return t
}

func (e *engine) after(d time.Duration, f func()) *timer {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := &timer{eng: e, f: f, when: e.now.Load() + int64(max(d, 0)), run: e.runs}
	e.timers.add(t)
	if e.red != nil {
		e.red.made(t)
	}
	return t
}

// advance moves the clock to the next timer, unless one is due already, and fires those that are due.
// If there are several their order is a choice; where tasks run in parallel, so is whether the rest of them waits
// until somebody has run.
func (e *engine) advance() {
	e.mu.Lock()
	if len(e.timers.heap) == 0 {
		e.mu.Unlock()
		return
	}
	if next := e.timers.heap[0].when; next > e.now.Load() {
		e.now.Store(next)
	}
	for first := true; ; first = false {
		due := e.timers.due(e.now.Load(), e.dueBuf)
		e.dueBuf = due
		if len(due) == 0 {
			break
		}
		n := len(due)
		if !first && !e.loop {
			n++
		}
		i := e.tie(due, n)
		if i >= len(due) {
			break
		}
		t := due[i]
		e.timers.remove(t)
		e.mu.Unlock()
		e.note(nil, "a timer fires")
		e.callAfter(t.f, placeOf(t))
		e.mu.Lock()
	}
	e.mu.Unlock()
}
