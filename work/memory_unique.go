package work

import "time"

// window remembers ids for a time, and not more of them than a bound. All have the same time, so the first that came is the first to go.
type window struct {
	max   int
	byID  map[string]*remembered
	first *remembered
	last  *remembered
}

type remembered struct {
	unique string
	id     uint64
	until  time.Time
	next   *remembered
}

// find returns the id of the job that was added with unique, if that is remembered.
func (w *window) find(unique string, now time.Time) (id uint64, ok bool) {
	for w.first != nil && !w.first.until.After(now) {
		w.forget()
	}
	if r := w.byID[unique]; r != nil && r.until.After(now) {
		return r.id, true
	}
	return 0, false
}

// add remembers unique, which find has not found, and returns how many had to be forgotten before their time.
func (w *window) add(unique string, id uint64, until time.Time) (forgotten uint64) {
	if w.byID == nil {
		w.byID = make(map[string]*remembered)
	}
	if len(w.byID) >= w.max {
		w.forget()
		forgotten = 1
	}
	r := &remembered{unique: unique, id: id, until: until}
	if w.first == nil {
		w.first = r
	} else {
		w.last.next = r
	}
	w.last = r
	w.byID[unique] = r
	return forgotten
}

func (w *window) forget() {
	r := w.first
	w.first = r.next
	if w.byID[r.unique] == r {
		delete(w.byID, r.unique)
	}
}
