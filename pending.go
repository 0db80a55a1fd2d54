package braid

// pend is a Get or Put that waits in a queue. The queue's lock guards it.
type pend[T any] struct {
	w          *waiter
	item       T    // what a Put brings, or what a Get was given
	served     bool // the item has changed hands
	prev, next *pend[T]
}

// pending is a FIFO of them. It keeps some records to use them again.
type pending[T any] struct {
	head, tail *pend[T]
	len        int
	spare      *pend[T]
	nspare     int
}

const maxSpare = 64

func (l *pending[T]) push(w *waiter, item T) *pend[T] {
	p := l.spare
	if p == nil {
		p = &pend[T]{}
	} else {
		l.spare, p.next = p.next, nil
		l.nspare--
	}
	p.w, p.item = w, item
	p.prev = l.tail
	if l.tail == nil {
		l.head = p
	} else {
		l.tail.next = p
	}
	l.tail = p
	l.len++
	return p
}

func (l *pending[T]) remove(p *pend[T]) {
	if p.prev == nil {
		l.head = p.next
	} else {
		p.prev.next = p.next
	}
	if p.next == nil {
		l.tail = p.prev
	} else {
		p.next.prev = p.prev
	}
	p.prev, p.next = nil, nil
	l.len--
}

func (l *pending[T]) pop() *pend[T] {
	p := l.head
	l.remove(p)
	return p
}

// dismiss wakes all without having served them.
func (l *pending[T]) dismiss() {
	for l.head != nil {
		l.pop().w.grant()
	}
}

// free ends the use of p, which is in no list any more.
func (l *pending[T]) free(p *pend[T]) {
	p.w.release()
	if l.nspare == maxSpare {
		return
	}
	*p = pend[T]{next: l.spare}
	l.spare = p
	l.nspare++
}
