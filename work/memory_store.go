package work

import (
	"cmp"
	"slices"
	"time"
)

// record is a job inside a Memory. It is in one place at a time: in a level, in the line of its key, or in one of the heaps.
type record[T any] struct {
	job     Job[T]
	data    []byte // the payload, in strict mode
	due     time.Time
	pos     int          // in a heap
	next    *record[T]   // in a fifo
	current *Delivery[T] // who has it in hand
	keyed   bool         // holds one of the places of its key
}

// maxSpare bounds the records that are kept for the jobs to come.
const maxSpare = 1024

// newRecord returns an empty record. mu is held.
func (m *Memory[T]) newRecord() *record[T] {
	r := m.spare
	if r == nil {
		return &record[T]{}
	}
	m.spare, r.next = r.next, nil
	m.nspare--
	return r
}

// recycle keeps r, whose job is done, for another job. Deliveries that still refer to it are none of its current. mu is held.
func (m *Memory[T]) recycle(r *record[T]) {
	*r = record[T]{}
	if m.nspare < maxSpare {
		r.next, m.spare = m.spare, r
		m.nspare++
	}
}

// fifo is a list of records.
type fifo[T any] struct{ head, tail *record[T] }

func (l *fifo[T]) push(r *record[T]) {
	if l.head == nil {
		l.head = r
	} else {
		l.tail.next = r
	}
	l.tail = r
}

func (l *fifo[T]) pop() *record[T] {
	r := l.head
	if r != nil {
		l.head, r.next = r.next, nil
	}
	return r
}

// level holds what is ready and has one priority. What has waited for its turn before comes first.
type level[T any] struct{ again, fresh fifo[T] }

// keyState is kept for a key while a job of it is in hand, or about to be.
type keyState[T any] struct {
	used    int
	waiting fifo[T]
}

// push makes r ready. mu is held.
func (m *Memory[T]) push(r *record[T], again bool) {
	l := &m.ready[High-r.job.Priority]
	if again {
		l.again.push(r)
	} else {
		l.fresh.push(r)
	}
	m.nready++
}

// take returns the next job that may be run, with a place of its key, or nil. Those whose key has no place left step aside:
// each does so once for each time that it is ready, so all in all this takes constant time. mu is held.
func (m *Memory[T]) take() *record[T] {
	for i := range m.ready {
		l := &m.ready[i]
		for {
			r := l.again.pop()
			if r == nil {
				r = l.fresh.pop()
			}
			if r == nil {
				break
			}
			m.nready--
			if m.takeKey(r) {
				return r
			}
		}
	}
	return nil
}

func (m *Memory[T]) takeKey(r *record[T]) bool {
	if m.config.PerKey == 0 || r.job.Key == "" || r.keyed {
		return true
	}
	k := m.keys[r.job.Key]
	if k == nil {
		k = &keyState[T]{}
		m.keys[r.job.Key] = k
	}
	if k.used >= m.config.PerKey {
		k.waiting.push(r)
		m.blocked++
		return false
	}
	k.used++
	r.keyed = true
	return true
}

// releaseKey gives the place that r has of its key to the next that waits for it, which is then ready and keeps it:
// so jobs of one key cannot overtake each other. mu is held.
func (m *Memory[T]) releaseKey(r *record[T]) {
	if !r.keyed {
		return
	}
	r.keyed = false
	k := m.keys[r.job.Key]
	if next := k.waiting.pop(); next != nil {
		m.blocked--
		next.keyed = true
		m.push(next, true)
		return
	}
	if k.used--; k.used == 0 {
		delete(m.keys, r.job.Key)
	}
}

// takeAll takes out everything, what is in hand included, in the order of the ids. mu is held.
func (m *Memory[T]) takeAll() []*record[T] {
	var all []*record[T]
	drain := func(l *fifo[T]) {
		for r := l.pop(); r != nil; r = l.pop() {
			all = append(all, r)
		}
	}
	for i := range m.ready {
		drain(&m.ready[i].again)
		drain(&m.ready[i].fresh)
	}
	for _, k := range m.keys {
		drain(&k.waiting)
	}
	for _, r := range m.leased.records {
		r.current = nil
		all = append(all, r)
	}
	all = append(all, m.delayed.records...)
	m.nready, m.blocked = 0, 0
	m.delayed.records, m.leased.records = nil, nil
	clear(m.keys)
	m.free += len(all)
	slices.SortFunc(all, func(a, b *record[T]) int { return cmp.Compare(a.job.ID, b.job.ID) })
	return all
}

// dueHeap is a binary heap of records, the one that is due first at the top.
type dueHeap[T any] struct{ records []*record[T] }

func (h *dueHeap[T]) len() int { return len(h.records) }

func (h *dueHeap[T]) first() *record[T] {
	if len(h.records) == 0 {
		return nil
	}
	return h.records[0]
}

func (h *dueHeap[T]) push(r *record[T]) {
	r.pos = len(h.records)
	h.records = append(h.records, r)
	h.up(r.pos)
}

func (h *dueHeap[T]) remove(r *record[T]) {
	i, n := r.pos, len(h.records)-1
	last := h.records[n]
	h.records[n] = nil
	h.records = h.records[:n]
	if last != r {
		h.put(i, last)
		h.fix(last)
	}
}

// fix restores the order after a change of r.due.
func (h *dueHeap[T]) fix(r *record[T]) {
	if i := r.pos; !h.down(i) {
		h.up(i)
	}
}

func (h *dueHeap[T]) put(i int, r *record[T]) { h.records[i], r.pos = r, i }

func (h *dueHeap[T]) before(a, b *record[T]) bool {
	if c := a.due.Compare(b.due); c != 0 {
		return c < 0
	}
	return a.job.ID < b.job.ID
}

func (h *dueHeap[T]) up(i int) {
	r := h.records[i]
	for i > 0 {
		parent := (i - 1) / 2
		if !h.before(r, h.records[parent]) {
			break
		}
		h.put(i, h.records[parent])
		i = parent
	}
	h.put(i, r)
}

func (h *dueHeap[T]) down(i int) (moved bool) {
	r := h.records[i]
	for {
		child := 2*i + 1
		if child >= len(h.records) {
			break
		}
		if right := child + 1; right < len(h.records) && h.before(h.records[right], h.records[child]) {
			child = right
		}
		if !h.before(h.records[child], r) {
			break
		}
		h.put(i, h.records[child])
		i, moved = child, true
	}
	h.put(i, r)
	return moved
}
