package braid

import "container/heap"

// store holds the items of a queue in the order of its kind.
type store[T any] interface {
	push(v T)
	pop() T    // there is one
	unpop(v T) // v, which was popped, is the next to be popped again
	len() int
}

// ring is first in, first out.
type ring[T any] struct {
	buf  []T // its length is zero or a power of two
	head int
	n    int
}

func (r *ring[T]) len() int { return r.n }

func (r *ring[T]) push(v T) {
	r.grow()
	r.buf[(r.head+r.n)&(len(r.buf)-1)] = v
	r.n++
}

func (r *ring[T]) unpop(v T) {
	r.grow()
	r.head = (r.head - 1) & (len(r.buf) - 1)
	r.buf[r.head] = v
	r.n++
}

func (r *ring[T]) pop() T {
	var zero T
	v := r.buf[r.head]
	r.buf[r.head] = zero
	r.head = (r.head + 1) & (len(r.buf) - 1)
	r.n--
	if r.n == 0 && len(r.buf) > maxIdleRing {
		r.buf, r.head = nil, 0
	}
	return v
}

// An empty ring keeps no more room than this.
const maxIdleRing = 1024

func (r *ring[T]) grow() {
	if r.n < len(r.buf) {
		return
	}
	buf := make([]T, max(8, 2*len(r.buf)))
	n := copy(buf, r.buf[r.head:])
	copy(buf[n:], r.buf[:r.head])
	r.buf, r.head = buf, 0
}

// stack is last in, first out.
type stack[T any] struct{ items []T }

func (s *stack[T]) len() int  { return len(s.items) }
func (s *stack[T]) push(v T)  { s.items = append(s.items, v) }
func (s *stack[T]) unpop(v T) { s.push(v) }

func (s *stack[T]) pop() T {
	var zero T
	i := len(s.items) - 1
	v := s.items[i]
	s.items[i] = zero
	s.items = s.items[:i]
	return v
}

// priority gives out the least item; among equals, in the order in which they came.
type priority[T any] struct {
	less  func(a, b T) bool
	items []ranked[T]
	last  int64 // rank of the item that was pushed last
	first int64 // rank of the item that was put back last, below all others
}

type ranked[T any] struct {
	item T
	rank int64
}

func (p *priority[T]) len() int { return len(p.items) }

func (p *priority[T]) push(v T) {
	p.last++
	heap.Push((*byPriority[T])(p), ranked[T]{v, p.last})
}

func (p *priority[T]) unpop(v T) {
	p.first--
	heap.Push((*byPriority[T])(p), ranked[T]{v, p.first})
}

func (p *priority[T]) pop() T { return heap.Pop((*byPriority[T])(p)).(ranked[T]).item }

// byPriority implements heap.Interface.
type byPriority[T any] priority[T]

func (p *byPriority[T]) Len() int      { return len(p.items) }
func (p *byPriority[T]) Swap(i, j int) { p.items[i], p.items[j] = p.items[j], p.items[i] }
func (p *byPriority[T]) Push(x any)    { p.items = append(p.items, x.(ranked[T])) }

func (p *byPriority[T]) Less(i, j int) bool {
	a, b := p.items[i], p.items[j]
	if p.less(a.item, b.item) {
		return true
	}
	return !p.less(b.item, a.item) && a.rank < b.rank
}

func (p *byPriority[T]) Pop() any {
	last := len(p.items) - 1
	x := p.items[last]
	p.items[last] = ranked[T]{}
	p.items = p.items[:last]
	return x
}
