package braid

// pend is a Get or Put that waits in a queue. The queue's lock guards it.
type pend[T any] struct {
	w          *waiter
	item       T    // what a Put brings, or what a Get was given
	served     bool // the item has changed hands
	rank       int64
	prev, next *pend[T]
}

// pending is a FIFO of them. The zero value is empty.
type pending[T any] struct {
	head, tail *pend[T]
	len        int
}

func (l *pending[T]) push(p *pend[T]) {
	p.prev = l.tail
	if l.tail == nil {
		l.head = p
	} else {
		l.tail.next = p
	}
	l.tail = p
	l.len++
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
