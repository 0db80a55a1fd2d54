package braid

import (
	"cmp"
	"slices"
)

// store holds the items of a queue in the order of its kind.
// Items are pushed with a rank that grows from one to the next; with it, an item that was popped
// finds its old place again, as if it had never left.
type store[T any] interface {
	push(v T, rank int64)
	pop() (v T, rank int64) // there is one
	unpop(v T, rank int64)
	len() int
}

type ranked[T any] struct {
	item T
	rank int64
}

func compareRanks[T any](a ranked[T], rank int64) int { return cmp.Compare(a.rank, rank) }

// ring is first in, first out.
//
// The ranks in it are consecutive: while there are items, new ones come behind them and nothing passes by.
type ring[T any] struct {
	buf   []T // its length is zero or a power of two
	head  int
	n     int
	first int64       // rank of the item at head
	back  []ranked[T] // items that came back, in their order; they are ahead of all in buf
}

func (r *ring[T]) len() int { return r.n + len(r.back) }

func (r *ring[T]) push(v T, rank int64) {
	if r.n == len(r.buf) {
		r.grow()
	}
	if r.n == 0 {
		r.first = rank
	}
	r.buf[(r.head+r.n)&(len(r.buf)-1)] = v
	r.n++
}

func (r *ring[T]) unpop(v T, rank int64) {
	i, _ := slices.BinarySearchFunc(r.back, rank, compareRanks[T])
	r.back = slices.Insert(r.back, i, ranked[T]{v, rank})
}

func (r *ring[T]) pop() (T, int64) {
	if len(r.back) > 0 {
		b := r.back[0]
		r.back = slices.Delete(r.back, 0, 1)
		return b.item, b.rank
	}
	var zero T
	v, rank := r.buf[r.head], r.first
	r.buf[r.head] = zero
	r.head = (r.head + 1) & (len(r.buf) - 1)
	r.n--
	r.first++
	if r.n == 0 && len(r.buf) > maxIdleRing {
		r.buf, r.head = nil, 0
	}
	return v, rank
}

// An empty ring keeps no more room than this.
const maxIdleRing = 1024

func (r *ring[T]) grow() {
	buf := make([]T, max(8, 2*len(r.buf)))
	n := copy(buf, r.buf[r.head:])
	copy(buf[n:], r.buf[:r.head])
	r.buf, r.head = buf, 0
}

// stack is last in, first out.
type stack[T any] struct{ items []ranked[T] }

func (s *stack[T]) len() int             { return len(s.items) }
func (s *stack[T]) push(v T, rank int64) { s.items = append(s.items, ranked[T]{v, rank}) }

func (s *stack[T]) unpop(v T, rank int64) {
	i, _ := slices.BinarySearchFunc(s.items, rank, compareRanks[T])
	s.items = slices.Insert(s.items, i, ranked[T]{v, rank})
}

func (s *stack[T]) pop() (T, int64) {
	i := len(s.items) - 1
	top := s.items[i]
	s.items[i] = ranked[T]{}
	s.items = s.items[:i]
	return top.item, top.rank
}

// priority gives out the least item; among equals, in the order in which they came. It is a binary heap.
//
// less is the user's and may panic. So each operation compares first and moves afterwards: a panic leaves the items as they were.
// It also releases the queue's lock on its way out, for the other kinds of queue should not pay for a deferred call.
type priority[T any] struct {
	less  func(a, b T) bool
	mu    *lock // the queue's
	items []ranked[T]
}

func (p *priority[T]) len() int              { return len(p.items) }
func (p *priority[T]) unpop(v T, rank int64) { p.push(v, rank) }

func (p *priority[T]) push(v T, rank int64) {
	r := ranked[T]{v, rank}
	place := p.rise(&r)
	p.items = append(p.items, r)
	for i := len(p.items) - 1; i > place; i = parent(i) {
		p.items[i] = p.items[parent(i)]
	}
	p.items[place] = r
}

func (p *priority[T]) pop() (T, int64) {
	var way [64]int
	steps := p.sink(&way)
	top, place := p.items[0], 0
	for _, child := range way[:steps] {
		p.items[place] = p.items[child]
		place = child
	}
	last := len(p.items) - 1
	p.items[place] = p.items[last]
	p.items[last] = ranked[T]{}
	p.items = p.items[:last]
	return top.item, top.rank
}

func parent(i int) int { return (i - 1) / 2 }

// rise returns the place of a new item: it moves up from the end as long as it comes out before its parent.
func (p *priority[T]) rise(r *ranked[T]) (place int) {
	compared := false
	defer p.unlockUnless(&compared)
	for place = len(p.items); place > 0 && p.before(r, &p.items[parent(place)]); {
		place = parent(place)
	}
	compared = true
	return place
}

// sink returns the places from the top down that the last item passes on its way to its own, when the top one is taken out.
func (p *priority[T]) sink(way *[64]int) (steps int) {
	compared := false
	defer p.unlockUnless(&compared)
	last := len(p.items) - 1
	for child := 1; child < last; child = 2*child + 1 {
		if child+1 < last && p.before(&p.items[child+1], &p.items[child]) {
			child++
		}
		if !p.before(&p.items[child], &p.items[last]) {
			break
		}
		way[steps] = child
		steps++
	}
	compared = true
	return steps
}

func (p *priority[T]) unlockUnless(compared *bool) {
	if !*compared {
		p.mu.Unlock()
	}
}

// before reports whether a comes out before b.
func (p *priority[T]) before(a, b *ranked[T]) bool {
	return p.less(a.item, b.item) || a.rank < b.rank && !p.less(b.item, a.item)
}
