package braid

import "context"

// Producer is one of several writers of a queue. When the last of them is closed, the queue shuts down with [Drain]:
// no producer needs to know whether it is the last, and none can cut off another.
type Producer[T any] struct {
	q      *Queue[T]
	closed bool // guarded by q.mu
}

// Producer registers a new writer. Create all of them before the first one may be closed, or one from another that is open.
// It panics if the queue has been shut down.
func (q *Queue[T]) Producer() *Producer[T] {
	q.point("queue.Producer")
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.down {
		panic("braid: Queue.Producer after Shutdown, or after the last producer was closed: make all producers before one of them may close")
	}
	q.producers++
	return &Producer[T]{q: q}
}

// Put is [Queue.Put]; after Close it returns [ErrShutdown].
//
// # Cancellation
//
// As with Queue.Put: if ctx ends first, or is done already, Put returns its cause and v is not in the queue;
// if v was accepted in the same moment, it stays, and Put returns nil.
func (p *Producer[T]) Put(ctx context.Context, v T) error {
	p.q.mu.Lock()
	closed := p.closed
	p.q.mu.Unlock()
	if closed {
		if err := p.q.enter(ctx, "queue.Put"); err != nil {
			return err
		}
		return ErrShutdown
	}
	return p.q.Put(ctx, v)
}

// Close ends this producer. Closing it again does nothing. It never blocks.
func (p *Producer[T]) Close() {
	p.q.mu.Lock()
	last := false
	if !p.closed {
		p.closed = true
		p.q.producers--
		last = p.q.producers == 0
	}
	p.q.mu.Unlock()
	if last {
		p.q.Shutdown(Drain)
	}
}
