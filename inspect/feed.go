package inspect

import (
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"
)

const (
	feedEvents = 4096    // kept for those who read
	feedBytes  = 4 << 20 // of their data
)

// firstEvents is how many there is room for at first. The ring grows with what happens: each collection of garbage reads all of it,
// which a program with a small heap that nobody looks at would feel. feedEvents is a multiple of it by a power of two.
const firstEvents = 64

// feed keeps the last events for all that follow them. A follower has a place in it and no buffer of its own:
// one that does not read costs nothing, and is told how much it has missed.
type feed struct {
	mu      sync.Mutex
	events  []Event // a ring; the one with id n is at n % len(events)
	begin   uint64  // before the first one
	first   uint64  // the oldest that is kept, if first <= last
	last    uint64
	bytes   int
	changed chan struct{} // closed when there is more

	tasks atomic.Int32 // followers that want to know of each task
}

// newFeed begins with an id that no earlier process has reached, so that whoever resumes from one of those is told to begin anew.
func newFeed(now time.Time) *feed {
	last := uint64(now.UnixMicro())
	return &feed{events: make([]Event, firstEvents), begin: last, first: last + 1, last: last, changed: make(chan struct{})}
}

// publish adds an event. What v points to is not kept.
func (f *feed) publish(kind string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		return // no record has anything in it that could fail
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	for f.first < f.last && (f.last-f.first >= feedEvents || f.bytes+len(data) > feedBytes) {
		old := f.at(f.first)
		f.bytes -= len(old.Data)
		*old = Event{}
		f.first++
	}
	if kept := f.last - f.first; kept == uint64(len(f.events)) {
		f.grow()
	}
	*f.at(f.last) = Event{ID: f.last, Type: kind, Data: data}
	f.bytes += len(data)
	close(f.changed)
	f.changed = make(chan struct{})
}

// at returns the place of the event with that id. mu is held.
func (f *feed) at(id uint64) *Event { return &f.events[id%uint64(len(f.events))] }

// grow makes room for twice as many events. mu is held.
func (f *feed) grow() {
	old := f.events
	f.events = make([]Event, 2*len(old))
	for _, e := range old {
		*f.at(e.ID) = e
	}
}

func (f *feed) seq() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// batch is what follows a place in the feed.
type batch struct {
	events  []Event
	next    uint64          // the place after it
	dropped uint64          // events that were missed
	reason  string          // why, if some were
	more    <-chan struct{} // closed when there is more
}

// after returns at most n events that come after the one with that id.
func (f *feed) after(id uint64, n int) batch {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := batch{next: id, more: f.changed}
	switch {
	case id > f.last:
		b.next, b.reason = f.last, "gone" // of another process
		return b
	case id+1 < f.first:
		b.next, b.dropped, b.reason = f.first-1, f.first-1-max(id, f.begin), "slow" // those of another process are not counted
	}
	for b.next < f.last && len(b.events) < n {
		b.next++
		b.events = append(b.events, *f.at(b.next))
	}
	return b
}

// lost is the data of a reset.
type lost struct {
	Dropped uint64 `json:"dropped"`
	Reason  string `json:"reason"`
}

// ended is the data of an end.
type ended struct {
	ID      uint64    `json:"id"`
	Path    string    `json:"path"`
	Outcome string    `json:"outcome"`
	Error   string    `json:"error,omitempty"`
	At      time.Time `json:"at"`
}
